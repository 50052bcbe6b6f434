"""Deletions: what nobody needs goes, what somebody refers to waits, and everything can be brought back."""

from __future__ import annotations

import pytest

from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World, md5
from tests.lab.scenario import (
    begin,
    change_on_web,
    deeds,
    ends_at_rest,
    ends_in_step,
    folders,
    handles,
    numbers,
    photo,
)


def _portrait(world: World) -> tuple[str, str, str]:
    """Bring the example in step; the path and handle of somebody's portrait, and that person."""
    world.copy_example_images()
    world.sync()
    return next(
        (path, handle, people[0])
        for path, handle in handles(world).items()
        if (people := world.api.referrers(handle).get("person"))
    )


def test_a_portrait_waits_and_the_person_keeps_it(world: World) -> None:
    """Deleted in the folder, held on the web until `syncd approve`; a file that nobody refers to goes at once."""
    path, handle, person = _portrait(world)
    world.write("nobody's.jpg", photo("nobody's"))
    world.sync()
    gallery = world.api.get(person, "people")["media_list"]
    (world.folder / path).unlink()
    (world.folder / "nobody's.jpg").unlink()
    document = world.sync(code=3)
    assert deeds(document) == [("deleted", "nobody's.jpg")]
    (held,) = document["held"]
    assert (held["kind"], held["path"], held["handle"]) == ("referenced", path, handle)
    assert "2 people" in held["reason"]
    assert world.api.get(person, "people")["media_list"] == gallery
    assert world.api.content(handle) is not None
    assert world.differences() == [f"{path}: in Gramps Web only"]
    ends_at_rest(world, code=3)
    assert world.syncd("approve", str(held["id"])).code == 0
    assert deeds(world.sync()) == [("deleted", path)]
    assert not world.api.exists(handle)
    assert handle not in world.api.gallery(person)
    assert world.s3 is not None
    images = world.server.release.example_images()
    assert world.s3.get(md5(images[path])) == images[path]
    ends_in_step(world)


def test_a_portrait_is_restored(world: World) -> None:
    """`syncd restore` says no, also after a hasty yes: the file comes back into the folder, and nobody lost a picture."""
    path, handle, person = _portrait(world)
    gallery = world.api.get(person, "people")["media_list"]
    (world.folder / path).unlink()
    (number,) = numbers(world.sync(code=3))
    assert world.syncd("approve", str(number)).code == 0
    assert world.syncd("restore", str(number)).code == 0
    assert deeds(world.sync()) == [("fetched", path)]
    assert world.desktop.files() == world.server.release.example_images()
    assert world.api.get(person, "people")["media_list"] == gallery
    assert handles(world)[path] == handle
    ends_in_step(world)


@pytest.mark.parametrize("command", ["approve", "restore"])
def test_what_is_decided_now_is_told_beside_a_daemon(world: World, command: str) -> None:
    """`--now` shows what comes of it, although the daemon does it; and the daemon's log has it, too."""
    path, _handle, _person = _portrait(world)
    with RunningDaemon(world.desktop) as daemon:
        (world.folder / path).unlink()
        wait_until(lambda: bool(_held(world)), "it waits for a person", 30)
        document = world.syncd(command, str(_held(world)[0]), "--now", "--json").json
        deed = {"approve": "deleted", "restore": "fetched"}[command]
        assert deeds(document) == [(deed, path)]
        assert document["counts"][deed] == 1
        assert deed in daemon.events()
    ends_in_step(world)


def _held(world: World) -> list[int]:
    return [held["id"] for held in world.syncd("approve", "--json").json["held"]]


@pytest.mark.parametrize("on_web", ["always", "never"])
def test_on_web(world: World, on_web: str) -> None:
    """`always` deletes referenced objects too; `never` deletes none, and does not fetch the file again."""
    path, handle, person = _portrait(world)
    world.configure(deletions={"on_web": on_web})
    (world.folder / path).unlink()
    document = world.sync()
    if on_web == "always":
        assert deeds(document) == [("deleted", path)]
        assert handle not in world.api.gallery(person)
        ends_in_step(world)
    else:
        assert deeds(document) == []
        assert handle in world.api.gallery(person)
        assert world.differences() == [f"{path}: in Gramps Web only"]
        ends_at_rest(world)
        change_on_web(world, handle, photo("edited since"))
        world.sync()
        assert world.desktop.files()[path] == photo("edited since")
        ends_in_step(world)


