"""Hearing that the clock was set: without a wake-up until then, and once for each time."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from syncd.service import clock as clock_module
from syncd.service.clock import ClockWatch, steady

SOON = 30.0


def clock_threads() -> list[threading.Thread]:
    """The threads that watch the clock."""
    return [thread for thread in threading.enumerate() if thread.name == "clock"]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def told() -> SimpleQueue[None]:
    """Where it is noted that the clock was set."""
    return SimpleQueue()


@pytest.fixture
def watch(told: SimpleQueue[None]) -> Iterator[ClockWatch]:
    """A watch that is on; afterwards no thread and no descriptor of it is left."""
    before = descriptors()
    found = ClockWatch(lambda: told.put(None))
    found.start()
    yield found
    found.stop()
    assert clock_threads() == []
    assert descriptors() == before


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_steady_time_goes_on() -> None:
    """As the system tells it; also while the machine sleeps, which no test can show."""
    before = steady()
    time.sleep(0.01)
    assert 0.01 <= steady() - before < 5
    assert steady() >= time.monotonic() - 1


def test_it_is_silent_by_itself(watch: ClockWatch, told: SimpleQueue[None]) -> None:
    """And does not wake up: a laptop sleeps on."""
    [thread] = clock_threads()
    until(lambda: state_of(thread).startswith("S"))
    before = switches_of(thread)
    with pytest.raises(Empty):
        told.get(timeout=0.5)
    assert switches_of(thread) == before


def _status(thread: threading.Thread, field: str) -> str:
    text = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    [found] = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(field)]
    return found


def state_of(thread: threading.Thread) -> str:
    """What the system says the thread does: `S (sleeping)`."""
    return _status(thread, "State")


def switches_of(thread: threading.Thread) -> int:
    """How often it woke up."""
    return int(_status(thread, "voluntary_ctxt_switches"))


def test_stopping_takes_no_time(told: SimpleQueue[None]) -> None:
    """However often; also of one that never began, and twice."""
    before = descriptors()
    begun = time.monotonic()
    for _ in range(50):
        one = ClockWatch(lambda: told.put(None))
        one.stop()
        one.start()
        one.stop()
        one.stop()
    assert time.monotonic() - begun < 5
    assert clock_threads() == []
    assert descriptors() == before


class Timer:
    """What stands in for the kernel's timer: a pipe that becomes readable, and cancelled, when the clock is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.armed = 0
        self.cancelled_while_set_up = 0
        read = os.read

        def cancelled(descriptor: int, size: int) -> bytes:
            if descriptor == self.reader:
                read(descriptor, 1)
                raise OSError(errno.ECANCELED, "Operation canceled")
            return read(descriptor, size)

        def arm(timer: int) -> None:
            assert timer == self.reader
            self.armed += 1
            if self.cancelled_while_set_up:
                self.cancelled_while_set_up -= 1
                raise OSError(errno.ECANCELED, "timerfd_settime")

        monkeypatch.setattr(clock_module, "_new_timer", lambda: self.reader)
        monkeypatch.setattr(clock_module, "_arm", arm)
        monkeypatch.setattr(os, "read", cancelled)

    def set_clock(self) -> None:
        """Somebody sets it."""
        os.write(self._writer, b"x")

    def close(self) -> None:
        """The other end was closed by whoever watched."""
        os.close(self._writer)


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Timer]:
    """A clock that can be set."""
    found = Timer(monkeypatch)
    yield found
    found.close()


def test_each_time_is_told(timer: Timer, told: SimpleQueue[None]) -> None:
    """Once, and the next time again."""
    one = ClockWatch(lambda: told.put(None))
    one.start()
    for times in (1, 2, 3):
        timer.set_clock()
        told.get(timeout=SOON)
        until(lambda times=times: timer.armed == times + 1)  # type: ignore[misc]
    assert told.empty()
    one.stop()


def test_a_clock_that_is_set_twice_in_a_row(timer: Timer, told: SimpleQueue[None]) -> None:
    """After a sleep a time server sets it once more, while the first time is still being told: the watch goes on."""
    timer.cancelled_while_set_up = 2
    one = ClockWatch(lambda: told.put(None))
    one.start()
    for _ in range(2):
        told.get(timeout=SOON)
    timer.set_clock()
    told.get(timeout=SOON)
    until(lambda: timer.armed == 4)
    one.stop()


def test_a_system_without_such_timers(monkeypatch: pytest.MonkeyPatch, told: SimpleQueue[None]) -> None:
    """Nothing is told, nothing is left behind."""

    def none() -> int:
        raise AttributeError("timerfd_create")

    before = descriptors()
    monkeypatch.setattr(clock_module, "_new_timer", none)
    one = ClockWatch(lambda: told.put(None))
    one.start()
    until(lambda: clock_threads() == [])
    one.stop()
    assert descriptors() == before
    assert told.empty()


def test_a_timer_that_breaks(timer: Timer, monkeypatch: pytest.MonkeyPatch, told: SimpleQueue[None]) -> None:
    """Any other error ends the watch, quietly, and tells nothing."""

    def broken(_timer: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(clock_module, "_arm", broken)
    one = ClockWatch(lambda: told.put(None))
    one.start()
    until(lambda: clock_threads() == [])
    one.stop()
    assert told.empty()


def test_the_real_timer_is_accepted() -> None:
    """The kernel takes it, and it does not expire."""
    descriptor = clock_module._new_timer()
    try:
        clock_module._arm(descriptor)
        with pytest.raises(BlockingIOError):
            os.read(descriptor, 8)
    finally:
        os.close(descriptor)
