"""What people come up with: contents that nobody else has, and names as families have them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

MIB = 1 << 20
BIG = (9 * MIB, 20 * MIB)
"""Sizes of files that are sent in parts."""

FOLDERS = ("", "", "album/", "album/1912/", "Ünï çødé/", "scans & letters/", "drafts/")
DRAFTS = "drafts/"
"""The folder that the ignore rules leave out at times."""

NAMES = (
    "{}.jpg",
    "{}.jpg",
    "{}.jpg",
    "IMG_{} (2).JPG",
    "Grüße aus Köln {}.jpg",
    "Gru\u0308\u00dfe {}.jpg",  # decomposed, as macOS writes it
    "100% #1 & so; on {}.png",
    "'quoted' \"twice\" {}.jpg",
    "  blanks  in  it {}.jpg",
    ".hidden {}.jpg",
    "-dash {}.jpg",
    "a\u200bb 👪 {}.jpg",
    "писмо {}.pdf",
    "{} " + "long " * 45 + ".jpg",
    "one.two.three {}.tar.jpg",
    "letter {}.txt",
)


T = TypeVar("T")


def draw(rng: random.Random, weighted: Sequence[tuple[int, T]]) -> T:
    """One of these, each as often as its weight says."""
    (found,) = rng.choices([one for _, one in weighted], [weight for weight, _ in weighted])
    return found


@dataclass
class Maker:
    """Makes contents and names. No two contents are equal, but for empty ones. Any thread may ask.

    Args:
        seed: is in every content.
        big: whether some files are large.
    """

    seed: int
    big: bool = True
    _serials: Iterator[int] = field(default_factory=itertools.count)

    def content(self, rng: random.Random) -> bytes:
        """Bytes that nobody else has; now and then none at all."""
        kind = rng.random()
        if kind < 0.02:
            return b""
        text = b"\xff\xd8\xff\xe0 seed %d serial %d " % (self.seed, self.number())
        if kind < 0.04 and self.big:
            return text + rng.randbytes(rng.randrange(*BIG))
        if kind < 0.1:
            return text + rng.randbytes(rng.randrange(MIB // 2, MIB))
        return text + rng.randbytes(rng.randrange(1, 40_000))

    def path(self, rng: random.Random) -> str:
        """A name that nobody has, in one of a few folders."""
        return rng.choice(FOLDERS) + rng.choice(NAMES).format(self.number())

    def number(self) -> int:
        """A number that nobody has."""
        return next(self._serials)


@dataclass
class Drawer:
    """What people took out of the folder and may put back, newest last.

    Args:
        size: how many files it holds.
    """

    size: int = 12
    files: list[bytes] = field(default_factory=list)

    def lay(self, content: bytes) -> None:
        """Put something in; the oldest falls out."""
        self.files = [*self.files, content][-self.size :]
