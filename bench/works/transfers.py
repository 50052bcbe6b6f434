"""Files on their way: to a server that lacks them, into an empty folder, to a bucket, from a bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from bench import peers
from bench.arena import Arena, arena, phase_cost
from bench.comparing import Contender, Faster, Result, in_turn
from bench.costs import Cost
from bench.photos import scans
from lab.process import LabError

REST = "start, login, end"
"""What no phase of a run's document covers."""
SENDING = ("Reading new files", "Sending files")
FETCHING = ("Fetching files",)
EATMYDATA = "eatmydata"
"""Lets a program's fsync do nothing."""


@dataclass
class Syncd:
    """First runs of syncd, which must do nothing but one thing to all files; and where their time goes.

    Args:
        here: where.
        kind: what is done to each file, as the document counts it.
        through: a command that runs syncd.
    """

    here: Arena
    kind: str
    through: str = ""
    _parts: dict[str, list[float]] = field(default_factory=dict)

    def run(self) -> tuple[Cost, dict[str, Any]]:
        """Make one; what it cost, and its document."""
        ran = self.here.syncd("--once", "--json", through=self.through)
        document: dict[str, Any] = json.loads(ran.out)
        if document["counts"][self.kind] != len(self.here.photos.checksums) or document["problems"]:
            raise LabError(f"not all files were {self.kind}: {document['counts']} {document['problems'][:3]}")
        seconds = {part["name"]: part["seconds"] for part in document["phases"]}
        for name, took in {**seconds, REST: ran.cost.seconds - sum(seconds.values())}.items():
            self._parts.setdefault(name, []).append(took)
        return ran.cost, document

    def told(self, result: Result) -> Result:
        """The result with the medians of the parts of these runs among its figures, in seconds."""
        parts = {f"syncd: {name}, s": median(seconds) for name, seconds in self._parts.items()}
        return replace(result, figures={**result.figures, **parts})


def checked(run: Callable[[], Cost], check: Callable[[], object]) -> Callable[[], Cost]:
    """The same run, and see afterwards that it did its work."""

    def both() -> Cost:
        cost = run()
        check()
        return cost

    return both


def upload_missing(rounds: int, files: int = 300) -> Result:
    """The objects exist; the server lacks their bytes."""
    with arena(lambda folder: scans(folder, files)) as here:
        syncd = Syncd(here, "uploaded")

        def start() -> None:
            here.empty_bucket()
            here.fill_folder()
            here.forget()

        result = in_turn(
            "upload-missing",
            f"{files} files (30 to 800 kB) whose objects exist, sent to a server that lacks them",
            [
                Contender("syncd", checked(lambda: syncd.run()[0], here.check_bucket), start),
                Contender(
                    "sync addon's way", checked(lambda: peers.addon(here, "send"), here.check_bucket), start
                ),
            ],
            [Faster("sync addon's way", 20)],
            rounds=rounds,
            notes="whole runs of `syncd --once`, a first contact; the addon's way: one PUT after the other",
        )
    return syncd.told(result)


def download(rounds: int, files: int = 300) -> Result:
    """The same into an empty folder."""
    with arena(lambda folder: scans(folder, files)) as here:
        here.fill_bucket()
        syncd = Syncd(here, "fetched")

        def start() -> None:
            here.empty_folder()
            here.forget()

        def arrived() -> None:
            here.check_folder(here.folder)

        result = in_turn(
            "download",
            f"the same {files} into an empty folder",
            [
                Contender("syncd", checked(lambda: syncd.run()[0], arrived), start),
                Contender("sync addon's way", checked(lambda: peers.addon(here, "fetch"), arrived), start),
            ],
            [Faster("sync addon's way", 8)],
            rounds=rounds,
            notes="whole runs of `syncd --once`, a first contact, verified and fsynced; the addon's way: one GET after the other",
        )
    return syncd.told(result)


