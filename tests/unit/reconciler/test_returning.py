"""Deleted files that come back: their object comes back with them, once, and nobody else's does."""

from __future__ import annotations

import pytest

from syncd.guard import FIRST_ADDS, Circumstances, hold
from syncd.model import MediaPath
from syncd.model.paths import handle_for
from syncd.model.plan import AddObject, HoldKind, RestoreObject, Why
from syncd.model.policy import NewFiles
from tests.core import POLICY, after, deleted, desktop, file, link, md5, merge, obj, only, say
from tests.core_world import World

GONE = deleted("h", "d/a", "one")


@pytest.mark.parametrize("mode", NewFiles)
@pytest.mark.parametrize("in_web", [False, True])
def test_a_file_that_comes_back_to_its_place_gets_its_object_back(mode: NewFiles, in_web: bool) -> None:
    """Whichever side deleted it, and whatever new files get: it is not new."""
    plan = merge(
        files=[file("d/a", "one")], deleted=[deleted("h", "d/a", "one", in_web=in_web)], new_files=mode
    )
    assert say(plan) == ["restore h (one)", "upload d/a (one)"]
    assert only(plan, RestoreObject).why is Why.CAME_BACK
    assert after(plan) == {"h": ("d/a", "d/a", "one")}


def test_a_file_that_comes_back_elsewhere_gets_its_object_back_under_the_new_name() -> None:
    """Out of the folder and in again somewhere else is a move that took a while."""
    assert "restore h (one) as x/b" in say(merge(files=[file("x/b", "one")], deleted=[GONE]))


def test_names_that_never_agreed_stay_apart() -> None:
    """The object comes back under its own name, as it would have kept it in a move."""
    apart = deleted("h", "d/a", "one", named="elsewhere/a")
    assert "restore h (one)" in say(merge(files=[file("x/b", "one")], deleted=[apart]))
    mapped = deleted("h", "d/a", "one", named="./d\\a")
    assert "restore h (one) as x/b" in say(merge(files=[file("x/b", "one")], deleted=[mapped]))


def test_a_server_that_finds_files_by_path_keeps_its_names() -> None:
    """There a path is never changed."""
    plan = merge(files=[file("x/b", "one")], deleted=[GONE], found_by_path=True)
    assert only(plan, RestoreObject).path is None


def test_a_deletion_in_gramps_web_is_taken_back_at_its_very_place_only() -> None:
    """The same bytes elsewhere may be a new beginning."""
    by_web = deleted("h", "d/a", "one", in_web=True)
    for path in ("a", "x/a", "d/b"):
        assert say(merge(files=[file(path, "one")], deleted=[by_web])) == [
            f"add {path} (one)",
            f"upload {path} (one)",
        ]


def test_other_content_is_a_new_file() -> None:
    """At the place of a deleted file, too."""
    plan = merge(files=[file("d/a", "two")], deleted=[GONE])
    assert say(plan) == ["add d/a (two)", "upload d/a (two)"]


def test_of_several_the_same_place_then_the_same_name_then_the_newest() -> None:
    """Each file takes back one deletion, each deletion is taken back once; the rest of the files are new."""
    gone = [
        deleted("h3", "d/p", "one"),  # newest first
        deleted("h2", "d/a", "one"),
        deleted("h1", "d/b", "one"),
    ]
    files = [file("0", "one"), file("d/b", "one"), file("x/a", "one"), file("z", "one")]
    plan = merge(files=files, deleted=gone)
    assert [said for said in say(plan) if not said.startswith("upload")] == [
        "add z (one)",
        "restore h1 (one)",
        "restore h2 (one) as x/a",
        "restore h3 (one) as 0",
    ]
    assert "restore h3 (one) as x" in say(merge(files=[file("x", "one")], deleted=gone))


def test_the_newest_deletion_of_an_object_counts() -> None:
    """It was deleted, came back, changed and was deleted again."""
    gone = [deleted("h", "b", "two"), deleted("h", "a", "one")]
    assert "add a (one)" in say(merge(files=[file("a", "one")], deleted=gone))
    assert "restore h (two)" in say(merge(files=[file("b", "two")], deleted=gone))


def test_a_copy_of_a_file_that_is_here_takes_nothing_back() -> None:
    """Somebody threw a double away and later copies the other: unless place or name say that it is the one."""
    case = {"links": [link("k", "k", "one")], "objects": [obj("k", "k", "one")], "deleted": [GONE]}
    assert say(merge(**case, files=[file("k", "one"), file("c", "one")])) == ["add c (one)"]
    assert say(merge(**case, files=[file("k", "one"), file("d/a", "one")])) == ["restore h (one)"]
    assert say(merge(**case, files=[file("k", "one"), file("x/a", "one")])) == ["restore h (one) as x/a"]


def test_objects_that_live_come_first() -> None:
    """By path, by content, or by a move: what is in Gramps Web now has the file, and the deletion stays one."""
    for item in (obj("n", "d/a", "one"), obj("n", "x/a", "one")):
        assert say(merge(files=[file("d/a", "one")], objects=[item], deleted=[GONE])) == ["link n"]
    moved = merge(
        links=[link("n", "n", "one")],
        files=[file("d/a", "one")],
        objects=[obj("n", "n", "one")],
        deleted=[GONE],
    )
    assert say(moved) == ["update n path d/a"]


