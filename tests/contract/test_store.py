"""What every store of bytes must do: `StoreContract`, run over each store that there is.

Add a store by a subclass with a `ground` fixture. A real S3 is tried when SYNCD_TEST_S3_URL names a bucket and a
prefix, `s3://bucket/prefix/`; docs/testing.md tells more.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from lab.s3 import MotoS3, RcloneS3, S3Server
from syncd.bucket import Patience, S3Store, open_store
from syncd.errors import MovedOn, Occupied, Unexpected
from syncd.model import EMPTY_CHECKSUM, Checksum
from syncd.ports import Store

MIB = 1 << 20
QUICK = Patience(retries=2, connect=2, answer=10, longest_pause=0.2)


def md5(content: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


@dataclass
class Ground:
    """A store to test, and how to look behind it.

    Args:
        store: empty at first.
        plant: puts bytes below a checksum that need not be theirs, as damage would.
        mime: the media type that readers of the store will be told; None when it cannot be looked at.
        unfinished: how many uploads were begun and neither completed nor aborted; None likewise.
        reopen: a second store of the same place.
    """

    store: Store
    plant: Callable[[Checksum, bytes], None]
    mime: Callable[[Checksum], str] | None
    unfinished: Callable[[], int] | None
    reopen: Callable[[], Store]

    def put(self, content: bytes, mime: str = "image/jpeg") -> Checksum:
        """Store some bytes."""
        checksum = md5(content)
        self.store.put(io.BytesIO(content), checksum, len(content), mime)
        return checksum

    def get(self, checksum: Checksum) -> bytes:
        """Fetch some bytes."""
        target = io.BytesIO()
        size = self.store.get(checksum, target)
        assert size == len(target.getvalue())
        return target.getvalue()

    def assert_no_unfinished(self) -> None:
        """No upload was left behind."""
        if self.unfinished is not None:
            assert self.unfinished() == 0


class Breaking(io.BytesIO):
    """A file that fails when a part of it has been read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, up to a point."""
        if self.tell() >= 9 * MIB:
            raise OSError(5, "Input/output error")
        return super().read(size)


class Endless(io.RawIOBase):
    """A large file that says when its first bytes were read, and then takes its time."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def read(self, size: int = -1, /) -> bytes:
        """One MiB of nothing at a time."""
        self.begun.set()
        return bytes(min(size, MIB))


