"""What people do every day: save one file, rename a folder."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.arena import Arena, arena
from bench.comparing import AtMost, Contender, Result, figure, in_turn, judged, processor, seconds
from bench.costs import Cost
from bench.daemon import rests, save_one
from bench.photos import Photos, thumbnails
from bench.works.resting import settled
from lab.daemon import RunningDaemon
from lab.process import LabError
from syncd.gramps import forms

SERVER = "the server, the same changes in the same batches"
BEFORE, AFTER = "album", "Anna's album"
BATCH = 500
"""Objects a request, as syncd sends them."""


def one_saved_file(rounds: int, files: int = 100_000) -> Result:
    """A daemon over a large tree."""

    def make(folder: Path) -> Photos:
        return thumbnails(folder, files)

    with arena(make, keys_for="24h") as here:
        settled(here)
        daemon = RunningDaemon(here.world.desktop, verbose=False)
        daemon.start(until=rests, seconds=900)
        numbers = iter(range(1, 1 + rounds))
        with daemon:

            def save() -> Cost:
                found = save_one(here.world, daemon, next(numbers))
                return Cost(found["seconds"], found["cpu_seconds"], daemon.memory() / 1e6)

            return in_turn(
                "one-saved-file",
                f"one file saved in a tree of {files:,}, daemon running, until it is in Gramps Web",
                [Contender("syncd", save)],
                [
                    seconds(3),
                    processor(0.05),
                ],
                rounds=rounds,
                notes="with `daemon.settle` of 2 s, its default; processor time and memory are the daemon's, which also answers when it is "
                "asked whether it rests",
            )


def rename(rounds: int, files: int = 10_000) -> Result:
    """All files of a folder get another path.

    Each turn has servers of its own: Gramps Web takes longer the second time that the same objects are renamed.
    """
    with ExitStack() as stack:
        album = _Album(stack, files)
        result = in_turn(
            "rename",
            f"a directory of {files:,} files renamed",
            [
                Contender("syncd", album.rename_here, album.renew),
                Contender(SERVER, album.rename_there, album.renew),
            ],
            rounds=rounds,
            notes="the whole run of `syncd --once` against the time that the server takes to answer a bare client; each turn on new servers",
        )
    ratio = AtMost("× the server's own time", 1.5, "", lambda found: 1 / found.times_faster("syncd", SERVER))
    counted = replace(result, figures={"bytes moved": album.size})
    return judged(counted, [figure("bytes moved", 0, "bytes"), ratio])


class _Album:
    """The folder that is renamed, on either side.

    Args:
        stack: what closes the servers in the end.
        files: how many it has.
    """

    here: Arena

    def __init__(self, stack: ExitStack, files: int) -> None:
        self._stack = stack
        self._files = files
        self.size = 0
        """Bytes that syncd moved for it."""

    def renew(self) -> None:
        """Have it on new servers, in step, under its first name."""
        self._stack.close()
        self.here = self._stack.enter_context(arena(self._make))
        settled(self.here)

    def _make(self, folder: Path) -> Photos:
        made = thumbnails(folder / BEFORE, self._files)
        return Photos(folder, {f"{BEFORE}/{path}": checksum for path, checksum in made.checksums.items()})

    def rename_here(self) -> Cost:
        """In the folder; syncd tells Gramps Web."""
        (self.here.folder / BEFORE).rename(self.here.folder / AFTER)
        ran = self.here.syncd("--once", "--json")
        document = json.loads(ran.out)
        if document["counts"]["moved"] != len(self.here.photos.checksums):
            raise LabError(f"not all were moved: {document['counts']}")
        self.size += document["bytes_up"] + document["bytes_down"]
        return ran.cost

    def rename_there(self) -> Cost:
        """In Gramps Web, by a client that does nothing else: the answers alone are waited for."""
        changes = []
        for plain in self.here.world.api.media():
            old = forms.to_raw(plain)
            if old is None:
                raise LabError(f"no raw form of {plain['handle']}")
            if plain["path"].startswith(f"{BEFORE}/"):
                new = {**old, "path": f"{AFTER}/{plain['path'].removeprefix(f'{BEFORE}/')}"}
                change = {
                    "type": "update",
                    "_class": "Media",
                    "handle": plain["handle"],
                    "old": old,
                    "new": new,
                }
                changes.append(change)
        if len(changes) != len(self.here.photos.checksums):
            raise LabError(f"{len(changes)} objects are in {BEFORE}")
        seconds = 0.0
        for start in range(0, len(changes), BATCH):
            begun = time.monotonic()
            self.here.world.api.json("POST", "/transactions/", json=changes[start : start + BATCH])
            seconds += time.monotonic() - begun
        return Cost(seconds)
