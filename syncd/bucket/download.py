"""One file on its way from the bucket: hashed as it is written, picked up where a connection broke."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore

from syncd.bucket.budget import MIB
from syncd.bucket.failures import Fault, S3Error
from syncd.errors import MovedOn, Unexpected, Unreachable
from syncd.model import Checksum
from syncd.pacing import Line
from syncd.ports import Advance, Hashing
from syncd.retrying import retry

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import S3Store as Transport

_CHUNK = 2 * MIB
_ATTEMPTS = 3
"""In a row, without a MiB of progress in between; obstore itself has resumed some times in each."""

Open = Callable[[Checksum, int, str | None], Any]
"""Called with the checksum, where to begin, and the ETag that the key had; answers with obstore's `GetResult`."""
Wait = Callable[[Callable[[], Awaitable[bytes]]], bytes]
"""Called with what begins a call of obstore; waits for its answer."""
Fetch = Callable[[Checksum, int, int, str | None], tuple[bytes | S3Error, str]]
"""Called with the checksum, where to begin, how many bytes, and the ETag that the key had; answers with bytes and ETag."""


class _BrokenOffError(Exception):
    """The body ended before it was whole."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a key is read by a limited line: in one small request after the other.

    A server sends at once what it is asked for, into the buffers on the way; however slowly it were read here, a photo
    would come at full speed.

    Args:
        line: tells when the next one may be made.
        size: of the key, in bytes.
        fetch: makes one.
        closed: ends the waiting.
    """

    line: Line
    size: int
    fetch: Fetch
    closed: threading.Event


class Download:
    """How far a download has come."""

    def __init__(
        self, checksum: Checksum, target: BinaryIO, advance: Advance, pace: Pace | None = None
    ) -> None:
        self.complete = False
        self._checksum = checksum
        self._target = target
        self._advance = advance
        self._pace = pace
        self._digest = None if isinstance(target, Hashing) else hashlib.md5(usedforsecurity=False)
        self._offset = 0
        self._etag: str | None = None

    @staticmethod
    def begin(transport: Transport, key: str, offset: int, etag: str | None) -> Awaitable[GetResult]:
        """Ask for a key from an offset on, provided that it still has that ETag."""
        options: GetOptions = {"range": {"offset": offset}, "if_match": etag} if offset else {}
        return obstore.get_async(transport, key, options=options)

    def read_on(self, open_at: Open, wait: Wait) -> None:
        """Read until it is complete, or until a connection breaks after some progress.

        Raises:
            Unreachable: it broke again and again without any.
            MovedOn: the key is not there, or was overwritten while it was read.
        """

        def attempt() -> None:
            start = self._offset
            try:
                if self._pace is None:
                    self._read(open_at, wait)
                else:
                    self._read_slowly(self._pace)
                self.complete = True
            except _BrokenOffError:
                if self._offset - start < MIB:
                    raise

        try:
            retry(attempt, _BrokenOffError, attempts=_ATTEMPTS, longest_pause=2.0)
        except _BrokenOffError as broken:
            raise Unreachable(
                "the connection to S3 broke off again and again while a file was read",
                "check the network connection; try again",
            ) from broken.__cause__

    def check(self) -> int:
        """The size, when the bytes have the checksum."""
        if self._found() != self._checksum:
            raise Unexpected(
                f"the copy in the bucket is damaged: the file {self._checksum} has other bytes than it should",
                "replace the file in Gramps Web by a good copy, from another computer or a backup",
            )
        return self._offset

    def _found(self) -> str:
        """The checksum of what was written."""
        if self._digest is not None:
            return self._digest.hexdigest()
        assert isinstance(self._target, Hashing)
        return self._target.checksum()

    def _read(self, open_at: Open, wait: Wait) -> None:
        answer = open_at(self._checksum, self._offset, self._etag)
        (start, end), meta = answer.range, answer.meta
        total, etag = meta["size"], meta["e_tag"]
        if start != self._offset or end != total:
            raise _BrokenOffError from S3Error(Fault.FOREIGN)
        if self._etag is not None and etag != self._etag:
            raise replaced(self._checksum)
        self._etag = etag
        stream = answer.stream(min_chunk_size=_CHUNK)
        while self._offset < total:
            try:
                chunk = wait(lambda: anext(stream))
            except StopAsyncIteration:
                break
            except S3Error as failure:
                raise _BrokenOffError from failure
            self._take(chunk)
        if self._offset != total:
            raise _BrokenOffError

    def _read_slowly(self, pace: Pace) -> None:
        while self._offset < pace.size:
            asked = min(pace.line.request, pace.size - self._offset)
            pace.line.take(asked, pace.closed)
            chunk, etag = pace.fetch(self._checksum, self._offset, asked, self._etag)
            if isinstance(chunk, S3Error):
                raise _BrokenOffError from chunk
            # The status tells nothing: rclone says 200 to a request for a part, and sends the part.
            if len(chunk) != asked:
                raise _BrokenOffError from S3Error(Fault.FOREIGN)
            if self._etag is not None and etag != self._etag:
                raise replaced(self._checksum)
            self._etag = etag
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        self._target.write(chunk)
        if self._digest is not None:
            self._digest.update(chunk)
        self._offset += len(chunk)
        self._advance(len(chunk))


def replaced(checksum: Checksum) -> MovedOn:
    """The error for a key that has other bytes than when its reading began."""
    return MovedOn(
        f"the file {checksum} was replaced in the bucket while it was read",
        "it waits; syncd tries again in the next run",
    )
