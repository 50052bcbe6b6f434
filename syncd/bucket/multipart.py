"""Files over 8 MiB, in parts: bounded memory, and completed only when all the bytes read have the checksum.

- Until it is completed, a multipart upload is invisible: a file that changes while it is read never gets a key.
- Whatever ends an upload (a changed file, an error, an interruption, `close`) aborts it, so that nobody pays for parts
  that nobody sees. Only a kill leaves one behind; `abort_stale` finds those.
- Each part is sent with its MD5, which S3 checks. boto3, because obstore's uploads cannot be watched this closely;
  with parts of 8 MiB it is no slower to speak of (94 to 110 MB/s on one machine, rclone at the other end).
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from syncd.bucket.body import Body, NotWanted
from syncd.bucket.budget import MIB, Budget
from syncd.bucket.failures import Abandoned, S3Error, understand
from syncd.bucket.session import Session
from syncd.bucket.sources import expect, read_up_to
from syncd.errors import ServerError, Unexpected
from syncd.logger import Logger
from syncd.model import Checksum
from syncd.pacing import Line, turn
from syncd.ports import Advance

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

log = Logger(__name__)

SMALLEST_PART = 8 * MIB
_SMALLEST_ALLOWED = 5 * MIB
"""S3's limit for all parts but the last."""
MOST_PARTS = 10_000
"""S3's limit: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>."""
_AT_ONCE = 4
"""Parts of one file under way at the same time."""
_NO_UPLOADS = {"NoSuchUpload", "NotImplemented", "MethodNotAllowed"}


def at_most_whole(line: Line | None) -> int:
    """Up to so many bytes a file is sent in one request: 8 MiB, and down to 5 where these take over a minute."""
    return SMALLEST_PART if line is None else line.part(_SMALLEST_ALLOWED, SMALLEST_PART)


