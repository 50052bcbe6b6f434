"""Contenders take turns at one work; what counts is how they compare in the same round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from bench.costs import Cost, median_of
from lab.process import LabError

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Contender:
    """One that does the work.

    Args:
        name: who.
        run: does it once; what that took, under several names where parts of it are told apart.
        prepare: brings all back to the start, outside of the measured time.
    """

    name: str
    run: Callable[[], Cost | Mapping[str, Cost]]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one work.

    Args:
        name, title: the work's.
        costs: for each contender one cost a round.
        figures: what else was counted.
        verdicts: what became of each aim.
        notes: how it was done.
    """

    name: str
    title: str
    costs: Mapping[str, Sequence[Cost]]
    figures: Mapping[str, float] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    notes: str = ""

    def medians(self) -> dict[str, Cost]:
        """Each contender's."""
        return {name: median_of(costs) for name, costs in self.costs.items()}

    def times_faster(self, who: str, peer: str) -> float:
        """How many times as long a peer takes: the median of the rounds' ratios."""
        pairs = zip(self.costs[who], self.costs[peer], strict=True)
        return median(theirs.seconds / ours.seconds for ours, theirs in pairs)

    def longer(self, who: str, peer: str) -> float:
        """By how many seconds one takes longer: the median of the rounds' differences."""
        pairs = zip(self.costs[who], self.costs[peer], strict=True)
        return median(ours.seconds - theirs.seconds for ours, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an aim: in words, as a figure, and whether it was met."""

    aim: str
    value: float
    is_met: bool


class Aim(Protocol):
    """What is to be reached."""

    def judge(self, result: Result) -> Verdict:
        """Whether it was."""


@dataclass(frozen=True, slots=True)
class Faster:
    """At least so many times as fast as a peer; `who` is the contender that is judged."""

    peer: str
    times: float = 1.0
    who: str = "syncd"

    def judge(self, result: Result) -> Verdict:
        """By the rounds' ratios."""
        value = result.times_faster(self.who, self.peer)
        words = f"ahead of {self.peer}" if self.times == 1 else f"≥ {self.times:.3g} × as fast as {self.peer}"
        if self.who != "syncd":  # a part of its run, or a way to run it: aims of several would read alike
            words = f"{self.who}: {words}"
        return Verdict(words, value, value >= self.times)


@dataclass(frozen=True, slots=True)
class AtMost:
    """A figure of the median run, or one that was counted, is at most so much."""

    what: str
    limit: float
    unit: str
    read: Callable[[Result], float]

    def judge(self, result: Result) -> Verdict:
        """By the median."""
        value = self.read(result)
        return Verdict(f"{self.what} ≤ {self.limit:g} {self.unit}".rstrip(), value, value <= self.limit)


def seconds(limit: float, who: str = "syncd") -> AtMost:
    """It takes so long at most."""
    return AtMost("time", limit, "s", lambda result: result.medians()[who].seconds)


def memory(limit: float, who: str = "syncd") -> AtMost:
    """It takes so many millions of bytes of memory at most."""
    return AtMost(
        "memory",
        limit,
        "MB",
        lambda result: known(result.medians()[who].mb, f"{result.name}: the memory of {who}"),
    )


def processor(limit: float, who: str = "syncd") -> AtMost:
    """It takes so many seconds of processor time at most."""
    return AtMost(
        "processor",
        limit,
        "s",
        lambda result: known(
            result.medians()[who].cpu_seconds, f"{result.name}: the processor time of {who}"
        ),
    )


def known(found: float | None, what: str) -> float:
    """A figure; none at all would count as nothing, which is always little enough.

    Raises:
        LabError: it was not measured.
    """
    if found is None:
        raise LabError(f"{what} was not measured")
    return found


def above(limit: float, peer: str, who: str = "syncd") -> AtMost:
    """It takes so many seconds longer than a peer at most."""
    return AtMost(f"above {peer}", limit, "s", lambda result: result.longer(who, peer))


def figure(name: str, limit: float, unit: str) -> AtMost:
    """What was counted is so much at most."""
    return AtMost(name, limit, unit, lambda result: result.figures[name])


def in_turn(
    name: str,
    title: str,
    contenders: Sequence[Contender],
    aims: Sequence[Aim] = (),
    *,
    rounds: int = ROUNDS,
    notes: str = "",
    say: Callable[[str], object] = print,
) -> Result:
    """Let the contenders take turns, each round beginning with another one, and judge the aims."""
    costs: dict[str, list[Cost]] = {}
    for number in range(rounds):
        start = number % len(contenders)
        for contender in (*contenders[start:], *contenders[:start]):
            contender.prepare()
            found = contender.run()
            for who, cost in (found if isinstance(found, Mapping) else {contender.name: found}).items():
                costs.setdefault(who, []).append(cost)
                say(f"  {name}, round {number + 1}: {who} {cost}")
    order = sorted(costs, key=lambda who: not who.startswith("syncd"))
    return judged(Result(name, title, {who: costs[who] for who in order}, notes=notes), aims)


def judged(result: Result, aims: Sequence[Aim]) -> Result:
    """The same with what became of its aims."""
    verdicts = tuple(aim.judge(result) for aim in aims)
    return Result(result.name, result.title, result.costs, result.figures, verdicts, result.notes)
