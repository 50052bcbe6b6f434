"""What changed and has not been handed over: when each path has settled. No input or output, and no clock of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST = 2_000
"""Changed paths that are kept; for more, one scan is cheaper than as many hints."""

BUSY_SECONDS = 30.0
"""A path that changes again and again is handed over after so long."""

OPEN_SECONDS = 60.0
"""A file that is open for writing, and to which nothing was written for so long, is handed over all the same."""

Carried = Mapping[str, float]
"""Files that were renamed, or whose folder was, while open for writing: since when, by what follows the renamed path."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What may have changed; false when there is nothing.

    Args:
        paths: relative to the media folder, as named on disk; that of a folder means everything below it, too.
        scan: why everything must be looked at, for the log; else None.
    """

    paths: frozenset[str] = frozenset()
    scan: str | None = None

    def __bool__(self) -> bool:
        return bool(self.paths) or self.scan is not None


@dataclass(slots=True)
class _Change:
    """Events on one path: the first and the last, and since when the file is open for writing."""

    first: float
    last: float
    opened: float | None = None
    folder: bool = False


@dataclass(slots=True)
class _Demand:
    """A scan that is wanted. `crowded`: because of too many paths, which it stands for."""

    reasons: dict[str, None]
    first: float
    at_once: bool = False
    crowded: bool = False


class Pending:
    """The changes of which nobody knows yet. Times are seconds of one steady clock.

    Args:
        settle: seconds without an event after which a path counts as finished.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._busy = max(BUSY_SECONDS, settle)
        self._open = max(OPEN_SECONDS, settle)
        self._changes: dict[str, _Change] = {}
        self._again: dict[str, float] = {}
        self._demand: _Demand | None = None
        self._last = float("-inf")

    def touched(self, path: str, now: float, *, writing: bool | None, folder: bool = False) -> None:
        """Note an event.

        Args:
            path: what changed.
            now: when.
            writing: whether the file is open for writing after it; None: as before.
            folder: whether it is one.
        """
        self._last = now
        change = self._changes.get(path)
        open_now = writing or (writing is None and change is not None and change.opened is not None)
        if self._demand is not None and self._demand.crowded and not open_now:
            self._changes.pop(path, None)  # the scan will see it
            return
        if change is None:
            self._make_room()
            if self._demand is not None and self._demand.crowded and not open_now:
                return
            change = self._changes[path] = _Change(now, now)
        change.last = now
        change.folder = folder
        if open_now and change.opened is None:
            change.opened = now
        elif not open_now and change.opened is not None:
            # The time that it was open does not count as being busy.
            change.first += now - change.opened
            change.opened = None

    def _make_room(self) -> None:
        if len(self._changes) < MOST:
            return
        if self._demand is None or not self._demand.crowded:
            closed = (change.first for change in self._changes.values() if change.opened is None)
            since = min(closed, default=self._last)
            self.everything("very many files changed at once", since)
            assert self._demand is not None
            self._demand.crowded = True
            self._again.clear()
            self._changes = {
                path: change for path, change in self._changes.items() if change.opened is not None
            }
        if len(self._changes) >= MOST:
            del self._changes[next(iter(self._changes))]

    def left(self, path: str, now: float, *, folder: bool) -> Carried:
        """Note that something was renamed, or moved out; returns what of it was open for writing."""
        carried: dict[str, float] = {}
        of = [path]
        if folder:
            of += [key for key in self._changes if key.startswith(f"{path}/")]
        for key in of:
            change = self._changes.get(key)
            if change is not None and change.opened is not None:
                carried[key[len(path) :]] = change.opened
                if key != path:
                    del self._changes[key]
        self.touched(path, now, writing=False, folder=folder)
        return carried

    def arrived(self, path: str, now: float, carried: Carried, *, folder: bool) -> None:
        """Note where something was renamed to, or that it was moved in."""
        self.touched(path, now, writing=False, folder=folder)
        for rest in carried:
            self.touched(path + rest, now, writing=True)

    def everything(self, reason: str, now: float, *, at_once: bool = False) -> None:
        """Demand a scan, when things have settled or at once."""
        if self._demand is None:
            self._demand = _Demand({}, now)
        if len(self._demand.reasons) < 5:
            self._demand.reasons[reason] = None
        self._demand.at_once |= at_once

    def again(self, paths: Iterable[str], at: float, now: float) -> None:
        """Hand these over at a time that is still to come, also if nothing happens to them until then."""
        for path in paths:
            if len(self._again) >= MOST:
                self._again.clear()
                self.everything("very many files have to be looked at again", now)
                return
            self._again[path] = at

    def take(self, now: float) -> Hint:
        """What is due, which is forgotten here."""
        paths = {path for path, change in self._changes.items() if self._due(change) <= now}
        for path in [path for path, at in self._again.items() if at <= now or path in paths]:
            del self._again[path]
            if path not in self._changes:  # else it is handed over when it has settled
                paths.add(path)
        for path in paths:
            self._changes.pop(path, None)
        scan = None
        if self._demand is not None and self._demand_due(self._demand) <= now:
            scan = "; ".join(self._demand.reasons)
            self._demand = None
        return Hint(frozenset(paths), scan)

    def due(self) -> float | None:
        """When `take` has something; None: never, as things are."""
        times = [self._due(change) for change in self._changes.values()]
        times += self._again.values()
        if self._demand is not None:
            times.append(self._demand_due(self._demand))
        return min(times, default=None)

    def due_of(self, path: str) -> float | None:
        """When a path that changed is handed over, by itself or with the scan that stands for it."""
        change = self._changes.get(path)
        times = [] if change is None else [self._due(change)]
        if self._demand is not None:
            times.append(self._demand_due(self._demand))
        return min(times, default=None)

    def writing(self) -> frozenset[str]:
        """Files that are open for writing."""
        return frozenset(path for path, change in self._changes.items() if change.opened is not None)

    def unsettled(self, now: float) -> frozenset[str]:
        """Files of which something was heard within `settle`, or that are open for writing."""
        return frozenset(
            path
            for path, change in self._changes.items()
            if not change.folder and (change.opened is not None or change.last > now - self._settle)
        )

    def __len__(self) -> int:
        """How many paths are kept."""
        return len(self._changes) + len(self._again)

    @property
    def waiting(self) -> int:
        """How many paths wait to be handed over; at least so many, where a scan stands for them."""
        crowd = MOST if self._demand is not None and self._demand.crowded else 0
        return max(crowd, len(self))

    def _due(self, change: _Change) -> float:
        if change.opened is not None:
            return change.last + self._open
        return min(change.last + self._settle, change.first + self._busy)

    def _demand_due(self, demand: _Demand) -> float:
        if demand.at_once:
            return demand.first
        return min(max(demand.first, self._last) + self._settle, demand.first + self._busy)