def to_bucket(rounds: int, files: int = 1000) -> Result:
    """Files into an empty bucket, hashing included."""
    with arena(lambda folder: scans(folder, files)) as here:
        here.fill_folder()
        syncd = Syncd(here, "uploaded")

        def start() -> None:
            here.empty_bucket()
            here.forget()

        def both() -> Mapping[str, Cost]:
            cost, document = syncd.run()
            here.check_bucket()
            return {"syncd, hashing and sending": phase_cost(document, *SENDING), "syncd, whole run": cost}

        def count() -> None:
            found = sum(1 for path in here.keys.rglob("*") if path.is_file())
            if found != files:
                raise LabError(f"{found} of {files} files are in the bucket")

        who = "syncd, hashing and sending"
        result = in_turn(
            "to-bucket",
            f"{files} such files ({round(here.photos.size() / 1e6)} MB) into an empty bucket",
            [
                Contender("syncd", both, start),
                Contender(
                    "s5cmd",
                    checked(lambda: peers.s5cmd_copy(here, f"{here.photos.folder}/", here.prefix), count),
                    start,
                ),
                Contender(
                    "rclone copy",
                    checked(lambda: peers.rclone_copy(here, here.photos.folder, _lab(here)), count),
                    start,
                ),
                Contender(
                    "aws s3 cp",
                    checked(lambda: peers.aws_copy(here, here.photos.folder, here.prefix), count),
                    start,
                ),
            ],
            [Faster(peer, who=who) for peer in ("s5cmd", "rclone copy", "aws s3 cp")],
            rounds=rounds,
            notes="syncd names the keys by the files' MD5, which it computes within the time; the others by path. "
            "Its hashing and sending is a part of its run, the others' time is that of their whole command",
        )
    return syncd.told(result)


def from_bucket(rounds: int, files: int = 1000) -> Result:
    """Files from the bucket, verified and fsynced; and the same without fsync."""
    with arena(lambda folder: scans(folder, files)) as here:
        here.fill_bucket()
        copies = here.base / "copies"
        syncd, unsynced = Syncd(here, "fetched"), Syncd(here, "fetched", EATMYDATA)

        def start() -> None:
            here.empty_folder()
            here.forget()
            here.put_away(copies)
            copies.mkdir()

        def fetching(name: str, runs: Syncd) -> Callable[[], Mapping[str, Cost]]:
            def run() -> Mapping[str, Cost]:
                cost, document = runs.run()
                here.check_folder(here.folder)
                return {name: phase_cost(document, *FETCHING), f"{name}, whole run": cost}

            return run

        def check() -> None:
            here.check_folder(copies, lambda _path, checksum: checksum)

        off = "syncd, fetching, fsync off"
        result = in_turn(
            "from-bucket",
            f"{files} files from the bucket ({round(here.photos.size() / 1e6)} MB)",
            [
                Contender("syncd", fetching("syncd, fetching", syncd), start),
                Contender("syncd", fetching(off, unsynced), start),
                Contender(
                    "rclone copy",
                    checked(lambda: peers.rclone_copy(here, _lab(here), copies), check),
                    start,
                ),
                Contender(
                    "s5cmd",
                    checked(lambda: peers.s5cmd_copy(here, f"{here.prefix}*", f"{copies}/"), check),
                    start,
                ),
            ],
            [
                *(Faster(peer, 1 / 1.2, "syncd, fetching") for peer in ("rclone copy", "s5cmd")),
                *(Faster(peer, who=off) for peer in ("rclone copy", "s5cmd")),
            ],
            rounds=rounds,
            notes="syncd verifies each file and has it on the disk (fsync) before it gets its name; the others do not fsync, "
            "so that fsync is off (eatmydata) for syncd alone. Its fetching is a part of its run, the others' time is that of "
            "their whole command",
        )
    return syncd.told(result)


def _lab(here: Arena) -> str:
    """The tree's keys as rclone names them."""
    return f"lab:{here.prefix.removeprefix('s3://')}"
