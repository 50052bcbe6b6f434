"""How soon to look again: as configured, faster for a while after a change, more and more slowly while nobody answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.errors import Denied, SyncdError
from syncd.service.clock import steady

FAST_SECONDS = 120.0
"""For so long after a change it looks more often."""
FASTER = 4.0
LEAST_SECONDS = 1.0

AWAY_SECONDS = (2.0, 120.0)
"""The first pause and the longest one while a server cannot be reached, or the disk is full."""
DENIED_SECONDS = (60.0, 1800.0)
"""The same while a login or a right is refused: trying it often locks accounts."""
STOP_SECONDS = (5.0, 300.0)
"""The same while a person is needed; each try is a short look."""

JITTER = 0.1
"""Of many desktops that lost one server, not all ask at once."""


@dataclass
class Pace:
    """Plans the next look.

    Args:
        every: seconds between two looks while all is well.
        clock: steady seconds.
        share: a random number from 0 to 1.
    """

    every: float
    clock: Callable[[], float] = steady
    share: Callable[[], float] = random.random
    _fast_until: float = 0.0
    _failures: int = 0
    _not_before: float = field(default=0.0)
    _pause: float | None = None

    def changed(self) -> None:
        """Something changed: more may follow."""
        self._fast_until = self.clock() + FAST_SECONDS

    def succeeded(self) -> None:
        """A look came to its end."""
        self._failures, self._not_before, self._pause = 0, 0.0, None

    def failed(self, error: SyncdError) -> None:
        """It came to none; the next try has to wait."""
        self._wait(DENIED_SECONDS if isinstance(error, Denied) else AWAY_SECONDS)

    def stopped(self) -> None:
        """A person is needed first."""
        self._wait(STOP_SECONDS)

    def at_once(self) -> None:
        """Whatever it waits for may have come: the next try may be made now."""
        self._failures, self._not_before, self._pause = 0, 0.0, None

    def hold(self, seconds: float) -> None:
        """Let so many seconds pass before the next try."""
        self._not_before = max(self._not_before, self.clock() + seconds)

    def blocked(self) -> float:
        """Seconds until the next try may be made; 0: now."""
        return max(0.0, self._not_before - self.clock())

    def next_check(self) -> float:
        """Seconds until the next look."""
        if self._pause is not None:
            return self._pause
        fast = self.clock() < self._fast_until
        return self._scattered(
            max(min(LEAST_SECONDS, self.every), self.every / FASTER) if fast else self.every
        )

    def _wait(self, pauses: tuple[float, float]) -> None:
        first, longest = pauses
        self._pause = self._scattered(min(first * 2.0 ** min(self._failures, 30), longest))
        self._failures += 1
        self._not_before = self.clock() + self._pause

    def _scattered(self, seconds: float) -> float:
        return seconds * (1 + JITTER * (2 * self.share() - 1))
