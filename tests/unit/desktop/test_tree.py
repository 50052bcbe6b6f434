"""The tree of `[desktop]`: a snapshot of what its media objects mean, or a problem; nothing raises."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.desktop import ConfiguredTree, Look, database
from syncd.model import DesktopObject, PathRules, Problem
from tests.unit.desktop.family import MD5, Person


def configured(person: Person, named: str = "Smith") -> ConfiguredTree:
    """The tree as a configuration names it."""
    return ConfiguredTree(named, person.environ, person.media, PathRules(str(person.media)))


def test_a_look(person: Person) -> None:
    """Objects by the file that they mean, the oldest first; those that mean none here are left out."""
    media = [
        ("young", f"{person.media}/a.jpg"),
        ("web", "https://family.example/a.jpg"),
        ("out", "/etc/passwd"),
        ("same", "./a.jpg"),
        ("nfd", "Zu\u0308ge.jpg"),
    ]
    person.tree("Smith", media, media_path=str(person.media))
    snapshot, problems = configured(person).look()
    assert snapshot.readable
    assert dict(snapshot.objects) == {
        "a.jpg": (DesktopObject("young", MD5, 0), DesktopObject("same", MD5, 3)),
        "Z\u00fcge.jpg": (DesktopObject("nfd", MD5, 4),),
    }
    assert problems == ()


def test_forms(person: Person) -> None:
    """The raw forms are read when they are wanted, with or without a look before, and as they are by then."""
    folder = person.tree("Smith", [("a", "a.jpg"), ("b", "b.jpg")])
    tree = configured(person)
    assert {handle: form["path"] for handle, form in tree.forms(["a", "x"]).items()} == {"a": "a.jpg"}
    tree.look()
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.execute("DELETE FROM media WHERE handle = 'a'")
    assert tree.forms(["a", "b"]).keys() == {"b"}
    assert tree.forms([]) == {}


def unreadable(person: Person, named: str = "Smith") -> Problem:
    """The one problem of a tree of which nobody knows what it holds."""
    tree = configured(person, named)
    snapshot, [problem] = tree.look()
    assert not snapshot.readable
    assert not snapshot.objects
    assert tree.forms(["a"]) == {}
    assert problem.remedy
    return problem


def test_no_such_tree(person: Person) -> None:
    """A name that fits nothing is a problem that lists the titles; it does not say that there are no media objects."""
    person.tree("Jones")
    assert "'Jones'" in unreadable(person).remedy
    assert "two" not in unreadable(person, "/nowhere").reason


def test_locked_and_free_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that Gramps is writing is a problem for this look only; its forms wait, too."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    folder = person.tree("Smith", [("a", f"{person.media}/a.jpg")])
    tree = configured(person)
    with closing(sqlite3.connect(folder / "sqlite.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert "being written by Gramps just now" in unreadable(person).reason
        snapshot, _problems = tree.look()
        assert not snapshot.readable
    snapshot, problems = tree.look()
    assert snapshot.objects.keys() == {"a.jpg"}
    assert problems == ()


def test_tree_of_a_newer_gramps(person: Person) -> None:
    """A form that this syncd does not know is not guessed at."""
    person.tree("Smith", [("a", f"{person.media}/a.jpg")], version="22")
    problem = unreadable(person)
    assert problem.reason.startswith("the family tree 'Smith' of Gramps Desktop is one of a newer Gramps")
    assert problem.remedy == "update syncd"


def test_oddities(person: Person) -> None:
    """An unknown variable in the base folder and odd rows are told; what can be read counts all the same."""
    media = [("a", f"{person.media}/a.jpg"), ("b", "b.jpg")]
    folder = person.tree("Smith", media, media_path="{GRAMPS_RESOURCES}/x")
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.execute("INSERT INTO media (handle) VALUES ('pathless')")
    found = configured(person).examine()
    assert isinstance(found, Look)
    assert (found.files, len(found.contents.media)) == (1, 2)
    first, second = found.problems
    assert "{GRAMPS_RESOURCES}" in first.reason
    assert second.reason.startswith("1 media object ")
    assert configured(person).look() == (found.snapshot, found.problems)


def test_a_tree_by_its_path(person: Person, tmp_path: Path) -> None:
    """A tree in a folder that Gramps does not list is read when its path is given."""
    folder = person.tree("Smith", [("a", f"{person.media}/a.jpg")], folder=tmp_path / "stick" / "tree")
    assert configured(person, str(folder)).look()[0].objects.keys() == {"a.jpg"}