def part_size(size: int, line: Line | None = None) -> int:
    """Bytes in a part: 8 MiB up to 78 GiB, then as many whole MiB as keep it to 10,000 parts (525 MiB at 5 TB)."""
    least = -(-size // MOST_PARTS)
    return max(at_most_whole(line), -(-least // MIB) * MIB)


@dataclass(slots=True)
class _Upload:
    """One upload under way."""

    key: str
    id: str
    given_up: threading.Event = field(default_factory=threading.Event)
    parts: list[CompletedPartTypeDef] = field(default_factory=list)
    part_digests: list[bytes] = field(default_factory=list)

    @property
    def etag(self) -> str:
        """The ETag that AWS gives such an upload."""
        joined = hashlib.md5(b"".join(self.part_digests), usedforsecurity=False).hexdigest()
        return f"{joined}-{len(self.part_digests)}"


class Multipart:
    """Uploads in parts to one bucket; used by many threads."""

    def __init__(
        self, session: Session, budget: Budget, closed: threading.Event, line: Line | None = None
    ) -> None:
        self._session = session
        self._budget = budget
        self._closed = closed
        self._line = line
        self._pool = ThreadPoolExecutor(2 * _AT_ONCE, "syncd-part")
        self._active = 0
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)

    def put(
        self, key: str, source: BinaryIO, *, checksum: Checksum, size: int, mime: str, advance: Advance
    ) -> None:
        """Upload; see `Store.put`."""
        session, bucket = self._session, self._session.location.bucket
        client = session.client()
        if self._closed.is_set():
            raise Abandoned
        with self._lock:
            self._active += 1
        try:
            answer = session.call(client.create_multipart_upload, Bucket=bucket, Key=key, ContentType=mime)
            upload = _Upload(key, answer["UploadId"])
            try:
                self._send(upload, source, checksum, size, advance)
                etag = self._complete(upload, checksum)
            except BaseException:
                self._abort(upload)
                raise
        finally:
            with self._lock:
                self._active -= 1
                self._idle.notify_all()
        if etag not in (checksum, upload.etag):
            # With SSE-KMS an ETag says nothing: at least the size must be right.
            self._check_size(key, size)

    def abort_stale(self, prefix: str, older_than: timedelta) -> int:
        """Abort uploads to keys of our form that began before; returns how many.

        RACE: Gramps Web uploads to the same keys. One that takes longer than `older_than` is aborted and reports an
        error to its user; choose a day or more.
        """
        session, bucket = self._session, self._session.location.bucket
        client = session.client()
        ours = re.compile(re.escape(prefix) + r"[0-9a-f]{32}")
        before = datetime.now(UTC) - older_than
        aborted = 0
        more: dict[str, Any] = {}
        seen: set[tuple[str, str]] = set()
        while not self._closed.is_set():
            try:
                page = session.call(client.list_multipart_uploads, Bucket=bucket, Prefix=prefix, **more)
            except ServerError as error:
                # rclone says NoSuchUpload of a bucket that never had one; some servers cannot list them at all.
                if isinstance(error.__cause__, S3Error) and error.__cause__.code in _NO_UPLOADS:
                    break
                raise
            for item in page.get("Uploads", ()):
                if ours.fullmatch(item["Key"]) and item["Initiated"] < before:
                    self._abort(_Upload(item["Key"], item["UploadId"]))
                    aborted += 1
            marker = (page.get("NextKeyMarker", ""), page.get("NextUploadIdMarker", ""))
            if not page.get("IsTruncated") or marker in seen:
                break
            seen.add(marker)
            more = {"KeyMarker": marker[0], "UploadIdMarker": marker[1]}
        return aborted

    def close(self, seconds: float = 15) -> None:
        """Wait until uploads under way have been aborted (`closed` is set by then)."""
        with self._lock:
            self._idle.wait_for(lambda: not self._active, seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _send(
        self, upload: _Upload, source: BinaryIO, checksum: Checksum, size: int, advance: Advance
    ) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        step = part_size(size, self._line)
        under_way: deque[Future[CompletedPartTypeDef]] = deque()
        left = size

        def settle() -> None:
            upload.parts.append(under_way[0].result())
            under_way.popleft()

        try:
            while left:
                wanted = min(step, left)
                with ExitStack() as held:
                    # In this order everywhere: whoever has memory is on its way.
                    held.enter_context(turn(self._line, self._closed))
                    held.enter_context(self._budget.hold(wanted))
                    content = read_up_to(source, wanted)
                    digest.update(content)
                    expect(checksum, holds=len(content) == wanted)
                    part = self._start_part(upload, content, advance)
                    part.add_done_callback(_let_go(held.pop_all()))
                under_way.append(part)
                left -= wanted
                del content
                if len(under_way) >= _AT_ONCE:
                    settle()
            expect(checksum, holds=not source.read(1) and digest.hexdigest() == checksum)
            while under_way:
                settle()
        except BaseException:
            upload.given_up.set()
            for part in under_way:
                part.cancel()
            # S3 may keep a part that arrives after the abort.
            wait(under_way, self._session.patience.answer)
            raise

    def _start_part(self, upload: _Upload, content: bytes, advance: Advance) -> Future[CompletedPartTypeDef]:
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        upload.part_digests.append(digest)
        number = len(upload.part_digests)
        session, bucket = self._session, self._session.location.bucket
        client = session.client()
        size = len(content)
        body = Body(content, self._closed, given_up=upload.given_up, line=self._line)

        def send() -> CompletedPartTypeDef:
            answer = client.upload_part(
                Bucket=bucket,
                Key=upload.key,
                UploadId=upload.id,
                PartNumber=number,
                Body=body,
                ContentMD5=base64.b64encode(digest).decode(),
            )
            advance(size)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        def send_or_tell() -> CompletedPartTypeDef:
            try:
                return session.call(send)
            except NotWanted:
                raise Abandoned from None
            except ServerError:
                if upload.given_up.is_set() or self._closed.is_set():
                    raise Abandoned from None
                raise

        return self._pool.submit(send_or_tell)

    def _complete(self, upload: _Upload, checksum: Checksum) -> str:
        """Make the key appear; returns its ETag."""
        if self._closed.is_set():
            raise Abandoned
        session, bucket = self._session, self._session.location.bucket
        client = session.client()
        try:
            answer = session.call(
                client.complete_multipart_upload,
                Bucket=bucket,
                Key=upload.key,
                UploadId=upload.id,
                MultipartUpload={"Parts": upload.parts},
            )
        except ServerError:
            # The answer may have been lost and the repetition refused: then the key is there, with our ETag.
            try:
                etag, _size = self._head(upload.key)
            except ServerError:
                etag = ""
            if etag not in (checksum, upload.etag):
                raise
            return etag
        return answer.get("ETag", "").strip('"')

    def _check_size(self, key: str, size: int) -> None:
        _etag, found = self._head(key)
        if found != size:
            raise Unexpected(
                f"the bucket took {size} bytes but has {found} under {key}",
                "run syncd again; if it stays so, ask the storage provider",
            )

    def _head(self, key: str) -> tuple[str, int]:
        """Its ETag and its size."""
        session = self._session
        answer = session.call(session.client().head_object, Bucket=session.location.bucket, Key=key)
        return answer["ETag"].strip('"'), answer["ContentLength"]

    def _abort(self, upload: _Upload) -> None:
        """Abort, never raising: there is an error to tell already."""
        client = self._session.client()
        try:
            client.abort_multipart_upload(
                Bucket=self._session.location.bucket, Key=upload.key, UploadId=upload.id
            )
        except Exception as error:
            failure = understand(error)
            if failure.code != "NoSuchUpload":
                log.warning("upload_not_aborted", key=upload.key, why=str(failure))


def _let_go(held: ExitStack) -> Callable[[Future[CompletedPartTypeDef]], None]:
    """For the end of a part: others may have its turn and its memory."""
    return lambda _part: held.close()
