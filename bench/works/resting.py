"""Nothing changed: what a run costs that only finds out so."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

from bench import peers
from bench.arena import Arena, arena
from bench.comparing import Contender, Faster, Result, above, in_turn, memory, seconds
from bench.costs import Cost
from bench.photos import Photos, scans, thumbnails
from lab.daemon import RunningDaemon
from lab.gramps_web import PASSWORD
from lab.process import LabError

BARE = textwrap.dedent(
    """
    import hashlib, json, sqlite3, sys
    import click, httpx2, pydantic, pydantic_core
    url, user, password = sys.argv[1:]
    with httpx2.Client(base_url=url, trust_env=False) as client:
        token = client.post("/api/token/", json={"username": user, "password": password}).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        client.get("/api/metadata/", headers=bearer).raise_for_status()
        client.get("/api/transactions/history/?pagesize=1&sort=-id", headers=bearer).raise_for_status()
    """
)
"""The libraries that such a run cannot do without, a login, and one question to the history."""


def settled(here: Arena) -> None:
    """Bring all in step, with a history of Gramps Web: an imported tree has none before its first change."""
    here.fill_bucket()
    here.fill_folder()
    here.forget()
    here.syncd("--once")
    (here.folder / "one more.jpg").write_bytes(b"\xff\xd8\xff\xe0 one more")
    for _ in range(3):
        here.syncd("--once")


def nothing_to_do(here: Arena) -> Cost:
    """A run that finds out so."""
    ran = here.syncd("--once", "--json")
    document = json.loads(ran.out)
    if document["actions"] or document["counts"]["unchanged"] != len(here.photos.checksums) + 1:
        raise LabError(f"it was not so: {document['counts']}")
    return ran.cost


def bare(here: Arena) -> Cost:
    """What no such run can do without."""
    user = here.world.tree.users["editor"]
    return here.run(sys.executable, "-c", BARE, here.world.server.url, user, PASSWORD).cost


def twins(here: Arena, name: str) -> tuple[Path, Path]:
    """Two equal folders for those who compare folders."""
    found = (here.base / name / "one", here.base / name / "other")
    for folder in found:
        shutil.copytree(here.photos.folder, folder)
    return found


def nothing_changed(rounds: int, files: int = 1000) -> Result:
    """A cron job's usual run."""
    with arena(lambda folder: scans(folder, files)) as here:
        settled(here)
        bisync = peers.Bisync(here.base, *twins(here, "twins"))
        return in_turn(
            "nothing-changed",
            f"`--once`, nothing changed, {files:,} files",
            [
                Contender("syncd", lambda: nothing_to_do(here)),
                Contender("bare imports and login", lambda: bare(here)),
                Contender("rclone bisync, two folders", bisync.run),
            ],
            [seconds(0.6), memory(60), above(0.2, "bare imports and login")],
            rounds=rounds,
            notes="bisync compares two folders of one disk, and asks no server",
        )


def handed_over(rounds: int, files: int = 1000) -> Result:
    """The same while the daemon runs."""
    with arena(lambda folder: scans(folder, files)) as here:
        settled(here)
        bisync = peers.Bisync(here.base, *twins(here, "twins"))
        with RunningDaemon(here.world.desktop, verbose=False):
            return in_turn(
                "handed-over",
                f"the same while the daemon runs, {files:,} files",
                [
                    Contender("syncd", lambda: nothing_to_do(here)),
                    Contender("rclone bisync, two folders", bisync.run),
                ],
                [Faster("rclone bisync, two folders")],
                rounds=rounds,
                notes="the daemon's processor time is not in syncd's",
            )


def nothing_changed_100k(rounds: int, files: int = 100_000) -> Result:
    """A large tree."""

    def make(folder: Path) -> Photos:
        return thumbnails(folder, files)

    with arena(make, keys_for="24h") as here:
        settled(here)
        unison = peers.Unison(here.base, *twins(here, "unison twins"))
        bisync = peers.Bisync(here.base, *twins(here, "bisync twins"))
        return in_turn(
            "nothing-changed-100k",
            f"`--once`, nothing changed, {files:,} files",
            [
                Contender("syncd", lambda: nothing_to_do(here)),
                Contender("unison, two folders", unison.run),
                Contender("rclone bisync, two folders", bisync.run),
            ],
            [Faster("unison, two folders"), Faster("rclone bisync, two folders"), memory(120)],
            rounds=rounds,
            notes="the others compare two folders of one disk, and ask no server",
        )
