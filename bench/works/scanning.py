"""The first look at a folder: every byte is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench import peers
from bench.arena import arena, phase_cost
from bench.comparing import Contender, Faster, Result, in_turn
from bench.costs import Cost
from bench.photos import films, scans
from lab.process import LabError

READING = "Reading new files"


def first_scan(rounds: int, gigabytes: float = 10) -> Result:
    """Large scans and films."""
    with arena(lambda folder: scans(folder, 2)) as here:
        shutil.rmtree(here.folder)
        size = round(gigabytes * 1e9)
        made = films(here.folder, size)

        def syncd() -> dict[str, Cost]:
            ran = here.syncd("--once", "--json", "--dry-run", ok=(0, 1, 3))
            document = json.loads(ran.out)
            read = next(part for part in document["phases"] if part["name"] == READING)
            if read["size"] != size:
                raise LabError(f"{read['size']} of {size} bytes were read")
            return {"syncd, reading": phase_cost(document, READING), "syncd, whole run": ran.cost}

        return in_turn(
            "first-scan",
            f"first scan of {gigabytes:g} GB in {len(made.checksums):,} files",
            [
                Contender("syncd", syncd, lambda: _warm(here.folder)),
                Contender("xargs -P2 md5sum", lambda: peers.md5sum(here.folder), lambda: _warm(here.folder)),
            ],
            [Faster("xargs -P2 md5sum", 0.9, "syncd, reading")],
            rounds=rounds,
            notes="`syncd --once --dry-run`; all was read right before, for both: what fits into memory is there. "
            "Syncd's reading is a part of its run, the other's time is that of the whole command",
        )


def _warm(folder: Path) -> None:
    """Read everything once, so that both find it in memory as far as it fits."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass
