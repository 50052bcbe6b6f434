"""When Gramps Web is asked next: planned by the schedule, and by a clock that nobody sets, should that fail."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from syncd.service.clock import steady
from syncd.service.pace import Pace
from syncd.service.schedule import Schedule

LATE_SECONDS = 5.0
"""A check that is so late was planned by a clock that was set since."""


@dataclass
class Checks:
    """The next check."""

    schedule: Schedule
    pace: Pace
    _by: float = inf

    def plan(self, *, sooner: bool = False) -> None:
        """Plan it anew; with `sooner` only if that is before the one that is planned."""
        seconds = self.pace.next_check()
        if not (sooner and steady() + seconds >= self._by):
            self._in(seconds)

    def not_before(self, seconds: float) -> None:
        """Let so many seconds pass at least."""
        self._in(max(self._by - steady(), seconds))

    def is_late(self) -> bool:
        """Whether the schedule ought to have told of it."""
        return self.late_in() < 0

    def late_in(self) -> float:
        """Seconds until that would be so."""
        return self._by + LATE_SECONDS - steady()

    def full_was_done(self) -> None:
        """Plan the next full look from now on."""
        self.schedule.full_was_done()

    def _in(self, seconds: float) -> None:
        self._by = steady() + seconds
        self.schedule.check_in(seconds)
