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
        self._times = set[int]()
        for one in found:
            self._by_bytes.setdefault((one.mtime_ns, one.found), []).append(one)
            self._names.add(one.key)
            self._times.add(one.mtime_ns)

    def may_be(self, key: str, stamp: FileStamp) -> bool:
        """Whether a file has the name or the modification time of one of them."""
        return key in self._names or stamp.mtime_ns in self._times

    def good(self, key: str, stamp: FileStamp, found: Checksum) -> Checksum | None:
        """What a file held before it rotted; None where it is none of these.

        A new name, other rights, another disk or a copy of the whole folder change neither its bytes nor its modification
        time. A person who wants just these bytes touches the file: a new time makes an edit of them.

        Args:
            key: its `MediaPath.key`.
            stamp: what the file system says of it.
            found: the checksum of its bytes.
        """
        alike = self._by_bytes.get((stamp.mtime_ns, found), ())
        for same in (
            [one for one in alike if one.inode == stamp.inode],
            [one for one in alike if one.key == key],
            alike if len({one.good for one in alike}) == 1 else [],
        ):
            if same:
                return same[0].good
        return None


NO_ROT = KnownRot()
"""No file is known to have rotted."""
