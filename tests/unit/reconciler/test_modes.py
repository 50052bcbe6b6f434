"""Every mode meets every later event on either side: all settles, nothing is lost, nothing is doubled.

One item: file and object `a.jpg` with content `one`. A mode leaves it on one side only, or asleep; then each side does
something, and the setting stays or is taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from syncd.model import MediaObject, MediaPath
from syncd.model.policy import Conflicts, InFolder, NewFiles, OnWeb
from tests.core import POLICY, md5, obj, word
from tests.core_world import NOW, World

PASSES = 4


def _ignored(path: MediaPath) -> bool:
    """The rule `a*.jpg` at the top."""
    return path.key.startswith("a")


MODES: dict[str, dict[str, Any]] = {
    "upload-only": {"new_files": NewFiles.UPLOAD_ONLY},
    "ignore": {"new_files": NewFiles.IGNORE},
    "on_web never": {"on_web": OnWeb.NEVER},
    "on_web always": {"on_web": OnWeb.ALWAYS},
    "in_folder never": {"in_folder": InFolder.NEVER},
    "asleep": {"ignored": _ignored},
}


def _put(world: World, path: str, content: str) -> None:
    world.files[path] = (content, world.inode())


def _unlink(world: World, path: str) -> None:
    world.files.pop(path, None)


def _rename(world: World, path: str, to: str) -> None:
    if path in world.files:
        world.files[to] = world.files.pop(path)


def _move_and_edit(world: World) -> None:
    _rename(world, "a.jpg", "b.jpg")
    _put(world, "b.jpg", "here")


def _change(world: World, **what: Any) -> None:
    world.bucket.add(md5("there"))
    for handle, item in world.objects.items():
        world.objects[handle] = replace(item, change=NOW - 60, **what)


def _delete(world: World) -> None:
    world.objects.clear()


def _appear(world: World, path: str, content: str) -> None:
    """Another desktop, or Gramps Web's page, makes the object (anew)."""
    if not world.objects:
        world.bucket.add(md5(content))
        world.objects["new"] = replace(obj("new", path, content), change=NOW - 60)


HERE: dict[str, Callable[[World], None]] = {
    "nothing": lambda _world: None,
    "edited": lambda world: _put(world, "a.jpg", "here"),
    "moved": lambda world: _rename(world, "a.jpg", "b.jpg"),
    "moved and edited": _move_and_edit,
    "moved within": lambda world: _rename(world, "a.jpg", "a2.jpg"),
    "deleted": lambda world: _unlink(world, "a.jpg"),
    "put back": lambda world: _put(world, "a.jpg", "one"),
    "put elsewhere": lambda world: _put(world, "c.jpg", "one"),
}
THERE: dict[str, Callable[[World], None]] = {
    "nothing": lambda _world: None,
    "edited": lambda world: _change(world, checksum=md5("there")),
    "moved": lambda world: _change(world, path="d.jpg"),
    "moved to the same": lambda world: _change(world, path="b.jpg"),
    "moved and edited": lambda world: _change(world, path="d.jpg", checksum=md5("there")),
    "replaced on the web page": lambda world: _change(
        world, path=f"{md5('there')}.jpg", checksum=md5("there")
    ),
    "deleted": _delete,
    "appears": lambda world: _appear(world, "a.jpg", "one"),
    "appears elsewhere": lambda world: _appear(world, "d.jpg", "one"),
    "appears with other content": lambda world: _appear(world, "a.jpg", "there"),
}


def _world(mode: str, conflicts: Conflicts = Conflicts.KEEP_BOTH) -> World:
    """A world in which a mode has left the item on one side, or asleep, and is at rest."""
    world = World(replace(POLICY, conflicts=conflicts), files={"z.jpg": ("other", 1)})
    alone = mode in ("upload-only", "ignore")
    if not alone:
        _put(world, "a.jpg", "one")
        world.settle()
    world.policy = replace(world.policy, **MODES[mode])
    if alone:
        world.policy = replace(world.policy, new_files=NewFiles.ADD)
        world.settle()
        world.policy = replace(world.policy, **MODES[mode])
        _put(world, "a.jpg", "one")
    elif mode.startswith("on_web"):
        _unlink(world, "a.jpg")
    elif mode == "in_folder never":
        del world.objects[_item(world).handle]
    world.settle(PASSES)
    return world


def _item(world: World) -> MediaObject:
    """The object that is not the bystander's."""
    [item] = [item for item in world.objects.values() if item.path != "z.jpg"]
    return item