class StoreContract(ABC):
    """Promises of `syncd.ports.Store`."""

    large = 20 * MIB
    """Bytes of a file that a store would not keep in memory."""
    endless = 1 << 40
    """Bytes of a file whose sending does not come to an end."""
    many = 200
    """Files at once."""
    repairs = True
    """Whether bytes can be stored over others; else they are refused, and are to go elsewhere."""

    @pytest.fixture
    @abstractmethod
    def ground(self) -> Iterator[Ground]:
        """An empty store."""

    @pytest.mark.parametrize(
        "content", [b"", b"x", b"\r\n\x00\xff" * 1000, bytes(8 * MIB), bytes(8 * MIB + 1)], ids=len
    )
    def test_bytes_come_back(self, ground: Ground, content: bytes) -> None:
        """What was stored is found, has its size, and comes back byte for byte, on either side of the limits."""
        checksum = ground.put(content)
        assert ground.store.sizes([checksum]) == {checksum: len(content)}
        assert ground.store.list().sizes == {checksum: len(content)}
        assert ground.get(checksum) == content

    def test_large_file(self, ground: Ground) -> None:
        """A large file arrives whole, progress adds up both ways, and no upload is left unfinished."""
        content = secrets.token_bytes(self.large - 12345)
        checksum = md5(content)
        up: list[int] = []
        down: list[int] = []
        ground.store.put(io.BytesIO(content), checksum, len(content), "video/mp4", advance=up.append)
        target = io.BytesIO()
        assert ground.store.get(checksum, target, advance=down.append) == len(content)
        assert target.getvalue() == content
        assert sum(up) == sum(down) == len(content)
        ground.assert_no_unfinished()

    def test_media_type(self, ground: Ground) -> None:
        """The media type is kept, for small and large files; nonsense becomes the general type."""
        if ground.mime is None:
            pytest.skip("cannot be looked at")
        assert ground.mime(ground.put(b"photo", "image/heic")) == "image/heic"
        assert ground.mime(ground.put(bytes(self.large), "video/mp4")) == "video/mp4"
        assert ground.mime(ground.put(b"odd", "")) == "application/octet-stream"
        assert ground.mime(ground.put(b"odder", "a\nb: c")) == "application/octet-stream"

    def test_unbuffered_source(self, ground: Ground) -> None:
        """A source that gives less than it is asked for at a time is read to its end."""

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                return super().read(min(size or 0, 300_000))

        for content in (secrets.token_bytes(2 * MIB), secrets.token_bytes(self.large)):
            checksum = md5(content)
            ground.store.put(Slow(content), checksum, len(content), "image/png")
            assert ground.get(checksum) == content

    @pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
    @pytest.mark.parametrize("change", ["other bytes", "longer", "shorter", "empty"])
    def test_changing_file(self, ground: Ground, large: bool, change: str) -> None:
        """A file that is not (any more) what was announced stores nothing, and leaves nothing unfinished."""
        content = secrets.token_bytes(self.large if large else 1000)
        now = {
            "other bytes": content[:-1] + bytes([content[-1] ^ 1]),
            "longer": content + b"x",
            "shorter": content[:-1],
            "empty": b"",
        }[change]
        with pytest.raises(MovedOn):
            ground.store.put(io.BytesIO(now), md5(content), len(content), "image/png")
        assert not ground.store.list().sizes
        assert not ground.store.sizes([md5(content), md5(now)])
        ground.assert_no_unfinished()

    def test_unreadable_source(self, ground: Ground) -> None:
        """An error in reading the file comes through as it is; nothing is stored or left unfinished."""
        content = secrets.token_bytes(self.large)
        with pytest.raises(OSError, match="Input/output error"):
            ground.store.put(Breaking(content), md5(content), len(content), "image/png")
        assert not ground.store.list().sizes
        ground.assert_no_unfinished()

    def test_missing_key(self, ground: Ground) -> None:
        """A checksum that is not there has no size, and fetching it says that it is gone."""
        missing = md5(b"never stored")
        present = ground.put(b"stored")
        assert ground.store.sizes([missing, present, missing]) == {present: 6}
        assert ground.store.sizes([]) == {}
        with pytest.raises(MovedOn, match="does not have the file"):
            ground.get(missing)

    @pytest.mark.parametrize("damaged", [b"damaged", b"", b"original plus some"], ids=len)
    def test_damaged_bytes(self, ground: Ground, damaged: bytes) -> None:
        """Bytes that do not have the checksum of their key are refused, with what to do about it."""
        ground.plant(md5(b"original"), damaged)
        with pytest.raises(Unexpected, match="damaged") as caught:
            ground.get(md5(b"original"))
        assert caught.value.remedy

    def test_repair(self, ground: Ground) -> None:
        """Storing over a damaged copy mends it, small or large, where anything can be stored over."""
        for content in (b"original", bytes(self.large)):
            ground.plant(md5(content), b"damaged")
            if self.repairs:
                ground.put(content)
                assert ground.get(md5(content)) == content
                continue
            with pytest.raises(Occupied):
                ground.put(content)
            assert ground.store.list().wrong
            assert not ground.store.sizes([md5(content)])

    def test_full_disk(self, ground: Ground) -> None:
        """An error in writing the target comes through as it is."""

        class Full(io.BytesIO):
            def write(self, _content: object, /) -> int:
                raise OSError(28, "No space left on device")

        checksum = ground.put(b"content")
        with pytest.raises(OSError, match="No space left"):
            ground.store.get(checksum, Full())

    def test_many_at_once(self, ground: Ground) -> None:
        """Many threads store and fetch at once; a second store sees it all."""
        contents = [secrets.token_bytes(1000 + 7 * number) for number in range(self.many)]
        with ThreadPoolExecutor(16) as pool:
            checksums = list(pool.map(ground.put, contents))
            assert list(pool.map(ground.get, checksums)) == contents
        expected = {checksum: len(content) for checksum, content in zip(checksums, contents, strict=True)}
        other = ground.reopen()
        try:
            assert other.list().sizes == expected
            assert other.sizes(checksums) == expected
        finally:
            other.close()

    def test_several_large_at_once(self, ground: Ground) -> None:
        """Large and small files at once arrive whole."""
        contents = [secrets.token_bytes(self.large - number) for number in range(4)]
        contents += [secrets.token_bytes(3 * MIB + number) for number in range(12)]
        with ThreadPoolExecutor(16) as pool:
            checksums = list(pool.map(ground.put, contents))
            for checksum, content in zip(checksums, contents, strict=True):
                assert ground.get(checksum) == content

    def test_close_ends_an_upload(self, ground: Ground) -> None:
        """Closing ends a large upload soon: nothing is stored and nothing is left unfinished."""
        source = Endless()
        failures: list[BaseException] = []

        def upload() -> None:
            try:
                ground.store.put(source, md5(b"?"), self.endless, "video/mp4")  # type: ignore[arg-type] # raw files too
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=upload)
        thread.start()
        assert source.begun.wait(30)
        began = time.monotonic()
        ground.store.close()
        thread.join(30)
        assert time.monotonic() - began < 15
        assert "ended before it was done" in str(failures[0])
        ground.assert_no_unfinished()
        other = ground.reopen()
        assert not other.list().sizes
        other.close()

    def test_after_close(self, ground: Ground) -> None:
        """A closed store refuses at once and may be closed again."""
        ground.store.close()
        ground.store.close()
        with pytest.raises(Exception, match="ended before it was done"):
            ground.put(b"late")
        with pytest.raises(Exception, match="ended before it was done"):
            ground.put(bytes(self.large))
        with pytest.raises(Exception, match="ended before it was done"):
            ground.get(EMPTY_CHECKSUM)


