"""What could not be done is tried again by itself: soon at first, then less and less often.

Nobody tells when bytes arrive in the bucket, when a disk has space again, or when a file is no longer being written. What
has a reason that only a person can mend is looked at again, too, for it costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from syncd.model.plan import Outcome, Waiting
from syncd.model.values import Problem
from syncd.observer import Changes

MOST = 200
"""Items that are looked at again by themselves. Of more, each full look takes care."""

WAITING_SECONDS = (5.0, 600.0)
"""The first pause and the longest one for what only time settles."""
PROBLEM_SECONDS = (60.0, 3600.0)
"""The same for what has a problem."""

_Key = tuple[str | None, str | None]


@dataclass(slots=True)
class _Entry:
    """How often it was tried, when it is due again, and whether it was handed out since."""

    tries: int
    due: float
    taken: bool = False


@dataclass
class Later:
    """The items, by path and handle.

    Args:
        clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _entries: dict[_Key, _Entry] = field(default_factory=dict)

    def note(self, outcome: Outcome, scope: AbstractSet[str] | None, looked_at: AbstractSet[str]) -> None:
        """Take in how a run ended.

        Args:
            outcome: how.
            scope: the handles that it looked at; None: all.
            looked_at: the paths that it looked at, where not at all.
        """
        wanted = [
            *_items(outcome.waiting, WAITING_SECONDS),
            *_items(outcome.problems, PROBLEM_SECONDS),
        ]
        if len(wanted) > MOST:
            wanted = []
        now, kept = self.clock(), dict[_Key, _Entry]()
        if scope is not None:
            kept = {
                (path, handle): entry
                for (path, handle), entry in self._entries.items()
                if handle not in scope and path not in looked_at
            }
        for key, (first, longest) in wanted:
            before = self._entries.get(key)
            if before is not None and not before.taken:
                kept[key] = before  # it was looked at for another reason: that is no try
                continue
            tries = 0 if before is None else before.tries + 1
            kept[key] = _Entry(tries, now + min(first * 2.0 ** min(tries, 30), longest))
        soonest = sorted(kept.items(), key=lambda item: item[1].due)  # small looks add up
        self._entries = dict(soonest[:MOST])

    def take(self) -> Changes:
        """What is due now."""
        now = self.clock()
        due = [key for key, entry in self._entries.items() if entry.due <= now]
        for key in due:
            entry = self._entries[key]
            entry.due, entry.taken = now + PROBLEM_SECONDS[1], True  # until the run tells
        return Changes(
            frozenset(path for path, _handle in due if path),
            frozenset(handle for _path, handle in due if handle),
        )

    def due_in(self) -> float | None:
        """Seconds until something is due; None: nothing ever is."""
        if not self._entries:
            return None
        return max(0.0, min(entry.due for entry in self._entries.values()) - self.clock())

    def at_once(self) -> None:
        """Whatever it waited for may have come."""
        for entry in self._entries.values():
            entry.due = self.clock()

    def __len__(self) -> int:
        return len(self._entries)


def _items(
    items: Iterable[Waiting | Problem], pauses: tuple[float, float]
) -> list[tuple[_Key, tuple[float, float]]]:
    return [((item.path, item.handle), pauses) for item in items if item.path or item.handle]
