"""The media folder, as the only place through which it is changed.

Invariants:

- *Nothing is overwritten and nothing is deleted.* A file leaves its name for another name or for the trash. Only
  `purge` deletes, and only in the trash; only what was copied to another disk, verified, is removed here.
- *Looked at before and after.* A file is touched only while it is the one that was scanned (`MovedOn` otherwise), and
  what was moved is looked at again: unexpected bytes go back to their name, or beside it.
- *No way out.* Paths are walked from descriptor to descriptor; a symbolic link anywhere on the way is an error.
- *A crash loses nothing*: whatever a person made stands under its own name, in the trash, or under a name of ours with
  a note; `recover` puts the last in its place.

Whatever goes wrong is a `MovedOn` (look again), a `Blocked` (this path cannot be used) or another `FolderError` (the
folder cannot). Methods may be called from several threads.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

from syncd.applier import marker as markers
from syncd.applier import moving, outgoing, placing, recovery, stage, syscalls, trash
from syncd.applier.failures import Blocked, Rotten, translate, translated
from syncd.applier.ground import TRASH, Ground, Spot, changed
from syncd.applier.marker import Marker
from syncd.applier.moving import Parked
from syncd.applier.placing import Wish
from syncd.applier.stage import Incoming, Ready
from syncd.errors import FolderError
from syncd.model import Checksum, FolderFile, MediaPath
from syncd.model.paths import free_name
from syncd.state import TrashEntry

__all__ = ["Blocked", "Incoming", "Marker", "MediaFolder", "Parked", "Placed", "Ready", "Recovered"]


@dataclass(frozen=True, slots=True)
class Placed:
    """What a placing did.

    Args:
        file: the file as it stands now.
        trashed: the replaced file, when it went to the trash.
        kept: the replaced file, when it stays beside.
    """

    file: FolderFile
    trashed: TrashEntry | None = None
    kept: FolderFile | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A file that a crash had left in between: where it is now, in the folder or in the trash."""

    path: MediaPath
    stands_at: MediaPath | None
    trashed: TrashEntry | None


