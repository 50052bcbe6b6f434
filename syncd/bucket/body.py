"""What boto3 sends: bytes that go no faster than the line lets them, and not at all once they are not wanted any more."""

from __future__ import annotations

import io
import threading
from typing import Any

from syncd.pacing import Line


class NotWanted(BaseException):
    """The body must not be sent to its end. No `Exception`: boto3 would try it again, a few times."""


class Body(io.BytesIO):
    """The body of one request.

    Over plain http botocore reads a body twice: to sign it, then to send it. `begin_sending` tells the two apart.

    Args:
        content: the bytes.
        closed: ends all waiting, and the sending.
        given_up: ends the sending.
        line: how fast it may go.
    """

    def __init__(
        self,
        content: bytes,
        closed: threading.Event,
        *,
        given_up: threading.Event | None = None,
        line: Line | None = None,
    ) -> None:
        super().__init__(content)
        self._size = len(content)
        self._closed = closed
        self._given_up = given_up
        self._line = line
        self._is_sending = False

    def begin_sending(self) -> None:
        """What is read from now on goes to the server."""
        self._is_sending = True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of any file; botocore does it before it signs, and after."""
        self._is_sending = False
        return super().seek(offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, fewer than asked for where the line is slow.

        Raises:
            NotWanted: the upload is over.
        """
        if self._line is not None and self._is_sending:
            left = self._size - self.tell()
            wanted = left if size is None or size < 0 else min(size, left)
            size = min(wanted, self._line.piece)
            if size:
                self._line.take(size, self._closed)
        if self._closed.is_set() or (self._given_up is not None and self._given_up.is_set()):
            raise NotWanted
        return super().read(size)


def begin_sending(request: Any, **_: Any) -> None:
    """For botocore's event `before-send`: the request is signed, and its body leaves next."""
    if isinstance(request.body, Body):
        request.body.begin_sending()
