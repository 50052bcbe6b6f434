"""The edge where SQLite's and the system's errors become `StateError`, each with its remedy."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from syncd.errors import StateError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise `StateError` where SQLite fails on the state file `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error, path) from error
    except UnicodeDecodeError as error:  # SQLite's complaint quotes what is damaged
        raise _from_sqlite(_unspeakable(), path) from error


@contextmanager
def translated_os(path: Path) -> Iterator[None]:
    """Raise `StateError` where the system or SQLite fails on `path` or its folder."""
    try:
        with translated(path):
            yield
    except OSError as error:
        raise _from_os(error, path) from error


def _unspeakable() -> sqlite3.Error:
    error = sqlite3.DatabaseError("what is wrong with it is no text")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file's contents are broken, rather than that it cannot be reached."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def not_writable(path: Path) -> StateError:
    """The file or its folder may not be written."""
    return StateError(
        f"the state file {path} cannot be opened for reading and writing",
        f"make {path} and its folder readable and writable for the user that runs syncd, or set state_dir to another folder",
    )


def full(path: Path) -> StateError:
    """The disk, or the user's share of it, is full."""
    return StateError(
        f"the disk is full: no room for the state file on the file system {_mount_point(path)}",
        f"free some space on {_mount_point(path)}, or set state_dir to a folder on another disk",
    )


def senseless() -> StateError:
    """It is sound as a database, and holds what syncd never writes.

    SQLite does not tell: it leaves out what columns may hold when it checks a file that is open for reading only.
    """
    return StateError(
        "the state file holds what makes no sense: another program has written to it",
        "move state.sqlite in the state folder (state_dir) away; the next run compares both sides anew, deleting nothing",
    )


def _from_sqlite(error: sqlite3.Error, path: Path) -> StateError:
    code = _code(error)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(path)):
        return full(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return not_writable(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateError(
            f"another program keeps the state file {path} locked",
            "wait until it has finished; close a database browser that has the file open",
        )
    if is_damage(error):
        return StateError(
            f"the state file {path} is damaged ({error})",
            "run syncd again: it sets a damaged state file aside and compares both sides anew, deleting nothing; "
            f"if that does not help, move {path} away yourself",
        )
    return StateError(
        f"the state file {path} cannot be used ({error})",
        "check the disk that it is on and run syncd again",
    )


def _from_os(error: OSError, path: Path) -> StateError:
    if error.errno in _FULL:
        return full(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return not_writable(path)
    return StateError(
        f"the state file {path} cannot be used ({error.strerror or error})",
        "set state_dir to a folder on a local disk that the user that runs syncd may write",
    )


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, -1 where the error is Python's own."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else code


def _has_no_room(path: Path) -> bool:
    with suppress(OSError):
        return os.statvfs(path.parent).f_bavail == 0
    return False


def _mount_point(path: Path) -> Path:
    """Where the file system that holds `path` is mounted."""
    folder = path.absolute().parent
    while not folder.is_mount() and folder != folder.parent:
        folder = folder.parent
    return folder
