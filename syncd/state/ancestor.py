"""What this state belongs to, and the common ancestor of both sides: binding, links, cursor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from sys import intern

from syncd.model import Checksum, Detached, Link, MediaPath
from syncd.ports import Cursor
from syncd.state.database import Database, Row, as_member, as_stored, as_text, signed, unsigned
from syncd.state.records import HASHED_LAST, HASHING_SINCE, LOOKED, Binding

_LAST_FULL = "last-full"

SELECT_LINKS = "SELECT handle, named, path, checksum, inode, detached, restore, asleep, moved_to FROM links"
"""The columns that `link_of` reads."""

_APART = """
    WITH asked (handle, approved) AS (
        SELECT item.handle, held.approved FROM held_items AS item JOIN held_sets AS held ON held.id = item.set_id
        WHERE item.action IN ('delete', 'trash')
    )
    SELECT
        total(restore = 0 AND handle IN (SELECT handle FROM asked WHERE approved = 0)),
        total(restore = 0 AND handle IN (SELECT handle FROM asked WHERE approved = 1)),
        total(restore)
    FROM links WHERE detached IS NULL
"""
"""How many links have one end only, by whether that waits, was approved, or is to be mended."""


def link_of(row: Row) -> Link:
    """A link from its row."""
    handle, named, path, checksum, inode, detached, restore, asleep, moved_to = row
    return Link(
        handle=intern(handle),
        named=intern(as_text(named)),
        path=MediaPath.of(intern(path)),
        checksum=Checksum(intern(checksum)),
        inode=unsigned(inode),
        detached=None if detached is None else as_member(Detached, detached),
        restore=bool(restore),
        asleep=bool(asleep),
        moved_to=None if moved_to is None else MediaPath.of(moved_to),
    )


class Ancestor(Database):
    """Binding, links and cursor."""

    def binding(self) -> Binding | None:
        """What this state belongs to; None before the first run and after `unbind`."""
        row = self._row(
            "SELECT tree_id, bucket, prefix, folder_id, media_dir, server_url, title, permissions, first_contact"
            " FROM binding"
        )
        if row is None:
            return None
        tree_id, bucket, prefix, folder_id, media_dir, server_url, title, permissions, first_contact = row
        return Binding(
            tree_id=tree_id,
            bucket=bucket,
            prefix=prefix,
            folder_id=folder_id,
            media_dir=as_text(media_dir),
            server_url=server_url,
            title=as_text(title),
            permissions=frozenset(map(str, self._decoded(permissions, list))),
            first_contact=bool(first_contact),
        )

    def bind(self, binding: Binding) -> None:
        """Say what this state belongs to, in place of what it said before. Touches nothing else."""
        self._execute(
            "INSERT OR REPLACE INTO binding VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                binding.tree_id,
                binding.bucket,
                binding.prefix,
                binding.folder_id,
                as_stored(binding.media_dir),
                binding.server_url,
                as_stored(binding.title),
                json.dumps(sorted(binding.permissions)),
                binding.first_contact,
            ),
        )

    def first_contact_done(self) -> None:
        """Both sides were compared to the end once."""
        self._execute("UPDATE binding SET first_contact = 0")

    def unbind(self) -> None:
        """Forget what this state belongs to and all that was true of it only; the next run is first contact.

        Stat cache, trash, undos (they bear their tree), events, conflicts and open intents stay.
        """
        with self.batch():
            for table in (
                "binding",
                "links",
                "cursor",
                "objects",
                "stored",
                "served",
                "held_sets",
                "pending_references",
                "orphans",
                "departures",
                "hashed",
            ):
                self._execute(f"DELETE FROM {table}")  # noqa: S608  the names stand in the line above
            for key in (_LAST_FULL, LOOKED, HASHING_SINCE, HASHED_LAST):
                self.set_meta(key, None)

    def links(self) -> list[Link]:
        """All links, by handle."""
        with self._lock:
            return list(map(link_of, self._rows_by(SELECT_LINKS, "handle")))

    def count_links(self) -> int:
        """How many links there are."""
        row = self._row("SELECT count(*) FROM links")
        return 0 if row is None else int(row[0])

    def count_apart(self) -> tuple[int, int, int, Mapping[Detached, int]]:
        """How many links have one end only.

        Returns:
            Those of which that waits for an answer, those of which it was approved and no run has carried it out yet, those of
            which the next run brings back the other end, and those that were left so.
        """
        detached = {
            as_member(Detached, detached): int(number)
            for detached, number in self._rows(
                "SELECT detached, count(*) FROM links WHERE detached IS NOT NULL GROUP BY detached"
            )
        }
        row = self._row(_APART)
        waiting, approved, returning = (0, 0, 0) if row is None else map(int, row)
        return waiting, approved, returning, detached

    def put_links(self, links: Iterable[Link]) -> None:
        """Write links down, each in place of the one with its handle."""
        self._execute_many(
            "INSERT OR REPLACE INTO links (handle, named, path, checksum, inode, detached, restore, asleep, moved_to,"
            " fold, moved_fold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    link.handle,
                    as_stored(link.named),
                    link.path.text,
                    link.checksum,
                    signed(link.inode),
                    link.detached,
                    link.restore,
                    link.asleep,
                    None if link.moved_to is None else link.moved_to.text,
                    link.path.fold,
                    None if link.moved_to is None else link.moved_to.fold,
                )
                for link in links
            ),
        )

    def drop_links(self, handles: Iterable[str]) -> None:
        """Forget the links of these handles."""
        self._execute_many("DELETE FROM links WHERE handle = ?", ((handle,) for handle in handles))

    def ask_restore(self, handles: Iterable[str]) -> int:
        """Ask the next cycle to bring back the missing end of these links; returns how many there are."""
        return self._execute_many(
            "UPDATE links SET restore = 1 WHERE handle = ?", ((handle,) for handle in handles)
        )

    def cursor(self) -> Cursor | None:
        """The last transaction seen."""
        row = self._row("SELECT transaction_id, timestamp FROM cursor")
        return None if row is None else Cursor(transaction=row[0], timestamp=row[1])

    def set_cursor(self, cursor: Cursor | None) -> None:
        """Remember the last transaction seen; None forgets it, so that the next run lists everything."""
        if cursor is None:
            self._execute("DELETE FROM cursor")
        else:
            self._execute(
                "INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)",
                (cursor.transaction, float(cursor.timestamp)),
            )

    def last_full(self) -> float | None:
        """When everything was listed last, in Unix seconds."""
        text = self.meta(_LAST_FULL)
        try:
            return None if text is None else float(text)
        except ValueError:
            return None  # as good as none: everything is listed anew

    def set_last_full(self, at: float) -> None:
        """Remember when everything was listed, in Unix seconds."""
        self.set_meta(_LAST_FULL, repr(float(at)))
