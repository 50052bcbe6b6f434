"""Migrations: with their record or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from syncd.state.migrations import (
    APPLICATION_ID,
    Migration,
    known_migrations,
    migrate,
    schema_version,
    split_statements,
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        yield opened


def tables(connection: sqlite3.Connection) -> list[str]:
    """The names of all tables."""
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [row[0] for row in rows if not row[0].startswith("sqlite_")]


def test_the_schema_is_package_data(connection: sqlite3.Connection) -> None:
    """The numbered files are found in the package, and together mark and number the database."""
    migrate(connection)
    assert schema_version(connection) == known_migrations()[-1].number == len(known_migrations())
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert "links" in tables(connection)


def test_migrating_twice_does_nothing(connection: sqlite3.Connection) -> None:
    """What is applied is not applied again."""
    steps = [Migration(1, "a", "CREATE TABLE a (x);"), Migration(2, "b", "INSERT INTO a VALUES (1);")]
    migrate(connection, steps)
    migrate(connection, steps)
    assert connection.execute("SELECT count(*) FROM a").fetchone()[0] == 1
    assert schema_version(connection) == 2


def test_a_failing_migration_leaves_nothing(connection: sqlite3.Connection) -> None:
    """The one before it stays with its record; of the failing one neither tables nor record remain."""
    steps = [
        Migration(1, "a", "CREATE TABLE a (x);"),
        Migration(2, "b", "CREATE TABLE b (x);\nINSERT INTO b VALUES (1);\nINSERT INTO nowhere VALUES (1);"),
    ]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, steps)
    assert tables(connection) == ["a"]
    assert schema_version(connection) == 1
    assert not connection.in_transaction
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_migration_that_breaks_references_is_taken_back(connection: sqlite3.Connection) -> None:
    """Tables may be rebuilt, but what refers to them must find its rows afterwards."""
    steps = [
        Migration(1, "a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE TABLE b (a REFERENCES a (id));"),
        Migration(2, "b", "INSERT INTO b VALUES (5);"),
    ]
    with pytest.raises(sqlite3.IntegrityError, match="migration 2"):
        migrate(connection, steps)
    assert schema_version(connection) == 1
    assert connection.execute("SELECT count(*) FROM b").fetchone()[0] == 0


def test_statements_are_cut_at_their_ends() -> None:
    """Comments, semicolons in texts and triggers do not confuse the cutting."""
    script = (
        "-- one; two\nCREATE TABLE a (x);  -- tail\n"
        "INSERT INTO a VALUES (';\n');\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\n  DELETE FROM a;\nEND;\n"
    )
    assert [text.split()[-1] for text in split_statements(script)] == ["tail", "');", "END;"]
