"""The merge table, cell by cell, with expectations written by hand from the table.

One item: object `h` and file `a.jpg`, both with content `one` when they last agreed. The folder makes `two` of it or
moves it to `b.jpg`; Gramps Web makes `three` of it or moves it to `c.jpg`. Each cell tells the first pass's plan, the
link that it records for `h` (path, name in Gramps Web, content), and the files when all passes are made (every
file then has one object that is named like it).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from syncd.model import FolderFile, MediaObject
from syncd.model.plan import Conflict
from tests.core import POLICY, after, file, link, md5, merge, obj, say, word
from tests.core_world import World

STATES = ("same", "new content", "moved", "new content and moved", "gone")

FOLDER: dict[str, FolderFile | None] = {
    "same": file("a.jpg", "one"),
    "new content": file("a.jpg", "two"),
    "moved": file("b.jpg", "one"),
    "new content and moved": file("b.jpg", "two"),
    "gone": None,
}
WEB: dict[str, MediaObject | None] = {
    "same": obj("h", "a.jpg", "one"),
    "new content": obj("h", "a.jpg", "three"),
    "moved": obj("h", "c.jpg", "one"),
    "new content and moved": obj("h", "c.jpg", "three"),
    "gone": None,
}

COPY = "a (conflict 2026-11-22 desk).jpg"
SEND = ["update h content two", "upload a.jpg (two)"]
NEW_FILE = ["add b.jpg (two)", "upload b.jpg (two)"]
CONFLICT = [f"fetch h (three) to a.jpg, a.jpg goes to {COPY}"]


@dataclass(frozen=True)
class Cell:
    """What a cell of the table means."""

    plan: list[str]
    link: tuple[str, str, str] | None
    files: dict[str, str]
    h: str | None
    """The object's path in the end; None: it is gone."""
    conflict: bool = False
    notice: bool = False


TABLE: dict[tuple[str, str], Cell] = {
    ("same", "same"): Cell([], None, {"a.jpg": "one"}, "a.jpg"),
    ("same", "new content"): Cell(
        ["fetch h (three) to a.jpg, a.jpg goes to the trash"],
        ("a.jpg", "a.jpg", "three"),
        {"a.jpg": "three"},
        "a.jpg",
    ),
    ("same", "moved"): Cell(["move a.jpg to c.jpg"], ("c.jpg", "c.jpg", "one"), {"c.jpg": "one"}, "c.jpg"),
    ("same", "new content and moved"): Cell(
        ["fetch h (three) to a.jpg, a.jpg goes to the trash"],
        ("a.jpg", "a.jpg", "three"),
        {"c.jpg": "three"},
        "c.jpg",
    ),
    ("same", "gone"): Cell(["trash a.jpg of h"], None, {}, None),
    ("new content", "same"): Cell(SEND, ("a.jpg", "a.jpg", "two"), {"a.jpg": "two"}, "a.jpg"),
    ("new content", "new content"): Cell(
        CONFLICT, ("a.jpg", "a.jpg", "three"), {"a.jpg": "three", COPY: "two"}, "a.jpg", conflict=True
    ),
    ("new content", "moved"): Cell(SEND, ("a.jpg", "a.jpg", "two"), {"c.jpg": "two"}, "c.jpg"),
    ("new content", "new content and moved"): Cell(
        CONFLICT, ("a.jpg", "a.jpg", "three"), {"c.jpg": "three", COPY: "two"}, "c.jpg", conflict=True
    ),
    ("new content", "gone"): Cell(
        ["restore h (two)", "upload a.jpg (two)"],
        ("a.jpg", "a.jpg", "two"),
        {"a.jpg": "two"},
        "a.jpg",
        notice=True,
    ),
    ("moved", "same"): Cell(["update h path b.jpg"], ("b.jpg", "b.jpg", "one"), {"b.jpg": "one"}, "b.jpg"),
    ("moved", "new content"): Cell(
        ["update h path b.jpg"], ("b.jpg", "b.jpg", "one"), {"b.jpg": "three"}, "b.jpg"
    ),
    ("moved", "moved"): Cell(
        ["move b.jpg to c.jpg"], ("c.jpg", "c.jpg", "one"), {"c.jpg": "one"}, "c.jpg", notice=True
    ),
    ("moved", "new content and moved"): Cell(
        ["move b.jpg to c.jpg"], ("c.jpg", "c.jpg", "one"), {"c.jpg": "three"}, "c.jpg", notice=True
    ),
    ("moved", "gone"): Cell(["trash b.jpg of h"], None, {}, None),
    # Moved and edited within one cycle is a deletion and a new file.
    ("new content and moved", "same"): Cell(["add b.jpg (two)", "delete h", NEW_FILE[1]], None, {"b.jpg": "two"}, None),
    ("new content and moved", "new content"): Cell(
        ["add b.jpg (two)", "fetch h (three) to a.jpg", "upload b.jpg (two)"],
        ("a.jpg", "a.jpg", "three"),
        {"a.jpg": "three", "b.jpg": "two"},
        "a.jpg",
        notice=True,
    ),
    ("new content and moved", "moved"): Cell(
        ["add b.jpg (two)", "delete h", "upload b.jpg (two)"], None, {"b.jpg": "two"}, None
    ),
    ("new content and moved", "new content and moved"): Cell(
        ["add b.jpg (two)", "fetch h (three) to a.jpg", "upload b.jpg (two)"],
        ("a.jpg", "a.jpg", "three"),
        {"c.jpg": "three", "b.jpg": "two"},
        "c.jpg",
        notice=True,
    ),
    ("new content and moved", "gone"): Cell(
        ["add b.jpg (two)", "forget h", "upload b.jpg (two)"], None, {"b.jpg": "two"}, None
    ),
    ("gone", "same"): Cell(["delete h"], None, {}, None),
    ("gone", "new content"): Cell(
        ["fetch h (three) to a.jpg"], ("a.jpg", "a.jpg", "three"), {"a.jpg": "three"}, "a.jpg", notice=True
    ),
    ("gone", "moved"): Cell(["delete h"], None, {}, None),
    ("gone", "new content and moved"): Cell(
        ["fetch h (three) to a.jpg"], ("a.jpg", "a.jpg", "three"), {"c.jpg": "three"}, "c.jpg", notice=True
    ),
    ("gone", "gone"): Cell(["forget h"], None, {}, None),
}  # fmt: skip


