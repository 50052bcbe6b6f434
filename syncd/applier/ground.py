"""The way to a name in the media folder: from descriptor to descriptor, never through a symbolic link.

A path is walked one component at a time from a descriptor of the media folder, so a folder that somebody swaps for
a link between the scan and the act (or between two steps of the act) cannot lead outside.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from syncd.applier import syscalls
from syncd.applier.failures import unreadable
from syncd.applier.room import Room
from syncd.errors import FolderError, MovedOn
from syncd.model import Checksum, FileStamp
from syncd.model.paths import INTERNAL_NAME, can_be_asked_for
from syncd.scanner.hashing import checksum_of, stamp_of

TMP = f"{INTERNAL_NAME}/tmp"  # noqa: S108 - ours, below the media folder
TRASH = f"{INTERNAL_NAME}/trash"
PART = ".part"
"""How names end of what `recover` may take away: it is ours, and not finished or not needed."""

_TMP_PARTS = TMP.split("/")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in a folder that is held open: whatever happens to the path, it is this folder.

    Args:
        folder: the folder's descriptor.
        name: the name in it, whether it exists or not.
        text: the path relative to the media folder, its folders as the disk spells them.
    """

    folder: int
    name: str
    text: str

    def stamp(self) -> FileStamp | None:
        """What stands there now: None when nothing does or it is no regular file."""
        try:
            status = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return stamp_of(status) if stat.S_ISREG(status.st_mode) else None

    def standing(self) -> FileStamp:
        """What stands there now.

        Raises:
            FileNotFoundError: nothing, or no regular file.
        """
        stamp = self.stamp()
        if stamp is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.text)
        return stamp

    def require(self, expected: FileStamp) -> None:
        """See that the file that was scanned is still there, unchanged.

        Raises:
            MovedOn: it is not.
        """
        if self.stamp() != expected:
            raise changed(self.text)

    def beside(self, name: str) -> Spot:
        """Another name in the same folder."""
        return Spot(self.folder, name, f"{self.text.rpartition('/')[0]}/{name}".lstrip("/"))

    def checksum(self) -> Checksum:
        """The checksum of the regular file there.

        Raises:
            Unreadable: it cannot be read to its end.
            OSError: it cannot be opened.
        """
        descriptor = self.open()
        try:
            return checksum_of(descriptor)
        except OSError as error:
            raise unreadable(error, f"'{self.text}'") from error
        finally:
            os.close(descriptor)

    def open(self, expected: FileStamp | None = None) -> int:
        """Open the regular file for reading.

        Raises:
            MovedOn: it is none, or not the one that is expected.
        """
        descriptor = os.open(
            self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.folder
        )
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or expected not in (None, stamp_of(status)):
            os.close(descriptor)
            raise changed(self.text)
        return descriptor


