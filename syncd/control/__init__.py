"""How other processes of the same user talk to a running daemon: a Unix socket, one JSON object a line.

`contract` says what the daemon offers; `server` and `conversation` are its end, `client` is the other one. `places` says
where the socket is, `wire` carries lines, `codec` knows what is in them. `last` and `told` are what both ends keep in the
state.
"""
