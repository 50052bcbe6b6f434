"""Listing the media folder: which names there are, and which files' contents must be read.

Folders are opened one by one from the media folder's descriptor on (`way`); that what is opened is what was listed (the
same device and inode) is checked, so a folder swapped for another meanwhile is noticed.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from sys import intern

from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.model import Checksum, FileStamp, FolderFile, MediaPath, Occupant, Problem
from syncd.model.paths import INTERNAL_NAME, MARKER_FILE
from syncd.model.rot import NO_ROT, KnownRot
from syncd.scanner import trouble
from syncd.scanner.hashing import COARSE_NS, same_content, stamp_of
from syncd.scanner.way import open_folder, way_to


@dataclass(frozen=True, slots=True)
class Unrest:
    """Which changed files are not read yet, because somebody may be writing them. The default holds up none.

    Args:
        busy: keys of files that are known to be written at this moment.
        settle_ns: so long after a change another one may follow, in nanoseconds.
        own: keys of files that this very run put where they are.
    """

    busy: Container[str] = ()
    settle_ns: int = 0
    own: Container[str] = ()

    def is_young(self, key: str, stamp: FileStamp, now_ns: int) -> bool:
        """Whether a file changed so lately that another change may follow."""
        changed = stamp.ctime_ns or stamp.mtime_ns
        return key not in self.own and 0 <= now_ns - changed < self.settle_ns


Known = Mapping[str, tuple[FileStamp, Checksum]]
"""The stat cache, by `MediaPath.key`."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is being looked through; `rel` and `key` are `""` at the top."""

    rel: str
    key: str
    device: int
    inode: int
    above: Folder | None = None

    def contains_itself(self) -> bool:
        """Whether one of the folders above is this very one (a mount below itself)."""
        above = self.above
        while above is not None:
            if above.inode == self.inode and above.device == self.device:
                return True
            above = above.above
        return False


def bears_marker(root: int, rel: str) -> bool:
    """Whether a folder of the name `.syncd`, somewhere below the media folder at `root`, is that of a media folder."""
    try:
        with way_to(root, f"{rel}/{MARKER_FILE}") as (folder, name):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


class _VanishedError(Exception):
    """The folder is no longer there, or another stands in its place: nobody knows what it held."""


