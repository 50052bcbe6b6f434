"""Names that bear the beginning of their own checksum: `photo-0cc175b9.jpg`.

A Gramps Web that keeps media on its own disk finds a file by its object's path alone and never writes over one. So other
bytes want another path, which nobody ever used; made of the content's checksum it is the same on every desktop. Such a
path is nobody's wish: who reads it without its ending knows the name that a person gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from syncd.model.paths import MAX_COMPONENT_BYTES, MediaPath, cut_to_fit
from syncd.model.values import Checksum

LENGTHS = (8, 12, 16, 24, 32)
"""Hex digits of the checksum that such a name may bear: more only where fewer are taken by other bytes."""

_MARK = re.compile(r"-([0-9a-f]{8,32})")
_LONGEST_SUFFIX = 64


def _taken_apart(path: MediaPath) -> tuple[str, str]:
    """Stem and extension of a path's last component; a long "extension" is part of a sentence."""
    stem, suffix = path.stem, path.suffix
    return (path.name, "") if len(suffix.encode()) > _LONGEST_SUFFIX else (stem, suffix)


def fresh_path(path: MediaPath, checksum: Checksum, digits: int = LENGTHS[0]) -> MediaPath:
    """`stem-<beginning of the checksum>.ext` beside a path, its stem cut between characters to fit."""
    stem, suffix = _taken_apart(path)
    tail = f"-{checksum[:digits]}{suffix}"
    return path.beside(cut_to_fit(stem, MAX_COMPONENT_BYTES - len(tail.encode())) + tail)


def digits_of(path: MediaPath, checksum: Checksum | None) -> int:
    """How many digits of its own checksum a path bears at its end; 0 where it bears none."""
    stem, _suffix = _taken_apart(path)
    mark = stem.rpartition("-")[2]
    is_own = checksum is not None and len(mark) in LENGTHS and checksum.startswith(mark)
    return len(mark) if is_own and len(stem) > len(mark) + 1 else 0


def without_digits(path: MediaPath, *checksums: Checksum | None) -> MediaPath:
    """The path without the beginning of one of these checksums; as it is where it bears none of them."""
    for checksum in checksums:
        digits = digits_of(path, checksum)
        if digits:
            stem, suffix = _taken_apart(path)
            return path.beside(stem[: -digits - 1] + suffix)
    return path


def is_fresh_path(path: MediaPath, checksum: Checksum | None, of: MediaPath) -> bool:
    """Whether a path is one that `fresh_path` makes for this content of another path, or of what became of that since.

    Args:
        path: the path.
        checksum: the content of what bears it.
        of: the path that it had before, perhaps with the digits of a former content.
    """
    digits = digits_of(path, checksum)
    if checksum is None or not digits:
        return False
    return any(fresh_path(base, checksum, digits) == path for base in _bases(of))


def seems_fresh_path(path: MediaPath, of: MediaPath) -> bool:
    """Whether a path looks as if `fresh_path` had made it of another one, for a content that is not known any more."""
    dash, mark = _taken_apart(path)[0].rpartition("-")[1:]
    return bool(_MARK.fullmatch(dash + mark)) and fresh_path(of, Checksum(mark), len(mark)) == path


def _bases(path: MediaPath) -> Iterator[MediaPath]:
    """A path, and the same without an ending that may be the beginning of any checksum."""
    yield path
    stem, suffix = _taken_apart(path)
    base, dash, mark = stem.rpartition("-")
    if base and _MARK.fullmatch(dash + mark):
        yield path.beside(base + suffix)
