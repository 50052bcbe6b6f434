"""A Gramps Web that keeps media on its own disk: what is stored there, what does not fit, and when it is given up."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from lab.gramps_web import GrampsWeb
from lab.s3 import RcloneS3
from lab.world import World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import assert_plain, photo

DAY = 24 * 3600


def assert_served(world: World) -> None:
    """For every object the bytes that the server serves have the checksum that it names."""
    for item in world.api.media():
        content = world.api.content(item["handle"])
        assert content is not None, item["path"]
        assert md5(content) == item["checksum"], item["path"]


def set_quota(server: GrampsWeb, world: World, size: int) -> None:
    """Give the tree room for so many bytes."""
    with closing(sqlite3.connect(server.users_file, timeout=30)) as db, db:
        db.execute(
            "INSERT INTO trees (id, quota_media) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET quota_media = ?",
            (world.tree.id, size, size),
        )


def age_trash(world: World, days: int) -> None:
    """Make what is in the trash that much older."""
    with closing(sqlite3.connect(world.desktop.state_dir / "state.sqlite", timeout=30)) as db, db:
        db.execute("UPDATE trash SET at = ?", (time.time() - days * DAY,))


def test_quota_trash_and_another_place(
    new_server: MakeServer, new_world: MakeWorld, rclone: RcloneS3
) -> None:
    """A tree on the server's disk, from an empty one to a server that keeps its media elsewhere one day.

    A file that does not fit into the quota is told of by itself, the others arrive; it arrives when there is room. What
    an edit in Gramps Web replaced stays in the trash beyond its days, as the server has it no more, and goes when the server has it
    again. A bucket from one day to the next is a stop.
    """
    server = new_server(s3=None)
    world = new_world(server, "empty")
    checked = world.syncd("check")
    assert checked.code == 0, checked
    world.write("a/small.jpg", photo(1))
    world.write("a/other.jpg", photo(2))
    world.write("big.jpg", photo(3, 200_000))
    set_quota(server, world, 100_000)
    for _ in range(2):
        document = world.sync(code=1)
        (problem,) = document["problems"]
        assert problem["path"] == "big.jpg"
        assert "quota" in problem["reason"]
        assert problem["remedy"]
    assert document["actions"] == []
    checked = world.syncd("check")
    assert "media kept in: the server's own disk" in checked.out
    assert "1 media object of 3 without their file" in checked.out
    assert_plain(checked)
    set_quota(server, world, 10_000_000)
    position = server.log_position()
    assert world.sync()["counts"]["uploaded"] == 1
    assert [one for one in server.requests_since(position) if one.startswith("POST /api/objects")] == []
    assert_served(world)

    position = server.log_position()
    mark = world.mark()
    assert world.sync()["actions"] == []
    mark.assert_nothing_written()
    asked = [one for one in server.requests_since(position) if one.endswith("/file")]
    assert len(asked) <= 1 + 3, "where media are kept is asked for, a few files by chance, and nothing else"

    (other,) = [item for item in world.api.media() if item["checksum"] == md5(photo(2))]
    world.api.replace(other["handle"], photo(4))
    world.sync()
    assert world.desktop.files()["a/other.jpg"] == photo(4)
    assert world.desktop.trash() == [photo(2)]
    age_trash(world, 31)
    world.sync()
    assert world.desktop.trash() == [photo(2)]
    world.write("again.jpg", photo(2))
    world.sync()
    world.sync()
    assert world.desktop.trash() == []
    assert_served(world)

    server.stop()
    server.s3, server.media_base_dir = rclone, "s3://media"
    server.start()
    world.write("late.jpg", photo(5))
    mark = world.mark()
    document = world.sync(code=3)
    assert "s3://media" in document["stop"]["reason"]
    mark.assert_nothing_written()
