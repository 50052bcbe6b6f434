"""What tidying a bucket relies on, on S3 servers that differ: walks, copies on the server's side, deletions."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from lab.s3 import BIN, MotoS3, RcloneS3, S3Server, S3Witness
from syncd.bucket import Patience, S3Store, open_store
from syncd.bucket.copying import Copying
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import QUARANTINE, Upkeep
from syncd.errors import MovedOn

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1 << 20
ODD = "Ahnen & Söhne+%20/tree 1/"
"""A prefix that wants quoting, in a path and in the header that names a copy's source."""


@pytest.fixture(scope="module", params=[RcloneS3, MotoS3])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Two S3 servers that differ."""
    if not BIN.exists():
        pytest.skip("needs the S3 servers: script/setup --lab")
    with request.param(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(server: S3Server) -> S3Witness:
    """A new bucket, seen by a client of its own."""
    return server.new_bucket()


@pytest.fixture
def store(server: S3Server, bucket: S3Witness) -> Iterator[S3Store]:
    """The store that upkeep belongs to."""
    store = open_store(
        bucket=bucket.bucket,
        endpoint_url=server.url,
        region="us-east-1",
        access_key_id=server.access_key_id,
        secret_access_key=SecretStr(server.secret_access_key),
        patience=Patience(retries=2, connect=2, answer=10, longest_pause=0.2),
    )
    yield store
    store.close()


@pytest.fixture
def upkeep(store: S3Store) -> Upkeep:
    """What is tested."""
    return store.upkeep()


def md5(content: bytes) -> str:
    """The MD5 of some bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def found(upkeep: Upkeep, key: str) -> StoredKey:
    """A key as a walk tells of it."""
    [only] = [one for one in upkeep.walk(key) if one.key == key]
    return only


def put_parts(bucket: S3Witness, key: str, parts: list[bytes], content_type: str) -> None:
    """Upload in parts, as Gramps Web does: the ETag is no MD5 then where it is not on AWS."""
    client, name = bucket.client, bucket.bucket
    upload = client.create_multipart_upload(Bucket=name, Key=key, ContentType=content_type)["UploadId"]
    done: list[CompletedPartTypeDef] = []
    for number, part in enumerate(parts, 1):
        answer = client.upload_part(Bucket=name, Key=key, UploadId=upload, PartNumber=number, Body=part)
        done.append({"PartNumber": number, "ETag": answer["ETag"]})
    client.complete_multipart_upload(Bucket=name, Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def test_many_keys(server: S3Server, bucket: S3Witness, upkeep: Upkeep) -> None:
    """2,100 keys at two depths, odd ones among them: each is seen once, and each is deleted, beyond the 1,000 of a page."""
    names = [f"{ODD}{number:032x}" for number in range(2050)] + [f"a/b/{number}.zip" for number in range(49)]
    names.append("tilde~(1)'*!&=;,@é.jpg")
    for name in names[
        -2:
    ]:  # rclone makes folders of these; that many threads at once make them is not what is tested
        bucket.put(name, name.encode())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: bucket.put(name, name.encode()), names[:-2]))
    walked = list(upkeep.walk())
    assert sorted(key.key for key in walked) == sorted(names)
    assert all(key.size == len(key.key.encode()) and key.etag == md5(key.key.encode()) for key in walked)
    assert {key.key for key in upkeep.walk(ODD + "0" * 29 + "1")} == {
        f"{ODD}{number:032x}" for number in range(0x100, 0x200)
    }

    keep = walked[::100]
    position = server.log_position()
    assert upkeep.delete([key for key in walked if key not in keep]) == {}
    assert set(bucket.keys()) == {key.key for key in keep}
    if isinstance(server, MotoS3):  # whose log has a line a request
        deletions = [one for one in server.requests_since(position) if one.writes]
        assert len(deletions) == 3, "not a thousand at a time"
    # What is gone already is no failure: a repeated run must end well.
    assert upkeep.delete(walked[1:3]) == {}


def test_copy(bucket: S3Witness, upkeep: Upkeep) -> None:
    """A copy has the bytes, and the content type where the server keeps one; an empty file too, and names that want quoting."""
    for content in (b"", b"a photo"):
        checksum = md5(content)
        bucket.put(ODD + checksum, content, "image/jpeg")
        made = upkeep.copy(found(upkeep, ODD + checksum), f"new + %2F/{checksum}")
        assert bucket.get(f"new + %2F/{checksum}") == content
        assert made.is_same(found(upkeep, f"new + %2F/{checksum}"))
        assert bucket.content_type(f"new + %2F/{checksum}") == bucket.content_type(ODD + checksum)
        assert bucket.get(ODD + checksum) == content


