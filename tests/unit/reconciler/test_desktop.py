"""A Gramps Desktop beside the folder: the files it knows get its objects, and it tells where a file went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.guard import FIRST_ADDS, Circumstances, hold
from syncd.model import Detached
from syncd.model.plan import AddObject, HoldKind, Plan
from syncd.model.policy import NewFiles
from tests.core import NOW, POLICY, after, desktop, file, link, md5, merge, obj, only, say
from tests.core_world import World

# --- new files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", NewFiles)
def test_a_file_that_gramps_desktop_knows_gets_its_object(mode: NewFiles) -> None:
    """Under the desktop's handle, in every mode: `new_files` is for files that nobody knows."""
    plan = merge(files=[file("a", "one")], desktop=desktop(("D", "a", "one")), new_files=mode)
    assert say(plan) == ["add a (one) as D", "upload a (one)"]
    assert only(plan, AddObject).link == link("D", "a", "one")


@pytest.mark.parametrize(
    ("mode", "plan"),
    [
        (NewFiles.ADD, ["add a (one)", "upload a (one)"]),
        (NewFiles.UPLOAD_ONLY, ["upload a (one)"]),
        (NewFiles.IGNORE, []),
    ],
)
def test_a_file_that_gramps_desktop_does_not_know_is_new(mode: NewFiles, plan: list[str]) -> None:
    """The policy decides, as it does without a desktop."""
    assert say(merge(files=[file("a", "one")], desktop=desktop(("D", "b", "one")), new_files=mode)) == plan


def test_of_several_objects_the_one_of_the_files_content_is_taken_else_the_oldest() -> None:
    """One file, one object: the others come by the desktop's own way."""
    known = desktop(("D1", "a", "old"), ("D2", "a", "one"), ("D3", "a", "one"))
    assert "add a (one) as D2" in say(merge(files=[file("a", "one")], desktop=known))
    assert "add a (new) as D1" in say(merge(files=[file("a", "new")], desktop=known))
    assert "add a (one) as D1" in say(merge(files=[file("a", "one")], desktop=desktop(("D1", "a", None))))


def test_an_object_that_arrived_by_the_desktops_own_way_is_linked() -> None:
    """The Sync addon was first: nothing is added."""
    known = desktop(("D", "a", "one"))
    assert say(merge(files=[file("a", "one")], objects=[obj("D", "a", "one")], desktop=known)) == ["link D"]
    elsewhere = [obj("D", "C:\\pictures\\a", "one")]
    assert say(merge(files=[file("a", "one")], objects=elsewhere, desktop=known)) == ["link D"]


@pytest.mark.parametrize("mode", [NewFiles.ADD, NewFiles.UPLOAD_ONLY])
def test_an_object_that_has_another_file_in_gramps_web_is_not_made_twice(mode: NewFiles) -> None:
    """Both path and content differ: nobody can tell whether it is the same picture, so a person is told."""
    plan = merge(
        links=[link("D", "b", "two")],
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("D", "b", "two")],
        desktop=desktop(("D", "a", "one")),
        new_files=mode,
    )
    assert say(plan) == ["upload a (one)"]
    [notice] = plan.notices
    assert (notice.path, notice.handle) == ("a", "D")
    assert "'b'" in notice.text


def test_a_second_object_of_the_desktop_is_used_where_the_first_has_another_file() -> None:
    """A handle that Gramps Web does not have is free."""
    plan = merge(
        links=[link("D1", "b", "two")],
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("D1", "b", "two")],
        desktop=desktop(("D1", "a", "one"), ("D2", "a", None)),
    )
    assert say(plan) == ["add a (one) as D2", "upload a (one)"]


def test_a_handle_that_a_link_still_bears_is_not_given_away() -> None:
    """The object was deleted in Gramps Web and its file leaves: that comes first, the new file afterwards."""
    known = desktop(("D", "a", "one"))
    plan = merge(links=[link("D", "b", "two")], files=[file("a", "one"), file("b", "two")], desktop=known)
    assert say(plan) == ["trash b of D", "upload a (one)"]
    assert [wait.path for wait in plan.waiting] == ["a"]
    assert "add a (one) as D" in say(merge(files=[file("a", "one")], desktop=known))


@pytest.mark.parametrize(
    ("mode", "plan"),
    [
        (NewFiles.ADD, ["upload a (one)"]),
        (NewFiles.UPLOAD_ONLY, ["upload a (one)"]),
        (NewFiles.IGNORE, []),
    ],
)
def test_while_the_desktop_cannot_be_read_objects_wait(mode: NewFiles, plan: list[str]) -> None:
    """It may know the file under a handle of its own: bytes travel, no object is made, nothing else waits."""
    found = merge(
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("h", "b", "two"), obj("k", "c", "three")],
        desktop=desktop(readable=False),
        new_files=mode,
    )
    assert say(found) == sorted(["link h", "fetch k (three) to c", *plan])
    assert [(wait.path, wait.reason) for wait in found.waiting] == [
        ("a", "Gramps Desktop's family tree cannot be read just now")
    ]


def test_a_conflict_copy_is_added_although_the_desktop_does_not_know_it() -> None:
    """It is half of a conflict, whatever new files get."""
    plan = merge(
        files=[file("a", "one")], conflict_copies=["a"], desktop=desktop(), new_files=NewFiles.UPLOAD_ONLY
    )
    assert say(plan) == ["add a (one)", "upload a (one)"]


