"""Habits of S3 services, as rules for `SmallS3`."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.unit.bucket.small_s3 import Rule
from tests.unit.bucket.stub import Answer, Request, error


def region_of(request: Request) -> str:
    """The region that a request was signed for."""
    found = re.search(r"Credential=[^/]+/\d+/([^/]+)/s3/", request.headers.get("authorization", ""))
    return found[1] if found else "nothing"


def refuses(header: str, status: int, code: str) -> Rule:
    """A service that does not know some headers or ways to send; `header` is searched in names and values."""
    pattern = re.compile(header)

    def rule(request: Request) -> Answer | None:
        told = (f"{name}: {value}" for name, value in request.headers.items())
        return error(status, code) if any(pattern.search(line) for line in told) else None

    return rule


def wants(*regions: str, told: Callable[[], Answer]) -> Rule:
    """A service that takes only signatures for these regions. A HEAD has no body, and AWS names the region beside it."""

    def rule(request: Request) -> Answer | None:
        if region_of(request) in regions:
            return None
        answer = told()
        if request.method == "HEAD":
            answer.headers["x-amz-bucket-region"] = regions[0]
        return answer

    return rule


def fails_at_first(status: int, code: str, **headers: str) -> Callable[[], Rule]:
    """A service that fails whatever is asked for the first time."""

    def new() -> Rule:
        seen: set[tuple[str, str, str]] = set()

        def rule(request: Request) -> Answer | None:
            asked = (request.method, request.path, str(sorted(request.query.items())))
            if asked in seen:
                return None
            seen.add(asked)
            return error(status, code, **headers)

        return rule

    return new


def object_lock(request: Request) -> Answer | None:
    """A bucket with a default retention, as Amazon answers it."""
    uploads = request.method == "PUT" and request.body
    if not uploads or any(name == "content-md5" or "checksum" in name for name in request.headers):
        return None
    what = "Part" if "uploadId" in request.query else "Object"
    message = f"Content-MD5 OR x-amz-checksum- HTTP header is required for Put {what} requests with Object Lock parameters"
    return error(400, "InvalidRequest", message=message)


def only_below(prefix: str) -> Rule:
    """An application key that is limited to a prefix."""

    def rule(request: Request) -> Answer | None:
        key = request.path.partition("/media")[2].lstrip("/")
        asked = key or request.query.get("prefix", "")
        return None if asked.startswith(prefix) else error(403, "AccessDenied")

    return rule


def no_batches(request: Request) -> Answer | None:
    """Google has no DeleteObjects."""
    return error(400, "NotImplemented") if request.method == "POST" and "delete" in request.query else None


def like_old_boto(request: Request) -> Answer | None:
    """Google takes no chunked signatures and none of Amazon's newer checksums."""
    return refuses(
        "aws-chunked|STREAMING-|x-amz-(sdk-)?checksum|x-amz-trailer", 403, "SignatureDoesNotMatch"
    )(request)


def no_conditions(request: Request) -> Answer | None:
    """A service that does not know a condition on each key to delete."""
    return error(400, "MalformedXML") if b"<ETag>" in request.body and "delete" in request.query else None


def deletes_with_md5(request: Request) -> Answer | None:
    """DeleteObjects wants an MD5."""
    if "delete" in request.query and "content-md5" not in request.headers:
        return error(400, "InvalidRequest", message="Missing required header for this request: Content-MD5")
    return None


def malformed() -> Answer:
    """The answer that names the region."""
    return error(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>")
