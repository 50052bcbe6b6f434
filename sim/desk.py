"""A desktop, what befalls its runs, and what people have done to contents."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.bucket import md5
from sim.posix import Inode
from sim.web import BASE, PASSWORD, USER
from syncd.config import Settings
from syncd.rooms import Rooms

BUCKET = "media"


class Violation(AssertionError):  # noqa: N818 - nothing is wrong with the code that raises it
    """A promise was broken."""


@dataclass
class Faults:
    """What may befall a run.

    Args:
        chance: decides.
        kill_at: the call at which the process is killed; 0: never.
        power: whether the whole machine stops then.
        rate: how often a request, or a call of the disk, fails; 0 to 1.
        meddle: how often somebody does something between two calls.
        full: the disk is full.
    """

    chance: random.Random = field(default_factory=lambda: random.Random(0))
    kill_at: int = 0
    power: bool = False
    rate: float = 0.0
    meddle: float = 0.0
    full: bool = False


@dataclass
class History:
    """What people did to each content.

    Args:
        gone: overwritten or deleted by somebody who had it before them.
        muddled: copied, put back, or handled by a syncd that forgot: such a content is in several places, or times.
        clean: whether nothing was forgotten; else what looks new may be old.
        whole: whether everything that was done was written down.
    """

    count: int = 0
    written: dict[str, None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    muddled: set[str] = field(default_factory=set)
    clean: bool = True
    whole: bool = True
    by_checksum: dict[str, str] = field(default_factory=dict)

    def write(self) -> bytes:
        """A content that nobody wrote before."""
        self.count += 1
        word = f"w{self.count}"
        content = word.encode() * (1 + self.count % 3)
        self.written[word] = None
        self.by_checksum[md5(content)] = word
        return content

    def word(self, content: bytes) -> str:
        """The word of a content; for other bytes, what they are."""
        return self.by_checksum.get(md5(content), f"?{content[:20]!r}")


@dataclass(eq=False)
class Desk:
    """A desktop: a folder, a state, a configuration."""

    name: str
    settings: Settings
    skew: float = 0.0
    rooms: Rooms | None = None
    hints: set[str] = field(default_factory=set)
    """What changed in the folder since the last look of the daemon."""
    waiting: frozenset[str] = frozenset()
    left_undone: bool = False
    """The last look of the daemon could not do all: the next one is at everything."""
    host: str = ""
    """The computer's name; empty: the desktop's."""
    usual: Settings | None = None
    """The settings, while others are in use."""
    told: frozenset[str] = frozenset()
    """Objects of which the last run said that they have a problem."""
    broken_off: bool = False
    """Whether the last run did not end well: what it did may not be written down."""
    lost: set[str] = field(default_factory=set)
    """What people overwrote or deleted while it ran."""
    left: dict[str, str] = field(default_factory=dict)
    """What files held that people moved since the last run that ended well, by the names they had."""
    away: Inode | None = None
    """The media folder's inode while it is not mounted."""
    backup: Inode | None = None
    kept_state: Path | None = None
    calls: int = 0

    @property
    def top(self) -> str:
        """The media folder, as its people know it."""
        return str((self.usual or self.settings).media_dir)


def settings_of(base: Path, name: str, options: dict[str, Any], *, own_disk: bool) -> Settings:
    """The configuration of a desktop."""
    s3 = {
        "url": f"s3://{BUCKET}",
        "region": "us-east-1",
        "access_key_id": "key",
        "secret_access_key": "secret key",
        "endpoint_url": "http://s3.sim",
        "allow_http": True,
    }
    return Settings.model_validate(
        {
            "media_dir": Path(f"/sim/{name}"),
            "state_dir": base / name,
            "new_files": "add",
            "gramps": {
                "url": BASE.removesuffix("/api"),
                "allow_http": True,
                "username": USER,
                "password": PASSWORD,
            },
            **({} if own_disk else {"s3": s3}),
            **options,
        }
    )
