"""A line between syncd and a server that can go bad: requests are refused, cut, answered for, or take long.

It works on TCP, so that signatures and redirects of S3 pass through it unharmed.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from enum import StrEnum

_PIECE = 64 << 10
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"


class Weather(StrEnum):
    """How the line is."""

    FAIR = "fair"
    REFUSED = "refused"
    """Every connection is closed at once."""
    CUT = "cut"
    """Every connection is cut after some bytes of the question or of the answer."""
    FAILING = "503"
    """Two of three connections are answered with 503, as by a proxy whose server is gone."""
    SLOW = "slow"
    """A few kilobytes at a time, with pauses."""


class Line:
    """Passes connections on to a port of this machine. Its own port stays the same as long as it lives.

    Args:
        target: the server's port.
        seed: of what is cut where.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._weather = Weather.FAIR
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True, name="line")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, weather: Weather) -> None:
        """From now on it is so; unless it is fair again, what is under way is broken off."""
        self._weather = weather
        if weather is not Weather.FAIR:
            with self._lock:
                for one in self._open:
                    with suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it, and all connections."""
        self.turn(Weather.REFUSED)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True, name="line").start()

    def _serve(self, client: socket.socket) -> None:
        weather = self._weather
        with client:
            if weather is Weather.REFUSED:
                return
            if weather is Weather.FAILING and self._random.random() < 2 / 3:
                with suppress(OSError):
                    client.settimeout(5)
                    client.recv(_PIECE)
                    client.sendall(_UNAVAILABLE)
                return
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", self._target), timeout=5) as server,
            ):
                server.settimeout(None)
                self._pass_on(client, server, weather)

    def _pass_on(self, client: socket.socket, server: socket.socket, weather: Weather) -> None:
        """Both ways until either end has enough."""
        limits = [float("inf"), float("inf")]
        if weather is Weather.CUT:
            # Either the question does not arrive whole, or it does and its answer does not.
            limits[self._random.randrange(2)] = 10 ** self._random.uniform(0, 5.5)
        with self._lock:
            self._open |= {client, server}
        try:
            up = threading.Thread(target=self._pump, args=(client, server, limits[0], weather), daemon=True)
            up.start()
            self._pump(server, client, limits[1], weather)
            up.join()
        finally:
            with self._lock:
                self._open -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket, limit: float, weather: Weather) -> None:
        passed = 0.0
        is_slow = weather is Weather.SLOW
        with suppress(OSError):
            while passed < limit and (piece := source.recv(4096 if is_slow else _PIECE)):
                piece = piece[: int(min(len(piece), max(1, limit - passed)))]
                sink.sendall(piece)
                passed += len(piece)
                if is_slow and self._weather is Weather.SLOW:
                    time.sleep(0.03)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
