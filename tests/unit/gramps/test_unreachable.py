"""What is said when no connection to Gramps Web comes about: the address and the cause."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from syncd.errors import Unreachable
from syncd.gramps import http
from syncd.gramps.http import Transport


def reason(url: str, transport: httpx2.BaseTransport | None = None) -> str:
    """Ask once for an address with secrets in it; the reason of the failure."""
    wire = Transport(transport=transport, patience=0.01)
    try:
        with pytest.raises(Unreachable) as caught:
            wire.send("GET", url + "/api/?token=hunter2", headers={"Authorization": "hunter2"})
    finally:
        wire.close()
    assert "hunter2" not in caught.value.reason
    return caught.value.reason


@pytest.fixture
def no_tls() -> Iterator[int]:
    """The port of a server that answers everything in plain text."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_refused() -> None:
    """Nothing listens at the port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        text = reason(f"http://anna:hunter2@127.0.0.1:{port}")
    assert text == f"Gramps Web at http://127.0.0.1:{port} cannot be reached: the connection is refused"


def test_no_tls(no_tls: int) -> None:
    """Https is asked for where only http is spoken."""
    text = reason(f"https://127.0.0.1:{no_tls}")
    assert (
        text == f"Gramps Web at https://127.0.0.1:{no_tls} cannot be reached: it does not speak TLS (https)"
    )


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: httpx2.ConnectError("[Errno -2] Name or service not known"), "its name is not found"),
        (lambda: httpx2.ConnectTimeout("timed out"), "the connection timed out"),
        (lambda: httpx2.ConnectError("[Errno 101] Network is unreachable"), "there is no way to it"),
        (lambda: httpx2.ProxyError("403"), "the proxy does not let it through"),
    ],
)
def test_other_causes(make: Callable[[], httpx2.TransportError], cause: str) -> None:
    """An unknown name, a time limit, no network, a proxy; the usual port is named too."""

    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise make()

    text = reason("https://family.example", httpx2.MockTransport(fail))
    assert text.startswith(f"Gramps Web at https://family.example:443 cannot be reached: {cause}")


class Drip(httpx2.SyncByteStream):
    """A blank at a time, for ever."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes in time and the answer never ends: after its first minute it must come at some pace."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    dripping = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Drip()))
    assert reason("http://127.0.0.1", dripping) == "the answer of Gramps Web comes too slowly"
