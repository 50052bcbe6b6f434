"""What known services of S3 do differently, and that a store copes with it or says what is wrong.

Each case names where its behaviour is told: documentation, or an issue with the service's own answer in it. None was tried
against the live service.
"""

from __future__ import annotations

import io
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from syncd.bucket import S3Store
from syncd.errors import Denied, ServerError
from syncd.model import Checksum
from tests.unit.bucket.habits import (
    deletes_with_md5,
    fails_at_first,
    like_old_boto,
    malformed,
    no_batches,
    no_conditions,
    object_lock,
    only_below,
    refuses,
    region_of,
    wants,
)
from tests.unit.bucket.small_s3 import Rule, SmallS3, md5
from tests.unit.bucket.stub import Answer, Make, Request, Stub, error

MIB = 1 << 20
PREFIX = "p/tree/"
PHOTO = b"photo" * 1000
FILM = secrets.token_bytes(9 * MIB)
KEY = Checksum("0" * 32)

AWS = "https://docs.aws.amazon.com/AmazonS3/latest/"
BOTO = "https://github.com/boto/boto3/issues/"


# --- services that a store can use ----------------------------------------------------------------------


@dataclass(frozen=True)
class Service:
    """A service with a habit of its own.

    Args:
        source: where it is told.
        rules: makes its rules.
        region: as under `[s3]`.
        home: where the bucket really is.
        etag: what it makes of content that came in one piece.
    """

    source: str
    rules: tuple[Callable[[], Rule], ...] = ()
    region: str = "us-east-1"
    home: str = "us-east-1"
    etag: Callable[[bytes], str] = md5


def rule(one: Rule) -> Callable[[], Rule]:
    """A rule without a memory."""
    return lambda: one


SERVICES = {
    "AWS, SSE-KMS: an ETag of 32 hex digits is no MD5": Service(
        "https://docs.rs/aws-sdk-s3/0.4.0/aws_sdk_s3/model/object/struct.Builder.html",
        etag=lambda content: md5(b"salt" + content),
    ),
    "AWS, Object Lock wants an MD5 of each upload": Service(
        "https://github.com/apache/arrow-rs-object-store/issues/190", (rule(object_lock),)
    ),
    "AWS, a bucket elsewhere, told by region": Service(
        "https://github.com/s3fs-fuse/s3fs-fuse/issues/1186",
        (rule(wants("eu-central-1", told=malformed)),),
        home="eu-central-1",
    ),
    "AWS, a bucket elsewhere, 301 without an address": Service(
        "https://github.com/JuliaCloud/AWSS3.jl/issues/25",
        (
            rule(
                wants(
                    "ap-southeast-2",
                    told=lambda: error(301, "PermanentRedirect", "<Endpoint>media</Endpoint>"),
                )
            ),
        ),
        home="ap-southeast-2",
    ),
    "AWS, a bucket in a region to opt into": Service(
        "https://github.com/skypilot-org/skypilot/issues/3405",
        (rule(wants("eu-south-1", told=lambda: error(400, "IllegalLocationConstraintException"))),),
        home="eu-south-1",
    ),
    "AWS, 503 SlowDown": Service(AWS + "API/ErrorResponses.html", (fails_at_first(503, "SlowDown"),)),
    "Google takes no checksums and no chunks, and has no multi-object delete": Service(
        f"{BOTO}4400 https://github.com/minio/mc/issues/4778",
        (rule(like_old_boto), rule(no_batches)),
        region="auto",
    ),
    "R2 has one region, auto": Service(
        "https://developers.cloudflare.com/r2/data-access/s3-api/api/",
        (rule(wants("auto", "us-east-1", "", told=lambda: error(400, "InvalidRegionName"))),),
        region="auto",
    ),
    "R2 knows no ACLs": Service(
        "https://github.com/humanmade/S3-Uploads/issues/576",
        (rule(refuses("^x-amz-acl", 501, "NotImplemented")),),
    ),
    "B2 refuses checksums, and to be asked for them": Service(
        "https://github.com/home-assistant/core/issues/143995 https://github.com/diced/zipline/issues/746",
        (rule(refuses("^x-amz-(sdk-)?checksum", 400, "InvalidArgument")),),
        region="us-west-004",
    ),
    "B2 is saturated now and again": Service(
        "https://github.com/mastodon/mastodon/issues/30030", (fails_at_first(503, "ServiceUnavailable"),)
    ),
    "B2 asks to repeat": Service(
        "https://github.com/mastodon/mastodon/issues/30030", (fails_at_first(500, "InternalError"),)
    ),
    "B2, an application key limited to a prefix": Service(
        "https://backblaze.com/apidocs/b2-authorize-account", (rule(only_below(PREFIX)),)
    ),
    "Hetzner takes no ACL but private and public-read, and no encryption but SSE-C": Service(
        "https://docs.hetzner.com/storage/object-storage/supported-actions/",
        (rule(refuses("^x-amz-(acl|server-side-encryption:)|^x-amz-tagging", 400, "InvalidArgument")),),
        region="fsn1",
    ),
    "Wasabi has a server for each region": Service(
        "https://docs.wasabi.com/docs/service-urls-for-wasabis-storage-regions-2",
        (rule(wants("eu-central-2", told=lambda: error(400, "AuthorizationHeaderMalformed"))),),
        region="eu-central-2",
    ),
    "MinIO is only just starting": Service(
        "https://github.com/minio/minio/pull/15891",
        (fails_at_first(503, "XMinioServerNotInitialized", Retry_After="120"),),
    ),
    "Ceph and MinIO answer a range of an empty file with 416": Service(
        "https://github.com/ceph/ceph/pull/10207"
    ),
    "Swift's S3 has a region of its own name": Service(
        "https://github.com/peak/s5cmd/issues/325",
        (rule(wants("NL", told=lambda: error(400, "AuthorizationHeaderMalformed"))),),
        region="NL",
    ),
}


