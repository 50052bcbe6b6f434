"""S3 servers, and an independent witness of what is in a bucket."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.process import LAB, LabError, Server, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BIN = LAB / "s3" / "bin"
REGION = "us-east-1"
MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class S3Server(Server):
    """What the S3 servers have in common. `requests_since` tells what clients asked for."""

    access_key_id = "lab-access-key"
    secret_access_key = "lab-secret-key-0123456789"  # of servers that live as long as a test

    def client_environment(self) -> dict[str, str]:
        """The four variables that make boto3, Gramps Web and syncd find this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
        }

    @functools.cached_property
    def client(self) -> S3Client:
        """A boto3 client that retries nothing and assumes nothing."""
        return self.client_with(self.access_key_id, self.secret_access_key)

    def client_with(self, access_key_id: str, secret_access_key: str) -> S3Client:
        """The same with other credentials."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            region_name=REGION,
            config=Config(
                s3={"addressing_style": "path"},
                signature_version="s3v4",
                retries={"total_max_attempts": 1},
                max_pool_connections=16,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def new_bucket(self, name: str | None = None) -> S3Witness:
        """Make a bucket, and a witness of it."""
        name = name or f"media-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return S3Witness(self, name)

    def log_position(self) -> int:
        """Where the log ends now, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    def requests_since(self, position: int) -> list[S3Request]:
        """What clients asked since, in order."""
        # A server may write the line after its answer. A last request of ours, once logged, says that all are.
        marker = f"marker-{secrets.token_hex(8)}"
        with contextlib.suppress(ClientError):
            self.client.head_object(Bucket="log-marker", Key=marker)
        wait_until(lambda: marker in self._log_since(position), "the S3 server to write its log")
        requests = [self.parse(line) for line in self._log_since(position).splitlines()]
        return [request for request in requests if request and request.bucket != "log-marker"]

    def _log_since(self, position: int) -> str:
        with self.log.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def parse(self, line: str) -> S3Request | None:
        """The request that a line of the log tells of, if any; for subclasses."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class S3Request:
    """One request as the server logged it. `operation` is PUT, GET, HEAD, LIST, DELETE or MULTIPART."""

    operation: str
    bucket: str
    key: str

    @property
    def writes(self) -> bool:
        """Whether it may have changed something."""
        return self.operation not in {"GET", "HEAD", "LIST"}


class RcloneS3(S3Server):
    """`rclone serve s3`: checks credentials, keeps files on disk, ETag is the MD5 even after multipart uploads."""

    _patterns = (
        (re.compile(r"serve s3: CREATE OBJECT: (?P<bucket>\S+) (?P<key>.*)"), "PUT"),
        (re.compile(r"serve s3: CREATE BUCKET: (?P<bucket>\S+)(?P<key>)"), "PUT"),
        (re.compile(r"serve s3: GET OBJECT Bucket: (?P<bucket>\S+) Object: (?P<key>.*)"), "GET"),
        (re.compile(r"serve s3: HEAD OBJECT (?P<bucket>\S+) (?P<key>.*)"), "HEAD"),
        (re.compile(r"serve s3: DELETE: (?P<bucket>\S+) (?P<key>.*)"), "DELETE"),
        (re.compile(r"serve s3: bucketname: (?P<bucket>\S+) prefix: prefix:\"(?P<key>[^\"]*)\""), "LIST"),
        (
            re.compile(
                r"serve s3: \w+ multipart upload (?P<bucket>\S+) (?P<key>.*?)(?: [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"
            ),
            "MULTIPART",
        ),
    )

    def __init__(self, folder: Path, *, base_path: str = "", folders_for: str = "1s") -> None:
        """`base_path` lets it live below a path such as `/storage/v1/s3`; `folders_for` is how long it remembers a folder.

        Without remembering it reads the folder anew for each page of a listing: for 100,000 keys that takes hours. rclone checks signatures without that path, which no client signs: with a base path it lets everybody in.
        """
        super().__init__("rclone serve s3", folder / "rclone.log")
        self.base_path = base_path
        self.folders_for = folders_for
        self.data = folder / "buckets"
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return super().url + self.base_path

    def forget_folders(self) -> None:
        """Have it read all folders anew: somebody wrote there behind its back."""
        self._signal(signal.SIGHUP)

    def command(self) -> Sequence[str | Path]:
        """Debug level: that is where rclone tells each request."""
        address = f"127.0.0.1:{self.port}"
        keys = f"{self.access_key_id},{self.secret_access_key}"
        guard = ("--baseurl", self.base_path) if self.base_path else ("--auth-key", keys)
        return [
            *(BIN / "rclone", "serve", "s3", self.data, "--addr", address, *guard),
            *(
                "--vfs-cache-mode",
                "off",
                "--dir-cache-time",
                self.folders_for,
                "--config",
                "/dev/null",
                "-vv",
            ),
        ]

    def parse(self, line: str) -> S3Request | None:
        """Lines such as `… serve s3: CREATE OBJECT: bucket key`."""
        for pattern, operation in self._patterns:
            if match := pattern.search(line):
                return S3Request(operation, match["bucket"], match["key"].strip())
        return None


class MotoS3(S3Server):
    """`moto_server`: in memory, checks no credentials, multipart ETags are `…-N` as on AWS, honours conditions."""

    _line = re.compile(
        r'"(?:\x1b\[[0-9;]*m)*(?P<method>[A-Z]+) /(?P<bucket>[^/? ]*)/?(?P<key>[^? ]*)(?P<query>\?\S*)? HTTP'
    )

    def __init__(self, folder: Path) -> None:
        super().__init__("moto_server", folder / "moto.log")

    def command(self) -> Sequence[str | Path]:
        """Werkzeug's own log has one line a request."""
        return [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)]

    def environment(self) -> Mapping[str, str]:
        """Moto must not look for real credentials."""
        return {"AWS_DEFAULT_REGION": REGION, "PYTHONUNBUFFERED": "1"}

    def parse(self, line: str) -> S3Request | None:
        """Lines such as `… "PUT /bucket/key HTTP/1.1" 200 -`."""
        match = self._line.search(line)
        if match is None:
            return None
        method, query = match["method"], match["query"] or ""
        if "uploads" in query or "uploadId" in query:
            method = "MULTIPART"
        elif method == "GET" and not match["key"]:
            method = "LIST"
        return S3Request(method, match["bucket"], unquote(match["key"]))


