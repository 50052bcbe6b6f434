"""What was kept so that nothing is lost: conflict copies, the trash, and the answers that undo deletions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from syncd.model import Checksum, Deleted, MediaPath
from syncd.model.plan import Conflict, Why
from syncd.state.database import Database, Row, as_stored, as_text, is_number
from syncd.state.records import KnownConflict, TrashEntry, Undo

_TRASH = "SELECT path, kept_as, checksum, size, at, reason, handle, id FROM trash"
_THIS_TREE = "coalesce((SELECT tree_id FROM binding), '')"
_DELETED = (
    "SELECT handle, path, checksum, coalesce(named, ''), 0, at FROM undos"  # noqa: S608  a constant
    f" WHERE checksum IS NOT NULL AND tree_id = {_THIS_TREE}"
    " UNION ALL SELECT handle, path, checksum, '', 1, at FROM trash"
    f" WHERE handle IS NOT NULL AND checksum IS NOT NULL AND reason = ? AND tree_id = {_THIS_TREE}"
    " ORDER BY at DESC, handle"
)
_UNDOS = f"SELECT handle, path, checksum, undo, at, why, id FROM undos WHERE tree_id = {_THIS_TREE}"  # noqa: S608  constants


class Kept(Database):
    """Conflicts, trash and undos."""

    def add_conflict(self, conflict: Conflict, at: float) -> int:
        """Remember a conflict; one that is known and open keeps its id.

        A conflict whose loser went to the trash leaves nothing to resolve and is resolved from the start.
        """
        kept_as = None if conflict.kept_as is None else conflict.kept_as.text
        with self.batch():
            known = self._row(
                "SELECT id FROM conflicts WHERE path = ? AND handle = ? AND kept_as = ? AND resolved = 0",
                (conflict.path.text, conflict.handle, kept_as),
            )
            if known is not None:
                return int(known[0])
            cursor = self._execute(
                "INSERT INTO conflicts (path, handle, kept_as, at, resolved) VALUES (?, ?, ?, ?, ?)",
                (conflict.path.text, conflict.handle, kept_as, at, kept_as is None),
            )
            return cursor.lastrowid or 0

    def conflicts(self, *, open_only: bool = True) -> list[KnownConflict]:
        """Conflicts, oldest first; all of them, or those that wait for a person to choose."""
        rows = self._rows(
            "SELECT id, path, handle, kept_as, at, resolved FROM conflicts WHERE resolved <= ? ORDER BY id",
            (not open_only,),
        )
        return [
            KnownConflict(
                id=number,
                path=MediaPath.of(path),
                handle=handle,
                kept_as=None if kept_as is None else MediaPath.of(kept_as),
                at=at,
                resolved=bool(resolved),
            )
            for number, path, handle, kept_as, at, resolved in rows
        ]

    def resolve_conflicts(self, ids: Iterable[int]) -> None:
        """A person chose: the copy is gone or has a name of its own."""
        self._execute_many("UPDATE conflicts SET resolved = 1 WHERE id = ?", ((number,) for number in ids))

    def conflict_copies(self) -> frozenset[str]:
        """The keys (`MediaPath.key`) of the copies of open conflicts."""
        rows = self._rows("SELECT kept_as FROM conflicts WHERE resolved = 0 AND kept_as IS NOT NULL")
        return frozenset(MediaPath.of(row[0]).key for row in rows)

    def add_trash(self, entry: TrashEntry) -> TrashEntry:
        """Remember a file in the trash; returns it with its id. The same `kept_as` again is the same entry."""
        with self.batch():
            row = self._row(
                "INSERT INTO trash (path, kept_as, checksum, size, at, reason, handle, tree_id)"  # noqa: S608  a constant
                f" VALUES (?, ?, ?, ?, ?, ?, ?, {_THIS_TREE})"
                " ON CONFLICT (kept_as) DO UPDATE SET path = excluded.path, checksum = excluded.checksum,"
                " size = excluded.size, at = excluded.at, reason = excluded.reason, handle = excluded.handle,"
                " tree_id = excluded.tree_id RETURNING id",
                (
                    entry.path.text,
                    entry.kept_as,
                    entry.checksum,
                    entry.size,
                    entry.at,
                    entry.reason,
                    entry.handle,
                ),
            )
        assert row is not None
        return replace(entry, id=int(row[0]))

    def trash(self) -> list[TrashEntry]:
        """What is in the trash, oldest first."""
        return [_trash_entry(row) for row in self._rows(f"{_TRASH} ORDER BY id")]

    def trash_entry(self, number: int) -> TrashEntry | None:
        """One entry by its id."""
        row = self._row(f"{_TRASH} WHERE id = ?", (number,)) if is_number(number) else None
        return None if row is None else _trash_entry(row)

    def drop_trash(self, ids: Iterable[int]) -> None:
        """These files left the trash."""
        self._execute_many("DELETE FROM trash WHERE id = ?", ((number,) for number in ids))

    def add_undo(
        self,
        handle: str,
        path: str,
        checksum: Checksum | None,
        undo: str,
        at: float,
        *,
        named: str = "",
        why: str = Why.DELETED_FILE,
    ) -> None:
        """Remember the server's answer to a deletion in the bound tree, in place of an older one of that object.

        Args:
            handle: the object's.
            path: where its file was.
            checksum: what that held.
            undo: the answer.
            at: when, in Unix seconds.
            named: the object's path in Gramps Web.
            why: the reason.
        """
        self._execute(
            "INSERT OR REPLACE INTO undos (tree_id, handle, path, checksum, undo, at, named, why)"  # noqa: S608  a constant
            f" VALUES ({_THIS_TREE}, ?, ?, ?, ?, ?, ?, ?)",
            (handle, as_stored(path), checksum, as_stored(undo), at, as_stored(named), why),
        )

    def deleted(self) -> list[Deleted]:
        """The deletions in the bound tree, on either side, that are taken back when the file comes back; newest first."""
        rows = self._rows(_DELETED, (Why.DELETED_OBJECT,))
        return [
            Deleted(handle, MediaPath.of(as_text(path)), Checksum(checksum), as_text(named), bool(in_web))
            for handle, path, checksum, named, in_web, _at in rows
        ]

    def undos(self) -> list[Undo]:
        """The deletions in the bound tree that may be undone, newest first."""
        return [_undo(row) for row in self._rows(f"{_UNDOS} ORDER BY at DESC, handle")]

    def undo_for(self, handle: str) -> Undo | None:
        """How to undo the last deletion of this object in the bound tree."""
        row = self._row(f"{_UNDOS} AND handle = ?", (handle,))
        return None if row is None else _undo(row)

    def drop_undos(self, handles: Iterable[str]) -> None:
        """These deletions in the bound tree were undone, or are too old."""
        self._execute_many(
            f"DELETE FROM undos WHERE tree_id = {_THIS_TREE} AND handle = ?",  # noqa: S608  a constant
            ((handle,) for handle in handles),
        )


def _trash_entry(row: Row) -> TrashEntry:
    path, kept_as, checksum, size, at, reason, handle, number = row
    return TrashEntry(
        path=MediaPath.of(path),
        kept_as=kept_as,
        checksum=None if checksum is None else Checksum(checksum),
        size=size,
        at=at,
        reason=reason,
        handle=handle,
        id=number,
    )


def _undo(row: Row) -> Undo:
    handle, path, checksum, undo, at, why, number = row
    return Undo(
        handle=handle,
        path=as_text(path),
        checksum=None if checksum is None else Checksum(checksum),
        undo=as_text(undo),
        at=at,
        why=why,
        id=number,
    )
