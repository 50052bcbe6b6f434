"""The database is read as a guest: nothing written, nobody kept waiting, and every odd file has its reason."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.desktop import database
from syncd.desktop.database import Kind, MediaRow, UnreadableError, read_contents, read_forms
from tests.unit.desktop.family import MD5, OLD_SCHEMA, Person

MEDIA = [("b", "second.jpg"), ("a", "first.jpg")]


def traces(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything in a folder, and itself, that a write would change.

    Not the ctime: SQLite, run by root, gives a journal that a crash left its database's owner, which it has already.
    """
    found: dict[str, tuple[int, ...]] = {}
    for path in (folder, *sorted(folder.iterdir())):
        stat = path.lstat()
        found[path.name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_mode, stat.st_uid)
    return found


def refusal(folder: Path) -> UnreadableError:
    """Why a tree cannot be read, by a look that left no trace."""
    before = traces(folder)
    with pytest.raises(UnreadableError) as caught:
        read_contents(folder)
    assert traces(folder) == before
    with pytest.raises(UnreadableError):
        read_forms(folder, ["a"])
    assert traces(folder) == before
    assert caught.value.remedy
    return caught.value


def change(folder: Path, *statements: str) -> None:
    """Run SQL on a tree."""
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        for statement in statements:
            db.executescript(statement)


def test_a_look_and_its_traces(person: Person) -> None:
    """Media objects come with path, checksum and change, the oldest first; not a byte and no time changes on disk."""
    folder = person.tree("Smith", MEDIA, media_path="/x")
    before = traces(folder)
    found = read_contents(folder)
    assert found.media == (MediaRow("b", "second.jpg", MD5, 0), MediaRow("a", "first.jpg", MD5, 1))
    assert (found.schema, found.media_path, found.odd) == (21, "/x", 0)
    forms = read_forms(folder, ["a", "nobody"])
    assert {handle: raw["path"] for handle, raw in forms.items()} == {"a": "first.jpg"}
    assert traces(folder) == before
    change(folder, "UPDATE media SET change = 9 WHERE handle = 'b'")
    assert [row.handle for row in read_contents(folder).media] == ["a", "b"]


def test_many_forms(person: Person) -> None:
    """More handles than one query takes are asked for in parts."""
    handles = [f"h{number}" for number in range(1234)]
    folder = person.tree("Smith", [(handle, "x.jpg") for handle in handles])
    assert list(read_forms(folder, handles)) != []
    assert read_forms(folder, handles).keys() == set(handles)


@pytest.mark.parametrize("name", ["a?b#c%20d", "ünï\u0308", "' \" ;", "\udcff", "mode=rw&x"])
def test_awkward_folders(person: Person, name: str) -> None:
    """What means something in an address of SQLite means nothing in a folder's name."""
    folder = person.tree("Smith", MEDIA, folder=person.home / name)
    assert len(read_contents(folder).media) == 2


