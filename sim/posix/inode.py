"""Files and folders as the disk keeps them, and what is told of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

FIRST_DESCRIPTOR = 1 << 20


@dataclass(eq=False, slots=True)
class Inode:
    """A file, a folder or a symbolic link."""

    number: int
    kind: int
    mode: int
    device: int
    mtime_ns: int = 0
    ctime_ns: int = 0
    content: bytearray = field(default_factory=bytearray)
    durable: bytes | None = None
    entries: dict[str, Inode] = field(default_factory=dict)
    target: str = ""
    links: int = 0
    open: int = 0
    locked_by: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == stat.S_IFDIR

    def status(self) -> os.stat_result:
        """What `stat` says."""
        size = len(self.target) if self.kind == stat.S_IFLNK else len(self.content)
        seconds = (self.mtime_ns // 10**9, self.mtime_ns // 10**9, self.ctime_ns // 10**9)
        nano = {
            "st_atime_ns": self.mtime_ns,
            "st_mtime_ns": self.mtime_ns,
            "st_ctime_ns": self.ctime_ns,
        }
        return os.stat_result(
            (self.kind | self.mode, self.number, self.device, max(1, self.links), 1000, 1000, size, *seconds),
            nano,
        )


@dataclass(slots=True)
class Descriptor:
    """An open file description."""

    inode: Inode
    path: str
    flags: int
    owner: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a name that the disk may not have yet: what stood there before."""

    folder: Inode
    name: str
    before: Inode | None


class Entry:
    """What `scandir` gives."""

    __slots__ = ("_inode", "name", "path")

    def __init__(self, name: str, inode: Inode, path: str) -> None:
        self.name = name
        self.path = path
        self._inode = inode

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return self._inode.is_folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return self._inode.kind == stat.S_IFREG

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._inode.kind == stat.S_IFLNK

    def inode(self) -> int:
        """Its number."""
        return self._inode.number

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """What `lstat` says."""
        return self._inode.status()


class Listing:
    """What `scandir` returns: an iterator and a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Entry]:
        return self._entries

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def close(self) -> None:
        """Nothing to close."""


def failure(code: int, path: object = None) -> OSError:
    """What the kernel says instead of an answer."""
    return OSError(code, os.strerror(code), path)
