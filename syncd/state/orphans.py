"""Keys of the bucket that no object names, since when this state knows, and those that were moved away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syncd.model import Checksum
from syncd.state.database import Database


@dataclass(frozen=True, slots=True)
class Departure:
    """A key that was about to be moved to the quarantine, or was; `at` in Unix seconds."""

    checksum: Checksum
    kept_as: str
    size: int
    at: float


class Orphans(Database):
    """When orphans were seen first, and where those went that were moved away. Both belong to the binding."""

    def orphans_seen(self) -> dict[Checksum, float]:
        """When each orphan was seen first, in Unix seconds."""
        rows = self._rows("SELECT checksum, first_seen FROM orphans")
        return {Checksum(checksum): first_seen for checksum, first_seen in rows}

    def see_orphans(self, orphans: Iterable[Checksum], at: float) -> Mapping[Checksum, float]:
        """These keys, and no others, have no object now; returns when each was seen so first, in Unix seconds.

        One that had an object in between, or was gone, begins anew.
        """
        now = set(orphans)
        with self.batch():
            known = self.orphans_seen()
            self._execute_many(
                "DELETE FROM orphans WHERE checksum = ?", ((one,) for one in known.keys() - now)
            )
            self._execute_many("INSERT INTO orphans VALUES (?, ?)", ((one, at) for one in now - known.keys()))
        return {one: known.get(one, at) for one in now}

    def departures(self) -> list[Departure]:
        """What was moved away by this state, or was about to be, oldest first."""
        rows = self._rows("SELECT checksum, kept_as, size, at FROM departures ORDER BY at, checksum")
        return [Departure(Checksum(checksum), kept_as, size, at) for checksum, kept_as, size, at in rows]

    def add_departures(self, departures: Iterable[Departure]) -> None:
        """Write down what is about to be moved, before it is; the cache of the bucket forgets it."""
        listed = list(departures)
        with self.batch():
            self._execute_many(
                "INSERT OR REPLACE INTO departures (checksum, kept_as, size, at) VALUES (?, ?, ?, ?)",
                ((one.checksum, one.kept_as, one.size, one.at) for one in listed),
            )
            self._execute_many("DELETE FROM stored WHERE checksum = ?", ((one.checksum,) for one in listed))

    def drop_departures(self, kept_as: Iterable[str]) -> None:
        """These keys are in quarantine no longer."""
        self._execute_many("DELETE FROM departures WHERE kept_as = ?", ((one,) for one in kept_as))
