"""Finding what belongs to a few files and objects, by index: its cost follows their number, not the size of the tree."""

from __future__ import annotations

from collections.abc import Collection

from syncd.model import Checksum, FileStamp, Link, MediaObject, MediaPath
from syncd.state.ancestor import SELECT_LINKS, link_of
from syncd.state.caches import SELECT_OBJECTS, SELECT_STAMPS, object_of, stamp_of_row
from syncd.state.database import Database


class Neighbours(Database):
    """Look-ups by path, content and handle."""

    _folds_complete: bool = False

    def links_at(self, folds: Collection[str]) -> list[Link]:
        """The links whose file is, or is looked for, at one of these paths, given as `MediaPath.fold`."""
        self._complete_folds()
        found = {
            row[0]: row
            for column in ("fold", "moved_fold")
            for row in self._rows_in(f"{SELECT_LINKS} WHERE {column} IN", folds)
        }
        return [link_of(row) for row in found.values()]

    def links_below(self, folder: str) -> list[Link]:
        """The links whose file is, or is looked for, below a folder, given as `MediaPath.fold`."""
        self._complete_folds()
        found = {
            row[0]: row
            for column in ("fold", "moved_fold")
            for row in self._rows(
                f"{SELECT_LINKS} WHERE {column} >= ? AND {column} < ?", (f"{folder}/", f"{folder}0")
            )
        }
        return [link_of(row) for row in found.values()]

    def links_of(self, handles: Collection[str]) -> list[Link]:
        """The links of these handles."""
        return [link_of(row) for row in self._rows_in(f"{SELECT_LINKS} WHERE handle IN", handles)]

    def links_with(self, checksums: Collection[Checksum]) -> list[Link]:
        """The links of these contents."""
        return [link_of(row) for row in self._rows_in(f"{SELECT_LINKS} WHERE checksum IN", checksums)]

    def objects_of(self, handles: Collection[str]) -> dict[str, MediaObject]:
        """The objects of these handles, as last seen."""
        rows = self._rows_in(f"{SELECT_OBJECTS} WHERE handle IN", handles)
        return {item.handle: item for item in map(object_of, rows)}

    def objects_with(self, checksums: Collection[Checksum]) -> list[MediaObject]:
        """The objects that name these contents, however they spell them."""
        return list(
            map(object_of, self._rows_in(f"{SELECT_OBJECTS} WHERE lower(trim(checksum)) IN", checksums))
        )

    def some_objects(self, at_most: int) -> list[MediaObject]:
        """A few objects that have a checksum."""
        return list(map(object_of, self._rows(f"{SELECT_OBJECTS} WHERE checksum > '' LIMIT ?", (at_most,))))

    def unlinked(self, at_most: int) -> list[MediaObject] | None:
        """The objects that have no link; None when there are more."""
        query = f"{SELECT_OBJECTS} WHERE handle IN (SELECT handle FROM unlinked LIMIT ?)"  # noqa: S608  constants
        rows = self._rows(query, (at_most + 1,))
        return None if len(rows) > at_most else list(map(object_of, rows))

    def stamps_of(self, keys: Collection[str]) -> dict[str, tuple[FileStamp, Checksum]]:
        """What the stat cache has of these files."""
        return dict(map(stamp_of_row, self._rows_in(f"{SELECT_STAMPS} WHERE path IN", keys)))

    def stamps_below(self, folder: str) -> dict[str, tuple[FileStamp, Checksum]]:
        """What the stat cache has of the files below a folder, by its key."""
        rows = self._rows(f"{SELECT_STAMPS} WHERE path >= ? AND path < ?", (f"{folder}/", f"{folder}0"))
        return dict(map(stamp_of_row, rows))

    def stamps_with(self, checksums: Collection[Checksum]) -> dict[str, tuple[FileStamp, Checksum]]:
        """What the stat cache has of the files of these contents."""
        return dict(map(stamp_of_row, self._rows_in(f"{SELECT_STAMPS} WHERE checksum IN", checksums)))

    def stored_of(self, checksums: Collection[Checksum]) -> dict[Checksum, int]:
        """The sizes, in bytes, of those of these keys that the bucket had when it was seen last."""
        rows = self._rows_in("SELECT checksum, size FROM stored WHERE checksum IN", checksums)
        return {Checksum(checksum): size for checksum, size in rows}

    def _complete_folds(self) -> None:
        """Compute what links lack that were written before it was there, and are not plain ASCII."""
        if self._folds_complete:
            return
        for column, source in (("fold", "path"), ("moved_fold", "moved_to")):
            rows = self._rows(
                f"SELECT handle, {source} FROM links WHERE {column} IS NULL AND {source} IS NOT NULL"  # noqa: S608  constants
            )
            if rows:
                self._execute_many(
                    f"UPDATE links SET {column} = ? WHERE handle = ?",  # noqa: S608  constants
                    [(MediaPath.of(path).fold, handle) for handle, path in rows],
                )
        self._folds_complete = True
