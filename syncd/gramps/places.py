"""Bucket and prefix from the address that Gramps Web gives for a file.

The address is the one sure source of where the server keeps its media, but S3 addresses can be read in more than one
way: `https://host/storage/v1/bucket/key` may be a bucket `storage`, or an S3 server that lives below `/storage/v1`. What
`[s3]` says decides between readings that the address allows; it never adds one. So a bucket that the server no longer
uses is not taken for the right one because its name is part of the new place.

Every supported Gramps Web writes path-style addresses (`addressing_style` in its `api/s3.py`). The other style, with the
bucket in the host's name, is understood where the host belongs to a known provider or to the server of `[s3]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from syncd.errors import Unexpected
from syncd.model import Checksum
from syncd.ports import MediaLocation

LONGEST_HOST = 253
"""Characters that a host's name has at most."""

_BUCKET_IN_HOST = (
    # s3.amazonaws.com, s3.REGION, s3-REGION (older), s3.dualstack.REGION, s3-fips.REGION, s3-accelerate; China has .cn.
    # Greedy: the bucket itself may be called `my.s3.photos`.
    re.compile(r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?"),
    re.compile(r"(?P<bucket>.+)\.storage\.googleapis\.com"),
    re.compile(r"(?P<bucket>.+)\.[a-z0-9-]+\.digitaloceanspaces\.com"),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the configuration says of the place.

    Args:
        bucket: the bucket's name.
        prefix: `""`, or text that ends with a slash; the tree's own prefix may follow.
        endpoint_url: the S3 server as this machine reaches it; None for Amazon's.
    """

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None

    def agrees(self, place: MediaLocation) -> bool:
        """Whether a place is the expected one, or below it."""
        return place.bucket == self.bucket and place.prefix.startswith(self.prefix)


def parse_location(url: str, checksum: Checksum, expected: Expected | None = None) -> MediaLocation:
    """Bucket and prefix from the presigned address of a file.

    Args:
        url: the address.
        checksum: the file's; the last part of its key.
        expected: what `[s3]` says, for an address that can be read in several ways.

    Raises:
        Unexpected: it is not the address of that file in a bucket. The message holds nothing of the address, which
            lets whoever has it read the file.
    """
    try:
        parts = urlsplit(url)
        host, path = (parts.hostname or "").rstrip("."), unquote(parts.path, errors="strict")
    except ValueError:
        host, path = "", ""
    if not host or len(host) > LONGEST_HOST or path.rpartition("/")[2].lower() != checksum:
        raise Unexpected(
            "Gramps Web sends us to an unknown place for a file", "check the media settings of Gramps Web"
        )
    readings = list(_readings(host, path[: -len(checksum)], expected))
    if not readings:
        raise Unexpected(
            "Gramps Web does not say in which bucket a file is", "check the media settings of Gramps Web"
        )
    if expected is not None:
        return next((place for place in readings if expected.agrees(place)), readings[0])
    return readings[0]


def _readings(host: str, folder: str, expected: Expected | None) -> Iterator[MediaLocation]:
    """What an address may mean, the likeliest first. `folder` is its path up to the checksum."""
    endpoint = urlsplit(expected.endpoint_url or "") if expected is not None else urlsplit("")
    our_host, base = (endpoint.hostname or "").rstrip("."), unquote(endpoint.path).rstrip("/") + "/"
    for pattern in _BUCKET_IN_HOST:
        if match := pattern.fullmatch(host):
            yield MediaLocation(match["bucket"], folder[1:])
            return
    below_base = folder.removeprefix(base) if folder.startswith(base) else None
    if expected is not None and our_host and host == f"{expected.bucket}.{our_host}":
        yield MediaLocation(expected.bucket, folder[1:] if below_base is None else below_base)
        return
    if below_base is not None and base != "/":
        yield from _path_style(below_base)
        if host == our_host:
            return  # the very server that [s3] names: nothing else can be meant
    yield from _path_style(folder[1:])


def _path_style(folder: str) -> Iterator[MediaLocation]:
    bucket, slash, prefix = folder.partition("/")
    if bucket and slash:
        yield MediaLocation(bucket, prefix)
