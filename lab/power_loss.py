"""`script/power-loss`: records each situation, cuts the power at every moment of it, and leaves out every sync in turn."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.mounting import NotAllowedError
from lab.power import Judge, Recorded, needed_calls, needed_places
from lab.screen import code_of
from lab.servers import gramps_web_over_s3
from lab.situations import SITUATIONS, Recorder, Situation, places_that_sync

SHOWN = 10
"""Failures of one situation that are told."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for disks that live for a moment: in memory, where this machine has such a place."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="power-loss-", dir=shared if shared.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def judge(situation: Situation, recorded: Recorded, folder: Path) -> tuple[int, Mapping[str, Sequence[str]]]:
    """Cut the power everywhere; how much is broken, and for a run with one transfer what each place protects."""
    begun = time.monotonic()
    asked = Judge(recorded, folder)
    failures = asked.failures()
    moments = sum(1 for _ in recorded.moments())
    print(
        f"{situation.name}: {situation.about}: {len(recorded.events)} calls, {moments} moments,"
        f" {asked.disks} different disks, {len(failures)} failures, {time.monotonic() - begun:.0f} s",
        *failures[:SHOWN],
        sep="\n    ",
        flush=True,
    )
    if failures or situation.transfers > 1:
        return len(failures), {}
    calls = needed_calls(asked, recorded)
    places = needed_places(asked, recorded)
    alone = Counter(event.place for event in recorded.syncs() if calls[event.number])
    total = Counter(event.place for event in recorded.syncs())
    for place, broken in sorted(places.items()):
        print(
            f"    {place}: {total[place]} calls, {alone[place]} needed each by itself; without all: {(broken or ['-'])[0]}"
        )
    return 0, places


def situation(name: str) -> Situation:
    """The situation of a name.

    Raises:
        ArgumentTypeError: there is none; the message has their names.
    """
    for one in SITUATIONS:
        if one.name == name:
            return one
    raise argparse.ArgumentTypeError(
        f"no situation is called '{name}'; there are {', '.join(one.name for one in SITUATIONS)}"
    )


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(prog="script/power-loss", description=__doc__)
    parser.add_argument("situations", nargs="*", type=situation, help="only these; by default all")
    return parser.parse_args()


def main() -> int:
    """Record and judge; 1 when a promise is broken, or a sync protects nothing."""
    chosen: list[Situation] = asked_for().situations
    begun, failed = time.monotonic(), 0
    protects: dict[str, bool] = {}
    base = Path(tempfile.mkdtemp(prefix="power-loss-"))
    try:
        with gramps_web_over_s3(base) as server, scratch() as folder:
            recorder = Recorder(server, base)
            for one in chosen or SITUATIONS:
                try:
                    recorded = recorder.record(one)
                except NotAllowedError:
                    print(f"{one.name}: left out, it needs the right to mount")
                    continue
                broken, places = judge(one, recorded, folder / one.name)
                failed += broken
                for place, needed in places.items():
                    protects[place] = protects.get(place, False) or bool(needed)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    useless = sorted(place for place, needed in protects.items() if not needed)
    print(
        f"{failed} failures; {len(protects)} places that sync, of which protect nothing: {useless or 'none'}"
    )
    if not chosen:
        missed = [f"{place} ({place.function})" for place in places_that_sync() if str(place) not in protects]
        print(f"in none of these runs: {sorted(missed) or 'none'}")
    print(f"{time.monotonic() - begun:.0f} s")
    return 1 if failed or (useless and not chosen) else 0


if __name__ == "__main__":
    sys.exit(code_of(main))
