"""How things are with the daemon: in a line for systemd, and all of it for `syncd status`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from syncd import __version__
from syncd.control.contract import Doing
from syncd.ports import Phase
from syncd.service.notify import Supervisor
from syncd.service.standing import Standing


@dataclass
class Listener:
    """What stands in for systemd."""

    said: list[str] = field(default_factory=list)

    def status(self, text: str) -> None:
        """A line for people."""
        self.said.append(text)


@pytest.fixture
def listener() -> Listener:
    """It has heard nothing."""
    return Listener()


class Clock:
    """A clock on the wall."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(time, "time", lambda: self.now)

    def at(self, seconds: float = 0.0) -> str:
        """As people read it, some seconds from the beginning."""
        return time.strftime("%H:%M", time.localtime(1_800_000_000.0 + seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One that a test sets."""
    return Clock(monkeypatch)


@pytest.fixture
def standing(clock: Clock, listener: Listener) -> Standing:
    """A daemon that has just begun."""
    return Standing(cast("Supervisor", listener), since=clock.now, _started=clock.now)


def test_each_line(standing: Standing, clock: Clock, listener: Listener) -> None:
    """For each thing that the daemon may be about, with the time since when, and why."""
    assert standing.line() == f"starting since {clock.at()}"
    for doing, reason, line in [
        (Doing.IDLE, "", f"in step since {clock.at()}"),
        (Doing.WORKING, "", "looking"),
        (Doing.STOPPED, "the drive is away", f"stopped since {clock.at()}: the drive is away"),
        (Doing.AWAY, "no answer", f"tries again by itself since {clock.at()}: no answer"),
        (Doing.PAUSED, "", f"paused since {clock.at()}"),
        (Doing.ASIDE, "", f"standing aside since {clock.at()}"),
    ]:
        standing.now(doing, reason, "do something")
        assert standing.line() == line
        assert listener.said.pop() == line
    assert listener.said == []


def test_every_thing_it_may_be_about_has_a_line(standing: Standing) -> None:
    """Whoever invents a new one is told by this test to look here."""
    for doing in Doing:
        standing.now(doing)
        assert standing.line()


def test_while_it_works_the_line_says_how_far(standing: Standing) -> None:
    """With the number of files where it is known."""
    standing.now(Doing.WORKING)
    standing.progress.phase(Phase("Looking at the media folder"))
    assert standing.line() == "Looking at the media folder"
    standing.progress.phase(Phase("Sending files", 40, 1000))
    standing.progress.advance(files=3, size=75)
    assert standing.line() == "Sending files 3/40 files"


def test_systemd_is_told_of_changes_only(standing: Standing, clock: Clock, listener: Listener) -> None:
    """And the time is that of the first of several in a row."""
    for _ in range(3):
        standing.now(Doing.STOPPED, "the drive is away", "mount it")
        clock.now += 600
    standing.now(Doing.STOPPED, "another tree", "check it")
    assert listener.said == [
        f"stopped since {clock.at()}: the drive is away",
        f"stopped since {clock.at(1800)}: another tree",
    ]


@pytest.mark.parametrize("doing", [Doing.STOPPED, Doing.AWAY])
def test_tries_in_between_do_not_make_a_trouble_younger(
    standing: Standing, clock: Clock, doing: Doing
) -> None:
    """The drive is away since this morning, though it is looked for every five minutes."""
    began = clock.now
    for _ in range(4):
        standing.now(Doing.WORKING)
        standing.now(doing, "the same as before", "mend it")
        assert standing.live().since == began
        assert standing.remedy == "mend it"
        clock.now += 300
    standing.now(Doing.WORKING)
    standing.now(doing, "something else", "mend that")
    assert standing.live().since == clock.now
    standing.now(Doing.WORKING)
    standing.now(Doing.IDLE)
    clock.now += 300
    standing.now(Doing.WORKING)
    standing.now(doing, "something else", "mend that")
    assert standing.live().since == clock.now, "it was over in between"


def test_being_in_step_is_as_old_as_the_last_work(standing: Standing, clock: Clock) -> None:
    """What was changed a minute ago is in step for a minute."""
    standing.now(Doing.IDLE)
    clock.now += 300
    standing.now(Doing.WORKING)
    standing.now(Doing.IDLE)
    assert standing.live().since == clock.now


def test_all_of_it(standing: Standing, clock: Clock) -> None:
    """For `syncd status`, at this moment."""
    clock.now += 60
    standing.now(Doing.WORKING)
    standing.progress.phase(Phase("Sending files", 40, 1000))
    standing.progress.advance(files=3, size=75)
    live = standing.live()
    assert (live.doing, live.since, live.started) == (Doing.WORKING, clock.now, clock.now - 60)
    assert (live.pid, live.version) == (os.getpid(), __version__)
    assert (live.phase, live.files, live.all_files, live.size, live.all_size) == (
        "Sending files",
        3,
        40,
        75,
        1000,
    )
    standing.now(Doing.AWAY, "no answer", "wait")
    live = standing.live()
    assert (live.reason, live.remedy) == ("no answer", "wait")
    standing.now(Doing.IDLE)
    live = standing.live()
    assert (live.reason, live.remedy) == ("", "")
