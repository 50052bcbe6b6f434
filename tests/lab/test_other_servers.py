"""The essential promises on other servers: the oldest Gramps Web that is supported, and an S3 server like AWS."""

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


@pytest.mark.minimum_server
def test_the_oldest_gramps_web(minimum_world: World) -> None:
    """The oldest supported Gramps Web keeps every essential promise: new, edit, move, delete and conflict, both ways."""
    minimum_world.server.start()
    assert minimum_world.syncd("check").code == 0
    assert_essentials(minimum_world)


@pytest.mark.minimum_server
def test_a_portrait_on_the_oldest_gramps_web(minimum_world: World) -> None:
    """There, too, a person keeps the portrait whose file was deleted, and a replacement keeps the folder's name."""
    world = minimum_world
    world.server.start()
    synced(world)
    portrait = next(item for item in world.api.media() if world.api.referrers(item["handle"]).get("person"))
    content = (world.folder / portrait["path"]).read_bytes()
    (world.folder / portrait["path"]).unlink()
    document = world.sync(code=3)
    assert [item["handle"] for item in document["held"]] == [portrait["handle"]]
    assert world.api.exists(portrait["handle"])
    world.write(portrait["path"], content)
    world.sync()
    other = next(item for item in world.api.media() if item["handle"] != portrait["handle"])
    world.api.replace(other["handle"], photo(1))
    world.sync()
    assert world.desktop.files()[other["path"]] == photo(1)
    assert world.api.get(other["handle"])["path"] == other["path"]
    assert_settled(world)


@pytest.mark.minimum_server
def test_an_empty_tree_on_the_oldest_gramps_web(minimum_world: World) -> None:
    """There, too, a tree without media learns its bucket by the first file, and a member is told about rights."""
    world = minimum_world
    world.server.start()
    for item in world.api.media():
        world.api.delete(item["handle"])
    world.configure(gramps={"username": world.tree.users["member"]})
    world.write("first.jpg", photo(1))
    assert world.syncd("--once").code == 4
    world.configure(gramps={"username": world.tree.users["editor"]})
    world.write("second.jpg", photo(2))
    world.sync()
    assert sorted(world.catalog()) == ["first.jpg", "second.jpg"]
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
