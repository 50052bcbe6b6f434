"""Moves from name to name that never overwrite, told apart by who else may write at the destination.

- `move_inside` to a name in syncd's own folder. Nobody else writes there, so looking first is safe everywhere.
- `move_out` to a name in the person's folder, where anything may appear at any time.

Both go by `move_directly` where the disk can, and where it keeps its word: see `trust`.
"""

from __future__ import annotations

import errno
import os

from syncd.applier import syscalls, trust
from syncd.applier.ground import Ground, Spot

_NO_LINKS = frozenset([errno.EPERM, errno.EMLINK, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])


def move_directly(ground: Ground, source: Spot, target: Spot) -> None:
    """One rename that fails when the target exists.

    Raises:
        UnsupportedError: not here.
        FileExistsError: the target is taken.
    """
    _rename(ground, source, target, syscalls.NOREPLACE)


def exchange(ground: Ground, source: Spot, target: Spot) -> None:
    """Swap two names: at no instant is either missing.

    Raises:
        UnsupportedError: not here.
        FileNotFoundError: one of them does not exist.
    """
    _rename(ground, source, target, syscalls.EXCHANGE)


def move_inside(ground: Ground, source: Spot, target: Spot) -> None:
    """Move to a name in syncd's own folder, or to a random one; fails when it is taken."""
    try:
        move_directly(ground, source, target)
    except syscalls.UnsupportedError:
        _require_free(target)
        syscalls.rename(source.folder, source.name, target.folder, target.name)


def move_out(ground: Ground, source: Spot, target: Spot) -> None:
    """Move from a name that only syncd uses to one in the person's folder; fails when it is taken.

    By hard link the new name is on the disk before the old one goes: should the power fail, there are two, never none.

    RACE: on a file system that has neither such a rename nor hard links (FAT on old kernels, some FUSE), a file
    that appears between the look and the rename is overwritten.
    """
    try:
        move_directly(ground, source, target)
        return
    except syscalls.UnsupportedError:
        pass
    try:
        syscalls.link(source.folder, source.name, target.folder, target.name)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        syscalls.sync_folder(target.folder)
        syscalls.unlink(source.folder, source.name)
        return
    _require_free(target)
    syscalls.rename(source.folder, source.name, target.folder, target.name)


def _rename(ground: Ground, source: Spot, target: Spot, flags: int) -> None:
    if not trust.keeps_its_word(ground, source, target):
        raise syscalls.UnsupportedError
    syscalls.renameat2(source.folder, source.name, target.folder, target.name, flags)


def _require_free(target: Spot) -> None:
    if syscalls.is_there(target.folder, target.name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target.name)
