"""What need not be asked again: file stamps with checksums, the objects and the bucket's keys as last seen.

All of it can be had again from the folder and the servers: losing it costs time, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern  # a large tree says each path, handle and checksum several times over

from syncd.model import Checksum, FileStamp, FolderFile, MediaObject, Proof, Served
from syncd.state.database import Database, Row, as_member, as_stored, as_text, signed, unsigned
from syncd.state.records import LOOKED

SELECT_STAMPS = "SELECT path, size, mtime_ns, ctime_ns, inode, device, checksum FROM stamps"
"""The columns that `stamp_of_row` reads."""

SELECT_OBJECTS = "SELECT handle, path, checksum, mime, change FROM objects"
"""The columns that `object_of` reads."""


def stamp_of_row(row: Row) -> tuple[str, tuple[FileStamp, Checksum]]:
    """The key of a file, what the file system said of it, and what it held."""
    path, size, mtime_ns, ctime_ns, inode, device, checksum = row
    stamp = FileStamp(
        size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=unsigned(inode), device=unsigned(device)
    )
    return intern(path), (stamp, Checksum(intern(checksum)))


def object_of(row: Row) -> MediaObject:
    """A media object from its row."""
    handle, path, checksum, mime, change = row
    return MediaObject(
        handle=intern(handle),
        path=intern(as_text(path)),
        checksum=intern(as_text(checksum)),
        mime=intern(as_text(mime)),
        change=change,
    )


class Caches(Database):
    """Stat cache, catalog cache and bucket cache."""

    def stamps(self) -> dict[str, tuple[FileStamp, Checksum]]:
        """What the file system said of each file when it was hashed, and the hash, by `MediaPath.key`."""
        with self._lock:
            return dict(map(stamp_of_row, self._rows_by(SELECT_STAMPS, "path")))

    def stamp_rows(self) -> dict[str, tuple[int, int, int, int, int]]:
        """The same without the hash: size, modification and change time in nanoseconds, inode, device, by `MediaPath.key`."""
        rows = self._rows("SELECT path, size, mtime_ns, ctime_ns, inode, device FROM stamps")
        return {
            path: (size, mtime_ns, ctime_ns, unsigned(inode), unsigned(device))
            if inode < 0 or device < 0
            else (size, mtime_ns, ctime_ns, inode, device)
            for path, size, mtime_ns, ctime_ns, inode, device in rows
        }

    def put_stamps(self, files: Iterable[FolderFile]) -> None:
        """Remember files that were just hashed."""
        self._execute_many(
            "INSERT OR REPLACE INTO stamps VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    file.path.key,
                    file.stamp.size,
                    file.stamp.mtime_ns,
                    file.stamp.ctime_ns,
                    signed(file.stamp.inode),
                    signed(file.stamp.device),
                    file.checksum,
                )
                for file in files
            ),
        )

    def drop_stamps(self, paths: Iterable[str]) -> None:
        """Forget files by `MediaPath.key`."""
        self._execute_many("DELETE FROM stamps WHERE path = ?", ((path,) for path in paths))

    def objects(self) -> dict[str, MediaObject]:
        """The media objects as last seen, by handle."""
        with self._lock:
            return {item.handle: item for item in map(object_of, self._rows_by(SELECT_OBJECTS, "handle"))}

    def object_handles(self) -> set[str]:
        """The handles of the media objects as last seen."""
        return {intern(row[0]) for row in self._rows("SELECT handle FROM objects")}

    def replace_objects(self, objects: Iterable[MediaObject]) -> None:
        """All objects were listed: these are they. Writes what differs only."""
        with self.batch():
            changes: dict[str, MediaObject | None] = {item.handle: item for item in objects}
            for row in self._rows_by(SELECT_OBJECTS, "handle"):
                seen = object_of(row)
                if seen.handle not in changes:
                    changes[seen.handle] = None
                elif changes[seen.handle] == seen:
                    del changes[seen.handle]
            self.change_objects(changes)

    def change_objects(self, changes: Mapping[str, MediaObject | None]) -> None:
        """Some objects were seen anew, by handle; None: it is gone.

        What no object names any more may leave the bucket unseen: it is asked for again, should one name it once more.
        """
        with self.batch():
            former = list(
                self._rows_in(
                    "SELECT DISTINCT lower(trim(checksum)) FROM objects"
                    " WHERE typeof(checksum) = 'text' AND handle IN",  # nothing else can be one
                    changes,
                )
            )
            self._execute_many(
                "DELETE FROM objects WHERE handle = ?",
                ((handle,) for handle, item in changes.items() if item is None),
            )
            self._execute_many(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
                (
                    (
                        handle,
                        as_stored(item.path),
                        as_stored(item.checksum),
                        as_stored(item.mime),
                        item.change,
                    )
                    for handle, item in changes.items()
                    if item is not None
                ),
            )
            self._execute_many(
                "DELETE FROM stored WHERE checksum = ?1"
                " AND NOT EXISTS (SELECT 1 FROM objects WHERE lower(trim(checksum)) = ?1)",
                former,
            )
            # What has an object was no orphan all the while.
            self._execute_many(
                "DELETE FROM orphans WHERE checksum = ?",
                ((item.digest,) for item in changes.values() if item is not None and item.digest is not None),
            )

    def stored(self) -> dict[Checksum, int]:
        """The sizes of the bucket's keys as last seen."""
        return {
            Checksum(intern(checksum)): size
            for checksum, size in self._rows("SELECT checksum, size FROM stored")
        }

    def replace_stored(self, sizes: Mapping[Checksum, int]) -> None:
        """All keys were listed: these are they. Writes what differs only."""
        with self.batch():
            seen = self.stored()
            self.drop_stored(seen.keys() - sizes.keys())
            self.add_stored({key: size for key, size in sizes.items() if seen.get(key) != size})

    def add_stored(self, sizes: Mapping[Checksum, int]) -> None:
        """These keys are in the bucket, with these sizes."""
        self._execute_many("INSERT OR REPLACE INTO stored VALUES (?, ?)", sizes.items())

    def drop_stored(self, checksums: Iterable[Checksum]) -> None:
        """These keys are not in the bucket, or that is no longer sure."""
        self._execute_many("DELETE FROM stored WHERE checksum = ?", ((key,) for key in checksums))

    def served(self) -> dict[str, Served]:
        """What the server was seen to serve from its own disk, by handle."""
        rows = self._rows("SELECT handle, path, checksum, proof, size, modified FROM served")
        return {
            as_text(handle): Served(
                as_text(handle), as_text(path), Checksum(checksum), as_member(Proof, proof), size, modified
            )
            for handle, path, checksum, proof, size, modified in rows
        }

    def put_served(self, seen: Iterable[Served]) -> None:
        """The server was seen to serve this."""
        self._execute_many(
            "INSERT OR REPLACE INTO served VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    as_stored(one.handle),
                    as_stored(one.path),
                    one.checksum,
                    str(one.proof),
                    one.size,
                    one.modified,
                )
                for one in seen
            ),
        )

    def drop_served(self, handles: Iterable[str]) -> None:
        """These objects are gone."""
        self._execute_many("DELETE FROM served WHERE handle = ?", ((as_stored(one),) for one in handles))

    def has_looked(self) -> bool:
        """Whether the files of a server with its own disk were looked for since the state was bound."""
        return self.meta(LOOKED) is not None

    def set_looked(self) -> None:
        """They were."""
        if not self.has_looked():
            self.set_meta(LOOKED, "yes")