@pytest.mark.parametrize("largest", [0, 1 << 40], ids=["in parts", "at once"])
def test_copy_of_an_upload_in_parts(
    bucket: S3Witness, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    """What was uploaded in parts arrives whole, with a proof although its ETag may be none; so does what is copied in parts.

    rclone's server takes no parts from another key; it is asked for the whole then.
    """
    monkeypatch.setattr(Copying, "largest", largest)
    monkeypatch.setattr(Copying, "part", 5 * MIB)
    parts = [secrets.token_bytes(5 * MIB), secrets.token_bytes(5 * MIB), secrets.token_bytes(1000)]
    content = b"".join(parts)
    put_parts(bucket, md5(content), parts, "video/mp4")
    source = found(upkeep, md5(content))
    made = upkeep.copy(source, "new/" + md5(content))
    assert bucket.get("new/" + md5(content)) == content
    assert bucket.content_type("new/" + md5(content)) == bucket.content_type(md5(content))
    assert upkeep.digest(made) == md5(content)
    # A name that is no checksum: the two are compared then.
    assert upkeep.copy(source, "new/film.mp4").size == len(content)
    # rclone says NoSuchUpload of a bucket that never had any.
    with contextlib.suppress(bucket.client.exceptions.NoSuchUpload):
        assert not bucket.client.list_multipart_uploads(Bucket=bucket.bucket).get("Uploads")


def test_copy_of_what_changed(bucket: S3Witness, upkeep: Upkeep) -> None:
    """A key that is no longer what was listed, or went, is not copied: nothing stands at the target."""
    bucket.put("photo", b"as listed")
    listed = found(upkeep, "photo")
    for change in (b"other", b"same size"):
        bucket.put("photo", change)
        with pytest.raises(MovedOn, match="changed meanwhile"):
            upkeep.copy(listed, "new/photo")
        assert "new/photo" not in bucket
    bucket.delete("photo")
    with pytest.raises(MovedOn, match="changed meanwhile"):
        upkeep.copy(listed, "new/photo")
    assert "new/photo" not in bucket


def test_copy_of_damage(bucket: S3Witness, upkeep: Upkeep) -> None:
    """Bytes that do not belong to their name are copied as they are: it is not the copy that is wrong."""
    bucket.put("0" * 32, b"damaged")
    upkeep.copy(found(upkeep, "0" * 32), "new/" + "0" * 32)
    assert bucket.get("new/" + "0" * 32) == b"damaged"


def test_delete_of_what_changed(bucket: S3Witness, upkeep: Upkeep) -> None:
    """A key that is no longer what was listed stays, with a reason; the others go."""
    for name in ("one", "two", "three"):
        bucket.put(name, name.encode())
    listed = list(upkeep.walk())
    bucket.put("two", b"TWO")
    assert upkeep.delete(listed) == {"two": "it changed meanwhile"}
    assert bucket.contents() == {"two": b"TWO"}


def test_digest(bucket: S3Witness, upkeep: Upkeep) -> None:
    """Bytes are read and hashed, empty ones too; not when they are no longer what was listed."""
    for content in (b"", b"x" * (3 * MIB)):
        bucket.put("photo", content)
        assert upkeep.digest(found(upkeep, "photo")) == md5(content)
    listed = found(upkeep, "photo")
    bucket.put("photo", b"y" * (3 * MIB))
    for stale in (listed, replace(listed, etag="", size=5)):
        with pytest.raises(MovedOn):
            upkeep.digest(stale)


def test_tenants(bucket: S3Witness, upkeep: Upkeep) -> None:
    """Other trees betray themselves by files below their prefix or at the top, and by archives; nothing else does."""
    tree, other = "6a1b-tree", "77aa-other"
    innocent = [
        f"{tree}/{'1' * 32}",
        f"{tree}/{QUARANTINE}2026-11-22/{'2' * 32}",
        f"media_archives/{tree}/{'a' * 64}.zip",
        "holiday.jpg",
        "notes/readme.txt",
        f"{tree}/{'1' * 31}",
    ]
    for key in innocent:
        bucket.put(key, b"")
    assert not upkeep.find_tenants(f"{tree}/", tree)
    bucket.put(f"{other}/{'1' * 32}", b"")
    bucket.put(f"media_archives/{other}/{'a' * 64}.zip", b"")
    bucket.put("3" * 32, b"")
    bucket.put("4" * 32, b"")
    tenants = upkeep.find_tenants(f"{tree}/", tree)
    assert tenants.places == {f"{other}/": 1, "": 2}
    assert tenants.archives == {other}
    assert tenants.evidence == [
        "2 files at the top of the bucket",
        f"1 file below {other}/",
        f"an archive of the tree {other}",
    ]
    assert upkeep.find_tenants(f"{tree}/", tree, also=[""]).places == {f"{other}/": 1}
    # The top of a bucket is not whatever lies below it.
    assert upkeep.find_tenants("", tree).places == {
        f"{other}/": 1,
        f"{tree}/": 1,
        f"{tree}/{QUARANTINE}2026-11-22/": 1,
    }
