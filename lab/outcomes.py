"""What a world has come to, in a form that can be compared; and somebody who looks on while it gets there."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lab.world import Desktop, World, md5

LOOK_SECONDS = 0.02
"""How often somebody looks into the folder for files that are not whole."""


@dataclass(frozen=True)
class Outcome:
    """What a world has come to.

    Args:
        files: path → checksum of the folder's files.
        trash: name in the trash → checksum.
        unfinished: names of work that is not finished.
        objects: one line for each object, without what differs from tree to tree; sorted.
        keys: key → checksum of what the bucket holds there.
        links: one line for each link; sorted.
        intents: what the journal still holds.
    """

    files: Mapping[str, str]
    trash: Mapping[str, str]
    unfinished: Sequence[str]
    objects: Sequence[str]
    keys: Mapping[str, str]
    links: Sequence[str]
    intents: int

    @classmethod
    def of(cls, world: World) -> Outcome:
        """Look at everything."""
        assert world.s3 is not None
        media = world.api.media()
        with closing(
            sqlite3.connect(f"file:{world.desktop.state_dir / 'state.sqlite'}?mode=ro", uri=True)
        ) as db:
            links = db.execute(
                "SELECT handle, path, named, checksum, detached, restore FROM links"
            ).fetchall()
            intents = db.execute("SELECT count(*) FROM journal").fetchone()[0]
        paths = {item["handle"]: item["path"] for item in media}
        return cls(
            files={path: md5(content) for path, content in world.desktop.files().items()},
            trash=trash_of(world.desktop),
            unfinished=world.desktop.leftovers(),
            objects=sorted(
                f"{item['path']}: {item['checksum']} {item['mime']} {item['desc']}" for item in media
            ),
            keys={key: md5(content) for key, content in world.s3.contents().items()},
            links=sorted(
                f"{path} of the object at {paths.get(handle)}: {rest}" for handle, path, *rest in links
            ),
            intents=intents,
        )

    def differences(self, other: Outcome) -> list[str]:
        """What is otherwise in another world, one line each."""
        found = []
        for name in (one.name for one in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                found.append(f"{name}: {_only(mine, theirs)} is there, {_only(theirs, mine)} should be")
        return found

    def with_back(self, purged: Mapping[str, str], trash: Mapping[str, str]) -> Outcome:
        """The same after a power failure, which may bring back what left the trash: nobody waits for the disk there.

        Args:
            purged: name in the trash → checksum of what lay there before the run, and may be back.
            trash: what the trash holds.
        """
        back = {name: checksum for name, checksum in purged.items() if trash.get(name) == checksum}
        return replace(self, trash={**back, **self.trash})


def trash_of(desktop: Desktop) -> dict[str, str]:
    """What lies in a desktop's trash: name there → checksum."""
    trash = desktop.folder / ".syncd" / "trash"
    return {
        str(path.relative_to(trash)): md5(path.read_bytes()) for path in trash.rglob("*") if path.is_file()
    }


def _only(one: Any, other: Any) -> object:
    if isinstance(one, dict):
        return {key: value for key, value in one.items() if other.get(key) != value}
    return [item for item in one if item not in other] if isinstance(one, list) else one


class Lookout:
    """Looks into a folder while others work there: what stands under a real name must be something that somebody made."""

    def __init__(self, desktop: Desktop, whole: frozenset[str]) -> None:
        self._folder = desktop.folder
        self._whole = whole
        self._seen: dict[str, tuple[int, int, int]] = {}
        self.looks = 0
        self.partial: list[str] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look all the time, beside whatever the block does."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                self.look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.look()

    def look(self) -> None:
        """Look once at every file that has changed since the last time."""
        self.looks += 1
        for above, folders, names in os.walk(self._folder):
            if ".syncd" in folders:
                folders.remove(".syncd")
            for name in names:
                if not name.startswith(".syncd-"):
                    with suppress(FileNotFoundError):  # it was moved on in this very instant
                        self._look_at(Path(above, name))

    def _look_at(self, path: Path) -> None:
        status = path.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        rel = str(path.relative_to(self._folder))
        if self._seen.get(rel) == stamp:
            return
        if md5(path.read_bytes()) not in self._whole and path.exists():
            self.partial.append(rel)
        self._seen[rel] = stamp
