"""What was measured last, as JSON and as the table of docs/performance.md; and how a new measurement compares with it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.comparing import Result
from bench.peers import BENCH, versions
from lab.process import ROOT

FILE = ROOT / "docs" / "measurements" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = "measurements/growth.svg"
"""Beside the page."""
PLOT = Path(__file__).with_name("plot.py")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""The marks between which the page has the table."""
WORKS, CHECKS = "works", "checks"
"""Sections of the file: what the page shows, and the small works of `--check`. They compare with nothing else: what a run costs
before it moves the first byte weighs five times as much among 60 files as among 300."""

Record = dict[str, Any]


def of_result(result: Result) -> Record:
    """A result as JSON has it: medians, the rounds' seconds, ratios to syncd's first figure, verdicts."""
    first = next(iter(result.costs), None)
    return {
        "title": result.title,
        "notes": result.notes,
        "rounds": max((len(costs) for costs in result.costs.values()), default=0),
        "contenders": {
            who: {
                "seconds": round(cost.seconds, 4),
                "cpu_seconds": None if cost.cpu_seconds is None else round(cost.cpu_seconds, 3),
                "mb": None if cost.mb is None else round(cost.mb, 1),
                "each_seconds": [round(one.seconds, 4) for one in result.costs[who]],
                "ratio": None if first is None else round(result.times_faster(first, who), 3),
            }
            for who, cost in result.medians().items()
        },
        "figures": {name: round(value, 6) for name, value in result.figures.items()},
        "aims": [asdict(verdict) for verdict in result.verdicts],
    }


def read(file: Path = FILE) -> Record:
    """What is recorded: sections, and in each the works by name; empty where nothing is."""
    found: Record = json.loads(file.read_text()) if file.exists() else {}
    return found


def write(results: Iterable[Result], file: Path = FILE, section: str = WORKS) -> None:
    """Record results in a section, each with the circumstances in which it was measured, in place of those before."""
    circumstances = {
        "measured": datetime.now(UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else ""),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "versions": versions(),
    }
    recorded = read(file)
    works = recorded.setdefault(section, {})
    works.update({result.name: {**of_result(result), **circumstances} for result in results})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(recorded, indent=1) + "\n")


def draw(page: Path = PAGE, file: Path = FILE) -> None:
    """Write the table into the page, between its marks, and draw how cost grows once that was measured."""
    works = read(file).get(WORKS, {})
    picture = ""
    if "growth" in works:
        picture = f"![How time and memory grow with the tree]({PICTURE})\n\n"
        subprocess.run([BENCH / "bin" / "python", PLOT, file, page.parent / PICTURE], check=True)
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    measured = f"{circumstances(works)}\n\n" if works else ""
    page.write_text(f"{before}{BEGIN}\n\n{measured}{table(works)}\n{picture}{END}{after}")


def circumstances(works: Mapping[str, Record]) -> str:
    """When and with what the works were measured, in a line."""

    def all_of(name: str) -> str:
        return ", ".join(dict.fromkeys(str(work[name]) for work in works.values()))

    days = sorted(work["measured"] for work in works.values())
    others = dict.fromkeys(_short(*item) for work in works.values() for item in work["versions"].items())
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return (
        f"Measured {when} on {all_of('processors')} processors, Linux {all_of('kernel')}, Python {all_of('python')}; "
        f"{', '.join(others)}."
    )


def _short(program: str, says: str) -> str:
    """A program and its version, of all that it says of itself."""
    found = re.search(r"\d+(\.\d+)+", says)
    return f"{program} {found[0]}" if found else program


def table(works: Mapping[str, Record]) -> str:
    """All works in Markdown: a row for each contender, what else was counted, and what became of the aims."""
    if not works:
        return "Nothing has been recorded yet.\n"
    tables = (
        (("work", "who", "time", "processor", "memory", "× syncd's time"), _costs(works)),
        (("work", "counted", ""), _counted(works)),
        (("work", "aim", "measured", ""), _aims(works)),
    )
    return "\n".join(
        "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))
        for head, rows in ((head, [*rows]) for head, rows in tables)
        if rows
    )


def _costs(works: Mapping[str, Record]) -> Iterator[Sequence[str]]:
    for name, work in works.items():
        title = f"**{name}**: {work['title']}"
        for who, cost in work["contenders"].items():
            times = _seconds(cost["seconds"]), _seconds(cost["cpu_seconds"])
            yield title, who, *times, _mb(cost["mb"]), _ratio(cost["ratio"])
            title = ""


def _counted(works: Mapping[str, Record]) -> Iterator[Sequence[str]]:
    for name, work in works.items():
        title = f"**{name}**" if work["contenders"] else f"**{name}**: {work['title']}"
        for what, value in work["figures"].items():
            yield title, what, _count(value)
            title = ""


def _aims(works: Mapping[str, Record]) -> Iterator[Sequence[str]]:
    for name, work in works.items():
        for aim in work["aims"]:
            yield name, aim["aim"], _count(aim["value"]), "met" if aim["is_met"] else "**missed**"


def changes(results: Iterable[Result], file: Path = FILE) -> list[str]:
    """How the ratios of new results of small works compare with the recorded ones, in words."""
    works = read(file).get(CHECKS, {})
    told = []
    for result in results:
        recorded = works.get(result.name, {}).get("contenders", {})
        contenders = of_result(result)["contenders"]
        first = next(iter(contenders), "")
        for who, cost in [*contenders.items()][1:]:
            before = recorded.get(who, {}).get("ratio")
            was = "not recorded" if before is None else f"{_ratio(before)} when recorded"
            told.append(f"{result.name}: {who} takes {_ratio(cost['ratio'])} as long as {first} now, {was}")
    return told


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def _mb(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} MB"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} ×"


def _count(value: float) -> str:
    """A whole number as it is; of others as many digits as a measurement is good for."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
