"""When the daemon looks by itself: APScheduler posts to the agenda, and does nothing else.

What was missed while a cycle ran, or while the machine slept, is due once, at once. As APScheduler goes by the clock, all is
planned anew when that was set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from syncd.service.agenda import Agenda, Due
from syncd.service.clock import ClockWatch

DAY_SECONDS = 86_400.0

_CHECK, _FULL, _TIDY = "check", "full", "tidy"
_OPTIONS = {"replace_existing": True, "coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Schedule:
    """The plan of checks, full looks and housekeeping.

    Args:
        agenda: where what is due is posted.
        full_every: seconds between two full looks.
        now: the time, with its zone.
    """

    def __init__(
        self, agenda: Agenda, *, full_every: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._agenda = agenda
        self._full_every = full_every
        self._now = now
        # Posting takes no time: the scheduler's own thread does it.
        self._scheduler: Any = BackgroundScheduler(timezone=UTC, executors={"default": DebugExecutor()})
        self._clock = ClockWatch(self.clock_was_set)
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def start(self) -> None:
        """Begin; the first full look is the caller's."""
        self._plan()
        self._scheduler.start()
        self._clock.start()

    def stop(self) -> None:
        """End."""
        self._clock.stop()
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
        self._every(_FULL, self._full_every, Due(whole="it is time", full=True))

    def clock_was_set(self) -> None:
        """Plan all anew, and look at once: the machine may have slept for days."""
        self._plan()
        self._agenda.post(Due(check=True, at_once=True))

    def next_check(self) -> float | None:
        """When the next check is planned, in Unix seconds."""
        return self._next(_CHECK)

    def next_full(self) -> float | None:
        """When the next full look is planned, in Unix seconds."""
        return self._next(_FULL)

    def _plan(self) -> None:
        self.full_was_done()
        self._every(_TIDY, DAY_SECONDS, Due(tidy=True))

    def _every(self, name: str, seconds: float, due: Due) -> None:
        self._scheduler.add_job(
            self._agenda.post,
            "interval",
            args=[due],
            id=name,
            seconds=seconds,
            start_date=self._now() + timedelta(seconds=seconds),
            **_OPTIONS,
        )

    def _next(self, name: str) -> float | None:
        job = self._scheduler.get_job(name)
        when = getattr(job, "next_run_time", None)
        return None if when is None else float(when.timestamp())
