"""Folders that are swapped for links to elsewhere while syncd works in them: nothing outside is read, written or moved.

`SYNCD_SECONDS=180 .venv/bin/python -m pytest --timeout=0 tests/unit/disk/test_swapped_folders.py` goes on for longer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lab.swapping import swapping
from syncd.applier.disk import MediaFolder
from syncd.errors import FolderError, MovedOn
from syncd.ignore import IgnoreRules
from syncd.model import FolderFile, MediaPath
from syncd.ports import SilentProgress
from syncd.scanner import Glance, TooWide, scan
from tests.unit.disk.album import Album, md5

SECONDS = float(os.environ.get("SYNCD_SECONDS", "3"))
INSIDE, SECRET = b"inside", b"a secret of somebody else"
FOLDERS = ("a", "b/c", "b")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What is none of syncd's business, with the same names in it."""
    root = tmp_path / "outside"
    for name in ("a", "c", "b", "b/c"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for file in ("x.jpg", "y.jpg", "new.jpg", "moved.jpg"):
            (root / name / file).write_bytes(SECRET)
    return root


def everything(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Each file with its bytes, its time and its inode."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            status = path.stat()
            found[str(path.relative_to(root))] = (path.read_bytes(), status.st_mtime_ns, status.st_ino)
    return found


def test_nothing_leads_outside(album: Album, outside: Path) -> None:
    """Fetching, replacing, moving, trashing, copying and hashing, each again and again while three folders are swapped."""
    for folder in FOLDERS:
        for name in ("x.jpg", "y.jpg"):
            album.write(f"{folder}/{name}", INSIDE)
    before = everything(outside)
    work = Work(album)
    with swapping(outside, [album.root / folder for folder in FOLDERS]):
        work.go_on(SECONDS)
    album.folder.recover()
    assert everything(outside) == before, "something outside was touched"
    assert SECRET not in album.everything().values(), "something outside was brought in"
    assert md5(SECRET) not in work.seen
    assert min(work.done.values()) > 0, work.done


class Work:
    """What a run does with the folder, over and over, and what it read."""

    def __init__(self, album: Album) -> None:
        self.album = album
        self.folder: MediaFolder = album.folder
        self.seen: set[str] = set()
        self.done: dict[str, int] = {}
        self.rules = IgnoreRules.load(album.root, [])
        self._files: list[FolderFile] = []
        self._turn = 0

    def go_on(self, seconds: float) -> None:
        """Until the time is over."""
        kinds: tuple[Callable[[], object], ...] = (
            *(self.scan, self.glance, self.read, self.replace),
            *(self.scan, self.copy, self.move, self.fetch, self.trash, self.put_aside),
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end or min(self.done.get(kind.__name__, 0) for kind in kinds) == 0:
            assert time.monotonic() < end + 60, self.done
            for kind in kinds:
                self._turn += 1
                with suppress(MovedOn, FolderError, TooWide):
                    kind()
                    self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    def _note(self, files: dict[str, FolderFile]) -> None:
        self.seen |= {file.checksum for file in files.values()}
        self._files = [file for file in files.values() if file.checksum == md5(INSIDE)] or self._files

    def _one(self) -> FolderFile:
        if not self._files:
            raise MovedOn("none is to be seen")
        return self._files[self._turn % len(self._files)]

    def scan(self) -> None:
        """Everything is walked and hashed."""
        progress = SilentProgress()
        found = scan(self.album.root, {}, self.rules, now_ns=time.time_ns(), progress=progress, threads=2)
        self._note(dict(found.snapshot.files))

    def glance(self) -> None:
        """A few paths are looked at."""
        paths = [MediaPath.of(f"{folder}/x.jpg") for folder in FOLDERS]
        with Glance(self.album.root, self.rules, progress=SilentProgress(), threads=1) as near:
            near.look(paths, {})
            self._note(dict(near.scan(time.time_ns()).snapshot.files))

    def read(self) -> None:
        """A file is opened to be sent."""
        with self.folder.open_verified(self._one()) as source:
            self.seen.add(md5(source.read()))

    def fetch(self) -> None:
        """A new file arrives."""
        folder = FOLDERS[self._turn % 3]
        with self.album.ready(INSIDE) as ready:
            self.folder.place(ready, MediaPath.of(f"{folder}/new {self._turn}.jpg"))

    def replace(self) -> None:
        """A file gets other bytes."""
        file = self._one()
        with self.album.ready(INSIDE) as ready:
            self.folder.place(ready, file.path, replaces=file)

    def copy(self) -> None:
        """A file is copied within the folder."""
        with self.folder.copy_in(self._one()) as ready:
            self.folder.place(ready, MediaPath.of(f"{FOLDERS[self._turn % 3]}/copy {self._turn}.jpg"))

    def move(self) -> None:
        """A file goes from folder to folder."""
        self.folder.move(
            self._one(), MediaPath.of(f"{FOLDERS[self._turn % 3]}/moved {self._turn}.jpg"), prune=False
        )

    def put_aside(self) -> None:
        """A file makes room for another one."""
        with self.folder.step_aside(self._one()) as parked:
            parked.settle(MediaPath.of(f"{FOLDERS[self._turn % 3]}/aside {self._turn}.jpg"))

    def trash(self) -> None:
        """Now and then a file is trashed."""
        if self._turn % 5 == 0:
            self.folder.trash(self._one(), reason="test")
