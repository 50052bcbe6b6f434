"""The bucket as a `syncd.ports.Store`.

Invariants:
- A key is only written with bytes that were hashed and have its checksum, from the very buffer that was hashed.
- Nothing is ever deleted. The caller decides what is missing (`list`, `sizes`): `put` overwrites, with equal bytes.
- "Not there" is only said when an S3 server said so: a missing bucket, a proxy's 404 or a login page raise.
- Uploads together hold no more memory than the budget, whatever the files' sizes; downloads a few MiB each.

Measured on two cores that the server (rclone) and other work shared, 300 files of 30 to 800 kB, 16 threads, medians
of 8 runs in turn: `put` 212 files a second against 173 of boto3's `put_object`, `get` 307 against 256, `sizes` 887
against 604, each for clearly less processor time. obstore's blocking calls are another tenth faster, but they cannot
be interrupted; hence its futures, on one loop. One loop for reading and hashing too is no faster (208).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import obstore

from syncd.bucket import administration
from syncd.bucket.budget import MIB, Budget, give_freed_memory_back
from syncd.bucket.download import Begun, Download
from syncd.bucket.failures import Abandoned, Fault, Hint, S3Error, understand
from syncd.bucket.listing import list_sizes
from syncd.bucket.loop import Loop
from syncd.bucket.multipart import Multipart
from syncd.bucket.quarantine import bring_along, bring_back, other_place
from syncd.bucket.session import Session
from syncd.bucket.sources import expect, read_up_to
from syncd.bucket.upkeep import Upkeep
from syncd.bucket.verdicts import translate
from syncd.errors import Denied, MovedOn, Refused, ServerError, Unexpected, Unreachable
from syncd.model import BucketSnapshot, Checksum
from syncd.ports import Advance, StoreFacts, no_progress

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store as Transport

T = TypeVar("T")

_SMALL = 8 * MIB
"""Up to this, a file is sent in one request, from memory."""
_SLOWEST = 8 * 1024
"""Bytes a second: sixteen small files at once over 1 Mbit/s must not time out."""
_ROUNDS = 3
_MIME = re.compile(r"[\x21-\x7e][\x20-\x7e]*")


class S3Store:
    """Bytes by checksum in one bucket, below one prefix. Every method may be called from many threads."""

    def __init__(self, session: Session, *, transfers: int = 16, budget: Budget | None = None) -> None:
        self.location = session.location
        self._session = session
        self._transfers = transfers
        self._closed = threading.Event()
        self._object_lock = threading.Event()
        """Set once the bucket asked for the MD5 that Amazon wants with Object Lock and that obstore cannot send."""
        self._budget = budget or Budget()
        give_freed_memory_back()
        self._loop = Loop()
        self._multipart = Multipart(session, self._budget, self._closed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    # --- the protocol ---------------------------------------------------------------------------------

    def list(self) -> BucketSnapshot:
        """See `Store.list`."""
        return BucketSnapshot(list_sizes(self._session, self._closed, self._transfers))

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`."""
        wanted = tuple(dict.fromkeys(checksums))

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
            for checksum, answer in zip(wanted, self._ask(ask), strict=True):
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
        if size > _SMALL:
            self._multipart.put(
                self._key(checksum), source, checksum=checksum, size=size, mime=mime, advance=advance
            )
            return
        with self._budget.hold(size):
            content = read_up_to(source, size + 1)
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            expect(checksum, holds=len(content) == size and digest == checksum)
            etag = self._send(checksum, content, mime)
        if etag != checksum and self.sizes((checksum,)).get(checksum) != size:
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
        download = Download(checksum, target, advance)
        while not download.complete:
            download.read_on(self._open_at, self._run)
        return download.check()

    def close(self) -> None:
        """End what is under way, soon: small transfers at once, uploads in parts when they are aborted."""
        self._closed.set()
        self._budget.close()
        self._loop.close()
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
        return Upkeep(self._session, self._closed, self._transfers)

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
        if not self._object_lock.is_set():
            try:
                return self._send_fast(checksum, content, mime)
            except Refused as error:
                cause = error.__cause__
                if not (isinstance(cause, S3Error) and cause.hint == Hint.OBJECT_LOCK):
                    raise
                self._object_lock.set()
        session = self._session
        answer = session.call(
            session.client().put_object,
            Bucket=self.location.bucket,
            Key=self._key(checksum),
            Body=content,
            ContentType=mime,
            ContentMD5=base64.b64encode(bytes.fromhex(checksum)).decode(),
        )
        return answer["ETag"].strip('"')

    def _send_fast(self, checksum: Checksum, content: bytes, mime: str) -> str:
        limit = 2 * self._session.patience.answer + len(content) / _SLOWEST

        async def send(transport: Transport) -> str:
            async with asyncio.timeout(limit):
                answer = await obstore.put_async(
                    transport,
                    self._key(checksum),
                    content,
                    attributes={"Content-Type": mime},
                    use_multipart=False,
                )
            return (answer["e_tag"] or "").strip('"')

        return self._ask(send, sends=True)

    def _open_at(self, checksum: Checksum, offset: int, etag: str | None) -> Begun:
        """Begin reading a key: its `GetResult`, the stream and its first chunk."""

        async def begin(transport: Transport) -> Begun:
            return await Download.begin(transport, self._key(checksum), offset, etag)

        try:
            return self._ask(begin)
        except ServerError as error:
            cause = error.__cause__
            if isinstance(cause, S3Error) and cause.is_missing_key:
                raise MovedOn(
                    f"the bucket does not have the file {checksum} (any more)",
                    "put the file into the folder again, or upload it in Gramps Web",
                ) from cause
            raise

    def _ask_aloud(self, checksum: Checksum) -> dict[Checksum, int]:
        """Ask for a key by GET, whose errors carry a reason; empty when it is truly not there."""
        with suppress(MovedOn):
            answer, _stream, _first = self._open_at(checksum, 0, None)
            return {checksum: answer.meta["size"]}
        return {}

    def _ask(self, request: Callable[[Transport], Coroutine[Any, Any, T]], *, sends: bool = False) -> T:
        """Run a request, once more if the bucket turns out to be in another region; translate errors."""
        session = self._session
        for last in (False, True):
            region = session.region
            try:
                return self._run(request(session.transport(sends=sends)))
            except S3Error as failure:
                if last or not failure.is_wrong_region or not session.region_was_wrong(failure, region):
                    raise translate(failure, session.place) from failure
        raise AssertionError

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop; raises `S3Error` or `Abandoned`."""
        try:
            return self._loop.run(coroutine)
        except Abandoned:
            raise
        except Exception as error:
            raise self._session.explain(understand(error)) from None
