"""What the daemon costs over a large folder: an hour at rest, one saved file, a burst of events.

    .venv/bin/python -m bench.daemon --files 100000 --minutes 60

A family's folder of that many small photos, all of them in Gramps Web and in the bucket, on servers of its own. Times are of processor, so that what else the machine does
hardly matters; memory is resident memory. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from typing import Any

from bench.arena import Arena, arena
from bench.photos import thumbnails
from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World, md5
from syncd.control.contract import Doing, Live

SAVES = 7
"""Files that are saved, one after the other."""
BURST = 50_000
"""Files that are touched at once."""
FEW = 2_000
"""Fewer touched files are looked at one by one."""


def rests(live: Live) -> bool:
    """It has nothing left to do."""
    return live.doing is Doing.IDLE and not live.pending


def measure(here: Arena, minutes: float) -> dict[str, Any]:
    """Start the daemon, let it rest, save files, touch many."""
    world, files = here.world, len(here.photos.checksums)
    begun = time.monotonic()
    daemon = RunningDaemon(world.desktop, verbose=False)
    daemon.start(until=rests, seconds=1800)
    found: dict[str, Any] = {
        "files": files,
        "first_contact": {
            "seconds": round(time.monotonic() - begun, 1),
            "cpu_seconds": round(daemon.cpu_seconds(), 1),
            "mb": megabytes(daemon),
        },
    }
    with daemon:
        found["first_saved_file"] = save_one(world, daemon, SAVES)  # an imported tree has no history before
        daemon.wait(rests, "it rests", 900)
        found["one_saved_file"] = [save_one(world, daemon, number) for number in range(SAVES)]
        found["burst"] = burst(here, daemon, BURST)
        print(json.dumps(found, indent=2), flush=True)
        found["at_rest"] = at_rest(daemon, minutes)
        found["mb_in_the_end"] = megabytes(daemon)
        found["end_seconds"] = round(daemon.stop(), 2)
    return found


def megabytes(daemon: RunningDaemon) -> float:
    """Memory now."""
    return round(daemon.memory() / 1e6, 1)


def at_rest(daemon: RunningDaemon, minutes: float) -> dict[str, Any]:
    """So many minutes in which nothing happens."""
    time.sleep(20)  # what the start left is settled
    before, switches, begun = daemon.cpu_seconds(), daemon.wake_ups(), time.monotonic()
    time.sleep(minutes * 60)
    seconds = time.monotonic() - begun
    cpu = daemon.cpu_seconds() - before
    return {
        "seconds": round(seconds),
        "cpu_seconds": round(cpu, 2),
        "share_of_a_core_percent": round(100 * cpu / seconds, 4),
        "wake_ups_a_second": round((daemon.wake_ups() - switches) / seconds, 3),
        "mb": megabytes(daemon),
    }


def save_one(world: World, daemon: RunningDaemon, number: int) -> dict[str, float]:
    """One new file: until it is in Gramps Web, and what that took."""
    daemon.wait(rests, "it rests", 900)
    before, begun = daemon.cpu_seconds(), time.monotonic()
    content = b"saved just now %d %d" % (number, time.time_ns())
    world.write(f"{number:05}/saved {number}.jpg", content)
    wait_until(lambda: bool(has(world, content)), "it is in Gramps Web", 900)
    seconds = time.monotonic() - begun
    daemon.wait(rests, "it rests", 900)
    return {"seconds": round(seconds, 2), "cpu_seconds": round(daemon.cpu_seconds() - before, 4)}


def has(world: World, content: bytes) -> list[dict[str, Any]]:
    """The newest changes of the tree that name this content."""
    return [
        change
        for one in world.api.history(world.api.last_transaction() - 1)
        for change in one["changes"]
        if (change.get("new_data") or {}).get("checksum") == md5(content)
    ]


def burst(here: Arena, daemon: RunningDaemon, most_files: int) -> dict[str, Any]:
    """Touch many files at once: events, of which one look at everything must come."""
    daemon.wait(rests, "it rests", 900)
    position, before, most = daemon.position(), daemon.cpu_seconds(), daemon.memory()
    chosen = [*here.photos.checksums][:most_files]
    files = len(chosen)
    for path in chosen:
        os.utime(here.folder / path)
    while True:
        most = max(most, daemon.memory())
        live = daemon.live()
        if (
            live is not None
            and rests(live)
            and (files < FEW or "looking at everything" in daemon.events(position))
        ):
            break
        time.sleep(0.2)
    return {
        "events": files,
        "looks_at_everything": daemon.events(position).count("looking at everything"),
        "cpu_seconds": round(daemon.cpu_seconds() - before, 1),
        "most_mb": round(most / 1e6, 1),
        "mb_afterwards": megabytes(daemon),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    with arena(lambda folder: thumbnails(folder, options.files), keys_for="24h") as here:
        here.fill_bucket()
        here.fill_folder()
        found = measure(here, options.minutes)
    found |= {"commit": commit.stdout.strip(), "python": platform.python_version(), "cores": os.cpu_count()}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
