"""What a running daemon offers to those who talk to it, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from syncd.model.plan import Outcome
from syncd.ports import Progress


class Doing(StrEnum):
    """What the daemon is about."""

    STARTING = "starting"
    IDLE = "idle"
    """Everything is in step, as far as anybody knows; it waits for news."""
    WORKING = "working"
    PAUSED = "paused"
    STOPPED = "stopped"
    """A person is needed first: nothing is done until the cause is gone."""
    AWAY = "waiting for the server"
    """Gramps Web or the bucket cannot be reached; it tries again by itself."""
    ASIDE = "standing aside"
    """Another command of the same user is at work on the state."""


@dataclass(frozen=True, slots=True)
class Live:
    """A running daemon at one moment. Times are Unix seconds, sizes bytes.

    Args:
        doing: what it is about, since `since`.
        pid, version, started: of the process.
        reason, remedy: of a stop, or of the failure after which it tries again; else empty.
        phase, files, all_files, size, all_size: how far the work is; totals None while unknown.
        pending: paths that wait until they have settled, or to be looked at.
        next_check: when Gramps Web is asked next; None while nothing is planned.
        next_full: when everything is compared next.
        paused_until: when a pause ends; None: there is none, or it lasts until `syncd resume`.
        watching: how changes in the folder are noticed, in words for people.
        folders: how many folders are watched.
        unwatched: how many are not, although they should.
    """

    doing: Doing
    since: float
    pid: int
    version: str
    started: float
    reason: str = ""
    remedy: str = ""
    phase: str = ""
    files: int = 0
    all_files: int | None = None
    size: int = 0
    all_size: int | None = None
    pending: int = 0
    next_check: float | None = None
    next_full: float | None = None
    paused_until: float | None = None
    watching: str = ""
    folders: int = 0
    unwatched: int = 0


class Engine(Protocol):
    """The daemon as its socket sees it. Every call comes from a thread of the socket's and may wait for the work."""

    def sync(self, *, full: bool, progress: Progress) -> Outcome:
        """Do what `syncd --once` does, after what is under way, and also while paused.

        Raises:
            SyncdError: as `run_once` does; a stop is part of the outcome.
        """

    def live(self) -> Live:
        """How things are; never waits."""

    def pause(self, seconds: float | None) -> Live:
        """Do nothing by itself any more, for so long or until `resume`; what is under way is broken off cleanly."""

    def resume(self) -> Live:
        """Go on, and look at everything that may have changed."""

    def aside(self) -> AbstractContextManager[None]:
        """Break off what is under way and let go of state and folder until the block ends.

        Raises (on entering):
            LockedError: it did not come to an end in time.
        """

    def news(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """Note what of an outcome a person is being told; returns what of it is new (`told.remember_told` on the state)."""

    def news_failure(self, fingerprint: str) -> bool:
        """Note the failure that a person is being told; True when it is new (`told.remember_failure` on the state)."""
