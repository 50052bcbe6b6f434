"""Objects whose path was written on another machine, or reads as another file: linked, moved and left as they are."""

from __future__ import annotations

import pytest

from syncd.model import MediaPath, PathRules
from tests.core import after, file, link, merge, obj, say

MAPPED = PathRules(
    "/home/me/Pictures", (("C:\\Users\\me\\Pictures", "."), ("attic", "old")), ("/data/pictures",)
)


@pytest.mark.parametrize(
    "named",
    ["C:\\Users\\me\\Pictures\\d\\a", "c:/users/ME/Pictures/d/a", "/data/pictures/d/a", "file:///data/pictures/d/a"],
)  # fmt: skip
def test_a_mapped_object_keeps_its_path_until_its_file_moves(named: str) -> None:
    """It is linked as it stands. A move in the folder gives it the path that means the same everywhere."""
    case = {"files": [file("d/a", "one")], "objects": [obj("h", named, "one")], "rules": MAPPED}
    met = merge(**case)
    assert say(met) == ["link h"]
    assert after(met) == {"h": ("d/a", named, "one")}
    linked = link("h", "d/a", "one", named=named)
    assert say(merge(links=[linked], **case)) == []
    moved = merge(**{**case, "links": [linked], "files": [file("e/b", "one")]})
    assert say(moved) == ["update h path e/b"]
    edited = merge(**{**case, "links": [linked], "files": [file("d/a", "two")]})
    assert say(edited) == ["update h content two", "upload d/a (two)"]


def test_a_mapped_object_that_moves_on_another_machine_moves_its_file() -> None:
    """The new path is mapped as the old one was."""
    plan = merge(
        links=[link("h", "d/a", "one", named="C:\\Users\\me\\Pictures\\d\\a")],
        files=[file("d/a", "one")],
        objects=[obj("h", "C:\\Users\\me\\Pictures\\e\\b", "one")],
        rules=MAPPED,
    )
    assert say(plan) == ["move d/a to e/b"]


def test_a_path_that_is_mapped_from_now_on() -> None:
    """What was linked by its content, under a path that meant nothing, follows moves once a line maps that path."""
    named = "C:\\Users\\me\\Pictures\\d\\a"
    case = {
        "links": [link("h", "d/a", "one", named=named)],
        "files": [file("e/a", "one")],
        "objects": [obj("h", named, "one")],
    }
    assert [said.split()[0] for said in say(merge(**case))] == ["record"]
    assert say(merge(**case, rules=MAPPED)) == ["update h path e/a"]


@pytest.mark.parametrize("name", ["a\\b.jpg", "C:/a.jpg", "attic/a.jpg", "~/a.jpg"])
def test_a_name_that_reads_as_another_moves_with_its_file(name: str) -> None:
    """A name with a backslash in it is the file's own: renamed here its object follows, renamed there the file does."""
    linked = link("h", name, "one")
    gone = merge(
        links=[linked],
        files=[file("mended.jpg", "one")],
        objects=[obj("h", name, "one")],
        rules=MAPPED,
    )
    assert say(gone) == ["update h path mended.jpg"]
    for to in ("mended.jpg", "a/b.jpg"):
        there = merge(links=[linked], files=[file(name, "one")], objects=[obj("h", to, "one")], rules=MAPPED)
        assert say(there) == [f"move {MediaPath.of(name)} to {to}"]
