"""A bucket in memory behind `ports.Store`: bytes by checksum, complete or not at all, whatever befalls the call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from syncd.errors import MovedOn, Unexpected, Unreachable
from syncd.model import BucketSnapshot, Checksum
from syncd.ports import Advance, no_progress

BEFALLS: Collection[str] = ("unreachable", "stored, then lost", "other bytes", "short list")
"""What may befall a call."""


@dataclass
class Bucket:
    """The bytes, shared by all who open the bucket: by checksum, as they are stored (which may be wrong)."""

    stored: dict[str, bytes] = field(default_factory=dict)


def md5(content: bytes) -> Checksum:
    """The checksum of a content."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


class SimStore:
    """Implements `ports.Store` over a `Bucket`.

    Args:
        bucket: the bytes.
        befall: given a call's name, says what befalls it; one of `BEFALLS`, or None.
        arrived: told of each call.
    """

    def __init__(
        self, bucket: Bucket, befall: Callable[[str], str | None], arrived: Callable[[str], None]
    ) -> None:
        self._bucket = bucket
        self._befall = befall
        self._arrived = arrived

    def _begin(self, call: str) -> str | None:
        self._arrived(call)
        what = self._befall(call)
        if what == "unreachable":
            raise Unreachable("the bucket cannot be reached", "try again later")
        return what

    def list(self) -> BucketSnapshot:
        """See `Store.list`."""
        if self._begin("list") == "short list":
            # What the real store finds out by counting pages, it says.
            raise Unexpected("the list of the bucket is not complete", "try again later")
        return BucketSnapshot({Checksum(key): len(content) for key, content in self._bucket.stored.items()})

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`."""
        self._begin("head")
        stored = self._bucket.stored
        return {checksum: len(stored[checksum]) for checksum in checksums if checksum in stored}

    def put(
        self,
        source: BinaryIO,
        checksum: Checksum,
        size: int,
        mime: str,
        *,
        advance: Advance = no_progress,
        handle: str | None = None,
    ) -> None:
        """See `Store.put`."""
        what = self._begin(f"put {checksum[:8]}")
        content = source.read()
        if md5(content) != checksum or len(content) != size:
            raise MovedOn("the file changed while it was sent", "it waits until it is finished")
        self._bucket.stored[checksum] = content
        advance(size)
        if what == "stored, then lost":
            raise Unreachable("the bucket's answer was lost", "try again later")

    def get(self, checksum: Checksum, target: BinaryIO, *, advance: Advance = no_progress) -> int:
        """See `Store.get`."""
        what = self._begin(f"get {checksum[:8]}")
        try:
            content = self._bucket.stored[checksum]
        except KeyError:
            raise MovedOn("the bucket does not have the file any more", "") from None
        if what == "other bytes":
            content = bytes(reversed(content)) + b"?"
        half = len(content) // 2
        target.write(content[:half])
        target.write(content[half:])
        if md5(content) != checksum:
            raise Unexpected("the bucket gave other bytes than the key names", "try again")
        advance(len(content))
        return len(content)

    def bring_back(
        self,
        checksums: Collection[Checksum],
        *,
        tree_id: str = "",
        really: bool = True,
    ) -> Mapping[Checksum, int]:
        """Nothing is in quarantine."""
        self._begin("bring back")
        return {}

    def create_bucket(self) -> None:
        """It is there."""

    def abort_stale_uploads(self) -> int:
        """There are none."""
        return 0

    def close(self) -> None:
        """Nothing is open."""
