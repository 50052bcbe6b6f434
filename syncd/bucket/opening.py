"""From settings to a store."""

from __future__ import annotations

from pydantic import SecretStr

from syncd.bucket.access import Login, Patience, S3Location
from syncd.bucket.s3 import S3Store
from syncd.bucket.session import Session
from syncd.pacing import UNLIMITED, Limits


def open_store(
    *,
    bucket: str,
    prefix: str = "",
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: SecretStr | None = None,
    session_token: SecretStr | None = None,
    allow_http: bool = False,
    transfers: int = 16,
    patience: Patience | None = None,
    limits: Limits = UNLIMITED,
) -> S3Store:
    """A store in a bucket; nothing is asked of it yet.

    Args:
        bucket: its name.
        prefix: what stands before the checksum: `""`, or text that ends with a slash.
        endpoint_url: None for AWS.
        region: None: it is found out. A wrong one is corrected.
        profile: of `~/.aws/config`; used when there are no keys.
        access_key_id: with `secret_access_key`; None: boto3's chain.
        secret_access_key: see `access_key_id`.
        session_token: only with keys that need one.
        allow_http: plain http to other machines than this one.
        transfers: how many requests at once (the threads that call are the caller's).
        patience: how long to try.
        limits: how fast files may travel.

    Raises:
        ConfigError: the address or the prefix cannot be used.
    """
    session = Session(
        S3Location(bucket, prefix),
        Login(profile, access_key_id, secret_access_key, session_token),
        endpoint_url=endpoint_url,
        region=region,
        allow_http=allow_http,
        connections=transfers + 8,
        patience=patience,
    )
    return S3Store(session, transfers=transfers, limits=limits)