def test_read_only_folder(person: Person) -> None:
    """A folder in which nobody may write is read like any other."""
    folder = person.tree("Smith", MEDIA)
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    code = (
        "from syncd.desktop.database import read_contents; import pathlib, sys;"
        "print(len(read_contents(pathlib.Path(sys.argv[1])).media))"
    )
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if as_nobody:
        for above in folder.parents:
            if above.owner() == "root" and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o755)
    done = subprocess.run(
        [*as_nobody, sys.executable, "-B", "-c", code, folder], capture_output=True, text=True, check=False
    )
    folder.chmod(0o755)
    assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_locked(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process has the database to itself, the look says try again later, after a short wait."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    folder = person.tree("Smith", MEDIA)
    with closing(sqlite3.connect(folder / "sqlite.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        error = refusal(folder)
        assert error.kind is Kind.BUSY
        assert "just now" in error.reason
        writer.execute("ROLLBACK")
    assert len(read_contents(folder).media) == 2


def test_unsaved_work_is_not_seen(person: Person) -> None:
    """What Gramps has not committed yet is not there: the journal of a running transaction is no obstacle."""
    folder = person.tree("Smith", MEDIA)
    with closing(sqlite3.connect(folder / "sqlite.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM media")
        assert (folder / "sqlite.db-journal").exists()
        assert len(read_contents(folder).media) == 2
        writer.execute("COMMIT")
    assert read_contents(folder).media == ()


def test_commits_succeed_while_syncd_looks(person: Person) -> None:
    """Whoever writes all the time while syncd looks all the time gets every commit through; a look that does not get
    its turn says so, and none sees half of anything.
    """
    folder = person.tree("Smith", [(f"h{number}", "x.jpg") for number in range(3000)])
    over = threading.Event()
    looks: list[int] = []

    def look() -> None:
        while not over.is_set():
            try:
                looks.append(len(read_contents(folder).media))
            except UnreadableError as error:
                looks.append(error.kind.value)

    program = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])  # as Gramps: a lock is waited for 5 s
for number in range(60):
    db.execute("UPDATE media SET change = ? WHERE handle = 'h1'", [number])
    db.commit()
print("all committed")
"""
    looking = threading.Thread(target=look)
    looking.start()
    done = subprocess.run(
        [sys.executable, "-c", program, folder / "sqlite.db"], capture_output=True, text=True, check=False
    )
    over.set()
    looking.join()
    assert (done.stdout.strip(), done.stderr) == ("all committed", "")
    assert set(looks) - {Kind.BUSY.value} == {3000}


def test_no_lock_is_left(person: Person) -> None:
    """After a look, and after one that failed half-way, anybody gets the database to himself at once."""
    folder = person.tree("Smith", MEDIA)
    read_contents(folder)
    change(folder, "DROP TABLE media")
    error = refusal(folder)
    assert error.__traceback__ is not None  # it keeps the frames of the look, and so what they did not close
    files = [file.resolve() for file in Path("/proc/self/fd").iterdir()]
    assert folder / "sqlite.db" not in files
    with closing(sqlite3.connect(folder / "sqlite.db", timeout=0, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")


def test_journal_of_a_crash(person: Person) -> None:
    """A journal that a crash left is neither rolled back nor ignored: it is Gramps' to mend."""
    folder = person.tree("Smith", MEDIA)
    program = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN")
for number in range(1000):
    db.execute("INSERT INTO media (handle, path) VALUES (?, ?)", [f"n{number}", "x" * 200])
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program, folder / "sqlite.db"], check=False)
    assert (folder / "sqlite.db-journal").stat().st_size > 0
    error = refusal(folder)
    assert error.kind is Kind.UNUSABLE
    assert "crashed" in error.reason
    assert "in Gramps" in error.remedy


def test_write_ahead_log(person: Person) -> None:
    """A database with a write-ahead log is not opened: even a reader would create files."""
    folder = person.tree("Smith", MEDIA)
    change(folder, "PRAGMA journal_mode = WAL")
    assert "write-ahead" in refusal(folder).reason


