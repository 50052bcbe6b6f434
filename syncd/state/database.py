"""The open state file: one connection, one lock, transactions.

Every room of the state builds on `Database` and reads and writes through `_rows`, `_execute` and `_execute_many` only, so
that no raw SQLite error leaves and threads take turns.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from syncd.errors import StateError
from syncd.state.failures import senseless, translated

Row = tuple[Any, ...]
_AT_ONCE = 500
"""Values that one statement takes; SQLite's own limit is higher everywhere."""
Decoded = TypeVar("Decoded")
Member = TypeVar("Member", bound=StrEnum)


class Database:
    """A connection that several threads share.

    Args:
        connection: in autocommit mode, usable from any thread; closed by `close`.
        path: the state file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Group what the block does into one transaction: all of it is on the disk afterwards, or nothing.

        Other threads wait meanwhile: no network input or output belongs in the block. A batch within a batch
        that fails is taken back by itself; the outer one goes on if its block does.

        Raises:
            StateError: the transaction could not begin or end; nothing of it remains.
        """
        with self._lock:
            nested = self._depth > 0
            self._depth += 1
            try:
                self._begin(nested=nested)
                yield
                self._execute("RELEASE inner" if nested else "COMMIT")
            except BaseException:
                self._take_back(nested=nested)
                raise
            finally:
                self._depth -= 1

    def _begin(self, *, nested: bool) -> None:
        if not nested:
            self._execute("BEGIN IMMEDIATE")
        elif self._connection.in_transaction:
            self._execute("SAVEPOINT inner")
        else:
            # A full disk may end a transaction on its own. What follows must not pass for a part of it.
            raise StateError(f"the state file {self.path} lost a transaction", "run syncd again")

    def _take_back(self, *, nested: bool) -> None:
        if not self._connection_is_in_transaction():
            return
        if nested:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK TO inner")
                self._connection.execute("RELEASE inner")
                return
        # Rolling back fails only when SQLite has done so already.
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def _connection_is_in_transaction(self) -> bool:
        try:
            return self._connection.in_transaction
        except sqlite3.Error:
            return False

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of one query."""
        with self._lock, translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of one query."""
        rows = self._rows(sql, values)
        return rows[0] if rows else None

    def _rows_in(self, query: str, values: Collection[str]) -> Iterator[Row]:
        """The rows of a query that ends with IN, for any number of values."""
        wanted: Sequence[str] = list(values)
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            yield from self._rows(f"{query} ({', '.join('?' * len(part))})", part)

    def _rows_by(self, query: str, key: str) -> Iterator[Row]:
        """The rows of a query without conditions, by its first column, which is a key of text; some at a time.

        To be read within the lock, or a batch, where they have to belong together.
        """
        after = ""
        while rows := self._rows(f"{query} WHERE {key} > ? ORDER BY {key} LIMIT ?", (after, _AT_ONCE)):
            yield from rows
            after = rows[-1][0]

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement, in the transaction that is open or in its own."""
        with self._lock, translated(self.path):
            return self._connection.execute(sql, values)

    def _execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for many rows in one transaction; returns how many rows it changed."""
        with self.batch(), translated(self.path):
            return self._connection.executemany(sql, rows).rowcount

    def _decoded(self, text: str, kind: type[Decoded]) -> Decoded:
        """What a column of JSON holds.

        Raises:
            StateError: it holds nothing of that kind: another program wrote to it.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise senseless() from error
        if not isinstance(found, kind):
            raise senseless()
        return found

    def meta(self, key: str) -> str | None:
        """A small thing that somebody wanted to remember."""
        row = self._row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str | None) -> None:
        """Remember a small thing; None forgets it."""
        if value is None:
            self._execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def last_outcome(self) -> str | None:
        """The JSON text of the last run."""
        return self.meta("last-outcome")

    def set_last_outcome(self, text: str) -> None:
        """Remember the JSON text of a run, for `syncd status`."""
        self.set_meta("last-outcome", text)

    def checkpoint(self) -> None:
        """Carry the write-ahead log over into the file and empty it, as far as other readers permit."""
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file, one line each; empty when it is sound. Reads all of it."""
        with self._lock:
            found = [str(row[0]) for row in self._rows("PRAGMA integrity_check")]
            broken = self._rows("PRAGMA foreign_key_check")
        lines = [line for line in found if line != "ok"]
        return lines + [f"row {row[1]} of {row[0]} refers to a missing row of {row[2]}" for row in broken]

    def close(self) -> None:
        """Close the file; an open transaction is taken back. Doing so twice is harmless."""
        with self._lock, translated(self.path):
            self._connection.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_number(number: int) -> bool:
    """Whether a number that a person typed can be one of ours: SQLite takes none of more than 64 bits."""
    return 0 < number < 1 << 63


def as_stored(text: str) -> str | bytes:
    """Text from outside as it goes into a column of type ANY: bytes where it holds a lone surrogate."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def as_text(stored: Any) -> str:
    """The reverse of `as_stored`."""
    if isinstance(stored, str):
        return stored
    try:
        return bytes(stored).decode(errors="surrogatepass")
    except UnicodeDecodeError:  # nothing that `as_stored` wrote
        return bytes(stored).decode(errors="replace")


def stored_or_none(text: str | None) -> str | bytes | None:
    """`as_stored`, where there may be nothing."""
    return None if text is None else as_stored(text)


def text_or_none(stored: Any) -> str | None:
    """The reverse of `stored_or_none`."""
    return None if stored is None else as_text(stored)


def as_member(kind: type[Member], stored: Any) -> Member:
    """A column of one of a few words.

    Raises:
        StateError: it holds another one.
    """
    try:
        return kind(stored)
    except ValueError as error:
        raise senseless() from error


def signed(number: int) -> int:
    """Fold an unsigned 64-bit number (an inode, a device) into SQLite's signed ones."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """The reverse of `signed`."""
    return number + (1 << 64) if number < 0 else number