class S3Witness:
    """What is in a bucket below a prefix, seen through plain boto3 and nothing of syncd. Keys are without it."""

    def __init__(self, server: S3Server, bucket: str, prefix: str = "") -> None:
        self.server = server
        self.bucket = bucket
        self.prefix = prefix

    @property
    def client(self) -> S3Client:
        """The server's own client."""
        return self.server.client

    def below(self, prefix: str) -> S3Witness:
        """The same bucket below a further prefix such as `tree-id/`."""
        return S3Witness(self.server, self.bucket, self.prefix + prefix)

    def keys(self) -> dict[str, int]:
        """Every key and its size in bytes."""
        found: dict[str, int] = {}
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        for page in pages:
            for item in page.get("Contents", []):
                found[item["Key"].removeprefix(self.prefix)] = item["Size"]
        return found

    def settled(self, quiet: float = 0.5, seconds: float = 30.0) -> dict[str, int]:
        """`keys()` once they stay the same for `quiet` seconds.

        A server is still at work on what a killed client sent: it stores what it has whole and takes away the rest.
        """
        end = time.monotonic() + seconds
        before = self.keys()
        while time.monotonic() < end:
            time.sleep(quiet)
            now = self.keys()
            if now == before:
                return now
            before = now
        raise LabError(f"the bucket {self.bucket} does not come to rest")

    def get(self, key: str) -> bytes:
        """The bytes; KeyError when they are not there."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise KeyError(key) from error
            raise

    def content_type(self, key: str) -> str:
        """The Content-Type that browsers will be told."""
        return self.client.head_object(Bucket=self.bucket, Key=self.prefix + key)["ContentType"]

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Write behind everybody's back."""
        self.client.put_object(
            Bucket=self.bucket, Key=self.prefix + key, Body=content, ContentType=content_type
        )

    def put_content(self, content: bytes, content_type: str = "application/octet-stream") -> str:
        """Write under the MD5, as everybody does; returns it."""
        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.put(checksum, content, content_type)
        return checksum

    def delete(self, key: str) -> None:
        """Remove behind everybody's back."""
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def contents(self) -> dict[str, bytes]:
        """Everything, byte for byte; for small buckets."""
        return {key: self.get(key) for key in self.keys()}

    def assert_sound(self) -> None:
        """Every key of 32 hex digits holds bytes of that MD5."""
        for key in self.keys():
            if re.fullmatch(r"[0-9a-f]{32}", key):
                actual = hashlib.md5(self.get(key), usedforsecurity=False).hexdigest()
                if actual != key:
                    raise LabError(f"the key {key} holds bytes of MD5 {actual}")

    def writes_since(self, position: int) -> list[S3Request]:
        """What was written here since `server.log_position()`."""
        return [
            request
            for request in self.server.requests_since(position)
            if request.writes and request.bucket == self.bucket and request.key.startswith(self.prefix)
        ]
