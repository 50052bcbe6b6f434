"""How cost grows with the tree."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence

from bench.arena import arena
from bench.comparing import Contender, Result, figure, in_turn, judged, known
from bench.costs import Cost, median_of
from bench.photos import thumbnails
from bench.works.resting import nothing_to_do, settled
from lab.process import LabError

SIZES = (1_000, 10_000, 100_000)
STEEPER = "memory for a further file, in the largest trees against the smallest"
LINEAR = 1.25
"""So many times as much is still called linear: among the smallest trees little memory is compared."""
LEAST_KB = 0.1
"""A file that takes less is beyond what is measured there."""
REST, FULL = "syncd --once, nothing changed", "syncd --once --full"


def growth(rounds: int, sizes: Sequence[int] = SIZES) -> Result:
    """A run at rest and one that lists everything, over trees of several sizes."""
    costs: dict[str, Sequence[Cost]] = {}
    for size in sizes:
        costs |= {f"{who}, {size:,} files": found for who, found in _measured(rounds, size).items()}
    slopes = {
        (few, many): kilobytes_a_file(few, _mb(costs, few), many, _mb(costs, many))
        for few, many in itertools.pairwise(sizes)
    }
    figures = {f"kB for a further file, from {few:,} to {many:,}": kb for (few, many), kb in slopes.items()}
    figures["MB, full cycle"] = _mb(costs, sizes[-1])
    figures[STEEPER] = steeper(list(slopes.values()))
    result = Result(
        "growth",
        "how cost grows with the tree",
        costs,
        figures,
        notes="nothing to do in either; the full one lists folder, Gramps Web and bucket",
    )
    return judged(result, [figure("MB, full cycle", 250, "MB"), figure(STEEPER, LINEAR, "×")])


def kilobytes_a_file(few: int, mb: float, many: int, more_mb: float) -> float:
    """Memory for a further file, between trees of two sizes."""
    return 1000 * (more_mb - mb) / (many - few)


def steeper(slopes: Sequence[float]) -> float:
    """How many times as much memory a further file takes among many as among few; 1 where memory grows linearly."""
    return slopes[-1] / max(slopes[0], LEAST_KB)


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
    who = f"{FULL}, {size:,} files"
    return known(median_of(costs[who]).mb, f"the memory of {who}")