class MediaFolder:
    """The folder at `root`; opened when first used. `clock` gives Unix seconds."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._clock = clock
        self._ground = Ground(root)
        self._prepared = False

    def close(self) -> None:
        """Let go of the folder; the next use opens it again."""
        self._prepared = False
        self._ground.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._ground.close()

    # --- identity -------------------------------------------------------------------------------------------------

    def marker(self) -> Marker | None:
        """The folder's marker; None when it has none.

        Raises:
            FolderError: it makes no sense or cannot be read, or the folder is missing.
        """
        with translated(self.root, markers.NAME):
            return markers.read(self._ground)

    def write_marker(self, marker: Marker) -> None:
        """Write the marker: complete and on the disk, or not at all."""
        self.ensure_internal()
        with translated(self.root, markers.NAME):
            markers.write(self._ground, marker)

    def ensure_internal(self) -> None:
        """Make `.syncd/tmp` and `.syncd/trash`; refused when one of them is a link."""
        if not self._prepared:
            with translated(self.root, TRASH):
                self._ground.ensure_internal()
            self._prepared = True

    # --- reading --------------------------------------------------------------------------------------------------

    def exists(self, path: MediaPath) -> bool:
        """Whether anything stands at this path now.

        Raises:
            FolderError: nobody can tell.
        """
        with translated(self.root, path.text):
            try:
                with self._ground.at(path.text) as spot:
                    return syscalls.is_there(spot.folder, spot.name)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def holds_file(self, path: MediaPath) -> bool:
        """Whether anything but a folder stands at this path now.

        Raises:
            FolderError: nobody can tell.
        """
        with translated(self.root, path.text):
            try:
                with self._ground.at(path.text) as spot:
                    return syscalls.is_there(spot.folder, spot.name, or_folder=False)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def look_at(self, path: MediaPath) -> FolderFile | None:
        """The regular file at a path, read to its end now; None when there is none.

        Raises:
            MovedOn: it changes while it is read.
        """
        with translated(self.root, path.text):
            try:
                with self._ground.at(path.text) as spot:
                    stamp = spot.stamp()
                    if stamp is None:
                        return None
                    found = FolderFile(MediaPath.of(spot.text), stamp, spot.checksum())
                    spot.require(stamp)
                    return found
            except (FileNotFoundError, NotADirectoryError):
                return None

    @contextmanager
    def open_verified(self, file: FolderFile) -> Iterator[BinaryIO]:
        """The bytes of a file that is still the one that was scanned.

        Raises:
            MovedOn: it is not.
            Unreadable: it cannot be read to its end; also from what is yielded, where it is read.
        """
        with translated(self.root, file.path.text), self._ground.at(file.path.text) as spot:
            descriptor = spot.open(file.stamp)
        with outgoing.reading(descriptor, file.path.text) as content:
            yield content

    # --- bytes that arrive ----------------------------------------------------------------------------------------

    def incoming(self, checksum: Checksum, size: int = 0) -> Incoming:
        """Receive a file: `with folder.incoming(c) as part: …write to part.file…; ready = part.finish()`.

        Args:
            checksum: what it must have.
            size: bytes, as far as known, so that a full disk is found out beforehand.

        Raises:
            FolderError: it does not fit.
        """
        self.ensure_internal()
        return Incoming(self._ground, checksum, size)

    def copy_in(self, source: FolderFile) -> Ready:
        """Another copy of a file of the folder, sharing its blocks where the file system can."""
        self.ensure_internal()
        with translated(self.root, source.path.text), self._ground.at(source.path.text) as spot:
            return stage.copy(self._ground, spot, source.stamp, source.checksum)

    def place(
        self,
        ready: Ready,
        path: MediaPath,
        *,
        replaces: FolderFile | None = None,
        keep_as: MediaPath | None = None,
        reason: str = "",
        handle: str | None = None,
        sync_later: bool = False,
    ) -> Placed:
        """Put ready bytes at a path, making folders.

        Args:
            ready: from `incoming` or `copy_in`.
            path: where they go.
            replaces: the file that leaves (of this or another path); None: the path must be free.
            keep_as: where that file goes, or a free name like it; None for the trash.
            reason: for the trash.
            handle: for the trash.
            sync_later: a new name is on the disk after `sync_names` only, which costs less for many files of a folder.

        Raises:
            MovedOn: the path is taken, or what is there is not what was scanned. Nothing was done, unless
                `replaces` is at another path: then the new file stands, and the old one where it was.
        """
        self.ensure_internal()
        with translated(self.root, path.text):
            outcome = placing.place(
                self._ground, ready, Wish(path, replaces, keep_as, self._day(), sync_later)
            )
        trashed = None
        if outcome.kept is not None and replaces is not None:
            trashed = self._entry(replaces, outcome.kept, reason, handle)
        return Placed(outcome.file, trashed, outcome.aside)

    def sync_names(self) -> None:
        """Have on the disk the names of all files that were placed until now.

        Raises:
            FolderError: of some nobody can tell.
        """
        with translated(self.root, "a new file"):
            self._ground.sync_names()

    # --- files that move ------------------------------------------------------------------------------------------

    def move(self, file: FolderFile, to: MediaPath, *, prune: bool = False) -> FolderFile:
        """Move a file to a free name, making folders.

        Args:
            file: as it was scanned.
            to: its new name.
            prune: remove the folders that it leaves empty.
        """
        self.ensure_internal()
        with translated(self.root, to.text, file.path.text):
            moved = placing.move(self._ground, file, to)
            if prune:
                self._ground.prune(file.path.text)
            return moved

    @contextmanager
    def step_aside(self, file: FolderFile) -> Iterator[Parked]:
        """Free a file's name for others: `with folder.step_aside(a) as parked: …; parked.settle(to)`.

        A file that is not settled goes back to its name, or beside it.
        """
        self.ensure_internal()
        with translated(self.root, file.path.text), moving.step_aside(self._ground, file) as parked:
            yield parked

    # --- the trash ------------------------------------------------------------------------------------------------

    def trash(
        self, file: FolderFile, *, reason: str, handle: str | None = None, prune: bool = False
    ) -> TrashEntry:
        """Move a file to the trash.

        Args:
            file: as it was scanned.
            reason: for the trash.
            handle: for the trash.
            prune: remove the folders that it leaves empty.
        """
        self.ensure_internal()
        with translated(self.root, file.path.text):
            kept = trash.bury(self._ground, file, self._day())
            if prune:
                self._ground.prune(file.path.text)
        return self._entry(file, kept, reason, handle)

    def keep_in_trash(
        self, ready: Ready, path: MediaPath, *, reason: str, handle: str | None = None
    ) -> TrashEntry:
        """Put ready bytes, which never stood at `path`, into the trash under that name."""
        self.ensure_internal()
        with translated(self.root, path.text), self._ground.at(ready.rel) as spot:
            kept = trash.shelve(self._ground, spot, path, self._day())
        return self._entry(FolderFile(path, ready.stamp, ready.checksum), kept, reason, handle)

    def restore(self, kept_as: str, path: MediaPath) -> FolderFile:
        """Bring a file of the trash back to a path, or to a free name like it.

        Raises:
            MovedOn: the trash has no such file.
        """
        self.ensure_internal()
        with translated(self.root, kept_as), self._ground.at(self._in_trash(kept_as)) as source:
            stamp = source.standing()
            checksum = source.checksum()
            try:
                where = trash.put_back(self._ground, source, path)
            except (NotADirectoryError, PermissionError) as error:
                raise translate(error, self.root, path.text) from error
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return self._restore_across(source, kept_as, FolderFile(path, stamp, checksum))
            self._ground.prune(kept_as, stop=TRASH)
            with self._ground.at(where.text) as spot:
                return FolderFile(where, spot.stamp() or stamp, checksum)

    def copy_from_trash(self, kept_as: str, checksum: Checksum) -> Ready:
        """A copy of a file of the trash, which stays there.

        Raises:
            MovedOn: the trash has no such file, or it has other bytes.
        """
        self.ensure_internal()
        with translated(self.root, kept_as), self._ground.at(self._in_trash(kept_as)) as spot:
            try:
                return stage.copy(self._ground, spot, spot.standing(), checksum)
            except Rotten as error:
                raise changed(kept_as) from error

    def purge(self, kept_as: str, checksum: Checksum | None = None) -> None:
        """Delete a file of the trash for good. One that is gone already is fine.

        Args:
            kept_as: where it is.
            checksum: what it must still have: a program that had the file open may have written to it since.

        Raises:
            MovedOn: it has other bytes; it stays.
        """
        with translated(self.root, kept_as):
            try:
                trash.purge(self._ground, self._in_trash(kept_as), checksum)
            except FileNotFoundError:
                return

    def recover(self) -> list[Recovered]:
        """Put what a crash left in between in its place; called under the folder's lock, before anything else."""
        self.ensure_internal()
        with translated(self.root, ".syncd/tmp"):
            return [self._recovered(found) for found in recovery.recover(self._ground, self._day())]

    def parked(self) -> set[str]:
        """The names of files that are under a name of ours: neither there nor gone."""
        with translated(self.root, ".syncd/tmp"):
            return recovery.parked(self._ground)

    def unlisted_trash(self, listed: Collection[str]) -> list[TrashEntry]:
        """What lies in the trash beside what is listed: a crash, or the loss of the state, has left it so.

        Args:
            listed: the names of the files that are known to be there, relative to the media folder.
        """
        self.ensure_internal()
        with translated(self.root, TRASH):
            return [
                self._entry(file, kept_as, "found in the trash", None)
                for file, kept_as in trash.unlisted(self._ground, listed)
            ]

    # --- in between -----------------------------------------------------------------------------------------------

    def _restore_across(self, source: Spot, kept_as: str, file: FolderFile) -> FolderFile:
        taken: set[str] = set()
        path = file.path
        while self.exists(path):
            taken.add(path.fold)
            path = free_name(file.path, taken)
        with stage.copy(self._ground, source, file.stamp, file.checksum) as ready:
            placed = placing.place(self._ground, ready, Wish(path))
        trash.purge(self._ground, kept_as)
        return placed.file

    def _recovered(self, found: recovery.Found) -> Recovered:
        entry = None
        if found.kept_as is not None:
            entry = self._entry(found.file, found.kept_as, "left by a crash", None)
        return Recovered(found.file.path, found.stands_at, entry)

    def _entry(self, file: FolderFile, kept_as: str, reason: str, handle: str | None) -> TrashEntry:
        return TrashEntry(file.path, kept_as, file.checksum, file.size, self._clock(), reason, handle)

    def _day(self) -> str:
        return datetime.fromtimestamp(self._clock()).astimezone().date().isoformat()

    def _in_trash(self, kept_as: str) -> str:
        if not kept_as.startswith(f"{TRASH}/"):
            raise FolderError(f"'{kept_as}' is not in the trash", "syncd trash list shows what it holds")
        return kept_as
