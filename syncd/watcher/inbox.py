"""Where the reading thread puts what it hears and the daemon takes it out, and when the daemon is to be woken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from math import inf

from syncd.watcher.pending import Carried, Hint, Pending


class Inbox:
    """`Pending` for several threads; the `News` of the reading one.

    Args:
        pending: what is put here.
        wake: called when something is due sooner than `promise` said; must not wait for anything.
        clock: steady seconds.
    """

    def __init__(self, pending: Pending, wake: Callable[[], None], clock: Callable[[], float]) -> None:
        self._pending = pending
        self._wake = wake
        self._clock = clock
        self._lock = threading.RLock()
        self._promised = inf

    # --- for the reading thread -----------------------------------------------------------------------------------

    def touched(self, path: str, *, writing: bool | None, folder: bool) -> None:
        """As `News.touched`."""
        with self._lock:
            self._pending.touched(path, self._clock(), writing=writing, folder=folder)
            sooner = self._is_sooner(path)
        if sooner:
            self._wake()

    def left(self, path: str, *, folder: bool) -> Carried:
        """As `News.left`."""
        with self._lock:
            carried = self._pending.left(path, self._clock(), folder=folder)
            sooner = self._is_sooner(path)
        if sooner:
            self._wake()
        return carried

    def arrived(self, path: str, carried: Carried, *, folder: bool) -> None:
        """As `News.arrived`."""
        with self._lock:
            self._pending.arrived(path, self._clock(), carried, folder=folder)
            sooner = self._is_sooner(path)
        if sooner:
            self._wake()

    def everything(self, reason: str, *, at_once: bool) -> None:
        """As `News.everything`."""
        with self._lock:
            self._pending.everything(reason, self._clock(), at_once=at_once)
            sooner = self._is_sooner("")
        if sooner:
            self._wake()

    def _is_sooner(self, path: str) -> bool:
        due = self._pending.due_of(path)
        if due is None or due >= self._promised:
            return False
        self._promised = due
        return True

    # --- for the daemon -------------------------------------------------------------------------------------------

    def take(self) -> Hint:
        """What has settled by now; whatever comes next wakes."""
        with self._lock:
            self._promised = inf
            return self._pending.take(self._clock())

    def promise(self, other: float | None) -> float | None:
        """When the next thing is due, here or elsewhere; only what is due sooner wakes from now on.

        Args:
            other: when something else is due; None: never.
        """
        with self._lock:
            times = [due for due in (other, self._pending.due()) if due is not None]
            self._promised = min(times, default=inf)
            return min(times, default=None)

    def writing(self) -> frozenset[str]:
        """As `Pending.writing`."""
        with self._lock:
            return self._pending.writing()

    def unsettled(self) -> frozenset[str]:
        """As `Pending.unsettled`."""
        with self._lock:
            return self._pending.unsettled(self._clock())

    @property
    def waiting(self) -> int:
        """As `Pending.waiting`."""
        with self._lock:
            return self._pending.waiting

    def again(self, paths: Iterable[str], seconds: float) -> None:
        """Hand paths over once more after so long."""
        with self._lock:
            now = self._clock()
            self._pending.again(paths, now + seconds, now)
