"""A folder inside the media folder that is a disk of its own: files come, go and change across the border."""

from __future__ import annotations

import shutil

from lab.world import World
from tests.lab.mounting import mounted
from tests.lab.scenario import begin, change_on_web, deeds, ends_at_rest, ends_in_step, handles, photo, rot


def test_a_disk_inside_the_media_folder(empty_world: World) -> None:
    """Moves, edits, conflicts and deletions go across its border; unmounted, its files are not taken for deleted."""
    world = empty_world
    disk, nas = world.base / "disk", world.folder / "nas"
    with mounted(None, disk):
        with mounted(disk, nas):
            was = across_the_border(world)
        assert list(nas.iterdir()) == []
        while_it_is_away(world, was)
        with mounted(disk, nas):
            world.sync()
            now = handles(world)
            assert now["nas/renamed while away.jpg"] == was["there.jpg"]
            assert now["nas/here.jpg"] == was["here.jpg"]
            assert world.desktop.files()["nas/new while away.jpg"] == photo("new while away")
            ends_in_step(world)


def across_the_border(world: World) -> dict[str, str]:
    """Everything that can happen to files on the disk while it is mounted; the handles, by first path."""
    was = begin(
        world,
        *("here.jpg", "there.jpg", "nas/a.jpg", "nas/b.jpg", "nas/edited.jpg", "nas/deleted.jpg"),
        *("nas/fought over.jpg", "nas/swap.jpg", "swap.jpg", "nas/twice.jpg", "shelf/old.jpg"),
    )
    folder = world.folder
    assert (folder / "nas/a.jpg").stat().st_dev != (folder / "here.jpg").stat().st_dev
    shutil.move(folder / "nas/a.jpg", folder / "a.jpg")
    shutil.move(folder / "here.jpg", folder / "nas/here.jpg")
    shutil.move(folder / "nas/twice.jpg", folder / "twice.jpg")  # there and back again: another inode
    shutil.copy(folder / "twice.jpg", folder / "nas/twice.jpg")
    (folder / "twice.jpg").unlink()
    for old, new in (
        ("nas/b.jpg", "b.jpg"),
        ("there.jpg", "nas/deep/there.jpg"),
        ("nas/swap.jpg", "swap.jpg"),
        ("swap.jpg", "nas/swap.jpg"),
        ("shelf/old.jpg", "nas/shelf/old.jpg"),
    ):
        world.api.edit(was[old], path=new)
    change_on_web(world, was["nas/edited.jpg"], photo("edited"))
    world.api.delete(was["nas/deleted.jpg"])
    world.write("nas/fought over.jpg", photo("mine"))
    change_on_web(world, was["nas/fought over.jpg"], photo("theirs"))
    world.api.create("nas/new.jpg", photo("new"))
    world.write("nas/added.jpg", photo("added"))
    document = world.sync()
    (conflict,) = document["conflicts"]
    assert conflict["kept_as"].startswith("nas/fought over (conflict")
    assert world.desktop.files() == {
        "a.jpg": photo("nas/a.jpg"),
        "b.jpg": photo("nas/b.jpg"),
        "swap.jpg": photo("nas/swap.jpg"),
        "nas/swap.jpg": photo("swap.jpg"),
        "nas/here.jpg": photo("here.jpg"),
        "nas/twice.jpg": photo("nas/twice.jpg"),
        "nas/deep/there.jpg": photo("there.jpg"),
        "nas/shelf/old.jpg": photo("shelf/old.jpg"),
        "nas/edited.jpg": photo("edited"),
        "nas/fought over.jpg": photo("theirs"),
        conflict["kept_as"]: photo("mine"),
        "nas/new.jpg": photo("new"),
        "nas/added.jpg": photo("added"),
    }
    assert sorted(world.desktop.trash()) == sorted([photo("nas/edited.jpg"), photo("nas/deleted.jpg")])
    now = handles(world)
    for old, new in (("nas/a.jpg", "a.jpg"), ("here.jpg", "nas/here.jpg"), ("nas/swap.jpg", "swap.jpg")):
        assert now[new] == was[old]
    assert now["nas/twice.jpg"] == was["nas/twice.jpg"]
    assert document["problems"] == []
    assert world.desktop.leftovers() == []
    ends_in_step(world)
    return was


def while_it_is_away(world: World, was: dict[str, str]) -> None:
    """Nothing below is deleted, fetched or moved; the rest goes on, and the person is asked about the disk."""
    there = {path for path in world.catalog() if path.startswith("nas/")}
    world.api.edit(was["there.jpg"], path="nas/renamed while away.jpg")
    world.api.create("nas/new while away.jpg", photo("new while away"))
    (world.folder / "b.jpg").unlink()
    world.write("meanwhile.jpg", photo("meanwhile"))
    document = world.sync(code=1)
    assert deeds(document) == [
        ("added", "meanwhile.jpg"),
        ("deleted", "b.jpg"),
        ("uploaded", "meanwhile.jpg"),
    ]
    (problem,) = document["problems"]
    assert problem["path"] == "nas"
    assert "mount" in problem["remedy"]
    assert world.catalog().keys() >= there - {"nas/deep/there.jpg"}
    assert list((world.folder / "nas").iterdir()) == []
    ends_at_rest(world, code=1)


def test_a_file_that_a_disk_hides(empty_world: World) -> None:
    """What was saved at a mount point while the disk was away lies under it afterwards: it is told, and not deleted."""
    world = empty_world
    disk, nas = world.base / "disk", world.folder / "nas"
    with mounted(None, disk):
        (disk / "there.jpg").write_bytes(photo("there"))
        with mounted(disk, nas):
            begin(world, "here.jpg")
        world.write("nas/stray.jpg", photo("stray"))
        world.sync(code=1)
        known = handles(world)
        assert {"here.jpg", "nas/there.jpg", "nas/stray.jpg"} == known.keys()
        with mounted(disk, nas):
            document = world.sync(code=1)
            assert "unmount" in document["problems"][0]["remedy"]
            assert handles(world) == known
            ends_at_rest(world, code=1)
        (nas / "stray.jpg").rename(world.folder / "stray.jpg")
        world.sync(code=1)
        with mounted(disk, nas):
            world.sync()
            assert handles(world)["stray.jpg"] == known["nas/stray.jpg"]
            ends_in_step(world)


def test_rotten_files_on_two_disks(empty_world: World) -> None:
    """One that is away stays known, whatever is found and healed on the other disk, where files have the same numbers."""
    world = empty_world
    disks = {name: (world.base / name, world.folder / name) for name in ("one", "two")}
    with mounted(None, disks["one"][0]), mounted(None, disks["two"][0]):
        with mounted(*disks["one"]), mounted(*disks["two"]):
            begin(world, "one/a.jpg", "two/b.jpg")
            assert len({(world.folder / name).stat().st_ino for name in ("one/a.jpg", "two/b.jpg")}) == 1
            for name in ("one/a.jpg", "two/b.jpg"):
                rot(world.desktop, name, photo(name).swapcase())
            world.syncd("verify", "--deep")
        with mounted(*disks["two"]):
            world.syncd("verify")
            world.syncd("verify", "--repair")
        with mounted(*disks["one"]), mounted(*disks["two"]):
            (world.folder / "one/a.jpg").chmod(0o600)
            assert world.sync()["actions"] == []
            assert world.desktop.files()["two/b.jpg"] == photo("two/b.jpg")
            assert world.syncd("verify", "--repair").code == 0
            ends_in_step(world)
