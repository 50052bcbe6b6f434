"""Disks that come and go."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BIND = 4096
_DETACH = 2


class NotAllowedError(Exception):
    """This user may not mount anything here."""


@contextmanager
def mounted(source: Path | None, target: Path, *, in_use: bool = True) -> Iterator[None]:
    """Mount a file system in memory, or (bound) a folder of one.

    With `in_use` False it must be possible to unmount it as a person does: nobody may have anything open there.

    Raises:
        NotAllowedError: it needs the right to mount.
    """
    libc = ctypes.CDLL(None)
    target.mkdir(exist_ok=True)
    origin, kind, flags = (
        (b"tmpfs", b"tmpfs", 0) if source is None else (bytes(source), None, ctypes.c_ulong(_BIND))
    )
    if libc.mount(origin, bytes(target), kind, flags, None) != 0:
        raise NotAllowedError
    try:
        yield
    finally:
        assert libc.umount2(bytes(target), _DETACH if in_use else 0) == 0