def test_in_folder_never(empty_world: World) -> None:
    """`never`: a file stays although its object was deleted, and is not added again; an edit makes it new."""
    world = empty_world
    was = begin(world, "stays.jpg", "edited.jpg", "other.jpg")
    world.configure(deletions={"in_folder": "never"})
    world.api.delete(was["stays.jpg"])
    world.api.delete(was["edited.jpg"])
    files = world.desktop.files()
    assert deeds(world.sync()) == []
    assert world.desktop.files() == files
    assert handles(world) == {"other.jpg": was["other.jpg"]}
    ends_at_rest(world)
    world.write("edited.jpg", photo("edited since"))
    assert ("added", "edited.jpg") in deeds(world.sync())
    assert world.differences() == ["stays.jpg: in the folder only"]
    ends_at_rest(world)


def test_a_deletion_on_the_web_fills_the_trash(empty_world: World) -> None:
    """The file goes to the trash, with its emptied folder; `syncd trash restore` brings all back, on both sides.

    The object is the old one: what was written about it and who refers to it included.
    """
    world = empty_world
    begin(world, "other.jpg")
    handle = world.api.create("album/1912/a.jpg", photo("album/1912/a.jpg"), desc="Grandma")
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handle}])
    world.sync()
    was = handles(world)
    world.api.delete(was["album/1912/a.jpg"])
    assert deeds(world.sync()) == [("trashed", "album/1912/a.jpg")]
    assert folders(world.desktop) == set()
    assert world.desktop.trash() == [photo("album/1912/a.jpg")]
    ends_in_step(world)
    (entry,) = world.syncd("trash", "list", "--json").json["trash"]
    assert (entry["path"], entry["checksum"]) == ("album/1912/a.jpg", md5(photo("album/1912/a.jpg")))
    restored = world.syncd("trash", "restore", "album/1912/a.jpg", "--json")
    assert restored.json["restored_to"] == "album/1912/a.jpg"
    assert world.desktop.files()["album/1912/a.jpg"] == photo("album/1912/a.jpg")
    assert world.syncd("trash", "list", "--json").json["trash"] == []
    world.sync()
    assert handles(world) == was
    assert world.api.get(handle)["desc"] == "Grandma"
    assert world.api.gallery(person) == [handle]
    ends_in_step(world)


def test_a_deletion_in_the_folder_is_taken_back(empty_world: World) -> None:
    """`syncd trash restore` brings the object back with all that was written about it; the next run the file."""
    world = empty_world
    was = begin(world, "album/a.jpg", "other.jpg")
    handle = was["album/a.jpg"]
    world.api.edit(
        handle,
        desc="Grandma in 1912",
        attribute_list=[{"_class": "Attribute", "type": "Source", "value": "attic"}],
    )
    world.sync()
    before = world.api.get(handle)
    (world.folder / "album/a.jpg").unlink()
    assert deeds(world.sync()) == [("deleted", "album/a.jpg")]
    assert not world.api.exists(handle)
    (entry,) = world.syncd("trash", "list", "--json").json["deleted_in_web"]
    assert (entry["path"], entry["handle"]) == ("album/a.jpg", handle)
    assert world.syncd("trash", "restore", entry["id"]).code == 0
    assert deeds(world.sync()) == [("fetched", "album/a.jpg")]
    assert world.desktop.files()["album/a.jpg"] == photo("album/a.jpg")
    after = world.api.get(handle)
    assert {**after, "change": 0} == {**before, "change": 0}
    assert after["desc"] == "Grandma in 1912"
    assert after["attribute_list"][0]["value"] == "attic"
    assert handles(world) == was
    assert world.syncd("trash", "list", "--json").json["deleted_in_web"] == []
    ends_in_step(world)