def ground_on(server: S3Server, prefix: str) -> Ground:
    """A new bucket on a server of the lab."""
    witness = server.new_bucket()

    def reopen() -> S3Store:
        return open_store(
            bucket=witness.bucket,
            prefix=prefix,
            endpoint_url=server.url,
            region="us-east-1",
            access_key_id=server.access_key_id,
            secret_access_key=SecretStr(server.secret_access_key),
            patience=QUICK,
        )

    def unfinished() -> int:
        try:
            answer = server.client.list_multipart_uploads(Bucket=witness.bucket)
        except server.client.exceptions.NoSuchUpload:  # rclone says so of a bucket that never had any
            return 0
        return len(answer.get("Uploads", []))

    def plant(checksum: Checksum, content: bytes) -> None:
        witness.below(prefix).put(checksum, content)

    return Ground(
        store=reopen(),
        plant=plant,
        mime=lambda checksum: witness.below(prefix).content_type(checksum),
        unfinished=unfinished,
        reopen=reopen,
    )


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RcloneS3]:
    """An S3 server that checks credentials and gives true MD5s as ETags."""
    with RcloneS3(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoS3]:
    """An S3 server whose multipart ETags are as on AWS."""
    with MotoS3(tmp_path_factory.mktemp("moto")) as server:
        yield server


class TestRclone(StoreContract):
    """S3 as rclone serves it, keys at the top of the bucket."""

    @pytest.fixture
    def ground(self, rclone: RcloneS3) -> Iterator[Ground]:
        """A new bucket."""
        ground = ground_on(rclone, "")
        yield ground
        ground.store.close()


class TestMoto(StoreContract):
    """S3 as moto serves it, below a prefix that needs quoting."""

    @pytest.fixture
    def ground(self, moto: MotoS3) -> Iterator[Ground]:
        """A new bucket."""
        ground = ground_on(moto, "Ahnen & Söhne+%20/tree-1/")
        yield ground
        ground.store.close()


