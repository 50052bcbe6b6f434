"""After a crash: every file that was left under a name of ours goes where it belongs."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from syncd.applier import notes, syscalls
from syncd.applier.failures import Unreadable
from syncd.applier.ground import PART, TMP, Ground, Spot
from syncd.applier.moving import ASIDE
from syncd.applier.notes import Note
from syncd.applier.stage import READY
from syncd.applier.trash import put_back, shelve, shelve_ours
from syncd.model import Checksum, FolderFile, MediaPath, parse_checksum


@dataclass(frozen=True, slots=True)
class Found:
    """A person's file that a crash had left under a name of ours.

    Args:
        file: the file, with the person's name for it.
        stands_at: where it is now in the folder; None when it went to the trash.
        kept_as: where it is in the trash.
    """

    file: FolderFile
    stands_at: MediaPath | None
    kept_as: str | None


def recover(ground: Ground, day: str) -> list[Found]:
    """Put everything in its place; nobody else may be at work in the folder.

    What cannot be put in its place now (a disk that is not mounted) keeps its note for the next time.

    Raises:
        OSError: `.syncd/tmp` cannot be read.
    """
    found: list[Found] = []
    noted = [f"{TMP}/{name}" for name in _names(ground) if name.endswith(notes.SUFFIX)]
    for rel in sorted(noted, key=lambda rel: not _tells_of_twins(ground, rel)):
        found += _replay(ground, rel, day)
    noted_still = {note.slot for note in _open_notes(ground)}
    for name in _names(ground):
        if f"{TMP}/{name}" not in noted_still:
            found += _leftover(ground, name, day)
    return found


def _open_notes(ground: Ground) -> list[Note]:
    """The notes of what has not been put in its place yet."""
    names = [name for name in _names(ground) if name.endswith(notes.SUFFIX)]
    read = [notes.read(ground, f"{TMP}/{name}") for name in names]
    return [note for note in read if note is not None]


def parked(ground: Ground) -> set[str]:
    """The names of files that an interruption left under a name of ours, and that have not been put back yet.

    They are neither there nor gone: nothing may be concluded from their absence.
    """
    try:
        standing = _open_notes(ground)
    except OSError:
        return set()  # there is no such folder before the first sync
    return {text for note in standing for text in (note.path, note.keep_as) if text}


def _names(ground: Ground) -> list[str]:
    with ground.at(f"{TMP}/x") as spot:
        return sorted(os.listdir(spot.folder))  # noqa: PTH208 - of a descriptor


def _replay(ground: Ground, rel: str, day: str) -> list[Found]:
    """Do what a note says; it goes when that is done or there is nothing to do."""
    note = notes.read(ground, rel)
    found: list[Found] = []
    if note is not None:
        try:
            with ground.at(note.slot) as slot:
                if slot.stamp() is None:
                    if note.twin is None and not _is_over(slot):
                        return []
                else:
                    found += _settle(ground, slot, note, day)
        except Unreadable:
            return []  # whose bytes they are cannot be told: they stay where they are
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            return []
    notes.drop(ground, rel)
    return found


def _tells_of_twins(ground: Ground, rel: str) -> bool:
    note = notes.read(ground, rel)
    return note is not None and note.twin is not None


def _is_over(slot: Spot) -> bool:
    """Whether an empty slot means that nothing is left to do; an empty folder may be a disk that is missing."""
    return slot.text.startswith(TMP) or bool(os.listdir(slot.folder))  # noqa: PTH208 - of a descriptor


def _settle(ground: Ground, slot: Spot, note: Note, day: str) -> list[Found]:
    """One file under our name: ours goes, a person's goes to its own name, to where it was to go, or to the trash."""
    checksum, stamp = slot.checksum(), slot.stamp()
    if note.twin is not None:
        if checksum == note.checksum == _checksum_at(ground, note.twin):
            syscalls.unlink(slot.folder, slot.name)
        return []
    if note.unfinished or checksum == note.checksum or stamp is None:
        syscalls.unlink(slot.folder, slot.name)
        return []
    path = MediaPath.of(note.path)
    file = FolderFile(path, stamp, checksum)
    if note.keep_as is not None or not _is_taken(ground, note.path):
        wanted = (
            path if note.keep_as is None or not _is_taken(ground, note.path) else MediaPath.of(note.keep_as)
        )
        try:
            return [Found(file, put_back(ground, slot, wanted), None)]
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise  # a folder that may not be changed now: it stays where it is, and keeps its note
    return [Found(file, None, shelve_ours(ground, slot, file, day))]


def _leftover(ground: Ground, name: str, day: str) -> list[Found]:
    """One file in `.syncd/tmp` of which no note tells."""
    with ground.at(f"{TMP}/{name}") as spot:
        stamp = spot.stamp()
        if stamp is None:
            return []
        if name.endswith(PART):
            syscalls.unlink(spot.folder, spot.name)  # received or copied in part: its source has it all
            return []
        if not name.endswith((READY, ASIDE)):
            return []
        try:
            checksum = spot.checksum()
        except Unreadable:
            return []  # it stays where it is
        if name.endswith(READY) and checksum == parse_checksum(name.partition(".")[0]):
            syscalls.unlink(spot.folder, spot.name)  # the bucket, or the file it was copied from, has it
            return []
        path = MediaPath.of(f"recovered/{name}")
        kept = shelve(ground, spot, path, day)
        return [Found(FolderFile(path, stamp, checksum), None, kept)]


def _checksum_at(ground: Ground, rel: str) -> Checksum | None:
    try:
        with ground.at(rel) as spot:
            return None if spot.stamp() is None else spot.checksum()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_taken(ground: Ground, rel: str) -> bool:
    try:
        with ground.at(rel) as spot:
            return syscalls.is_there(spot.folder, spot.name)
    except FileNotFoundError:
        return False
