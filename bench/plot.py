"""Draws how cost grows, from what is recorded: run by the Python of `.lab/bench`, which has matplotlib.

.lab/bench/bin/python bench/plot.py docs/measurements/performance.json docs/measurements/growth.svg
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

_NAME = re.compile(r"(?P<who>.*), (?P<files>[\d,]+) files")

Curve = list[tuple[int, float]]


def curves(record: dict[str, Any], what: str) -> dict[str, Curve]:
    """Of each kind of run, how much of one thing (`seconds`, `mb`) it took by the number of files; none before it was measured."""
    growth = record.get("works", {}).get("growth", {})
    found: dict[str, Curve] = {}
    for name, cost in growth.get("contenders", {}).items():
        match = _NAME.fullmatch(name)
        if match is not None and cost[what] is not None:
            found.setdefault(match["who"], []).append((int(match["files"].replace(",", "")), cost[what]))
    return {who: sorted(points) for who, points in found.items()}


def main() -> None:
    """Draw."""
    import matplotlib as mpl  # noqa: PLC0415  only the bench's environment has it

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "growth"  # the same picture of the same figures
    from matplotlib import pyplot as plt  # noqa: PLC0415

    source, target = map(Path, sys.argv[1:])
    record = json.loads(source.read_text())
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    for axis, what, label in zip(axes, ("seconds", "mb"), ("seconds", "MB at most"), strict=True):
        for who, points in sorted(curves(record, what).items()):
            axis.plot(*zip(*points, strict=True), marker="o", label=who)
        axis.set_xscale("log")
        axis.set_xlabel("files")
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
