"""Whether a disk's renames with flags can be relied on: tried out with two empty files of our own, before the first of a person's.

Some file systems in user space accept the flags, disregard them and rename: an "exchange" replaces the other file. Asked
once for each disk and opened folder, when the first such rename is due; a disk that does otherwise than told counts as
one without such renames.

Linux itself refuses NOREPLACE where it sees the name; that the file system heeds it too matters only where somebody
changes its files past the mount, and cannot be seen. Who disregards one flag most likely disregards both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from syncd.applier import notes, syscalls
from syncd.applier.ground import PART, TMP, Ground, Spot, random_name


def keeps_its_word(ground: Ground, source: Spot, target: Spot) -> bool:
    """Whether the disk of these two does as told, or says by itself that it cannot.

    Where it cannot be tried out (the disk is full, say) the answer is no, and the next rename asks again: the careful
    way is taken, and raises whatever is wrong.
    """
    disk = os.fstat(source.folder).st_dev
    if source.folder != target.folder and disk != os.fstat(target.folder).st_dev:
        return True  # the kernel refuses, whatever the flags
    if disk not in ground.honest:
        with ground.shape:
            try:
                if disk not in ground.honest:  # another thread may have been faster
                    ground.honest[disk] = _is_honest(ground, source, disk)
            except OSError:
                return False
    return ground.honest[disk]


def _is_honest(ground: Ground, source: Spot, disk: int) -> bool:
    with ground.at(f"{TMP}/{random_name()}{PART}") as one:
        if os.fstat(one.folder).st_dev == disk:
            return _does_as_told(one, one.beside(f"{random_name()}{PART}"))
    with _near(ground, source) as one, _near(ground, source) as other:
        honest = _does_as_told(one, other)
        syscalls.sync_folder(source.folder)  # before the notes go: nobody would take the names away
        return honest


@contextmanager
def _near(ground: Ground, source: Spot) -> Iterator[Spot]:
    """A name of ours on another disk than `.syncd`, with a note by which it goes after a crash."""
    spot = source.beside(f"{notes.NEAR}{random_name()}{PART}")
    with notes.noted(ground, notes.Note(spot.text, spot.text, unfinished=True)):
        yield spot


def _does_as_told(one: Spot, other: Spot) -> bool:
    try:
        for spot in (one, other):  # empty: a disk without a free byte can be asked as well
            os.close(syscalls.create(spot.folder, spot.name, 0o600))
        return _refuses(one, other) and _exchanges(one, other)
    finally:
        for spot in (one, other):
            with suppress(OSError):  # a rename took it; or `recover` does
                syscalls.unlink(spot.folder, spot.name)


def _refuses(one: Spot, other: Spot) -> bool:
    try:
        syscalls.renameat2(one.folder, one.name, other.folder, other.name, syscalls.NOREPLACE)
    except (FileExistsError, syscalls.UnsupportedError):
        return True
    return False


def _exchanges(one: Spot, other: Spot) -> bool:
    before = _inodes(one, other)
    try:
        syscalls.renameat2(one.folder, one.name, other.folder, other.name, syscalls.EXCHANGE)
    except syscalls.UnsupportedError:
        return True
    # Listed, too, because that asks the disk: a look at a name may be answered from what the kernel believes was done.
    listed = set(os.listdir(one.folder))  # noqa: PTH208 - of a descriptor
    return {one.name, other.name} <= listed and _inodes(other, one) == before


def _inodes(*spots: Spot) -> list[int | None]:
    return [None if stamp is None else stamp.inode for stamp in (spot.stamp() for spot in spots)]
