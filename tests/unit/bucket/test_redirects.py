"""An S3 server that sends us elsewhere: the login does not go along, and circles end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO

import pytest

from syncd.errors import ServerError
from syncd.model import Checksum
from tests.unit.bucket.stub import Answer, Make, Stub, content

KEY = Checksum("9dd4e461268c8034f5c8564e155c67a6")


@pytest.fixture
def other() -> Iterator[Stub]:
    """Somebody else's server."""
    server = Stub()
    server.script = lambda _request: content(b"x", etag=KEY)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [302, 307])
def test_no_secret_goes_along(stub: Stub, other: Stub, make: Make, status: int) -> None:
    """Whatever a redirect leads to, another server hears no signature, and gets no file.

    Of temporary credentials obstore hands on the session token, which opens nothing without the secret key; it has no
    setting for that.
    """
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    stub.script = lambda request: Answer(status, headers={"Location": f"{elsewhere}{request.path}"})
    store = make(stub.url)
    for work in (
        lambda: store.get(KEY, BytesIO()),
        lambda: store.put(BytesIO(b"x"), KEY, 1, "image/jpeg"),
        store.list,
        lambda: store.sizes([KEY]),
        lambda: store.upkeep().look("p/x"),
    ):
        try:
            work()
        except ServerError:
            continue
    for request in other.requests:
        assert "authorization" not in request.headers
        assert "Signature" not in repr(request.query)
        assert request.body == b""


def test_a_circle(stub: Stub, make: Make) -> None:
    """A server that sends us round and round is given up."""
    stub.script = lambda request: Answer(307, headers={"Location": f"{stub.url}{request.path}?again"})
    store = make(stub.url)
    for work in (lambda: store.get(KEY, BytesIO()), store.list, lambda: store.sizes([KEY])):
        before = len(stub.requests)
        with pytest.raises(ServerError):
            work()
        assert len(stub.requests) - before < 200


def test_bytes_that_do_not_match_their_key(stub: Stub, make: Make) -> None:
    """What has not the MD5 that its key says is refused, whatever ETag the server gives it."""
    stub.script = lambda _request: content(b"not x", etag=KEY)
    with pytest.raises(ServerError, match="damaged"):
        make(stub.url).get(KEY, BytesIO())


@pytest.mark.parametrize("key", ["..", "../../x", "a//b", "p/" + "k" * 5000, "\u202e", "é"])
def test_odd_keys_in_a_listing(stub: Stub, make: Make, key: str) -> None:
    """Keys that are no checksums are nobody's media, whatever they look like."""
    from xml.sax.saxutils import escape

    body = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
        f"<Key>{escape(key)}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified>"
        "</Contents></ListBucketResult>"
    )
    stub.script = lambda _request: Answer(200, body.encode(), {"Content-Type": "application/xml"})
    assert make(stub.url).list().sizes == {}


def test_an_entity_bomb(stub: Stub, make: Make) -> None:
    """Entities within entities are no listing."""
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    body = f'<!DOCTYPE x [<!ENTITY e0 "xxxxxxxxxx">{levels}]><ListBucketResult><Name>&e9;</Name></ListBucketResult>'
    stub.script = lambda _request: Answer(200, body.encode(), {"Content-Type": "application/xml"})
    with pytest.raises(ServerError):
        make(stub.url).list()
