"""A walk that only asks what differs from the stat cache, at the cost of one `stat` a file.

It makes no snapshot: where the last run left folder and Gramps Web in step, what differs is all that a run has to look at
(`syncd.rest`). Whatever a look at a few paths could not judge, the whole walk is for (`scan`), and `differing` says so.

A walk has a *seal*: a hash of all that it met. Where a walk found nothing that differs, an equal seal later on says that
nothing does by then either, without the stat cache having to be read (`sealed`).

Invariants are those of the walk; in particular nothing is followed that leads elsewhere, and nothing is read.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import stat
import unicodedata
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from syncd.errors import FolderError
from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.model import MediaPath
from syncd.model.paths import INTERNAL_NAME
from syncd.scanner.scan import check_still_there, no_collection, opened_folder
from syncd.scanner.walk import bears_marker
from syncd.scanner.way import open_folder

AT_MOST = 500
"""Files that differ; with more, the whole walk is cheaper than looking each of them up."""

Row = tuple[int, int, int, int, int]
"""What the cache has of a file: size, modification and change time in nanoseconds, inode, device."""


UNREAD: Row = (-1, -1, -1, -1, -1)
"""In place of a row, where a file is known to be there and the cache has nothing of it: equal to none."""


class _TooMuchError(Exception):
    """The whole walk has to judge."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a walk found.

    Args:
        paths: the files that differ, relative to the media folder, as named on the disk; None: the whole folder must be walked.
        seal: of the walk; None where it did not come to its end.
    """

    paths: list[str] | None
    seal: str | None = None


def differing(
    media_dir: Path, known: MutableMapping[str, Row], ignored: IgnoreRules, *, given_up: Event | None = None
) -> Difference:
    """The files that the cache does not know as they are now.

    Args:
        media_dir: the media folder.
        known: the stat cache, by `MediaPath.key`, and all other files that were there (`UNREAD`); emptied on the way.
        ignored: what stays out: the rules by which the cache was filled.
        given_up: set when nobody waits for the answer any more.

    Returns:
        No paths when a known file is gone, when there are more than `AT_MOST`, when another disk is mounted inside, when
        something cannot be listed or carried, or the media folder itself cannot be looked through.
    """
    search = _walked(media_dir, known, ignored, given_up)
    if search is None:
        return Difference(None)
    # What has an entry and was not met is gone, or lies where nothing is looked at: only that is no news.
    if all(ignored.matches(MediaPath(key, key)) for key in known):
        return Difference(search.found, search.seal())
    return Difference(None)


def sealed(media_dir: Path, ignored: IgnoreRules, *, given_up: Event | None = None) -> str | None:
    """The seal of a walk through the folder as it is now; None where it does not come to its end.

    Args:
        media_dir: the media folder.
        ignored: what stays out: the rules of the walk whose seal this one is compared with.
        given_up: set when nobody waits for the answer any more.
    """
    search = _walked(media_dir, None, ignored, given_up)
    return None if search is None else search.seal()


def _walked(
    media_dir: Path, known: MutableMapping[str, Row] | None, ignored: IgnoreRules, given_up: Event | None
) -> _Search | None:
    """A walk to its end; None where it does not come to it."""
    try:
        with opened_folder(media_dir) as root:
            search = _Search(root, known, ignored, given_up or Event())
            with no_collection():
                search.go()
            check_still_there(media_dir, root)
    except (_TooMuchError, FolderError, OSError):
        return None
    return search


@dataclass(slots=True)
class _Search:
    """A walk; without what is known it looks at no file more closely, and only its seal is of use."""

    root: int
    known: MutableMapping[str, Row] | None
    ignored: IgnoreRules
    given_up: Event
    found: list[str] = field(default_factory=list)
    _met: Any = field(default_factory=hashlib.blake2b)
    _device: int = 0
    _seen: set[int] = field(default_factory=set)
    """The inodes of the folders: one that is met again contains itself."""
    _keys: set[str] = field(default_factory=set)
    """Those of folders with accents: two that look the same on the screen are a problem."""

    def go(self) -> None:
        """Walk the whole tree."""
        self._device = os.fstat(self.root).st_dev
        folders = [("", "")]
        while folders:
            if self.given_up.is_set():
                raise _TooMuchError
            rel, key = folders.pop()
            descriptor = open_folder(self.root, rel)
            try:
                status = os.fstat(descriptor)
                self._check(status, key)
                met: list[str | int] = [rel, status.st_dev, status.st_ino]
                with os.scandir(descriptor) as entries:
                    folders += [
                        below for entry in entries if (below := self._take(entry, rel, key, met)) is not None
                    ]
                self._met.update(marshal.dumps(met, 2))  # later formats say the same in several ways
            finally:
                os.close(descriptor)

    def seal(self) -> str:
        """A hash of all that was met: folders with device and inode, files with all that a row has; in the order of the disk."""
        return str(self._met.hexdigest())

    def _check(self, status: os.stat_result, key: str) -> None:
        """See that a folder is on the media folder's own disk, and met for the first time."""
        if status.st_dev != self._device or status.st_ino in self._seen:
            raise _TooMuchError
        self._seen.add(status.st_ino)
        if not key.isascii():
            if key in self._keys:
                raise _TooMuchError
            self._keys.add(key)

    def _take(
        self, entry: os.DirEntry[str], above: str, key_above: str, met: list[str | int]
    ) -> tuple[str, str] | None:
        """Compare one entry, and note it; returns it, as path and key, when it is a folder that is to be listed."""
        name = entry.name
        rel = f"{above}/{name}" if above else name
        key = rel
        if above != key_above or not name.isascii():
            normal = name if name.isascii() else unicodedata.normalize("NFC", name)
            key = f"{key_above}/{normal}" if key_above else normal
        if entry.is_dir(follow_symlinks=False):
            met.append(name)
            return self._enter(name, rel, key)
        status = entry.stat(follow_symlinks=False)
        now = _row_of(status)
        met.append(name)
        met += now
        if self.known is None:
            return None
        row = self.known.pop(key, None)
        if row is not None and row == now:
            return None
        if above and name == IGNORE_FILE:
            raise _TooMuchError  # a problem: it has no effect there
        if self.ignored.matches_text(key, is_dir=False):
            return None
        if not stat.S_ISREG(status.st_mode):
            if row is not None:
                raise _TooMuchError  # a file has become something else
            return None
        if len(self.found) == AT_MOST:
            raise _TooMuchError
        self.found.append(rel)
        return None

    def _enter(self, name: str, rel: str, key: str) -> tuple[str, str] | None:
        if self.ignored.matches_text(key, is_dir=True):
            if name == INTERNAL_NAME and "/" in key and bears_marker(self.root, rel):
                raise _TooMuchError  # a media folder of its own
            return None
        if not name.isprintable() or (self.known is not None and key in self.known):
            raise _TooMuchError  # cannot be carried, or stands where a file was
        return rel, key


def _row_of(status: os.stat_result) -> Row:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