def _settled(world: World) -> None:
    """The world comes to rest and keeps every content; the bystander is as it was."""
    before = world.contents()
    world.settle(PASSES)
    assert before <= world.contents()
    assert not world.plan().problems
    assert world.files["z.jpg"] == ("other", 1)
    files = Counter(md5(content) for content, _inode in world.files.values())
    objects = Counter(md5(word(item.checksum)) for item in world.objects.values())
    assert all(count <= max(1, files[checksum]) for checksum, count in objects.items()), (
        "two objects of one file"
    )


def _happens(world: World, here: str, there: str) -> None:
    """Something happens on both sides; the bystander has no part in it."""
    bystander = next(item for item in world.objects.values() if item.path == "z.jpg")
    HERE[here](world)
    del world.objects[bystander.handle]
    THERE[there](world)
    world.objects[bystander.handle] = bystander


@pytest.mark.parametrize("there", THERE)
@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize("mode", MODES)
def test_whatever_comes_later_settles(mode: str, here: str, there: str) -> None:
    """With the setting as it is, and after it is taken back: at rest again, no content lost, no object doubled."""
    for conflicts, taken_back in product(Conflicts, (False, True)):
        world = _world(mode, conflicts)
        _happens(world, here, there)
        _settled(world)
        if taken_back:
            objects, files = set(world.objects), {content for content, _inode in world.files.values()}
            world.policy = replace(POLICY, conflicts=conflicts)
            _settled(world)
            assert objects <= set(world.objects), "taking a setting back deleted an object"
            here_now = {content for content, _inode in world.files.values()}
            assert files <= here_now or mode == "asleep", "taking a setting back deleted a file"


COPY = "a (conflict 2026-11-22 desk).jpg"
BOTH = {"a.jpg": "there", COPY: "here"}
OTHER = {"a.jpg": "one", COPY: "here"}

Sides = tuple[dict[str, str], dict[str, str]]
"""Files and objects, by path."""

