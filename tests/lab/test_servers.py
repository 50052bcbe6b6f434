"""The facts about the servers that syncd builds on, and the lab's own promises."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx2
import pytest
from botocore.exceptions import ClientError

from lab.api import ApiError
from lab.gramps_web import CHOSEN, CURRENT, MINIMUM, GrampsWeb
from lab.s3 import MotoS3, RcloneS3
from lab.world import World, md5
from syncd.gramps.versions import MINIMUM_VERSION, NEWEST_VERSION, in_words

PHOTO = b"\xff\xd8\xff\xe0 a photo"


def test_rclone_checks_credentials(rclone: RcloneS3) -> None:
    """A wrong secret is refused, so that a test of wrong credentials proves something."""
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        rclone.client_with(rclone.access_key_id, "wrong").list_buckets()


@pytest.mark.parametrize("kind", ["rclone", "moto"])
def test_the_request_log_tells_reads_from_writes(kind: str, request: pytest.FixtureRequest) -> None:
    """A test can prove that nothing was written to a bucket, and that something was."""
    server: RcloneS3 | MotoS3 = request.getfixturevalue(kind)
    bucket = server.new_bucket()
    bucket.put("some key ü", b"1")
    position = server.log_position()
    assert bucket.keys() == {"some key ü": 1}
    assert bucket.get("some key ü") == b"1"
    assert not bucket.writes_since(position)
    bucket.put("key 2", b"2")
    bucket.delete("key 2")
    assert [(item.operation, item.key) for item in bucket.writes_since(position)] == [
        ("PUT", "key 2"),
        ("DELETE", "key 2"),
    ]
    upload = server.client.create_multipart_upload(Bucket=bucket.bucket, Key="key 3")
    server.client.abort_multipart_upload(Bucket=bucket.bucket, Key="key 3", UploadId=upload["UploadId"])
    assert "MULTIPART" in {item.operation for item in bucket.writes_since(position) if item.key == "key 3"}


def test_the_example_has_seven_media_objects_without_files(world: World) -> None:
    """The example tree is what the demo says it is, and each test gets a fresh one."""
    objects = world.api.by_path()
    images = world.server.release.example_images()
    assert len(objects) == 7
    assert {path: item["checksum"] for path, item in objects.items()} == {
        path: md5(content) for path, content in images.items()
    }
    assert all(world.api.content(item["handle"]) is None for item in objects.values())
    assert world.api.history() == []


def test_worlds_are_isolated(world: World, empty_world: World) -> None:
    """What happens in one tree is not seen in another on the same server."""
    world.api.upload(PHOTO)
    assert world.s3 is not None
    assert empty_world.s3 is not None
    assert list(world.s3.keys()) == [md5(PHOTO)]
    assert empty_world.api.media() == []
    assert empty_world.s3.keys() == {}


def test_the_tree_id_is_told(world: World) -> None:
    """`/metadata/` tells the id that binds a state file to a tree; in the bucket it is the prefix."""
    assert world.api.metadata()["database"]["id"] == world.tree.id


def test_the_redirect_names_bucket_and_key_also_of_a_missing_file(world: World) -> None:
    """The sure way to learn where a server keeps media."""
    item = world.api.media()[0]
    location = world.api.redirect(item["handle"])
    assert location is not None
    assert world.bucket is not None
    assert urlsplit(location).path == f"/{world.bucket.bucket}/{world.tree.id}/{item['checksum']}"


def test_the_redirect_of_a_plain_server_has_no_tree_prefix(plain_world: World) -> None:
    """Bucket, the configured prefix, checksum."""
    handle = plain_world.api.upload(PHOTO)
    location = plain_world.api.redirect(handle)
    assert location is not None
    assert plain_world.bucket is not None
    assert urlsplit(location).path == f"/{plain_world.bucket.bucket}/family/{md5(PHOTO)}"
    assert plain_world.s3 is not None
    assert plain_world.s3.contents() == {md5(PHOTO): PHOTO}


def test_logins_are_limited_to_one_a_second(plain_world: World) -> None:
    """A client that logs in too often is told 429."""

    def log_in_often() -> None:
        for _ in range(4):
            plain_world.api.login()

    with pytest.raises(ApiError, match="429"):
        log_in_often()


def test_the_history_is_an_exact_feed(world: World) -> None:
    """Add, update and delete are told with the raw object before and after."""
    handle = world.api.create("album/grandma.jpg", PHOTO)
    world.api.edit(handle, desc="Grandma")
    world.api.delete(handle)
    changes = [change for item in world.api.history() for change in item["changes"]]
    assert [(change["obj_class"], change["obj_handle"], change["trans_type"]) for change in changes] == [
        ("Media", handle, 0),
        ("Media", handle, 1),
        ("Media", handle, 2),
    ]
    assert changes[1]["old_data"]["desc"] == "album/grandma.jpg"
    assert changes[1]["new_data"]["desc"] == "Grandma"


def test_replacing_on_the_web_page_renames_to_the_checksum(world: World) -> None:
    """Which is the server's doing and no person's move."""
    handle = world.api.create("album/grandma.jpg", PHOTO)
    world.api.replace(handle, PHOTO + b"!")
    assert world.api.get(handle)["path"] == f"{md5(PHOTO + b'!')}.jpg"
    assert world.api.content(handle) == PHOTO + b"!"


def test_deleting_strips_every_reference(world: World) -> None:
    """The server takes a deleted media object out of the galleries that show it, unasked."""
    handle = world.api.upload(PHOTO)
    person = world.api.anybody()
    world.api.refer(person, handle)
    assert world.api.gallery(person) == [handle]
    assert world.api.referrers(handle) == {"person": [person]}
    world.api.delete(handle)
    assert world.api.gallery(person) == []


def test_roles_are_real(world: World) -> None:
    """A member cannot add, an editor can."""
    with pytest.raises(ApiError, match="403"):
        world.api_as("member").upload(PHOTO)
    world.api_as("editor").upload(PHOTO)


def test_a_disk_server_serves_files_by_path(disk_world: World) -> None:
    """Without S3 there is no redirect, and the file lies under the object's path."""
    handle = disk_world.api.create("album/grandma.jpg", PHOTO)
    assert disk_world.api.redirect(handle) is None
    assert disk_world.api.content(handle) == PHOTO
    assert (disk_world.server.media_folder / "album/grandma.jpg").read_bytes() == PHOTO


