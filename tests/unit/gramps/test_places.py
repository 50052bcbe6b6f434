"""Where a file's address says that the media are: real presigned addresses, in every style that botocore writes."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from syncd.errors import Unexpected
from syncd.gramps.places import Expected, parse_location
from syncd.model import Checksum
from syncd.ports import MediaLocation

SUM = Checksum("0123456789abcdef0123456789abcdef")
OTHER = Checksum("fedcba9876543210fedcba9876543210")
TREE = "0f0e0d0c-0b0a-4909-8807-060504030201/"
ODD = "Familie Müller/Fotos & Scans (100%)/a+b#c?d='e'~/"


@cache
def client(endpoint: str | None, region: str, style: str, **more: Any) -> Any:
    """S3's client as Gramps Web makes it, but for the style."""
    options: Any = {"addressing_style": style, **more}
    config = Config(s3=options, signature_version="s3v4")
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=config,
    )


def presigned(s3: Any, bucket: str, prefix: str) -> str:
    """The address that Gramps Web would answer with."""
    parameters = {"Bucket": bucket, "Key": prefix + SUM, "ResponseContentType": "image/jpeg"}
    url: str = s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=3600)
    return url


@pytest.mark.parametrize("prefix", ["", "family/", TREE, f"a/b/c/{TREE}", ODD + TREE, "%41/", "a%2Fb/"])
@pytest.mark.parametrize(
    ("endpoint", "region", "style", "bucket"),
    [
        (None, "us-east-1", "path", "photos"),
        (None, "eu-central-1", "path", "my.photos"),
        (None, "eu-central-1", "virtual", "photos"),
        (None, "eu-central-1", "virtual", "my.s3.photos"),
        (None, "us-east-1", "virtual", "s3-photos"),
        (None, "us-east-1", "auto", "photos"),
        (None, "cn-north-1", "virtual", "photos"),
        ("https://storage.googleapis.com", "auto", "path", "photos"),
        ("https://storage.googleapis.com", "auto", "virtual", "my.photos"),
        ("https://fra1.digitaloceanspaces.com", "fra1", "virtual", "photos"),
        ("http://127.0.0.1:9000", "us-east-1", "path", "photos"),
        ("https://s3.family.example", "us-east-1", "path", "s3"),
        ("https://s3.family.example", "us-east-1", "virtual", "photos"),
        ("https://account.r2.cloudflarestorage.com", "auto", "virtual", "photos"),
        ("https://project.supabase.example/storage/v1/s3", "eu-west-1", "path", "photos"),
        ("https://family.example/photos/", "us-east-1", "path", "photos"),
    ],
)
def test_every_address_that_botocore_writes(
    endpoint: str | None, region: str, style: str, bucket: str, prefix: str
) -> None:
    """Bucket and prefix come out as they went in: with dots, signs, percent signs, and below a base path."""
    url = presigned(client(endpoint, region, style), bucket, prefix)
    assert parse_location(url, SUM, Expected(bucket, "", endpoint)) == MediaLocation(bucket, prefix)


@pytest.mark.parametrize("option", ["use_accelerate_endpoint", "use_dualstack_endpoint"])
def test_other_hosts_of_amazon(option: str) -> None:
    """Acceleration and dual stack have hosts of their own."""
    s3 = client(None, "eu-central-1", "virtual", **{option: True})
    assert parse_location(presigned(s3, "photos", TREE), SUM) == MediaLocation("photos", TREE)


@pytest.mark.parametrize(
    "ours",
    [
        None,
        "http://nas:9000",
        "https://s3.family.example",
        "https://family.example/s3",
        "https://minio.example",
    ],
)
def test_a_server_with_another_name_for_the_endpoint(ours: str | None) -> None:
    """What Gramps Web calls the S3 server is its own affair: bucket and prefix are the same."""
    url = presigned(client("http://minio:9000", "us-east-1", "path"), "photos", TREE)
    for expected in (None, Expected("photos", "", ours), Expected("other", "x/", ours)):
        assert parse_location(url, SUM, expected) == MediaLocation("photos", TREE)


def test_a_host_that_begins_like_amazons() -> None:
    """A server of one's own may be called s3.…, or photos.s3.…: that is no bucket in the host's name."""
    for host in ("photos.s3.family.example", "nas.s3-minio.lan:9000", "s3.amazonaws.com.family.example"):
        url = presigned(client(f"https://{host}", "us-east-1", "path"), "media", TREE)
        assert parse_location(url, SUM) == MediaLocation("media", TREE)


def test_a_base_path_under_another_host() -> None:
    """Where the hosts differ, the base path counts if the rest then is what was expected."""
    url = presigned(client("http://storage:5000/storage/v1/s3", "us-east-1", "path"), "photos", TREE)
    ours = "https://project.supabase.example/storage/v1/s3"
    assert parse_location(url, SUM, Expected("photos", "", ours)) == MediaLocation("photos", TREE)
    # A proxy shows this machine, below /media, the server whose bucket is `media`.
    url = presigned(client("http://minio:9000", "us-east-1", "path"), "media", f"family/{TREE}")
    expected = Expected("media", "family/", "https://family.example/media")
    assert parse_location(url, SUM, expected) == MediaLocation("media", f"family/{TREE}")


def test_a_bucket_that_became_a_prefix_is_not_believed_in() -> None:
    """The files of the bucket `family` moved to `archive`, below `family/`: [s3], which still says `family`, is wrong."""
    url = presigned(client("https://s3.example", "us-east-1", "path"), "archive", f"family/{TREE}")
    for ours in ("https://s3.example", "https://another.example", None):
        found = parse_location(url, SUM, Expected("family", "", ours))
        assert found == MediaLocation("archive", f"family/{TREE}")


def test_a_server_below_a_base_path_that_the_configuration_does_not_name() -> None:
    """Without the base path in [s3] nobody can tell it from a bucket: the answer is a disagreement, and no guess."""
    url = presigned(client("https://host.example/storage/v1", "us-east-1", "path"), "photos", TREE)
    expected = Expected("photos", "", "https://host.example")
    assert not expected.agrees(parse_location(url, SUM, expected))


def test_a_slash_too_many_is_seen() -> None:
    """MEDIA_BASE_DIR=s3://photos/ and a prefix for each tree make keys that begin with a slash: not the same place."""
    url = presigned(client("http://minio:9000", "us-east-1", "path"), "photos", f"/{TREE}")
    assert parse_location(url, SUM) == MediaLocation("photos", f"/{TREE}")
    url = presigned(client(None, "eu-central-1", "virtual"), "photos", f"/{TREE}")
    assert parse_location(url, SUM) == MediaLocation("photos", f"/{TREE}")


@pytest.mark.parametrize(
    "url",
    ["", "/login", f"http://x/{SUM}", f"http://x/b/{OTHER}", f"http://x/%ff/{SUM}", "http://[", "nonsense"],
)
def test_unknown_places(url: str) -> None:
    """A redirect to anything else than the object's file is refused, its address not told."""
    with pytest.raises(Unexpected) as caught:
        parse_location(url + "?X-Amz-Signature=hidden", SUM, Expected("b", "", "http://x"))
    assert "hidden" not in str(caught.value)
