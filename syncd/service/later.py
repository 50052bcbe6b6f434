"""What could not be done is tried again by itself: soon at first, then less and less often.

Nobody tells when bytes arrive in the bucket, when a disk has space again, or when a file is no longer being written. What
has a reason that only a person can mend is looked at again, too, for it costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from syncd.model.plan import Outcome, Waiting
from syncd.model.values import Problem
from syncd.observer import Changes

MOST = 200
"""Items that are looked at again one by one; for more, everything is looked at again."""

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
    _crowd: _Entry | None = None
    """For more of them than are looked at one by one."""
    _size: int = 0
    """How many these are."""

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
            self._gather(len(wanted), WAITING_SECONDS if outcome.waiting else PROBLEM_SECONDS)
            wanted = []
        elif scope is None:
            self._crowd = None
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
            kept[key] = _entry(tries, (first, longest), now)
        soonest = sorted(kept.items(), key=lambda item: item[1].due)  # small looks add up
        self._entries = dict(soonest[:MOST])
        if len(soonest) > MOST:
            self._gather(len(soonest), WAITING_SECONDS)

    def _gather(self, size: int, pauses: tuple[float, float]) -> None:
        """There are too many to look at one by one."""
        before = self._crowd
        self._size = size
        if before is None or before.taken:
            self._crowd = _entry(0 if before is None else before.tries + 1, pauses, self.clock())

    def take_crowd(self) -> bool:
        """Whether everything is to be looked at again, for so many are waited for."""
        now, crowd = self.clock(), self._crowd
        if crowd is None or crowd.due > now:
            return False
        crowd.due, crowd.taken = now + PROBLEM_SECONDS[1], True  # until the run tells
        return True

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
        entries = self._all()
        return max(0.0, min(entry.due for entry in entries) - self.clock()) if entries else None

    def at_once(self) -> None:
        """Whatever it waited for may have come."""
        for entry in self._all():
            entry.due = self.clock()

    def once_more(self) -> None:
        """Something was done that they may have waited for: a look in between, which does not count as a try."""
        for entry in self._all():
            entry.due, entry.tries = self.clock(), max(entry.tries - 1, -1)

    def hurry(self, paths: AbstractSet[str]) -> None:
        """Something happened at these paths of the folder, as they are shown: what is there or below may be over."""
        for (path, _handle), entry in self._entries.items():
            if path and any(one in paths for one in _with_folders(path)):
                entry.due, entry.tries = self.clock(), -1  # what was tried before says nothing any more

    def _all(self) -> list[_Entry]:
        return [*self._entries.values(), *([self._crowd] if self._crowd is not None else [])]

    def __len__(self) -> int:
        return len(self._entries) if self._crowd is None else max(self._size, len(self._entries))


def _entry(tries: int, pauses: tuple[float, float], now: float) -> _Entry:
    first, longest = pauses
    return _Entry(tries, now + min(first * 2.0 ** min(tries, 30), longest))


def _with_folders(path: str) -> Iterator[str]:
    """A path, and the folders above it."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _items(
    items: Iterable[Waiting | Problem], pauses: tuple[float, float]
) -> list[tuple[_Key, tuple[float, float]]]:
    return [((item.path, item.handle), pauses) for item in items if item.path or item.handle]
