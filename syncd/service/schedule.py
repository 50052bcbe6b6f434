"""When the daemon looks by itself: APScheduler posts to the agenda, and does nothing else.

What was missed while a cycle ran, or while the machine slept, is due once, at once. As APScheduler goes by the clock, all is
planned anew when that was set: for when it was due by a clock that nobody sets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from syncd.service.agenda import Agenda, Due
from syncd.service.clock import ClockWatch, steady

DAY_SECONDS = 86_400.0

_CHECK, _FULL, _TIDY = "check", "full", "tidy"
_OPTIONS = {"replace_existing": True, "coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Schedule:
    """The plan of checks, full looks and housekeeping.

    Args:
        agenda: where what is due is posted.
        full_every: seconds between two full looks.
        now: the time, with its zone.
        clock: steady seconds.
    """

    def __init__(
        self,
        agenda: Agenda,
        *,
        full_every: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = steady,
    ) -> None:
        self._agenda = agenda
        self._now = now
        self._steady = clock
        self._regular = {
            _FULL: (full_every, Due(whole="it is time", full=True)),
            _TIDY: (DAY_SECONDS, Due(tidy=True)),
        }
        self._due_by: dict[str, float] = {}
        # Posting takes no time: the scheduler's own thread does it.
        self._scheduler: Any = BackgroundScheduler(timezone=UTC, executors={"default": DebugExecutor()})
        self._clock = ClockWatch(self.clock_was_set)
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def start(self) -> None:
        """Begin; the first full look is the caller's."""
        for name in self._regular:
            self._begin(name)
        self._scheduler.start()
        self._clock.start()

    def stop(self) -> None:
        """End, whether it began or not."""
        self._clock.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def check_in(self, seconds: float) -> None:
        """Plan the next check, in place of the one that is planned."""
        self._scheduler.add_job(
            self._agenda.post,
            "date",
            args=[Due(check=True)],
            id=_CHECK,
            run_date=self._now() + timedelta(seconds=seconds),
            **_OPTIONS,
        )

    def full_was_done(self) -> None:
        """Plan the next full look from now on."""
        self._begin(_FULL)

    def clock_was_set(self) -> None:
        """Plan all anew, and look at once: the machine may have slept for days."""
        for name in self._regular:
            if self._due_by[name] <= self._steady():
                self._post(name)
            self._plan(name)
        self._agenda.post(Due(check=True, at_once=True))

    def next_check(self) -> float | None:
        """When the next check is planned, in Unix seconds."""
        return self._next(_CHECK)

    def next_full(self) -> float | None:
        """When the next full look is planned, in Unix seconds."""
        return self._next(_FULL)

    def _begin(self, name: str) -> None:
        """Count from now on."""
        self._due_by[name] = self._steady() + self._regular[name][0]
        self._plan(name)

    def _plan(self, name: str) -> None:
        """Plan it for when it is due, and from then on regularly."""
        self._scheduler.add_job(
            self._post,
            "interval",
            args=[name],
            id=name,
            seconds=self._regular[name][0],
            start_date=self._now() + timedelta(seconds=max(0.0, self._due_by[name] - self._steady())),
            **_OPTIONS,
        )

    def _post(self, name: str) -> None:
        every, due = self._regular[name]
        self._due_by[name] = self._steady() + every
        self._agenda.post(due)

    def _next(self, name: str) -> float | None:
        job = self._scheduler.get_job(name)
        when = getattr(job, "next_run_time", None)
        return None if when is None else float(when.timestamp())
