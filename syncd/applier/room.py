"""How much may still be written to a disk: what is on its way is counted before it is there, and some is left free."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from syncd.applier.failures import Blocked
from syncd.errors import FolderError

KEEP_FREE = 16 << 20
"""Bytes that are left free, so that notes, the trash and the person still have room."""

SCARCE = 256 << 20
"""Bytes: while so much is left, a file that does not fit is a large one, and smaller ones may fit."""

MIB = 1 << 20


class NoRoom(Blocked):
    """One file is too large for what the disk has left; smaller ones may fit."""


@dataclass(slots=True)
class Room:
    """The room on the disk of a media folder, shared by all that arrives there at once.

    Args:
        root: the media folder, for messages.
    """

    root: Path
    _promised: int = 0
    """Bytes of the files on their way that are not written yet."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, descriptor: int, size: int) -> Claim:
        """Have room for a file of `size` bytes on the disk of an open file or folder.

        Raises:
            NoRoom: this one does not fit.
            FolderError: the disk is full.
        """
        with self._lock:
            require(self.root, free_space(descriptor) - self._promised, size)
            self._promised += size
        return Claim(self, descriptor, size)

    def take_back(self, size: int) -> None:
        """So many promised bytes are written, or never will be."""
        with self._lock:
            self._promised -= size

    def check(self, descriptor: int, size: int) -> None:
        """See that so many bytes fit that nobody was promised.

        Raises:
            NoRoom: they do not.
            FolderError: the disk is full.
        """
        with self._lock:
            require(self.root, free_space(descriptor) - self._promised, size)


@dataclass(slots=True)
class Claim:
    """What one file on its way may still write."""

    room: Room
    descriptor: int
    left: int

    def check(self, size: int) -> None:
        """To be called before so many bytes are written: what is larger than was said must fit, too."""
        if size > self.left:
            self.room.check(self.descriptor, size - self.left)

    def spend(self, size: int) -> None:
        """So many bytes are written."""
        taken = min(size, self.left)
        self.left -= taken
        self.room.take_back(taken)

    def release(self) -> None:
        """Nothing more is written."""
        self.spend(self.left)


def free_space(descriptor: int) -> int:
    """Bytes that may still be written to the disk of an open file or folder."""
    found = os.fstatvfs(descriptor)
    return found.f_bavail * found.f_frsize


def require(root: Path, free: int, size: int) -> None:
    """See that a file of `size` bytes fits into the `free` ones, and that something is left.

    Raises:
        NoRoom: it does not.
        FolderError: hardly anything does.
    """
    if free >= size + KEEP_FREE:
        return
    kind, what = (
        (NoRoom, f"has no room for it: {free // MIB} MiB are left")
        if free >= SCARCE
        else (FolderError, f"is full: {max(free, 0) // MIB} MiB are free")
    )
    raise kind(
        f"the disk that holds {root} {what}, {-(-(size + KEEP_FREE) // MIB)} MiB are needed",
        "free some space; syncd goes on by itself in the next run",
    )
