"""A small S3 in memory behind the scriptable stub: enough for all that a store asks, plus the rules of one service.

A rule looks at each request first and may answer it as the service would. `calls` tells which rights the requests need.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from tests.unit.bucket.stub import Answer, Request, error

Rule = Callable[[Request], Answer | None]
Key = str


def md5(content: bytes) -> str:
    """The ETag of most services for what came in one piece."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Call:
    """A right that a request needs, in the words of Amazon's policies. `prefix`: what a listing is limited to."""

    action: str
    resource: str
    prefix: str | None = None


@dataclass
class SmallS3:
    """The service; `server.script = SmallS3(…)`."""

    rules: tuple[Rule, ...] = ()
    etag: Callable[[bytes], str] = md5
    page: int = 1000
    bucket: str = "media"
    region: str = "us-east-1"
    keys: dict[Key, tuple[bytes, str]] = field(default_factory=dict)
    """Content and ETag."""
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        self.calls.append(call_of(request))
        for rule in self.rules:
            answer = rule(request)
            if answer is not None:
                return answer
        _, bucket, *rest = request.path.split("/", 2)
        if unquote(bucket) != self.bucket:
            return error(404, "NoSuchBucket")
        key = unquote(rest[0]) if rest else ""
        return self._key(request, key) if key else self._bucket(request)

    def put(self, key: str, content: bytes) -> None:
        """Store behind everybody's back."""
        self.keys[key] = (content, self.etag(content))

    def _bucket(self, request: Request) -> Answer:
        query = request.query
        if request.method == "HEAD":
            return Answer(headers={"x-amz-bucket-region": self.region})
        if request.method == "PUT":
            return Answer()
        if "uploads" in query:
            uploads = "".join(
                f"<Upload><Key>{escape(upload.partition(':')[2])}</Key><UploadId>{escape(upload)}</UploadId>"
                "<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>"
                for upload in self.parts
            )
            return _xml("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{uploads}")
        below = sorted(key for key in self.keys if key.startswith(query.get("prefix", "")))
        deep = len(query.get("prefix", ""))
        if query.get("delimiter"):
            below = [key for key in below if "/" not in key[deep:]]
        start = int(query.get("continuation-token", 0))
        end = start + min(self.page, int(query.get("max-keys", self.page)))
        # As Amazon does when it is asked to; those that ignore the wish say no EncodingType either.
        code = quote if query.get("encoding-type") == "url" else escape
        items = "".join(
            f"<Contents><Key>{code(key)}</Key><Size>{len(self.keys[key][0])}</Size></Contents>"
            for key in below[start:end]
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(below) else ""
        encoding = "<EncodingType>url</EncodingType>" if code is quote else ""
        truncated = str(bool(more)).lower()
        return _xml("ListBucketResult", f"<IsTruncated>{truncated}</IsTruncated>{encoding}{items}{more}")

    def _key(self, request: Request, key: str) -> Answer:
        query, upload = request.query, request.query.get("uploadId", "")
        match request.method:
            case "PUT" if upload:
                self.parts[upload][int(query["partNumber"])] = request.body
                return Answer(headers={"ETag": f'"{md5(request.body)}"'})
            case "PUT":
                self.put(key, request.body)
                return Answer(headers={"ETag": f'"{self.keys[key][1]}"'})
            case "POST" if "uploads" in query:
                upload = f"{len(self.calls)}:{key}"
                self.parts[upload] = {}
                return _xml("InitiateMultipartUploadResult", f"<UploadId>{escape(upload)}</UploadId>")
            case "POST":
                parts = [content for _, content in sorted(self.parts.pop(upload).items())]
                digests = b"".join(bytes.fromhex(md5(part)) for part in parts)
                self.keys[key] = (b"".join(parts), f"{md5(digests)}-{len(parts)}")
                return _xml("CompleteMultipartUploadResult", f'<ETag>"{self.keys[key][1]}"</ETag>')
            case "DELETE":
                self.parts.pop(upload, None)
                return Answer(204)
        if key not in self.keys:
            return error(404, "NoSuchKey")
        content, etag = self.keys[key]
        headers = {"ETag": f'"{etag}"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        if (asked := request.headers.get("range")) and (found := re.match(r"bytes=(\d+)-", asked)):
            start = int(found[1])
            if start >= len(content):
                return error(416, "InvalidRange")
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return Answer(206, content[start:], headers)
        return Answer(200, content, headers)


def call_of(request: Request) -> Call:
    """Which right a request needs: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>."""
    _, bucket, *rest = request.path.split("/", 2)
    key, query = unquote(rest[0]) if rest else "", request.query
    if not key:
        arn = f"arn:aws:s3:::{unquote(bucket)}"
        if request.method == "PUT":
            return Call("s3:CreateBucket", arn)
        if "uploads" in query:
            return Call("s3:ListBucketMultipartUploads", arn)
        return Call("s3:ListBucket", arn, query.get("prefix") if request.method == "GET" else None)
    arn = f"arn:aws:s3:::{unquote(bucket)}/{key}"
    match request.method:
        case "GET" | "HEAD":
            return Call("s3:GetObject", arn)
        case "DELETE":
            return Call("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", arn)
        case _:
            return Call("s3:PutObject", arn)


def _xml(root: str, inner: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'
    return Answer(body=text.encode(), headers={"Content-Type": "application/xml"})