@dataclass(slots=True)
class Walk:
    """One walk through the folder, and what it found.

    Args:
        root: a descriptor of the media folder.
        known: the stat cache.
        rot: which files have rotted; when they are read, they count as what they held before.
        files: files that the cache vouches for, by key.
        to_read: files that must be read, with the stamp they had.
        to_cache: files that the cache vouches for but has under another path or device.
        inner: folders below the top that bear the marker of a media folder of their own.
        empty: folders without any entry, by key, with their device and that of the folder above.
        mounts: folders on which another file system is mounted, by key, with both devices likewise.
        device: the media folder's.
    """

    root: int
    known: Known
    ignored: IgnoreRules
    rot: KnownRot = NO_ROT
    files: dict[str, FolderFile] = field(default_factory=dict)
    occupied: dict[str, Occupant] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    to_read: list[tuple[MediaPath, FileStamp]] = field(default_factory=list)
    to_cache: list[FolderFile] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    empty: dict[str, tuple[int, int]] = field(default_factory=dict)
    mounts: dict[str, tuple[int, int]] = field(default_factory=dict)
    device: int = 0
    young: set[str] = field(default_factory=set)
    """Keys of changed files that were not read because they had changed too lately."""
    _moved: dict[tuple[int, int, int, int], Checksum] | None = None

    def go(self) -> None:
        """Walk the whole tree.

        Raises:
            OSError: the media folder itself cannot be listed.
        """
        top = self.top()
        self.device = top.device
        self._go_on(self._list(top), {(top.device, top.inode)})

    def below(self, folder: Folder) -> None:
        """Walk one folder that was found already, and all below it; what cannot be listed is marked."""
        self._go_on([folder], set())

    def learnt(self) -> None:
        """Note that the cache has grown since the walk began."""
        self._moved = None

    def top(self) -> Folder:
        """The media folder itself."""
        status = os.fstat(self.root)
        return Folder("", "", status.st_dev, status.st_ino)

    def _go_on(self, stack: list[Folder], seen: set[tuple[int, int]]) -> None:
        """Walk folders that are known, and all below them."""
        while stack:
            folder = stack.pop()
            identity = (folder.device, folder.inode)
            if identity in seen and folder.contains_itself():
                self.occupied[folder.key] = Occupant.SPECIAL
                self.problems.append(trouble.loop(folder.rel))
                continue
            seen.add(identity)
            try:
                stack += self._list(folder)
            except _VanishedError:
                self.occupied[folder.key] = Occupant.UNREADABLE
            except OSError as error:
                self.occupied[folder.key] = Occupant.UNREADABLE
                self.problems.append(trouble.unreadable(folder.rel, error, folder=True))

    def _list(self, folder: Folder) -> list[Folder]:
        """Take in the entries of one folder, all or (when listing fails half-way) none; returns the folders."""
        try:
            descriptor = open_folder(self.root, folder.rel)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) and folder.rel:
                raise _VanishedError from error
            raise
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != (folder.device, folder.inode):
                raise _VanishedError
            with os.scandir(descriptor) as listing:
                entries = list(listing)
            if folder.above is not None and folder.device != folder.above.device:
                self.mounts[folder.key] = (folder.device, folder.above.device)
            if not entries and folder.above is not None:
                self.empty[folder.key] = (folder.device, folder.above.device)
            if not all(entry.name.isascii() for entry in entries):
                entries.sort(key=lambda entry: os.fsencode(entry.name))
            return self._take(folder, entries)
        finally:
            os.close(descriptor)

    def _take(self, folder: Folder, entries: list[os.DirEntry[str]]) -> list[Folder]:
        """Sort the entries of a folder into files, folders and what is not carried."""
        prefix = folder.rel + "/" if folder.rel else ""
        key_prefix = folder.key + "/" if folder.key else ""
        plain = prefix == key_prefix
        ignores = self.ignored.matches_text
        folders: list[Folder] = []
        claimed: set[str] = set()
        for entry in entries:
            name = entry.name
            rel = intern(prefix + name)
            key = rel
            if not plain or not name.isascii():
                key = key_prefix + unicodedata.normalize("NFC", name)
            try:
                if ignores(key, is_dir=entry.is_dir(follow_symlinks=False)):
                    self.occupied.setdefault(key, Occupant.IGNORED)
                    if name == IGNORE_FILE and prefix:
                        self.problems.append(trouble.list_below_the_top(rel))
                    elif name == INTERNAL_NAME and prefix and bears_marker(self.root, rel):
                        self.inner.append(folder.rel)
                    continue
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                self._lost(rel, key, error)
                continue
            below = self.sort(folder, MediaPath(rel, key), status, claimed)
            if below is not None:
                folders.append(below)
        return folders

    def sort(
        self, folder: Folder, path: MediaPath, status: os.stat_result, claimed: set[str]
    ) -> Folder | None:
        """Take in one entry that is not ignored; returns it when it is a folder, which is still to be listed.

        Args:
            folder: the folder that it is in.
            path: the entry's.
            status: what `lstat` says of it.
            claimed: the keys of the entries of that folder that were carried already.
        """
        rel, key = path.text, path.key
        mode = stat.S_IFMT(status.st_mode)
        if mode not in (stat.S_IFREG, stat.S_IFDIR):
            kind = Occupant.SYMLINK if mode == stat.S_IFLNK else Occupant.SPECIAL
            self.occupied.setdefault(key, kind)
            return None
        if not self._usable(path.name, rel, key, claimed, is_folder=mode == stat.S_IFDIR):
            return None
        if mode == stat.S_IFDIR:
            self.occupied[key] = Occupant.FOLDER
            return Folder(rel, key, status.st_dev, status.st_ino, folder)
        row = self.known.get(key)
        if row is None or not same_content(row[0], status):
            self._unknown(path, status)
        elif row[0].device == status.st_dev:
            self.files[key] = FolderFile(path, row[0], row[1])
        else:
            self._recognised(path, status, row[1])
        return None

    def _usable(self, name: str, rel: str, key: str, claimed: set[str], *, is_folder: bool) -> bool:
        """Whether a file or folder can be carried under this name; a problem if not."""
        if not name.isprintable():
            problem = trouble.bad_name(rel)
            if problem is not None:
                self.problems.append(problem)
                # Nothing may be created there, and what lies below is not known to be gone.
                self.occupied.setdefault(key, Occupant.UNREADABLE)
                return False
        if key in claimed:
            self.problems.append(trouble.same_name(rel))
            if is_folder or self.occupied.get(key) is Occupant.FOLDER:
                # What lies in the one that is not looked through may be what was known below this name.
                self.occupied[key] = Occupant.UNREADABLE
            return False
        claimed.add(key)
        self.occupied.pop(key, None)
        return True

    def _lost(self, rel: str, key: str, error: OSError) -> None:
        """An entry that was listed and cannot be looked at; may be a file or a folder."""
        if error.errno in (errno.EACCES, errno.EPERM):
            raise error  # the folder may be listed but not entered: one problem, not one for each name
        self.occupied[key] = Occupant.UNREADABLE
        if error.errno != errno.ENOENT:
            self.problems.append(trouble.unreadable(rel, error, folder=False))

    def _unknown(self, path: MediaPath, status: os.stat_result) -> None:
        """A file that the cache does not know by its path; perhaps by its stamp, when a folder was moved.

        Moving a folder leaves its files' change times alone, and to the nanosecond those belong to one file
        only. Where times are coarse, inode numbers are made up as well: there the file is read.
        """
        if self._moved is None:
            self._moved = {
                (stamp.inode, stamp.size, stamp.mtime_ns, stamp.ctime_ns): checksum
                for stamp, checksum in self.known.values()
                if stamp.ctime_ns % COARSE_NS
            }
        content = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        checksum = self._moved.get(content)
        if checksum is None:
            self.to_read.append((path, stamp_of(status)))
        else:
            self._recognised(path, status, checksum)

    def _recognised(self, path: MediaPath, status: os.stat_result, checksum: Checksum) -> None:
        """A file whose bytes are known, under another path or device."""
        file = FolderFile(path, stamp_of(status), checksum)
        self.files[path.key] = file
        self.to_cache.append(file)