@pytest.mark.parametrize("place", ["album/a.jpg", "elsewhere/b.jpg"])
def test_a_deleted_file_comes_back(empty_world: World, place: str) -> None:
    """Taken out of the folder and put back, there or elsewhere: its object is the old one, with all that refers to it."""
    world = empty_world
    begin(world, "other.jpg")
    handle = world.api.create("album/a.jpg", photo("a"), desc="Grandma")
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handle}])
    world.sync()
    (world.folder / "album/a.jpg").unlink()
    (number,) = numbers(world.sync(code=3))
    assert world.syncd("approve", str(number)).code == 0
    world.sync()
    assert not world.api.exists(handle)
    assert world.api.gallery(person) == []
    world.write(place, photo("a"))
    assert deeds(world.sync()) == [("restored", place)]
    assert handles(world)[place] == handle
    assert world.api.get(handle)["desc"] == "Grandma"
    assert world.api.gallery(person) == [handle]
    assert world.syncd("trash", "list", "--json").json["deleted_in_web"] == []
    ends_in_step(world)


def test_a_file_is_taken_out_of_the_trash_by_hand(empty_world: World) -> None:
    """Put back where it was, it brings its object back, references and all; anywhere else it is a new file."""
    world = empty_world
    begin(world, "b.jpg")
    handle = world.api.create("a.jpg", photo("a"), desc="Grandma")
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handle}])
    world.sync()
    was = handles(world)
    for path in was:
        world.api.delete(was[path])
    world.write("c.jpg", photo("c"))
    world.sync()
    entries = {entry["path"]: entry for entry in world.syncd("trash", "list", "--json").json["trash"]}
    (world.folder / entries["a.jpg"]["kept_as"]).rename(world.folder / "a.jpg")
    (world.folder / entries["b.jpg"]["kept_as"]).rename(world.folder / "new.jpg")
    assert deeds(world.sync()) == [("added", "new.jpg"), ("restored", "a.jpg")]
    now = handles(world)
    assert now.keys() == {"a.jpg", "c.jpg", "new.jpg"}
    assert now["a.jpg"] == handle
    assert world.api.get(handle)["desc"] == "Grandma"
    assert world.api.gallery(person) == [handle]
    listed = world.syncd("trash", "list", "--json").json["trash"]
    assert [entry["path"] for entry in listed] == ["b.jpg"]
    ends_in_step(world)


@pytest.mark.parametrize("side", ["folder", "web"])
def test_deletions_in_bulk_wait(empty_world: World, side: str) -> None:
    """More than ten and more than 5 %: nothing is deleted, everything else is done; then `approve` or `restore`."""
    world = empty_world
    doomed = [f"{number:02}.jpg" for number in range(11)]
    was = begin(world, *doomed, "edited.jpg", "moved.jpg")
    for path in doomed:
        if side == "folder":
            (world.folder / path).unlink()
        else:
            world.api.delete(was[path])
    world.write("new.jpg", photo("new"))
    world.write("edited.jpg", photo("edited"))
    world.api.edit(was["moved.jpg"], path="moved there.jpg")
    before = world.desktop.files()
    document = world.sync(code=3)
    assert {item["kind"] for item in document["held"]} == {"many-deletions"}
    assert {item["path"] for item in document["held"]} == set(doomed)
    assert document["counts"]["trashed"] == document["counts"]["deleted"] == 0
    assert world.desktop.files().keys() - {"moved there.jpg"} == before.keys() - {"moved.jpg"}
    assert len(world.differences()) == 11
    assert handles(world)["moved there.jpg"] == was["moved.jpg"]
    assert world.api.content(was["edited.jpg"]) == photo("edited")
    ends_at_rest(world, code=3)
    (number,) = numbers(document)
    if side == "folder":
        assert world.syncd("approve", str(number)).code == 0
        assert world.sync()["counts"]["deleted"] == 11
        assert world.desktop.files().keys() == {"edited.jpg", "moved there.jpg", "new.jpg"}
    else:
        assert world.syncd("restore", str(number)).code == 0
        world.sync()
        now = handles(world)
        assert {path: now[path] for path in doomed} == {path: was[path] for path in doomed}
        assert world.desktop.trash() == []
    ends_in_step(world)


def test_a_folder_takes_the_name_of_a_deleted_file(empty_world: World) -> None:
    """A folder with a deleted file's name is no such file: the object goes, and what the folder holds arrives."""
    begin(empty_world, "box.jpg", "other.jpg")
    (empty_world.folder / "box.jpg").unlink()
    empty_world.write("box.jpg/inside.jpg", photo("inside"))
    assert deeds(empty_world.sync()) == [
        ("added", "box.jpg/inside.jpg"),
        ("deleted", "box.jpg"),
        ("uploaded", "box.jpg/inside.jpg"),
    ]
    ends_in_step(empty_world)
