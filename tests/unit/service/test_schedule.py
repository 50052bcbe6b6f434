"""When the daemon looks by itself, on a real APScheduler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from syncd.service.agenda import NOTHING, Agenda, Due
from syncd.service.schedule import DAY_SECONDS, Schedule

SOON = 30.0
LONG = 3600.0

CHECK, FULL, TIDY = Due(check=True), Due(whole="it is time", full=True), Due(tidy=True)
SET = Due(check=True, at_once=True)


class Clocks:
    """The clock on the wall, which may be set, and the steady one."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept = 0.0

    def now(self) -> datetime:
        """The wall's."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def steady(self) -> float:
        """The steady one."""
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: both go on."""
        self.ahead += seconds
        self.slept += seconds


@pytest.fixture
def clocks() -> Clocks:
    """Two that agree."""
    return Clocks()


@pytest.fixture
def agenda() -> Agenda:
    """Where it is posted."""
    return Agenda()


Make = Callable[..., Schedule]


@pytest.fixture
def make(agenda: Agenda, clocks: Clocks) -> Iterator[Make]:
    """Makes schedules that have begun; afterwards they end within a second, and no thread is left."""
    before = set(threading.enumerate())
    made: list[Schedule] = []

    def begun(full_every: float = LONG) -> Schedule:
        found = Schedule(agenda, full_every=full_every, now=clocks.now, clock=clocks.steady)
        found.start()
        made.append(found)
        return found

    yield begun
    begun_at = time.monotonic()
    for schedule in made:
        schedule.stop()
    assert time.monotonic() - begun_at < 1
    assert set(threading.enumerate()) == before


def in_seconds(at: float | None) -> float:
    """How far away a time is."""
    assert at is not None
    return at - time.time()


def test_a_check_comes_once(make: Make, agenda: Agenda) -> None:
    """At its time, and not again by itself."""
    schedule = make()
    begun = time.monotonic()
    schedule.check_in(0.2)
    assert 0 < in_seconds(schedule.next_check()) <= 0.2
    assert agenda.wait(SOON) == CHECK
    assert 0.15 <= time.monotonic() - begun < SOON / 2
    assert agenda.wait(0.3) == NOTHING
    assert schedule.next_check() is None


def test_the_last_plan_counts(make: Make, agenda: Agenda) -> None:
    """There is never more than one check ahead."""
    schedule = make()
    schedule.check_in(LONG)
    schedule.check_in(0.05)
    schedule.check_in(0.3)
    assert agenda.wait(0.15) == NOTHING
    assert agenda.wait(SOON) == CHECK
    assert agenda.wait(0.2) == NOTHING


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_a_check_whose_time_is_over_comes_at_once(make: Make, agenda: Agenda, seconds: float) -> None:
    """It is not missed."""
    make().check_in(seconds)
    assert agenda.wait(SOON) == CHECK


def test_what_was_missed_is_due_once(make: Make, agenda: Agenda) -> None:
    """While a cycle runs nobody takes anything: afterwards all that came meanwhile is due together."""
    schedule = make(0.1)
    schedule.check_in(0.05)
    time.sleep(0.6)
    assert agenda.wait(SOON) == CHECK | FULL
    assert agenda.wait(0) == NOTHING
    assert agenda.wait(SOON) == FULL


def test_full_looks_come_regularly(make: Make, agenda: Agenda) -> None:
    """The first after the whole time, for the start's is the caller's; and housekeeping once a day."""
    schedule = make(0.3)
    begun = time.monotonic()
    for times in (1, 2):
        assert agenda.wait(SOON) == FULL
        assert time.monotonic() - begun > 0.25 * times
    assert in_seconds(schedule._next("tidy")) == pytest.approx(DAY_SECONDS, abs=20)


