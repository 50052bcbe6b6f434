"""What a service of S3 refuses, told in plain words with what to do: by a store, and by `syncd check`.

Each case names where the service's answer is told: documentation, or an issue that quotes it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.bucket import S3Store
from syncd.bucket.access import Patience
from syncd.bucket.failures import Fault, S3Error
from syncd.bucket.verdicts import translate
from syncd.cli.main import run
from syncd.errors import Denied, ExitCode, Refused, ServerError, Unreachable
from syncd.model import Checksum
from tests.unit.bucket.small_s3 import md5
from tests.unit.bucket.stub import SECRET, Answer, Make, Request, Stub, error

PHOTO = b"photo" * 1000
FILM = bytes(9 << 20)
KEY = Checksum("0" * 32)
AWS = "https://docs.aws.amazon.com/AmazonS3/latest/"


def put(store: S3Store, body: bytes) -> None:
    """Store bytes under their checksum."""
    store.put(io.BytesIO(body), Checksum(md5(body)), len(body), "image/png")


@dataclass(frozen=True)
class Trouble:
    """A refusal, as the service puts it, and what a person is told.

    Args:
        source: where it is told.
        status: of HTTP.
        code: S3's.
        kind: whether it ends the run (Denied, Unreachable) or is about one file (Refused).
        reason: words of it.
        remedy: words of it.
        message: of the service.
        ways: how the store is used; by default in every way.
    """

    source: str
    status: int
    code: str
    kind: type[ServerError]
    reason: str
    remedy: str
    message: str = SECRET
    ways: tuple[str, ...] = ("put", "put large", "get", "sizes", "list", "probe")


WRITES = ("put", "put large", "probe")
TROUBLES = {
    "AWS, a wrong clock": Trouble(
        "https://github.com/aws/aws-sdk-php/issues/612",
        403,
        "RequestTimeTooSkewed",
        Denied,
        "clock of this computer is wrong",
        "timedatectl set-ntp true",
    ),
    "AWS, an expired token": Trouble(
        AWS + "API/ErrorResponses.html", 400, "ExpiredToken", Denied, "expired", "log in again"
    ),
    "AWS, no right to list: a file that is not there is 403": Trouble(
        "https://docs.aws.amazon.com/goto/SdkForKotlin/s3-2006-03-01/HeadObject",
        403,
        "AccessDenied",
        Denied,
        "does not let this login",
        "s3:ListBucket",
    ),
    "AWS, no right to use the KMS key": Trouble(
        "https://www.repost.aws/knowledge-center/s3-large-file-encryption-kms-key",
        403,
        "AccessDenied",
        Refused,
        "may not use the key (KMS)",
        "kms:GenerateDataKey and kms:Decrypt",
        message="User: x is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu:1:key/2",
        ways=("put", "put large", "get"),
    ),
    "AWS, a KMS key that is disabled": Trouble(
        AWS + "API/ErrorResponses.html",
        400,
        "KMS.DisabledException",
        Refused,
        "(KMS)",
        "enabled",
        ways=("put", "get"),
    ),
    "Google, a KMS key that is disabled": Trouble(
        "https://cloud.google.com/storage/docs/xml-api/reference-status",
        400,
        "CloudKmsDisabledKey",
        Refused,
        "(KMS)",
        "enabled",
        ways=("put", "get"),
    ),
    "AWS, a file in the archive (Glacier)": Trouble(
        "https://github.com/counsyl/stor/issues/38",
        403,
        "InvalidObjectState",
        Refused,
        "moved this file to its archive",
        "restore it",
        message="The operation is not valid for the object's storage class",
        ways=("get",),
    ),
    "AWS, a file encrypted with a key of its own (SSE-C)": Trouble(
        AWS + "userguide/specifying-s3-c-encryption.html",
        400,
        "InvalidRequest",
        Refused,
        "key that only its uploader has (SSE-C)",
        "without such a key",
        message="The object was stored using a form of Server Side Encryption. The correct parameters must be provided.",
        ways=("get",),
    ),
    "AWS, bytes damaged on the way": Trouble(
        AWS + "API/ErrorResponses.html",
        400,
        "BadDigest",
        Unreachable,
        "did not arrive as it was sent",
        "network",
        ways=WRITES,
    ),
    "Google, requester pays": Trouble(
        "https://docs.rs/crate/cloud-storage/latest/target-redirect/x86_64-unknown-linux-gnu/cloud_storage/enum.Reason.html",
        400,
        "UserProjectMissing",
        Denied,
        "requester pays",
        "switch requester pays off",
    ),
    "R2, an unknown login": Trouble(
        "https://developers.cloudflare.com/r2/api/error-codes",
        401,
        "Unauthorized",
        Denied,
        "does not know this login",
        "access_key_id",
    ),
    "R2, a signature that is too old": Trouble(
        "https://developers.cloudflare.com/r2/api/error-codes",
        400,
        "ExpiredRequest",
        Denied,
        "clock",
        "timedatectl",
    ),
    "B2, saturated for long": Trouble(
        "https://github.com/kopia/kopia/issues/3472",
        503,
        "ServiceUnavailable",
        Unreachable,
        "keeps failing",
        "later",
    ),
    "Wasabi, asked too often": Trouble(
        "https://raw.githubusercontent.com/api-evangelist/wasabi/refs/heads/main/rate-limits/wasabi-rate-limits.yml",
        400,
        "RequestRateLimitExceeded",
        Unreachable,
        "keeps failing",
        "later",
    ),
    "MinIO, never ready": Trouble(
        "https://github.com/minio/minio/issues/2508",
        503,
        "XMinioServerNotInitialized",
        Unreachable,
        "keeps failing",
        "later",
    ),
    "MinIO, a full disk": Trouble(
        "https://github.com/minio/minio/issues/6795",
        507,
        "XMinioStorageFull",
        Refused,
        "takes no more",
        "make room",
        ways=WRITES,
    ),
    "Ceph and Hetzner, a full quota": Trouble(
        "https://github.com/ceph/ceph/pull/4240",
        403,
        "QuotaExceeded",
        Refused,
        "takes no more",
        "make room",
        ways=WRITES,
    ),
    "Huawei, a full quota": Trouble(
        "https://support.huaweicloud.com/eu/api-obs/obs_04_0052.html",
        403,
        "InsufficientStorageSpace",
        Refused,
        "takes no more",
        "make room",
        ways=WRITES,
    ),
}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            error(403, "RequestTimeTooSkewed"),
            ("the clock of this computer is wrong", "timedatectl set-ntp true"),
        ),
        (
            error(403, "AccessDenied"),
            ("does not let this login use the bucket media", "s3:ListBucket on the bucket"),
        ),
        (
            error(401, "Unauthorized"),
            ("S3 does not know this login", "compare access_key_id and secret_access_key"),
        ),
        (
            error(404, "NoSuchBucket"),
            ("the bucket media does not exist", "make the bucket at the storage provider"),
        ),
        (
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3"),
            ("the region that syncd was told; it is in eu-west-3", "set region under [s3]"),
        ),
    ],
    ids=["clock", "rights", "login", "bucket", "region"],
)
def test_check(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, told: tuple[str, str]
) -> None:
    """`syncd check` tells of a service's trouble in its own plain words, with what to do, and goes on."""
    file = tmp_path / "syncd.toml"
    keys = f'access_key_id = "key-id"\nsecret_access_key = "{SECRET}"\nregion = "us-east-1"\n'
    gramps = f'[gramps]\nurl = "{stub.url}/gramps"\nusername = "anna"\npassword = "x"\n'
    (tmp_path / "family").mkdir()
    file.write_text(
        f'media_dir = "{tmp_path}/family"\nstate_dir = "{tmp_path}/state"\n{gramps}'
        f'[s3]\nurl = "s3://media"\nendpoint_url = "{stub.url}"\n{keys}'
    )
    file.chmod(0o600)
    stub.script = lambda _request: answer
    assert run(["check", "--config", str(file)]) == ExitCode.UNREACHABLE
    output = " ".join(capsys.readouterr().out.split())
    assert "failed the bucket: " in output
    for words in told:
        assert words in output
    assert SECRET not in output


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble(stub: Stub, make: Make, name: str) -> None:
    """What a service refuses is told in plain words with what to do, however the bucket is used; no key looks missing."""
    trouble = TROUBLES[name]

    def script(request: Request) -> Answer:
        if request.method == "HEAD":
            return Answer(trouble.status)  # a HEAD never says why
        return error(trouble.status, trouble.code, message=trouble.message)

    stub.script = script
    store = make(stub.url, patience=Patience(retries=1, connect=2, answer=5, longest_pause=0.01))
    ways: dict[str, Callable[[], object]] = {
        "put": lambda: put(store, PHOTO),
        "put large": lambda: put(store, FILM),
        "get": lambda: store.get(KEY, io.BytesIO()),
        "sizes": lambda: store.sizes([KEY]),
        "list": store.list,
        "probe": store.probe_write,
    }
    for way in trouble.ways:
        with pytest.raises(trouble.kind) as caught:
            ways[way]()
        assert type(caught.value) is trouble.kind, way
        assert trouble.reason in caught.value.reason, way
        assert trouble.remedy in caught.value.remedy, way
        assert SECRET not in repr(caught.value) + str(caught.value.__cause__)


def test_amazon_at_the_address_of_another_region(make: Make) -> None:
    """Where endpoint_url names Amazon's server of another region, the remedy is to take it out."""
    store = make("https://s3.us-east-1.amazonaws.com")
    told = translate(S3Error(Fault.ANSWER, 301, "PermanentRedirect", "eu-west-3"), store._session.place)
    assert "it is in eu-west-3" in told.reason
    assert "take endpoint_url and region out" in told.remedy
