"""How cost grows with the tree."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence

from bench.arena import arena
from bench.comparing import Contender, Result, figure, in_turn, judged
from bench.costs import Cost, median_of
from bench.photos import thumbnails
from bench.works.resting import nothing_to_do, settled
from lab.process import LabError

SIZES = (1_000, 10_000, 100_000)
REST, FULL = "syncd --once, nothing changed", "syncd --once --full"


def growth(rounds: int, sizes: Sequence[int] = SIZES) -> Result:
    """A run at rest and one that lists everything, over trees of several sizes."""
    costs: dict[str, Sequence[Cost]] = {}
    for size in sizes:
        costs |= {f"{who}, {size:,} files": found for who, found in _measured(rounds, size).items()}
    figures = {
        f"MB for 100,000 more files, from {few:,} to {many:,}": 100_000
        * (_mb(costs, many) - _mb(costs, few))
        / (many - few)
        for few, many in itertools.pairwise(sizes)
    }
    figures["MB, full cycle"] = _mb(costs, sizes[-1])
    result = Result(
        "growth",
        "how cost grows with the tree",
        costs,
        figures,
        notes="nothing to do in either; the full one lists folder, Gramps Web and bucket",
    )
    return judged(result, [figure("MB, full cycle", 250, "MB")])


def _measured(rounds: int, files: int) -> Mapping[str, Sequence[Cost]]:
    with arena(lambda folder: thumbnails(folder, files), keys_for="24h") as here:
        settled(here)

        def full() -> Cost:
            ran = here.syncd("--once", "--full", "--json")
            if json.loads(ran.out)["actions"]:
                raise LabError("there was something to do")
            return ran.cost

        contenders = [
            Contender(FULL, full),
            Contender(REST, lambda: nothing_to_do(here), lambda: here.syncd("--once")),
        ]
        return in_turn(f"growth {files:,}", "", contenders, rounds=rounds).costs


def _mb(costs: Mapping[str, Sequence[Cost]], size: int) -> float:
    return median_of(costs[f"{FULL}, {size:,} files"]).mb or 0.0
