"""Tidying on S3 services that refuse, tire, or know less than AWS."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

import pytest

from syncd.bucket import S3Store
from syncd.bucket.copying import Copying
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.errors import MovedOn, Unexpected, Unreachable
from syncd.migration.moving import Mover
from syncd.migration.route import Route
from syncd.model import Checksum
from syncd.ports import SilentProgress
from tests.unit.bucket.stub import Answer, Request, Stub, content, error

KEY = "0" * 32
WHEN = datetime(2015, 10, 21, 7, 28, tzinfo=UTC)
COPIED = b"<CopyObjectResult><ETag>&quot;%s&quot;</ETag></CopyObjectResult>"


def stored(key: str = KEY, *, size: int = 5, etag: str = KEY) -> StoredKey:
    """A key as it was listed."""
    return StoredKey(key, size, etag, WHEN)


def listed(*keys: str, size: int = 5) -> Answer:
    """A whole listing."""
    items = "".join(
        f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;{key[-32:]}&quot;</ETag>"
        "<LastModified>2015-10-21T07:28:00Z</LastModified></Contents>"
        for key in keys
    )
    text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
    return Answer(200, text.encode())


@pytest.fixture
def upkeep(store: S3Store) -> Upkeep:
    """What is tested."""
    return store.upkeep()


def test_a_tired_server(stub: Stub, upkeep: Upkeep) -> None:
    """A copy that is answered with 503 SlowDown is asked for again; one that never succeeds says so."""
    puts = 0

    def script(request: Request) -> Answer:
        nonlocal puts
        if request.method == "HEAD":
            return content(b"12345", etag=KEY)
        puts += 1
        return Answer(200, COPIED % KEY.encode()) if puts == 3 else error(503, "SlowDown")

    stub.script = script
    assert upkeep.copy(stored(), f"new/{KEY}").key == f"new/{KEY}"
    assert puts == 3
    with pytest.raises(Unreachable, match="SlowDown"):
        upkeep.copy(stored(), f"new/{KEY}")


def test_a_server_that_tires_for_good(stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration gives up after a while instead of failing a thousand times, and deletes nothing."""
    names = [f"{n:032x}" for n in range(200)]
    tried: list[str] = []

    def fails(_self: Upkeep, source: StoredKey, _target: str) -> StoredKey:
        tried.append(source.key)
        raise Unreachable("S3 keeps failing", "later")

    monkeypatch.setattr(Upkeep, "copy", fails)
    stub.script = lambda request: listed(*names) if request.query.get("prefix") == "" else listed()
    mover = Mover(
        store.upkeep(),
        Route("media", "", "tree/", "tree/", "tree"),
        threads=4,
        progress=SilentProgress(),
        close=store.close,
    )
    with pytest.raises(Unreachable):
        mover.bring([Checksum(name) for name in names])
    assert len(tried) < 60
    assert set(stub.methods()) == {"GET"}


def test_the_source_must_be_as_listed(stub: Stub, upkeep: Upkeep) -> None:
    """The condition travels with the copy; where it fails, the key changed meanwhile."""
    stub.script = lambda _request: error(412, "PreconditionFailed")
    with pytest.raises(MovedOn, match="changed meanwhile"):
        upkeep.copy(stored(), f"new/{KEY}")
    assert stub.requests[0].headers["x-amz-copy-source-if-match"] == f'"{KEY}"'


def test_a_copy_with_other_bytes_is_removed(stub: Stub, upkeep: Upkeep) -> None:
    """A server that stores something else under the copy's name is told of; what it stored goes, the source stays."""

    def script(request: Request) -> Answer:
        if request.method == "PUT":
            return Answer(200, COPIED % b"x")
        if request.method == "POST":
            [name] = re.findall(rb"<Key>(.*?)</Key>", request.body)
            return Answer(200, b"<DeleteResult><Deleted><Key>%s</Key></Deleted></DeleteResult>" % name)
        return content(b"12345" if "new" not in request.path else b"", etag=KEY)

    stub.script = script
    with pytest.raises(Unexpected, match="other bytes"):
        upkeep.copy(stored(), f"new/{KEY}")
    [deletion] = [request for request in stub.requests if request.method == "POST"]
    assert f"<Key>new/{KEY}</Key>".encode() in deletion.body


