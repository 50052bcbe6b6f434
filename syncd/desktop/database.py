"""Reads a family tree's SQLite file as a guest: read-only, shortly, and never the first to mend anything.

Gramps keeps a rollback journal. A reader that holds a cursor open makes Gramps' commit fail, so every query is one
`fetchall`, under a time limit, and the connection is closed at once. `immutable=1` would read half-written pages. A
journal that a crash left behind is refused by SQLite for read-only connections; it is Gramps' to roll back. A
write-ahead log would make SQLite create files even for a reader, so such a database is not opened at all.

Nothing is opened beside the connection while it lives: closing any descriptor of the file would drop its locks.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import quote

from syncd.config.sources import read_small_file
from syncd.desktop.places import DATABASE, LARGEST_NAME
from syncd.model import Problem

SCHEMA = 21
"""The form of Gramps 6.0: every record has a column `json_data`."""

BUSY_SECONDS = 2.0
"""How long to wait for a lock of Gramps, which holds it for moments, except in an import."""

READ_SECONDS = 4.0
"""How long one query may take: Gramps gives up a commit after 5 s, and must not have to for our sake."""

AT_ONCE = 500
"""Handles in one query."""

_MAGIC = b"SQLite format 3\x00"
_WRITE_AHEAD = 2
_STEPS = 5_000
"""Instructions of SQLite between two looks at the clock."""

_CONVERT = (
    "in Gramps 6, open it and export it as Gramps XML, then import that into a new family tree "
    "(Preferences, Family Tree, database backend: SQLite)"
)
_OPEN_IN_GRAMPS = "open the family tree in Gramps, see that all is well, and close it; then run syncd again"
_REPAIR = "open the family tree in Gramps; if it cannot be opened there either, restore a backup"


class Kind(Enum):
    """Why a tree cannot be read: what follows differs."""

    BUSY = auto()
    """Try again later."""
    EMPTY = auto()
    """There is nothing in it yet."""
    UNUSABLE = auto()
    """Until a person does something about it."""


class UnreadableError(Exception):
    """A family tree cannot be read; becomes a problem, or is passed over."""

    def __init__(self, reason: str, remedy: str, kind: Kind = Kind.UNUSABLE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.kind = kind

    def as_problem(self, title: str) -> Problem:
        """The problem to report."""
        return Problem(f"the family tree '{title}' of Gramps Desktop {self.reason}", self.remedy)


@dataclass(frozen=True, slots=True)
class MediaRow:
    """A media object as its columns have it; `change` in Unix seconds."""

    handle: str
    path: str
    checksum: str
    change: int
    mime: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a look at a tree found.

    Args:
        schema: the version of its form.
        media_path: the base folder of relative paths as written; None for the default.
        media: its media objects, the oldest first.
        odd: how many rows are no media objects (a handle or path that is no text).
    """

    schema: int
    media_path: str | None
    media: tuple[MediaRow, ...]
    odd: int = 0


Row = Sequence[bytes | int | float | None]


def read_contents(folder: Path) -> Contents:
    """Read a tree's base folder and what its media objects name.

    Raises:
        UnreadableError: it cannot be read; the reason begins with a verb.
    """
    with _opened(folder) as query:
        known = _metadata(query)
        rows = query("SELECT handle, path, checksum, change, mime FROM media", ())
    media = [row for row in map(_media_row, rows) if row is not None]
    media.sort(key=lambda row: (row.change, row.handle))
    written = known.get("media-path")
    media_path = written if isinstance(written, str) and written else None
    return Contents(SCHEMA, media_path, tuple(media), len(rows) - len(media))


