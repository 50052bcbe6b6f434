"""`python -m sim`: run simulations; a failing seed is made smaller, and says how to replay it. See `script/simulate`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from multiprocessing import Pool
from pathlib import Path

from lab.screen import code_of
from sim.met import missed
from sim.planted import DEFECTS, planted
from sim.scenario import Result, run, shrink

SHRUNK_AT_MOST = 3
"""Failing seeds that are made smaller; one usually tells what the others would."""


@dataclass
class Tally:
    """What the simulations of one call came to."""

    seeds: int = 0
    events: int = 0
    rounds: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Take in one more."""
        self.seeds += 1
        self.events += result.events
        self.rounds = max(self.rounds, result.rounds)
        self.hits += result.hits
        if result.violation is not None:
            print(f"seed {result.seed}: {result.violation}", flush=True)
            self.failed.append(result)


def main() -> int:
    """Run what the command line says; 1 if a promise was broken, or something was never met that had to be."""
    wanted = asked_for()
    begun = time.perf_counter()
    tally = Tally()
    with planted(wanted.plant):
        for result in _results(wanted, begun):
            if wanted.log:
                print("\n".join(result.log))
            tally.add(result)
    seconds = time.perf_counter() - begun
    for what, hits in sorted(tally.hits.items()):
        print(f"{hits:9,} {what}")
    never = missed(tally.hits) if wanted.all_met else []
    for what in never:
        print(f"never met: {what}")
    print(
        f"{tally.seeds:,} seeds in {seconds:.0f} s, {tally.seeds / seconds:.1f} a second, "
        f"{tally.events / max(1, tally.seeds):,.0f} events a seed, at rest after {tally.rounds} rounds at most, "
        f"{len(tally.failed)} failed"
    )
    if wanted.json:
        wanted.json.write_text(json.dumps(_figures(tally, seconds), indent=1, sort_keys=True) + "\n")
    with planted(wanted.plant):
        _make_smaller([] if wanted.no_shrink or wanted.keep else tally.failed[:SHRUNK_AT_MOST], wanted.plant)
    return 1 if tally.failed or never else 0


def _make_smaller(failed: Sequence[Result], plant: str | None) -> None:
    """Say how to replay what failed, with as few steps as do."""
    for result in failed:
        kept, best = shrink(result)
        steps = ",".join(map(str, kept))
        rest = f" --plant {plant}" if plant else ""
        print(
            f"replay: script/simulate --seeds {result.seed} --keep {steps} --log{rest}    # {best.violation}",
            flush=True,
        )


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(
        prog="script/simulate",
        description="Simulate the whole engine in memory, with everything going wrong, and judge what is left.",
    )
    parser.add_argument(
        "--seeds",
        type=seeds,
        default="1-200",
        metavar="A-B",
        help="these, by default 1-200; one alone, or A- for as many as the time allows",
    )
    parser.add_argument("--minutes", type=float, help="begin no further seed after this time")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--keep", type=steps, metavar="STEPS", help="only these steps of each seed, such as 0,3,7"
    )
    parser.add_argument("--log", action="store_true", help="print what happened, call by call")
    parser.add_argument("--no-shrink", action="store_true", help="leave failing seeds as they are")
    parser.add_argument(
        "--all-met", action="store_true", help="fail if a cell, a guard or a fault was never met"
    )
    parser.add_argument("--plant", choices=DEFECTS, help="give the engine a defect, to see that it is found")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    return parser.parse_args()


def seeds(text: str) -> Iterable[int]:
    """The numbers that `A-B`, `A-` or `A` stands for."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last or first) + 1) if last or not dash else count(int(first))


def steps(text: str) -> list[int]:
    """The numbers in `0,3,7`."""
    return [int(number) for number in text.split(",")]


def _results(wanted: argparse.Namespace, begun: float) -> Iterator[Result]:
    """The simulations, in whatever order they end."""
    limit = begun + 60 * wanted.minutes if wanted.minutes else float("inf")
    if wanted.keep or wanted.jobs == 1:
        for seed in wanted.seeds:
            if time.perf_counter() > limit:
                return
            yield run(seed, wanted.keep)
        return
    left = iter(wanted.seeds)
    with Pool(wanted.jobs) as pool:
        while time.perf_counter() < limit and (some := list(islice(left, 40 * wanted.jobs))):
            yield from pool.imap_unordered(run, some, chunksize=5)


def _figures(tally: Tally, seconds: float) -> dict[str, object]:
    return {
        "seeds": tally.seeds,
        "seconds": round(seconds),
        "events": tally.events,
        "rounds_at_most": tally.rounds,
        "failed": [result.seed for result in tally.failed],
        "met": dict(tally.hits),
    }


if __name__ == "__main__":
    sys.exit(code_of(main))
