"""Looking at a state file without touching it.

Looking changes nothing, not even a `-wal` or `-shm` beside the file: it reads a file that has no log as immutable, and
copies one that has a log into a private temporary folder first.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from syncd.errors import StateError
from syncd.state.failures import is_damage
from syncd.state.migrations import APPLICATION_ID, known_migrations, schema_version

_HEADER = 100
"""Bytes of a database's header."""

_WAL_HEADER = 32
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.02

_Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What is at the state's path: a database of this version and application, or something damaged."""

    version: int = 0
    application: int = 0
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found, and how its files looked then."""

    found: Found | None
    signature: object


def look(path: Path, copy_to: sqlite3.Connection | None) -> Found | None:
    """See what is at `path`; None when there is nothing. A sound database of ours goes into `copy_to` too.

    Raises:
        StateError: it is no file, or is written to all the time.
    """
    return seen(path, copy_to).found


class BusyError(Exception):
    """The file has a log, so it would have to be copied."""


def seen(path: Path, copy_to: sqlite3.Connection | None, *, in_place: bool = False) -> Seen:
    """See what is at `path`, as `look`; as long as the signature is the same, that holds.

    Args:
        path: the state file.
        copy_to: as of `look`.
        in_place: make no copy of a file that has a log: nobody would take it away if the process ended meanwhile.

    Raises:
        StateError: as `look`.
        BusyError: with `in_place`, it has a log.
    """
    for _ in range(_ATTEMPTS):
        before = signature(path)
        if before is None:
            return Seen(None, None)
        found = _look_once(path, copy_to, in_place=in_place)
        if signature(path) == before:
            return Seen(found, before)
        time.sleep(_PAUSE_SECONDS)  # somebody is writing: what was seen may be half of it
    raise StateError(
        f"the state file {path} is written to all the time", "wait until the other syncd has finished"
    )


def signature(path: Path) -> _Signature | None:
    """Equal before and after reading the file and then its log: both belong together. None: there is no file.

    While the log's header stays the same, the log was only appended to, so it still holds every page that
    was carried over into the file meanwhile. Without a log, the file itself must not have changed.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        raise StateError(f"{path} is no file", "move it away, or set state_dir to another folder")
    header = _log_header(path)
    journal = with_suffix(path, "-journal")
    journal_facts = _times(journal.stat()) if journal.exists() else None
    return (header, journal_facts, facts.st_ino if header else _times(facts))


def _times(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _log_header(path: Path) -> bytes:
    """The header of the write-ahead log, with its salts, which change when it starts anew; empty: no log."""
    try:
        with with_suffix(path, "-wal").open("rb") as log:
            return log.read(_WAL_HEADER)
    except FileNotFoundError:
        return b""


def _look_once(path: Path, copy_to: sqlite3.Connection | None, *, in_place: bool) -> Found:
    try:
        size = path.stat().st_size
        if size < _HEADER:  # SQLite would take it for an empty database, of no program
            return Found(damage="it is cut short" if size else "it is empty")
        with _viewed(path, in_place=in_place) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            found = Found(schema_version(connection), application)
            if application != APPLICATION_ID or found.version > known_migrations()[-1].number:
                return found
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if verdict != "ok":
                return Found(damage=verdict)
            if copy_to is not None:
                connection.backup(copy_to)
            return found
    except FileNotFoundError:
        return Found()  # gone between two looks: the signature tells
    except UnicodeDecodeError:  # SQLite's complaint quotes what is damaged
        return Found(damage="what is wrong with it is no text")
    except sqlite3.Error as error:
        if is_damage(error):
            return Found(damage=str(error))
        raise


@contextmanager
def _viewed(path: Path, *, in_place: bool) -> Iterator[sqlite3.Connection]:
    """A connection for reading that leaves the file and what is beside it alone."""
    if not _log_header(path) and not with_suffix(path, "-journal").exists():
        with closing(sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True)) as connection:
            yield connection
        return
    if in_place:
        raise BusyError
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder:
        copy = Path(folder) / "state.sqlite"
        shutil.copyfile(path, copy)  # the file first, then its log: see `signature`
        for suffix in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(with_suffix(path, suffix), with_suffix(copy, suffix))
        with closing(sqlite3.connect(uri(copy, "mode=rw"), uri=True)) as connection:
            yield connection


def uri(path: Path, options: str) -> str:
    """The path as SQLite takes it together with options, whatever characters are in it."""
    return f"file:{quote(os.fsencode(path))}?{options}"


def with_suffix(path: Path, suffix: str) -> Path:
    """The file beside `path` whose name is longer by `suffix`."""
    return path.with_name(path.name + suffix)
