"""The smallest values: checksums, problems, and what names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

Checksum = NewType("Checksum", str)
"""The MD5 of a file's bytes, 32 lower-case hex digits: what Gramps Web and the bucket know a file by."""

EMPTY_CHECKSUM = Checksum("d41d8cd98f00b204e9800998ecf8427e")
"""The MD5 of no bytes."""

DAY_SECONDS = 24 * 3600
"""A day."""


def look_for_copy(checksum: str | None) -> str:
    """What a person can do about bytes that nobody here has any more."""
    return f"look for a copy with the MD5 checksum {checksum}, in your backup or on another computer"


_MD5 = re.compile(r"[0-9a-f]{32}")


def parse_checksum(raw: str) -> Checksum | None:
    """Read a checksum as some record has it; None when it is empty or no MD5 at all."""
    if _MD5.fullmatch(raw):
        return Checksum(raw)  # the very same text, which many keep
    text = raw.strip().lower()
    return Checksum(text) if _MD5.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that could not be done: what is wrong and what to do about it.

    Args:
        reason: one plain sentence, no full stop, in words a genealogist knows.
        remedy: what the person can do; may be a command.
        path: the file's path (or the raw path in Gramps Web), when there is one.
        handle: the media object's handle, when there is one.
    """

    reason: str
    remedy: str
    path: str | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing at all may be done until a person looks."""

    reason: str
    remedy: str
