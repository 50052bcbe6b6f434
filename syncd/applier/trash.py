"""The trash: `.syncd/trash/<date>/<path>`. Nothing enters it unlooked at, and only `purge` takes anything out for good."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from dataclasses import replace

from syncd.applier import notes, renames, stage, syscalls
from syncd.applier.failures import Rotten, Unreadable
from syncd.applier.ground import TRASH, Ground, Spot, changed, moved_only, random_name
from syncd.errors import MovedOn
from syncd.model import Checksum, FolderFile, MediaPath
from syncd.model.paths import free_name


def bury(ground: Ground, file: FolderFile, day: str) -> str:
    """Move a file of the folder to the trash; returns where it is, relative to the media folder.

    RACE: a program that has the file open goes on writing to it, in the trash. A crash between the move and
    the look at what was moved leaves a file in the trash that somebody had put there in that instant.

    Raises:
        MovedOn: it is not, or was not quite, the file that was scanned; it is where it was.
        OSError: see `failures`.
    """
    with ground.at(file.path.text) as source:
        source.require(file.stamp)
        try:
            kept = shelve(ground, source, file.path, day)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return _bury_across(ground, file, source, day)
        syscalls.sync_folder(source.folder)
        with ground.at(kept) as spot:
            if moved_only(file.stamp, spot.stamp()):
                return kept
            put_back(ground, spot, file.path)
    raise changed(file.path.text)


def shelve(ground: Ground, source: Spot, path: MediaPath, day: str) -> str:
    """Move whatever stands at a spot to a free name in the trash; returns that name."""
    shelf, leaf, taken, number = day, path, set[str](), 1
    while True:
        try:
            with ground.filled(
                f"{TRASH}/{shelf}/{leaf.text}", lambda spot: renames.move_inside(ground, source, spot)
            ) as spot:
                syscalls.sync_folder(spot.folder)
                return spot.text
        except FileExistsError:
            taken.add(leaf.fold)
            leaf = free_name(path, taken)
        except NotADirectoryError:
            # A file of that day's trash has the name of a folder that is needed now.
            number += 1
            shelf = f"{day} ({number})"


def shelve_ours(ground: Ground, source: Spot, file: FolderFile, day: str) -> str:
    """Move a person's file that has one of our names to the trash, which may be on another disk.

    Its name of ours is gone from the disk before the note about it goes: nobody would know any more whose it is.
    """
    try:
        kept = shelve(ground, source, file.path, day)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        kept = _shelve_copy(ground, source, replace(file, stamp=source.stamp() or file.stamp), day)
        syscalls.unlink(source.folder, source.name)
    syscalls.sync_folder(source.folder)
    return kept


def _shelve_copy(ground: Ground, source: Spot, file: FolderFile, day: str) -> str:
    with _copied_as_it_is(ground, source, file) as ready, ground.at(ready.rel) as spot:
        return shelve(ground, spot, file.path, day)


def _copied_as_it_is(ground: Ground, source: Spot, file: FolderFile) -> stage.Ready:
    """A verified copy of what leaves: it need not be good, as a rename would not ask either."""
    try:
        return stage.copy(ground, source, file.stamp, file.checksum)
    except (MovedOn, Rotten):
        return stage.copy(ground, source, file.stamp, source.checksum())


def put_back(ground: Ground, source: Spot, path: MediaPath) -> MediaPath:
    """Move what stands at a name of ours to the person's name for it, or to a free one beside; returns which."""
    target, taken = path, set[str]()
    while True:
        try:
            with ground.filled(target.text, lambda spot: renames.move_out(ground, source, spot)) as spot:
                syscalls.sync_folder(spot.folder)
                syscalls.sync_folder(source.folder)
                return MediaPath.of(spot.text)
        except FileExistsError:
            with ground.at(target.text) as spot:
                stamp = spot.stamp()
                if stamp is not None and stamp == source.stamp():
                    # A crash between the two halves of a move by hard link left one file under both names.
                    syscalls.unlink(source.folder, source.name)
                    return MediaPath.of(spot.text)
            taken.add(target.fold)
            target = free_name(path, taken)


def remove_copied(ground: Ground, file: FolderFile) -> None:
    """Remove a file whose bytes were copied, verified, to another disk.

    RACE: a program that has the file open may write to it between the last look and its removal; what it
    wrote in that instant is lost, the bytes as they were scanned are not.

    Raises:
        MovedOn: it is no longer the file that was copied; it is where it was.
    """
    with ground.at(file.path.text) as source:
        source.require(file.stamp)
        aside = source.beside(f"{notes.NEAR}{random_name()}.part")
        with notes.noted(ground, notes.Note(aside.text, file.path.text, keep_as=file.path.text)):
            renames.move_inside(ground, source, aside)
            if not moved_only(file.stamp, aside.stamp()):
                put_back(ground, aside, file.path)
                raise changed(file.path.text)
            syscalls.unlink(aside.folder, aside.name)
            syscalls.sync_folder(aside.folder)


def purge(ground: Ground, kept_as: str, checksum: Checksum | None = None) -> None:
    """Delete a file of the trash for good, and the folders that it leaves empty.

    One that is back after a power failure is found by `unlisted`: nobody waits for the disk here.

    Raises:
        MovedOn: it does not have the checksum; it stays.
    """
    with ground.at(kept_as) as spot:
        if checksum is not None and spot.checksum() != checksum:
            raise changed(kept_as)
        syscalls.unlink(spot.folder, spot.name)
    ground.prune(kept_as, stop=TRASH)


def unlisted(ground: Ground, listed: Collection[str]) -> Iterator[tuple[FolderFile, str]]:
    """The regular files of the trash that are not listed, as they were called before, and where they are."""
    with ground.at(f"{TRASH}/x") as spot:
        found = [
            f"{TRASH}/{above}/{name}".replace("/./", "/")
            for above, _folders, names, _fd in os.fwalk(".", dir_fd=spot.folder)
            for name in names
        ]
    for kept_as in sorted(set(found) - set(listed)):
        _shelf, _, rel = kept_as.removeprefix(f"{TRASH}/").partition("/")
        if not rel or not rel.isprintable():
            continue  # nothing that we put there
        with ground.at(kept_as) as spot:
            stamp = spot.stamp()
            if stamp is not None:
                try:
                    file = FolderFile(MediaPath.of(rel), stamp, spot.checksum())
                except Unreadable:
                    continue  # it stays where it is, and the others are listed
                yield file, kept_as


def _bury_across(ground: Ground, file: FolderFile, source: Spot, day: str) -> str:
    """The trash is on another disk than the file: copy, then remove."""
    kept = _shelve_copy(ground, source, file, day)
    try:
        remove_copied(ground, file)
    except MovedOn:
        purge(ground, kept)
        raise
    except BaseException:
        if _is_there(ground, file):  # else it may be gone already, and the copy all that is left
            purge(ground, kept)
        raise
    return kept


def _is_there(ground: Ground, file: FolderFile) -> bool:
    try:
        with ground.at(file.path.text) as spot:
            return moved_only(file.stamp, spot.stamp())
    except OSError:
        return False
