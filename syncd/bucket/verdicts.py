"""What a failure of the bucket means to a person, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from syncd.bucket.failures import Fault, Hint, S3Error
from syncd.errors import BucketMissing, Denied, Refused, ServerError, Unexpected, Unreachable


@dataclass(frozen=True, slots=True)
class Place:
    """What a message may name."""

    bucket: str
    endpoint: str
    """Without user name, password and query."""


_KEYS = "compare access_key_id and secret_access_key under [s3] (or AWS_ACCESS_KEY_ID …) with what the storage provider shows"
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
_REGION = "set region under [s3], or take it out: syncd finds it"
_REGION_OF_AMAZON = (
    "take endpoint_url and region out of [s3] (and AWS_ENDPOINT_URL, AWS_DEFAULT_REGION out of the environment): "
    "syncd finds both; a region that Amazon leaves to be opted into must be enabled for the account"
)
NOT_LET = "S3 does not let this login use the bucket"
_RIGHTS = (
    "give the S3 user the rights s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and "
    "s3:AbortMultipartUpload on its content"
)
_ACCOUNT = ("the S3 account is locked", "ask the storage provider, or look at its web page")
_EXPIRED = "log in again (for example: aws sso login) or put fresh credentials into the configuration"

_DENIED: Mapping[str, tuple[str, str]] = {
    "InvalidAccessKeyId": ("S3 does not know this access key", _KEYS),
    "SignatureDoesNotMatch": (
        "S3 refuses the secret access key: it does not belong to the access key",
        _KEYS,
    ),
    "InvalidToken": ("S3 refuses the session token", _EXPIRED),
    "InvalidClientTokenId": ("S3 refuses the session token", _EXPIRED),
    "ExpiredToken": ("the S3 login has expired", _EXPIRED),
    "ExpiredTokenException": ("the S3 login has expired", _EXPIRED),
    "TokenRefreshRequired": ("the S3 login has expired", _EXPIRED),
    "RequestTimeTooSkewed": (
        "S3 refuses the login because the clock of this computer is wrong",
        "set the clock of this computer (timedatectl set-ntp true), then run syncd again",
    ),
    "AccountProblem": _ACCOUNT,
    "AllAccessDisabled": _ACCOUNT,
    "UserSuspended": _ACCOUNT,
    "NotSignedUp": (
        "the S3 account is not signed up for the service",
        "ask the storage provider, or look at its web page",
    ),
    "Unauthorized": ("S3 does not know this login", _KEYS),
    "UserProjectMissing": (
        "the bucket makes whoever reads it pay (requester pays), which Gramps Web cannot use either",
        "switch requester pays off for the bucket",
    ),
}
_DENIED = {
    **_DENIED,
    "RequestExpired": _DENIED["RequestTimeTooSkewed"],
    "ExpiredRequest": _DENIED["RequestTimeTooSkewed"],
    "InvalidSecurity": _DENIED["SignatureDoesNotMatch"],
}

_KMS = (
    "S3 may not use the key (KMS) with which the bucket encrypts this file",
    "give the S3 user the rights kms:GenerateDataKey and kms:Decrypt on that key, and see that it is enabled",
)
_FULL = ("the bucket takes no more: its quota or its disk is full", "make room at the storage provider")
_REFUSED: Mapping[str, tuple[str, str]] = {
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "InsufficientStorageSpace": _FULL,
    "EntityTooLarge": (
        "the file is too large for the bucket",
        "keep it out with an ignore pattern, or shrink it",
    ),
    "InvalidObjectState": (
        "the bucket has moved this file to its archive, from where it cannot be read at once",
        "restore it at the storage provider, then run syncd again",
    ),
    "BucketAlreadyExists": (
        "the bucket's name is taken by somebody else",
        "choose another name for the bucket, here and in Gramps Web",
    ),
    "InvalidBucketName": ("this is no valid name for a bucket", "correct url under [s3]"),
}
_HINTED: Mapping[str, tuple[str, str]] = {
    Hint.KMS: _KMS,
    Hint.CUSTOMER_KEY: (
        "the file in the bucket is encrypted with a key that only its uploader has (SSE-C)",
        "upload the file again without such a key; Gramps Web cannot show it either",
    ),
    Hint.OBJECT_LOCK: (
        "the bucket is locked (Object Lock) and refuses the upload for want of a checksum",
        "run syncd again; if it stays so, report it as a defect of syncd",
    ),
}
_PASSING = {"SlowDown", "RequestTimeout", "RequestRateLimitExceeded", "BandwidthLimitExceeded"}
"""What services also say with 400 or 403."""
_DAMAGED_ON_THE_WAY = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}


def translate(failure: S3Error, place: Place) -> ServerError:
    """Say what a failure means to a person; to be raised from the failure."""
    if failure.fault is not Fault.ANSWER:
        return _without_answer(failure, place)
    code, status = failure.code, failure.status
    if code == "NoSuchBucket":
        return BucketMissing(
            f"the bucket {place.bucket} does not exist",
            "correct url under [s3], make the bucket at the storage provider, or set create_bucket = true",
        )
    if code == "SignatureDoesNotMatch" and urlsplit(place.endpoint).path.strip("/"):
        reason, remedy = _DENIED[code]
        return Denied(
            f"{reason}, or a proxy on the way to {place.endpoint} changes the path that was signed",
            f"{remedy}; a proxy must hand the whole path on to an S3 server that serves below it",
        )
    if code in _DENIED:
        return Denied(*_DENIED[code])
    if code in _REFUSED:
        return Refused(*_REFUSED[code])
    if failure.hint in _HINTED:
        return Refused(*_HINTED[failure.hint])
    if code.startswith(("KMS.", "CloudKms")):
        return Refused(*_KMS)
    if status == 507:
        return Refused(*_FULL)
    if failure.is_wrong_region:
        named = f"; it is in {failure.region}" if failure.region else ""
        return Denied(
            f"the bucket {place.bucket} is not in the region that syncd was told{named}",
            _REGION_OF_AMAZON if place.endpoint.endswith(_AMAZON) else _REGION,
        )
    if status in (401, 403):
        return Denied(f"{NOT_LET} {place.bucket}", _RIGHTS)
    if status in (408, 429) or status >= 500 or code in _PASSING:
        return Unreachable(
            f"S3 at {place.endpoint} keeps failing ({code or f'HTTP {status}'})",
            "run syncd again later; if it stays so, ask the storage provider",
        )
    if code in _DAMAGED_ON_THE_WAY:
        return Unreachable(
            f"what was sent to S3 at {place.endpoint} did not arrive as it was sent",
            "check the network connection; try again",
        )
    if not code:
        return _foreign(place)
    return Refused(f"S3 refuses the request ({code})", "run syncd check; it tests the bucket step by step")


def _foreign(place: Place) -> Unexpected:
    return Unexpected(
        f"what answers at {place.endpoint} is no S3 server",
        "check endpoint_url under [s3], and whether a proxy or a login page of the network stands in between",
    )


def _without_answer(failure: S3Error, place: Place) -> ServerError:
    where = place.endpoint
    match failure.fault:
        case Fault.LOGIN if failure.hint == "ProfileNotFound":
            return Denied(
                "the profile for S3 does not exist on this computer",
                "correct profile under [s3] (or AWS_PROFILE); `aws configure list-profiles` shows what there is",
            )
        case Fault.LOGIN:
            sso = "SSO" in failure.hint or "Token" in failure.hint
            return Denied(
                "the S3 login has expired" if sso else "no S3 credentials were found, or they cannot be used",
                _EXPIRED
                if sso
                else "set access_key_id and secret_access_key (or profile) under [s3], or AWS_ACCESS_KEY_ID …",
            )
        case Fault.NAME:
            return Unreachable(
                f"S3 at {where} cannot be found: the name does not resolve",
                "check endpoint_url and region under [s3], and the network connection",
            )
        case Fault.CONNECT:
            return Unreachable(
                f"S3 at {where} does not accept connections",
                "check endpoint_url under [s3], that the server runs, and the network connection",
            )
        case Fault.TLS:
            return Unreachable(
                f"no secure connection to S3 at {where}: its certificate is not trusted, or it does not speak TLS",
                "check endpoint_url under [s3]; AWS_CA_BUNDLE names the certificate of an authority of your own",
            )
        case Fault.TIMEOUT:
            return Unreachable(
                f"S3 at {where} does not answer in time", "check the network connection; try again"
            )
        case Fault.BROKEN:
            return Unreachable(
                f"the connection to S3 at {where} broke off again and again",
                "check the network connection; try again",
            )
        case Fault.REGION:
            return Denied(
                f"the bucket {place.bucket} is not in the region that syncd was told",
                _REGION_OF_AMAZON if place.endpoint.endswith(_AMAZON) else _REGION,
            )
        case _:
            return _foreign(place)
