"""What a deep verification has read and found: it takes hours, is interrupted, and goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.model import Checksum, FileStamp
from syncd.model.rot import Rot
from syncd.state.database import Database, as_stored, as_text, signed, unsigned
from syncd.state.records import HASHED_LAST, HASHING_SINCE


@dataclass(frozen=True, slots=True)
class Hashing:
    """One file or key that was read to its end.

    Args:
        place: `folder`, `bucket` or `server`.
        name: there: the path's key, the checksum that names the key, the object's handle.
        stamp: how it looked; with another one it is another file.
        found: the checksum of its bytes.
        at: when it was read, in Unix seconds.
    """

    place: str
    name: str
    stamp: str
    found: Checksum
    at: float


class Hashed(Database):
    """The rounds of `syncd verify --deep`."""

    def begin_hashing(self, at: float) -> float:
        """Go on with the round that is under way, or begin a new one; returns when it began, in Unix seconds."""
        begun = self.meta(HASHING_SINCE)
        if begun is not None:
            return float(begun)
        with self.batch():
            self._execute("DELETE FROM hashed")
            self.set_meta(HASHING_SINCE, repr(at))
        return at

    def end_hashing(self, at: float) -> None:
        """Everything was read; the next round begins anew."""
        with self.batch():
            self.set_meta(HASHING_SINCE, None)
            self.set_meta(HASHED_LAST, repr(at))

    def last_hashing(self) -> float | None:
        """When a round came to its end last, in Unix seconds."""
        text = self.meta(HASHED_LAST)
        return None if text is None else float(text)

    def hashed(self) -> list[Hashing]:
        """What was read in this round, or, between two, in the last one."""
        rows = self._rows("SELECT place, name, stamp, found, at FROM hashed")
        return [
            Hashing(place, as_text(name), as_text(stamp), Checksum(found), at)
            for place, name, stamp, found, at in rows
        ]

    def put_hashed(self, read: Iterable[Hashing]) -> None:
        """These were read just now."""
        self._execute_many(
            "INSERT OR REPLACE INTO hashed (place, name, stamp, found, at) VALUES (?, ?, ?, ?, ?)",
            ((one.place, as_stored(one.name), as_stored(one.stamp), one.found, one.at) for one in read),
        )

    def rot(self) -> list[Rot]:
        """The files that were found to have rotted, and were not healed since."""
        rows = self._rows("SELECT path, inode, mtime_ns, found, good FROM rot")
        return [
            Rot(path, unsigned(inode), mtime_ns, Checksum(found), Checksum(good))
            for path, inode, mtime_ns, found, good in rows
        ]

    def count_rot(self) -> int:
        """How many of them stand in the folder, as far as it was looked at."""
        row = self._row(
            "SELECT count(*) FROM rot WHERE EXISTS (SELECT 1 FROM stamps WHERE stamps.checksum = rot.good"
            " AND stamps.mtime_ns = rot.mtime_ns AND (stamps.path = rot.path OR stamps.inode = rot.inode))"
        )
        return 0 if row is None else int(row[0])

    def change_rot(self, *, gone: Iterable[Rot], found: Iterable[Rot]) -> None:
        """Forget some and remember others; what another verification found meanwhile stays."""
        with self.batch():
            self._execute_many(
                "DELETE FROM rot WHERE path = ? AND inode = ? AND mtime_ns = ? AND found = ? AND good = ?",
                map(_row, gone),
            )
            self._execute_many("INSERT OR REPLACE INTO rot VALUES (?, ?, ?, ?, ?)", map(_row, found))

    def drop_rot(self, key: str, stamp: FileStamp, found: Checksum) -> None:
        """A file was healed that had this name, or this inode, and these bytes.

        The inode alone tells nothing: each disk counts for itself.
        """
        self._execute(
            "DELETE FROM rot WHERE (path = ? OR inode = ?) AND mtime_ns = ? AND found = ?",
            (key, signed(stamp.inode), stamp.mtime_ns, found),
        )


def _row(one: Rot) -> tuple[str, int, int, str, str]:
    return one.key, signed(one.inode), one.mtime_ns, one.found, one.good
