"""The calls that a run of syncd makes, by name: the method, and the path with a pattern in place of what varies.

Only what Python has: this is read inside mitmproxy, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

WEB, S3 = "web", "s3"

_WORDS = {
    "token",
    "refresh",
    "sync",
    "metadata",
    "media",
    "file",
    "objects",
    "transactions",
    "history",
    "tags",
}
_LISTS = {"GET media/", "LIST"}
_HISTORY = "GET transactions/history/"


def name_of(side: str, method: str, target: str) -> str:
    """Such as `GET media/{}/file`, `POST transactions/?undo`, `LIST`, `PUT key`.

    Args:
        side: `web` or `s3`.
        method: of HTTP.
        target: path and query as they are sent.
    """
    address = urlsplit(target)
    query = parse_qs(address.query, keep_blank_values=True)
    if side == S3:
        return _of_s3(method, address.path, query)
    parts = address.path.removeprefix("/api").strip("/").split("/")
    path = "/".join(part if part in _WORDS else "{}" for part in parts)
    slash = "/" if address.path.endswith("/") else ""
    asks = next((f"?{key}" for key in ("undo", "before", "after_id") if key in query), "")
    return f"{method} {path}{slash}{asks}"


def _of_s3(method: str, path: str, query: Collection[str]) -> str:
    key = re.fullmatch(r"/[^/]+/(.+)", path)
    if method == "GET" and "list-type" in query:
        return "LIST"
    if "uploads" in query or "uploadId" in query:
        return f"{method} {'upload' if 'uploads' in query else 'part' if 'partNumber' in query else 'parts'}"
    return f"{method} {'key' if key else 'bucket'}"


def changes(call: str) -> bool:
    """Whether it may change something on the server."""
    return not call.startswith(("GET ", "HEAD ", "LIST"))


def lists(call: str) -> bool:
    """Whether its answer is a list of which a part may be missing."""
    return call in _LISTS or call.partition("?")[0] == _HISTORY
