"""The scan: list, read what must be read, and say what the stat cache should remember."""

from __future__ import annotations

import gc
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import FolderError
from syncd.ignore import IgnoreRules
from syncd.model import Checksum, FileStamp, FolderFile, FolderSnapshot, MediaPath, Occupant
from syncd.model.rot import NO_ROT, KnownRot
from syncd.ports import Phase, Progress
from syncd.scanner import trouble
from syncd.scanner.hashing import Reader, Unsettled, can_vouch
from syncd.scanner.manners import give_way
from syncd.scanner.mounts import hidden, not_mounted, on_absent_disks
from syncd.scanner.walk import Known, Unrest, Walk
from syncd.workers import share

CALM = Unrest()
"""Nobody is known to write anything."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The folder as it was seen, and what follows for the stat cache.

    Args:
        snapshot: what stands where.
        fresh: rows to write into the cache. A file that changed within the grain of time in which it was read
            is not among them: it is read again the next time.
        vanished: keys of rows to drop, because the file is gone or has other bytes.
        inner: folders that bear the marker of a media folder of their own.
        unsure: keys of the files that were read within the grain of time in which they changed.
        young: keys of the files that were not read because they had changed too lately.
        mounts: keys of the folders on which another file system is mounted.
    """

    snapshot: FolderSnapshot
    fresh: list[FolderFile]
    vanished: list[str]
    inner: tuple[str, ...] = ()
    unsure: frozenset[str] = frozenset()
    young: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()


def scan(
    media_dir: Path,
    known: Known,
    ignored: IgnoreRules,
    *,
    now_ns: int,
    progress: Progress,
    threads: int,
    unrest: Unrest = CALM,
    rot: KnownRot = NO_ROT,
) -> Scan:
    """Look through the media folder.

    Args:
        media_dir: the media folder; may itself be reached through symbolic links.
        known: the stat cache: stamp and checksum by `MediaPath.key`.
        ignored: what stays out.
        now_ns: the time, in Unix nanoseconds, no later than the call.
        progress: told of the files that are read, with totals.
        threads: how many files are read at once.
        unrest: which changed files are not read yet.
        rot: which files have rotted; they count as what they held before.

    Raises:
        FolderError: the media folder is missing, cannot be listed, or went away meanwhile.
    """
    with opened_folder(media_dir) as root:
        walk = Walk(root, known, ignored, rot)
        progress.phase(Phase("Looking through the folder"))
        try:
            with no_collection():
                walk.go()
        except OSError as error:
            raise _lost(media_dir, error) from error
        fresh = read_files(walk, progress, threads, unrest)
        if fresh or walk.to_cache:  # else every file is where it was, and none was moved
            drop_former_names(walk)
        check_still_there(media_dir, root)
    _mark_absent(walk)
    snapshot = FolderSnapshot(walk.files, walk.occupied, tuple(walk.problems))
    vouched = [file for file in fresh if can_vouch(file.stamp, now_ns)]
    gone = [key for key in known.keys() - walk.files.keys() if not snapshot.is_unknown(MediaPath(key, key))]
    outdated = [
        file.path.key for file in fresh if file.path.key in known and not can_vouch(file.stamp, now_ns)
    ]
    unsure = frozenset(file.path.key for file in fresh) - {file.path.key for file in vouched}
    return Scan(
        snapshot,
        walk.to_cache + vouched,
        gone + outdated,
        tuple(walk.inner),
        unsure,
        frozenset(walk.young),
        frozenset(walk.mounts),
    )


def look(media_dir: Path, known: Known, ignored: IgnoreRules) -> FolderSnapshot:
    """List the media folder without reading a file: what the stat cache cannot vouch for has no checksum (`""`).

    Raises:
        FolderError: the media folder is missing, or cannot be listed.
    """
    with opened_folder(media_dir) as root:
        walk = Walk(root, known, ignored)
        try:
            with no_collection():
                walk.go()
        except OSError as error:
            raise _lost(media_dir, error) from error
    _mark_absent(walk)
    unread = {path.key: FolderFile(path, stamp, Checksum("")) for path, stamp in walk.to_read}
    return FolderSnapshot({**walk.files, **unread}, walk.occupied, tuple(walk.problems))


def _mark_absent(walk: Walk) -> None:
    """Mark what is on disks that are away, or hidden by one: it was not seen, and is not gone."""
    for rel in not_mounted(walk):
        walk.occupied[rel] = Occupant.UNREADABLE
        walk.problems.append(trouble.unmounted(rel))
    for rel, keys in on_absent_disks(walk).items():
        walk.occupied.update(dict.fromkeys(keys, Occupant.UNREADABLE))
        if walk.occupied.get(rel) is not Occupant.UNREADABLE:
            walk.problems.append(trouble.other_disk(rel, len(keys)))
    for rel, keys in hidden(walk).items():
        walk.occupied.update(dict.fromkeys(keys, Occupant.UNREADABLE))
        walk.problems.append(trouble.under_a_disk(rel, len(keys)))


