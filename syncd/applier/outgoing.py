"""A file of the folder that others read: what the disk refuses is translated where it happens, once.

Who sends the bytes has a network of its own to watch: an error of the disk must not pass for one of the network, nor end
the run as nobody's.
"""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from syncd.applier.failures import unreadable


class _File(io.FileIO):
    """An open file whose failing reads are `Unreadable`."""

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__(descriptor)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes in one call of the system.

        Raises:
            Unreadable: the disk does not give the bytes.
        """
        try:
            return super().read(-1 if size is None else size) or b""
        except OSError as error:
            raise unreadable(error, f"'{self._path}'") from error

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read into a buffer.

        Raises:
            Unreadable: the disk does not give the bytes.
        """
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            raise unreadable(error, f"'{self._path}'") from error


def reading(descriptor: int, path: str) -> BinaryIO:
    """The file behind a descriptor, to be read; closing it closes the descriptor. `path` names it in errors.

    Unbuffered: who sends a file reads it in large pieces, and a small one in a single call.
    """
    return cast("BinaryIO", _File(descriptor, path))
