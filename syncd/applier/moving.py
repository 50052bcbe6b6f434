"""Moving the person's files from name to name. Nothing is ever overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.applier import notes, renames, stage, syscalls
from syncd.applier.ground import TMP, Ground, Spot, changed, moved_only, random_name
from syncd.applier.trash import put_back, remove_copied
from syncd.model import FileStamp, FolderFile, MediaPath

ASIDE = ".aside"


def move_within(ground: Ground, file: FolderFile, to: MediaPath) -> FolderFile:
    """Move a file to a free name on the same disk.

    Raises:
        MovedOn: the name is taken, or the file is not the one that was scanned: it is where it was.
        OSError: see `failures`.
    """
    try:
        with ground.at(file.path.text) as source:
            source.require(file.stamp)
            with ground.filled(to.text, lambda target: _move(ground, source, target, file)) as target:
                syscalls.sync_folder(target.folder)
                syscalls.sync_folder(source.folder)
                now = target.stamp()
                if now is not None and moved_only(file.stamp, now):
                    return FolderFile(MediaPath.of(target.text), now, file.checksum)
                put_back(ground, target, file.path)
                raise changed(file.path.text)
    except syscalls.UnsupportedError:
        # By way of a name of ours: from there a file can be moved without overwriting anything.
        with step_aside(ground, file) as parked:
            return parked.settle(to)


def _move(ground: Ground, source: Spot, target: Spot, file: FolderFile) -> None:
    try:
        renames.move_directly(ground, source, target)
    except FileExistsError:
        # Where case or normal form does not count, a new spelling of the same name is "taken" by the file itself.
        status = os.stat(source.name, dir_fd=source.folder, follow_symlinks=False)
        same = target.stamp() == file.stamp and status.st_nlink == 1
        if not same or MediaPath.of(source.text).fold != MediaPath.of(target.text).fold:
            raise
        syscalls.rename(source.folder, source.name, target.folder, target.name)


@dataclass(slots=True)
class Parked:
    """A file that stepped aside, so that others can take its name."""

    ground: Ground
    slot: Spot
    file: FolderFile
    settled: bool = False

    def settle(self, to: MediaPath) -> FolderFile:
        """Give it its new name.

        Raises:
            MovedOn: the name is taken; the file goes back.
        """
        try:
            with self.ground.filled(
                to.text, lambda target: renames.move_out(self.ground, self.slot, target)
            ) as target:
                self.settled = True
                syscalls.sync_folder(target.folder)
                now = target.stamp()
                stamp = now if now is not None and moved_only(self.file.stamp, now) else self.file.stamp
                return FolderFile(MediaPath.of(target.text), stamp, self.file.checksum)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return self._settle_across(to)

    def _settle_across(self, to: MediaPath) -> FolderFile:
        """The new name is on another disk: a verified copy takes it, then the original goes."""
        before = self.slot.stamp()
        with self.ground.at(to.text, create=True) as target:
            near = target.beside(f"{notes.NEAR}{random_name()}.part")
            with notes.noted(self.ground, notes.Note(near.text, to.text, checksum=self.file.checksum)):
                try:
                    stage.copy_near(self.ground, self.slot, near, self.file.checksum)
                    return self._swap_for(near, target, before)
                except Exception:
                    stage.discard_near(near, self.file.checksum)
                    raise

    def _swap_for(self, near: Spot, target: Spot, before: FileStamp | None) -> FolderFile:
        """The copy takes the new name, the original goes."""
        with notes.twins(self.ground, self.slot.text, target.text, self.file.checksum):
            renames.move_out(self.ground, near, target)
            syscalls.sync_folder(target.folder)
            copied = FolderFile(
                MediaPath.of(target.text), target.stamp() or self.file.stamp, self.file.checksum
            )
            if before is None or self.slot.stamp() != before:
                remove_copied(
                    self.ground, copied
                )  # somebody had it open and wrote to it: the copy is nobody's
                raise changed(self.file.path.text)
            self.settled = True
            syscalls.unlink(self.slot.folder, self.slot.name)
        return copied


@contextmanager
def step_aside(ground: Ground, file: FolderFile) -> Iterator[Parked]:
    """Take a file out of the way. It goes back to its name (or beside it) when it is not settled elsewhere.

    Raises:
        MovedOn: the file is not the one that was scanned: it is where it was.
    """
    with ground.at(file.path.text) as source, ground.at(f"{TMP}/{random_name()}{ASIDE}") as private:
        source.require(file.stamp)
        near = source.beside(f"{notes.NEAR}{random_name()}.part")
        slot = private if os.fstat(private.folder).st_dev == os.fstat(source.folder).st_dev else near
        with notes.noted(ground, notes.Note(slot.text, file.path.text, keep_as=file.path.text)):
            renames.move_inside(ground, source, slot)
            syscalls.sync_folder(slot.folder)  # before its old name is given to another
            parked = Parked(ground, slot, file)
            try:
                if not moved_only(file.stamp, slot.stamp()):
                    raise changed(file.path.text)
                yield parked
            finally:
                if not parked.settled:
                    put_back(ground, slot, file.path)
                syscalls.sync_folder(slot.folder)
                syscalls.sync_folder(source.folder)
