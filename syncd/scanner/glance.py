"""A look at a few files of the media folder, at a cost that follows their number.

It finds what a whole walk would find at these paths, and marks what else of the folder bears on them: the folders above,
and names that differ only by case from one that may be written. Whatever needs the company of other files to be judged
(a file that is gone, two names that look the same, an unreadable folder) is not judged here: `TooWide` asks for the walk.

Invariants are those of the walk (`syncd.scanner`); in particular nothing is followed that leads elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.model import FileStamp, FolderFile, FolderSnapshot, MediaPath, Occupant
from syncd.model.paths import INTERNAL_NAME
from syncd.model.rot import NO_ROT, KnownRot
from syncd.model.values import Checksum
from syncd.ports import Progress
from syncd.scanner.hashing import can_vouch
from syncd.scanner.scan import CALM, Scan, check_still_there, opened_folder, read_files
from syncd.scanner.walk import Folder, Unrest, Walk
from syncd.scanner.way import open_folder, way_to

_ABSENT = (errno.ENOENT, errno.ENOTDIR)


class TooWide(Exception):  # noqa: N818 - no failure, a finding
    """The look at a few files does not suffice; says why, for the log."""


class Glance:
    """Looks at more and more paths of one folder; used in a `with` block.

    Args:
        media_dir: the media folder.
        ignored: what stays out.
        threads: how many files are read at once.
        rot: which files have rotted; they count as what they held before.

    Raises:
        FolderError: the media folder is missing, cannot be listed, or went away meanwhile.
        TooWide: see above.
    """

    def __init__(
        self,
        media_dir: Path,
        ignored: IgnoreRules,
        *,
        progress: Progress,
        threads: int,
        rot: KnownRot = NO_ROT,
    ) -> None:
        self._media_dir = media_dir
        self._progress = progress
        self._threads = threads
        self._held = ExitStack()
        self._known: dict[str, tuple[FileStamp, Checksum]] = {}
        self._walk = Walk(-1, self._known, ignored, rot)
        self._ignored = ignored
        self._folders: dict[str, Folder | None] = {}
        self._names: dict[str, list[str]] = {}
        self._looked: set[str] = set()
        self._compared: set[str] = set()
        self._fresh: list[FolderFile] = []
        self.empty: dict[str, int] = {}
        """Folders without any entry in which something was looked for, by key, with their device."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:  # whatever breaks this off, nothing of the folder stays open
            self._walk.root = opening.enter_context(opened_folder(self._media_dir))
            self._folders[""] = self._walk.top()
            self._held = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def look(
        self,
        paths: Iterable[MediaPath],
        known: dict[str, tuple[FileStamp, Checksum]],
        unrest: Unrest = CALM,
        *,
        deep: Container[str] = (),
    ) -> None:
        """Look at paths.

        Args:
            paths: as named on the disk when they were seen last; repeated ones are not looked at again.
            known: what the stat cache has of them.
            unrest: which changed files are not read yet.
            deep: keys of those of which all that is below is looked at, too, where they are folders.
        """
        self._known.update(known)
        self._walk.learnt()
        for path in paths:
            if path.key not in self._looked and path.key not in self._walk.files:
                self._looked.add(path.key)
                self._look_at(path, deep=path.key in deep)
        if self._walk.inner or self._walk.problems:
            raise TooWide("something in the folder cannot be used")
        self._walk.to_read[:] = {path.key: (path, stamp) for path, stamp in self._walk.to_read}.values()
        self._fresh += read_files(self._walk, self._progress, self._threads, unrest)
        self._walk.to_read.clear()
        if self._walk.problems:
            raise TooWide("a file cannot be read")

    @property
    def files(self) -> dict[str, FolderFile]:
        """The files found so far, by key."""
        return self._walk.files

    def vouched(self, now_ns: int) -> list[FolderFile]:
        """The files read so far that need not be read again, whatever comes of the look.

        Args:
            now_ns: the time when the look began, in Unix nanoseconds.
        """
        return [file for file in self._fresh if can_vouch(file.stamp, now_ns)]

    def scan(self, now_ns: int) -> Scan:
        """What was found, as the whole walk tells it.

        Args:
            now_ns: the time when the look began, in Unix nanoseconds.

        Raises:
            FolderError, TooWide: as everywhere here.
        """
        check_still_there(self._media_dir, self._walk.root)
        walk, fresh = self._walk, {file.path.key: file for file in self._fresh}
        if len({(file.stamp.inode, key.casefold()) for key, file in walk.files.items()}) < len(walk.files):
            raise TooWide("one file answers to two spellings of its name")
        occupied = {key: what for key, what in walk.occupied.items() if key not in walk.files}
        snapshot = FolderSnapshot(walk.files, occupied)
        vouched = self.vouched(now_ns)
        unsure = frozenset(fresh) - {file.path.key for file in vouched}
        return Scan(snapshot, walk.to_cache + vouched, [*unsure], unsure=unsure, young=frozenset(walk.young))

    # --- one path -------------------------------------------------------------------------------------------------

    def _look_at(self, path: MediaPath, *, deep: bool) -> None:
        if not is_inside(path):
            raise TooWide("a path leads out of the folder")
        parts = path.text.split("/")
        if INTERNAL_NAME in parts[1:] or IGNORE_FILE in parts:
            raise TooWide("what belongs to the folder has changed")
        folder: Folder | None = self._folders[""]
        for part in parts[:-1]:
            assert folder is not None
            folder = self._enter(folder, part)
            if folder is None:
                return
        assert folder is not None
        found = self._take(folder, parts[-1])
        if found is not None and deep:
            self._note_alike(folder, parts[-1], is_there=True)
            self._walk.below(found)

    def _enter(self, folder: Folder, name: str) -> Folder | None:
        """A folder within another; None when there is no such folder."""
        key = _key(folder, name)
        if key not in self._folders:
            self._folders[key] = self._take(folder, name)
        return self._folders[key]

    def _take(self, folder: Folder, name: str) -> Folder | None:
        """Take in one entry of a folder; returns it when it is a folder itself."""
        key = _key(folder, name)
        on_disk = self._spelt(folder, name)
        rel = f"{folder.rel}/{on_disk}" if folder.rel else on_disk
        try:
            with self._opened(folder) as descriptor:
                status = os.stat(on_disk, dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise TooWide(f"{error.strerror}") from error
            self._note_alike(folder, name, is_there=False)
            self._check_alone(folder)
            return None
        is_folder = stat.S_ISDIR(status.st_mode)
        if self._ignored.matches_text(key, is_dir=is_folder):
            self._walk.occupied.setdefault(key, Occupant.IGNORED)
            return None
        if is_folder and not self._may_list(rel):
            raise TooWide("a folder cannot be listed")
        if not is_folder and key not in self._known:
            self._note_alike(folder, name, is_there=True)
        return self._walk.sort(folder, MediaPath(rel, key), status, set())

    def _may_list(self, rel: str) -> bool:
        try:
            with way_to(self._walk.root, rel) as (folder, name):
                return os.access(
                    name, os.R_OK | os.X_OK, dir_fd=folder, effective_ids=True, follow_symlinks=False
                )
        except OSError:
            return False

    def _spelt(self, folder: Folder, name: str) -> str:
        """The name as it stands on the disk, where accents may be stored in another way."""
        if name.isascii():
            return name
        wanted = unicodedata.normalize("NFC", name)
        found = [one for one in self._listed(folder) if unicodedata.normalize("NFC", one) == wanted]
        if len(found) > 1:
            raise TooWide("two names look the same")
        return found[0] if found else name

    def _note_alike(self, folder: Folder, name: str, *, is_there: bool) -> None:
        """Mark the names that differ from one, or from a folder above it, only by case: not every disk keeps them apart."""
        key = _key(folder, name)
        if key in self._compared:
            return
        self._compared.add(key)
        fold, is_listed = key.casefold(), False
        for other in self._listed(folder):
            other_key = _key(folder, other)
            is_listed |= other_key == key
            if other_key != key and other_key.casefold() == fold:
                rel = f"{folder.rel}/{other}" if folder.rel else other
                self._walk.occupied.setdefault(other_key, self._what(rel, other_key))
        if is_listed != is_there:
            raise TooWide("a name is spelt in another way")
        if folder.above is not None:
            self._note_alike(folder.above, folder.rel.rpartition("/")[2], is_there=True)

    def _check_alone(self, folder: Folder | None) -> None:
        """Where there are two folders that differ only by case, names in one count in the other as well."""
        while folder is not None and folder.above is not None:
            fold = folder.key.casefold()
            alike = [key for key, what in self._walk.occupied.items() if what is Occupant.FOLDER]
            if any(key != folder.key and key.casefold() == fold for key in alike):
                raise TooWide("two folders differ only in upper and lower case")
            folder = folder.above

    def _what(self, rel: str, key: str) -> Occupant:
        """What stands at a name that is not looked at itself."""
        try:
            with way_to(self._walk.root, rel) as (folder, name):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except OSError:
            mode = 0
        if self._ignored.matches_text(key, is_dir=stat.S_ISDIR(mode)):
            return Occupant.IGNORED
        if stat.S_ISDIR(mode):
            return Occupant.FOLDER
        if stat.S_ISLNK(mode):
            return Occupant.SYMLINK
        return Occupant.OTHER if stat.S_ISREG(mode) else Occupant.SPECIAL

    def _listed(self, folder: Folder) -> list[str]:
        """The names in a folder, read once."""
        if folder.key not in self._names:
            try:
                with self._opened(folder) as descriptor:
                    self._names[folder.key] = os.listdir(descriptor)  # noqa: PTH208  pathlib takes no descriptor
            except OSError as error:
                raise TooWide(f"{error.strerror}") from error
            if not self._names[folder.key] and folder.key:
                self.empty[folder.key] = folder.device
        return self._names[folder.key]

    @contextmanager
    def _opened(self, folder: Folder) -> Iterator[int]:
        """A descriptor of the very folder that was found: another one may have taken its place, or a link."""
        descriptor = open_folder(self._walk.root, folder.rel)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (folder.device, folder.inode):
                raise TooWide("a folder was replaced")
            yield descriptor
        finally:
            os.close(descriptor)


def is_inside(path: MediaPath) -> bool:
    """Whether a path can be one of the folder's at all; one of Gramps Web's may climb out, or say things twice."""
    return "\0" not in path.text and all(part not in ("", ".", "..") for part in path.text.split("/"))


def _key(folder: Folder, name: str) -> str:
    normal = name if name.isascii() else unicodedata.normalize("NFC", name)
    return f"{folder.key}/{normal}" if folder.key else normal
