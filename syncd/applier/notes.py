"""Recovery notes: what a crash may leave behind, and where it belongs.

Before a person's file stands, for an instant, under a name of ours, a note about it is on the disk. A note whose
file is not there means that nothing happened or that all is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from syncd.applier import syscalls
from syncd.applier.ground import TMP, Ground, random_name
from syncd.model import Checksum

SUFFIX = ".note"
NEAR = ".syncd-"
"""How the names of ours begin that are beside a file, on its disk."""


@dataclass(frozen=True, slots=True)
class Note:
    """One file under a name of ours.

    Args:
        slot: that name, relative to the media folder.
        path: the person's name for it.
        keep_as: where it shall go when its own name is taken; None for the trash.
        checksum: what stands at `slot` is ours when it has this checksum; None when it is the person's anyway.
        unfinished: what stands at `slot` is ours anyway: a copy that may not be complete.
        twin: a file of which one is to go, on another disk than the other. While it has the bytes of the one at
            `slot`, that one is not needed.
    """

    slot: str
    path: str
    keep_as: str | None = None
    checksum: Checksum | None = None
    unfinished: bool = False
    twin: str | None = None


def write(ground: Ground, note: Note) -> str:
    """Have a note on the disk; returns its path."""
    rel = f"{TMP}/{random_name()}{SUFFIX}"
    with ground.at(rel) as spot:
        descriptor = syscalls.create(spot.folder, spot.name, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0):
            syscalls.write(descriptor, json.dumps(asdict(note)).encode())
            syscalls.sync_file(descriptor)
        syscalls.sync_folder(spot.folder)
    return rel


def drop(ground: Ground, rel: str) -> None:
    """Remove a note; should it survive a crash, it does no harm."""
    with ground.at(rel) as spot:
        syscalls.unlink(spot.folder, spot.name)


@contextmanager
def noted(ground: Ground, note: Note, *, ours: int = 0) -> Iterator[None]:
    """A note for the time of a step. After a failure it stays as long as a person's file has our name.

    Args:
        ground: the media folder.
        note: what to write.
        ours: the inode of our own file, when that may stand at the slot.
    """
    rel = write(ground, note)
    try:
        yield
    except Exception:
        with ground.at(note.slot) as spot:
            left = spot.stamp()
            if left.inode == ours if left is not None else not syscalls.is_there(spot.folder, spot.name):
                drop(ground, rel)
        raise
    drop(ground, rel)


@contextmanager
def twins(ground: Ground, slot: str, twin: str, checksum: Checksum) -> Iterator[None]:
    """A note for the time in which a file is on two disks; after a crash, the one at `slot` goes if both have it."""
    rel = write(ground, Note(slot, slot, checksum=checksum, twin=twin))
    try:
        yield
    except Exception:
        drop(ground, rel)
        raise
    drop(ground, rel)


def read(ground: Ground, rel: str) -> Note | None:
    """A note, or None when it was not written to its end (nothing was done then)."""
    with ground.at(rel) as spot:
        descriptor = spot.open()
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(1 << 16)
    try:
        return _read(json.loads(content))
    except (ValueError, RecursionError):
        return None


def _read(found: Any) -> Note | None:
    """A note, or None for anything that `write` would not have written: by a note, what is at its slot may be deleted."""
    match found:
        case {
            "slot": str(slot),
            "path": str(path),
            "keep_as": str() | None as keep_as,
            "checksum": str() | None as checksum,
        }:
            unfinished, twin = found.get("unfinished") is True, found.get("twin")
        case _:
            return None
    if not isinstance(twin, str | None):
        return None
    if twin is None and not _is_ours(slot):
        return None
    return Note(slot, path, keep_as, None if checksum is None else Checksum(checksum), unfinished, twin)


def _is_ours(slot: str) -> bool:
    """Whether a name is one of ours: in our folder, or beside a file on another disk."""
    return slot.startswith(f"{TMP}/") or slot.rpartition("/")[2].startswith(NEAR)
