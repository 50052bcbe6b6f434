"""How the last runs ended is kept, whatever they did, and never takes much room."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.control.last import (
    Failure,
    Kind,
    Last,
    failures_noted,
    note_failure,
    note_near,
    note_outcome,
    note_whole,
    read_last,
)
from syncd.control.told import remember_failure, remember_told
from syncd.errors import StopError, Unreachable
from syncd.model import Checksum, Problem, Stop
from syncd.model.plan import Counts, Done, HeldItem, HeldSet, HoldKind, Outcome, Waiting
from syncd.state import State

AWAY = Unreachable("Gramps Web does not answer", "see whether it runs")
MD5 = Checksum("0" * 32)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state."""
    with State.open(tmp_path / "state.sqlite") as state:
        yield state


def problem(name: str, handle: str | None = None) -> Problem:
    """Something wrong with a file."""
    return Problem("it cannot be read", "see to its rights", name, handle)


def names(last: Last) -> list[str | None]:
    """The paths of the problems that are kept."""
    assert last.outcome is not None
    return [one.path for one in last.outcome.problems]


def test_nothing_was_done_yet(state: State) -> None:
    """Then nothing is known."""
    assert read_last(state) == Last()


def test_a_run_replaces_the_one_before(state: State) -> None:
    """With all that it did and left, but for what the state has itself."""
    held = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "a.jpg", "h", MD5),))
    note_outcome(state, Outcome(problems=[problem("old.jpg")]), Kind.FULL, 1.0)
    note_outcome(
        state,
        Outcome(actions=[Done("moved", "a\udcff.jpg")], counts=Counts(moved=1), held=[held]),
        Kind.WALK,
        2.5,
    )
    found = read_last(state)
    assert (found.at, found.kind, found.problems, found.failure) == (2.5, Kind.WALK, 0, None)
    assert found.outcome == Outcome(actions=(Done("moved", "a\udcff.jpg"),), counts=Counts(moved=1))


def test_a_failure_stands_beside_the_last_run(state: State) -> None:
    """Until a run comes to its end again."""
    note_outcome(state, Outcome(problems=[problem("a.jpg")]), Kind.FULL, 1.0)
    note_failure(state, AWAY, 2.0)
    found = read_last(state)
    assert found.failure == Failure(2.0, AWAY.reason, AWAY.remedy, 4)
    assert (found.at, names(found)) == (1.0, ["a.jpg"])
    note_outcome(state, Outcome(), Kind.FULL, 3.0)
    assert read_last(state).failure is None


@pytest.mark.parametrize("as_outcome", [True, False])
def test_a_stop_stands_beside_the_last_run(state: State, as_outcome: bool) -> None:
    """However it was told: nothing was done, so nothing of before is over."""
    note_outcome(state, Outcome(problems=[problem("a.jpg")]), Kind.FULL, 1.0)
    if as_outcome:
        note_outcome(state, Outcome(stop=Stop("the folder is missing", "plug it in")), Kind.WALK, 2.0)
    else:
        note_failure(state, StopError("the folder is missing", "plug it in"), 2.0)
    found = read_last(state)
    assert found.failure == Failure(2.0, "the folder is missing", "plug it in", 3, is_stop=True)
    assert names(found) == ["a.jpg"]


def test_a_delta_leaves_other_problems_as_they_were(state: State) -> None:
    """What it looked at is as it says now; what it did not look at is as it was."""
    before = [problem("same.jpg"), problem("mended.jpg"), problem("later.jpg"), problem("other.jpg", "h")]
    note_outcome(state, Outcome(problems=[*before, problem("elsewhere.jpg")]), Kind.FULL, 1.0)
    delta = Outcome(
        actions=[Done("uploaded", "mended.jpg"), Done("moved", "new place.jpg", "h")],
        waiting=[Waiting("it is being written", "later.jpg")],
        problems=[problem("same.jpg"), problem("new.jpg")],
    )
    note_outcome(state, delta, Kind.DELTA, 2.0)
    assert names(read_last(state)) == ["same.jpg", "new.jpg", "elsewhere.jpg"]
    assert read_last(state).problems == 3
    note_outcome(state, Outcome(problems=[problem("last.jpg")]), Kind.WALK, 3.0)
    assert names(read_last(state)) == ["last.jpg"]


