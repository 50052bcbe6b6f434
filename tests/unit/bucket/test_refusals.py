"""Why the bucket cannot be used, in words for people, without a secret in them."""

from __future__ import annotations

import io
import socket
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from lab.s3 import BIN, MotoS3, RcloneS3
from syncd.bucket import S3Location, S3Store
from syncd.errors import BucketMissing, ConfigError, Denied, Refused, ServerError, Unreachable
from syncd.model import EMPTY_CHECKSUM, Checksum
from tests.unit.bucket.stub import SECRET, Answer, Make, Request, Stub, content, error

KEY = Checksum("0" * 32)


def need_servers() -> None:
    """Skip where the servers are not installed: unit tests alone do not install them."""
    if not BIN.exists():
        pytest.skip("needs the S3 servers: script/setup --lab")


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RcloneS3]:
    """An S3 server that checks credentials."""
    need_servers()
    with RcloneS3(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoS3]:
    """An S3 server that knows regions."""
    need_servers()
    with MotoS3(tmp_path_factory.mktemp("moto")) as server:
        yield server


def attempts(store: S3Store) -> Iterator[ServerError]:
    """What each way to use the bucket raises."""
    with pytest.raises(ServerError) as caught:
        store.put(io.BytesIO(), EMPTY_CHECKSUM, 0, "image/png")
    yield caught.value
    with pytest.raises(ServerError) as caught:
        store.put(io.BytesIO(bytes(9 << 20)), KEY, 9 << 20, "image/png")
    yield caught.value
    with pytest.raises(ServerError) as caught:
        store.get(KEY, io.BytesIO())
    yield caught.value
    with pytest.raises(ServerError) as caught:
        store.sizes([KEY])
    yield caught.value
    with pytest.raises(ServerError) as caught:
        store.list()
    yield caught.value
    with pytest.raises(ServerError) as caught:
        store.probe_write()
    yield caught.value


@pytest.mark.parametrize(
    ("status", "code", "reason", "remedy"),
    [
        (403, "InvalidAccessKeyId", "does not know this access key", "access_key_id"),
        (403, "SignatureDoesNotMatch", "secret access key", "secret_access_key"),
        (403, "AccessDenied", "does not let this login", "s3:PutObject"),
        (400, "ExpiredToken", "expired", "log in again"),
        (403, "RequestTimeTooSkewed", "clock of this computer is wrong", "clock"),
        (404, "NoSuchBucket", "bucket media does not exist", "create_bucket = true"),
        (401, "", "does not let this login", "s3:ListBucket"),
    ],
)
def test_denials(stub: Stub, store: S3Store, *, status: int, code: str, reason: str, remedy: str) -> None:
    """Each way to be turned away has its reason and remedy, however the bucket is used, and quotes no secret."""
    stub.script = lambda _request: error(status, code) if code else Answer(status)
    for failure in attempts(store):
        assert isinstance(failure, Denied)
        assert reason in failure.reason
        assert remedy in failure.remedy
        text = "".join(traceback.format_exception(failure)) + repr(failure) + repr(store)
        assert SECRET not in text.replace(str(Path(__file__)), "")
        assert "Signature=" not in text


def test_wrong_credentials(rclone: RcloneS3, make: Make) -> None:
    """A real server that checks credentials: a wrong key id and a wrong secret are told apart."""
    bucket = rclone.new_bucket().bucket
    for failure in attempts(make(rclone.url, bucket=bucket)):
        assert isinstance(failure, Denied)
        assert "access key" in failure.reason
    for failure in attempts(make(rclone.url, bucket=bucket, access_key_id=rclone.access_key_id)):
        assert isinstance(failure, Denied)
        assert "secret access key" in failure.reason


def test_missing_bucket(rclone: RcloneS3, moto: MotoS3, make: Make) -> None:
    """A bucket that is not there is told apart from a file that is not there, and can be made."""
    for server in (rclone, moto):
        options = {
            "access_key_id": server.access_key_id,
            "secret_access_key": SecretStr(server.secret_access_key),
        }
        store = make(server.url, bucket="not-there", **options)
        assert not store.exists()
        for failure in attempts(store):
            assert isinstance(failure, BucketMissing)
        store.create_bucket()
        assert store.exists()
        assert not store.list().sizes
        assert not store.sizes([KEY])


