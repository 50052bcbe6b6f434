"""What went wrong with the bucket: the one place that knows obstore's and botocore's errors.

`verdicts` says it in words for people.

An error's text is never handed on: S3 servers quote access keys and signatures in it, obstore quotes addresses.
`understand` keeps only the fault, the HTTP status, S3's error code, the region and which of a few known sentences the text
holds; `S3Error` carries those as the `__cause__` of what is raised.

S3's codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import obstore.exceptions

from syncd.errors import Unreachable


class Abandoned(Unreachable):
    """The store was closed while this was under way."""

    def __init__(self) -> None:
        super().__init__("the transfer was ended before it was done", "run syncd again; nothing is lost")


class Fault(StrEnum):
    """The kind of a failure."""

    ANSWER = "the server answered with an error"
    NAME = "its name cannot be resolved"
    CONNECT = "it does not accept connections"
    TLS = "its certificate is not trusted or TLS fails"
    TIMEOUT = "it does not answer in time"
    BROKEN = "the connection broke"
    LOGIN = "no credentials"
    REGION = "another region"
    FOREIGN = "no S3 server"


class Hint(StrEnum):
    """What a message says beyond its code: these words of ours are kept, never the message."""

    KMS = "the key of the encryption"
    """Amazon says AccessDenied also where the right to use the KMS key is missing."""
    CUSTOMER_KEY = "encrypted with a key of its own"
    OBJECT_LOCK = "object lock wants a checksum"


class S3Error(Exception):
    """A failed request, freed of its library, of addresses and of secrets.

    Args:
        fault: the kind.
        status: of HTTP, 0 when there was no answer.
        code: S3's error code, `""` when the answer had none (a HEAD never has).
        region: the region that the answer named.
        hint: for `LOGIN` what botocore calls it; for `ANSWER` one of `Hint`, where the code alone says too little.
    """

    def __init__(
        self, fault: Fault, status: int = 0, code: str = "", region: str | None = None, hint: str = ""
    ) -> None:
        super().__init__(" ".join(part for part in (fault.value, str(status or ""), code, hint) if part))
        self.fault = fault
        self.status = status
        self.code = code
        self.region = region
        self.hint = hint

    @property
    def is_missing_key(self) -> bool:
        """Whether an S3 server said that there is no such key (a bare 404 proves nothing)."""
        return self.code == "NoSuchKey"

    @property
    def is_wrong_region(self) -> bool:
        """Whether the bucket is in another region."""
        # A redirect is only seen where it could not be followed, as an upload cannot.
        return self.fault is Fault.REGION or self.code in _ELSEWHERE or self.status in (301, 302, 307, 308)


_ELSEWHERE = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "IncorrectEndpoint",
    "PermanentRedirect",
    "TemporaryRedirect",
}

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9_.\-]{1,64})\s*</Code>")
_REGION = re.compile(r"<Region>\s*([a-z0-9\-]{2,32})\s*</Region>")
_HINTS = (
    (re.compile(r"\bkms:[A-Z]|\bKMS key\b|\baws:kms\b"), Hint.KMS),
    (re.compile(r"stored using a form of Server Side Encryption"), Hint.CUSTOMER_KEY),
    (re.compile(r"is required for Put \w+ requests with Object Lock parameters"), Hint.OBJECT_LOCK),
)
_TLS = re.compile(r"certificate|handshake|InvalidContentType|UnknownIssuer|\btls\b|rustls", re.IGNORECASE)


def understand(error: Exception) -> S3Error:
    """Read an error that obstore or botocore raised."""
    if isinstance(error, S3Error):
        return error
    if isinstance(error, TimeoutError):
        return S3Error(Fault.TIMEOUT)
    if isinstance(error, (obstore.exceptions.BaseError, FileNotFoundError)):
        return _of_obstore(str(error))
    # What is not loaded cannot have raised.
    if "botocore.exceptions" in sys.modules:
        return _of_botocore(error)
    return S3Error(Fault.FOREIGN, hint=type(error).__name__)


def _of_obstore(text: str) -> S3Error:
    summary, _, debug = text.partition("\n\nDebug source:")
    if status := _STATUS.search(summary):
        code, region = _CODE.search(summary), _REGION.search(summary)
        return S3Error(
            Fault.ANSWER,
            int(status[1]),
            code[1] if code else "",
            region[1] if region else None,
            _hint(summary),
        )
    if "credential provider" in summary:
        return S3Error(Fault.LOGIN)
    if "redirect without LOCATION" in summary:
        return S3Error(Fault.REGION)
    if "HTTP error" in summary or "error decoding" in summary or "kind: " in debug:
        if "dns error" in debug:
            return S3Error(Fault.NAME)
        if _TLS.search(debug):
            return S3Error(Fault.TLS)
        if "kind: Timeout" in debug or "TimedOut" in debug:
            return S3Error(Fault.TIMEOUT)
        if "kind: Connect" in debug:
            return S3Error(Fault.CONNECT)
        return S3Error(Fault.BROKEN)
    # Headers without an ETag, a 206 without its range …: an answer, but none that an S3 server gives.
    return S3Error(Fault.FOREIGN)


def _hint(message: str) -> str:
    return next((hint.value for pattern, hint in _HINTS if pattern.search(message)), "")


def _of_botocore(error: Exception) -> S3Error:
    from botocore import exceptions  # noqa: PLC0415 - only when it was imported anyway

    if isinstance(error, exceptions.ClientError):
        answer: Mapping[str, Any] = error.response
        about = answer.get("ResponseMetadata", {})
        code = str(answer.get("Error", {}).get("Code", ""))
        region = about.get("HTTPHeaders", {}).get("x-amz-bucket-region") or answer["Error"].get("Region")
        # For an answer without a body botocore makes the status the code.
        return S3Error(
            Fault.ANSWER,
            int(about.get("HTTPStatusCode", 0)),
            "" if code.isdigit() else code,
            region,
            _hint(str(answer["Error"].get("Message", ""))),
        )
    kinds: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Fault], ...] = (
        (exceptions.SSLError, Fault.TLS),
        ((exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError), Fault.TIMEOUT),
        ((exceptions.EndpointConnectionError, exceptions.ProxyConnectionError), Fault.CONNECT),
        ((exceptions.ConnectionClosedError, exceptions.IncompleteReadError), Fault.BROKEN),
        ((exceptions.HTTPClientError, exceptions.ResponseStreamingError), Fault.BROKEN),
        ((exceptions.ParamValidationError, exceptions.InvalidRegionError), Fault.FOREIGN),
    )
    for kind, fault in kinds:
        if isinstance(error, kind):
            below = str(getattr(error, "kwargs", {}).get("error", ""))
            # urllib3's "Failed to resolve", of which botocore shows nothing.
            return S3Error(Fault.NAME if fault is Fault.CONNECT and "resol" in below else fault)
    if type(error).__name__ == "ResponseParserError":
        return S3Error(Fault.FOREIGN)
    if isinstance(error, exceptions.BotoCoreError):
        # The rest are about finding credentials: profiles, SSO, container and instance roles.
        return S3Error(Fault.LOGIN, hint=type(error).__name__)
    return S3Error(Fault.FOREIGN, hint=type(error).__name__)
