"""`syncd history` and `syncd undo`: each kind of deed is told, is put back, and stays put back on both sides."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World, md5
from tests.lab.scenario import begin, change_on_web, deeds, ends_at_rest, ends_in_step, handles, photo

Event = dict[str, Any]


def history(world: World, file: str) -> list[Event]:
    """What `syncd history` tells."""
    run = world.syncd("history", file, "--json")
    assert run.code == 0, run
    found: list[Event] = run.json["history"]
    return found


def number_of(world: World, kind: str, path: str) -> str:
    """The number of the newest event of a kind: read from the state, which is quicker than asking for the history."""
    with closing(sqlite3.connect(world.desktop.state_dir / "state.sqlite")) as state:
        (number,) = state.execute(
            "SELECT max(id) FROM events WHERE kind = ? AND path = ?", (kind, path)
        ).fetchone()
    assert number is not None
    return str(number)


def undo(world: World, kind: str, path: str) -> str:
    """Put the newest event of a kind back; its number."""
    number = number_of(world, kind, path)
    run = world.syncd("undo", number)
    assert run.code == 0, run
    return number


def refused(world: World, kind: str, path: str) -> str:
    """An undo that is refused changes nothing; its reason."""
    number, mark, trash = number_of(world, kind, path), world.mark(), world.desktop.trash()
    run = world.syncd("undo", number, "--json")
    mark.assert_nothing_written()
    assert world.desktop.trash() == trash
    assert run.code == 3, run
    assert run.json["error"]["remedy"]
    reason: str = run.json["error"]["reason"]
    return reason


def test_a_life_is_told(empty_world: World) -> None:
    """Under each of its names, by handle and by checksum, a line an event: what, when, why and in which cycle."""
    world = empty_world
    handle = begin(world, "a.jpg", "other.jpg")["a.jpg"]
    (world.folder / "a.jpg").rename(world.folder / "b.jpg")
    world.sync()
    world.api.edit(handle, path="album/c.jpg")
    world.sync()
    told = [
        ("uploaded", "a.jpg", None),
        ("added", "a.jpg", None),
        ("moved", "b.jpg", "a.jpg"),
        ("moved", "album/c.jpg", "b.jpg"),
    ]
    names = ("a.jpg", "b.jpg", "album/c.jpg", str(world.folder / "album/c.jpg"), handle, md5(photo("a.jpg")))
    for name in names:
        events = history(world, name)
        assert [(one["kind"], one["path"], one["before"]["path"]) for one in events] == told, name
    assert [one["why"] for one in events[2:]] == ["moved in the folder", "moved in Gramps Web"]
    assert len({one["cycle"] for one in events[1:]}) == 3
    lines = world.syncd("history", "album/c.jpg").out.splitlines()
    assert len(lines) == len(told)
    assert lines[-1].startswith(f"number H{events[-1]['id']}  20")
    assert world.syncd("history", "nobody.jpg").code == 2
    assert world.syncd("undo", "999").code == 2


def test_content_that_was_replaced(empty_world: World) -> None:
    """What Gramps Web brought goes to the trash, what was there before is back on both sides; and back again."""
    world = empty_world
    handle = begin(world, "a.jpg")["a.jpg"]
    change_on_web(world, handle, photo("theirs"))
    world.sync()
    world.write("a.jpg", photo("edited since"))
    assert "not as it was then" in refused(world, "fetched", "a.jpg")
    world.write("a.jpg", photo("theirs"))
    number = undo(world, "fetched", "a.jpg")
    again = world.syncd("undo", number, "--json")
    assert (again.code, again.json["error"]["reason"]) == (3, "it was put back already")
    assert world.desktop.files() == {"a.jpg": photo("a.jpg")}
    assert photo("theirs") in world.desktop.trash()
    assert ("updated", "a.jpg") in deeds(world.sync())
    assert world.catalog() == {"a.jpg": md5(photo("a.jpg"))}
    ends_in_step(world)
    undo(world, "undone", "a.jpg")
    world.sync()
    assert world.catalog() == {"a.jpg": md5(photo("theirs"))}
    ends_in_step(world)


def test_content_whose_trash_was_emptied_by_hand(empty_world: World) -> None:
    """The bucket holds it, too."""
    world = empty_world
    change_on_web(world, begin(world, "a.jpg")["a.jpg"], photo("theirs"))
    world.sync()
    for path in (world.folder / ".syncd" / "trash").rglob("*.jpg"):
        path.unlink()
    undo(world, "fetched", "a.jpg")
    world.sync()
    assert world.desktop.files() == {"a.jpg": photo("a.jpg")}
    ends_in_step(world)


def test_a_file_that_went_to_the_trash(empty_world: World) -> None:
    """File and object are back, with who refers to it."""
    world = empty_world
    handle = begin(world, "other.jpg", "album/a.jpg")["album/a.jpg"]
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handle}])
    world.sync()
    world.api.delete(handle)
    world.sync()
    world.write("album/A.jpg", photo("in its way"))
    assert "another file is called" in refused(world, "trashed", "album/a.jpg")
    (world.folder / "album/A.jpg").unlink()
    undo(world, "trashed", "album/a.jpg")
    world.sync()
    assert handles(world)["album/a.jpg"] == handle
    assert world.api.gallery(person) == [handle]
    ends_in_step(world)


@pytest.mark.parametrize("side", ["folder", "web"])
def test_a_move(empty_world: World, side: str) -> None:
    """The old name is back on both sides, whoever moved it; the handle stays."""
    world = empty_world
    handle = begin(world, "a.jpg", "other.jpg")["a.jpg"]
    if side == "folder":
        (world.folder / "album").mkdir()
        (world.folder / "a.jpg").rename(world.folder / "album/b.jpg")
    else:
        world.api.edit(handle, path="album/b.jpg")
    world.sync()
    world.write("a.jpg", photo("in its way"))
    assert "another file is called" in refused(world, "moved", "album/b.jpg")
    (world.folder / "a.jpg").unlink()
    named = world.api.get(handle)["path"]
    world.api.edit(handle, path="elsewhere.jpg")  # the next run would rightly prefer that name
    assert "not synced yet" in refused(world, "moved", "album/b.jpg")
    world.api.edit(handle, path=named)
    undo(world, "moved", "album/b.jpg")
    assert deeds(world.sync()) == [("moved", "a.jpg")]
    assert handles(world)["a.jpg"] == handle
    ends_in_step(world)


def test_a_place_that_is_ignored_by_now(empty_world: World) -> None:
    """A file that is moved there counts as deleted, and its object would be deleted in Gramps Web."""
    world = empty_world
    was = begin(world, "drafts/a.jpg", "drafts/b.jpg", "other.jpg")
    (world.folder / "drafts/a.jpg").rename(world.folder / "a.jpg")
    world.api.delete(was["drafts/b.jpg"])
    world.sync()
    world.configure(ignore=["/drafts/"])
    assert "is ignored now" in refused(world, "moved", "a.jpg")
    assert "is ignored now" in refused(world, "trashed", "drafts/b.jpg")
    assert world.sync()["actions"] == []
    assert handles(world)["a.jpg"] == was["drafts/a.jpg"]
    world.configure(ignore=[])
    undo(world, "moved", "a.jpg")
    undo(world, "trashed", "drafts/b.jpg")
    world.sync()
    assert handles(world) == was
    ends_in_step(world)


def test_an_object_that_was_changed(empty_world: World) -> None:
    """It names what it named before, and the file is that again; what was edited lies in the trash."""
    world = empty_world
    handle = begin(world, "a.jpg", "other.jpg")["a.jpg"]
    world.write("a.jpg", photo("edited"))
    world.sync()
    world.api.edit(handle, path="moved.jpg")
    assert "it was changed since" in refused(world, "updated", "a.jpg")
    world.api.edit(handle, path="a.jpg")
    world.api.edit(handle, desc="Aunt Mary")
    undo(world, "updated", "a.jpg")
    assert deeds(world.sync()) == [("fetched", "a.jpg")]
    assert world.desktop.files()["a.jpg"] == photo("a.jpg")
    assert world.desktop.trash() == [photo("edited")]
    assert world.api.get(handle)["desc"] == "Aunt Mary"
    ends_in_step(world)


def test_a_former_content_that_the_bucket_has_damaged(empty_world: World) -> None:
    """Gramps Web is not made to name it, whether it is told by its size or only by its bytes; nor once it is gone."""
    world = empty_world
    assert world.s3 is not None
    begin(world, "a.jpg")
    world.write("a.jpg", photo("edited"))
    world.sync()
    former = md5(photo("a.jpg"))
    for damaged in (photo("A.jpg"), b"half"):
        world.s3.put(former, damaged)
        assert "damaged" in refused(world, "updated", "a.jpg")
    world.s3.delete(former)
    assert "does not hold" in refused(world, "updated", "a.jpg")
    ends_in_step(world)


def test_an_object_that_was_deleted(empty_world: World) -> None:
    """It is back with its references; the next run fetches its file."""
    world = empty_world
    handle = begin(world, "a.jpg", "other.jpg")["a.jpg"]
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handle}])
    (world.folder / "a.jpg").unlink()
    (held,) = world.sync(code=3)["held"]
    assert world.syncd("approve", str(held["id"])).code == 0
    world.sync()
    assert world.api.gallery(person) == []
    undo(world, "deleted", "a.jpg")
    assert deeds(world.sync()) == [("fetched", "a.jpg")]
    assert handles(world)["a.jpg"] == handle
    assert world.api.gallery(person) == [handle]
    ends_in_step(world)


def test_an_object_that_was_added(empty_world: World) -> None:
    """It goes only while nobody has touched it; its file stays and is not added again, until it is changed."""
    world = empty_world
    begin(world, "first.jpg")
    found = begin(world, "described.jpg", "portrait.jpg", "plain.jpg")
    world.api.edit(found["described.jpg"], desc="Aunt Mary")
    world.api.new_person(media_list=[{"_class": "MediaRef", "ref": found["portrait.jpg"]}])
    world.sync()
    assert "no longer as it was when it was made" in refused(world, "added", "described.jpg")
    # The first object of a tree was changed, too, but by nobody else.
    assert "somebody" not in refused(world, "added", "first.jpg")
    assert "refer to the media object" in refused(world, "added", "portrait.jpg")
    undo(world, "added", "plain.jpg")
    assert not world.api.exists(found["plain.jpg"])
    # Nobody deleted it, and nothing is missing.
    (deleted,) = world.syncd("trash", "--json").json["deleted_in_web"]
    assert deleted["reason"] == "its addition was undone"
    assert world.syncd("status", "--json").json["one_sided"]["folder_only"] == 1
    ends_at_rest(world)
    world.sync("--full")
    assert world.differences() == ["plain.jpg: in the folder only"]
    world.write("plain.jpg", photo("changed"))
    assert ("added", "plain.jpg") in deeds(world.sync())
    ends_in_step(world)


def test_an_addition_that_was_undone_comes_back(empty_world: World) -> None:
    """Its file never went, so the two are a pair again, and nothing is fetched."""
    world = empty_world
    begin(world, "first.jpg")
    was = begin(world, "plain.jpg")
    undo(world, "added", "plain.jpg")
    restored = world.syncd("trash", "restore", "plain.jpg")
    assert restored.out.endswith("Its file is in the media folder still.\n")
    assert [one["kind"] for one in history(world, "plain.jpg")][-2:] == ["undone", "restored"]
    assert world.sync()["counts"]["fetched"] == 0
    assert handles(world) == was
    ends_in_step(world)


def test_bytes_that_nobody_has(empty_world: World) -> None:
    """Neither the deletion, nor what lists it, nor what brings its object back promises a file; a copy makes all good."""
    world = empty_world
    assert world.s3 is not None
    was = begin(world, "a.jpg", "other.jpg")
    (world.folder / "a.jpg").unlink()
    world.s3.delete(md5(photo("a.jpg")))
    verified = world.syncd("verify", "--json").json
    assert [one["kind"] for one in verified["verify"]["findings"]] == ["missing-bytes"]
    assert "look for a copy" in verified["problems"][0]["remedy"]

    run = world.syncd("--once")
    assert run.code == 0
    assert "gone from where Gramps Web keeps its media" in run.out
    assert "look for a copy" in run.out
    assert "shows what can be brought back" not in run.out
    assert "without its file" in world.syncd("trash").out
    number = number_of(world, "deleted", "a.jpg")
    restored = world.syncd("undo", f"H{number}")
    assert restored.code == 0
    assert "look for a copy" in restored.out
    assert "fetches" not in restored.out

    world.write("a.jpg", photo("a.jpg"))
    world.sync()
    assert handles(world) == was
    ends_in_step(world)


def test_what_took_nothings_place(empty_world: World) -> None:
    """What only sent, paired or brought something has nothing to put back, and says what to do instead."""
    world = empty_world
    begin(world, "a.jpg")
    world.api.create("b.jpg", photo("b.jpg"))
    world.sync()
    assert "bucket" in refused(world, "uploaded", "a.jpg")
    assert "new here" in refused(world, "fetched", "b.jpg")
    with closing(sqlite3.connect(world.desktop.state_dir / "state.sqlite")) as state, state:
        state.execute("UPDATE events SET at = at - 31 * 86400")
    assert "more than 30 days ago" in refused(world, "added", "a.jpg")


def test_on_a_servers_own_disk(tree_on_disk: World) -> None:
    """An edit is put back there, too: the former content lies at the former path, and nowhere else."""
    world = tree_on_disk
    world.write("a.jpg", photo("a.jpg"))
    world.sync(code=1)
    (item,) = (one for one in world.api.media() if one["path"] == "a.jpg")
    world.write("a.jpg", photo("edited"))
    world.sync(code=1)
    assert world.api.content(item["handle"]) == photo("edited")
    number = number_of(world, "updated", "a.jpg")
    assert world.syncd("undo", number, "--now").code == 1
    assert world.desktop.files() == {"a.jpg": photo("a.jpg")}
    assert world.api.content(item["handle"]) == photo("a.jpg")
    assert world.desktop.trash() == [photo("edited")]
    ends_at_rest(world, code=1)


def test_beside_a_daemon(empty_world: World) -> None:
    """It stands aside for the undo, and carries it over by itself; that is said once."""
    world = empty_world
    begin(world, "a.jpg", "other.jpg")
    (world.folder / "a.jpg").rename(world.folder / "b.jpg")
    world.write("other.jpg", photo("edited"))
    world.sync()
    with RunningDaemon(world.desktop):
        undo(world, "moved", "b.jpg")
        wait_until(lambda: "a.jpg" in world.catalog(), "the daemon to carry the name over")
        run = world.syncd("undo", f"H{number_of(world, 'updated', 'other.jpg')}")
        assert run.code == 0
        assert (
            "The daemon now fetches that into the media folder; what the file holds until then goes"
            in run.out
        )
        assert run.out.count(" now") == 1
        wait_until(lambda: world.desktop.files()["other.jpg"] == photo("other.jpg"), "the daemon to fetch it")
    ends_in_step(world)
