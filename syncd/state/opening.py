"""How a state file is made, opened, and set aside when it is damaged.

Invariants:
- A file of a newer syncd, or of another program, is left as it is, byte for byte.
- A new state appears under its name complete or not at all. So an empty file there was not left by us.
- A log never outlives its file: SQLite would replay it into the next one.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import StateError
from syncd.state.ahead import looked
from syncd.state.failures import not_writable, translated_os
from syncd.state.looking import Found, look, uri, with_suffix
from syncd.state.migrations import APPLICATION_ID, known_migrations, migrate

BUSY_SECONDS = 10.0
"""How long one process waits for another's transaction."""

_PAUSE_SECONDS = 0.02
_SIDECARS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database.

    Args:
        connection: in autocommit mode.
        damage: what was wrong with the file that was there; None when it was sound or there was none.
        set_aside: where that file is now; None when it is where it was (opened read-only).
    """

    connection: sqlite3.Connection
    damage: str | None = None
    set_aside: Path | None = None


def open_file(path: Path) -> Opened:
    """Open the state for reading and writing, making it when it is missing.

    Only the holder of the state's lock may call this for a file that may be damaged: setting it aside under
    another process's feet would leave that process with a file that nobody reads again.

    RACE: POSIX drops a process's locks on a file when it closes any descriptor of it. So a process opens one
    state file once; opening it a second time while the first is open may cost the first its protection against
    other processes.

    Raises:
        StateError: newer schema, another program's file, not writable, disk full.
    """
    with translated_os(path):
        _make_folder(path)
        with _turn(path.parent):
            found = looked(path)
            _refuse_foreign(found, path)
            _refuse_read_only(path)
            damage = found.damage if found else None
            set_aside = None
            if found is None or damage:
                set_aside = _set_aside(path, _SIDECARS if found is None else ("", *_SIDECARS))
                _create(path)
            with suppress(PermissionError):  # another user's file, which we may nevertheless write
                path.chmod(0o600)
        if set_aside and not damage:
            damage = "it was gone, only its log was there"
        return Opened(_connect(path), damage, set_aside)


def open_beside(path: Path) -> Opened:
    """Open a sound state of just this schema for writing, whoever else has it open; change nothing about the file itself.

    RACE: as for `open_file`: not where this process has it open already.

    Raises:
        StateError: it is missing, damaged, another schema's or another program's, or cannot be written.
    """
    with translated_os(path):
        found = look(path, None)
        _refuse_foreign(found, path)
        if found is None or found.damage or found.version < known_migrations()[-1].number:
            raise StateError(f"the state file {path} is not fit to be written to yet", "run: syncd --once")
        _refuse_read_only(path)
        return Opened(_connect(path))


def open_copy(path: Path) -> Opened:
    """Open a copy of the state in memory (an empty state when there is none, or a damaged one).

    Nothing at or beside `path` changes, now or later.

    Raises:
        StateError: newer schema, another program's file, not readable.
    """
    with translated_os(path):
        memory = _memory()
        try:
            found = look(path, memory)
            _refuse_foreign(found, path)
            if found is not None and found.damage:
                memory.close()
                memory = _memory()
            migrate(memory)
            return Opened(memory, found.damage if found else None)
        except BaseException:
            memory.close()
            raise


def _make_folder(path: Path) -> None:
    """Make the state folder (mode 0700) when it is missing; one that exists keeps its mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StateError(
            f"{path.parent} is no folder", "move it away, or set state_dir to another folder"
        ) from error


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time looks, sets aside and makes; what one has made, the next finds.

    The lock is on the folder itself, so that it needs no file. Where the file system has no locks, the lock that a
    run holds is all there is.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_read_only(path: Path) -> None:
    """SQLite would silently open a file for reading only that it may not write."""
    if not os.access(path.parent, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise not_writable(path)


def _refuse_foreign(found: Found | None, path: Path) -> None:
    if found is None or found.damage:
        return
    if found.application != APPLICATION_ID or found.version == 0:
        raise StateError(
            f"{path} is a database of another program",
            "move it away, or set state_dir to another folder; syncd has not touched it",
        )
    newest = known_migrations()[-1].number
    if found.version > newest:
        raise StateError(
            f"the state file {path} was written by a newer syncd (schema {found.version}, this one knows {newest})",
            "install the newer syncd again; the state file was not touched",
        )


def _set_aside(path: Path, suffixes: Sequence[str]) -> Path | None:
    """Give the file (suffix `""`) and its log another name; returns the new name, None when there was nothing.

    The file goes first: after a crash in between, the log is found without a file and set aside as well.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    present = [suffix for suffix in suffixes if with_suffix(path, suffix).exists()]
    if not present:
        return None
    target, counter = with_suffix(path, f".corrupt-{stamp}"), 1
    while any(with_suffix(target, suffix).exists() for suffix in ("", *_SIDECARS)):
        counter += 1
        target = with_suffix(path, f".corrupt-{stamp}-{counter}")
    for suffix in present:
        with_suffix(path, suffix).rename(with_suffix(target, suffix))
    _sync_folder(path.parent)
    return target if "" in present else with_suffix(target, present[0])


def _create(path: Path) -> None:
    """Put a new state at `path`, complete or not at all. Somebody else's that appears meanwhile stays.

    Its name is on the disk with the first transaction: SQLite syncs the folder for its log.
    """
    with closing(_memory()) as memory:
        migrate(memory)
        content = memory.serialize()
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.new-", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri(path, "mode=rw"), uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
    )
    try:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, which a file remembers.

    Where a file system cannot have one, SQLite keeps its older journal, which is as safe. SQLite's own busy timeout
    does not cover the switch: of several processes that start with a new file, all but one are refused at first.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _sync_folder(folder: Path) -> None:
    """See to it that names given in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
