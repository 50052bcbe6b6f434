"""Disks that come and go, or are full for a while. Needs the right to mount."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_READ_ONLY = 1
_REMOUNT = 32
_BIND = 4096
_DETACH = 2
_SPARE = 64 << 10
"""Bytes that are left on a full disk."""


class NotAllowedError(Exception):
    """This user may not mount anything here."""


@contextmanager
def mounted(source: Path | None, target: Path, *, in_use: bool = True, size: str = "") -> Iterator[None]:
    """Mount a file system in memory, or (bound) a folder of one.

    With `in_use` False it must be possible to unmount it as a person does: nobody may have anything open there. `size`
    limits the one in memory: `size=20m`, `nr_inodes=50`.

    Raises:
        NotAllowedError: it needs the right to mount.
    """
    libc = ctypes.CDLL(None)
    target.mkdir(exist_ok=True)
    origin, kind, flags = (
        (b"tmpfs", b"tmpfs", 0) if source is None else (bytes(source), None, ctypes.c_ulong(_BIND))
    )
    if libc.mount(origin, bytes(target), kind, flags, size.encode() or None) != 0:
        raise NotAllowedError
    try:
        yield
    finally:
        assert libc.umount2(bytes(target), _DETACH if in_use else 0) == 0


def remount(target: Path, size: str = "", *, read_only: bool = False) -> None:
    """Give a file system in memory another size, or have it take no changes (any more).

    Raises:
        OSError: it does not have that size: more is on it, or somebody is writing there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_REMOUNT | (_READ_ONLY if read_only else 0))
    if libc.mount(b"tmpfs", bytes(target), b"tmpfs", flags, size.encode() or None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


class SmallDisk:
    """A file system in memory that can be full for a while.

    Args:
        place: where it is mounted: a folder to be made.
        size: bytes that it holds.

    Raises:
        NotAllowedError: it needs the right to mount.
    """

    def __init__(self, place: Path, size: int) -> None:
        self._place = place
        self._size = size
        self._mounted = ExitStack()
        self._mounted.enter_context(mounted(None, place, size=f"size={size}"))

    def fill(self) -> None:
        """From now on hardly anything fits on it."""
        found = os.statvfs(self._place)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        with suppress(OSError):  # more than what is spared was written in this very moment: it goes unfilled
            remount(self._place, f"size={used + _SPARE}")

    def empty(self) -> None:
        """It has its size again."""
        remount(self._place, f"size={self._size}")

    def close(self) -> None:
        """Take it away, and all that is on it."""
        self._mounted.close()
