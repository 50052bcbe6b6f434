"""How long the parts of a run took."""

from __future__ import annotations

import pytest

from syncd.clocked import Clocked
from syncd.model.plan import Took
from syncd.ports import Phase, SilentProgress

READ, SEND = Phase("Reading new files", 2, 300), Phase("Sending files", 2, 300)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as the last entry says."""
    now = [100.0]
    monkeypatch.setattr("syncd.clocked.time.monotonic", lambda: now[-1])
    return now


def test_each_phase_has_its_time_and_what_was_dealt_with(clock: list[float]) -> None:
    """From one phase to the next; files and bytes count where they were told of."""
    clocked = Clocked(SilentProgress())
    clocked.phase(READ)
    clocked.advance(files=1, size=100)
    clocked.advance(files=1, size=200)
    clock.append(102.5)
    clocked.phase(SEND)
    clocked.advance(size=300)
    clock.append(103.0)
    assert clocked.took() == (Took("Reading new files", 2.5, 2, 300), Took("Sending files", 0.5, 0, 300))


def test_a_phase_that_comes_again_is_added_up(clock: list[float]) -> None:
    """A run of several passes looks several times."""
    clocked = Clocked(SilentProgress())
    for after in (1.0, 2.0):
        clocked.phase(READ)
        clocked.advance(files=1)
        clock.append(clock[-1] + after)
        clocked.phase(SEND)
        clock.append(clock[-1] + 0.25)
    assert clocked.took() == (Took("Reading new files", 3.0, 2, 0), Took("Sending files", 0.5, 0, 0))


def test_asked_twice_it_counts_nothing_twice(clock: list[float]) -> None:
    """What came since the first question is added."""
    clocked = Clocked(SilentProgress())
    clocked.phase(READ)
    clock.append(101.0)
    assert clocked.took() == (Took("Reading new files", 1.0),)
    clock.append(104.0)
    assert clocked.took() == (Took("Reading new files", 4.0),)


def test_who_shows_the_run_is_told_all() -> None:
    """It only listens in."""
    shown = SilentProgress()
    clocked = Clocked(shown)
    clocked.phase(READ)
    clocked.phase(SEND)
    assert shown.seen == [READ, SEND]


def test_before_the_first_phase_there_is_none() -> None:
    """A run that was refused at once has no parts."""
    assert Clocked(SilentProgress()).took() == ()
