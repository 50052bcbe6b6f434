"""What an undo did."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model.plan import NOTHING_BEFORE, Before


@dataclass(frozen=True, slots=True)
class Undone:
    """What was put back.

    Args:
        text: a sentence.
        path: where the file is, or was.
        checksum: what it holds.
        size: bytes, where known.
        follows: what the next run does about it, such as "fetches its file"; empty: nothing.
        before: how things were before the undo.
        note: what the history adds, where "put back" does not say it.
    """

    text: str
    path: str
    checksum: str | None = None
    size: int | None = None
    follows: str = ""
    before: Before = NOTHING_BEFORE
    note: str = ""
