"""Whether the bucket is there and may be written to; making it. Few and rare requests, through boto3."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from syncd.bucket.failures import S3Error
from syncd.bucket.session import Session
from syncd.errors import BucketMissing, ServerError

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_FIRST_REGION = "us-east-1"
"""The one that a location constraint must not name."""


def exists(session: Session) -> bool:
    """Whether the bucket is there.

    Raises:
        Denied: there is one, but this login may not list it.
    """
    try:
        # Unlike HeadBucket's, its answer says why it is refused. With the prefix, for a key may be limited to it.
        session.call(
            session.client().list_objects_v2,
            Bucket=session.location.bucket,
            Prefix=session.location.prefix,
            MaxKeys=1,
        )
    except BucketMissing:
        return False
    return True


def create_bucket(session: Session, region: str | None) -> None:
    """Make the bucket; it may be ours already.

    Raises:
        Refused: somebody else has one of that name.
    """
    client = session.client()
    where: Any = region or session.region
    try:
        if where == _FIRST_REGION:
            session.call(client.create_bucket, Bucket=session.location.bucket)
        else:
            place: BucketLocationConstraintType = where
            session.call(
                client.create_bucket,
                Bucket=session.location.bucket,
                CreateBucketConfiguration={"LocationConstraint": place},
            )
    except ServerError as error:
        cause = error.__cause__
        if not (isinstance(cause, S3Error) and cause.code == "BucketAlreadyOwnedByYou"):
            raise


def probe_write(session: Session) -> None:
    """Begin an upload in parts and abort it: what may do that may write.

    Raises:
        Denied: this login may not.
    """
    client, bucket = session.client(), session.location.bucket
    # A key of our form: the login's rights may be limited to it, and `abort_stale_uploads` finds it.
    key = session.location.prefix + uuid.uuid4().hex
    upload = session.call(client.create_multipart_upload, Bucket=bucket, Key=key)["UploadId"]
    session.call(client.abort_multipart_upload, Bucket=bucket, Key=key, UploadId=upload)
