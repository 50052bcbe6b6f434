"""The essential promises on other servers: without tree prefix, with a task queue, and over an S3 server like AWS."""

from __future__ import annotations

import os

import pytest

from lab.s3 import MotoS3
from lab.world import World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import assert_settled, photo, synced


@pytest.fixture
def moto_world(moto: MotoS3, new_server: MakeServer, new_world: MakeWorld) -> World:
    """A Gramps Web over moto, whose multipart ETags are no MD5 and which honours conditions."""
    bucket = moto.new_bucket()
    server = new_server(s3=moto, many=False, media_base_dir=f"s3://{bucket.bucket}/media")
    return new_world(server.start())


def assert_essentials(world: World) -> None:
    """New, edited, moved and deleted files, on either side, one after the other; everything on one server."""
    images = synced(world).desktop.files()
    assert_settled(world)
    assert world.s3 is not None

    world.write("from the folder.jpg", photo(1))
    uploaded = world.api.upload(photo(2), desc="Uploaded on the web")
    world.api.create("albums/from the web.jpg", photo(3))
    world.sync()
    assert len(world.desktop.files()) == len(images) + 3
    assert world.desktop.files()["albums/from the web.jpg"] == photo(3)
    assert photo(2) in world.desktop.files().values()
    assert_settled(world)

    objects = world.api.by_path()
    mine, theirs = objects["from the folder.jpg"]["handle"], objects["albums/from the web.jpg"]["handle"]
    world.write("from the folder.jpg", photo(4))
    world.api.edit(theirs, checksum=world.s3.put_content(photo(5)))
    world.sync()
    assert world.api.get(mine)["checksum"] == md5(photo(4))
    assert world.desktop.files()["albums/from the web.jpg"] == photo(5)
    assert_settled(world)

    (world.folder / "moved").mkdir()
    (world.folder / "from the folder.jpg").rename(world.folder / "moved" / "mine.jpg")
    world.api.edit(theirs, path="moved/theirs.jpg")
    world.sync()
    assert world.api.get(mine)["path"] == "moved/mine.jpg"
    assert world.desktop.files()["moved/theirs.jpg"] == photo(5)
    assert_settled(world)

    (world.folder / "moved" / "mine.jpg").unlink()
    world.api.delete(theirs)
    world.sync()
    assert not world.api.exists(mine)
    assert world.desktop.files().keys() == images.keys() | {world.api.get(uploaded)["path"]}
    assert photo(5) in world.desktop.trash()
    assert_settled(world)

    path = next(iter(images))
    handle = world.api.by_path()[path]["handle"]
    world.write(path, photo(6))
    world.api.edit(handle, checksum=world.s3.put_content(photo(7)))
    (conflict,) = world.sync()["conflicts"]
    assert world.desktop.files()[path] == photo(7)
    assert world.desktop.files()[conflict["kept_as"]] == photo(6)
    assert_settled(world)


def test_essentials_without_a_tree_prefix(plain_world: World) -> None:
    """On a server of one tree, media below a plain prefix, logins limited, every essential promise holds."""
    assert plain_world.syncd("check").code == 0
    assert_essentials(plain_world)


def test_essentials_with_a_task_queue(queue_world: World) -> None:
    """With Redis and Celery, where another process reads the tree while we write to it, every essential promise holds."""
    world = queue_world
    assert world.api.metadata()["server"]["task_queue"]
    assert_essentials(world)
    for number in range(40):
        world.write(f"many/{number}.jpg", photo(100 + number))
    assert world.sync()["counts"]["added"] == 40
    (world.folder / "many").rename(world.folder / "moved")
    assert world.sync()["counts"]["moved"] == 40
    assert world.server.worker is not None
    assert "update_search_indices_from_transaction" in str(world.server.worker.done())
    assert_settled(world)


def test_essentials_over_an_s3_server_like_aws(moto_world: World) -> None:
    """Over moto, with its multipart ETags and conditions, every essential promise holds."""
    assert moto_world.syncd("check").code == 0
    assert_essentials(moto_world)


def test_large_files_over_an_s3_server_like_aws(moto_world: World) -> None:
    """Files in several parts, whose ETag proves nothing, arrive whole both ways and are not sent again."""
    world = moto_world
    synced(world)
    mine, theirs = os.urandom(20_000_000), os.urandom(17_000_000)
    world.write("mine.mp4", mine)
    world.api.upload(theirs, "video/mp4")
    world.sync()
    assert theirs in world.desktop.files().values()
    assert_settled(world)
    assert world.sync("--full")["bytes_up"] == 0
    assert_settled(world)


def test_a_bucket_with_things_of_others(moto_world: World) -> None:
    """What is no media in the bucket, archives above all, is neither fetched, nor counted, nor touched."""
    world = moto_world
    assert world.bucket is not None
    foreign = {"media_archives/tree/0.zip": b"archive", "notes.txt": b"mine", f"{'0' * 31}x": b"no checksum"}
    for key, content in foreign.items():
        world.bucket.put(key, content)
    synced(world)
    world.sync("--full")
    assert {key: world.bucket.get(key) for key in foreign} == foreign
    assert_settled(world)