def test_a_large_copy_goes_in_parts(stub: Stub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts cover every byte once; when one fails for good, the upload is called off."""
    monkeypatch.setattr(Copying, "largest", 4)
    monkeypatch.setattr(Copying, "part", 2)
    fails = False

    def script(request: Request) -> Answer:
        if request.method == "POST" and "uploads" in request.query:
            upload = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            return Answer(200, upload)
        if request.method == "PUT":
            if fails and request.query["partNumber"] == "2":
                return error(500, "InternalError")
            return Answer(200, b"<CopyPartResult><ETag>part</ETag></CopyPartResult>")
        if request.method == "POST":
            return Answer(
                200,
                b"<CompleteMultipartUploadResult><ETag>x-3</ETag></CompleteMultipartUploadResult>",
            )
        return content(b"12345", etag=KEY) if request.method == "HEAD" else Answer(204)

    stub.script = script
    upkeep.copy(stored(), f"new/{KEY}")
    parts = sorted(one.headers["x-amz-copy-source-range"] for one in stub.requests if one.method == "PUT")
    assert parts == ["bytes=0-1", "bytes=2-3", "bytes=4-4"]
    fails = True
    with pytest.raises(Unreachable):
        upkeep.copy(stored(), f"new/{KEY}")
    assert stub.methods()[-1] == "DELETE"


def test_a_deletion_is_signed_and_conditional(stub: Stub, upkeep: Upkeep) -> None:
    """Many are deleted in one request, with the MD5 that many services want, and AWS's condition; refusals are told."""

    def script(request: Request) -> Answer:
        if request.method == "HEAD":
            return content(b"12345", etag=KEY)
        assert (
            request.headers["content-md5"]
            == base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
        )
        assert not [name for name in request.headers if name.startswith("x-amz-checksum")]
        assert request.body.count(b"<ETag>") == 5
        return Answer(
            200,
            b"<DeleteResult><Deleted><Key>a</Key></Deleted>"
            b"<Error><Key>b</Key><Code>AccessDenied</Code></Error>"
            b"<Error><Key>c</Key><Code>PreconditionFailed</Code></Error>"
            b"<Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>",
        )

    stub.script = script
    failed = upkeep.delete([stored(key) for key in "abcde"])
    assert failed.keys() == {"b", "c", "e"}
    assert "does not let this login" in failed["b"]
    assert failed["c"] == "it changed meanwhile"
    assert "did not say" in failed["e"]


@pytest.mark.parametrize("knows", ["plain", "single"])
def test_a_server_that_knows_less(stub: Stub, upkeep: Upkeep, knows: str) -> None:
    """Without conditions, or without deleting many at once, keys are deleted in a simpler way."""

    def script(request: Request) -> Answer:
        if request.method == "HEAD":
            return content(b"12345", etag=KEY)
        if request.method == "DELETE":
            return Answer(204)
        if knows == "plain" and b"<ETag>" not in request.body:
            return Answer(200, b"<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>")
        return error(400, "MalformedXML") if knows == "plain" else error(501, "NotImplemented")

    stub.script = script
    assert upkeep.delete([stored("a")]) == {}
    assert ("DELETE" in stub.methods()) is (knows == "single")


def test_a_listing_that_strays(stub: Stub, upkeep: Upkeep) -> None:
    """A server that lists what was not asked for is not believed: somebody would delete by it."""
    stub.script = lambda _request: listed("elsewhere/" + KEY)
    with pytest.raises(Unexpected, match="not asked for"):
        list(upkeep.walk("mine/"))
