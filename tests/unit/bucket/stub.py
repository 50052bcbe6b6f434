"""An S3 server that says what the test tells it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from syncd.bucket import Patience, S3Store

SECRET = "very-secret-key-0123456789"
QUICK = Patience(retries=2, connect=2, answer=5, longest_pause=0.05)


@dataclass
class Request:
    """What a client asked. `path` is unquoted no further than the URL has it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to say. `cut`: send only so many bytes of the body, then hang up."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


def error(status: int, code: str, more: str = "", *, message: str = SECRET, **headers: str) -> Answer:
    """An error as S3 puts it."""
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'
    return Answer(status, text.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def content(body: bytes, *, etag: str = "tag", start: int | None = None, cut: int | None = None) -> Answer:
    """A key's bytes, from `start` on."""
    headers = {"ETag": f'"{etag}"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    if start is None:
        return Answer(200, body, headers, cut)
    headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return Answer(206, body[start:], headers, cut)


Script = Callable[[Request], Answer]


class Stub(ThreadingHTTPServer):
    """The server. `script` answers; `requests` remembers."""

    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda _request: error(404, "NoSuchKey")
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def methods(self) -> list[str]:
        """The methods of all requests, in order."""
        return [request.method for request in self.requests]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:  # the client hung up
            self.close_connection = True
            return
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, address.path, query, headers, body)
        self.server.requests.append(request)
        answer = self.server.script(request)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class looks for these

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Quiet."""


Make = Callable[..., S3Store]
