"""A disk that fails: what cannot be read is told, is never taken for gone, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.damaged import DamagedDisk, Place
from lab.world import Desktop, World, md5
from tests.lab.endings import assert_served, assert_settled, photo

MountDisk = Callable[[Desktop], DamagedDisk]


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[MountDisk]:
    """Puts a desktop's media folder on a disk whose files can be damaged."""
    if not DamagedDisk.installed():
        pytest.skip("needs the right to mount, and FUSE")
    disks: list[DamagedDisk] = []

    def mount(desktop: Desktop) -> DamagedDisk:
        disk = DamagedDisk(tmp_path / f"disk-{len(disks)}", desktop.folder)
        disks.append(disk)
        return disk.start()

    yield mount
    for disk in disks:
        disk.stop()


def problems(document: dict[str, Any]) -> dict[str, str]:
    """What is told of each path; each comes with a remedy."""
    assert all(problem["remedy"] for problem in document["problems"])
    return {problem["path"]: problem["reason"] for problem in document["problems"]}


def test_what_cannot_be_read_is_told_and_is_not_gone(empty_world: World, damaged: MountDisk) -> None:
    """A file at its first reading and one while it is sent, a folder's list, a file's status: the rest goes on.

    Nothing is deleted for it, not even in a later look at everything; healed, all arrives.
    """
    world = empty_world
    disk = damaged(world.desktop)
    for path in ("in step.jpg", "listed/a.jpg", "listed/b.jpg", "seen.jpg"):
        world.write(path, photo(len(path)) + path.encode())
    world.sync()
    before = world.catalog()
    for number, path in enumerate(("hashed.jpg", "sent.jpg", "good.jpg")):
        world.write(path, photo(number))
    disk.damage("hashed.jpg", Place.CONTENT)
    disk.damage("sent.jpg", Place.CONTENT, after=1)
    disk.damage("listed", Place.LIST)
    disk.damage("seen.jpg", Place.STATUS)
    document = world.sync(code=1)
    told = problems(document)
    assert told.keys() == {"hashed.jpg", "sent.jpg", "listed", "seen.jpg"}
    assert all("Input/output error" in reason for reason in told.values())
    assert world.catalog() == {**before, "good.jpg": md5(photo(2))}
    disk.damage("sent.jpg", Place.CONTENT)
    (world.folder / "in step.jpg").unlink()
    document = world.sync("--full", code=1)
    assert problems(document).keys() == told.keys()
    assert world.catalog().keys() == {*before, "good.jpg"} - {"in step.jpg"}
    disk.heal()
    world.sync()
    assert_settled(world)


def test_a_damaged_file_is_had_from_the_bucket(empty_world: World, damaged: MountDisk) -> None:
    """What could be copied within the folder is fetched where the copy cannot be read; edits in Gramps Web arrive, too.

    What lies in the trash and in between and cannot be read stays there, and keeps nothing else from being done.
    """
    world = empty_world
    disk = damaged(world.desktop)
    for number, path in enumerate(("first.jpg", "edited.jpg", "deleted.jpg")):
        world.write(path, photo(number))
    world.sync()
    handles = {path: item["handle"] for path, item in world.api.by_path().items()}
    world.api.create("second.jpg", photo(0))
    world.api.replace(handles["edited.jpg"], photo(3))
    world.api.delete(handles["deleted.jpg"])
    for path in ("first.jpg", "edited.jpg", "deleted.jpg"):
        disk.damage(path, Place.CONTENT)
    document = world.sync()
    assert document["counts"]["fetched"] == 2
    disk.heal()
    assert world.desktop.files().keys() >= {"first.jpg", "second.jpg"}
    assert world.desktop.trash() == [photo(2), photo(1)] or world.desktop.trash() == [photo(1), photo(2)]
    assert_settled(world)
    for left in world.desktop.state_dir.iterdir():
        left.unlink()
    temporary = ".syncd/tmp/0123.ready"
    world.write(temporary, photo(9))
    buried = next((world.folder / ".syncd" / "trash").rglob("deleted.jpg"))
    for path in (temporary, str(buried.relative_to(world.folder))):
        disk.damage(path, Place.CONTENT)
    world.sync()
    disk.heal()
    assert (world.folder / temporary).read_bytes() == photo(9)
    assert len(world.syncd("trash", "list", "--json").json["trash"]) == 1
    assert buried.read_bytes() == photo(2)


def test_a_damaged_file_for_a_server_with_its_own_disk(tree_on_disk: World, damaged: MountDisk) -> None:
    """A file that cannot be read while it is sent is told of by itself, the others arrive; healed, it does, too."""
    world = tree_on_disk
    disk = damaged(world.desktop)
    world.copy_example_images()
    world.write("sent.jpg", photo(1))
    disk.damage("sent.jpg", Place.CONTENT, after=1)
    assert problems(world.sync(code=1)).keys() == {"sent.jpg"}
    disk.heal()
    world.sync()
    assert_served(world)
