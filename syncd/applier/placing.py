"""Putting files at the person's names: new ones, ones that replace others, and moves. Nothing is ever overwritten.

A replaced file is swapped out in one step where the file system can, so that there is no instant without a file;
else it steps aside first. Either way what came out is looked at before it goes anywhere: when it is not what
was scanned, it goes back.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass, replace

from syncd.applier import notes, renames, stage, syscalls
from syncd.applier.ground import TMP, Ground, Spot, changed, moved_only, random_name
from syncd.applier.moving import ASIDE, move_within
from syncd.applier.stage import Ready
from syncd.applier.trash import bury, put_back, remove_copied, shelve_ours
from syncd.errors import MovedOn
from syncd.model import FileStamp, FolderFile, MediaPath


@dataclass(frozen=True, slots=True)
class Wish:
    """What a placing shall do.

    Args:
        path: where the bytes go.
        replaces: the file that leaves: at this path or at another. None: the path must be free.
        keep_as: where that file goes; None for the trash.
        day: ISO date, for the trash.
        sync_later: a new name need not be on the disk before `Ground.sync_names`; not where another file leaves for it.
    """

    path: MediaPath
    replaces: FolderFile | None = None
    keep_as: MediaPath | None = None
    day: str = ""
    sync_later: bool = False

    @property
    def keep_text(self) -> str | None:
        """`keep_as` for a note."""
        return None if self.keep_as is None else self.keep_as.text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a placing did.

    Args:
        file: the file as it stands now.
        kept: where the replaced file is in the trash.
        aside: the replaced file as it stands now beside.
    """

    file: FolderFile
    kept: str | None = None
    aside: FolderFile | None = None


def place(ground: Ground, ready: Ready, wish: Wish) -> Outcome:
    """Put a ready file at a path.

    Raises:
        MovedOn: the path is taken, or what is there is not the file that was scanned: nothing was done.
        OSError: see `failures`.
    """
    replaces = wish.replaces
    here = wish
    if replaces is not None and replaces.path.key != wish.path.key:
        here = Wish(wish.path)
    try:
        with ground.at(ready.rel) as slot:
            outcome = _place(ground, slot, ready, here)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        outcome = _place_across(ground, ready, replace(here, sync_later=False))
    if replaces is None or here is wish:
        return outcome
    if wish.keep_as is not None:
        return Outcome(outcome.file, aside=move(ground, replaces, wish.keep_as))
    return Outcome(outcome.file, kept=bury(ground, replaces, wish.day))


def _place(ground: Ground, slot: Spot, ready: Ready, wish: Wish) -> Outcome:
    path, replaces = wish.path, wish.replaces
    mine = slot.standing()
    if replaces is None:
        with ground.filled(path.text, lambda target: renames.move_out(ground, slot, target)) as target:
            ready.moved = slot.text == ready.rel
            if wish.sync_later:
                ground.sync_later(target.folder)
            else:
                syscalls.sync_folder(target.folder)
            return Outcome(_as_placed(target, mine, ready))
    with ground.at(path.text) as target:
        target.require(replaces.stamp)
        _inherit_rights(slot, target)
        mine = slot.stamp() or mine
        note = notes.Note(slot.text, path.text, wish.keep_text, ready.checksum)
        try:
            with notes.noted(ground, note, ours=mine.inode):
                renames.exchange(ground, slot, target)
                if not moved_only(replaces.stamp, slot.stamp()):
                    _swap_back(ground, slot, target, mine, path)
                # The old file's name first: at no moment has the disk none for it.
                syscalls.sync_folder(slot.folder)
                syscalls.sync_folder(target.folder)
                outcome = _dispose(ground, slot, replaces, wish)
        except syscalls.UnsupportedError:
            outcome = _place_in_steps(ground, slot, target, replaces, wish)
        return Outcome(_as_placed(target, mine, ready), *outcome)


