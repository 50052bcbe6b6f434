"""A small S3 in memory behind the scriptable stub: enough for all that a store asks, plus the rules of one service.

A rule looks at each request first and may answer it as the service would.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, unescape

from tests.unit.bucket.stub import Answer, Request, error

MODIFIED = "2015-10-21T07:28:00.000Z"
Rule = Callable[[Request], Answer | None]
Key = str


def md5(content: bytes) -> str:
    """The ETag of most services for what came in one piece."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


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

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
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
        if request.method == "POST":
            return self._delete_many(request.body.decode())
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
            f"<Contents><Key>{code(key)}</Key><Size>{len(self.keys[key][0])}</Size>"
            f"<ETag>&quot;{self.keys[key][1]}&quot;</ETag><LastModified>{MODIFIED}</LastModified></Contents>"
            for key in below[start:end]
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(below) else ""
        encoding = "<EncodingType>url</EncodingType>" if code is quote else ""
        truncated = str(bool(more)).lower()
        return _xml("ListBucketResult", f"<IsTruncated>{truncated}</IsTruncated>{encoding}{items}{more}")

    def _delete_many(self, asked: str) -> Answer:
        told = ""
        for item in re.findall(r"<Object>(.*?)</Object>", asked, re.DOTALL):
            key = unescape(re.findall(r"<Key>(.*?)</Key>", item)[0])
            etags = [
                unescape(etag, {"&quot;": '"'}).strip('"') for etag in re.findall(r"<ETag>(.*?)</ETag>", item)
            ]
            if etags and key in self.keys and etags[0] != self.keys[key][1]:
                told += f"<Error><Key>{escape(key)}</Key><Code>PreconditionFailed</Code></Error>"
            else:
                self.keys.pop(key, None)
                told += f"<Deleted><Key>{escape(key)}</Key></Deleted>"
        return _xml("DeleteResult", told)

    def _copy(self, request: Request, target: str) -> Answer:
        source = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        if source not in self.keys:
            return error(404, "NoSuchKey")
        content, etag = self.keys[source]
        if request.headers.get("x-amz-copy-source-if-match", etag).strip('"') != etag:
            return error(412, "PreconditionFailed")
        self.put(target, content)
        told = f"<ETag>&quot;{self.keys[target][1]}&quot;</ETag><LastModified>{MODIFIED}</LastModified>"
        return _xml("CopyObjectResult", told)

    def _key(self, request: Request, key: str) -> Answer:
        query, upload = request.query, request.query.get("uploadId", "")
        match request.method:
            case "PUT" if upload:
                self.parts[upload][int(query["partNumber"])] = request.body
                return Answer(headers={"ETag": f'"{md5(request.body)}"'})
            case "PUT" if "x-amz-copy-source" in request.headers:
                return self._copy(request, key)
            case "PUT":
                self.put(key, request.body)
                return Answer(headers={"ETag": f'"{self.keys[key][1]}"'})
            case "POST" if "uploads" in query:
                upload = f"{len(self.parts)}:{key}"
                self.parts[upload] = {}
                return _xml("InitiateMultipartUploadResult", f"<UploadId>{escape(upload)}</UploadId>")
            case "POST":
                parts = [content for _, content in sorted(self.parts.pop(upload).items())]
                digests = b"".join(bytes.fromhex(md5(part)) for part in parts)
                self.keys[key] = (b"".join(parts), f"{md5(digests)}-{len(parts)}")
                return _xml("CompleteMultipartUploadResult", f'<ETag>"{self.keys[key][1]}"</ETag>')
            case "DELETE":
                if upload:
                    self.parts.pop(upload, None)
                else:
                    self.keys.pop(key, None)
                return Answer(204)
        if key not in self.keys:
            return error(404, "NoSuchKey")
        content, etag = self.keys[key]
        headers = {"ETag": f'"{etag}"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        if request.headers.get("if-match", etag).strip('"') != etag:
            return error(412, "PreconditionFailed")
        if (asked := request.headers.get("range")) and (found := re.fullmatch(r"bytes=(\d+)-(\d*)", asked)):
            start, end = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
            if start >= len(content):
                return error(416, "InvalidRange")
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            return Answer(206, content[start : end + 1], headers)
        return Answer(200, content, headers)


def _xml(root: str, inner: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'
    return Answer(body=text.encode(), headers={"Content-Type": "application/xml"})
