"""Progress of a run on its way to somebody who looks on from another process: told often, sent seldom."""

from __future__ import annotations

import threading

from syncd.control.wire import Message
from syncd.ports import Phase

PACE_SECONDS = 0.1
"""Between two lines about progress, at least."""

BEAT_SECONDS = 5.0
"""Between two lines of whatever kind, at most: who hears nothing for longer takes the daemon for hung."""

BEAT: Message = {"beat": True}


class Relay:
    """Takes in what a run says and gives out lines about it; a run never waits for whoever reads them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._phase: Phase | None = None
        self._number = 0
        self._files = 0
        self._size = 0
        self._news = False
        self._over = False

    def phase(self, phase: Phase) -> None:
        """A new part of the run begins."""
        with self._lock:
            self._phase, self._number, self._files, self._size = phase, self._number + 1, 0, 0
            self._tell()

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Files and bytes that were just dealt with."""
        with self._lock:
            self._files += files
            self._size += size
            self._tell()

    def finish(self) -> None:
        """Nothing more comes."""
        with self._lock:
            self._over = True
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._over

    def line(self) -> Message:
        """What is to be sent now: all of the phase that is under way, or only that this end is alive."""
        with self._lock:
            if not self._news or self._phase is None:
                return BEAT
            self._news = False
            return {
                "progress": {
                    "number": self._number,
                    "name": self._phase.name,
                    "all_files": self._phase.files,
                    "all_size": self._phase.size,
                    "files": self._files,
                    "size": self._size,
                }
            }

    def wait(self) -> None:
        """Until there is something to send: not too soon after the last, not too late, or at the end."""
        with self._lock:
            self._changed.wait_for(lambda: self._over, PACE_SECONDS)
            self._changed.wait_for(lambda: self._over or self._news, BEAT_SECONDS)

    def wait_for_end(self) -> None:
        """Until nothing more comes."""
        with self._lock:
            self._changed.wait_for(lambda: self._over)

    def _tell(self) -> None:
        if not self._news:
            self._news = True
            self._changed.notify_all()