def test_slow_reads_end(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that takes too long is given up, so that Gramps' commit does not have to be."""
    monkeypatch.setattr(database, "READ_SECONDS", 0.1)
    folder = person.tree("Smith", MEDIA)
    change(
        folder,
        "DROP TABLE media",
        "CREATE VIEW media AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT x AS handle, x AS path, x AS checksum, x AS change, x AS mime, x AS json_data FROM n",
    )
    assert refusal(folder).kind is Kind.BUSY


def write(name: str, content: bytes) -> Callable[[Path], Any]:
    """Replace a file of a tree."""
    return lambda folder: (folder / name).write_bytes(content)


def sql(*statements: str) -> Callable[[Path], Any]:
    """Change the database of a tree."""
    return lambda folder: change(folder, *statements)


def become(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Put something else into the place of the database."""

    def act(folder: Path) -> None:
        (folder / "sqlite.db").unlink()
        make(folder / "sqlite.db")

    return act


def bsddb(folder: Path) -> None:
    """A tree of Gramps 4."""
    for name in ("sqlite.db", "database.txt"):
        (folder / name).unlink()
    (folder / "person.db").write_bytes(b"\0" * 4096)


def older(folder: Path) -> None:
    """A tree of Gramps 5."""
    (folder / "sqlite.db").unlink()
    change(folder, OLD_SCHEMA)


@pytest.mark.parametrize(
    ("spoil", "reason", "kind"),
    [
        (write("database.txt", b"bsddb"), "another kind (bsddb)", Kind.UNUSABLE),
        (write("database.txt", b"postgresql\n"), "another kind (postgresql)", Kind.UNUSABLE),
        (bsddb, "another kind (bsddb)", Kind.UNUSABLE),
        (older, "older Gramps", Kind.UNUSABLE),
        (sql('UPDATE metadata SET json_data = \'{"value": "22"}\''), "newer Gramps (form 22", Kind.UNUSABLE),
        (sql("UPDATE metadata SET json_data = '{\"value\": 20}'"), "older Gramps (form 20)", Kind.UNUSABLE),
        (sql("UPDATE metadata SET json_data = 'rubbish'"), "older Gramps", Kind.UNUSABLE),
        (sql("UPDATE metadata SET json_data = '[21]'"), "older Gramps", Kind.UNUSABLE),
        (sql("UPDATE metadata SET json_data = NULL"), "older Gramps", Kind.UNUSABLE),
        (sql("DELETE FROM metadata"), "older Gramps", Kind.UNUSABLE),
        (sql("DROP TABLE metadata"), "no table 'metadata'", Kind.UNUSABLE),
        (sql("DROP TABLE media"), "no such table", Kind.UNUSABLE),
        (sql("ALTER TABLE media RENAME handle TO h"), "no such column", Kind.UNUSABLE),
        (become(lambda path: None), "has no database", Kind.EMPTY),
        (become(lambda path: path.touch()), "is empty", Kind.EMPTY),
        (become(lambda path: path.write_bytes(b"x" * 9000)), "is damaged", Kind.UNUSABLE),
        (
            become(lambda path: path.write_bytes(b"SQLite format 3\0" + b"\1" * 9000)),
            "is damaged",
            Kind.UNUSABLE,
        ),
        (become(lambda path: path.mkdir()), "not a regular file", Kind.UNUSABLE),
        (become(os.mkfifo), "not a regular file", Kind.UNUSABLE),
        (become(lambda path: path.symlink_to("sqlite.db")), "cannot be read", Kind.UNUSABLE),
    ],
)
def test_unreadable(person: Person, spoil: Callable[[Path], Any], reason: str, kind: Kind) -> None:
    """Each tree that cannot be read says why, and stays as it is."""
    folder = person.tree("Smith", MEDIA)
    spoil(folder)
    error = refusal(folder)
    assert reason in error.reason
    assert error.kind is kind


def test_torn_pages(person: Person) -> None:
    """A database whose pages were overwritten is damaged, whatever SQLite says of it in its own words."""
    folder = person.tree("Smith", [(f"h{number}", "x" * 50) for number in range(500)])
    file = folder / "sqlite.db"
    content = bytearray(file.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    file.write_bytes(content)
    assert "damaged" in refusal(folder).reason


def test_gone(person: Person) -> None:
    """A folder that vanished since it was found is gone."""
    with pytest.raises(UnreadableError, match="is gone"):
        read_contents(person.home / "nowhere")


def test_odd_rows(person: Person) -> None:
    """A row that is no media object costs that row: it is counted, and the others are read."""
    folder = person.tree("Smith", MEDIA)
    change(
        folder,
        "INSERT INTO media (handle, path) VALUES ('n', NULL), ('', 'empty.jpg'), ('blob', x'ff00ff'), (x'ff', 'x.jpg')",
        "INSERT INTO media (handle, path) VALUES ('number', 7), ('few', 'few.jpg')",
        "UPDATE media SET change = 'yesterday', checksum = NULL WHERE handle = 'a'",
    )
    found = read_contents(folder)
    assert {row.handle: row for row in found.media} == {
        "a": MediaRow("a", "first.jpg", "", 0),
        "b": MediaRow("b", "second.jpg", MD5, 0),
        "few": MediaRow("few", "few.jpg", "", 0),
        "number": MediaRow("number", "7", "", 0),
    }
    assert found.odd == 4


@pytest.mark.parametrize(
    "raw",
    [
        "NULL",
        "''",
        "'{'",
        "'[]'",
        "'null'",
        "x'ff'",
        '\'{"_class": "Media", "handle": "other"}\'',
        '\'{"_class": "Person", "handle": "a"}\'',
        '\'{"_class": "Media", "handle": "a", "desc": "\\ud800"}\'',
        '\'{"_class": "Media", "handle": "a", "change": NaN}\'',
        "'" + "[" * 100_000 + "'",
    ],
)
def test_odd_forms(person: Person, raw: str) -> None:
    """A form that Gramps would not have written is left out; the others come."""
    folder = person.tree("Smith", MEDIA)
    change(folder, f"UPDATE media SET json_data = {raw} WHERE handle = 'a'")
    assert read_forms(folder, ["a", "b"]).keys() == {"b"}


@pytest.mark.parametrize(
    ("written", "meant"), [(None, None), ("", None), (7, None), (["x"], None), ("{X}/y", "{X}/y")]
)
def test_media_path(person: Person, written: Any, meant: str | None) -> None:
    """The base folder is text or the default."""
    assert read_contents(person.tree("Smith", media_path=written)).media_path == meant
