"""Signs of life: while anything moves, and not for longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from syncd.control.contract import Doing
from syncd.ports import Phase
from syncd.service.notify import Supervisor
from syncd.service.pulse import HANG_SECONDS, alive_while_working
from syncd.service.standing import Standing

SOON = 30.0


@dataclass
class Listener:
    """What stands in for systemd: when it heard of life, and what it was told."""

    address: str = "/run/notify"
    watchdog: float | None = 0.03
    beats: int = 0
    said: list[str] = field(default_factory=list)

    def alive(self) -> None:
        """A sign of life."""
        self.beats += 1

    def status(self, text: str) -> None:
        """A line for people."""
        self.said.append(text)


class Clock:
    """A clock that goes on, and can be moved ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one by which it is told whether something hangs."""
    return Clock(monkeypatch)


@pytest.fixture
def listener() -> Listener:
    """One that wants to hear thirty times a second."""
    return Listener()


@pytest.fixture
def standing(listener: Listener, clock: Clock) -> Standing:
    """A daemon at work."""
    found = Standing(cast("Supervisor", listener))
    found.now(Doing.WORKING)
    listener.said.clear()
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    end = time.perf_counter() + SOON
    while not condition():
        assert time.perf_counter() < end, "it did not happen"
        time.sleep(0.002)


def test_it_lives_while_it_works(standing: Standing, listener: Listener) -> None:
    """A sign of life at least three times within the time in which one is wanted; afterwards none, and no thread."""
    before = threading.active_count()
    begun = time.perf_counter()
    with alive_while_working(standing):
        until(lambda: listener.beats >= 10)
    seconds = time.perf_counter() - begun
    assert seconds < 10 * 0.03, "too rarely"
    heard = listener.beats
    time.sleep(0.1)
    assert listener.beats == heard
    assert threading.active_count() == before


def test_it_is_silent_when_nothing_moves(standing: Standing, listener: Listener, clock: Clock) -> None:
    """For half an hour: then it hangs, and systemd starts it anew. What moves again is alive again."""
    with alive_while_working(standing):
        clock.ahead = HANG_SECONDS - 5
        heard = listener.beats
        until(lambda: listener.beats > heard + 2)
        clock.ahead = HANG_SECONDS + 5
        time.sleep(0.05)
        heard = listener.beats
        time.sleep(0.2)
        assert listener.beats == heard
        standing.progress.advance(size=1)
        until(lambda: listener.beats > heard)


def test_what_stood_still_before_does_not_count(standing: Standing, listener: Listener, clock: Clock) -> None:
    """Nothing had to be done all night; the work of now has just begun."""
    standing.progress.beat = time.monotonic() - 10 * HANG_SECONDS
    with alive_while_working(standing):
        until(lambda: listener.beats > 2)


def test_how_far_it_is_is_told_when_it_changes(standing: Standing, listener: Listener) -> None:
    """Not each time."""
    with alive_while_working(standing):
        standing.progress.phase(Phase("Sending files", 3))
        until(lambda: "Sending files 0/3 files" in listener.said)
        heard = listener.beats
        until(lambda: listener.beats > heard + 5)
        standing.progress.advance(files=1)
        until(lambda: listener.said[-1] == "Sending files 1/3 files")
    assert listener.said.count("Sending files 0/3 files") == 1
    assert len(listener.said) <= 3


@pytest.mark.parametrize(("watchdog", "pause"), [(None, 2.0), (60.0, 2.0), (3.0, 1.0), (0.3, 0.1)])
def test_how_often(
    standing: Standing,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    watchdog: float | None,
    pause: float,
) -> None:
    """Every two seconds, so that people see how far it is; more often where systemd wants that."""
    listener.watchdog = watchdog
    waited: list[float | None] = []

    wait = threading.Event.wait

    def noted(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread().name != "pulse":
            return wait(event, timeout)
        waited.append(timeout)
        return True

    monkeypatch.setattr(threading.Event, "wait", noted)
    with alive_while_working(standing):
        until(lambda: bool(waited))
    assert waited[0] == pytest.approx(pause)


def test_without_systemd_nothing_happens(standing: Standing, listener: Listener) -> None:
    """No thread is started."""
    listener.address = ""
    before = threading.active_count()
    with alive_while_working(standing):
        assert threading.active_count() == before
    assert (listener.beats, listener.said) == (0, [])


def test_it_ends_with_the_work_however_that_ends(standing: Standing) -> None:
    """An error, or a signal's exception."""
    before = threading.active_count()
    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)), alive_while_working(standing):
            raise error
    assert threading.active_count() == before
