"""Which files have rotted, to be remembered."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.merge.findings import Reads
from syncd.model import MediaPath
from syncd.model.rot import Rot
from syncd.verify.looking import Seen


def find_rot(seen: Seen, reads: Reads, known: Iterable[Rot]) -> list[Rot]:
    """Those that were found now, and those of the known ones that were not seen now.

    An absent disk heals nothing, and one that was deleted may come back from the trash. One that was moved is known by
    its new name.

    Args:
        seen: the look.
        reads: what was read, as far as it still is so.
        known: what was found before.
    """
    now = [
        Rot(key, stamp.inode, stamp.mtime_ns, found, seen.vouched[key])
        for key, found in reads.files.items()
        if seen.vouched.get(key, found) != found
        for stamp in (seen.folder.files[key].stamp,)
    ]
    moved = {_bytes_of(one) for one in now}
    read_again = {
        (file.stamp.inode, seen.vouched.get(key))
        for key, file in seen.folder.files.items()
        if key in reads.files
    }
    return now + [
        one
        for one in known
        if one.key not in reads.files
        and (one.inode, one.good) not in read_again
        and (_bytes_of(one) not in moved or _may_be_there(seen, one.key))
    ]


def _bytes_of(one: Rot) -> tuple[int, str, str]:
    return one.mtime_ns, one.found, one.good


def _may_be_there(seen: Seen, key: str) -> bool:
    return key in seen.folder.files or seen.folder.is_unknown(MediaPath(key, key))
