"""Steps of people that are one step for the file system, so that what was replaced or taken away is known exactly."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from lab.world import md5

_NOREPLACE, _EXCHANGE = 1, 2
_AT_HERE = -100
_libc = ctypes.CDLL(None, use_errno=True)


def _rename(source: Path, target: Path, flags: int) -> bool:
    return not _libc.renameat2(_AT_HERE, os.fsencode(source), _AT_HERE, os.fsencode(target), flags)


def move(source: Path, target: Path) -> bool:
    """Rename to a name that nothing has; False: the source is gone, or the name is taken."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return _rename(source, target, _NOREPLACE)


def exchange(one: Path, other: Path) -> bool:
    """Let two files change places; False: one of them is gone."""
    return _rename(one, other, _EXCHANGE)


def digest(path: Path) -> str:
    """The MD5 of a file. Raises: OSError."""
    return md5(path.read_bytes())
