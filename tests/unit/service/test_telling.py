"""What stands in the daemon's log: what was done, and what needs somebody once, not every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.errors import Denied, StateError, StopError, SyncdError, Unreachable
from syncd.model import MediaPath, Stop
from syncd.model.plan import Conflict, Counts, Done, HeldItem, HeldSet, HoldKind, Notice, Outcome, Waiting
from syncd.model.values import Problem
from syncd.service import telling as telling_module
from syncd.service.telling import Teller
from syncd.watcher import Health
from tests.core import md5

Line = tuple[str, str, dict[str, Any]]


class Log:
    """A log that is kept in a list: level, event, fields that say something."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def _note(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.lines.append(
            (level, event, {name: value for name, value in fields.items() if value is not None})
        )

    def debug(self, event: str, **fields: Any) -> None:
        """Not seen unless asked for."""
        self._note("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """In the ordinary course of things."""
        self._note("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Somebody should read it."""
        self._note("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Somebody must."""
        self._note("error", event, fields)

    def take(self) -> list[Line]:
        """What a person sees, since the last time."""
        found = [line for line in self.lines if line[0] != "debug"]
        self.lines.clear()
        return found

    def events(self) -> list[str]:
        """The same, without the fields."""
        return [event for _level, event, _fields in self.take()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The teller's log."""
    found = Log()
    monkeypatch.setattr(telling_module, "log", found)
    return found


@pytest.fixture
def teller(log: Log) -> Teller:
    """One that has told nothing but that all is well."""
    return Teller(_is_at_rest=True)


def problem(path: str, handle: str | None = None, reason: str = "it fails") -> Problem:
    """A problem."""
    return Problem(reason, "mend it", path, handle)


def held(number: int, *names: str, approved: bool = False) -> HeldSet:
    """A set that waits."""
    items = tuple(HeldItem("delete", name, name, md5(name)) for name in names)
    return HeldSet(HoldKind.REFERENCED, "people refer to it", items, number, approved)


def done(path: str, handle: str = "h") -> Outcome:
    """A file was sent."""
    return Outcome(
        actions=[Done("uploaded", path, handle, md5(path), 3, "new")], counts=Counts(uploaded=1), bytes_up=3
    )


# --- all is well --------------------------------------------------------------------------------------------------


def test_that_all_is_well_is_told_once(log: Log) -> None:
    """After the start and after a failure; not while something is amiss."""
    teller = Teller()
    teller.tell(Outcome(problems=[problem("a.jpg")]), everything=True)
    assert log.events() == ["it fails"]
    for _ in range(2):
        teller.tell(Outcome(counts=Counts(unchanged=7)), everything=True)
    assert log.take() == [("info", "in step", {"unchanged": 7, "seconds": 0.0})]
    teller.fail(Unreachable("it is away"))
    teller.tell(Outcome(), everything=False)
    assert log.events() == ["tries again by itself", "it goes on", "in step"]


def test_what_was_done_until_a_cycle_was_broken_off_is_told(teller: Teller, log: Log) -> None:
    """It was done all the same; of nothing, nothing is said."""
    teller.tell_part(Outcome())
    teller.tell_part(done("a.jpg"))
    assert log.events() == ["uploaded", "so far, before it was broken off"]
    teller.tell(replace(done("b.jpg"), stop=Stop("the disk is gone", "plug it in")), everything=True)
    assert log.events() == ["uploaded", "so far, before it was broken off", "stopped: nothing is done"]


# --- deeds --------------------------------------------------------------------------------------------------------


def test_a_quiet_cycle_is_not_told(teller: Teller, log: Log) -> None:
    """Nothing was done, and things that wait for time are no news."""
    teller.tell(
        Outcome(counts=Counts(unchanged=7, waiting=2), waiting=[Waiting("it waits", "a")]), everything=True
    )
    assert log.take() == []


def test_what_was_done_is_told_each_time(teller: Teller, log: Log) -> None:
    """Each deed in a line, and a line for the cycle."""
    for _ in range(2):
        teller.tell(done("a.jpg"), everything=False)
        (first, last) = log.take()
        assert first == (
            "info",
            "uploaded",
            {"path": "a.jpg", "handle": "h", "checksum": md5("a.jpg"), "why": "new"},
        )
        assert last == ("info", "in step", {"uploaded": 1, "bytes_up": 3, "seconds": 0.0})


def test_of_very_many_deeds_some_are_told(teller: Teller, log: Log) -> None:
    """Of the others the number, and that of all in the cycle's line."""
    actions = [Done("fetched", f"{number}.jpg") for number in range(500)]
    teller.tell(Outcome(actions=actions, counts=Counts(fetched=500)), everything=True)
    lines = log.take()
    assert len(lines) == telling_module._MOST_LINES + 2
    assert lines[-2] == ("info", "and others", {"number": 500 - telling_module._MOST_LINES})
    assert lines[-1][2]["fetched"] == 500


def test_conflicts_are_told(teller: Teller, log: Log) -> None:
    """Where both are."""
    conflict = Conflict(MediaPath.of("a.jpg"), "h", MediaPath.of("a (conflict).jpg"))
    outcome = Outcome(conflicts=[conflict], counts=Counts(fetched=1))
    teller.tell(outcome, everything=True)
    assert log.take()[-1] == (
        "warning", "changed on both sides: both are kept", {"path": "a.jpg", "kept_as": "a (conflict).jpg"}
    )  # fmt: skip


# --- failures and stops -------------------------------------------------------------------------------------------


def test_a_failure_is_told_once_in_a_row(teller: Teller, log: Log) -> None:
    """However often it is tried, and whatever else the server says each time."""
    teller.fail(Unreachable("no answer", "wait"))
    assert log.take() == [("warning", "tries again by itself", {"reason": "no answer", "remedy": "wait"})]
    for _ in range(3):
        teller.fail(Unreachable("error 503", "wait"))
    assert log.take() == []


@pytest.mark.parametrize("how", ["a cycle", "nothing new"])
def test_that_it_goes_on_is_told_and_the_next_failure_too(teller: Teller, log: Log, how: str) -> None:
    """The end of an outage may be a cycle, or merely that Gramps Web says that there is nothing new."""
    for _ in range(2):
        teller.fail(Unreachable("no answer", "wait"))
        assert log.events() == ["tries again by itself"]
        if how == "a cycle":
            teller.tell(Outcome(), everything=False)
        else:
            teller.recovered()
        assert log.events() == (["it goes on", "in step"] if how == "a cycle" else ["it goes on"])
        teller.recovered()
        assert log.events() == []


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (Unreachable("a", ""), Denied("a", "")), (Denied("a", ""), Unreachable("a", "")), (Unreachable("a", ""), StateError("a", "")),
        (Unreachable("a", ""), StopError("a", "")), (StopError("a", ""), StopError("b", "")), (StopError("a", ""), Unreachable("a", "")),
    ],
)  # fmt: skip
def test_another_failure_is_told(teller: Teller, log: Log, first: SyncdError, then: SyncdError) -> None:
    """Of another kind, or a stop for another reason: something else has to be done about it."""
    teller.fail(first)
    log.take()
    teller.fail(then)
    assert len(log.take()) == 1
    teller.fail(first)
    assert len(log.take()) == 1


def test_a_stop_is_an_error(teller: Teller, log: Log) -> None:
    """Raised or as an outcome, it is the same, and told once; nothing else of that outcome is."""
    outcome = Outcome(stop=Stop("the drive is away", "mount it"), problems=[problem("a.jpg")])
    teller.tell(outcome, everything=True)
    teller.fail(StopError("the drive is away", "mount it"))
    teller.tell(outcome, everything=True)
    assert log.take() == [
        ("error", "stopped: nothing is done", {"reason": "the drive is away", "remedy": "mount it"})
    ]
    teller.tell(Outcome(), everything=True)
    assert log.events() == ["it goes on", "in step"]


# --- problems -----------------------------------------------------------------------------------------------------


def outcome_with(problems: Sequence[Problem], actions: Sequence[Done] = ()) -> Outcome:
    """How a cycle ended."""
    return Outcome(problems=problems, actions=actions)


@pytest.mark.parametrize("everything", [False, True])
def test_a_problem_is_told_once(teller: Teller, log: Log, *, everything: bool) -> None:
    """With what to do about it."""
    for _ in range(3):
        teller.tell(outcome_with([problem("a.jpg", "h")]), everything=everything)
    assert log.take() == [("warning", "it fails", {"path": "a.jpg", "handle": "h", "remedy": "mend it"})]


def test_another_problem_of_the_same_item_is_told(teller: Teller, log: Log) -> None:
    """It needs something else now."""
    teller.tell(outcome_with([problem("a.jpg")]), everything=True)
    teller.tell(outcome_with([problem("a.jpg", reason="it fails otherwise")]), everything=True)
    assert log.events() == ["it fails", "it fails otherwise"]


def test_a_problem_that_comes_back_is_told_again(teller: Teller, log: Log) -> None:
    """It was over: a look at everything did not find it, or a look at a part did what could not be done."""
    bad = problem("a.jpg", "h")
    for everything, between in [(True, Outcome()), (False, done("a.jpg"))]:
        teller.tell(outcome_with([bad]), everything=False)
        log.take()
        teller.tell(between, everything=everything)
        log.take()
        teller.tell(outcome_with([bad]), everything=False)
        assert log.events() == ["it fails"]


def test_a_look_at_a_part_says_nothing_of_other_problems(teller: Teller, log: Log) -> None:
    """They are still there, and no news in the next look at everything; nor is one that was done in part."""
    both = [problem("a.jpg", "a"), problem("b.jpg", "b")]
    teller.tell(outcome_with(both), everything=True)
    teller.tell(outcome_with([problem("c.jpg", "c")]), everything=False)
    teller.tell(done("d.jpg", "d"), everything=False)
    teller.tell(outcome_with([both[0]], [Done("updated", "a.jpg", "a")]), everything=False)
    log.take()
    teller.tell(outcome_with([*both, problem("c.jpg", "c")]), everything=True)
    assert log.take() == []


def test_of_very_many_problems_some_are_told(teller: Teller, log: Log) -> None:
    """And how many more there are, and where to see them; the next time they are known all the same."""
    many = [problem(f"{number}.jpg") for number in range(50)]
    teller.tell(outcome_with(many), everything=True)
    lines = log.take()
    assert len(lines) == telling_module._MOST_LINES + 1
    assert lines[-1][1:] == ("and other problems", {"number": 30, "remedy": "see: syncd status"})
    teller.tell(outcome_with(many), everything=True)
    assert log.take() == []


# --- notices ------------------------------------------------------------------------------------------------------


def test_a_notice_is_told_each_time(teller: Teller, log: Log) -> None:
    """Something was decided, once more."""
    for _ in range(2):
        teller.tell(Outcome(notices=[Notice("was brought back", "a.jpg")]), everything=True)
    assert log.take() == [("warning", "was brought back", {"path": "a.jpg"})] * 2


def test_a_notice_that_lasts_is_told_once(teller: Teller, log: Log) -> None:
    """Until it is over, and comes back; a look at a part says nothing of it."""
    old = Notice("this Gramps Web is too old", "", lasts=True)
    teller.tell(Outcome(notices=[old]), everything=True)
    teller.tell(Outcome(), everything=False)
    teller.tell(Outcome(notices=[old]), everything=False)
    teller.tell(Outcome(notices=[old]), everything=True)
    assert log.take() == [("warning", "this Gramps Web is too old", {})]
    teller.tell(Outcome(), everything=True)
    teller.tell(Outcome(notices=[old]), everything=True)
    assert log.events() == ["this Gramps Web is too old"]


# --- what waits for a person --------------------------------------------------------------------------------------


def test_what_waits_is_told_once(teller: Teller, log: Log) -> None:
    """With the commands, by its number."""
    for everything in (True, False, True):
        teller.tell(Outcome(held=[held(3, "a", "b")]), everything=everything)
    [(level, event, fields)] = log.take()
    assert (level, event, fields["items"], fields["reason"]) == (
        "warning",
        "waits for you",
        2,
        "people refer to it",
    )
    assert "syncd approve A3" in fields["remedy"]
    assert "syncd restore A3" in fields["remedy"]


def test_a_set_that_grew_is_told_again(teller: Teller, log: Log) -> None:
    """And one that shrank is not; nor what was approved."""
    teller.tell(Outcome(held=[held(3, "a")]), everything=True)
    teller.tell(Outcome(held=[held(3, "a", "b"), held(4, "x", approved=True)]), everything=True)
    assert [fields["items"] for _level, _event, fields in log.take()] == [1, 2]
    teller.tell(Outcome(held=[held(3, "a")]), everything=True)
    assert log.take() == []
    teller.tell(Outcome(held=[held(3, "a", "b")]), everything=True)
    assert log.events() == ["waits for you"]


def test_a_new_set_is_told(teller: Teller, log: Log) -> None:
    """Whatever waits beside it."""
    teller.tell(Outcome(held=[held(3, "a")]), everything=True)
    log.take()
    teller.tell(Outcome(held=[held(3, "a"), held(5, "b")]), everything=True)
    [(_level, _event, fields)] = log.take()
    assert "syncd approve A5" in fields["remedy"]


# --- watches ------------------------------------------------------------------------------------------------------


def test_folders_that_cannot_be_watched_are_told_once(teller: Teller, log: Log) -> None:
    """With what to do, as long as it lasts; and when it is over."""
    fine = Health("inotify", "the system telling of them", 17)
    short = Health(
        "inotify", "looking; 7 of 17 folders cannot be watched", 10, 7, "raise the limit: sysctl x=2"
    )
    for health in (fine, short, short, Health("inotify", "looking; 6 of 17", 11, 6, "raise it"), fine, fine):
        teller.watched(health)
    assert log.take() == [
        ("warning", "changes are noticed late", {"reason": short.words, "remedy": short.remedy}),
        ("info", "changes are noticed at once", {"reason": fine.words}),
    ]