def put(store: S3Store, body: bytes) -> None:
    """Store bytes under their checksum."""
    store.put(io.BytesIO(body), Checksum(md5(body)), len(body), "image/png")


@pytest.mark.parametrize("name", SERVICES)
def test_round_trip(stub: Stub, make: Make, name: str) -> None:
    """All that a store does works under the rules of each service, and an ETag is neither proof nor a sign of damage."""
    service = SERVICES[name]
    s3 = SmallS3(tuple(new() for new in service.rules), etag=service.etag, region=service.home)
    stub.script = s3
    store = make(stub.url, prefix=PREFIX, region=service.region)
    contents = {Checksum(md5(content)): content for content in (b"", PHOTO, FILM)}
    sizes = {checksum: len(content) for checksum, content in contents.items()}
    assert store.exists()
    assert not store.sizes(list(contents))
    for content in contents.values():
        put(store, content)
    assert store.list().sizes == store.sizes([*contents, KEY]) == sizes
    for checksum, content in contents.items():
        target = io.BytesIO()
        store.get(checksum, target)
        assert target.getvalue() == content
    store.probe_write()
    s3.parts["1:" + PREFIX + KEY] = {}
    assert store.abort_stale_uploads() == 1
    assert not s3.parts
    assert not any("aws-chunked" in request.headers.get("content-encoding", "") for request in stub.requests)


def test_parts_of_one_size(stub: Stub, store: S3Store) -> None:
    """R2 wants all parts but the last to be equally long: <https://github.com/apache/opendal/issues/2904>."""
    stub.script = SmallS3()
    put(store, FILM + FILM)
    lengths = {
        int(request.query["partNumber"]): len(request.body)
        for request in stub.requests
        if "partNumber" in request.query
    }
    assert [lengths[number] for number in sorted(lengths)] == [8 * MIB, 8 * MIB, 2 * MIB]


@pytest.mark.parametrize(
    ("rules", "etag"),
    [
        pytest.param((deletes_with_md5,), md5, id="AWS"),
        pytest.param((deletes_with_md5,), lambda content: md5(b"salt" + content), id="AWS, SSE-KMS"),
        pytest.param((like_old_boto, no_batches), md5, id="Google has no multi-object delete"),
        pytest.param(
            (refuses("^x-amz-(sdk-)?checksum", 400, "InvalidArgument"),), md5, id="B2 refuses checksums"
        ),
        pytest.param((no_conditions, deletes_with_md5), md5, id="no condition on a deletion is known"),
    ],
)
def test_tidying(stub: Stub, make: Make, rules: tuple[Rule, ...], etag: Callable[[bytes], str]) -> None:
    """Keys are copied on the server's side and deleted under each service's rules; what changed meanwhile stays.

    Google: <https://github.com/minio/mc/issues/4778>; B2: <https://github.com/home-assistant/core/issues/143995>;
    the MD5: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>.
    """
    s3 = stub.script = SmallS3(rules, etag=etag)
    upkeep = make(stub.url, prefix=PREFIX).upkeep()
    names = [md5(bytes([number])) for number in range(3)]
    for number, name in enumerate(names):
        s3.put(name, bytes([number]))
    old = list(upkeep.walk())
    assert [key.key for key in old] == sorted(names)
    copies = [upkeep.copy(key, PREFIX + key.key) for key in old]
    assert [s3.keys[copy.key][0] for copy in copies] == [s3.keys[key.key][0] for key in old]
    changed = old[0]
    s3.put(changed.key, b"changed")
    assert set(upkeep.delete(old)) == {changed.key}
    assert set(s3.keys) == {changed.key, *(copy.key for copy in copies)}
    batches = [request for request in stub.requests if "delete" in request.query]
    assert batches
    assert not any("checksum" in name for request in batches for name in request.headers)


