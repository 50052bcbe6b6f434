"""What follows from how a look ended: nothing that was left undone is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from syncd.control.contract import Doing
from syncd.errors import ConfigError, SyncdError, Unreachable
from syncd.model import Problem, Stop
from syncd.model.plan import Outcome
from syncd.observer import Changes
from syncd.service.agenda import NOTHING, Due, Job
from syncd.service.checks import Checks
from syncd.service.interruption import BrokenOff
from syncd.service.notify import Supervisor
from syncd.service.pace import Pace
from syncd.service.progress import LiveProgress
from syncd.service.standing import Standing
from syncd.service.telling import Teller
from syncd.service.turns import Turns
from syncd.service.work import DEFECTS_AT_MOST, Work


@dataclass
class Looks:
    """Stands in for the turns: each look ends as the test wants it."""

    end: Callable[[], Outcome] = Outcome
    news: bool = True
    done: list[str] = field(default_factory=list)
    progress: LiveProgress = field(default_factory=LiveProgress)
    teller: Teller = field(default_factory=Teller)
    is_awaited: bool = False

    def whole(self, *, full: bool = False, tidy: bool = False) -> Outcome:
        """A look at everything."""
        self.done.append("whole" + " full" * full + " tidy" * tidy)
        return self.end()

    def near(self, changes: Changes) -> Outcome:
        """A look at what changed."""
        self.done.append(f"near {sorted(changes.paths)}")
        return self.end()

    def is_bound(self) -> bool:
        """It is."""
        return True

    def has_history(self) -> bool:
        """It has."""
        return True

    def has_news(self) -> bool:
        """As the test says."""
        self.done.append("asked")
        return self.news


class Planned:
    """Stands in for the schedule."""

    def check_in(self, seconds: float) -> None:
        """Nothing."""

    def full_was_done(self) -> None:
        """Nothing."""


@pytest.fixture
def looks() -> Looks:
    """All is well."""
    return Looks()


@pytest.fixture
def work(looks: Looks) -> Work:
    """Nothing is wanted yet."""
    pace = Pace(30.0)
    return Work(
        cast("Turns", looks),
        pace,
        Checks(cast("Any", Planned()), pace),
        Standing(Supervisor()),
        lambda _error: "a file",
        before_whole=lambda: None,
    )


def ends(error: BaseException) -> Callable[[], Outcome]:
    """A look that ends so."""

    def look() -> Outcome:
        raise error

    return look


def test_the_narrowest_look_that_will_do(work: Work, looks: Looks) -> None:
    """A check asks first; changes are looked at alone; a reason for everything comes before all."""
    looks.news = False
    work.want(Due(check=True))
    work.do()
    work.want(Due(check=True), Changes(frozenset({"a.jpg"})))
    work.do()
    work.want(Due(check=True, whole="because", full=True), Changes(frozenset({"b.jpg"})))
    work.do()
    assert looks.done == ["asked", "near ['a.jpg']", "whole full"]
    assert not work.is_wanted
    assert work.standing.doing is Doing.IDLE


@pytest.mark.parametrize("error", [Unreachable("away", "wait"), BrokenOff(), ZeroDivisionError()])
def test_what_came_to_no_end_stays_wanted(work: Work, looks: Looks, error: BaseException) -> None:
    """A server that is away, somebody who comes first, a defect: all of it is done later."""
    looks.end = ends(error)
    work.want(Due(full=True, tidy=True), Changes(frozenset({"a.jpg"})))
    work.do()
    assert (work.wanted.full, work.wanted.tidy, work.changes) == (True, True, Changes(frozenset({"a.jpg"})))
    looks.end = Outcome
    work.do()
    assert looks.done[-1] == "whole full tidy"
    assert not work.is_wanted


def test_a_stop_keeps_all_that_was_wanted(work: Work, looks: Looks) -> None:
    """Nothing is done until the cause is gone; then everything that was due is."""
    looks.end = lambda: Outcome(stop=Stop("not mounted", "mount it"))
    work.want(Due(whole="the start", full=True, tidy=True))
    work.do()
    assert (work.standing.doing, work.standing.reason) == (Doing.STOPPED, "not mounted")
    assert (work.wanted.full, work.wanted.tidy) == (True, True)
    assert work.pace.blocked() > 0


def test_a_folder_that_takes_nothing_more(work: Work, looks: Looks) -> None:
    """A full disk is one problem, which names none of the files that were left: everything is tried again by itself."""
    looks.end = lambda: Outcome(problems=[Problem("no space is left", "make room")], unfinished=True)
    work.want(Due(check=True))
    work.do()
    assert work.wanted.whole
    assert (work.standing.doing, work.standing.remedy) == (Doing.AWAY, "make room")
    assert work.pace.blocked() > 0
    looks.end = Outcome
    work.do()
    assert looks.done[-1] == "whole"
    assert (work.standing.doing, work.wanted, work.pace.blocked()) == (Doing.IDLE, NOTHING, 0)


def test_a_wrong_configuration_ends_a_daemon_that_never_worked(work: Work, looks: Looks) -> None:
    """Only a person can mend that; one that worked once tells of it, and goes on trying."""
    looks.end = ends(ConfigError("media_dir: wrong", "correct it"))
    work.want(Due(whole="the start"))
    with pytest.raises(ConfigError):
        work.do()
    looks.end = Outcome
    work.do()
    looks.end = ends(ConfigError("s3.url: wrong", "correct it"))
    work.want(Due(whole="later"))
    work.do()
    assert work.standing.doing is Doing.AWAY


def test_defects_in_a_row_end_it(work: Work, looks: Looks) -> None:
    """Each is tried again; too many in a row end the process, one that went well in between begins the count anew."""
    work.want(Due(whole="the start"))
    for _ in range(3):
        looks.end = ends(ZeroDivisionError())
        for _ in range(DEFECTS_AT_MOST - 1):
            work.do()
        looks.end = Outcome
        work.do()
        work.want(Due(whole="again"))
    looks.end = ends(ZeroDivisionError())
    for _ in range(DEFECTS_AT_MOST - 1):
        work.do()
    with pytest.raises(ZeroDivisionError):
        work.do()


def test_a_run_that_somebody_waits_for(work: Work, looks: Looks) -> None:
    """It takes over all that was due, is not held up by a pause between tries, and always ends for who waits."""
    work.want(Due(full=True), Changes(frozenset({"a.jpg"})))
    work.pace.failed(Unreachable("away", "wait"))
    job = Job(full=False, progress=LiveProgress())
    work.do_for(job)
    assert looks.done == ["whole full"]
    assert (job.over.is_set(), job.error, work.is_wanted, looks.is_awaited) == (True, None, False, False)
    for error in (Unreachable("away", "wait"), BrokenOff(), ZeroDivisionError()):
        looks.end = ends(error)
        job = Job(full=False, progress=LiveProgress())
        work.do_for(job)
        assert job.over.is_set()
        assert isinstance(job.error, SyncdError)
        assert work.is_wanted


def test_what_fails_between_two_looks(work: Work) -> None:
    """It is a look that failed."""
    with work.guarded():
        ends(Unreachable("away", "wait"))()
    assert work.wanted.whole
    assert work.standing.doing is Doing.AWAY
