"""What the daemon costs over a large folder: an hour at rest, one saved file, a burst of events.

    .venv/bin/python -m bench.daemon --files 100000 --minutes 60

A family's folder of that many small photos, all of them in Gramps Web and in the bucket, on servers of its own. Each ten share
their content: rclone's S3 server takes hours to list 100,000 keys. Times are of processor, so that what else the machine does
hardly matters; memory is resident memory. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.daemon import RunningDaemon
from lab.gramps_web import GrampsWeb
from lab.process import LAB, wait_until
from lab.s3 import RcloneS3
from lab.world import World, md5
from syncd.control.contract import Doing, Live

SAVES = 7
"""Files that are saved, one after the other."""
BURST = 50_000
"""Files that are touched at once."""
SHARED = 10
"""Photos of one content."""
FEW = 2_000
"""Fewer touched files are looked at one by one."""
FOLDER = 200
"""Files a folder."""


def photo(number: int) -> bytes:
    """The bytes of one photo."""
    return b"\xff\xd8\xff\xe0 photo %09d" % (number // SHARED)


def name(number: int) -> str:
    """Its path."""
    return f"{number // FOLDER:05}/{number:09}.jpg"


def rests(live: Live) -> bool:
    """It has nothing left to do."""
    return live.doing is Doing.IDLE and not live.pending


@contextmanager
def large_world(base: Path, files: int) -> Iterator[World]:
    """A tree with so many photos, which are in the folder and in the bucket."""
    objects = "".join(
        f'<object handle="_h{number:09}" change="1700000000" id="O{number:09}"><file src="{name(number)}" '
        f'mime="image/jpeg" checksum="{md5(photo(number))}" description="{number}"/></object>'
        for number in range(files)
    )
    export = base / "tree.gramps"
    export.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<database xmlns="http://gramps-project.org/xml/1.7.2/">'
        f'<header><created date="2026-01-01" version="6.0.8"/></header><objects>{objects}</objects></database>'
    )
    with RcloneS3(base / "s3", folders_for="24h") as s3:
        s3.new_bucket("media")
        server = GrampsWeb(base / "gramps-web", s3=s3)
        server.release.import_tree(export, base / "tree")
        with server:
            world = World.on(server, base / "world", base / "tree")
            keys = s3.data / "media" / world.tree.id
            keys.mkdir(parents=True)
            for number in range(files):
                content, path = photo(number), world.folder / name(number)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
                (keys / md5(content)).write_bytes(content)
            s3.forget_folders()
            yield world
            world.close()


def measure(world: World, files: int, minutes: float) -> dict[str, Any]:
    """Start the daemon, let it rest, save files, touch many."""
    world.configure(first_sync="go")
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
        found["burst"] = burst(world, daemon, min(BURST, files))
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
    return {"seconds": round(seconds, 2), "cpu_seconds": round(daemon.cpu_seconds() - before, 3)}


def has(world: World, content: bytes) -> list[dict[str, Any]]:
    """The newest changes of the tree that name this content."""
    return [
        change
        for one in world.api.history(world.api.last_transaction() - 1)
        for change in one["changes"]
        if (change.get("new_data") or {}).get("checksum") == md5(content)
    ]


def burst(world: World, daemon: RunningDaemon, files: int) -> dict[str, Any]:
    """Touch many files at once: events, of which one look at everything must come."""
    daemon.wait(rests, "it rests", 900)
    position, before, most = daemon.position(), daemon.cpu_seconds(), daemon.memory()
    for number in range(files):
        os.utime(world.folder / name(number))
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
    base = Path(tempfile.mkdtemp(prefix="bench-", dir=LAB))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    try:
        with large_world(base, options.files) as world:
            found = measure(world, options.files, options.minutes)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    found |= {"commit": commit.stdout.strip(), "python": platform.python_version(), "cores": os.cpu_count()}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