def test_create_bucket_elsewhere(moto: MotoS3, make: Make) -> None:
    """A bucket is made in the configured region; making it again is no error."""
    store = make(moto.url, bucket="in-europe", region="eu-central-1")
    store.create_bucket()
    assert moto.client.get_bucket_location(Bucket="in-europe")["LocationConstraint"] == "eu-central-1"
    store.create_bucket()
    assert store.facts().region == "eu-central-1"


def test_somebody_elses_bucket(stub: Stub, store: S3Store) -> None:
    """A name that is taken is a reason to choose another."""
    stub.script = lambda _request: error(409, "BucketAlreadyExists")
    with pytest.raises(Refused, match="taken by somebody else"):
        store.create_bucket()


def test_probe_write_leaves_nothing(rclone: RcloneS3, moto: MotoS3, make: Make) -> None:
    """The write probe leaves neither a key nor an unfinished upload."""
    for server in (rclone, moto):
        witness = server.new_bucket()
        store = make(
            server.url,
            bucket=witness.bucket,
            prefix="tree/",
            access_key_id=server.access_key_id,
            secret_access_key=SecretStr(server.secret_access_key),
        )
        store.probe_write()
        assert witness.keys() == {}
        assert not server.client.list_multipart_uploads(Bucket=witness.bucket).get("Uploads")


def test_stale_uploads(moto: MotoS3, rclone: RcloneS3, make: Make) -> None:
    """Uploads that a kill left are aborted: ours, old ones, below our prefix; nobody else's."""
    witness = moto.new_bucket()  # whose uploads all say that they began in 2010
    for key in (f"tree/{KEY}", KEY, f"other/{KEY}", "tree/archive.zip", f"tree/{KEY}.jpg", f"tree/x/{KEY}"):
        moto.client.create_multipart_upload(Bucket=witness.bucket, Key=key)
    store = make(moto.url, bucket=witness.bucket, prefix="tree/")
    assert store.abort_stale_uploads(timedelta(days=36500)) == 0
    assert store.abort_stale_uploads() == 1
    left = moto.client.list_multipart_uploads(Bucket=witness.bucket)["Uploads"]
    assert len(left) == 5
    assert f"tree/{KEY}" not in [upload["Key"] for upload in left]
    empty = make(
        rclone.url,
        bucket=rclone.new_bucket().bucket,
        access_key_id=rclone.access_key_id,
        secret_access_key=SecretStr(rclone.secret_access_key),
    )
    assert empty.abort_stale_uploads() == 0


