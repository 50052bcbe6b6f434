"""A network that lies: what proxies, portals and broken servers make of the calls that a run of syncd makes.

`calls` names the calls, `faults` the lies and which call each can befall; `addon` tells them, inside mitmproxy; `proxy`
runs mitmproxy between syncd and the servers; `families` are worlds that live through one lie after the other, `cases`
which lies befall which call, and `verdict` what must hold after each.
"""
