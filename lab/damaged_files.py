"""The process behind `lab.damaged`: serves a folder through FUSE until it is unmounted.

python -m lab.damaged_files <folder> <where to mount it> <what is damaged: JSON> <refused|disregarded: flags of renames>
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mfusepy  # type: ignore[import-untyped]

from lab.damaged import Place


def _refuse(code: int) -> OSError:
    return OSError(code, os.strerror(code))


class Shown(mfusepy.Operations):  # type: ignore[misc]
    """The folder as it is, but for what is damaged. Paths begin with a slash; times are in nanoseconds."""

    use_ns = True

    def __init__(self, files: Path, damage: Path) -> None:
        self._files = files
        self._damage = damage
        self._opened: Counter[tuple[int, int]] = Counter()
        self._bad: set[int] = set()

    def _real(self, path: str) -> Path:
        return self._files / path.lstrip("/")

    def _told(self, where: str) -> dict[str, int]:
        told: dict[str, int] = json.loads(self._damage.read_bytes()).get(where, {})
        return told

    def _check(self, path: str, place: Place) -> None:
        if place in self._told(path.lstrip("/")):
            raise _refuse(errno.EIO)

    # --- a file's bytes -----------------------------------------------------------------------------------------------

    def open(self, path: str, flags: int) -> int:
        """Open a file; whether its bytes can be read is settled here."""
        descriptor = os.open(self._real(path), flags)
        inode = os.fstat(descriptor).st_ino
        told = self._told(str(inode))
        if Place.CONTENT in told:
            self._opened[self._damage.stat().st_ino, inode] += 1
            if self._opened[self._damage.stat().st_ino, inode] > told[Place.CONTENT]:
                self._bad.add(descriptor)
        return descriptor

    def create(self, path: str, mode: int, _info: object = None) -> int:
        """Create a file."""
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def read(self, _path: str, size: int, offset: int, descriptor: int) -> bytes:
        """Read, unless the file is damaged."""
        if descriptor in self._bad:
            raise _refuse(errno.EIO)
        return os.pread(descriptor, size, offset)

    def write(self, _path: str, content: bytes, offset: int, descriptor: int) -> int:
        """Write."""
        return os.pwrite(descriptor, content, offset)

    def truncate(self, path: str, length: int, _descriptor: int | None = None) -> None:
        """Cut a file short."""
        os.truncate(self._real(path), length)

    def fsync(self, _path: str, _data_only: int, descriptor: int) -> int:
        """Have it on the disk."""
        os.fsync(descriptor)
        return 0

    def release(self, _path: str, descriptor: int) -> int:
        """Close."""
        self._bad.discard(descriptor)
        os.close(descriptor)
        return 0

    # --- names and what is said of them -------------------------------------------------------------------------------

    def getattr(self, path: str, _descriptor: int | None = None) -> dict[str, int]:
        """What `lstat` says."""
        self._check(path, Place.STATUS)
        status = self._real(path).lstat()
        plain = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino", "st_blocks")
        times = {f"st_{name}time": getattr(status, f"st_{name}time_ns") for name in "amc"}
        return {**{name: getattr(status, name) for name in plain}, **times}

    def readdir(self, path: str, _descriptor: int) -> Iterator[tuple[str, dict[str, int], int]]:
        """The entries of a folder."""
        self._check(path, Place.LIST)
        folder = self._real(path)
        for name, where in ((".", folder), ("..", folder), *((one.name, one) for one in folder.iterdir())):
            status = where.lstat()
            yield name, {"st_ino": status.st_ino, "st_mode": status.st_mode}, 0

    def statfs(self, path: str) -> dict[str, int]:
        """How much room there is."""
        found = os.statvfs(self._real(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_favail", "f_ffree", "f_files")
        return {name: getattr(found, name) for name in (*names, "f_namemax")}

    def rename(self, old: str, new: str) -> None:
        """Give a file or folder another name."""
        self._real(old).rename(self._real(new))

    def link(self, target: str, source: str) -> None:
        """Give a file one more name."""
        self._real(target).hardlink_to(self._real(source))

    def unlink(self, path: str) -> None:
        """Remove a file's name."""
        self._real(path).unlink()

    def mkdir(self, path: str, mode: int) -> None:
        """Make a folder."""
        self._real(path).mkdir(mode)

    def rmdir(self, path: str) -> None:
        """Remove a folder."""
        self._real(path).rmdir()

    def chmod(self, path: str, mode: int) -> None:
        """Change rights."""
        self._real(path).chmod(mode)

    def chown(self, path: str, owner: int, group: int) -> None:
        """Change owners."""
        os.chown(self._real(path), owner, group)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        """Change times."""
        if times is None:
            os.utime(self._real(path))
        else:
            os.utime(self._real(path), ns=times)


class Mounted(mfusepy.FUSE):  # type: ignore[misc]
    """The library would carry out a rename with flags as one without."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        """Rename; refused with flags."""
        if flags:
            raise _refuse(errno.EINVAL)
        return int(super().rename_fuse_3(old, new, flags) or 0)


def main(files: str, mount: str, damage: str, flags: str) -> None:
    """Mount, and answer until it is unmounted. The kernel keeps nothing: each look shows what is damaged now."""
    kind = Mounted if flags == "refused" else mfusepy.FUSE
    kind(
        Shown(Path(files), Path(damage)),
        mount,
        foreground=True,
        direct_io=True,
        use_ino=True,
        hard_remove=True,
        allow_other=True,
        default_permissions=True,
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
