"""How contenders take turns, and what becomes of the aims."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.comparing import (
    Aim,
    Contender,
    Faster,
    Result,
    above,
    figure,
    in_turn,
    judged,
    memory,
    seconds,
)
from bench.costs import Cost
from lab.process import LabError


def result(ours: Sequence[float], theirs: Sequence[float], mb: float | None = 40) -> Result:
    """Of a syncd and a peer, with these seconds in each round."""
    return Result(
        "work",
        "Work",
        {"syncd": [Cost(one, one, mb) for one in ours], "peer": [Cost(one, one, mb) for one in theirs]},
        {"requests": 3.0},
    )


def test_turns() -> None:
    """Everybody once a round, each round beginning with another one, each prepared right before."""
    seen: list[str] = []

    def contender(name: str) -> Contender:
        def run() -> Cost:
            seen.append(name)
            return Cost(1)

        return Contender(name, run, lambda: seen.append(f"for {name}"))

    in_turn("work", "Work", [contender(name) for name in "abc"], rounds=4, say=lambda _line: None)
    assert [one for one in seen if len(one) == 1] == [*"abc", *"bca", *"cab", *"abc"]
    assert seen[::2] == [f"for {name}" for name in seen[1::2]]


def test_parts_of_a_run() -> None:
    """One run may tell several figures apart; syncd's come first, whoever began."""
    parts = {"syncd, sending": Cost(1), "syncd, whole run": Cost(3)}
    contenders = [Contender("peer", lambda: Cost(2)), Contender("syncd", lambda: parts)]
    found = in_turn("work", "Work", contenders, rounds=2, say=lambda _line: None)
    assert list(found.costs) == ["syncd, sending", "syncd, whole run", "peer"]
    assert [len(costs) for costs in found.costs.values()] == [2, 2, 2]


def test_a_contender_that_fails() -> None:
    """What was not done is no result: the whole work ends with it."""

    def run() -> Cost:
        raise OSError("the bucket is full")

    with pytest.raises(OSError, match="full"):
        in_turn("work", "Work", [Contender("peer", run)], say=lambda _line: None)


def test_ratios_are_of_the_same_round() -> None:
    """A machine that is slow for a while slows both: the median of the ratios, not the ratio of the medians."""
    found = result(ours=[1, 10, 2], theirs=[3, 30, 3])
    assert found.times_faster("syncd", "peer") == 3
    assert found.medians()["peer"].seconds / found.medians()["syncd"].seconds == 1.5


def test_differences_are_of_the_same_round() -> None:
    """Likewise by how much longer one takes."""
    assert result(ours=[1.1, 9.2, 5.3], theirs=[1, 9, 5]).longer("syncd", "peer") == pytest.approx(0.2)


AIMS: dict[str, tuple[Aim, bool]] = {
    "ahead": (Faster("peer"), True),
    "just so many times": (Faster("peer", 2), True),
    "not so many times": (Faster("peer", 2.01), False),
    "behind": (Faster("syncd", who="peer"), False),
    "just in time": (seconds(1), True),
    "too late": (seconds(0.99), False),
    "just the memory": (memory(40), True),
    "too much memory": (memory(39), False),
    "just so much above": (above(-1, "peer"), True),
    "too much above": (above(-1.01, "peer"), False),
    "just so many": (figure("requests", 3, ""), True),
    "too many": (figure("requests", 2, ""), False),
}


@pytest.mark.parametrize("case", AIMS)
def test_aims(case: str) -> None:
    """Just reached is met; just not is missed, and stays in the result."""
    aim, is_met = AIMS[case]
    (verdict,) = judged(result(ours=[1], theirs=[2]), [aim]).verdicts
    assert verdict.is_met is is_met


def test_memory_that_was_not_measured() -> None:
    """No aim is met by a figure that nobody has: the work that sets such an aim is wrong, and says so."""
    with pytest.raises(LabError, match="memory of syncd"):
        judged(result(ours=[1], theirs=[2], mb=None), [memory(40)])


def test_aims_of_several_parts_are_told_apart() -> None:
    """An aim names whom it judges where that is not syncd as a whole, and its figure can be read."""
    found = Result("work", "Work", {"syncd, fsync off": [Cost(1)], "syncd": [Cost(1)], "peer": [Cost(2)]})
    aims = [Faster("peer"), Faster("peer", who="syncd, fsync off"), Faster("peer", 1 / 1.2)]
    assert [verdict.aim for verdict in judged(found, aims).verdicts] == [
        "ahead of peer",
        "syncd, fsync off: ahead of peer",
        "≥ 0.833 × as fast as peer",
    ]


def test_each_round_is_told_in_full() -> None:
    """A work may break off, or take long to clean up: what was measured by then is on the screen, memory and all."""
    told: list[object] = []
    costs = iter((Cost(1.5, 0.25, 40.4), Cost(2.0)))
    in_turn("work", "Work", [Contender("peer", lambda: next(costs))], rounds=2, say=told.append)
    assert told == [
        "  work, round 1: peer 1.500 s, processor 0.250 s, 40 MB",
        "  work, round 2: peer 2.000 s",
    ]
