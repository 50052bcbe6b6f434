"""The numbers by which people name things: what happened, what lies in the trash, what was deleted, what waits.

Each kind counts for itself. So each is written with a letter of its own, and a number that was copied from one list is never
taken for one of another. Without a letter it means what the command is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_WRITTEN = re.compile(r"([A-Za-z]?)([0-9]{1,19})")
"""No number is longer: SQLite counts to 2⁶³."""


class NumberKind(Enum):
    """What a number is of: its letter, what that is in words, and what is done with one (`{}`: the number)."""

    EVENT = ("H", "an event of the history", "put it back with: syncd undo {}")
    TRASHED = ("T", "a file in the trash", "bring it back with: syncd trash restore {}")
    DELETED = (
        "W",
        "a media object that was deleted in Gramps Web",
        "bring it back with: syncd trash restore {}",
    )
    WAITING = ("A", "something that waits for you", "decide with: syncd approve {}, or: syncd restore {}")

    @property
    def letter(self) -> str:
        """Stands before each number of the kind."""
        return self.value[0]

    def written(self, number: int) -> str:
        """A number as people read it: `H12`."""
        return f"{self.letter}{number}"


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A number as somebody typed it; `kind` is None where no letter stood before it."""

    kind: NumberKind | None
    number: int

    def refused(self) -> str:
        """What to say where another kind is wanted."""
        assert self.kind is not None
        written = self.kind.written(self.number)
        _letter, what, use = self.kind.value
        return f"number {written} is {what}; {use.format(written, written)}"


def parse_number(text: str) -> TypedNumber | None:
    """Read a number with or without its letter, in either case; None for what is none."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    letter, digits = match[1].upper(), int(match[2])
    kinds = {kind.letter: kind for kind in NumberKind}
    if not letter:
        return TypedNumber(None, digits)
    return TypedNumber(kinds[letter], digits) if letter in kinds else None