def read_forms(folder: Path, handles: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Read media objects in Gramps' raw form; those that are gone or make no sense are left out.

    Raises:
        UnreadableError: the tree cannot be read.
    """
    found: dict[str, Mapping[str, Any]] = {}
    with _opened(folder) as query:
        _metadata(query)
        for start in range(0, len(handles), AT_ONCE):
            part = handles[start : start + AT_ONCE]
            marks = ", ".join("?" * len(part))
            for row in query(f"SELECT handle, json_data FROM media WHERE handle IN ({marks})", part):  # noqa: S608
                handle, form = _text(row[0]), _form(row[1])
                if handle is not None and form is not None and form.get("handle") == handle:
                    found[handle] = form
    return found


def _media_row(row: Row) -> MediaRow | None:
    handle, path, checksum = _text(row[0]), _text(row[1]), _text(row[2])
    change = row[3] if isinstance(row[3], int) else 0
    if not handle or path is None:
        return None
    return MediaRow(handle, path, checksum or "", change, _text(row[4]) or "")


def _text(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def _form(value: object) -> Mapping[str, Any] | None:
    """A media object's form; None for anything that Gramps would not have written."""
    form = _parsed(value)
    return form if isinstance(form, dict) and form.get("_class") == "Media" else None


def _parsed(value: object) -> Any:
    """What a JSON column holds; None when it is no JSON, or holds what cannot be sent on."""
    text = _text(value)
    if text is None:
        return None
    try:
        found = json.loads(text, parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


class _Query:
    """Asks one connection, each question to its end and within its time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._end = 0.0
        db.set_progress_handler(lambda: time.monotonic() > self._end, _STEPS)

    def __call__(self, sql: str, values: Sequence[str]) -> list[Row]:
        self._end = time.monotonic() + READ_SECONDS
        return self._db.execute(sql, values).fetchall()


@contextmanager
def _opened(folder: Path) -> Iterator[_Query]:
    """A connection for a moment.

    Raises:
        UnreadableError: there is no database that syncd can read, or it is busy.
    """
    path = folder / DATABASE
    _check_files(folder, path)
    try:
        # An empty authority: two slashes at a path's beginning would be taken for one.
        db = sqlite3.connect(
            f"file://{quote(os.fsencode(path))}?mode=ro&readonly_shm=1",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise _translated(error) from error
    try:
        db.text_factory = bytes
        db.execute("PRAGMA query_only = 1")
        db.execute("PRAGMA trusted_schema = 0")
        yield _Query(db)
    except sqlite3.Error as error:
        raise _translated(error) from error
    except UnicodeDecodeError as error:  # SQLite's complaint quotes what is damaged
        raise UnreadableError("is damaged", _REPAIR) from error
    finally:
        db.close()


def _check_files(folder: Path, path: Path) -> None:
    """See that the file is a SQLite database with a rollback journal."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise _without_database(folder) from None
    except OSError as error:
        raise _unreachable(error) from error
    backend = _backend(folder)
    if backend not in ("sqlite", ""):
        raise UnreadableError(f"is kept in a database of another kind ({backend[:40]})", _CONVERT)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(f"has no proper database: {path} is not a regular file", _REPAIR)
    if status.st_size == 0:
        raise UnreadableError("is empty", _OPEN_IN_GRAMPS, Kind.EMPTY)
    try:
        with path.open("rb", buffering=0) as file:
            header = file.read(20)
    except OSError as error:
        raise _unreachable(error) from error
    if not header.startswith(_MAGIC):
        raise UnreadableError(f"is damaged: {path} is no SQLite database", _REPAIR)
    if _WRITE_AHEAD in header[18:20]:
        raise UnreadableError("is kept with a write-ahead log, which syncd does not read", _CONVERT)


def _without_database(folder: Path) -> UnreadableError:
    """Why there is no SQLite file."""
    backend = _backend(folder)
    if not folder.is_dir():
        return UnreadableError(f"is gone: {folder} does not exist", "correct desktop.tree")
    if backend == "" and (folder / "person.db").exists():
        backend = "bsddb"  # from before there were others
    if backend not in ("sqlite", ""):
        return UnreadableError(f"is kept in a database of another kind ({backend[:40]})", _CONVERT)
    return UnreadableError(f"has no database: {folder / DATABASE} is missing", _OPEN_IN_GRAMPS, Kind.EMPTY)


def _backend(folder: Path) -> str:
    """The kind of database that Gramps noted; `""` where it did not."""
    try:
        return read_small_file(folder / "database.txt", LARGEST_NAME)[0].strip()
    except ValueError:
        return ""


def _unreachable(error: OSError) -> UnreadableError:
    reason = os.strerror(error.errno or 0).lower()
    return UnreadableError(
        f"cannot be read: {reason}", "give the user that runs syncd the right to read its folder"
    )


def _metadata(query: _Query) -> dict[str, Any]:
    """The base folder, once the form is known to be the one that this module reads."""
    columns = {_text(row[0]) for row in query("SELECT name FROM pragma_table_info('metadata')", ())}
    if not columns:
        raise UnreadableError("is damaged or no family tree: it has no table 'metadata'", _REPAIR)
    if "json_data" not in columns:
        raise UnreadableError(
            "has the form of an older Gramps", "open it once in Gramps 6, which converts it"
        )
    sql = "SELECT setting, json_data FROM metadata WHERE setting IN ('version', 'media-path')"
    known = {}
    for row in query(sql, ()):
        wrapped = _parsed(row[1])
        known[_text(row[0])] = wrapped.get("value") if isinstance(wrapped, dict) else None
    _check_schema(known.get("version"))
    return {"media-path": known.get("media-path")}


def _check_schema(written: object) -> None:
    try:
        schema = int(written) if isinstance(written, str | int) else 0
    except ValueError:
        schema = 0
    if schema > SCHEMA:
        raise UnreadableError(
            f"is one of a newer Gramps (form {schema}; this syncd knows {SCHEMA})", "update syncd"
        )
    if schema < SCHEMA:
        was = f" (form {schema})" if schema > 0 else ""
        raise UnreadableError(
            f"has the form of an older Gramps{was}", "open it once in Gramps 6, which converts it"
        )


def _translated(error: sqlite3.Error) -> UnreadableError:
    """What SQLite's complaint means here."""
    code = getattr(error, "sqlite_errorcode", 0)
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_INTERRUPT:
            remedy = "nothing to do: the next run tries again; close Gramps if this stays"
            return UnreadableError("is being written by Gramps just now", remedy, Kind.BUSY)
        case sqlite3.SQLITE_READONLY:
            return UnreadableError(
                "was left half-written when Gramps crashed", _OPEN_IN_GRAMPS + "; it then mends it by itself"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return UnreadableError(
                "cannot be read: SQLite may not open it",
                "give the user that runs syncd the right to read its folder",
            )
        case sqlite3.SQLITE_IOERR:
            return UnreadableError("cannot be read: its disk failed", "see to the disk; then run syncd again")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return UnreadableError("is damaged", _REPAIR)
    return UnreadableError(f"cannot be understood ({error})", _REPAIR)
