"""The lies, by name, and which call each can befall. What each does to a call is in `addon`.

Only what Python has: this is read inside mitmproxy, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lab.lying.calls import S3, WEB, changes, lists

STATUSES = (400, 401, 403, 404, 409, 412, 429, 500, 502, 503, 504)
"""Answered in the server's place, with a page in HTML as proxies have it."""

Applies = Callable[[str, str], bool]
"""Given side and call: whether the lie can befall it."""


def _any(_side: str, _call: str) -> bool:
    return True


def _with_body(_side: str, call: str) -> bool:
    return not call.startswith("HEAD")


def _web(side: str, _call: str) -> bool:
    return side == WEB


def _s3_key(side: str, call: str) -> bool:
    return side == S3 and call in {"GET key", "HEAD key"}


def _json(side: str, call: str) -> bool:
    return side == WEB and call != "GET media/{}/file"


def _web_list(side: str, call: str) -> bool:
    return side == WEB and lists(call)


def _catalog(_side: str, call: str) -> bool:
    return call == "GET media/"


def _s3_list(side: str, call: str) -> bool:
    return side == S3 and lists(call)


def _change(_side: str, call: str) -> bool:
    return changes(call)


FAULTS: Mapping[str, Applies] = {
    **{f"status {status}": _any for status in STATUSES},
    "status 404 in its words": lambda side, call: _web(side, call) or _s3_key(side, call),
    "portal": _any,  # a page of HTML with 200
    "nothing": _any,  # 200 and no body
    "reset": _any,  # the connection is closed before the server was asked
    "lost": _any,  # the server did it, and nobody hears of it
    "late 504": _change,  # the server did it, and the proxy says that it did not
    "late 500": _change,
    "twice": _any,  # delivered twice; the second answer comes back
    "drip": _with_body,  # a few bytes at a time
    "cut": _with_body,  # the connection is closed in the middle of the body
    "too long": _with_body,  # Content-Length announces more than comes
    "half": _with_body,  # half of the body, and Content-Length agrees
    "other json": _json,  # JSON of another kind than expected
    "short": _web_list,  # the last item is missing
    "short and agreed": _catalog,  # … and X-Total-Count agrees
    "empty": _web_list,
    "empty and agreed": _catalog,
    "repeated": _web_list,
    "count too high": _web_list,
    "count too low": _web_list,
    "count absent": _web_list,
    "count garbage": _web_list,
    "keys short": _s3_list,
    "keys empty": _s3_list,
    "keys repeated": _s3_list,
    "keys go on": _s3_list,  # IsTruncated, without a token
    "keys go round": _s3_list,  # IsTruncated, with the same token for ever
}
"""Every lie, and the calls that it can befall."""

PASSING = {
    *(f"status {status}" for status in (401, 404, 429, 500, 503)),
    *("status 404 in its words", "reset", "lost", "late 504", "late 500", "twice", "cut", "too long", "half"),
    *("short", "short and agreed", "empty", "empty and agreed", "keys short", "keys empty"),
}
"""Lies after which a run may go on: told once, they lead elsewhere than told always."""


def befalling(side: str, call: str) -> Sequence[str]:
    """The lies that can befall a call."""
    return [fault for fault, applies in FAULTS.items() if applies(side, call)]
