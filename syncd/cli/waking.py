"""A signal that comes in the very instant before the main thread begins to wait does not end that wait.

The interpreter notes it, and calls its handler when the main thread runs Python code again: after a wait for a transfer that
takes minutes, that is too late. (Seen three times when slow uploads were ended in a loop on a busy machine.) So a thread is
told of each signal by the kernel, and knocks with another signal until the main thread has opened.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

_KNOCK = signal.SIGURG
"""A signal that is ignored by default, and that nobody else here sends."""

_PAUSE = 0.02
"""Seconds between two knocks."""


class Waker:
    """Sees that the main thread notices signals; made in the main thread, once in a process of our own."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._opened = False
        self._came, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(_KNOCK, self._open)
        threading.Thread(target=self._watch, name="waker", daemon=True).start()

    def _open(self, _number: int, _frame: FrameType | None) -> None:
        self._opened = True  # the handlers of all signals that were noted run one after the other

    def _watch(self) -> None:
        while numbers := os.read(self._came, 64):
            if set(numbers) != {_KNOCK}:
                self._knock()

    def _knock(self) -> None:
        self._opened = False
        while not self._opened:
            signal.pthread_kill(self._main, _KNOCK)
            time.sleep(_PAUSE)
