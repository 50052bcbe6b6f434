"""A reverse proxy before Gramps Web: plays versions that do not exist, and proxies that interfere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx2

Json = dict[str, Any]
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length"}


CUT = 0
"""Instead of a status: half of the answer's body, then nothing."""
Interfere = Callable[[str, str, int], int | None]
"""Given method, path and the size of the body: a status to answer with instead of asking the server, CUT, or None."""


def _leave_alone(_method: str, _path: str, _size: int) -> int | None:
    return None


class MetadataProxy:
    """Passes everything on to `target`, and what `/api/metadata/` answers through `rewrite`, which changes it.

    `interfere` may keep requests from the server, as proxies with limits do.
    """

    def __init__(
        self, target: str, rewrite: Callable[[Json], None], interfere: Interfere = _leave_alone
    ) -> None:
        self._client = httpx2.Client(base_url=target, timeout=120, trust_env=False, follow_redirects=False)
        client = self._client

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                instead = interfere(self.command, self.path, len(body))
                if instead:
                    self.send_response(instead)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in {*_OF_THE_CONNECTION, "host", "accept-encoding"}
                }
                answer = client.request(self.command, self.path, content=body, headers=headers)
                content = answer.content
                if self.path.startswith("/api/metadata/") and answer.status_code == 200:
                    document = answer.json()
                    rewrite(document)
                    content = json.dumps(document).encode()
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name.lower() not in _OF_THE_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if instead == CUT and instead is not None:
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                elif self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing: the server behind keeps a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()
