"""A server that says whatever a test wants, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

Say = Callable[[bytes], Iterable[bytes]]


@dataclass
class Liar:
    """Answers each request by what `say` makes of its head, until the other end hangs up.

    Args:
        say: the answer, in pieces; it may have no end.
        tls: makes it an https server.
    """

    say: Say
    tls: ssl.SSLContext | None = None
    heads: list[bytes] = field(default_factory=list)
    sent: int = 0

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.getsockname()[1]}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._server.accept()[0]
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            wire = connection if self.tls is None else self.tls.wrap_socket(connection, server_side=True)
            with wire:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = wire.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.heads.append(head)
                for piece in self.say(head):
                    wire.sendall(piece)
                    self.sent += len(piece)


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; `Content_Length` and other headers may be given."""
    given = {"Content_Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
