"""What was done, when and why, and how things were before: a file's life, and what `syncd undo` goes by."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence

from syncd.model import Checksum, parse_checksum
from syncd.model.plan import Before
from syncd.state.database import Database, Row, as_stored, as_text, is_number, stored_or_none, text_or_none
from syncd.state.records import Deed, Event

_NOBODY: frozenset[str] = frozenset()

_SELECT = (
    "SELECT id, cycle, at, kind, path, handle, checksum, size, why, approved,"
    " was_path, was_named, was_checksum, kept_as, undone FROM events"
)
_ROUNDS = 20
"""How often the search for further names of a file goes on: each time it was moved into another's place."""


class Events(Database):
    """The record of what was done."""

    def record(
        self, deeds: Iterable[Deed], *, cycle: str, at: float, approved: frozenset[str] = _NOBODY
    ) -> None:
        """Write down what was done. Belongs in the batch that records what became of it.

        Args:
            deeds: the actions, and how things were before.
            cycle: the cycle's name, as in the log.
            at: Unix seconds.
            approved: handles whose deletion a person approved.
        """
        self._execute_many(
            "INSERT INTO events (cycle, at, kind, path, handle, checksum, size, why, approved,"
            " was_path, was_named, was_checksum, kept_as) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_row_of(deed, cycle, at, approved=deed.done.handle in approved) for deed in deeds),
        )

    def recent(self, limit: int) -> list[Event]:
        """The last things that were done, newest first."""
        return [_event(row) for row in self._rows(f"{_SELECT} ORDER BY id DESC LIMIT ?", (limit,))]

    def event(self, number: int) -> Event | None:
        """One thing that was done, by its number; None when it is not known (any more)."""
        row = self._row(f"{_SELECT} WHERE id = ?", (number,)) if is_number(number) else None
        return None if row is None else _event(row)

    def mark_undone(self, number: int, at: float) -> None:
        """A person had this put back (Unix seconds)."""
        self._execute("UPDATE events SET undone = ? WHERE id = ?", (at, number))

    def life_of(
        self, paths: Collection[str], handles: Collection[str] = (), checksums: Collection[Checksum] = ()
    ) -> list[Event]:
        """All that is known of a file, oldest first: also under the other names that its objects' files had.

        Args:
            paths: names that it has or had, relative to the media folder, in whatever normal form.
            handles: objects that it belongs to.
            checksums: what it holds or held.
        """
        found = self._about(paths, handles, checksums)
        for _round in range(_ROUNDS):
            known = {event.handle for event in found.values() if event.handle is not None}
            # Of one that has no object, as when bytes are sent ahead, only the name tells whose it is.
            names = {
                name
                for event in found.values()
                if event.handle is not None
                for name in (event.path, event.before.path)
                if name is not None
            }
            more = self._about((), known, ()) | {
                number: event for number, event in self._about(names, (), ()).items() if event.handle is None
            }
            if more.keys() <= found.keys():
                break
            found |= more
        return [found[number] for number in sorted(found)]

    def life_below(self, folder: str) -> list[Event]:
        """All that happened at paths below a folder, or led away from there, oldest first.

        Args:
            folder: relative to the media folder, in whatever normal form; the empty text: the media folder itself.
        """
        if not folder:
            return [_event(row) for row in self._rows(f"{_SELECT} ORDER BY id")]
        rows = [
            row
            for column in ("path", "was_path")
            for form in _spellings(folder)
            for row in self._rows(
                f"{_SELECT} WHERE {column} >= ? AND {column} < ?",
                (as_stored(f"{form}/"), as_stored(f"{form}0")),  # 0 follows the slash
            )
        ]
        found = {event.id: event for event in map(_event, rows)}
        return [found[number] for number in sorted(found)]

    def _about(
        self, paths: Collection[str], handles: Collection[str], checksums: Collection[Checksum]
    ) -> dict[int, Event]:
        """The events that name one of these."""
        spelt = {form for path in paths for form in _spellings(path)}
        wanted: Sequence[tuple[str, Collection[str]]] = (
            ("path", spelt),
            ("was_path", spelt),
            ("handle", handles),
            ("checksum", checksums),
            ("was_checksum", checksums),
        )
        rows = [
            row
            for column, values in wanted
            for value in values
            for row in self._rows(f"{_SELECT} WHERE {column} = ?", (as_stored(value),))
        ]
        return {event.id: event for event in map(_event, rows)}

    def needed_to_undo(self, since: float) -> frozenset[Checksum]:
        """The contents that what was done since then (Unix seconds) took the place of."""
        rows = self._rows(
            "SELECT DISTINCT was_checksum FROM events"
            " WHERE at >= ? AND was_checksum IS NOT NULL AND undone IS NULL",
            (since,),
        )
        return frozenset(
            checksum for row in rows if (checksum := parse_checksum(as_text(row[0]))) is not None
        )

    def deletions_since(self, at: float) -> int:
        """How many files and objects were deleted since then (Unix seconds) without a person's approval."""
        row = self._row(
            "SELECT count(*) FROM events WHERE kind IN ('trashed', 'deleted') AND approved = 0 AND at >= ?",
            (at,),
        )
        return 0 if row is None else int(row[0])

    def forget_events(self, before: float) -> None:
        """Forget what was done before a time (Unix seconds)."""
        self._execute("DELETE FROM events WHERE at < ?", (before,))


def _spellings(path: str) -> set[str]:
    """A path in the normal forms in which a file system may have spelt it."""
    return (
        {path} if path.isascii() else {path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD"))}
    )


def _row_of(deed: Deed, cycle: str, at: float, *, approved: bool) -> Row:
    done, before = deed.done, deed.before
    return (
        *(
            cycle,
            at,
            done.kind,
            as_stored(done.path),
            done.handle,
            done.checksum,
            done.size,
            done.why,
            approved,
        ),
        *map(stored_or_none, (before.path, before.named, before.checksum, before.kept_as)),
    )


def _event(row: Row) -> Event:
    number, cycle, at, kind, path, handle, checksum, size, why, approved, *was, undone = row
    return Event(
        id=number,
        cycle=cycle,
        at=at,
        kind=kind,
        path=as_text(path),
        handle=handle,
        checksum=checksum,
        size=size,
        why=why,
        approved=bool(approved),
        before=Before(*map(text_or_none, was)),
        undone=undone,
    )
