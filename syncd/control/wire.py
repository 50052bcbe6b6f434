"""One JSON object a line over a stream socket, bounded in length and in time, whoever is at the other end."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

PROTOCOL = 1
"""A change that breaks the other end raises it."""

ANSWER_BYTES = 1 << 28
"""Of any line of the daemon."""

Message = Mapping[str, Any]

_PIECE = 1 << 16
_CREDENTIALS = struct.Struct("3i")


class WireError(Exception):
    """The other end left, says too much at once, or what is no JSON object."""


class SilentError(WireError):
    """The other end says nothing for too long."""


class Wire:
    """A connection, in lines.

    Args:
        connection: connected; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()

    def peer_uid(self) -> int:
        """The user at the other end, as the kernel says it."""
        return self._peer()[1]

    def peer_pid(self) -> int:
        """The process at the other end; 0 where it cannot be seen from here."""
        return self._peer()[0]

    def _peer(self) -> tuple[int, int]:
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _gid = _CREDENTIALS.unpack(raw)
        return int(pid), int(uid)

    def send(self, message: Message, *, seconds: float) -> None:
        """Write one line.

        Raises:
            WireError: the other end left, or did not take it in time.
        """
        self.send_line(encode(message), seconds=seconds)

    def send_line(self, line: bytes, *, seconds: float) -> None:
        """As `send`, of a line that `encode` made."""
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(line)
        except (OSError, ValueError) as error:
            raise WireError(f"nothing can be sent to the other end ({type(error).__name__})") from error

    def receive(self, *, limit: int, seconds: float) -> Message | None:
        """Read one line; None when the other end has closed its side.

        Args:
            limit: bytes of a line at most.
            seconds: until the line is there to its end.

        Raises:
            SilentError: it is late.
            WireError: it is longer, or no JSON object.
        """
        deadline = time.monotonic() + seconds
        looked = 0
        while (end := self._buffer.find(b"\n", looked)) < 0:
            looked = len(self._buffer)
            if looked > limit:
                raise WireError("the other end says too much at once")
            piece = self._piece(deadline - time.monotonic())
            if not piece:
                return None
            self._buffer += piece
        if end > limit:
            raise WireError("the other end says too much at once")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return _decode(line)

    def wait_for_end(self) -> None:
        """Wait until the other end has closed its side, or said anything more."""
        with suppress(OSError, ValueError):
            self._socket.settimeout(None)
            self._socket.recv(1)

    def stop_listening(self) -> None:
        """From another thread: let `receive` and `wait_for_end` find the end; what is being sent may go on."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def cut(self) -> None:
        """From another thread: let everything end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up. Doing so twice is harmless."""
        self._socket.close()

    def _piece(self, seconds: float) -> bytes:
        if seconds <= 0:
            raise SilentError("the other end is silent")
        try:
            self._socket.settimeout(seconds)
            return self._socket.recv(_PIECE)
        except TimeoutError as error:
            raise SilentError("the other end is silent") from error
        except OSError:  # it was killed
            return b""


def encode(message: Message) -> bytes:
    """One line of ASCII; a lone surrogate of a file name stays what it is."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def _decode(line: bytes) -> Message:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("the other end says what is no JSON") from error
    if not isinstance(found, dict):
        raise WireError("the other end says what is no JSON object")
    return found
