"""A Gramps Web that keeps media on its own disk, on a bad day: records that are not true, and runs that are killed."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

from lab.process import wait_until
from lab.world import World, md5
from tests.lab.endings import assert_rests, assert_served, on_server, photo, step


def test_a_record_that_is_not_true(tree_on_disk: World) -> None:
    """What the server has is not what its record says: told, both kept, nothing written over; mended by a person."""
    world = tree_on_disk
    world.copy_example_images()
    handle = world.api.create("album/scan.jpg", photo(1))
    known = world.api.create("album/known.jpg", photo(2))
    there = on_server(world) / "album"
    (there / "scan.jpg").write_bytes(photo(3) + b"changed behind the record's back")
    document = world.sync(code=1)
    assert [problem["handle"] for problem in document["problems"]] == [handle]  # found and told once
    world.write("album/scan.jpg", photo(4))
    document = world.sync(code=1)
    assert [problem["handle"] for problem in document["problems"]] == [handle]
    assert_rests(world, code=1)
    assert (there / "scan.jpg").read_bytes() == photo(3) + b"changed behind the record's back"
    assert world.desktop.files()["album/scan.jpg"] == photo(4)
    assert world.api.get(handle)["checksum"] == md5(photo(1))
    world.api.replace(handle, photo(5))
    step(world)
    assert {photo(4), photo(5)} <= set(world.desktop.files().values())
    # An empty checksum, and a path at which something else lies: nobody knows which is meant, so that a person is asked.
    world.api.edit(known, checksum="", path="album/scan.jpg")
    document = world.sync(code=1)
    assert [problem["handle"] for problem in document["problems"]] == [known]
    assert "no checksum that says" in document["problems"][0]["reason"]
    assert_rests(world, code=1)
    world.api.edit(known, path="album/known.jpg")
    step(world)
    assert world.api.get(known)["checksum"] == md5(photo(2))
    assert_rests(world)


def test_other_files_without_a_checksum_are_not_orphaned(tree_on_disk: World) -> None:
    """Records without a checksum whose file on the server is another one: told, and still served; alike and edited are mended."""
    world = tree_on_disk
    world.copy_example_images()
    world.write("edited.jpg", photo(6))
    world.sync()
    other, same = world.api.create("other.jpg", photo(1)), world.api.create("same.jpg", photo(2))
    edited = world.api.by_path()["edited.jpg"]["handle"]
    for handle in (other, same, edited):
        world.api.edit(handle, checksum="")
    world.write("other.jpg", photo(3) + b" of another size")
    world.write("same.jpg", photo(2))
    world.write("edited.jpg", photo(7))
    document = world.sync(code=1)
    assert [problem["handle"] for problem in document["problems"]] == [other]
    assert_rests(world, code=1)
    assert world.api.content(other) == photo(1)
    assert world.api.content(same) == photo(2)
    assert world.api.content(edited) == photo(7)
    world.write("other.jpg", photo(1))  # a person's choice
    step(world)
    assert_rests(world)
    assert world.api.get(other)["checksum"] == md5(photo(1))


def killed_when(process: Any, condition: Any, what: str) -> None:
    """Kill a run as soon as something holds, or when it ends by itself."""
    with contextlib.suppress(ProcessLookupError):
        wait_until(lambda: process.poll() is not None or condition(), what)
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_between_name_and_bytes(tree_on_disk: World) -> None:
    """A run that is killed once the object is there, and again while its bytes travel: the next one makes it whole, once."""
    world = tree_on_disk
    world.copy_example_images()
    world.sync()
    content = os.urandom(40_000_000)
    world.write("film.mp4", content)
    position = world.server.log_position()
    process = world.desktop.start("--once")
    killed_when(
        process,
        lambda: "POST /api/objects/" in world.server.requests_since(position),
        "the object to be made",
    )
    killed_when(world.desktop.start("--once"), lambda: "film.mp4" in world.catalog(), "the object to be seen")
    assert world.catalog()["film.mp4"] == md5(content)
    world.sync()
    assert_served(world)
    assert_rests(world)
