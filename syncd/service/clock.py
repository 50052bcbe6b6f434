"""Noticing that the clock was set, or that the machine slept: plans that were made by the clock are then out of date.

The kernel tells both by cancelling a timer that asks for it (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`). Nothing wakes
up meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

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
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._watch, name="clock", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; to be called once, after `start`."""
        os.write(self._writer, b"x")
        self._thread.join(1)
        os.close(self._writer)
        os.close(self._reader)

    def _watch(self) -> None:
        try:
            timer = _new_timer()
        except (OSError, AttributeError) as error:  # a libc without it
            log.debug("nobody tells when the clock is set", error=str(error))
            return
        try:
            poll = select.poll()
            poll.register(timer, select.POLLIN)
            poll.register(self._reader, select.POLLIN)
            while True:
                _arm(timer)
                if any(number == self._reader for number, _event in poll.poll()):
                    return
                try:
                    os.read(timer, 8)
                except OSError:  # cancelled: this is the message
                    self._changed()
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
