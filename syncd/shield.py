"""Where an interruption has to wait: a signal's handler raises in the main thread, at whatever instant that is.

Between taking a lock and the block that gives it back, that leaves the lock taken for good. A lock of the interpreter's own
(`threading.Lock`, `RLock`) is safe in a `with` statement: taking it and entering the block is one step. What takes its lock
in Python code, such as a `Condition`, an `Event` or a `Future`, is not: the main thread enters a condition by the lock that
it was made with, and touches futures and starts threads behind the shield.
"""

from __future__ import annotations

import threading
from types import TracebackType


class Shield:
    """Keeps interruptions from the main thread for a block that never lasts; other threads have none to fear."""

    def __init__(self) -> None:
        self._depth = 0
        self._late: BaseException | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth -= 1
            late = self._late
            if late is not None and not self._depth:
                self._late = None
                raise late

    def interrupt(self, error: BaseException) -> None:
        """Raise in the main thread; for handlers of signals. While the shield is up, it is raised when that comes down."""
        if not self._depth:
            raise error
        self._late = self._late or error


shield = Shield()
"""`with shield:` an interruption is raised at the end of the block."""
