"""How far the work is, for those who ask and for those who follow it; and a sign that it goes on at all."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from syncd.ports import Phase, Progress


@dataclass(frozen=True, slots=True)
class Step:
    """How far a phase is; totals None while they are not known, sizes in bytes."""

    phase: str = ""
    files: int = 0
    all_files: int | None = None
    size: int = 0
    all_size: int | None = None


@dataclass
class LiveProgress:
    """Told by the threads of a cycle; asked by those of the socket and of the watchdog."""

    follower: Progress | None = None
    """Told all the same: somebody waits for this cycle."""
    beat: float = field(default_factory=time.monotonic)
    """When something moved last, in monotonic seconds."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _phase: Phase = field(default_factory=lambda: Phase(""))
    _files: int = 0
    _size: int = 0

    def phase(self, phase: Phase) -> None:
        """A new part of the cycle begins."""
        with self._lock:
            self._phase, self._files, self._size = phase, 0, 0
            self.beat = time.monotonic()
        follower = self.follower  # a thread may come late, when the cycle is over
        if follower is not None:
            follower.phase(phase)

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Files and bytes that were just dealt with."""
        with self._lock:
            self._files += files
            self._size += size
            self.beat = time.monotonic()
        follower = self.follower
        if follower is not None:
            follower.advance(files=files, size=size)

    def standing(self) -> Step:
        """How far it is."""
        with self._lock:
            return Step(self._phase.name, self._files, self._phase.files, self._size, self._phase.size)

    def over(self) -> None:
        """The cycle is over."""
        with self._lock:
            self._phase, self._files, self._size = Phase(""), 0, 0
            self.beat = time.monotonic()
        self.follower = None
