"""Which files have rotted, to be remembered."""

from __future__ import annotations

from collections.abc import Iterable

from syncd.merge.findings import Reads
from syncd.model import MediaPath
from syncd.model.rot import Rot
from syncd.verify.looking import Seen


def find_rot(seen: Seen, reads: Reads, known: Iterable[Rot]) -> list[Rot]:
    """Those that were found now, and those of the known ones that could not be looked at: an absent disk heals nothing.

    One that was moved was read under its new name. Its inode alone does not tell: each disk counts for itself.

    Args:
        seen: the look.
        reads: what was read, as far as it still is so.
        known: what was found before.
    """
    files = seen.folder.files
    read = [(key, files[key].stamp, found) for key, found in reads.files.items()]
    now = [
        Rot(key, stamp.inode, stamp.mtime_ns, found, seen.vouched[key])
        for key, stamp, found in read
        if seen.vouched.get(key, found) != found
    ]
    moved = {(stamp.inode, seen.vouched.get(key, found)) for key, stamp, found in read}
    return now + [
        one
        for one in known
        if one.key not in reads.files
        and (one.inode, one.good) not in moved
        and (one.key in files or seen.folder.is_unknown(MediaPath(one.key, one.key)))
    ]