def test_an_object_that_is_back_already_is_not_brought_back() -> None:
    """By another desktop, by hand, or because its link still stands: no second action on it."""
    there = merge(files=[file("d/a", "one")], objects=[obj("h", "d/a", "one")], deleted=[GONE])
    assert say(there) == ["link h"]
    other = merge(files=[file("d/a", "one")], objects=[obj("h", "z", "two")], deleted=[GONE])
    assert not [said for said in say(other) if said.startswith("restore")]
    asked = merge(links=[link("h", "d/a", "one", restore=True)], files=[file("d/a", "one")], deleted=[GONE])
    assert say(asked) == ["restore h (one)"]


def test_a_handle_that_comes_back_is_not_given_to_another_file() -> None:
    """The deleted object was made for the path at which another file is new now."""
    handle = handle_for("tree", MediaPath.of("a"), 0)
    plan = merge(files=[file("a", "new"), file("b", "one")], deleted=[deleted(handle, "a", "one")])
    assert only(plan, RestoreObject).link.handle == handle
    assert only(plan, AddObject).link.handle == handle_for("tree", MediaPath.of("a"), 1)


def test_a_handle_that_may_yet_come_back_is_not_given_to_another_file() -> None:
    """Another picture at the name of a deleted one must not take the way back to that one."""
    handle = handle_for("tree", MediaPath.of("a"), 0)
    plan = merge(files=[file("a", "new")], deleted=[deleted(handle, "a", "one")])
    assert only(plan, AddObject).link.handle == handle_for("tree", MediaPath.of("a"), 1)


def test_an_empty_file_only_takes_back_the_deletion_of_its_own_name() -> None:
    """Empty files are alike without having anything to do with one another."""
    gone = deleted("h", "d/a", "")
    assert not any(
        isinstance(action, RestoreObject) for action in merge(files=[file("b", "")], deleted=[gone]).actions
    )
    assert only(merge(files=[file("x/a", "")], deleted=[gone]), RestoreObject).link.handle == "h"


def test_a_file_brought_back_under_another_name_names_its_object() -> None:
    """Brought back out of the trash to another place: the object gets that name, and the two go on together."""
    asked = link("h", "new/a", "one", named="", restore=True)
    plan = merge(links=[asked], files=[file("new/a", "one")])
    assert only(plan, RestoreObject).path == "new/a"


def test_a_held_deletion_that_is_taken_back_links_as_before() -> None:
    """The object never left, so nothing has to be done."""
    case = {"links": [link("h", "d/a", "one")], "objects": [obj("h", "d/a", "one")]}
    assert say(merge(**case)) == ["delete h"]
    assert say(merge(**case, files=[file("d/a", "one")])) == []
    assert say(merge(**case, files=[file("x", "one")])) == ["update h path x"]


def test_gramps_desktop_has_a_say() -> None:
    """Under the same handle it is the same object; under another one there would be two of one file."""
    case = {"files": [file("d/a", "one")], "deleted": [GONE]}
    assert "restore h (one)" in say(merge(**case, desktop=desktop(("h", "d/a", "one"))))
    assert "add d/a (one) as D" in say(merge(**case, desktop=desktop(("D", "d/a", "one"))))
    assert "restore h (one)" in say(merge(**case, desktop=desktop(readable=False)))


def test_what_comes_back_counts_for_a_first_contact() -> None:
    """More than a hundred objects that would appear in Gramps Web wait for a person."""

    def held(count: int) -> list[HoldKind]:
        names = [f"{number:03}" for number in range(count)]
        plan = merge(
            files=[file(name, name) for name in names],
            bucket=names,
            deleted=[deleted(f"h{name}", name, name) for name in names],
        )
        sight = Circumstances(0, 0, {}, (), first_contact=True, sizes={})
        return [waiting.kind for waiting in hold(plan, POLICY, sight).held]

    assert held(FIRST_ADDS) == []
    assert held(FIRST_ADDS + 1) == [HoldKind.FIRST_SYNC]


@pytest.mark.parametrize("place", ["a", "x/b"])
def test_out_of_the_folder_and_back(place: str) -> None:
    """The same object, named like its file, and nothing doubled; a second time as well."""
    world = World(
        POLICY,
        files={"a": ("one", 0)},
        objects={"h": obj("h", "a", "one")},
        bucket={md5("one")},
        links={"h": link("h", "a", "one")},
    )
    for _ in range(2):
        world.files.clear()
        world.settle()
        assert not world.objects
        world.files[place] = ("one", world.inode())
        assert world.settle() == 1
        assert {item.path for item in world.objects.values()} == {place}
        assert world.objects.keys() == world.links.keys() == {"h"}


def test_back_from_the_trash_by_hand() -> None:
    """Deleted in Gramps Web, its file trashed; put back at its place both are there again."""
    world = World(
        POLICY,
        files={"a": ("one", 0)},
        objects={"h": obj("h", "a", "one")},
        bucket={md5("one")},
        links={"h": link("h", "a", "one")},
    )
    world.deleted["h"] = world.objects.pop("h")
    world.settle()
    assert not world.files
    world.files["a"] = ("one", world.inode())
    world.settle()
    assert world.objects["h"] == obj("h", "a", "one")
    assert world.links.keys() == {"h"}
