"""A pause that a person asked for: it outlives a restart, for nobody expects a reboot to end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from syncd.errors import SyncdError
from syncd.state import State

_NOTE = "paused-until"


@dataclass(eq=False)
class Pause:
    """Until when nothing is done.

    Args:
        clock: Unix seconds; a pause ends by the clock on the wall.
    """

    clock: Callable[[], float] = time.time
    until: float | None = None
    """Unix seconds; infinite: until somebody resumes; None: there is none. May be over: see `is_on`."""
    _was_on: bool = False

    def read(self, state: State) -> None:
        """Take up what was noted before."""
        with suppress(SyncdError, ValueError):
            text = state.meta(_NOTE)
            self.until = None if text is None else float(text)
            self._was_on = self.is_on

    def begin(self, seconds: float | None, state: State) -> None:
        """Pause for so long, or until somebody resumes."""
        self.until = inf if seconds is None else self.clock() + seconds
        self._was_on = True
        state.set_meta(_NOTE, repr(self.until))

    def end(self, state: State) -> None:
        """Go on."""
        self.until = None
        state.set_meta(_NOTE, None)

    @property
    def is_on(self) -> bool:
        """Whether it lasts."""
        return self.until is not None and self.clock() < self.until

    def left(self) -> float:
        """Seconds until it ends by itself."""
        return 0.0 if self.until is None else max(0.0, self.until - self.clock())

    def ended(self) -> bool:
        """Whether it has ended since the last call."""
        was_on, self._was_on = self._was_on, self.is_on
        return was_on and not self._was_on
