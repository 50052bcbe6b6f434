"""What the daemon does for those who talk to it over its socket; each call is made in a thread of the socket's."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import replace
from math import isinf
from typing import TYPE_CHECKING

from syncd.control.contract import Doing, Live
from syncd.control.told import remember_failure, remember_told
from syncd.logger import Logger
from syncd.model.plan import Outcome
from syncd.ports import Progress
from syncd.service.agenda import Due, Job

if TYPE_CHECKING:
    from syncd.service.daemon import Daemon

log = Logger(__name__)


class SocketEngine:
    """Implements `control.contract.Engine`."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def sync(self, *, full: bool, progress: Progress) -> Outcome:
        """Do what `syncd --once` does, after what is under way, and also while paused."""
        job = Job(full, progress)
        self._daemon.agenda.post(Due(jobs=(job,)))
        job.over.wait()
        if job.error is not None:
            raise job.error
        assert job.outcome is not None
        return job.outcome

    def live(self) -> Live:
        """How things are; never waits."""
        daemon = self._daemon
        until, health = daemon.pause.until if daemon.pause.is_on else None, daemon.watcher.health
        return replace(
            daemon.standing.live(),
            pending=daemon.watcher.pending + len(daemon.turns.later),
            next_check=daemon.schedule.next_check(),
            next_full=daemon.schedule.next_full(),
            paused_until=None if until is None or isinf(until) else until,
            watching=health.words if not health.remedy else f"{health.words}; {health.remedy}",
            folders=health.folders,
            unwatched=health.unwatched,
        )

    def pause(self, seconds: float | None) -> Live:
        """Do nothing by itself any more, for so long or until `resume`; what is under way is broken off cleanly."""
        daemon = self._daemon
        daemon.pause.begin(seconds, daemon.turns.rooms.state)
        daemon.interruption.ask(daemon.pause)
        daemon.agenda.poke()
        daemon.standing.now(Doing.PAUSED)
        log.info("paused", seconds=seconds, remedy="go on with: syncd resume")
        return self.live()

    def resume(self) -> Live:
        """Go on, and look at everything that may have changed."""
        daemon = self._daemon
        daemon.pause.end(daemon.turns.rooms.state)
        daemon.interruption.clear(daemon.pause)
        daemon.standing.now(Doing.WORKING)
        daemon.agenda.post(Due(whole="somebody resumed it", at_once=True))
        return self.live()

    def aside(self) -> AbstractContextManager[None]:
        """Break off what is under way and let go of state and folder until the block ends."""
        return self._daemon.aside.asked()

    def news(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """Note what of an outcome a person is being told; returns what of it is new."""
        return remember_told(self._daemon.turns.rooms.state, fingerprints, held)

    def news_failure(self, fingerprint: str) -> bool:
        """Note the failure that a person is being told; True when it is new."""
        return remember_failure(self._daemon.turns.rooms.state, fingerprint)