def _place_in_steps(
    ground: Ground, slot: Spot, target: Spot, replaces: FolderFile, wish: Wish
) -> tuple[str | None, FolderFile | None]:
    """Without an exchange: the old file steps aside, the new one takes its place. For an instant there is none."""
    name = f"{random_name()}{ASIDE}" if slot.text.startswith(TMP) else f"{notes.NEAR}{random_name()}.part"
    aside = slot.beside(name)
    with notes.noted(ground, notes.Note(aside.text, replaces.path.text, wish.keep_text)):
        renames.move_inside(ground, target, aside)
        syscalls.sync_folder(aside.folder)  # before its old name is given to another
        if not moved_only(replaces.stamp, aside.stamp()):
            put_back(ground, aside, replaces.path)
            raise changed(target.text)
        try:
            renames.move_out(ground, slot, target)
        except FileExistsError:
            # Somebody saved anew in that instant. Theirs stays; the one before goes where it was to go.
            _dispose(ground, aside, replaces, wish)
            raise
        except Exception:
            put_back(ground, aside, replaces.path)
            raise
        syscalls.sync_folder(target.folder)
        return _dispose(ground, aside, replaces, wish)


def _swap_back(ground: Ground, slot: Spot, target: Spot, mine: FileStamp, path: MediaPath) -> None:
    """Unexpected bytes came out: they go back to their name, or, when yet others stand there, beside it.

    Raises:
        MovedOn: always.
    """
    with suppress(OSError):  # the name may be empty by now; then what came out is still in the slot
        renames.exchange(ground, slot, target)
    syscalls.sync_folder(target.folder)
    now = slot.stamp()
    if syscalls.is_there(slot.folder, slot.name) and (now is None or now.inode != mine.inode):
        put_back(ground, slot, path)
    raise changed(path.text)


def _dispose(ground: Ground, old: Spot, file: FolderFile, wish: Wish) -> tuple[str | None, FolderFile | None]:
    """Bring a replaced file where it shall go: to the trash, or beside."""
    if wish.keep_as is None:
        return shelve_ours(ground, old, file, wish.day), None
    stamp = old.stamp()
    path = put_back(ground, old, wish.keep_as)
    with ground.at(path.text) as spot:
        now = spot.stamp()
    kept = now if now is not None and moved_only(file.stamp, now) else stamp or file.stamp
    return None, FolderFile(path, kept, file.checksum)


def _place_across(ground: Ground, ready: Ready, wish: Wish) -> Outcome:
    """The path is on another disk than `.syncd`: bring the bytes beside it first."""
    create = wish.replaces is None
    with ground.at(wish.path.text, create=create) as target, ground.at(ready.rel) as source:
        near = target.beside(f"{notes.NEAR}{random_name()}.part")
        with notes.noted(ground, notes.Note(near.text, wish.path.text, wish.keep_text, ready.checksum)):
            try:
                stage.copy_near(ground, source, near, ready.checksum)
                return _place(ground, near, ready, wish)
            except Exception:
                stage.discard_near(near, ready.checksum)
                raise


def _inherit_rights(slot: Spot, target: Spot) -> None:
    """A new version is for whom the old one was for."""
    status = os.stat(target.name, dir_fd=target.folder, follow_symlinks=False)
    try:
        descriptor = slot.open()
        try:
            os.fchown(descriptor, -1, status.st_gid)
            mode = status.st_mode & 0o777
            if status.st_uid != os.geteuid():
                # Whose it was owns it no longer; they have their rights to it as one of the group.
                mode |= (mode & 0o700) >> 3
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError:
        return  # a group that is not ours, a file system without rights: the usual ones do


def _as_placed(target: Spot, mine: FileStamp, ready: Ready) -> FolderFile:
    """The file as it stands now; with its old stamp, which proves nothing, when somebody was at it already."""
    now = target.stamp()
    stamp = now if now is not None and moved_only(mine, now) else mine
    return FolderFile(MediaPath.of(target.text), stamp, ready.checksum)


def move(ground: Ground, file: FolderFile, to: MediaPath) -> FolderFile:
    """Move a file to a free name; to another disk by way of a verified copy.

    Raises:
        MovedOn: the name is taken, or the file is not the one that was scanned: it is where it was.
        OSError: see `failures`.
    """
    try:
        return move_within(ground, file, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with (
            ground.at(file.path.text) as source,
            stage.copy(ground, source, file.stamp, file.checksum) as ready,
            ground.at(to.text, create=True) as target,
        ):
            if syscalls.is_there(target.folder, target.name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to.text) from error
            with notes.twins(ground, to.text, file.path.text, file.checksum):
                moved = place(ground, ready, Wish(to)).file
                try:
                    remove_copied(ground, file)
                except MovedOn:
                    remove_copied(ground, moved)  # the person changed the file: the copy is nobody's
                    raise
        return moved
