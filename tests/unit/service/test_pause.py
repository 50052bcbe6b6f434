"""A pause: until somebody resumes, or for a while; a restart does not end it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.service.pause import Pause
from syncd.state import State

HOUR = 3600.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 2e9

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At some moment."""
    return Clock()


@pytest.fixture
def pause(clock: Clock, state: State) -> Pause:
    """None is on."""
    found = Pause(clock)
    found.read(state)
    return found


def test_without_a_pause(pause: Pause, clock: Clock) -> None:
    """It is not on, and never ends."""
    assert (pause.is_on, pause.until, pause.left()) == (False, None, 0.0)
    clock.now += HOUR
    assert not pause.ended()


def test_it_ends_by_itself(pause: Pause, clock: Clock, state: State) -> None:
    """That it has ended is told once, and then there is none any more."""
    pause.begin(2 * HOUR, state)
    assert (pause.is_on, pause.until, pause.left()) == (True, clock.now + 2 * HOUR, 2 * HOUR)
    clock.now += 2 * HOUR - 1
    assert pause.is_on
    assert pause.left() == 1
    assert not pause.ended()
    clock.now += 1
    assert (pause.is_on, pause.left()) == (False, 0)
    assert (pause.ended(), pause.ended()) == (True, False)


def test_one_without_an_end(pause: Pause, clock: Clock, state: State) -> None:
    """Only who paused it resumes it."""
    pause.begin(None, state)
    clock.now += 10**9
    assert pause.is_on
    assert pause.left() == inf
    assert not pause.ended()
    pause.end(state)
    assert (pause.is_on, pause.until) == (False, None)
    assert state.meta("paused-until") is None


def test_a_new_one_takes_the_place_of_the_old(pause: Pause, clock: Clock, state: State) -> None:
    """Longer or shorter."""
    pause.begin(None, state)
    pause.begin(60, state)
    assert pause.left() == 60
    pause.begin(HOUR, state)
    assert pause.left() == HOUR
    assert pause.is_on


@pytest.mark.parametrize("seconds", [None, HOUR, 0.25])
def test_it_outlives_a_restart(pause: Pause, clock: Clock, state: State, seconds: float | None) -> None:
    """Nobody expects a reboot to end it; to the fraction of a second."""
    pause.begin(seconds, state)
    again = Pause(clock)
    assert not again.is_on
    again.read(state)
    assert (again.is_on, again.until) == (True, pause.until)
    clock.now += HOUR
    assert again.ended() == (seconds is not None)


def test_one_that_ended_while_nobody_looked(pause: Pause, clock: Clock, state: State) -> None:
    """The machine was off: it is over, and no news, for the start looks at everything."""
    pause.begin(HOUR, state)
    clock.now += 2 * HOUR
    again = Pause(clock)
    again.read(state)
    assert (again.is_on, again.ended(), again.left()) == (False, False, 0.0)


def test_one_that_somebody_resumed_is_over_after_a_restart(pause: Pause, clock: Clock, state: State) -> None:
    """It was noted."""
    pause.begin(None, state)
    pause.end(state)
    again = Pause(clock)
    again.read(state)
    assert not again.is_on


def test_what_another_command_left_is_taken_up(pause: Pause, clock: Clock, state: State) -> None:
    """Read again after standing aside, it is as the state says."""
    pause.begin(None, state)
    state.set_meta("paused-until", None)
    pause.read(state)
    assert not pause.is_on
    state.set_meta("paused-until", repr(clock.now + 5))
    pause.read(state)
    assert pause.left() == 5
    clock.now += 5
    assert pause.ended()


@pytest.mark.parametrize("text", ["soon", "", "nan", "-inf", "-1"])
def test_a_note_that_makes_no_sense_is_no_pause(pause: Pause, state: State, text: str) -> None:
    """A daemon that starts must not fail because of it, nor stand still for ever."""
    state.set_meta("paused-until", text)
    pause.read(state)
    assert (pause.is_on, pause.left(), pause.ended()) == (False, 0.0, False)


@pytest.fixture
def broken(tmp_path: Path, _empty: Path) -> Iterator[State]:
    """A state that cannot be written."""
    path = tmp_path / "broken.sqlite"
    shutil.copy(_empty, path)
    with State.open(path) as opened:
        opened._connection.execute("PRAGMA query_only = ON")
        yield opened


def test_a_pause_that_cannot_be_noted_is_one_all_the_same(pause: Pause, broken: State) -> None:
    """Who asks is told that it will not outlive a restart; it is on until then."""
    with pytest.raises(StateError):
        pause.begin(None, broken)
    assert pause.is_on
    with pytest.raises(StateError):
        pause.end(broken)
    assert not pause.is_on