def find_inner(media_dir: Path, ignored: IgnoreRules) -> tuple[str, ...]:
    """Folders below the media folder that bear the marker of a media folder of their own; no file is read.

    Raises:
        FolderError: the media folder is missing, or cannot be listed.
    """
    with opened_folder(media_dir) as root:
        walk = Walk(root, {}, ignored)
        try:
            walk.go()
        except OSError as error:
            raise _lost(media_dir, error) from error
    return tuple(walk.inner)


def read_files(walk: Walk, progress: Progress, threads: int, unrest: Unrest = CALM) -> list[FolderFile]:
    """Read the files that the cache cannot vouch for and nobody is writing; returns those that held still."""
    now_ns = time.time_ns()
    walk.young |= {path.key for path, stamp in walk.to_read if unrest.is_young(path.key, stamp, now_ns)}
    held = {path.key for path, _stamp in walk.to_read if path.key in walk.young or path.key in unrest.busy}
    walk.occupied.update(dict.fromkeys(held, Occupant.BUSY))
    todo = [(path, stamp) for path, stamp in walk.to_read if path.key not in held]
    if not todo:
        return []
    progress.phase(Phase("Reading new files", len(todo), sum(stamp.size for _path, stamp in todo)))
    fresh: list[FolderFile] = []

    def read_on(taken: Iterator[tuple[MediaPath, FileStamp]]) -> None:
        reader = Reader.at(walk.root, lambda size: progress.advance(size=size))
        for path, stamp in taken:
            file = _read_one(walk, reader, path, stamp)
            if file is not None:
                fresh.append(file)
            progress.advance(files=1)

    share(todo, read_on, threads=threads, name="scan", initializer=give_way)
    for file in fresh:
        walk.files[file.path.key] = file
    return fresh


def drop_former_names(walk: Walk) -> None:
    """Of a file that was moved during the walk, and met at both its names, keep the one that it has now.

    As two files, the second one would be a copy, and the first one gone in the next walk: with its object, and all
    that refers to that. Files that have several names for good, as hard links, keep them.
    """
    files = walk.files.values()
    count = Counter((file.stamp.device, file.stamp.inode) for file in files)
    if len(count) == len(files):
        return
    for file in [file for file in files if count[file.stamp.device, file.stamp.inode] > 1]:
        try:
            status = os.stat(file.path.text, dir_fd=walk.root, follow_symlinks=False)
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != (file.stamp.device, file.stamp.inode):
            del walk.files[file.path.key]


def _read_one(walk: Walk, reader: Reader, path: MediaPath, stamp: FileStamp) -> FolderFile | None:
    """One file with its checksum; None, and marked, when it does not hold still or cannot be read."""
    try:
        found = reader.checksum(path.text, stamp)
        return FolderFile(path, stamp, walk.rot.good(path.key, stamp, found) or found)
    except Unsettled:
        walk.occupied[path.key] = Occupant.BUSY
    except OSError as error:
        walk.occupied[path.key] = Occupant.UNREADABLE
        walk.problems.append(trouble.unreadable(path.text, error, folder=False))
    return None


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the search for cyclic garbage: a walk makes many values that stay and no cycles; it costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def opened_folder(media_dir: Path) -> Iterator[int]:
    """A descriptor of the media folder, for the time of a look.

    Raises:
        FolderError: it is missing, or cannot be listed.
    """
    try:
        root = os.open(media_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _lost(media_dir, error) from error
    try:
        yield root
    finally:
        os.close(root)


def check_still_there(media_dir: Path, root: int) -> None:
    """A disk that was pulled out meanwhile makes every file look unreadable: say so once."""
    try:
        status, opened = media_dir.stat(), os.fstat(root)
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError as error:
        raise _lost(media_dir, error) from error
    if not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) != (opened.st_dev, opened.st_ino):
        raise FolderError(
            f"the media folder {media_dir} was replaced while it was looked through", "run syncd again"
        )


def _lost(media_dir: Path, error: OSError) -> FolderError:
    remedy = "check media_dir in the configuration, and that the disk is mounted"
    if isinstance(error, PermissionError):
        remedy = f"chmod u+rwx {media_dir}, or let syncd run as the user who owns it"
    return FolderError(f"the media folder {media_dir} cannot be used: {error.strerror}", remedy)
