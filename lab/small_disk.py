"""A small disk of one's own, which can be full for a while. Needs the right to mount."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_REMOUNT, _DETACH = 32, 2
_SPARE = 64 << 10
"""Bytes that are left on a full disk."""


class SmallDisk:
    """A file system in memory.

    Args:
        place: where it is mounted; made when missing.
        size: bytes that it holds.
    """

    def __init__(self, place: Path, size: int) -> None:
        self._place = place
        self._size = size
        self._libc = ctypes.CDLL(None, use_errno=True)
        place.mkdir(parents=True, exist_ok=True)
        self.is_mounted = self._mount(size, 0)

    def _mount(self, size: int, flags: int) -> bool:
        options = f"size={size}".encode()
        done: int = self._libc.mount(
            b"tmpfs", os.fsencode(self._place), b"tmpfs", ctypes.c_ulong(flags), options
        )
        return done == 0

    def fill(self) -> None:
        """From now on hardly anything fits on it."""
        found = os.statvfs(self._place)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        self._mount(used + _SPARE, _REMOUNT)

    def empty(self) -> None:
        """It has its size again."""
        self._mount(self._size, _REMOUNT)

    def close(self) -> None:
        """Take it away, and all that is on it."""
        if self.is_mounted:
            self._libc.umount2(os.fsencode(self._place), _DETACH)
            self.is_mounted = False