def test_a_full_look_that_was_done_for_another_reason_counts(make: Make, agenda: Agenda) -> None:
    """The next one is counted from then on."""
    schedule = make(0.4)
    time.sleep(0.25)
    schedule.full_was_done()
    assert 0.3 < in_seconds(schedule.next_full()) <= 0.4
    assert agenda.wait(0.25) == NOTHING
    assert agenda.wait(SOON) == FULL


def test_nothing_is_planned_before_it_is(make: Make) -> None:
    """A check is the caller's to plan."""
    assert make().next_check() is None


# --- the clock is set, or the machine slept -----------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-1000, -1, 1, 1000])
def test_after_the_clock_was_set_it_is_planned_for_the_same_moments(
    make: Make, agenda: Agenda, clocks: Clocks, hours: float
) -> None:
    """A clock that was set makes nothing due earlier or later; only a look at once is wanted."""
    clocks.ahead = hours * 3600
    schedule = make()
    clocks.ahead = 0.0
    schedule.clock_was_set()
    assert agenda.wait(SOON) == SET
    assert in_seconds(schedule.next_full()) == pytest.approx(LONG, abs=20)
    assert in_seconds(schedule._next("tidy")) == pytest.approx(DAY_SECONDS, abs=20)


def test_after_a_sleep_what_was_missed_is_due_once(make: Make, agenda: Agenda, clocks: Clocks) -> None:
    """A laptop was closed for three days: one full look, one tidying, at once; the next ones a whole time later."""
    schedule = make()
    clocks.sleep(3 * DAY_SECONDS)
    schedule.clock_was_set()
    assert agenda.wait(SOON) == SET | FULL | TIDY
    assert agenda.wait(0.2) == NOTHING
    assert in_seconds(schedule.next_full()) - clocks.ahead == pytest.approx(LONG, abs=20)
    assert in_seconds(schedule._next("tidy")) - clocks.ahead == pytest.approx(DAY_SECONDS, abs=20)


def test_frequent_sleep_puts_nothing_off_for_ever(make: Make, agenda: Agenda, clocks: Clocks) -> None:
    """A laptop that sleeps every half hour has its full look every hour, and is tidied up every day, all the same."""
    schedule = make()
    found: list[Due] = []
    for _ in range(100):
        clocks.sleep(1800.0)
        schedule.clock_was_set()
        found.append(agenda.wait(SOON))
    assert 48 <= sum(due.full for due in found) <= 50
    assert sum(due.tidy for due in found) == 2
    assert all(due.check and due.at_once for due in found)


def test_a_short_sleep_leaves_the_plan(make: Make, agenda: Agenda, clocks: Clocks) -> None:
    """What is not due yet is due as much earlier as the sleep was long."""
    schedule = make()
    clocks.sleep(600.0)
    schedule.clock_was_set()
    assert agenda.wait(SOON) == SET
    assert in_seconds(schedule.next_full()) - clocks.ahead == pytest.approx(LONG - 600, abs=20)


def test_what_came_regularly_counts_from_when_it_came(make: Make, agenda: Agenda, clocks: Clocks) -> None:
    """The clock is set right after a full look: that one does not come twice."""
    schedule = make(0.5)
    assert agenda.wait(SOON) == FULL
    schedule.clock_was_set()
    assert agenda.wait(0) == SET
    assert agenda.wait(0.2) == NOTHING
    assert agenda.wait(SOON) == FULL


# --- its end ------------------------------------------------------------------------------------------------------


def test_one_that_never_began_can_end(agenda: Agenda) -> None:
    """Something else failed before it: the end must not fail, too; nor must ending twice."""
    before = set(threading.enumerate())
    schedule = Schedule(agenda, full_every=LONG)
    schedule.stop()
    schedule.start()
    schedule.stop()
    schedule.stop()
    assert set(threading.enumerate()) == before


def test_after_the_end_nothing_comes(make: Make, agenda: Agenda) -> None:
    """Whatever was planned."""
    schedule = make(0.2)
    schedule.check_in(0.2)
    schedule.stop()
    assert agenda.wait(0.4) == NOTHING
