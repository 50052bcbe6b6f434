"""A look at a few files of the media folder, at a cost that follows their number.

It finds what a whole walk would find at these paths, and marks what else of the folder bears on them: the folders above,
and names that differ only by case from one that may be written. Whatever needs the company of other files to be judged
(a file that is gone, two names that look the same, an unreadable folder) is not judged here: `TooWide` asks for the walk.

Invariants are those of the walk (`syncd.scanner`); in particular nothing is followed that leads elsewhere.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Container, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.model import FileStamp, FolderFile, FolderSnapshot, MediaPath, Occupant
from syncd.model.paths import INTERNAL_NAME
from syncd.model.values import Checksum
from syncd.ports import Progress
from syncd.scanner.hashing import can_vouch
from syncd.scanner.scan import Scan, check_still_there, opened_folder, read_files
from syncd.scanner.walk import Folder, Walk

_ABSENT = (errno.ENOENT, errno.ENOTDIR)


class TooWide(Exception):  # noqa: N818 - no failure, a finding
    """The look at a few files does not suffice; says why, for the log."""


class Glance:
    """Looks at more and more paths of one folder; used in a `with` block.

    Args:
        media_dir: the media folder.
        ignored: what stays out.
        threads: how many files are read at once.

    Raises:
        FolderError: the media folder is missing, cannot be listed, or went away meanwhile.
        TooWide: see above.
    """

    def __init__(self, media_dir: Path, ignored: IgnoreRules, *, progress: Progress, threads: int) -> None:
        self._media_dir = media_dir
        self._progress = progress
        self._threads = threads
        self._opening = opened_folder(media_dir)
        self._known: dict[str, tuple[FileStamp, Checksum]] = {}
        self._walk = Walk(-1, self._known, ignored)
        self._ignored = ignored
        self._folders: dict[str, Folder | None] = {}
        self._names: dict[str, list[str]] = {}
        self._looked: set[str] = set()
        self._fresh: list[FolderFile] = []

    def __enter__(self) -> Self:
        self._walk.root = self._opening.__enter__()
        self._folders[""] = self._walk.top()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    def look(
        self,
        paths: Iterable[MediaPath],
        known: dict[str, tuple[FileStamp, Checksum]],
        busy: Container[str] = (),
    ) -> None:
        """Look at paths, with all that is below those that are folders.

        Args:
            paths: as named on the disk when they were seen last; repeated ones are not looked at again.
            known: what the stat cache has of them.
            busy: keys of files that are known to be written at this moment.
        """
        self._known.update(known)
        self._walk.learnt()
        for path in paths:
            if path.key not in self._looked:
                self._looked.add(path.key)
                self._look_at(path)
        if self._walk.inner or self._walk.problems:
            raise TooWide("something in the folder cannot be used")
        self._fresh += read_files(self._walk, self._progress, self._threads, busy)
        self._walk.to_read.clear()
        if self._walk.problems:
            raise TooWide("a file cannot be read")

    @property
    def files(self) -> dict[str, FolderFile]:
        """The files found so far, by key."""
        return self._walk.files

    def scan(self, now_ns: int) -> Scan:
        """What was found, as the whole walk tells it.

        Args:
            now_ns: the time when the look began, in Unix nanoseconds.
        """
        check_still_there(self._media_dir, self._walk.root)
        walk, fresh = self._walk, {file.path.key: file for file in self._fresh}
        snapshot = FolderSnapshot(walk.files, walk.occupied)
        vouched = [file for file in fresh.values() if can_vouch(file.stamp, now_ns)]
        unsure = frozenset(fresh) - {file.path.key for file in vouched}
        return Scan(snapshot, walk.to_cache + vouched, [*unsure], unsure=unsure)

    # --- one path -------------------------------------------------------------------------------------------------

    def _look_at(self, path: MediaPath) -> None:
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
        if found is not None:
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
            status = os.stat(rel, dir_fd=self._walk.root, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise TooWide(f"{error.strerror}") from error
            self._note_alike(folder, name)
            return None
        is_folder = (status.st_mode & 0o170000) == 0o040000
        if self._ignored.matches_text(key, is_dir=is_folder):
            self._walk.occupied.setdefault(key, Occupant.IGNORED)
            return None
        if not is_folder and key not in self._known:
            self._note_alike(folder, name)
        return self._walk.sort(folder, MediaPath(rel, key), status, set())

    def _spelt(self, folder: Folder, name: str) -> str:
        """The name as it stands on the disk, where accents may be stored in another way."""
        if name.isascii():
            return name
        wanted = unicodedata.normalize("NFC", name)
        found = [one for one in self._listed(folder) if unicodedata.normalize("NFC", one) == wanted]
        if len(found) > 1:
            raise TooWide("two names look the same")
        return found[0] if found else name

    def _note_alike(self, folder: Folder, name: str) -> None:
        """Mark the names of a folder that differ from one only by case: a file system may not keep them apart."""
        key = _key(folder, name)
        fold = key.casefold()
        for other in self._listed(folder):
            if (other_key := _key(folder, other)) != key and other_key.casefold() == fold:
                rel = f"{folder.rel}/{other}" if folder.rel else other
                is_folder = self._is_folder(rel)
                if not self._ignored.matches_text(other_key, is_dir=is_folder):
                    self._walk.occupied.setdefault(
                        other_key, Occupant.FOLDER if is_folder else Occupant.OTHER
                    )

    def _is_folder(self, rel: str) -> bool:
        try:
            status = os.stat(rel, dir_fd=self._walk.root, follow_symlinks=False)
        except OSError:
            return False
        return (status.st_mode & 0o170000) == 0o040000

    def _listed(self, folder: Folder) -> list[str]:
        """The names in a folder, read once."""
        if folder.key not in self._names:
            try:
                descriptor = os.open(
                    folder.rel or ".",
                    os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                    dir_fd=self._walk.root,
                )
                try:
                    self._names[folder.key] = os.listdir(descriptor)  # noqa: PTH208  pathlib takes no descriptor
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise TooWide(f"{error.strerror}") from error
        return self._names[folder.key]


def _key(folder: Folder, name: str) -> str:
    normal = name if name.isascii() else unicodedata.normalize("NFC", name)
    return f"{folder.key}/{normal}" if folder.key else normal
