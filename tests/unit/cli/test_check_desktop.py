"""What `syncd check` says of a Gramps Desktop on the same machine."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.unit.cli.desk import Desk, write_config
from tests.unit.cli.test_check import S3, World, checks, world
from tests.unit.desktop.family import Person

__all__ = ["world"]

NAME = "Gramps Desktop"


@pytest.fixture
def gramps(desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Whoever runs syncd uses Gramps, too."""
    monkeypatch.setenv("HOME", str(desk.home))
    return Person(desk.home)


def choose(desk: Desk, tree: str = "Smith") -> None:
    """Configure a tree."""
    write_config(desk.home, s3=S3, desktop=f'tree = "{tree}"')


def test_no_line_without_gramps(desk: Desk, gramps: Person) -> None:
    """Where no Gramps is, check does not speak of it."""
    assert NAME not in checks(desk)


def test_a_tree_that_can_be_read(desk: Desk, gramps: Person) -> None:
    """The line tells which tree was found, its schema, its media objects and how many mean a file of the media folder."""
    choose(desk)
    media = [("a", "a.jpg"), ("b", "b.jpg"), ("c", "/elsewhere/c.jpg")]
    folder = gramps.tree("Smith", media, media_path=str(desk.media))
    [line] = checks(desk)[NAME]
    assert line["verdict"] == "ok"
    assert line["text"] == (
        f"'Smith' ({folder}), schema 21: 3 media objects, 2 of them for files in the media folder"
    )
    assert desk.syncd("check").code == 0


def test_a_tree_whose_media_are_elsewhere(desk: Desk, gramps: Person) -> None:
    """A tree of which no object means a file here is probably the wrong one, or its base folder is: a warning."""
    choose(desk)
    gramps.tree("Smith", [("a", "a.jpg")], media_path="/elsewhere")
    [line] = checks(desk)[NAME]
    assert line["verdict"] == "warning"
    assert "none of them" in line["text"]
    assert "base media path" in line["remedy"]


def test_a_tree_that_cannot_be_read(desk: Desk, gramps: Person) -> None:
    """Exit 1 with the reason and remedy of the problem that a run would report; every other check is made."""
    choose(desk)
    gramps.tree("Smith", version="22")
    [line] = checks(desk)[NAME]
    assert "newer Gramps" in line["text"]
    assert line["remedy"] == "update syncd"
    assert desk.syncd("check").code == 1
    assert checks(desk)["the bucket"][1]["text"] == "can be written"
    choose(desk, "Smiht")
    assert "did you mean 'Smith'?" in checks(desk)[NAME][0]["remedy"]


def test_odd_rows_are_told(desk: Desk, gramps: Person) -> None:
    """What is odd in a tree has a line of its own below the tree's."""
    choose(desk)
    folder = gramps.tree("Smith", media_path=str(desk.media))
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.execute("INSERT INTO media (handle) VALUES ('pathless')")
    first, second = checks(desk)[NAME]
    assert (first["verdict"], second["verdict"]) == ("ok", "warning")
    assert "without a proper handle or path" in second["text"]


def test_the_choice(desk: Desk, gramps: Person) -> None:
    """Where the choice is missing, check fails with exit 2 and both ways spelled out; the other checks are made."""
    gramps.tree("Smith", media_path=str(desk.media))
    answer = desk.syncd("check")
    assert answer.code == 2
    assert '\n         [desktop]\n         tree = "Smith"\n' in answer.out
    assert '\n         new_files = "add"\n' in answer.out
    assert "ok       the bucket: can be written" in answer.out
    error = desk.syncd("check", "--json").document["error"]
    assert error["reason"].startswith("new_files: choose")
    assert '[desktop]\ntree = "Smith"\n' in error["remedy"]


def test_a_tree_that_may_need_the_choice(desk: Desk, gramps: Person) -> None:
    """A tree that cannot be read and that nobody chose is told with what it means for new files."""
    gramps.tree("Smith", version="22")
    [line] = checks(desk)[NAME]
    assert line["verdict"] == "warning"
    assert "get no media objects for now" in line["text"]
    assert desk.syncd("check").code == 1
