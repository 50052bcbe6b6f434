"""Equal files and equal names, moved, restored and put over one another: every object keeps the file that is its own."""

from __future__ import annotations

from dataclasses import replace

from syncd.model.plan import DeleteObject
from tests.core import POLICY, after, deleted, file, link, md5, merge, obj, say, word
from tests.core_world import World


def test_a_swap_in_which_one_content_exists_twice() -> None:
    """The double at its place is nobody's move; the two others changed places."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two"), link("h3", "c", "one")],
        files=[file("a", "two"), file("b", "one"), file("c", "one")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "two"), obj("h3", "c", "one")],
    )
    assert say(plan) == ["update h1 path b", "update h2 path a"]


def test_equal_files_that_move_together_keep_their_names() -> None:
    """Each object follows the file of its own base name."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "one")],
        files=[file("x/b", "one"), file("x/a", "one")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "one")],
    )
    assert say(plan) == ["update h1 path x/a", "update h2 path x/b"]


def test_an_editors_save_is_an_edit() -> None:
    """`a` becomes `a~` and a new `a` is written: the object stays with the name, the backup is a new file."""
    plan = merge(
        links=[link("h", "a", "one", inode=5)],
        files=[file("a~", "one", 5), file("a", "new", 6)],
        objects=[obj("h", "a", "one")],
    )
    assert say(plan) == ["add a~ (one)", "update h content new", "upload a (new)"]


def test_the_same_photo_twice_and_one_object() -> None:
    """The file at the object's path is its file, the other one gets an object of its own."""
    plan = merge(files=[file("a", "one"), file("b", "one")], objects=[obj("h", "a", "one")])
    assert say(plan) == ["add b (one)", "link h"]


def test_an_object_that_is_restored_on_the_web_finds_its_name_taken() -> None:
    """Its file comes under a free name, or is one that is there already; the other keeps the name."""
    taken = {"links": [link("n", "a", "two")], "objects": [obj("n", "a", "two"), obj("h", "a", "one")]}
    assert say(merge(**taken, files=[file("a", "two")])) == ["fetch h (one) to a (2)"]
    plan = merge(**taken, files=[file("a", "two"), file("b", "one")])
    assert say(plan) == ["link h"]
    assert after(plan)["h"] == ("b", "a", "one")


def test_a_deleted_file_that_comes_back_finds_its_name_taken() -> None:
    """Under the name that it has now its object comes back: no two objects with one path."""
    plan = merge(
        links=[link("n", "a", "two")],
        files=[file("a", "two"), file("b", "one")],
        objects=[obj("n", "a", "two")],
        deleted=[deleted("h", "a", "one")],
    )
    assert say(plan) == ["restore h (one) as b", "upload b (one)"]


def test_a_file_put_over_another_and_edited_while_a_deletion_waits() -> None:
    """Every edit goes to the object whose name the file has; the one that waits is left as it is."""
    world = World(
        POLICY,
        files={"2": ("one", 1)},
        objects={"h1": obj("h1", "1", "one"), "h2": obj("h2", "2", "two")},
        bucket={md5("one"), md5("two")},
        links={"h1": link("h1", "1", "one"), "h2": link("h2", "2", "two")},
    )
    for content in ("one", "new", "newer"):
        world.files["2"] = (content, 1)
        for _ in range(2):
            plan = world.plan()
            kept = [action for action in plan.actions if not isinstance(action, DeleteObject)]
            world.apply(replace(plan, actions=kept))
        assert say(world.plan()) == ["delete h1"]
        assert {handle: word(item.checksum) for handle, item in world.objects.items()} == {
            "h1": "one",
            "h2": content,
        }
