"""A disk with damaged places: a folder shown through FUSE, where chosen files and folders answer with an I/O error.

    with DamagedDisk(tmp_path / "disk", world.folder) as disk:
        disk.damage("album/scan.jpg", Place.CONTENT)
        …
        disk.heal()

Everything else goes through to a folder of this machine. Its file system has neither exchange nor "rename, but do not
replace", as many in user space; and says so, unless it is told to accept such a rename and carry out a plain one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from lab.process import ROOT, Server


class Place(StrEnum):
    """What of a file or folder cannot be read."""

    CONTENT = "content"
    """A file's bytes."""
    LIST = "list"
    """A folder's entries."""
    STATUS = "status"
    """Size, times and all that `stat` says."""


class DamagedDisk(Server):
    """Such a disk, mounted.

    Args:
        base: where it keeps its files, log and the list of what is damaged.
        mount: where it is mounted: a folder that is there.
        disregards_flags: whether a rename with flags is carried out as one without.
    """

    def __init__(self, base: Path, mount: Path, *, disregards_flags: bool = False) -> None:
        super().__init__("the damaged disk", base / "disk.log")
        self.files = base / "files"
        self.mount = mount
        self._damage = base / "damage.json"
        self._disregards_flags = disregards_flags
        self._told: dict[str, dict[str, int]] = {}
        self.files.mkdir(parents=True)
        self._tell()

    @staticmethod
    def installed() -> bool:
        """Whether this machine lets such a disk be mounted."""
        return os.geteuid() == 0 and Path("/dev/fuse").exists() and shutil.which("fusermount3") is not None

    def command(self) -> Sequence[str | Path]:
        """Serve until it is unmounted."""
        flags = "disregarded" if self._disregards_flags else "refused"
        return [sys.executable, "-m", "lab.damaged_files", self.files, self.mount, self._damage, flags]

    def environment(self) -> Mapping[str, str]:
        """So that this module is found, and the library that knows of flags."""
        return {"PYTHONPATH": str(ROOT), "FUSE_LIBRARY_NAME": "fuse3"}

    def ready(self) -> bool:
        """Whether it is mounted."""
        return self.mount.is_mount()

    def stop(self) -> None:
        """Unmount it, whatever is open there, and end it."""
        subprocess.run(["fusermount3", "-u", "-z", self.mount], check=False, capture_output=True)
        super().stop()

    def damage(self, path: str, place: Place, *, after: int = 0) -> None:
        """Have a path answer with an I/O error from now on; bytes are bad with the file that is there, wherever it goes.

        Args:
            path: relative to the disk.
            place: what of it is damaged.
            after: how often it may still be opened without any error (of content only).
        """
        where = str((self.files / path).stat().st_ino) if place is Place.CONTENT else path
        self._told[where] = {str(place): after}
        self._tell()

    def heal(self) -> None:
        """Have everything answer again."""
        self._told.clear()
        self._tell()

    def _tell(self) -> None:
        new = self._damage.with_suffix(".new")
        new.write_text(json.dumps(self._told))
        new.replace(self._damage)
