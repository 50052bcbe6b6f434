"""Numbered SQL migrations: `schema/0001_*.sql`, `0002_*.sql` …, package data.

Each is applied in one transaction together with its record, which is the database's `user_version`: a
migration is there with its number or not at all. A migration is never edited once it was released.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

APPLICATION_ID = 0x73796E63
"""Marks a database as syncd's: set by the first migration."""

_NAME = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: `number` counts from 1 without gaps."""

    number: int
    name: str
    sql: str


@cache
def known_migrations() -> tuple[Migration, ...]:
    """All migrations of this version of syncd, in order."""
    folder = resources.files("syncd.state").joinpath("schema")
    found = [
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if (match := _NAME.fullmatch(entry.name))
    ]
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1)), "a gap in schema/"
    return tuple(found)


def schema_version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that was applied, 0 in an empty database."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] | None = None) -> None:
    """Apply what is missing. The connection is in autocommit mode and in no transaction.

    Raises:
        sqlite3.Error: a migration failed; nothing of it remains, those before it do.
    """
    for migration in known_migrations() if migrations is None else migrations:
        if migration.number > schema_version(connection):
            _apply(connection, migration)


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    # A migration may rebuild a table that others refer to. This setting does nothing inside a transaction.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        connection.execute("BEGIN IMMEDIATE")
        if schema_version(connection) < migration.number:  # another process may have been faster
            for statement in split_statements(migration.sql):
                connection.execute(statement)
            _check_references(connection, migration)
            connection.execute(f"PRAGMA user_version = {migration.number:d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _check_references(connection: sqlite3.Connection, migration: Migration) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise sqlite3.IntegrityError(f"migration {migration.number} breaks references: {broken[:3]}")


def split_statements(sql: str) -> list[str]:
    """Cut a script into statements; each ends at the end of a line.

    `executescript` would do, but it commits first and so breaks the transaction that holds the record.
    """
    statements, lines = [], ""
    for line in sql.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines.strip())
            lines = ""
    if lines.strip():
        statements.append(lines.strip())
    return statements