def test_object_lock_is_learnt(stub: Stub, store: S3Store) -> None:
    """After the first refusal every small upload brings its MD5 at once; a bucket without Object Lock never sees one."""
    stub.script = SmallS3()
    put(store, PHOTO)
    assert "content-md5" not in stub.requests[0].headers
    stub.script = SmallS3((object_lock,))
    put(store, PHOTO)
    put(store, b"another")
    assert ["content-md5" in request.headers for request in stub.requests] == [False, False, True, True]


def test_redirect_with_an_address(stub: Stub, make: Make) -> None:
    """A 307, as of a new bucket elsewhere while names still spread, leads to the right region, or to a plain refusal.

    It never makes a file look missing. <https://docs.aws.amazon.com/AmazonS3/latest/API/UsingRouting.html>
    """
    s3 = SmallS3(region="eu-central-1")
    s3.put(KEY, PHOTO)

    def script(request: Request) -> Answer:
        if "authorization" not in request.headers:
            return error(403, "AccessDenied")  # it was followed, but a signature is for one address
        if region_of(request) == "eu-central-1":
            return s3(request)
        address = f"http://localhost:{stub.server_port}{request.path}"
        return error(307, "TemporaryRedirect", Location=address, x_amz_bucket_region="eu-central-1")

    stub.script = script
    assert set(make(stub.url).list().sizes) == {KEY}
    put(make(stub.url), FILM)
    with pytest.raises(Denied, match="does not let this login"):
        make(stub.url).sizes([KEY])
    store = make(stub.url)
    put(store, PHOTO)
    assert store.facts().region == "eu-central-1"
    assert set(store.sizes([KEY, Checksum(md5(PHOTO)), Checksum("1" * 32)])) == {KEY, md5(PHOTO)}


def test_completion_that_fails_with_200(stub: Stub, store: S3Store) -> None:
    """Amazon may begin an answer with 200 and then say that the parts were not put together: asked again.

    <https://ibm.github.io/ibm-cos-sdk-js-v2/classes/clients_client-s3_src.CompleteMultipartUploadCommand.html>
    """
    s3, failures = SmallS3(), itertools.count()

    def script(request: Request) -> Answer:
        if request.method == "POST" and "uploadId" in request.query and next(failures) == 0:
            return Answer(200, error(200, "InternalError").body)
        return s3(request)

    stub.script = script
    put(store, FILM)
    assert store.list().sizes == {md5(FILM): len(FILM)}


def test_dots_in_the_name(stub: Stub, make: Make) -> None:
    """A bucket with dots is part of the path, never of the name of the host, for which there is no certificate.

    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    """
    s3 = stub.script = SmallS3(bucket="family.photos.example")
    store = make(stub.url, bucket="family.photos.example")
    put(store, PHOTO)
    assert list(store.list().sizes) == list(s3.keys)
    for request in stub.requests:
        assert request.path.startswith("/family.photos.example")
        assert request.headers["host"].startswith("127.0.0.1:")


@pytest.mark.parametrize("encodes", [True, False])
def test_foreign_keys_that_xml_cannot_hold(stub: Stub, make: Make, encodes: bool) -> None:
    """Keys are asked for in URL encoding, since XML cannot hold all characters; a service that ignores it works too.

    <https://docs.aws.amazon.com/sdk-for-python/v4/reference/clients/s3/enums/EncodingType/>
    """
    prefix = "Ahnen & Söhne+%20 <1>/"
    s3 = SmallS3(page=2)
    for key in (KEY, "1" * 32, "2" * 32):
        s3.put(prefix + key, PHOTO)
    s3.put(prefix + "notes\x01.txt" if encodes else prefix + "notes.txt", b"")

    def script(request: Request) -> Answer:
        asked = request.query.pop("encoding-type")
        assert asked == "url"
        if encodes:
            request.query["encoding-type"] = asked
        return s3(request)

    stub.script = script
    assert sorted(make(stub.url, prefix=prefix).list().sizes) == [KEY, "1" * 32, "2" * 32]


@pytest.mark.parametrize(
    "page",
    [
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Welcome</title></head><body><p>Log in</p></body></html>',
        "<!DOCTYPE html><html><body><br>Log in</html>",
        '{"error": "no"}',
        "",
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>" + "0" * 32,
    ],
    ids=["xhtml", "html", "json", "nothing", "half"],
)
def test_other_pages_are_no_listing(stub: Stub, store: S3Store, page: str) -> None:
    """Whatever is no whole listing, though it says 200, raises; it is never an empty bucket."""
    stub.script = lambda _request: Answer(200, page.encode(), {"Content-Type": "text/html"})
    with pytest.raises(ServerError):
        store.list()
