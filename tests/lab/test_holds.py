"""Holds under attack: deletions in portions and in bulk, approvals that come late, a folder that only looks like the one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.clock import Clock
from lab.world import World
from tests.lab.endings import assert_settled
from tests.lab.scenario import Document, begin, ends_in_step, handles, numbers, photo

HOUR = 3600


def album(count: int) -> list[str]:
    """The names of so many files."""
    return [f"{number:03}.jpg" for number in range(count)]


def told(document: Document) -> str:
    """The number of the one set that waits."""
    (number,) = numbers(document)
    return str(number)


def test_deletions_that_trickle(empty_world: World, tmp_path: Path) -> None:
    """3 % every few hours are still more than 5 % of a day: from the eleventh on they wait, and no portion slips through.

    A day later what is deleted anew passes; what waits goes on waiting, until `syncd restore` brings it back.
    """
    world = empty_world
    paths = album(100)
    begin(world, *paths)
    clock = Clock(tmp_path / "clock")
    gone: list[str] = []
    for portion in range(4):
        clock.set(portion * 4 * HOUR)
        for path in paths[portion * 3 : portion * 3 + 3]:
            (world.folder / path).unlink()
            gone.append(path)
        document = world.sync(code=0 if portion < 3 else 3, env=clock.environment)
        assert document["counts"]["deleted"] == (3 if portion < 3 else 0)
    assert {item["kind"] for item in document["held"]} == {"many-deletions"}
    assert {item["path"] for item in document["held"]} == set(gone[9:])
    clock.set(33 * HOUR)  # the first three portions are more than a day ago
    (world.folder / "099.jpg").unlink()
    document = world.sync(code=3, env=clock.environment)
    assert document["counts"]["deleted"] == 1
    assert {item["path"] for item in document["held"]} == set(gone[9:])
    assert world.syncd("restore", told(document), env=clock.environment).code == 0
    assert world.sync(env=clock.environment)["counts"]["fetched"] == 3
    assert world.desktop.files().keys() == set(paths) - {*gone[:9], "099.jpg"}
    ends_in_step(world)


def test_an_approval_after_the_set_changed(empty_world: World) -> None:
    """60 % are deleted at once: they wait. Approved, only members go that are still as they were.

    One was put back as it was, one with other bytes, one object was edited on the web, and eleven more files were deleted, which wait by themselves.
    """
    world = empty_world
    paths = album(30)
    was = begin(world, *paths)
    for path in paths[:18]:
        (world.folder / path).unlink()
    document = world.sync(code=3)
    assert {item["path"] for item in document["held"]} == set(paths[:18])
    assert document["actions"] == []
    world.write("000.jpg", photo("000.jpg"))
    world.write("001.jpg", photo("another photo"))
    assert world.s3 is not None
    world.api.edit(was["002.jpg"], checksum=world.s3.put_content(photo("edited on the web")))
    for path in paths[18:29]:
        (world.folder / path).unlink()
    assert world.syncd("approve", told(document)).code == 0
    document = world.sync(code=3)
    assert document["counts"]["deleted"] == 15
    assert {item["path"] for item in document["held"]} == set(paths[18:29])
    now = handles(world)
    assert now.keys() == set(paths) - set(paths[3:18])
    assert all(now[path] == was[path] for path in now)
    files = world.desktop.files()
    assert files["000.jpg"] == photo("000.jpg")
    assert files["001.jpg"] == photo("another photo")
    assert files["002.jpg"] == photo("edited on the web")
    assert world.syncd("restore", told(document)).code == 0
    world.sync()
    assert world.desktop.files()["018.jpg"] == photo("018.jpg")
    ends_in_step(world)


def test_a_marker_that_was_copied(empty_world: World) -> None:
    """An empty folder with a copy of the marker looks like the one whose files were all deleted: they wait for a person."""
    world = empty_world
    begin(world, *album(20))
    away = world.folder.rename(world.base / "away")
    (world.folder / ".syncd").mkdir(parents=True)
    shutil.copy(away / ".syncd" / "folder.json", world.folder / ".syncd" / "folder.json")
    document = world.sync(code=3)
    assert document["actions"] == []
    assert {item["kind"] for item in document["held"]} == {"many-deletions"}
    shutil.rmtree(world.folder)
    away.rename(world.folder)
    world.sync()
    assert_settled(world)


def test_every_file_is_touched(empty_world: World) -> None:
    """Times alone are no change: nothing is sent, fetched, written or told, and the next run reads no file again."""
    world = empty_world
    paths = [*album(3), "a/b.jpg"]
    begin(world, *paths)
    for number, path in enumerate(paths):
        os.utime(world.folder / path, (1_000_000_000 + number, 1_000_000_000 + number))
    mark = world.mark()
    document = world.sync("--full")
    mark.assert_nothing_written()
    assert document["actions"] == document["problems"] == []
    assert document["bytes_up"] == document["bytes_down"] == 0
    assert_settled(world)
