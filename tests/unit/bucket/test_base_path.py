"""An S3 server that lives below a path of its host: `https://host/storage/v1/s3`."""

from __future__ import annotations

import hashlib
import hmac
import io
import re
from urllib.parse import quote, unquote

import pytest

from syncd.errors import Denied
from syncd.model import Checksum
from tests.unit.bucket.stub import SECRET, Answer, Make, Request, Stub, content, error

HELLO = Checksum("5d41402abc4b2a76b9719d911017c592")
BASE = "/storage/v1/s3"
ODD = "Familie Müller/Fotos & Scans (100%)/a+b#c?d='e'~/"
EMPTY_LIST = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'


def is_signed_as_received(request: Request) -> bool:
    """Whether the signature (AWS4-HMAC-SHA256) is that of the whole path, as a server finds that takes it as it came."""
    claimed = request.headers["authorization"]
    match = re.search(r"Credential=[^/]+/(\S+?), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})", claimed)
    assert match is not None
    scope, names, signature = match.groups()
    query = "&".join(
        f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in sorted(request.query.items())
    )
    headers = [f"{name}:{request.headers[name].strip()}" for name in names.split(";")]
    canonical = "\n".join(
        [request.method, request.path, query, *headers, "", names, request.headers["x-amz-content-sha256"]]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
    return hmac.new(key, text.encode(), "sha256").hexdigest() == signature


@pytest.mark.parametrize("prefix", ["", "family/tree/", ODD])
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_request_goes_below_the_base_path_and_is_signed_with_it(
    stub: Stub, make: Make, slash: str, prefix: str
) -> None:
    """Both clients, obstore for bytes and boto3 for lists, keep the path before the bucket, and sign it."""

    def answer(request: Request) -> Answer:
        if "list-type" in request.query:
            return Answer(200, EMPTY_LIST)
        return (
            content(b"hello") if request.method in ("GET", "HEAD") else Answer(200, headers={"ETag": '"e"'})
        )

    stub.script = answer
    store = make(stub.url + BASE + slash, prefix=prefix)
    store.put(io.BytesIO(b"hello"), HELLO, 5, "image/jpeg")
    assert store.sizes([HELLO]) == {HELLO: 5}
    target = io.BytesIO()
    assert store.get(HELLO, target) == 5
    assert store.list().sizes == {}
    assert {request.method for request in stub.requests} >= {"PUT", "HEAD", "GET"}
    for request in stub.requests:
        if "list-type" in request.query:
            assert (request.path, request.query.get("prefix", "")) == (f"{BASE}/media", prefix)
        else:
            assert unquote(request.path) == f"{BASE}/media/{prefix}{HELLO}"
        assert is_signed_as_received(request)


def test_a_proxy_that_takes_the_base_path_away_is_suspected(stub: Stub, make: Make) -> None:
    """The signature covers the path: a server that is handed a shorter one refuses it, and the key is not to blame."""
    stub.script = lambda _request: error(403, "SignatureDoesNotMatch")
    with pytest.raises(Denied) as caught:
        make(stub.url + BASE).sizes([HELLO])
    assert "proxy" in caught.value.reason
    assert "path" in caught.value.remedy
    with pytest.raises(Denied) as caught:
        make(stub.url).sizes([HELLO])
    assert "proxy" not in caught.value.reason
