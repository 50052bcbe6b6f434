"""The bucket as a `syncd.ports.Store`.

Invariants:
- A key is only written with bytes that were hashed and have its checksum, from the very buffer that was hashed.
- Nothing is ever deleted. The caller decides what is missing (`list`, `sizes`): `put` overwrites, with equal bytes.
- "Not there" is only said when an S3 server said so: a missing bucket, a proxy's 404 or a login page raise.
- Uploads together hold no more memory than the budget, whatever the files' sizes; downloads a few MiB each.
- Where there is a limit, all bytes of files go by its line (`pacing`). obstore sends what it is given at once: what is no
  more than a burst, and all else goes through boto3, which fetches what it sends from us in small pieces.

Measured on two cores that the server (rclone) and other work shared, 300 files of 30 to 800 kB, 16 threads, medians
of 8 runs in turn: `get` 307 files a second against 256 of boto3's `get_object`, `sizes` 887 against 604. obstore's blocking
calls cannot be interrupted; hence its futures: on one loop, or, where a thread waits for a single one, on none (`direct`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore

from syncd.bucket import administration
from syncd.bucket.asking import Asking
from syncd.bucket.body import Body
from syncd.bucket.budget import Budget, give_freed_memory_back
from syncd.bucket.download import Download, Pace, replaced
from syncd.bucket.failures import Fault, Hint, S3Error, understand
from syncd.bucket.listing import list_sizes
from syncd.bucket.multipart import Multipart, at_most_whole
from syncd.bucket.quarantine import bring_along, bring_back, other_place
from syncd.bucket.session import Session
from syncd.bucket.sources import expect, read_up_to
from syncd.bucket.upkeep import Upkeep
from syncd.bucket.verdicts import translate
from syncd.errors import Denied, MovedOn, Refused, ServerError, Unexpected, Unreachable
from syncd.model import BucketSnapshot, Checksum
from syncd.pacing import UNLIMITED, Limits, Line, turn
from syncd.ports import Advance, StoreFacts, no_progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore import GetResult, ObjectMeta, PutResult
    from obstore.store import S3Store as Transport

_SLOWEST = 8 * 1024
"""Bytes a second: sixteen small files at once over 1 Mbit/s must not time out. (A limit of ours is waited for before.)"""
_ROUNDS = 3
_MIME = re.compile(r"[\x21-\x7e][\x20-\x7e]*")


class S3Store:
    """Bytes by checksum in one bucket, below one prefix. Every method may be called from many threads."""

    def __init__(
        self,
        session: Session,
        *,
        transfers: int = 16,
        budget: Budget | None = None,
        limits: Limits = UNLIMITED,
    ) -> None:
        self.location = session.location
        self._session = session
        self._transfers = transfers
        self._closed = threading.Event()
        self._object_lock = threading.Event()
        """Set once the bucket asked for the MD5 that Amazon wants with Object Lock and that obstore cannot send."""
        self._budget = budget or Budget()
        give_freed_memory_back()
        self._limits = limits
        self._asking = Asking(session, transfers)
        self._multipart = Multipart(session, self._budget, self._closed, limits.up)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    # --- the protocol ---------------------------------------------------------------------------------

    def list(self) -> BucketSnapshot:
        """See `Store.list`."""
        return BucketSnapshot(list_sizes(self._session, self._closed, self._transfers))

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`."""
        wanted = tuple(dict.fromkeys(checksums))
        if len(wanted) == 1:
            # Most often it is a new file's, and not there: that a HEAD says without a reason, so that a GET would follow.
            # What may not be read (it is archived, or encrypted with a key that is not ours) may be there all the same.
            with suppress(Refused, Denied):
                return self._ask_aloud(wanted[0])
        return self._sizes_by_head(wanted)

    def _sizes_by_head(self, wanted: Sequence[Checksum]) -> Mapping[Checksum, int]:
        async def ask(transport: Transport) -> Sequence[ObjectMeta | Exception | None]:
            turn = asyncio.Semaphore(2 * self._transfers)

            async def one(checksum: Checksum) -> ObjectMeta | Exception | None:
                async with turn:
                    try:
                        return await obstore.head_async(transport, self._key(checksum))
                    # obstore raises it for whatever 404.
                    except FileNotFoundError:
                        return None
                    except Exception as error:
                        return error

            return await asyncio.gather(*(one(checksum) for checksum in wanted))

        found: dict[Checksum, int] = {}
        for _ in range(_ROUNDS):
            absent = failed = None
            for checksum, answer in zip(wanted, self._asking.ask(ask), strict=True):
                if isinstance(answer, Exception):
                    failed = checksum
                elif answer is None:
                    absent = checksum
                elif answer["e_tag"] is None:
                    # A proxy, or the login page of a network, says 200 to everything.
                    raise translate(S3Error(Fault.FOREIGN), self._session.place)
                else:
                    found[checksum] = answer["size"]
            doubtful = failed or absent
            if doubtful is None:
                return found
            # Answers to HEAD have no body, so no reason. One GET stands for all: it raises when the bucket is
            # missing, when this is no S3 server, when the login is refused; it finds the right region.
            found |= self._ask_aloud(doubtful)
            if failed is None:
                return found
            wanted = tuple(checksum for checksum in wanted if checksum not in found)
        raise Unreachable(f"S3 at {self._session.endpoint} fails now and again", "run syncd again later")

    def put(
        self,
        source: BinaryIO,
        checksum: Checksum,
        size: int,
        mime: str,
        *,
        advance: Advance = no_progress,
        handle: str | None = None,  # noqa: ARG002  a key belongs to no object
    ) -> None:
        """See `Store.put`; errors in reading `source` come through as they are.

        It overwrites a key that is there (with equal bytes): ask `sizes` first.
        """
        mime = mime if _MIME.fullmatch(mime) else "application/octet-stream"
        if size > at_most_whole(self._limits.up):
            self._multipart.put(
                self._key(checksum), source, checksum=checksum, size=size, mime=mime, advance=advance
            )
            return
        with turn(self._limits.up, self._closed), self._budget.hold(size):
            # A read that ends where the file should is the end of it: the checksum proves it, not a further read.
            content = source.read(size + 1)
            if len(content) != size:
                content += read_up_to(source, size + 1 - len(content))
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            expect(checksum, holds=len(content) == size and digest == checksum)
            etag = self._send(checksum, content, mime)
        if etag != checksum and self._sizes_by_head((checksum,)).get(checksum) != size:
            # An ETag that differs proves nothing (SSE-KMS), a size does.
            raise Unexpected(
                f"the bucket took the file {checksum} but does not have it whole",
                "run syncd again; if it stays so, ask the storage provider",
            )
        advance(size)

    def get(self, checksum: Checksum, target: BinaryIO, *, advance: Advance = no_progress) -> int:
        """See `Store.get`; errors in writing `target` come through as they are.

        What was written is to be thrown away when this raises.
        """
        download = Download(checksum, target, advance, self._wait_for_line(checksum))
        while not download.complete:
            download.read_on(self._open_at, self._asking.wait)
        return download.check()

    def close(self) -> None:
        """End what is under way, soon: small transfers at once, uploads in parts when they are aborted."""
        self._closed.set()
        self._limits.wake()
        self._budget.close()
        self._asking.close()
        self._multipart.close()

    def bring_back(
        self, checksums: Collection[Checksum], *, tree_id: str = "", really: bool = True
    ) -> Mapping[Checksum, int]:
        """See `Store.bring_back`: they are looked for in the quarantine, and at the tree's other place."""
        prefix, found = self.location.prefix, dict[Checksum, int]()
        # Who may not look at a place has nothing there, or no bucket at all.
        with suppress(Denied):
            found |= bring_back(self.upkeep(), prefix, checksums, really=really)
        left = set(checksums) - found.keys()
        if left and tree_id:
            with suppress(Denied):
                found |= bring_along(self.upkeep(), other_place(prefix, tree_id), prefix, left, really=really)
        return found

    # --- what `syncd check` and the first contact need ----------------------------------------------------

    def facts(self) -> StoreFacts:
        """Where this store is."""
        return StoreFacts(
            self.location.bucket, self.location.prefix, self._session.endpoint, self._session.region
        )

    def exists(self) -> bool:
        """Whether the bucket is there; Denied when there is one that this login may not use."""
        return administration.exists(self._session)

    def create_bucket(self, region: str | None = None) -> None:
        """Make the bucket, in that region or in the configured one; it may be there already."""
        administration.create_bucket(self._session, region)

    def probe_write(self) -> None:
        """Prove the right to write, leaving nothing behind; Denied without it."""
        administration.probe_write(self._session)

    def upkeep(self) -> Upkeep:
        """The bucket's keys themselves, for commands that tidy; `close` ends what is under way there, too."""
        return Upkeep(self._session, self._closed, self._transfers, self._limits.down)

    def abort_stale_uploads(self, older_than: timedelta = timedelta(days=2)) -> int:
        """Abort uploads in parts that a kill left below our prefix; returns how many.

        Only keys of our form. Gramps Web uses the same ones, so leave its slowest upload time to finish.
        """
        return self._multipart.abort_stale(self.location.prefix, older_than)

    # --- requests -----------------------------------------------------------------------------------------

    def _key(self, checksum: Checksum) -> str:
        return self.location.prefix + checksum

    def _send(self, checksum: Checksum, content: bytes, mime: str) -> str:
        """Store what fits into one request; returns the ETag."""
        line = self._limits.up
        is_burst = line is None or len(content) <= line.burst
        if line is not None and is_burst:
            line.take(len(content), self._closed)
        if is_burst and not self._object_lock.is_set():
            try:
                return self._send_fast(checksum, content, mime)
            except Refused as error:
                cause = error.__cause__
                if not (isinstance(cause, S3Error) and cause.hint == Hint.OBJECT_LOCK):
                    raise
                self._object_lock.set()
        return self._send_slowly(checksum, content, mime, None if is_burst else line)

    def _send_slowly(self, checksum: Checksum, content: bytes, mime: str, line: Line | None) -> str:
        """Through boto3, which can send an MD5, and fetches the bytes from us a few at a time."""

        def put(client: S3Client) -> str:
            answer = client.put_object(
                Bucket=self.location.bucket,
                Key=self._key(checksum),
                Body=Body(content, self._closed, line=line),
                ContentType=mime,
                ContentMD5=base64.b64encode(bytes.fromhex(checksum)).decode(),
            )
            return answer["ETag"].strip('"')

        return self._asking.ask_boto(put)

    def _send_fast(self, checksum: Checksum, content: bytes, mime: str) -> str:
        limit = 2 * self._session.patience.answer + len(content) / _SLOWEST

        def begin(transport: Transport) -> Awaitable[PutResult]:
            return obstore.put_async(
                transport,
                self._key(checksum),
                content,
                attributes={"Content-Type": mime},
                use_multipart=False,
            )

        answer = self._asking.send(begin, limit)
        return (answer["e_tag"] or "").strip('"')

    def _open_at(self, checksum: Checksum, offset: int, etag: str | None) -> GetResult:
        """Begin reading a key."""

        def begin(transport: Transport) -> Awaitable[GetResult]:
            return Download.begin(transport, self._key(checksum), offset, etag)

        try:
            answer = self._asking.receive(begin)
        except ServerError as error:
            cause = error.__cause__
            if isinstance(cause, S3Error) and cause.is_missing_key:
                raise MovedOn(
                    f"the bucket does not have the file {checksum} (any more)",
                    "put the file into the folder again, or upload it in Gramps Web",
                ) from cause
            raise
        if answer.meta["e_tag"] is None:
            raise translate(S3Error(Fault.FOREIGN), self._session.place)
        return answer

    def _wait_for_line(self, checksum: Checksum) -> Pace | None:
        """Wait until a key may be read in one request; or how it is to be read in several."""
        if (line := self._limits.down) is None:
            return None

        async def look(transport: Transport) -> int:
            return (await obstore.head_async(transport, self._key(checksum)))["size"]

        try:
            size = self._asking.ask(look)
        except Unreachable:
            raise
        except ServerError:
            return None  # the answer to a HEAD has no reason; that to the GET will have
        if size > line.request:
            return Pace(line, size, self._fetch_part, self._closed)
        line.take(size, self._closed)
        return None

    def _fetch_part(
        self, checksum: Checksum, offset: int, size: int, etag: str | None
    ) -> tuple[bytes | S3Error, str]:
        """See `Fetch`. Through boto3: obstore does not take a part from a server that calls it a whole."""
        condition: Any = {} if etag is None else {"IfMatch": f'"{etag}"'}

        def get(client: S3Client) -> tuple[bytes | S3Error, str]:
            answer = client.get_object(
                Bucket=self.location.bucket,
                Key=self._key(checksum),
                Range=f"bytes={offset}-{offset + size - 1}",
                **condition,
            )
            try:
                return answer["Body"].read(), answer["ETag"].strip('"')
            except Exception as error:
                return understand(error), ""

        try:
            return self._asking.ask_boto(get)
        except ServerError as error:
            cause = error.__cause__
            if isinstance(cause, S3Error) and (cause.is_missing_key or cause.status in (412, 416)):
                raise replaced(checksum) from cause
            raise

    def _ask_aloud(self, checksum: Checksum) -> dict[Checksum, int]:
        """Ask for a key by GET, whose errors carry a reason; empty when it is truly not there."""
        with suppress(MovedOn):
            return {checksum: self._open_at(checksum, 0, None).meta["size"]}
        return {}
