"""Copies that the server makes itself: no byte travels through this machine.

- Up to 5 GB in one request; more in parts, as AWS wants it. A server that does not know parts copied from another key
  (rclone's stores an empty part) is asked for one large copy instead; it has no such limit.
- The source must be what was listed: the condition travels with the request, and where a server does not know it, the copy
  betrays it by another size or ETag.

Limits: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html> and `API_UploadPartCopy.html` there.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from syncd.bucket.failures import Abandoned, S3Error
from syncd.bucket.multipart import MOST_PARTS
from syncd.bucket.reading import changed
from syncd.bucket.session import Session
from syncd.bucket.stored import StoredKey
from syncd.errors import ServerError
from syncd.workers import in_order

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

LARGEST = 5 * 1000**3
"""Bytes that one CopyObject takes; AWS says 5 GB, and means GiB."""
PART = 512 << 20
_AT_ONCE = 4


class _NoPartsError(Exception):
    """The server does not copy parts."""


class Copying:
    """Copies within one bucket; used by many threads."""

    largest: int = LARGEST
    """Of one request; more goes in parts."""
    part: int = PART

    def __init__(self, session: Session, closed: threading.Event) -> None:
        self._session = session
        self._bucket = session.location.bucket
        self._closed = closed

    def look(self, key: str) -> StoredKey | None:
        """A key as it is now; None when it is not there.

        A HEAD's 404 has no reason; whoever is answered None must not conclude more than that there is nothing to do.
        """
        client = self._session.client()
        try:
            answer = self._session.call(client.head_object, Bucket=self._bucket, Key=key)
        except ServerError as error:
            if isinstance(error.__cause__, S3Error) and error.__cause__.status == 404:
                return None
            raise
        return StoredKey(
            key, answer["ContentLength"], answer.get("ETag", "").strip('"'), answer["LastModified"]
        )

    def copy(self, source: StoredKey, target: str) -> StoredKey | None:
        """Copy; returns what came of it, of which nothing is proven yet.

        Raises:
            MovedOn: the source is no longer what was listed.
        """
        if self._closed.is_set():
            raise Abandoned
        if source.key == target:
            raise ValueError(target)
        try:
            if source.size > self.largest:
                try:
                    self._copy_parts(source, target)
                except _NoPartsError:
                    self._copy_whole(source, target)
            else:
                self._copy_whole(source, target)
        except ServerError as error:
            if isinstance(error.__cause__, S3Error) and (
                error.__cause__.status == 412 or error.__cause__.is_missing_key
            ):
                raise changed(source.key) from error.__cause__
            raise
        return self.look(target)

    def _condition(self, source: StoredKey) -> Any:
        where = {"CopySource": {"Bucket": self._bucket, "Key": source.key}}
        return {**where, "CopySourceIfMatch": f'"{source.etag}"'} if source.etag else where

    def _copy_whole(self, source: StoredKey, target: str) -> None:
        client = self._session.client(slow=True)
        self._session.call(
            client.copy_object,
            Bucket=self._bucket,
            Key=target,
            MetadataDirective="COPY",
            **self._condition(source),
        )

    def _copy_parts(self, source: StoredKey, target: str) -> None:
        session, bucket = self._session, self._bucket
        client = session.client(slow=True)
        about = session.call(client.head_object, Bucket=bucket, Key=source.key)
        kept: Any = {"ContentType": about.get("ContentType") or "application/octet-stream"}
        if about.get("Metadata"):
            kept["Metadata"] = about["Metadata"]
        upload = session.call(client.create_multipart_upload, Bucket=bucket, Key=target, **kept)["UploadId"]
        step = max(self.part, -(-source.size // MOST_PARTS))

        def copy_part(number: int) -> CompletedPartTypeDef:
            if self._closed.is_set():
                raise Abandoned
            start = (number - 1) * step
            end = min(start + step, source.size) - 1
            answer = session.call(
                client.upload_part_copy,
                Bucket=bucket,
                Key=target,
                UploadId=upload,
                PartNumber=number,
                CopySourceRange=f"bytes={start}-{end}",
                **self._condition(source),
            )
            etag = answer.get("CopyPartResult", {}).get("ETag")
            if not etag:
                raise _NoPartsError
            return {"PartNumber": number, "ETag": etag}

        try:
            numbers = range(1, -(-source.size // step) + 1)
            parts = in_order(copy_part, numbers, threads=_AT_ONCE, name="syncd-copy")
            session.call(
                client.complete_multipart_upload,
                Bucket=bucket,
                Key=target,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            # Nobody should pay for parts that nobody sees; there is an error to tell already.
            with contextlib.suppress(ServerError):
                session.call(client.abort_multipart_upload, Bucket=bucket, Key=target, UploadId=upload)
            raise
