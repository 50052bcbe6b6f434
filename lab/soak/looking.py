"""Looking at both sides, the store and the daemons, by nothing of syncd: what an audit judges."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.api import Api
from lab.process import LabError
from lab.s3 import S3Witness
from lab.soak.atomic import digest
from lab.soak.computers import Computer
from lab.soak.ledger import REFERRERS, Ledger
from lab.soak.seen import FolderSeen, ObjectSeen, Seen
from lab.world import World, md5

_KEY = re.compile(r"[0-9a-f]{32}")
_QUARANTINED = re.compile(r"syncd-quarantine/.*/([0-9a-f]{32})\.orphan")


def look(world: World, computers: Sequence[Computer], ledger: Ledger) -> Seen:
    """Read everything, byte for byte; nobody may be changing anything.

    Args:
        world: the servers.
        computers: the computers, their daemons at rest or not running.
        ledger: says whose galleries are looked at.
    """
    keys, quarantine = _bucket(world.s3) if world.s3 is not None else (None, frozenset())
    objects = []
    for item in world.api.media():
        if keys is not None:
            served = keys.get(item["checksum"], "")
        else:
            content = world.api.content(item["handle"])
            served = "" if content is None else md5(content)
        objects.append(ObjectSeen(item["handle"], item["path"], item["checksum"], served))
    return Seen(
        folders=[folder(computer) for computer in computers],
        objects=objects,
        keys=keys,
        quarantine=quarantine,
        galleries={key: _gallery(world.api, *key) for key in ledger.galleries},
    )


def folder(computer: Computer) -> FolderSeen:
    """One computer's folder, and what its syncd has told of."""
    root = computer.desktop.folder
    kept = {digest(path) for path in (root / ".syncd" / "trash").rglob("*") if path.is_file()}
    return FolderSeen(
        computer.who,
        {path: digest(root / path) for path in computer.people.files()},
        frozenset(kept),
        computer.desktop.leftovers(),
        frozenset(
            one[name]
            for one in status(computer).get("problems", ())
            for name in ("path", "handle")
            if one[name]
        ),
    )


def status(computer: Computer) -> dict[str, Any]:
    """The document of `syncd status`; empty when there is none."""
    run = computer.desktop.syncd("status", "--json")
    try:
        return run.json
    except LabError:
        return {}


def _bucket(s3: S3Witness) -> tuple[dict[str, str], frozenset[str]]:
    """Key → MD5 of its bytes, and the MD5s of what is in quarantine."""
    keys, quarantine = {}, set()
    for key in sorted(s3.keys()):
        if _KEY.fullmatch(key):
            keys[key] = md5(s3.get(key))
        elif _QUARANTINED.fullmatch(key):
            quarantine.add(md5(s3.get(key)))
    return keys, frozenset(quarantine)


def _gallery(api: Api, kind: str, handle: str) -> list[str]:
    answer = api.request("GET", f"/{REFERRERS[kind]}/{handle}")
    if answer.status_code != 200:
        return []
    return [one["ref"] for one in answer.json()["media_list"]]


class Glance:
    """A quick look whether both sides agree, for waiting: files are read again only when they look changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int, int, int], str] = {}

    def agree(self, world: World, computers: Sequence[Computer]) -> bool:
        """Whether every folder has what Gramps Web has, each content as often."""
        objects = Counter(item["checksum"] for item in world.api.media())
        return all(Counter(self._contents(computer)) == objects for computer in computers)

    def _contents(self, computer: Computer) -> list[str]:
        found = []
        for name in computer.people.files():
            path = computer.desktop.folder / name
            try:
                stat = path.stat()
                key = (path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
                if key not in self._known:
                    self._known[key] = digest(path)
            except OSError:
                continue
            found.append(self._known[key])
        return found
