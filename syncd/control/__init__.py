"""How other processes of the same user talk to a running daemon: a Unix socket, one JSON object a line.

`contract` says what the daemon offers, `server` and `client` are the two ends.
"""