def test_a_paused_server_answers_nobody(gramps_web: GrampsWeb, world: World) -> None:
    """It accepts connections and then hangs, as an overloaded server does; afterwards it goes on."""
    gramps_web.pause()
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{gramps_web.url}/api/metadata/", timeout=0.5, trust_env=False)
    gramps_web.resume()
    assert len(world.api.media()) == 7


def test_a_restarted_server_is_the_same(plain_world: World) -> None:
    """Same address, same data."""
    handle = plain_world.api.upload(PHOTO)
    url = plain_world.server.url
    plain_world.restart_server()
    assert plain_world.server.url == url
    assert plain_world.api.content(handle) == PHOTO


def test_a_mark_sees_writes_everywhere(world: World) -> None:
    """The witness for "the second run writes nothing" would notice a write to any of the three."""
    mark = world.mark()
    mark.assert_nothing_written()
    assert world.s3 is not None
    world.s3.put("x", b"")
    world.api.new_tag("x")
    world.write("x", b"")
    assert [line.split(":")[0] for line in mark.writes()] == ["Gramps Web", "bucket", "folder"]


def test_the_release_is_the_one_that_was_asked_for(world: World) -> None:
    """`SYNCD_LAB_SERVER` decides, the ends of what syncd says it is tested with are these, and they have what it needs."""
    expected = {CURRENT: NEWEST_VERSION, MINIMUM: MINIMUM_VERSION}.get(CHOSEN)
    if expected:
        assert world.api.metadata()["gramps_webapi"]["version"] == in_words(expected)
    world.api.create("album/grandma.jpg", PHOTO)
    assert len(world.api.history()) == 1
    claims = world.api.claims()
    assert {"ViewPrivate", "AddObject", "EditObject", "DeleteObject"} <= set(claims["permissions"])
