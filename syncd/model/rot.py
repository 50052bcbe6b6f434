"""Files whose bytes a failing disk changed, as `syncd verify` found them: no person's edits, whatever happens to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.model.snapshots import FileStamp
from syncd.model.values import Checksum


@dataclass(frozen=True, slots=True)
class Rot:
    """One of them.

    Args:
        key: the `MediaPath.key` that it had.
        inode: likewise.
        mtime_ns: when a person's program changed it last, in Unix nanoseconds.
        found: the checksum of its bytes.
        good: the one that they had before.
    """

    key: str
    inode: int
    mtime_ns: int
    found: Checksum
    good: Checksum


class KnownRot:
    """All that are known, to be asked of a file that was read."""

    def __init__(self, found: Iterable[Rot] = ()) -> None:
        self._by_bytes: dict[tuple[int, Checksum], list[Rot]] = {}
        self._names = set[str]()
        self._inodes = set[int]()
        for one in found:
            self._by_bytes.setdefault((one.mtime_ns, one.found), []).append(one)
            self._names.add(one.key)
            self._inodes.add(one.inode)

    def may_be(self, key: str, stamp: FileStamp) -> bool:
        """Whether a file has the name or the inode of one of them."""
        return key in self._names or stamp.inode in self._inodes

    def good(self, key: str, stamp: FileStamp, found: Checksum) -> Checksum | None:
        """What a file held before it rotted; None where it is none of these.

        A new name, other rights or a copy of the whole folder change neither its bytes nor its modification time. A person
        who wants just these bytes touches the file: a new time makes an edit of them.

        Args:
            key: its `MediaPath.key`.
            stamp: what the file system says of it.
            found: the checksum of its bytes.
        """
        alike = self._by_bytes.get((stamp.mtime_ns, found), ())
        same = [one for one in alike if one.inode == stamp.inode] or [one for one in alike if one.key == key]
        return same[0].good if same else None


NO_ROT = KnownRot()
"""No file is known to have rotted."""
