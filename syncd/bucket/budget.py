"""How much memory uploads may hold together, and whether they still should go on."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.bucket.failures import Abandoned

MIB = 1 << 20
_M_MMAP_THRESHOLD = -3
"""Of glibc's malloc.h."""


def give_freed_memory_back() -> None:
    """Make the C library return large pieces to the system as soon as they are freed; once for the process.

    Left alone, glibc keeps freed pieces of some MiB in the arena of each thread: sixteen transfers then held 254 MB
    where 107 MB were in use. Does nothing on other C libraries.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MIB)


class Budget:
    """Bytes that all uploads of a store hold together; who asks for more than there is waits.

    A piece larger than the whole budget is let in alone.
    """

    def __init__(self, total: int = 96 * MIB) -> None:
        self.total = total
        self._free = total
        self._closed = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)

    def acquire(self, size: int) -> int:
        """Wait for room; returns what `release` wants back.

        Raises:
            Abandoned: the store was closed.
        """
        size = min(size, self.total)
        with self._lock:
            self._changed.wait_for(lambda: self._closed or self._free >= size)
            if self._closed:
                raise Abandoned
            self._free -= size
        return size

    def release(self, size: int) -> None:
        """Give back."""
        with self._lock:
            self._free += size
            self._changed.notify_all()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """`acquire` and `release`."""
        held = self.acquire(size)
        try:
            yield
        finally:
            self.release(held)

    def close(self) -> None:
        """Turn away who waits and who comes."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()
