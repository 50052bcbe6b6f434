"""What waits for a person, and what the person was told already.

A person may approve a set while a cycle is under way. An approval is of the items that the set had at that moment: it
outlives the cycle's own idea of the set, and never spreads to items that joined since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from syncd.model import Checksum
from syncd.model.plan import HeldItem, HeldSet, HoldKind
from syncd.state.database import Database, Row, as_member, as_stored, as_text

_HELD = (
    "SELECT s.id, s.kind, s.reason, s.approved, i.action, i.path, i.handle, i.checksum, i.detail"
    " FROM held_sets AS s LEFT JOIN held_items AS i ON i.set_id = s.id"
)


class Held(Database):
    """Held sets and told news."""

    def held(self) -> list[HeldSet]:
        """All held sets, approved ones too, by id."""
        return _held_sets(self._rows(f"{_HELD} ORDER BY s.id, i.position"))

    def hold(self, sets: Sequence[HeldSet]) -> tuple[HeldSet, ...]:
        """Make the stored sets equal to the given ones.

        A set with an id keeps it and has its items replaced; one with id 0 gets a new number, never used before;
        those not given are dropped. One that was approved in the meantime stays approved with the items that it
        has still; newcomers become a set of their own. A set that gained items counts as untold.

        Returns:
            The sets as they are stored now, with their ids, in the given order (newcomers right behind).
        """
        with self.batch():
            known = {item.id: item for item in self.held()}
            given = {item.id for item in sets}
            self._drop_held(known.keys() - given)
            return tuple(
                self._put(part, known.get(part.id))
                for item in sets
                for part in _keep_approval(item, known.get(item.id))
            )

    def _put(self, item: HeldSet, known: HeldSet | None) -> HeldSet:
        """Write one set down; returns it with its id."""
        if item.id == 0:
            cursor = self._execute(
                "INSERT INTO held_sets (kind, reason, approved) VALUES (?, ?, ?)",
                (item.kind, item.reason, item.approved),
            )
            item = replace(item, id=cursor.lastrowid or 0)
        else:
            self._execute(
                "INSERT INTO held_sets (id, kind, reason, approved) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET kind = excluded.kind, reason = excluded.reason, approved = excluded.approved",
                (item.id, item.kind, item.reason, item.approved),
            )
        if known is None or known.items != item.items:
            self._replace_items(item, known)
        return item

    def _replace_items(self, item: HeldSet, known: HeldSet | None) -> None:
        self._execute("DELETE FROM held_items WHERE set_id = ?", (item.id,))
        self._execute_many(
            "INSERT INTO held_items VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    item.id,
                    position,
                    one.action,
                    as_stored(one.path),
                    one.handle,
                    one.checksum,
                    as_stored(one.detail),
                )
                for position, one in enumerate(item.items)
            ),
        )
        if known is not None and not set(item.items) <= set(known.items):
            self._execute("UPDATE held_sets SET told = 0 WHERE id = ?", (item.id,))

    def approve(self, number: int) -> HeldSet | None:
        """A person approved this set; returns it as it is now, or None when there is none of this number."""
        with self.batch():
            self._execute("UPDATE held_sets SET approved = 1 WHERE id = ?", (number,))
            found = _held_sets(self._rows(f"{_HELD} WHERE s.id = ? ORDER BY i.position", (number,)))
        return found[0] if found else None

    def disapprove(self, number: int) -> None:
        """A person took the approval of this set back: it waits again."""
        self._execute("UPDATE held_sets SET approved = 0 WHERE id = ?", (number,))

    def drop_held(self, number: int) -> None:
        """This set waits no longer."""
        self._drop_held([number])

    def _drop_held(self, ids: Iterable[int]) -> None:
        self._execute_many("DELETE FROM held_sets WHERE id = ?", ((number,) for number in ids))

    def untold(self) -> list[HeldSet]:
        """Sets that wait for a person who was not told of them yet."""
        rows = self._rows(f"{_HELD} WHERE s.told = 0 AND s.approved = 0 ORDER BY s.id, i.position")
        return _held_sets(rows)

    def told(self, ids: Iterable[int]) -> None:
        """The person was told of these sets."""
        self._execute_many("UPDATE held_sets SET told = 1 WHERE id = ?", ((number,) for number in ids))

    def has_told(self) -> bool:
        """Whether there is anything that a person was told and that may be over by now."""
        return self._row("SELECT 1 FROM news LIMIT 1") is not None

    def news(self, fingerprints: Iterable[str]) -> set[str]:
        """Which of these the person was not told the last time; remembers exactly the given ones as told.

        What is left out is forgotten, and news again when it comes back.
        """
        given = set(fingerprints)
        with self.batch():
            told = {as_text(row[0]) for row in self._rows("SELECT fingerprint FROM news")}
            self._execute_many(
                "DELETE FROM news WHERE fingerprint = ?", ((as_stored(text),) for text in told - given)
            )
            self._execute_many("INSERT INTO news VALUES (?)", ((as_stored(text),) for text in given - told))
        return given - told


def _keep_approval(item: HeldSet, known: HeldSet | None) -> list[HeldSet]:
    """Split a set that was approved behind the cycle's back into what was approved and what came since."""
    if known is None or not known.approved or item.approved:
        return [item]
    seen = set(known.items)
    approved = replace(item, approved=True, items=tuple(one for one in item.items if one in seen))
    newcomers = replace(item, id=0, items=tuple(one for one in item.items if one not in seen))
    return [approved, newcomers] if newcomers.items else [approved]


def _held_sets(rows: Iterable[Row]) -> list[HeldSet]:
    """Put sets together from rows of `_HELD`, ordered by set and position; a set without items has one row."""
    found: dict[int, tuple[HeldSet, list[HeldItem]]] = {}
    for number, kind, reason, approved, action, path, handle, checksum, detail in rows:
        empty = HeldSet(as_member(HoldKind, kind), reason, (), number, bool(approved))
        items = found.setdefault(number, (empty, []))[1]
        if action is not None:
            items.append(HeldItem(action, as_text(path), handle, Checksum(checksum), as_text(detail)))
    return [replace(held, items=tuple(items)) for held, items in found.values()]
