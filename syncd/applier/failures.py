"""What the disk refuses, in words a person can act on: the one place where the folder's OS errors are translated."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from syncd.errors import FolderError, MovedOn

_GONE = frozenset([errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT])
_BAD_NAME = frozenset([errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG])


class Blocked(FolderError):  # noqa: N818 - named as its siblings are
    """One path of the folder cannot be used; the others can."""


class Unreadable(Blocked):
    """One file is there and cannot be read to its end: a damaged sector, say."""


class Rotten(Blocked):
    """One file has other bytes than when it was read, and nothing tells of a change."""


@contextmanager
def translated(root: Path, path: str, source: str | None = None) -> Iterator[None]:
    """Translate the OS errors of one operation.

    Args:
        root: the media folder.
        path: the path concerned, relative to it.
        source: where a file comes from, likewise.

    Raises:
        MovedOn: something has appeared, vanished or changed at the path.
        Blocked: this path cannot be used.
        FolderError: the folder as a whole cannot be used: full, read-only, gone.
    """
    try:
        yield
    except OSError as error:
        raise translate(error, root, path, source) from error


def unreadable(error: OSError, what: str) -> Unreadable:
    """The error to raise where a file that was opened cannot be read; `what` names it in the sentence."""
    return Unreadable(
        f"{what} cannot be read ({error.strerror})", "check the disk, and whether there is a copy elsewhere"
    )


def rotten(path: str) -> Rotten:
    """The error to raise where a file has other bytes than when it was read, and nothing tells of a change."""
    return Rotten(
        f"the bytes of '{path}' are no longer those that were read before, and no program changed them: the disk did;"
        " they were not passed on",
        "run: syncd verify --deep --repair; if that finds no good copy, put one from a backup in its place, and look after the"
        " disk; if it is right as it is: touch it",
    )


def translate(error: OSError, root: Path, path: str, source: str | None = None) -> MovedOn | FolderError:
    """The error to raise for an OS error at a path."""
    code = error.errno
    if code == errno.ENOSPC:
        return FolderError(
            f"the disk that holds {root} is full", f"free some space: df -h {shlex.quote(str(root))}"
        )
    if code == errno.EDQUOT:
        return FolderError(
            f"your quota on the disk that holds {root} is used up", "free some space, or ask for more"
        )
    if code == errno.EROFS:
        return FolderError(
            f"the disk that holds {root} is read-only",
            "an adapter's lock switch, a mount option, or a disk that had errors: mount it writable again",
        )
    if code in _GONE:
        return FolderError(
            f"the disk that holds {root} does not answer ({error.strerror})",
            "check the disk and its connection",
        )
    if code == errno.EXDEV:
        return Blocked(
            f"'{path}' lies on another disk in a way that syncd cannot handle", "move the file by hand"
        )
    if code == errno.EFBIG:
        return Blocked(
            f"the disk cannot hold a file as large as '{path}'", "FAT ends at 4 GB: use another file system"
        )
    if code in _BAD_NAME:
        return Blocked(f"the disk cannot hold the name '{path}'", "rename it in Gramps Web")
    if code in (errno.ELOOP, errno.ENOTDIR):
        return Blocked(
            f"the way to '{path}' leads through a link or a file",
            "rename what is in the way, or the object's path",
        )
    if code in (errno.EACCES, errno.EPERM):
        return Blocked(f"syncd may not change '{path}'", _how_to_open(root, (path, source or path)))
    if code == errno.EEXIST:
        return MovedOn(f"something else has appeared at '{path}'", "syncd looks again in the next run")
    if code == errno.ENOENT:
        return MovedOn(f"'{path}' is no longer there", "syncd looks again in the next run")
    return Blocked(f"'{path}' cannot be changed ({error.strerror})", "check the disk")


def _how_to_open(root: Path, paths: Sequence[str]) -> str:
    """What lets syncd change the folders of these paths: for the one that it may not write to."""
    folders = [_nearest(root / path) for path in paths]
    shut = next((folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)), folders[0])
    who = "u"
    with suppress(OSError):
        status = shut.stat()
        if status.st_uid != os.geteuid() and status.st_gid in {os.getegid(), *os.getgroups()}:
            who = "g"
    return f"chmod {who}+rwx {shlex.quote(str(shut))}, or let syncd run as the user who owns it"


def _nearest(path: Path) -> Path:
    """The folder of a path, or the nearest one above that is there."""
    return next((one for one in path.parents if os.path.lexists(one)), path.parent)
