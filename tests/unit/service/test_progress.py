"""How far the work is: told by many threads, asked by others, followed by whoever waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from syncd.ports import Phase
from syncd.service.progress import LiveProgress, Step


class Follower:
    """Somebody who waits for a cycle."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def phase(self, phase: Phase) -> None:
        """A part begins."""
        self.heard.append(phase)

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Something was dealt with."""
        self.heard.append((files, size))


@pytest.fixture
def progress() -> LiveProgress:
    """Nothing is going on."""
    return LiveProgress()


def test_nothing_is_going_on(progress: LiveProgress) -> None:
    """Before the first cycle, and after each."""
    assert progress.standing() == Step()
    progress.phase(Phase("Sending", 3, 30))
    progress.advance(files=1, size=10)
    progress.over()
    assert progress.standing() == Step()


def test_each_part_is_counted_for_itself(progress: LiveProgress) -> None:
    """Files and bytes, of so many where that is known."""
    progress.phase(Phase("Sending", 3, 30))
    progress.advance(size=4)
    progress.advance(files=1, size=6)
    assert progress.standing() == Step("Sending", 1, 3, 10, 30)
    progress.phase(Phase("Looking"))
    assert progress.standing() == Step("Looking", 0, None, 0, None)


def test_many_threads_are_counted_right(progress: LiveProgress) -> None:
    """No step of theirs gets lost."""
    progress.phase(Phase("Reading"))

    def work() -> None:
        for _ in range(2000):
            progress.advance(files=1, size=3)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress.standing() == Step("Reading", 12_000, None, 36_000, None)


def test_whoever_waits_is_told_the_same(progress: LiveProgress) -> None:
    """Until the cycle is over; the next one is not theirs."""
    follower = Follower()
    progress.follower = follower
    progress.phase(Phase("Sending", 1, 3))
    progress.advance(files=1, size=3)
    progress.over()
    progress.phase(Phase("Looking"))
    progress.advance(files=1)
    assert follower.heard == [Phase("Sending", 1, 3), (1, 3)]


@pytest.mark.parametrize("call", ["phase", "advance"])
def test_a_thread_that_comes_late_is_no_failure(progress: LiveProgress, call: str) -> None:
    """The cycle was broken off, and one of its threads is just telling how far it is."""
    asked = 0

    class Vanishing(LiveProgress):
        """Somebody ends the cycle between any two steps of the thread."""

        def __getattribute__(self, name: str) -> object:
            """The follower is there at the first look, and gone at the second."""
            nonlocal asked
            if name != "follower":
                return super().__getattribute__(name)
            asked += 1
            return Follower() if asked == 1 else None

    one = Vanishing()
    if call == "phase":
        one.phase(Phase("Sending"))
    else:
        one.advance(files=1)
    assert asked == 1


def test_each_step_is_a_sign_of_life(progress: LiveProgress) -> None:
    """Whatever moves: a part, a file, a byte, the end."""
    calls: list[Callable[[], None]] = [
        lambda: progress.phase(Phase("Sending")),
        lambda: progress.advance(size=1),
        lambda: progress.advance(files=1),
        progress.over,
    ]
    for call in calls:
        progress.beat = 0.0
        call()
        assert time.monotonic() - progress.beat < 5
    progress.beat = 0.0
    progress.standing()
    assert progress.beat == 0.0, "to be asked is no life"
