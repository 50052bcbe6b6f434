"""Where all contenders meet: a real Gramps Web over a real S3 server, a folder, and what brings both back to the start."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.costs import Cost, Ran, run
from bench.photos import Photos
from lab.gramps_web import GrampsWeb
from lab.process import LAB, LabError
from lab.s3 import RcloneS3
from lab.world import SYNCD, World

BUCKET = "media"


@dataclass(frozen=True, slots=True)
class Arena:
    """One tree, its bucket and one desktop.

    Args:
        base: a folder for whatever a work needs.
        photos: the files that the tree has objects for, apart from the media folder.
        s3: the S3 server.
        world: tree, bucket and desktop.
    """

    base: Path
    photos: Photos
    s3: RcloneS3
    world: World

    @property
    def folder(self) -> Path:
        """The media folder."""
        return self.world.folder

    @property
    def prefix(self) -> str:
        """Where the tree's keys are: `s3://bucket/tree-id/`."""
        return f"s3://{BUCKET}/{self.world.tree.id}/"

    @property
    def keys(self) -> Path:
        """The folder in which the S3 server keeps them."""
        return self.s3.data / BUCKET / self.world.tree.id

    # --- back to the start -----------------------------------------------------------------------------------------

    def empty_bucket(self) -> None:
        """No key is there."""
        self.put_away(self.keys)
        self._settle()

    def fill_bucket(self) -> None:
        """Every content is there under its checksum."""
        self.keys.mkdir(parents=True, exist_ok=True)
        for path, checksum in self.photos.checksums.items():
            if not (self.keys / checksum).exists():
                shutil.copyfile(self.photos.folder / path, self.keys / checksum)
        self._settle()

    def empty_folder(self) -> None:
        """The media folder has no file."""
        self.put_away(self.folder)
        self.folder.mkdir()
        self._settle()

    def fill_folder(self) -> None:
        """The media folder has all files, with new inodes and times."""
        self.put_away(self.folder)
        shutil.copytree(self.photos.folder, self.folder, copy_function=shutil.copyfile)
        self._settle()

    def forget(self) -> None:
        """Syncd knows nothing: its next run is a first contact."""
        shutil.rmtree(self.world.desktop.state_dir)
        self.world.desktop.state_dir.mkdir()
        shutil.rmtree(self.folder / ".syncd", ignore_errors=True)

    def put_away(self, folder: Path) -> None:
        """Have a folder gone, but not deleted: for a minute ext4 looks long for an inode that was not freed just now."""
        if folder.exists():
            away = self.base / "away" / f"{time.monotonic_ns()}"
            away.parent.mkdir(exist_ok=True)
            folder.rename(away)

    def _settle(self) -> None:
        self.s3.forget_folders()  # it was written to behind its back
        os.sync()  # what one contender has left to be written is not to hold up the next

    # --- runs ------------------------------------------------------------------------------------------------------

    def run(self, *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
        """Run a contender's command, with what it needs to find the servers."""
        return run(command, env={**self.s3.client_environment(), **(env or {})}, cwd=cwd or self.base)

    def syncd(self, *arguments: str, through: str = "", ok: tuple[int, ...] = (0,)) -> Ran:
        """Run syncd on the desktop; `through` is a command that runs it."""
        return run(
            [*([through] if through else []), SYNCD, *arguments],
            env=self.world.desktop.environment(),
            cwd=self.world.desktop.base,
            ok=ok,
        )

    # --- what came of it -------------------------------------------------------------------------------------------

    def check_bucket(self) -> None:
        """See that every content is in the bucket, whole."""
        for path, checksum in self.photos.checksums.items():
            key = self.keys / checksum
            if not key.exists() or key.stat().st_size != (self.photos.folder / path).stat().st_size:
                raise LabError(f"{checksum} is not in the bucket")

    def check_folder(
        self, folder: Path, name: Callable[[str, str], str] = lambda path, _checksum: path
    ) -> None:
        """See that every file is in a folder, whole; `name` tells under which name, of path and checksum."""
        for path, checksum in self.photos.checksums.items():
            found = folder / name(path, checksum)
            if not found.exists() or found.stat().st_size != (self.photos.folder / path).stat().st_size:
                raise LabError(f"{path} is not in {folder}")


@contextmanager
def arena(make: Callable[[Path], Photos], *, keys_for: str = "1s") -> Iterator[Arena]:
    """An arena with these files: the tree has their objects, the folder and the bucket have nothing.

    Args:
        make: makes the files in an empty folder.
        keys_for: for how long the S3 server remembers which keys there are; long where there are many.
    """
    base = Path(tempfile.mkdtemp(prefix="bench-", dir=LAB))
    try:
        photos = make(base / "photos")
        export = base / "tree.gramps"
        export.write_text(photos.tree_xml())
        with RcloneS3(base / "s3", folders_for=keys_for) as s3:
            s3.new_bucket(BUCKET)
            server = GrampsWeb(base / "gramps-web", s3=s3)
            server.release.import_tree(export, base / "tree")
            with server:
                world = World.on(server, base / "world", base / "tree")
                world.configure(first_sync="go")
                try:
                    yield Arena(base, photos, s3, world)
                finally:
                    world.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def phase_cost(document: dict[str, Any], *names: str) -> Cost:
    """How long parts of a run took together, by its JSON document."""
    return Cost(sum(part["seconds"] for part in document["phases"] if part["name"] in names))