@dataclass(slots=True)
class Ground:
    """The media folder, opened when first needed.

    Args:
        root: its path; the path itself may lead through links.
        room: what may still be written.
        shape: held while folders are made and filled, or removed, so that no thread removes what another made.
        honest: disks (`st_dev`), and whether their renames with flags do as told: see `trust`.
    """

    root: Path
    room: Room = field(init=False)
    shape: threading.RLock = field(default_factory=threading.RLock)
    honest: dict[int, bool] = field(default_factory=dict)
    _fd: int = -1
    _owed: dict[tuple[int, int], int] = field(default_factory=dict)
    """Folders whose newest names may not be on the disk yet, held open; by device and inode."""
    _tmp: int = -1
    """The descriptor of `.syncd/tmp`, once something was to be found there: each file that arrives is named there thrice."""

    def __post_init__(self) -> None:
        self.room = Room(self.root)

    @property
    def fd(self) -> int:
        """The descriptor of the media folder.

        Raises:
            FolderError: it is missing, or may not be opened.
        """
        if self._fd >= 0:
            return self._fd
        with self.shape:
            if self._fd < 0:
                try:
                    self._fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                except OSError as error:
                    raise FolderError(
                        f"the media folder {self.root} cannot be used ({error.strerror})",
                        "plug in its drive, correct media_dir, or see to its rights",
                    ) from error
            return self._fd

    def close(self) -> None:
        """Let go of the folder (an open descriptor keeps a drive from being unmounted)."""
        with self.shape:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
                self.honest.clear()
            if self._tmp >= 0:
                os.close(self._tmp)
                self._tmp = -1
            while self._owed:
                os.close(self._owed.popitem()[1])

    def sync_later(self, folder: int) -> None:
        """Leave it to `sync_names` to have the folder's names on the disk."""
        status = os.fstat(folder)
        with self.shape:
            if (status.st_dev, status.st_ino) not in self._owed:
                self._owed[status.st_dev, status.st_ino] = os.dup(folder)

    def sync_names(self) -> None:
        """Have on the disk the names of all files that were placed until now.

        Raises:
            OSError: of some nobody can tell.
        """
        with self.shape:
            owed, self._owed = self._owed, {}
        try:
            for folder in owed.values():
                syscalls.sync_folder(folder)
        finally:
            for folder in owed.values():
                os.close(folder)

    @contextmanager
    def at(self, rel: str, *, create: bool = False) -> Iterator[Spot]:
        """Walk to a name.

        Args:
            rel: the path relative to the media folder.
            create: make missing folders, and have them on the disk.

        Raises:
            OSError: ENOENT, or ENOTDIR where a link or a file is in the way.
        """
        *above, name = rel.split("/")
        if any(part in ("", ".", "..") for part in (*above, name)) or not can_be_asked_for(rel):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), rel)
        if above == _TMP_PARTS:
            yield Spot(self._opened_tmp(), name, rel)
            return
        folder = os.dup(self.fd)
        try:
            spelt: list[str] = []
            for part in above:
                below, found = _enter(folder, part, create=create)
                os.close(folder)
                folder = below
                spelt.append(found)
            name = twin(folder, name) or name
            yield Spot(folder, name, "/".join([*spelt, name]))
        finally:
            os.close(folder)

    def _opened_tmp(self) -> int:
        """The descriptor of `.syncd/tmp`.

        Raises:
            OSError: it is missing, or a link.
        """
        with self.shape:
            if self._tmp < 0:
                with self.at(TMP) as spot:
                    self._tmp = os.open(spot.name, _FOLDER, dir_fd=spot.folder)
            return self._tmp

    @contextmanager
    def filled(self, rel: str, fill: Callable[[Spot], None]) -> Iterator[Spot]:
        """Walk to a name, making folders, and fill it at once: no other thread prunes the folders meanwhile."""
        with ExitStack() as stack:
            with self.shape:
                spot = stack.enter_context(self.at(rel, create=True))
                fill(spot)
            yield spot

    def ensure_internal(self) -> None:
        """Make `.syncd/tmp` and `.syncd/trash`, for nobody else's eyes.

        Raises:
            FolderError: `.syncd` is a link or a file.
            OSError: they cannot be made.
        """
        for rel in (INTERNAL_NAME, TMP, TRASH):
            try:
                with self.at(f"{rel}/x"):
                    pass
            except FileNotFoundError:
                with self.at(rel) as spot:
                    try:
                        syscalls.make_folder(spot.folder, spot.name, 0o700)
                    except FileExistsError:
                        continue  # another thread was faster
                    syscalls.sync_folder(spot.folder)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    raise FolderError(
                        f"{self.root / rel} is no ordinary folder",
                        "move it away: syncd keeps its files there",
                    ) from error
                raise

    def prune(self, rel: str, *, stop: str = "") -> None:
        """Remove the folders above a path as far as they are empty; never the media folder (nor `stop`).

        An empty folder that is back after a power failure does no harm: nobody waits for the disk here.
        """
        while (rel := rel.rpartition("/")[0]) and rel != stop:
            try:
                with self.shape, self.at(rel) as spot:
                    syscalls.remove_folder(spot.folder, spot.name)
            except OSError:
                return


def _enter(folder: int, part: str, *, create: bool) -> tuple[int, str]:
    """Open a folder in a folder; also says how the disk spells it."""
    try:
        return os.open(part, _FOLDER, dir_fd=folder), part
    except FileNotFoundError:
        found = twin(folder, part)
        if found is not None:
            return os.open(found, _FOLDER, dir_fd=folder), found
        if not create:
            raise
    try:
        syscalls.make_folder(folder, part, 0o777)
    except FileExistsError:
        pass  # another thread was faster
    else:
        syscalls.sync_folder(folder)
    return os.open(part, _FOLDER, dir_fd=folder), part


def twin(folder: int, name: str) -> str | None:
    """The name as the disk spells it, when it is there in another normal form only (macOS decomposes)."""
    if name.isascii() or syscalls.is_there(folder, name):
        return None
    wanted = unicodedata.normalize("NFC", name)
    return next(
        (found for found in os.listdir(folder) if unicodedata.normalize("NFC", found) == wanted), None
    )


def moved_only(before: FileStamp, after: FileStamp | None) -> bool:
    """Whether it is the same file with the same bytes: renaming changes nothing but the change time."""
    return after is not None and (after.inode, after.size, after.mtime_ns) == (
        before.inode,
        before.size,
        before.mtime_ns,
    )


def changed(text: str) -> MovedOn:
    """The error of a file that is no longer the one that was scanned."""
    return MovedOn(f"'{text}' was changed meanwhile", "syncd looks again in the next run")


def random_name() -> str:
    """A name that nobody else has."""
    return secrets.token_hex(8)