@contextmanager
def ground_in_real_s3(url: str, **access: Any) -> Iterator[Ground]:
    """A new place of random name below a prefix, which is all that is ever touched, and is empty again in the end.

    Args:
        url: `s3://bucket/prefix`; without a prefix it is refused.
        access: as for `open_store`.
    """
    address = urlsplit(url)
    scratch = address.path.strip("/")
    if address.scheme != "s3" or not address.netloc or not scratch:
        pytest.fail("SYNCD_TEST_S3_URL must have the form s3://bucket/prefix, with a prefix to work below")
    bucket, prefix = address.netloc, f"{scratch}/syncd-test-{secrets.token_hex(8)}/"

    def reopen() -> S3Store:
        return open_store(bucket=bucket, prefix=prefix, **access)

    store = reopen()
    client = store._session.client()

    def uploads() -> list[Any]:
        try:
            answer = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
        except client.exceptions.NoSuchUpload:  # rclone says so of a bucket that never had any
            return []
        return [upload for upload in answer.get("Uploads", []) if upload["Key"].startswith(prefix)]

    def plant(checksum: Checksum, content: bytes) -> None:
        client.put_object(Bucket=bucket, Key=prefix + checksum, Body=content)

    def mime(checksum: Checksum) -> str:
        return client.head_object(Bucket=bucket, Key=prefix + checksum)["ContentType"]

    try:
        yield Ground(store, plant, mime, lambda: len(uploads()), reopen)
    finally:
        store.close()
        for upload in uploads():
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                assert item["Key"].startswith(prefix)
                client.delete_object(Bucket=bucket, Key=item["Key"])  # one by one: Google knows no other way


@pytest.mark.skipif("SYNCD_TEST_S3_URL" not in os.environ, reason="SYNCD_TEST_S3_URL names no real S3")
class TestRealS3(StoreContract):
    """A real S3, with what the environment says of it."""

    @pytest.fixture
    def ground(self) -> Iterator[Ground]:
        """A place of its own below the prefix."""
        access = {
            "endpoint_url": os.environ.get("AWS_ENDPOINT_URL"),
            "region": os.environ.get("AWS_DEFAULT_REGION"),
        }
        with ground_in_real_s3(os.environ["SYNCD_TEST_S3_URL"], **access) as ground:
            yield ground


def test_real_s3_is_left_as_it_was(rclone: RcloneS3, moto: MotoS3) -> None:
    """What the tests of a real S3 leave behind is nothing, of others' keys they touch none, and a whole bucket they refuse."""
    for server in (rclone, moto):
        witness = server.new_bucket()
        access = {
            "endpoint_url": server.url,
            "access_key_id": server.access_key_id,
            "secret_access_key": SecretStr(server.secret_access_key),
            "patience": QUICK,
        }
        others = {
            name: name.encode() for name in ("a" * 32, "scratch/photo", "scratch/" + "b" * 32, "scratchy/x")
        }
        for key, content in others.items():
            witness.put(key, content)
        with ground_in_real_s3(f"s3://{witness.bucket}/scratch/", **access) as ground:
            checksum = ground.put(b"photo")
            ground.plant(md5(b"other"), b"damaged")
            key = next(key for key in witness.keys() if key.endswith(f"/{checksum}"))  # noqa: SIM118 - no dict
            server.client.create_multipart_upload(Bucket=witness.bucket, Key=key)
            assert ground.unfinished is not None
            assert ground.unfinished() == 1
        assert witness.contents() == others
        assert ground.unfinished() == 0
        for url in (f"s3://{witness.bucket}", f"s3://{witness.bucket}/", "https://x/y", "s3:///y"):
            with pytest.raises(pytest.fail.Exception), ground_in_real_s3(url, **access):
                pass


def test_versions_and_delete_markers(moto: MotoS3) -> None:
    """In a bucket with versions a deleted file counts as not there, everywhere, and may be stored again.

    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
    """
    ground = ground_on(moto, "tree/")
    assert isinstance(ground.store, S3Store)
    bucket = ground.store.location.bucket
    moto.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    checksum = ground.put(b"photo")
    ground.plant(checksum, b"damaged")
    ground.put(b"photo")
    moto.client.delete_object(Bucket=bucket, Key=f"tree/{checksum}")
    assert not ground.store.list().sizes
    assert not ground.store.sizes([checksum])
    with pytest.raises(MovedOn, match="does not have the file"):
        ground.get(checksum)
    ground.put(b"photo")
    assert ground.store.list().sizes == ground.store.sizes([checksum]) == {checksum: 5}
    assert ground.get(checksum) == b"photo"
    assert len(moto.client.list_object_versions(Bucket=bucket)["Versions"]) == 4
    ground.store.close()


def test_the_contract_is_in_one_place() -> None:
    """Every store here is tested by the whole contract."""
    tests = {name for name in vars(StoreContract) if name.startswith("test_")}
    assert len(tests) > 12
    for store in (TestRclone, TestMoto, TestRealS3):
        assert not tests & set(vars(store)), f"{store} overrides a promise"
