"""Disks that are full, or take no changes: the original stays, the rest goes on, and it goes on by itself once there is room."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab.mounting import remount
from lab.s3 import RcloneS3
from lab.world import World, md5
from tests.lab.endings import assert_document, assert_plain, assert_settled
from tests.lab.mounting import mounted
from tests.lab.scenario import begin, change_on_web, ends_in_step, handles, photo

PAGE = 4096


@contextmanager
def filled(folder: Path, what: str) -> Iterator[None]:
    """Leave no room on the disk of a folder: not a byte, or not a name."""
    names = (folder / f"filler-{number}" for number in itertools.count())
    made = [next(names)]
    try:
        with suppress(OSError), made[0].open("wb", buffering=0) as file:
            while what == "bytes":
                file.write(bytes(PAGE))
            while True:
                made.append(next(names))
                made[-1].touch()
        left = os.statvfs(folder)
        assert (left.f_favail if what == "names" else left.f_bavail) == 0
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


@pytest.mark.parametrize("what", ["bytes", "names"])
def test_no_room_in_the_folder(empty_world: World, what: str) -> None:
    """Not a byte, or not an inode: what arrives waits, every file stays as it is, what is new here is sent.

    `syncd adopt`, which writes the marker, does it whole or not at all. With room again all arrives, without a hand.
    """
    world = empty_world
    with mounted(None, world.folder, size="size=40m,nr_inodes=60"):
        was = begin(world, *(f"{name}.jpg" for name in ("edited", "moved", "gone", "other")))
        world.write("new.jpg", photo("new"))
        change_on_web(world, was["edited.jpg"], photo("edited"))
        world.api.edit(was["moved.jpg"], path="album/there.jpg")
        world.api.delete(was["gone.jpg"])
        world.api.create("web.jpg", photo("web"))
        before = world.desktop.files()
        marker = world.folder / ".syncd" / "folder.json"
        marked = marker.read_bytes()
        with filled(world.folder / ".syncd", what):
            run = world.syncd("--once", "--json")
            assert run.code == 1, run
            document = assert_document(run)
            assert any("full" in problem["reason"] for problem in document["problems"])
            assert all(problem["remedy"] for problem in document["problems"])
            assert world.catalog()["new.jpg"] == md5(photo("new"))
            assert sorted([*world.desktop.files().values(), *world.desktop.trash()]) == sorted(
                before.values()
            )
            assert world.desktop.leftovers() == []
            adopted = world.syncd("adopt", "--yes")
            assert_plain(adopted)
            assert marker.read_bytes() == marked
        world.sync()
        assert world.desktop.files()["edited.jpg"] == photo("edited")
        ends_in_step(world)


def test_a_folder_that_was_mounted_read_only(empty_world: World) -> None:
    """A disk that had errors takes no changes: told, nothing is done by halves; writable again, it goes on."""
    world = empty_world
    with mounted(None, world.folder):
        was = begin(world, "edited.jpg")
        world.write("new.jpg", photo("new"))
        change_on_web(world, was["edited.jpg"], photo("edited"))
        remount(world.folder, read_only=True)
        run = world.syncd("--once", "--json")
        assert run.code == 3, run
        assert "mount it writable" in assert_document(run)["error"]["remedy"]
        assert world.desktop.files() == {"edited.jpg": photo("edited.jpg"), "new.jpg": photo("new")}
        remount(world.folder)
        world.sync()
        ends_in_step(world)


def test_no_room_for_the_state(empty_world: World) -> None:
    """Before anything is done, and while results are written down: 6, and afterwards nothing is lost or doubled."""
    world = empty_world
    size = 4_000_000
    with mounted(None, world.desktop.state_dir, size=f"size={size}"):
        begin(world, "first.jpg")
        names = [f"{number:03} {'a long name ' * 15}.jpg" for number in range(60)]
        for name in names:
            world.write(name, photo(name[:3]))
        filler = world.desktop.state_dir / "filler"
        used = sum(path.stat().st_blocks * 512 for path in world.desktop.state_dir.iterdir())
        made = []
        for left in range(0, 500_000, 50_000):
            filler.write_bytes(bytes(size - used - left))
            run = world.syncd("--once", "--json")
            assert run.code == 6, run
            assert "full" in assert_document(run)["error"]["reason"]
            assert_plain(run)
            made.append(len(world.catalog()) > 1)
            if made[-1]:
                break
        assert made[0] is False
        assert made[-1] is True
        filler.unlink()
        world.sync()
        assert len(handles(world)) == len(names) + 1
        assert_settled(world)


def test_no_room_in_the_bucket(empty_world: World, rclone: RcloneS3) -> None:
    """The store's disk is full: no object names bytes that are not there; with room again all is sent."""
    world = empty_world
    assert world.s3 is not None
    place = rclone.data / world.s3.bucket / world.s3.prefix
    place.mkdir(parents=True, exist_ok=True)
    with mounted(None, place, size="size=1m"):
        was = begin(world, "edited.jpg", "gone.jpg")
        world.write("edited.jpg", photo("edited"))
        world.write("new.jpg", photo("new"))
        world.api.delete(was["gone.jpg"])
        with filled(place, "bytes"):
            run = world.syncd("--once", "--json")
            assert run.code == 4, run
            assert "S3" in assert_document(run)["error"]["reason"]
            assert_plain(run)
            assert world.catalog() == {"edited.jpg": md5(photo("edited.jpg"))}
            assert world.desktop.files().keys() == {"edited.jpg", "gone.jpg", "new.jpg"}
        world.sync()
        ends_in_step(world)
