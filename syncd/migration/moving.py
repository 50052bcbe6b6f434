"""The files themselves: compared, copied and proven, and at last deleted at the old place.

A file is *proven* when its bytes have the checksum that is its name: by an ETag that equals it, or else by reading it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.errors import Denied, ServerError
from syncd.migration.route import Route
from syncd.model import Checksum
from syncd.ports import Phase, Progress
from syncd.workers import each

_NAME = re.compile(r"[0-9a-f]{32}")
_PATIENCE = 20
"""So many failures in a row, and the bucket is taken for unusable."""

Keys = Mapping[Checksum, StoredKey]


class Fate(Enum):
    """What became of a file."""

    THERE = auto()
    COPIED = auto()
    MISSING = auto()
    DAMAGED = auto()


Answer = tuple[Fate, StoredKey | None] | ServerError
"""What became of a file, with its proven key at the new place if it has one; or why nothing did."""


@dataclass(slots=True)
class Moved:
    """How far it came.

    Args:
        proven: what is proven at the new place.
        copied: of these, what this run copied.
        bytes_copied: their bytes.
        missing: what is at neither place.
        damaged: what has other bytes than its name says, wherever it is.
        failed: what could not be done, and why.
    """

    proven: dict[Checksum, StoredKey] = field(default_factory=dict)
    copied: set[Checksum] = field(default_factory=set)
    bytes_copied: int = 0
    missing: set[Checksum] = field(default_factory=set)
    damaged: set[Checksum] = field(default_factory=set)
    failed: dict[Checksum, ServerError] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether all that is good stands at the new place. What is damaged is as good as missing, at either place."""
        return not self.failed


def keys_at(upkeep: Upkeep, prefix: str) -> dict[Checksum, StoredKey]:
    """The files directly below a prefix, by checksum; nothing else that may lie there."""
    found: dict[Checksum, StoredKey] = {}
    for key in upkeep.walk(prefix, deep=False):
        name = key.key.removeprefix(prefix)
        if _NAME.fullmatch(name):
            found[Checksum(name)] = key
    return found


class Mover:
    """Brings files from one place to another.

    Args:
        upkeep: the bucket.
        route: from where to where.
        threads: how many at once.
        progress: told of each.
        close: ends what is under way.
    """

    def __init__(
        self, upkeep: Upkeep, route: Route, *, threads: int, progress: Progress, close: Callable[[], None]
    ) -> None:
        self._upkeep = upkeep
        self._route = route
        self._threads = threads
        self._progress = progress
        self._close = close
        progress.phase(Phase("Looking into the bucket"))
        self.old: Keys = keys_at(upkeep, route.source)
        self.new: Keys = keys_at(upkeep, route.target)

    def lacking(self, wanted: Collection[Checksum]) -> list[StoredKey]:
        """What is to be copied, as far as a look at the listings tells."""
        return [
            self.old[checksum]
            for checksum in wanted
            if checksum in self.old and not self._looks_there(checksum)
        ]

    def _looks_there(self, checksum: Checksum) -> bool:
        there = self.new.get(checksum)
        return there is not None and there.size == self.old[checksum].size

    def bring(self, wanted: Collection[Checksum]) -> Moved:
        """Copy what is not at the new place, and prove all.

        Raises:
            ServerError: the bucket cannot be used; what was copied stays, and a further run goes on from there.
        """
        lacking = self.lacking(wanted)
        self._progress.phase(
            Phase("Copying within the bucket", len(wanted), sum(key.size for key in lacking) or None)
        )
        moved = Moved()
        in_a_row = 0

        def take(checksum: Checksum, answer: Answer) -> None:
            nonlocal in_a_row
            self._progress.advance(files=1)
            if isinstance(answer, ServerError):
                moved.failed[checksum] = answer
                in_a_row += 1
                if isinstance(answer, Denied) or in_a_row >= _PATIENCE:
                    raise answer
                return
            in_a_row = 0
            self._note(moved, checksum, *answer)

        each(
            sorted(wanted),
            self._try,
            threads=self._threads,
            name="syncd-migrate",
            settled=take,
            give_up=self._close,
        )
        return moved

    def _note(self, moved: Moved, checksum: Checksum, fate: Fate, key: StoredKey | None) -> None:
        """Note what became of a file."""
        if key is not None:
            moved.proven[checksum] = key
        if fate is Fate.COPIED and key is not None:
            moved.copied.add(checksum)
            moved.bytes_copied += key.size
            self._progress.advance(size=key.size)
        elif fate is Fate.MISSING:
            moved.missing.add(checksum)
        elif fate is Fate.DAMAGED:
            moved.damaged.add(checksum)

    def delete_old(self, moved: Moved, named: Collection[Checksum]) -> tuple[int, Mapping[str, str]]:
        """Delete at the old place what is named and proven at the new one; how many, and why others not.

        The new place is looked at once more: what is no longer as it was proven keeps its old file.

        Raises:
            ServerError: the bucket cannot be used.
        """
        now = keys_at(self._upkeep, self._route.target)
        safe = [
            self.old[checksum]
            for checksum in sorted(named)
            if checksum in self.old
            and checksum in moved.proven
            and checksum in now
            and moved.proven[checksum].is_same(now[checksum])
        ]
        self._progress.phase(Phase("Deleting the old files", len(safe)))
        failed: dict[str, str] = {}
        for start in range(0, len(safe), 1000):
            part = safe[start : start + 1000]
            failed |= self._upkeep.delete(part)
            self._progress.advance(files=len(part))
        return len(safe) - len(failed), failed

    # --- one file ------------------------------------------------------------------------------------------

    def _settle(self, checksum: Checksum) -> tuple[Fate, StoredKey | None]:
        """Bring one file there, unless it is; the key is the proven one at the new place."""
        old, new = self.old.get(checksum), self.new.get(checksum)
        if new is not None and self._is_proven(new, checksum):
            return Fate.THERE, new
        if old is None:
            return (Fate.MISSING if new is None else Fate.DAMAGED), None
        if new is not None and not self._is_proven(old, checksum):
            return Fate.DAMAGED, None
        made = self._upkeep.copy(old, self._route.target + checksum)
        if self._is_proven(made, checksum):
            return Fate.COPIED, made
        # At the new place it would pass for a good one, and keep the right bytes from being sent there.
        self._upkeep.delete([made])
        return Fate.DAMAGED, None

    def _is_proven(self, key: StoredKey, checksum: Checksum) -> bool:
        return key.etag == checksum or self._upkeep.digest(key) == checksum

    def _try(self, checksum: Checksum) -> Answer:
        try:
            return self._settle(checksum)
        except ServerError as error:
            return error
