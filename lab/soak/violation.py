"""What an audit may find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Promises that were not kept."""

    LOST = "a content that somebody wrote and nobody deleted is not in sight"
    GONE = "a content exists nowhere any more, not even in a trash"
    CAME_BACK = "a content that somebody deleted or overwrote is in sight again"
    DOUBLED = "a content is there more often than people put it"
    PARTIAL = "bytes that nobody made, or not yet, have a name"
    DIFFERS = "the two sides do not agree"
    NAMED = "a file has a name that nobody gave it"
    KEY = "a key's bytes are not those of its name"
    MISSING = "an object names bytes that the store does not have"
    UNKEPT = "a key of the bucket is gone"
    REFERENCE = "a reference was stripped that nobody approved"
    FIELD = "syncd changed what is not its business"
    LEFTOVER = "something unfinished lies about"
    ENDED = "the daemon ended by itself, or has a defect"
    GROWS = "the daemon takes more and more"
    RESTLESS = "it does not come to rest"
    ANSWER = "a command ended with a code that it must not end with"


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept: which, of whom, what was seen, and of which contents the last deeds tell more."""

    kind: Kind
    what: str
    seen: str = ""
    checksums: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind.name}: {self.kind}: {self.what}" + (f" ({self.seen})" if self.seen else "")