def test_server_down(make: Make) -> None:
    """Nobody listens: unreachable, naming the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for failure in attempts(make(url)):
        assert isinstance(failure, Unreachable)
        assert "does not accept connections" in failure.reason
        assert url in failure.reason


def test_unknown_name(make: Make) -> None:
    """A name that does not resolve is told apart."""
    for failure in attempts(make("https://s3.syncd.invalid")):
        assert isinstance(failure, Unreachable)
        assert "does not resolve" in failure.reason


def test_no_tls(stub: Stub, make: Make) -> None:
    """Https to a server that speaks plain http is told apart."""
    for failure in attempts(make(stub.url.replace("http:", "https:"))):
        assert isinstance(failure, Unreachable)
        assert "secure connection" in failure.reason


def test_wrong_region_named_in_the_answer(stub: Stub, store: S3Store) -> None:
    """A server that names the right region is asked again there."""

    def script(request: Request) -> Answer:
        if "/eu-central-1/s3/" in request.headers["authorization"]:
            return content(b"x", etag="tag")
        return error(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>")

    stub.script = script
    assert store.sizes([KEY, EMPTY_CHECKSUM]) == {KEY: 1, EMPTY_CHECKSUM: 1}
    assert store.facts().region == "eu-central-1"


def test_redirected_to_another_region(stub: Stub, store: S3Store) -> None:
    """A redirect without an address is followed to the region that HeadBucket names."""

    def script(request: Request) -> Answer:
        if "/eu-west-3/s3/" in request.headers["authorization"]:
            return Answer(headers={"ETag": f'"{EMPTY_CHECKSUM}"', "x-amz-bucket-region": "eu-west-3"})
        return error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3")

    stub.script = script
    store.put(io.BytesIO(), EMPTY_CHECKSUM, 0, "image/png")
    assert store.facts().region == "eu-west-3"


def test_redirected_in_a_circle(stub: Stub, store: S3Store) -> None:
    """A server that refuses every region does not keep us going."""
    stub.script = lambda _request: error(301, "PermanentRedirect", x_amz_bucket_region="us-east-1")
    with pytest.raises(Denied, match="region"):
        store.put(io.BytesIO(), EMPTY_CHECKSUM, 0, "image/png")
    assert len(stub.requests) < 20


def test_no_credentials(stub: Stub, make: Make) -> None:
    """No credentials anywhere: denied, saying where to put them."""
    for failure in attempts(make(stub.url, access_key_id=None, secret_access_key=None)):
        assert isinstance(failure, Denied)
        assert "no S3 credentials" in failure.reason
    assert stub.requests == []


def test_unknown_profile(stub: Stub, make: Make) -> None:
    """A profile that does not exist is told apart."""
    store = make(stub.url, access_key_id=None, secret_access_key=None, profile="nobody")
    for failure in attempts(store):
        assert isinstance(failure, Denied)
        assert "profile" in failure.reason


def test_credentials_of_a_profile(
    rclone: RcloneS3, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials come from the profile when there are no keys."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile family]\naws_access_key_id = {rclone.access_key_id}\n"
        f"aws_secret_access_key = {rclone.secret_access_key}\nregion = eu-north-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    store = make(
        rclone.url,
        bucket=rclone.new_bucket().bucket,
        access_key_id=None,
        secret_access_key=None,
        profile="family",
        region=None,
    )
    store.put(io.BytesIO(), EMPTY_CHECKSUM, 0, "image/png")
    assert store.sizes([EMPTY_CHECKSUM]) == store.list().sizes == {EMPTY_CHECKSUM: 0}


def test_environment_does_not_leak(rclone: RcloneS3, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were given are used as they are, whatever AWS variables of another login say."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-login")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "mars-1")
    witness = rclone.new_bucket()
    store = make(
        rclone.url,
        bucket=witness.bucket,
        access_key_id=rclone.access_key_id,
        secret_access_key=SecretStr(rclone.secret_access_key),
    )
    store.put(io.BytesIO(), EMPTY_CHECKSUM, 0, "image/png")
    store.probe_write()
    assert store.list().sizes == {EMPTY_CHECKSUM: 0}


@pytest.mark.parametrize("prefix", ["/", "/a/", "a", "a//b/", "./", "a/../", "a\n/"])
def test_unusable_prefix(prefix: str) -> None:
    """A prefix that would not arrive unchanged is refused beforehand."""
    with pytest.raises(ConfigError, match="prefix"):
        S3Location("media", prefix)


def test_plain_http(make: Make) -> None:
    """Plain http to another machine needs permission; to this one it does not."""
    with pytest.raises(ConfigError, match="plain http"):
        make("http://s3.example")
    make("http://s3.example", allow_http=True)
    make("http://localhost:9000")
    make("http://[::1]:9000")
    with pytest.raises(ConfigError, match="https://"):
        make("s3.example")


def test_facts(make: Make) -> None:
    """What is told of the store holds no secret, whatever stands in the address."""
    store = make("https://user:hidden@s3.example/base?x=y", prefix="tree/")
    facts = store.facts()
    assert facts.endpoint == "https://s3.example/base"
    assert (facts.bucket, facts.prefix, facts.region) == ("media", "tree/", "us-east-1")
    assert "hidden" not in repr(store) + repr(facts) + repr(store._session)


def test_amazon_needs_no_address(make: Make) -> None:
    """Without an address it is AWS in the region."""
    assert make(None, region="eu-west-1").facts().endpoint == "https://s3.eu-west-1.amazonaws.com"
    assert make(None, region="cn-north-1").facts().endpoint == "https://s3.cn-north-1.amazonaws.com.cn"
