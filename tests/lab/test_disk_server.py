"""A Gramps Web that keeps media on its own disk: after each step every object shows the bytes that its checksum names."""

from __future__ import annotations

from lab.gramps_web import GrampsWeb
from lab.world import World, md5
from tests.lab.conftest import MakeWorld
from tests.lab.endings import assert_rests, assert_served, fresh, on_server, photo, step


def assert_files_carried(world: World) -> str:
    """First contact both ways, new files, edits, and an edit taken back; the handle of the edited file."""
    world.copy_example_images()
    uploaded = world.api.upload(photo(1))
    world.api.create("album/from the web.jpg", photo(2))
    step(world)
    assert world.desktop.files()["album/from the web.jpg"] == photo(2)
    world.write("album/mine.jpg", photo(3))
    step(world)
    mine = str(world.api.by_path()["album/mine.jpg"]["handle"])
    for content in (photo(4), photo(5), photo(4), photo(3)):
        world.write("album/mine.jpg", content)
        step(world)
        assert world.api.get(mine)["path"] == fresh("album/mine.jpg", content)
        assert world.desktop.files()["album/mine.jpg"] == content
    assert (on_server(world) / "album" / "mine.jpg").read_bytes() == photo(3)  # nothing is ever written over
    assert world.api.exists(uploaded)
    assert_rests(world)
    return mine


def assert_web_changes_followed(world: World, mine: str) -> None:
    """Replaced, moved and swapped in Gramps Web, and moved to where a file of nobody lies."""
    world.api.replace(mine, photo(6))
    step(world)
    assert world.desktop.files()["album/mine.jpg"] == photo(6)
    world.api.edit(mine, path="wedding/ours.jpg")
    step(world)
    assert world.desktop.files()["wedding/ours.jpg"] == photo(6)
    theirs = str(world.api.by_path()["album/from the web.jpg"]["handle"])
    world.api.edit(mine, path="album/from the web.jpg")
    world.api.edit(theirs, path="wedding/ours.jpg")
    step(world)
    files = world.desktop.files()
    assert (files["album/from the web.jpg"], files["wedding/ours.jpg"]) == (photo(6), photo(2))
    (on_server(world) / "left behind.jpg").write_bytes(b"a file of nobody")
    world.api.edit(mine, path="left behind.jpg")
    step(world)
    assert world.desktop.files()["left behind.jpg"] == photo(6)
    assert (on_server(world) / "left behind.jpg").read_bytes() == b"a file of nobody"
    assert_rests(world)


def assert_moves_and_deletions(world: World, mine: str) -> None:
    """Moves in the folder stay there; deletions go both ways, and what comes back has its object again."""
    paths = sorted(world.catalog())
    (world.folder / "wedding").rename(world.folder / "renamed")
    (world.folder / "left behind.jpg").rename(world.folder / "found.jpg")
    step(world)
    assert sorted(world.catalog()) == paths
    world.write("left behind.jpg", photo(7))  # the name of one that moved away, and of a file of nobody
    step(world)
    other = next(item["handle"] for item in world.api.media() if item["checksum"] == md5(photo(7)))
    (world.folder / "left behind.jpg").unlink()
    step(world)
    assert not world.api.exists(other)
    world.write("left behind.jpg", photo(7))
    step(world)
    assert world.api.exists(other)
    world.api.delete(mine)
    step(world)
    assert photo(6) in world.desktop.trash()
    assert "found.jpg" not in world.desktop.files()
    world.api.delete(other)
    world.write("left behind.jpg", photo(8))
    step(world)
    assert world.api.get(other)["checksum"] == md5(photo(8))  # an edit beats the deletion
    assert_rests(world)


def test_every_change_on_one_desktop(tree_on_disk: World) -> None:
    """Whatever changes on either side, the server shows the right bytes after every run, and nothing is written over."""
    mine = assert_files_carried(tree_on_disk)
    assert_web_changes_followed(tree_on_disk, mine)
    assert_moves_and_deletions(tree_on_disk, mine)


def test_two_desktops(tree_on_disk: World) -> None:
    """An edit keeps its name on the other desktop, a move stays on its own, and a conflict leaves both versions."""
    world, first = tree_on_disk, tree_on_disk.desktop
    world.copy_example_images()
    first.write("album/a.jpg", photo(1))
    second = world.new_desktop("laptop")
    step(world, first, second)
    second.write("album/a.jpg", photo(2))
    step(world, second, first)
    (second.folder / "album").rename(second.folder / "family")
    step(world, second, first)
    assert (first.files()["album/a.jpg"], second.files()["family/a.jpg"]) == (photo(2), photo(2))
    third = world.new_desktop("tablet")
    step(world, third)
    assert third.files()["album/a.jpg"] == photo(2)  # the fresh path's ending is the server's affair
    first.write("album/a.jpg", photo(3))
    second.write("family/a.jpg", photo(4))
    first.sync()
    (conflict,) = second.sync()["conflicts"]
    assert second.files()[conflict["path"]] == photo(3)
    assert second.files()[conflict["kept_as"]] == photo(4)
    step(world, first, third)
    assert_served(world, first, second, third)
    late = world.api.create("late.jpg", checksum=md5(photo(5)))  # another desktop's upload is under way
    assert first.sync()["counts"]["waiting"] == 1
    world.api.upload_missing(late, photo(5))
    step(world, first, second, third)
    assert_rests(world, first, second, third)


def test_a_tree_that_lost_its_checksums(disk_server: GrampsWeb, new_world: MakeWorld) -> None:
    """No object has a checksum any more: where media are kept shows all the same, and the folder's files say what they are.

    Where not even a file shows it, that is told, and the run does not end as if all were well.
    """
    world = new_world(disk_server, "empty")
    lost = world.api.create("a.jpg", photo(1))
    world.api.edit(lost, checksum="")
    world.write("a.jpg", photo(1))
    step(world)
    assert world.catalog() == {"a.jpg": md5(photo(1))}
    assert_rests(world)

    bare = new_world(disk_server, "empty")
    bare.api.create("a.jpg", checksum="")
    bare.write("a.jpg", photo(1))
    (problem,) = bare.sync(code=1)["problems"]
    assert "where it keeps them" in problem["reason"]
    bare.write("b.jpg", photo(2))
    bare.sync()
    assert_rests(bare)
    assert_served(bare)
