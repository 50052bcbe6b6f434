"""How long the parts of a run took, from what it tells of itself."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from syncd.model.plan import Took
from syncd.ports import Phase, Progress


@dataclass(slots=True)
class Clocked:
    """Passes on what it is told, and measures the time between one phase and the next.

    Args:
        progress: who is to be told.
    """

    progress: Progress
    _phases: dict[str, Took] = field(default_factory=dict)
    _current: str | None = None
    _since: float = 0.0
    _files: int = 0
    _size: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    """A signal's last words may ask in the very moment in which it is held."""

    def phase(self, phase: Phase) -> None:
        """A new part of the run begins, and the one before ends."""
        with self._lock:
            self._close()
            self._current, self._since = phase.name, time.monotonic()
        self.progress.phase(phase)

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Files and bytes that were just dealt with."""
        with self._lock:
            self._files += files
            self._size += size
        self.progress.advance(files=files, size=size)

    def took(self) -> tuple[Took, ...]:
        """The phases so far, in the order in which each began first; the times of one that came again are added up."""
        with self._lock:
            self._close()
            self._since = time.monotonic()
            return tuple(self._phases.values())

    def _close(self) -> None:
        name = self._current
        if name is None:
            return
        before = self._phases.get(name, Took(name))
        self._phases[name] = Took(
            name,
            before.seconds + time.monotonic() - self._since,
            before.files + self._files,
            before.size + self._size,
        )
        self._files = self._size = 0