def test_the_table_is_complete() -> None:
    """Every state of the folder meets every state of Gramps Web."""
    assert set(TABLE) == set(product(STATES, STATES))
    assert set(FOLDER) == set(WEB) == set(STATES)


@pytest.mark.parametrize(("folder", "web"), TABLE)
def test_cell(folder: str, web: str) -> None:
    """The first pass does what the table says, and no more."""
    here, there, cell = FOLDER[folder], WEB[web], TABLE[folder, web]
    plan = merge(
        links=[link("h", "a.jpg", "one")],
        files=[here] if here else [],
        objects=[there] if there else [],
        bucket=["one", "three"],
    )
    assert say(plan) == cell.plan
    assert after(plan).get("h") == cell.link
    assert [type(conflict) for conflict in plan.conflicts] == [Conflict] * cell.conflict
    assert bool(plan.notices) is cell.notice
    assert not plan.problems
    assert not plan.waiting


@pytest.mark.parametrize(("folder", "web"), TABLE)
def test_cell_in_the_end(folder: str, web: str) -> None:
    """When all passes are made both sides are equal, and hold what the table says."""
    here, there, cell = FOLDER[folder], WEB[web], TABLE[folder, web]
    world = World(
        POLICY,
        files={here.path.key: (word(here.checksum), 0)} if here else {},
        objects={"h": there} if there else {},
        bucket={md5("one"), md5("three")},
        links={"h": link("h", "a.jpg", "one")},
    )
    assert world.settle() <= 3
    assert {path: content for path, (content, _inode) in world.files.items()} == cell.files
    assert {item.path: word(item.checksum) for item in world.objects.values()} == cell.files
    assert (world.objects["h"].path if "h" in world.objects else None) == cell.h


@pytest.mark.parametrize(("name", "plan"), [("a.jpg", "record h"), ("c.jpg", "move a.jpg to c.jpg")])
def test_equal_edits_agree(name: str, plan: str) -> None:
    """The same bytes on both sides are no conflict: the link learns of them, and nothing is transferred."""
    found = merge(
        links=[link("h", "a.jpg", "one")], files=[file("a.jpg", "two")], objects=[obj("h", name, "two")]
    )
    assert not found.conflicts
    assert say(found) == [plan]
    assert after(found)["h"] == (name, name, "two")


def test_equal_moves_agree() -> None:
    """Moved to the same place on both sides: the link learns of it."""
    plan = merge(
        links=[link("h", "a.jpg", "one")], files=[file("b.jpg", "one")], objects=[obj("h", "b.jpg", "one")]
    )
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("b.jpg", "b.jpg", "one")}
