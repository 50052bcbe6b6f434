"""Reading the files that are uploaded, any of which may change meanwhile."""

from __future__ import annotations

from typing import BinaryIO

from syncd.errors import MovedOn
from syncd.model import Checksum


def changed(checksum: Checksum) -> MovedOn:
    """The bytes read are not those that were announced."""
    return MovedOn(
        f"the file changed while it was uploaded ({checksum})", "it waits; syncd tries again in the next run"
    )


def expect(checksum: Checksum, *, holds: bool) -> None:
    """Raise `changed` unless it holds."""
    if not holds:
        raise changed(checksum)


def read_up_to(source: BinaryIO, size: int) -> bytes:
    """Read until so many bytes are there or the file ends (an unbuffered file may give less at a time)."""
    first = source.read(size)
    if len(first) == size or not first:
        return first
    pieces = [first]
    left = size - len(first)
    while left and (piece := source.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
