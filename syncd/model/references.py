"""What a media object refers to: citations, notes and tags, of its own or of one of its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Record(StrEnum):
    """A kind of record that media objects refer to."""

    CITATION = "citation"
    NOTE = "note"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What tells an attribute of an object from its others.

    Args:
        type: Gramps' number of the type.
        word: the name of a type of the person's own, else `""`.
        value: what it says.
    """

    type: int
    word: str
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a record by its handle; `attribute` None: the object itself refers to it."""

    record: Record
    target: str
    attribute: Attribute | None = None
