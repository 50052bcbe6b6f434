"""Disks that come and go."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READ_ONLY = 1
_REMOUNT = 32
_BIND = 4096
_DETACH = 2


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
    """Give a file system in memory another size, or have it take no changes (any more)."""
    flags = ctypes.c_ulong(_REMOUNT | (_READ_ONLY if read_only else 0))
    assert ctypes.CDLL(None).mount(b"tmpfs", bytes(target), b"tmpfs", flags, size.encode() or None) == 0
