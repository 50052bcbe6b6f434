"""Noticing that the clock was set, or that the machine slept: plans that were made by the clock are then out of date.

The kernel tells both by cancelling a timer that asks for it (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`). Nothing wakes
up meanwhile.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import threading
import time
from collections.abc import Callable

from syncd.logger import Logger

log = Logger(__name__)

_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_FAR_SECONDS = 10 * 365 * 86_400


class _TimerSpec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


def steady() -> float:
    """Seconds that go on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Calls back, from a thread of its own, whenever the clock was set or the machine woke up.

    Args:
        changed: what is called.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._thread: threading.Thread | None = None
        self._writer = -1

    def start(self) -> None:
        """Begin."""
        reader, self._writer = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._watch, args=[reader], name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, whether it began or not."""
        thread, self._thread = self._thread, None
        if thread is not None:
            os.close(self._writer)
            thread.join(1)

    def _watch(self, over: int) -> None:
        """Watch until the other end of a pipe is closed."""
        try:
            self._watch_timer(over)
        finally:
            os.close(over)

    def _watch_timer(self, over: int) -> None:
        try:
            timer = _new_timer()
        except (OSError, AttributeError) as error:  # a libc without it
            log.debug("nobody tells when the clock is set", error=str(error))
            return
        try:
            poll = select.poll()
            poll.register(timer, select.POLLIN)
            poll.register(over, 0)
            while True:
                try:
                    _arm(timer)
                    if any(number == over for number, _event in poll.poll()):
                        return
                    os.read(timer, 8)
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno != errno.ECANCELED:
                        raise
                    self._changed()  # cancelled, perhaps while it was set up again: this is the message
        except OSError as error:
            log.debug("nobody tells any more when the clock is set", error=str(error))
        finally:
            os.close(timer)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _new_timer() -> int:
    number: int = _libc().timerfd_create(time.CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
    if number < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return number


def _arm(timer: int) -> None:
    spec = _TimerSpec(0, 0, int(time.time()) + _FAR_SECONDS, 0)
    if _libc().timerfd_settime(timer, _ABSOLUTE | _CANCEL_ON_SET, ctypes.byref(spec), None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")
