"""Both sides changed one item: no version is lost, whatever the strategy; an edit beats a deletion."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from lab.world import World, md5
from tests.lab.scenario import begin, change_on_web, deeds, ends_in_step, handles, photo


def _sorted(referrers: dict[str, list[str]]) -> dict[str, list[str]]:
    """The server lists referrers in no order."""
    return {kind: sorted(handles) for kind, handles in referrers.items()}


def test_edit_and_edit_keeps_both(empty_world: World) -> None:
    """Gramps Web's version has the name, the folder's stands beside it with day and computer, on both sides."""
    world = empty_world
    was = begin(world, "album/grandma.jpg", "replaced.jpg", "same edit.jpg")
    for path, handle in was.items():
        world.write(path, photo(f"{path} here"))
        if path == "album/grandma.jpg":
            change_on_web(world, handle, photo(f"{path} there"))
        else:
            world.api.replace(handle, photo(f"{path} {'here' if path == 'same edit.jpg' else 'there'}"))
    document = world.sync()
    kept = {conflict["path"]: conflict["kept_as"] for conflict in document["conflicts"]}
    assert kept.keys() == {"album/grandma.jpg", "replaced.jpg"}
    named = re.fullmatch(
        r"album/grandma \(conflict (\d{4}-\d\d-\d\d) [\w.-]+\)\.jpg", kept["album/grandma.jpg"]
    )
    assert named is not None
    age = datetime.now(UTC).date() - datetime.fromisoformat(named[1]).date()
    assert abs(age) <= timedelta(days=1)
    assert world.desktop.files() == {
        "album/grandma.jpg": photo("album/grandma.jpg there"),
        kept["album/grandma.jpg"]: photo("album/grandma.jpg here"),
        "replaced.jpg": photo("replaced.jpg there"),
        kept["replaced.jpg"]: photo("replaced.jpg here"),
        "same edit.jpg": photo("same edit.jpg here"),
    }
    assert was.items() <= handles(world).items()
    ends_in_step(world)
    listed = world.syncd("conflicts", "--json").json["open"]
    assert {item["path"]: item["kept_as"] for item in listed} == kept
    for path in kept.values():
        (world.folder / path).unlink()
    world.sync()
    assert world.syncd("conflicts", "--json").json["open"] == []
    assert handles(world) == was
    ends_in_step(world)


@pytest.mark.parametrize("winner", ["folder", "web"])
def test_a_preferred_side_wins_and_the_loser_is_kept(empty_world: World, winner: str) -> None:
    """`prefer-folder` and `prefer-web`: the loser's bytes are in the trash and in the bucket, and come back."""
    world = empty_world
    was = begin(world, "grandma.jpg", "other.jpg")
    world.configure(conflicts=f"prefer-{winner}")
    versions = {"folder": photo("here"), "web": photo("there")}
    world.write("grandma.jpg", versions["folder"])
    world.api.replace(was["grandma.jpg"], versions["web"])
    document = world.sync()
    won = versions.pop(winner)
    (lost,) = versions.values()
    assert [(item["path"], item["kept_as"]) for item in document["conflicts"]] == [("grandma.jpg", None)]
    assert world.desktop.files() == {"grandma.jpg": won, "other.jpg": photo("other.jpg")}
    assert handles(world) == was
    assert world.desktop.trash() == [lost]
    assert world.s3 is not None
    assert world.s3.get(md5(lost)) == lost
    ends_in_step(world)
    (entry,) = world.syncd("trash", "list", "--json").json["trash"]
    assert world.syncd("trash", "restore", str(entry["id"]), "--to", "lost.jpg").code == 0
    assert world.desktop.files()["lost.jpg"] == lost
    world.sync()
    ends_in_step(world)


def test_edited_here_and_deleted_there(world: World) -> None:
    """The edit wins: the object comes back under its handle, with every reference, and has the new bytes."""
    images = world.copy_example_images()
    world.sync()
    path, handle = next(
        (path, handle) for path, handle in handles(world).items() if world.api.referrers(handle).get("person")
    )
    before = world.api.get(handle)
    (person, *_others) = world.api.referrers(handle)["person"]
    gallery = world.api.get(person, "people")["media_list"]
    referrers = world.api.referrers(handle)
    world.api.delete(handle)
    assert world.api.get(person, "people")["media_list"] != gallery
    world.write(path, photo("edited"))
    document = world.sync()
    assert ("restored", path) in deeds(document)
    assert world.desktop.files() == images | {path: photo("edited")}
    after = world.api.get(handle)
    for form in (before, after):
        for changing in ("checksum", "change"):
            form.pop(changing)
    assert after == before
    assert world.api.get(person, "people")["media_list"] == gallery
    assert _sorted(world.api.referrers(handle)) == _sorted(referrers)
    ends_in_step(world)


def test_deleted_here_and_edited_there(empty_world: World) -> None:
    """The edit wins: the new version is fetched to the name that the deleted file had."""
    world = empty_world
    was = begin(world, "album/replaced.jpg", "edited.jpg", "other.jpg")
    world.api.replace(was["album/replaced.jpg"], photo("replaced"))
    change_on_web(world, was["edited.jpg"], photo("edited"))
    for path in ("album/replaced.jpg", "edited.jpg"):
        (world.folder / path).unlink()
    document = world.sync()
    assert {("fetched", "album/replaced.jpg"), ("fetched", "edited.jpg")} <= set(deeds(document))
    assert document["counts"]["deleted"] == 0
    assert world.desktop.files() == {
        "album/replaced.jpg": photo("replaced"),
        "edited.jpg": photo("edited"),
        "other.jpg": photo("other.jpg"),
    }
    assert handles(world) == was
    ends_in_step(world)


def test_moved_here_and_deleted_there_or_the_other_way(empty_world: World) -> None:
    """A move is no edit: the deletion stands, and the file is in the trash or the object gone."""
    world = empty_world
    was = begin(world, "a.jpg", "b.jpg", "other.jpg")
    (world.folder / "a.jpg").rename(world.folder / "moved.jpg")
    world.api.delete(was["a.jpg"])
    world.api.edit(was["b.jpg"], path="moved there.jpg")
    (world.folder / "b.jpg").unlink()
    world.sync()
    assert world.desktop.files() == {"other.jpg": photo("other.jpg")}
    assert handles(world) == {"other.jpg": was["other.jpg"]}
    assert world.desktop.trash() == [photo("a.jpg")]
    assert world.s3 is not None
    assert world.s3.get(md5(photo("b.jpg"))) == photo("b.jpg")
    ends_in_step(world)


def test_deleted_on_both_sides(empty_world: World) -> None:
    """Nothing is left to do but to forget."""
    world = empty_world
    was = begin(world, "a.jpg", "other.jpg")
    world.api.delete(was["a.jpg"])
    (world.folder / "a.jpg").unlink()
    assert deeds(world.sync()) == []
    ends_in_step(world)
