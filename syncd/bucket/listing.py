"""Listing the checksums that a bucket holds.

- Whole or not at all: whatever breaks off, repeats itself or never ends raises.
- `Delimiter="/"` leaves what lies deeper (`media_archives/`, other trees) on the server as one line each.
- Not through obstore: one foreign key with an empty part (`a//b`) in a page makes its listing fail, it cannot ask
  for a prefix that ends inside a name, and a server that repeats a page would keep it busy for ever.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

from syncd.bucket.failures import Abandoned
from syncd.bucket.session import Session
from syncd.errors import Unexpected
from syncd.model import Checksum
from syncd.workers import each

_CHECKSUM = re.compile(r"[0-9a-f]{32}")
_HEX = "0123456789abcdef"
_PAGES_IN_A_ROW = 12
"""Of 1,000 keys. Asking sixteen times takes longer for fewer (measured: 5,000 keys, 2.1 s against 1.1 s), and each time is paid for:
10,000 keys would cost twenty requests instead of ten."""
_EMPTY_PAGES = 1000
"""So many in a row without a key is no listing any more (a few are legal)."""


def list_sizes(session: Session, closed: threading.Event, workers: int) -> dict[Checksum, int]:
    """The size in bytes of every key that is the prefix and 32 lower-case hex digits.

    A small bucket is read page by page; a larger one is asked for by first digit, sixteen ways at once.

    Raises:
        Unexpected: the listing is not complete.
    """
    prefix = session.location.prefix
    found, whole = _collect(session, prefix, closed, most=_PAGES_IN_A_ROW)
    if whole:
        return found
    # What was found so far is found again: simpler than to go on from there, and not much.
    everything: dict[Checksum, int] = {}
    each(
        _HEX,
        lambda digit: _collect(session, prefix + digit, closed),
        threads=min(workers, len(_HEX)),
        name="syncd-list",
        settled=lambda _digit, part: everything.update(part[0]),
    )
    return everything


def _collect(
    session: Session, asked: str, closed: threading.Event, *, most: int | None = None
) -> tuple[dict[Checksum, int], bool]:
    """The checksums below a prefix, and whether these are all; not, when there were more than `most` pages."""
    found: dict[Checksum, int] = {}
    for number, page in enumerate(pages(session, asked, closed), 1):
        sizes = _sizes(page, session.location.prefix, asked)
        if sizes.keys() & found.keys():
            raise broken("it lists a key twice")
        found |= sizes
        if number == most and page["IsTruncated"]:
            return found, False
    return found, True


def pages(
    session: Session, prefix: str, closed: threading.Event, *, delimiter: str = "/"
) -> Iterator[dict[str, Any]]:
    """The answers that list what begins with a prefix, down to the next delimiter (`""`: however deep).

    Raises:
        Unexpected: they break off, repeat themselves or never end.
    """
    client = session.client()
    more: dict[str, Any] = {}
    tokens: set[str] = set()
    empty = 0
    while not closed.is_set():
        page: Any = session.call(
            client.list_objects_v2, Bucket=session.location.bucket, Prefix=prefix, Delimiter=delimiter, **more
        )
        if "IsTruncated" not in page:
            raise broken("it does not say whether there is more")
        yield page
        if not page["IsTruncated"]:
            return
        token = page.get("NextContinuationToken")
        if not token:
            raise broken("it says that there is more, but not how to get it")
        if token in tokens:
            raise broken("it repeats itself")
        tokens.add(token)
        empty = 0 if page.get("Contents") or page.get("CommonPrefixes") else empty + 1
        if empty > _EMPTY_PAGES:
            raise broken("it never ends")
        more = {"ContinuationToken": token}
    raise Abandoned


def _sizes(page: dict[str, Any], prefix: str, asked: str) -> dict[Checksum, int]:
    found: dict[Checksum, int] = {}
    for item in contents(page, asked):
        name = item["Key"][len(prefix) :]
        if _CHECKSUM.fullmatch(name):
            found[Checksum(name)] = item["Size"]
    return found


def contents(page: dict[str, Any], asked: str) -> Iterator[dict[str, Any]]:
    """The keys of a page, each with its size and time.

    Raises:
        Unexpected: one makes no sense, or does not begin with what was asked for.
    """
    for item in page.get("Contents", ()):
        if not item["Key"].startswith(asked):
            raise broken("it lists what was not asked for")
        if item["Size"] < 0:
            raise broken("it has a key of less than no bytes")
        yield item


def broken(what: str) -> Unexpected:
    """A listing that must not be believed."""
    return Unexpected(
        f"the listing of the bucket cannot be trusted: {what}",
        "nothing was changed; try again; if it stays so, ask the storage provider",
    )
