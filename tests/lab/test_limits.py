"""`limit_up` and `limit_down`, on real servers: how long a sync takes, and that it can be ended in the middle."""

from __future__ import annotations

import signal
import time

import pytest

from lab.process import wait_until
from lab.world import World, md5
from tests.lab.conftest import MakeWorld
from tests.lab.endings import assert_served, assert_settled, photo
from tests.lab.scenario import export

MB = 1_000_000


@pytest.fixture(params=["disk_server", "gramps_web"], ids=["disk", "bucket"])
def world(request: pytest.FixtureRequest, new_world: MakeWorld) -> World:
    """An empty tree of a Gramps Web with its own disk, and one of a Gramps Web with a bucket."""
    return new_world(request.getfixturevalue(request.param), "empty")


def assert_all_there(world: World) -> None:
    """Both sides have all of it."""
    if world.bucket is None:
        assert_served(world)
    else:
        assert_settled(world)


def test_a_sync_keeps_to_its_limits(world: World) -> None:
    """Two seconds' worth of photos takes two seconds up, and on another computer two seconds down; all arrives."""
    for number in range(10):
        world.write(f"{number}.jpg", photo(number, MB // 10))
    world.write("video.mp4", photo(10, MB))
    world.configure(limit_up="1 MB", first_sync="go")
    began = time.monotonic()
    assert world.sync()["bytes_up"] == 2 * MB
    assert time.monotonic() - began > 1.6
    other = world.new_desktop("other", limit_down="1 MB", first_sync="go")
    began = time.monotonic()
    assert other.sync()["bytes_down"] == 2 * MB
    assert time.monotonic() - began > 1.4
    assert_all_there(world)


def test_the_first_photos_are_in_gramps_web_before_the_last_are_sent(empty_world: World) -> None:
    """Over a slow line objects are added while files are still on their way; each once."""
    world = empty_world
    for number in range(8):
        world.write(f"{number}.jpg", photo(number, 2 * MB))
    world.configure(limit_up="2 MB", first_sync="go")
    actions = world.sync()["actions"]
    assert sorted(action["kind"] for action in actions) == ["added"] * 8 + ["uploaded"] * 8
    kinds = [action["kind"] for action in actions]
    assert kinds.index("added") < len(kinds) - 1 - kinds[::-1].index("uploaded")
    assert_settled(world)


def test_a_slow_transfer_can_be_ended(world: World) -> None:
    """SIGTERM in the middle of a file that would take minutes ends the run within five seconds; the next one brings it."""
    world.write("first.jpg", photo(1))
    world.sync()
    video = photo(2, 20 * MB)
    world.write("video.mp4", video)
    world.configure(limit_up="50 kB", first_sync="go")
    began = world.server.log_position()
    position = 0 if world.bucket is None else world.bucket.server.log_position()

    def is_under_way() -> bool:
        if world.bucket is None:
            return any(one.startswith("POST /api/objects") for one in world.server.requests_since(began))
        return any(one.operation == "MULTIPART" for one in world.bucket.server.requests_since(position))

    process = world.desktop.start("--once", "--json")
    try:
        wait_until(is_under_way, "the transfer to begin")
        ended = time.monotonic()
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert time.monotonic() - ended < 5
        assert process.returncode == 143
    finally:
        process.kill()
    assert (
        "video.mp4" not in world.catalog()
        or world.api.content(world.api.by_path()["video.mp4"]["handle"]) is None
    )
    world.configure(limit_up=None)
    world.sync()
    assert_all_there(world)


def test_an_upload_alone_keeps_to_its_limit(empty_world: World) -> None:
    """`syncd upload` takes its time as a sync does."""
    world = empty_world
    assert world.s3 is not None
    content = photo(1, 2 * MB)
    pictures = world.base / "Pictures"
    pictures.mkdir()
    (pictures / "a.jpg").write_bytes(content)
    file = export(world.base / "family.gramps", {"a.jpg": md5(content)}, pictures)
    world.configure(limit_up="1 MB")
    began = time.monotonic()
    run = world.syncd("upload", "--json", "--tree-file", str(file), "--tree-id", world.tree.id)
    assert run.code == 0, run
    assert time.monotonic() - began > 1.6
    assert world.s3.contents() == {md5(content): content}