def test_a_delta_that_found_nothing_ends_problems_of_what_it_looked_at(state: State) -> None:
    """Without them it is not worth a note."""
    note_outcome(state, Outcome(problems=[problem("a.jpg"), problem("b.jpg", "h")]), Kind.FULL, 1.0)
    note_near(state, Outcome(), frozenset({"c.jpg", "k"}))
    note_near(state, Outcome(), frozenset())
    assert (read_last(state).at, names(read_last(state))) == (1.0, ["a.jpg", "b.jpg"])
    note_near(state, Outcome(), frozenset({"a.jpg"}))
    assert (read_last(state).kind, names(read_last(state))) == (Kind.DELTA, ["b.jpg"])
    note_near(state, Outcome(), frozenset({"h"}))
    assert read_last(state).problems == 0


def test_it_stays_small(state: State) -> None:
    """A hundred thousand files with the longest names: the first of each list, and the right numbers."""
    many = 100_000
    long = "\udcff" * 3000
    outcome = Outcome(
        actions=[Done("uploaded", long)] * many,
        problems=[problem(f"{number}{long}") for number in range(1000)],
        counts=Counts(uploaded=many),
    )
    note_outcome(state, outcome, Kind.FULL, 1.0)
    note_failure(state, Unreachable(long, long), 2.0)
    text = state.last_outcome()
    assert text is not None
    assert len(text) < 200_000
    found = read_last(state)
    assert found.problems == 1000
    assert found.outcome is not None
    assert found.outcome.counts.uploaded == many
    note_outcome(state, Outcome(problems=[problem("new.jpg")]), Kind.DELTA, 3.0)
    assert read_last(state).problems == 1001
    note_outcome(
        state, Outcome(problems=[problem(f"{number}.jpg") for number in range(1000)]), Kind.FULL, 4.0
    )
    assert names(read_last(state))[:3] == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "7", "{}", '{"version": 2}', '{"version": 1}', "[" * 10_000]
)
def test_what_another_version_wrote_is_nothing(state: State, text: str) -> None:
    """No error: the next run writes its own."""
    state.set_last_outcome(text)
    assert read_last(state) == Last()
    note_outcome(state, Outcome(), Kind.DELTA, 1.0)
    note_failure(state, AWAY, 2.0)
    assert read_last(state).at == 1.0


def test_unknown_words_are_nothing(state: State) -> None:
    """A kind of run that this version does not know."""
    note_outcome(state, Outcome(), Kind.FULL, 1.0)
    state.set_last_outcome((state.last_outcome() or "").replace('"full"', '"sideways"'))
    assert read_last(state) == Last()


def test_whole_runs_know_what_they_listed(state: State) -> None:
    """A run right after one that listed everything is none of that kind."""
    state.set_last_full(time.time())
    note_whole(state, Outcome(seconds=1.0), is_full=True)
    assert read_last(state).kind is Kind.FULL
    note_whole(state, Outcome(seconds=1.0), is_full=False)
    assert read_last(state).kind is Kind.WALK


def test_what_ends_a_block_is_noted(state: State) -> None:
    """Our errors are, and go on their way; others are no business of it."""
    with pytest.raises(Unreachable), failures_noted(state):
        raise AWAY
    assert read_last(state).failure is not None
    note_outcome(state, Outcome(), Kind.FULL, 1.0)
    with pytest.raises(ZeroDivisionError), failures_noted(state):
        _ = 1 / 0
    assert read_last(state).failure is None


def test_a_state_that_cannot_be_written_hides_no_error(state: State) -> None:
    """The reason of the failure is the one that is told."""
    noting = failures_noted(state)
    noting.__enter__()
    state.close()
    with pytest.raises(Unreachable):
        noting.gen.throw(AWAY)  # as the end of a block does


def test_what_is_kept_is_json(state: State) -> None:
    """ASCII, so that any tool reads it."""
    note_outcome(state, Outcome(), Kind.FULL, 1.0)
    assert json.loads((state.last_outcome() or "").encode("ascii"))["version"] == 1


def test_what_was_told_is_no_news(state: State) -> None:
    """Problems and held sets once, until they were gone; a failure once, until another thing was told."""
    held = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "a.jpg", "h", MD5),))
    (stored,) = state.hold([held])
    assert remember_told(state, {"a", "b"}, {stored.id, 99}) == ({"a", "b"}, {stored.id})
    assert remember_told(state, {"b", "c"}, {stored.id}) == ({"c"}, set())
    assert remember_told(state, {"a"}, set()) == ({"a"}, set())
    assert [remember_failure(state, one) for one in ("x", "x", "y")] == [True, False, True]
    assert remember_told(state, {"a"}, set()) == (set(), set())
    assert remember_failure(state, "y") is True
