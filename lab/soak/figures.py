"""What a soak measured, as one JSON document."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from lab.process import ROOT
from lab.soak.ledger import WEB
from lab.soak.soak import Soak
from lab.soak.violation import Violation


def figures(soak: Soak, server: str, tree: str, violations: Sequence[Violation]) -> dict[str, Any]:
    """The document. `tree` is the commit that ran, by `commit` at the beginning; `memory_mb` and the like are lists of one figure an audit, for each daemon process."""
    counts = soak.ledger.counts
    return {
        "seed": soak.seed,
        "commit": tree,
        "server": server,
        "gramps_web": soak.world.api.metadata()["gramps_webapi"]["version"],
        "desktops": len(soak.computers),
        "hours": round((time.monotonic() - soak.ledger.begun) / 3600, 3),
        "deeds": _of(counts, lambda who: who == WEB or who.startswith("desktop")),
        "faults": _of(counts, lambda who: who == "fault"),
        "answers_of_a_person": _of(counts, lambda who: who == "person"),
        "contents_written": len(soak.ledger.contents),
        "bytes_written": soak.ledger.size,
        "daemon_starts": {one.who: one.starts for one in soak.computers},
        "daemon_ends": {one.who: dict(one.ends) for one in soak.computers},
        "cycles": {one.who: one.cycles for one in soak.computers},
        "server_races": soak.record.races,
        "server_jams": soak.jams,
        "audits": soak.audits,
        "violations": [str(one) for one in violations],
        "daemons": _daemons(soak),
    }


def _of(counts: dict[str, int], wanted: Callable[[str], bool]) -> dict[str, int]:
    return {what: number for what, number in sorted(counts.items()) if wanted(what.partition(":")[0])}


def _daemons(soak: Soak) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for one in soak.curve:
        process = found.setdefault(
            one.pid, {"who": one.who, "minute": [], "memory_mb": [], "open_files": [], "threads": []}
        )
        process["minute"].append(round(one.at / 60, 1))
        process["memory_mb"].append(round(one.memory / 1e6, 1))
        process["open_files"].append(one.files)
        process["threads"].append(one.threads)
    return list(found.values())


def commit() -> str:
    """The tree that ran, such as `9552198` or `9552198-dirty`."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