OUTCOMES: dict[tuple[str, str, str], Sides] = {
    # Uploaded, and the object comes by another way
    ("upload-only", "nothing", "nothing"): ({"a.jpg": "one"}, {}),
    ("upload-only", "nothing", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("upload-only", "nothing", "appears elsewhere"): ({"a.jpg": "one"}, {"d.jpg": "one"}),
    ("upload-only", "moved", "appears"): ({"b.jpg": "one"}, {"a.jpg": "one"}),
    ("upload-only", "edited", "appears"): (OTHER, OTHER),
    ("upload-only", "edited", "nothing"): ({"a.jpg": "here"}, {}),
    ("upload-only", "deleted", "nothing"): ({}, {}),
    ("upload-only", "deleted", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    # Left alone, and then somebody else has it too
    ("ignore", "nothing", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("ignore", "nothing", "appears elsewhere"): ({"a.jpg": "one"}, {"d.jpg": "one"}),
    ("ignore", "edited", "appears with other content"): (BOTH, BOTH),
    # Deleted in the folder, kept in Gramps Web
    ("on_web never", "nothing", "nothing"): ({}, {"a.jpg": "one"}),
    ("on_web never", "nothing", "moved"): ({}, {"d.jpg": "one"}),
    ("on_web never", "nothing", "edited"): ({"a.jpg": "there"}, {"a.jpg": "there"}),
    ("on_web never", "nothing", "deleted"): ({}, {}),
    ("on_web never", "put back", "nothing"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("on_web never", "put back", "moved"): ({"d.jpg": "one"}, {"d.jpg": "one"}),
    ("on_web never", "put back", "edited"): ({"a.jpg": "there"}, {"a.jpg": "there"}),
    ("on_web never", "put elsewhere", "nothing"): ({"c.jpg": "one"}, {"c.jpg": "one"}),
    ("on_web never", "edited", "nothing"): (OTHER, OTHER),
    ("on_web never", "edited", "edited"): (BOTH, BOTH),
    # Deleted on both sides, and back on one of them
    ("on_web always", "nothing", "nothing"): ({}, {}),
    ("on_web always", "put back", "nothing"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("on_web always", "nothing", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    # Deleted in Gramps Web, kept in the folder
    ("in_folder never", "nothing", "nothing"): ({"a.jpg": "one"}, {}),
    ("in_folder never", "moved", "nothing"): ({"b.jpg": "one"}, {}),
    ("in_folder never", "deleted", "nothing"): ({}, {}),
    ("in_folder never", "edited", "nothing"): ({"a.jpg": "here"}, {"a.jpg": "here"}),
    ("in_folder never", "nothing", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("in_folder never", "moved", "appears"): ({"b.jpg": "one"}, {"a.jpg": "one"}),
    ("in_folder never", "deleted", "appears"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("in_folder never", "edited", "appears with other content"): (BOTH, BOTH),
}


@pytest.mark.parametrize(("mode", "here", "there"), OUTCOMES)
def test_what_becomes_of_it(mode: str, here: str, there: str) -> None:
    """What stands where in the end, written by hand."""
    world = _world(mode)
    _happens(world, here, there)
    _settled(world)
    assert _sides(world) == OUTCOMES[mode, here, there]


AWAKE: dict[tuple[str, str], Sides] = {
    ("nothing", "nothing"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("edited", "nothing"): ({"a.jpg": "here"}, {"a.jpg": "here"}),
    ("nothing", "edited"): ({"a.jpg": "there"}, {"a.jpg": "there"}),
    ("nothing", "replaced on the web page"): ({"a.jpg": "there"}, {"a.jpg": "there"}),
    ("edited", "edited"): (BOTH, BOTH),
    ("moved within", "nothing"): ({"a2.jpg": "one"}, {"a2.jpg": "one"}),
    ("moved", "nothing"): ({"b.jpg": "one"}, {"b.jpg": "one"}),
    ("nothing", "moved"): ({"d.jpg": "one"}, {"d.jpg": "one"}),
    ("edited", "moved"): ({"d.jpg": "here"}, {"d.jpg": "here"}),
    # Deleted on one side while nobody looked: never a reason to delete on the other
    ("deleted", "nothing"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("deleted", "moved"): ({"d.jpg": "one"}, {"d.jpg": "one"}),
    ("deleted", "edited"): ({"a.jpg": "there"}, {"a.jpg": "there"}),
    ("nothing", "deleted"): ({"a.jpg": "one"}, {"a.jpg": "one"}),
    ("edited", "deleted"): ({"a.jpg": "here"}, {"a.jpg": "here"}),
    ("moved within", "deleted"): ({"a2.jpg": "one"}, {"a2.jpg": "one"}),
    ("deleted", "deleted"): ({}, {}),
}


@pytest.mark.parametrize(("here", "there"), AWAKE)
def test_what_was_ignored_wakes_up(here: str, there: str) -> None:
    """While its path is ignored nothing happens to it, whatever people do; afterwards it is merged, and nothing deleted.

    The object keeps its handle wherever both ends are still there.
    """
    world = _world("asleep")
    handle = _item(world).handle
    _happens(world, here, there)
    before = _sides(world)
    _settled(world)
    if here != "moved":  # out of the pattern's reach
        assert _sides(world) == before
    world.policy = POLICY
    notices = world.plan().notices
    assert len(notices) == ((here == "deleted") != (there == "deleted"))
    _settled(world)
    assert _sides(world) == AWAKE[here, there]
    assert not world.deleted
    assert not any(link.asleep for link in world.links.values())
    if there != "deleted":
        assert handle in world.objects


def test_a_copy_of_an_ignored_file_is_a_new_file() -> None:
    """Only the very same file elsewhere was moved out of an ignored folder; a copy gets an object of its own."""
    world = _world("asleep")
    _put(world, "b.jpg", "one")
    _settled(world)
    assert _sides(world) == ({"a.jpg": "one", "b.jpg": "one"}, {"a.jpg": "one", "b.jpg": "one"})


def test_ignoring_everything_is_no_mass_deletion() -> None:
    """All links sleep; without the rule all is as it was."""
    world = World(POLICY, files={f"{number}.jpg": (f"photo {number}", number + 1) for number in range(30)})
    world.settle()
    links, objects = dict(world.links), dict(world.objects)
    world.policy = replace(POLICY, ignored=lambda _path: True)
    assert world.settle() == 1
    assert world.objects == objects
    assert all(link.asleep for link in world.links.values())
    world.policy = POLICY
    assert world.settle() == 1
    assert world.links == links
    assert world.objects == objects
    assert len(world.files) == 30


def _sides(world: World) -> Sides:
    """Files and objects without the bystander's."""
    files = {path: content for path, (content, _inode) in world.files.items() if path != "z.jpg"}
    objects = {item.path: word(item.checksum) for item in world.objects.values() if item.path != "z.jpg"}
    return files, objects
