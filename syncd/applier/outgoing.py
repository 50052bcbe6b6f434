"""A file of the folder that others read: what the disk refuses is translated where it happens, once.

Who sends the bytes has a network of its own to watch: an error of the disk must not pass for one of the network, nor end
the run as nobody's.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from syncd.applier.failures import unreadable


class _File(io.FileIO):
    """An open file whose failing reads are `Unreadable`."""

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__(descriptor)
        self._path = path

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
    """The file behind a descriptor, to be read; closing it closes the descriptor. `path` names it in errors."""
    return io.BufferedReader(_File(descriptor, path))
