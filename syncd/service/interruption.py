"""Breaking off what the main thread is at, from another thread: cleanly, as Ctrl-C does, and only where that is allowed.

A signal is what ends a wait in the kernel, so one is sent to the main thread; its handler raises `BrokenOff` there. That the
main thread notices it, even where the wait has yet to begin, is seen to for the whole process (`cli/waking.py`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from syncd.shield import shield

SIGNAL = signal.SIGUSR1


class BrokenOff(BaseException):
    """Something else comes first. No `Exception`, so that nothing that survives errors survives this."""


class Interruption:
    """Whether the main thread may be interrupted, and who wants it to be."""

    def __init__(self) -> None:
        self._allowed = False
        self._asking: frozenset[object] = frozenset()
        self._main = threading.main_thread()

    def install(self) -> None:
        """Take the signal; called in the main thread."""
        signal.signal(SIGNAL, self._handle)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """The block may be broken off; at once when anybody asked for that already.

        Raises:
            BrokenOff: somebody asked.
        """
        try:
            self._allowed = True
            if self._asking:
                self._raise()
            yield
        finally:
            self._allowed = False

    def ask(self, who: object) -> None:
        """Break off the block that is running, and each further one until `clear`."""
        self._asking |= {who}
        if self._main.is_alive() and self._main.ident is not None:
            signal.pthread_kill(self._main.ident, SIGNAL)

    def clear(self, who: object) -> None:
        """What was asked for is over."""
        self._asking -= {who}

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._allowed and self._asking:
            self._raise()

    def _raise(self) -> None:
        self._allowed = False  # once a block
        shield.interrupt(BrokenOff())