def test_objects_of_the_desktop_count_for_a_first_contact() -> None:
    """More than a hundred additions wait for a person, whoever knows their files."""

    def held(count: int) -> list[HoldKind]:
        names = [f"{number:03}" for number in range(count)]
        plan: Plan = merge(
            files=[file(name, name) for name in names],
            bucket=names,
            desktop=desktop(*((f"D{name}", name, name) for name in names)),
        )
        sight = Circumstances(0, 0, {}, (), first_contact=True, sizes={})
        return [waiting.kind for waiting in hold(plan, POLICY, sight).held]

    assert held(FIRST_ADDS) == []
    assert held(FIRST_ADDS + 1) == [HoldKind.FIRST_SYNC]


# --- where a file went --------------------------------------------------------------------------------------------


def _renamed_and_edited(**changes: object) -> World:
    """A file that was renamed and edited in one go; Gramps Desktop knows its new name."""
    world = World(
        POLICY,
        files={"b": ("new", 0)},
        objects={"h": obj("h", "a", "one")},
        bucket={md5("one")},
        links={"h": link("h", "a", "one")},
        desktop=desktop(("h", "b", "new")),
    )
    return replace(world, **changes)  # type: ignore[arg-type]


def named(world: World) -> dict[str, tuple[str, str]]:
    """What each object names: a path and a checksum."""
    return {handle: (item.path, item.checksum) for handle, item in world.objects.items()}


def test_a_file_that_was_moved_and_edited_is_found_by_the_desktops_name() -> None:
    """Name first, content in the next pass: the object keeps its handle, and nothing is deleted or added."""
    world = _renamed_and_edited()
    plan = world.plan()
    assert say(plan) == ["update h path b"]
    assert after(plan) == {"h": ("b", "b", "one")}
    world.apply(plan)
    assert say(world.plan()) == ["update h content new", "upload b (new)"]
    world.settle()
    assert named(world) == {"h": ("b", md5("new"))}


def test_moved_and_edited_here_and_edited_in_gramps_web_is_a_conflict() -> None:
    """Not lost by the detour: the next pass sees both edits."""
    world = _renamed_and_edited(objects={"h": obj("h", "a", "theirs")}, bucket={md5("one"), md5("theirs")})
    assert say(world.plan()) == ["update h path b"]
    world.apply(world.plan())
    [conflict] = world.plan().conflicts
    assert conflict.handle == "h"
    world.settle()
    assert {content for content, _inode in world.files.values()} == {"new", "theirs"}


def test_moved_and_edited_here_and_moved_in_gramps_web() -> None:
    """Gramps Web's name wins, the edit follows."""
    world = _renamed_and_edited(objects={"h": obj("h", "c", "one")})
    world.settle()
    assert {path: content for path, (content, _inode) in world.files.items()} == {"c": "new"}
    assert named(world) == {"h": ("c", md5("new"))}


def test_the_desktop_breaks_a_tie_between_equal_files() -> None:
    """Of two candidates the one that Gramps Desktop names is the file."""
    plan = merge(
        links=[link("h", "a", "one")],
        files=[file("b", "one"), file("c", "one")],
        objects=[obj("h", "a", "one")],
        desktop=desktop(("h", "c", "one")),
    )
    assert "update h path c" in say(plan)
    assert not any(said.startswith("delete") for said in say(plan))


def test_what_the_desktop_says_moves_nothing_that_is_at_its_place() -> None:
    """The file is where it was; or its content is elsewhere; or the other file is somebody's: no move."""
    known = desktop(("h", "b", "new"))
    objects = [obj("h", "a", "one")]
    at_place = merge(
        links=[link("h", "a", "one")],
        files=[file("a", "one"), file("b", "new")],
        objects=objects,
        desktop=known,
    )
    assert say(at_place) == ["upload b (new)"]
    elsewhere = merge(
        links=[link("h", "a", "one")],
        files=[file("c", "one"), file("b", "new")],
        objects=objects,
        desktop=known,
    )
    assert "update h path c" in say(elsewhere)
    taken = merge(
        links=[link("h", "a", "one"), link("k", "b", "new")],
        files=[file("b", "new")],
        objects=[*objects, obj("k", "b", "new")],
        desktop=known,
    )
    assert say(taken) == ["delete h"]
    named = merge(
        links=[link("h", "a", "one")],
        files=[file("b", "new")],
        objects=[*objects, obj("k", "b", "new")],
        desktop=known,
    )
    assert say(named) == ["delete h", "link k"]


def test_the_desktop_does_not_bring_back_what_is_gone_from_gramps_web() -> None:
    """The object was deleted there: its link ends, and the file is one that Gramps Desktop knows."""
    world = _renamed_and_edited(objects={})
    assert say(world.plan()) == ["forget h", "upload b (new)"]
    world.apply(world.plan())
    assert say(world.plan()) == ["add b (new) as h"]


def test_a_file_whose_deletion_was_accepted_is_not_found_again_by_the_desktop() -> None:
    """The object stays by itself; the file at the new name is told, and nothing is changed or made twice."""
    plan = merge(
        links=[link("h", "a", "one", detached=Detached.FILE_GONE)],
        files=[file("b", "new")],
        objects=[obj("h", "a", "one", NOW)],
        desktop=desktop(("h", "b", "new")),
    )
    assert say(plan) == ["upload b (new)"]
    assert [notice.handle for notice in plan.notices] == ["h"]
