"""Which of the files that have rotted are remembered."""

from __future__ import annotations

from dataclasses import replace

from syncd.merge.findings import Reads
from syncd.model import FolderSnapshot, Occupant
from syncd.model.rot import Rot
from syncd.verify.looking import Seen
from syncd.verify.rotten import find_rot
from tests.core import file, inputs, md5

KNOWN = Rot("a.jpg", 7, 5, md5("bad"), md5("one"))


def remembered(folder: FolderSnapshot, reads: dict[str, str]) -> list[Rot]:
    """Of `KNOWN`, what is remembered after a look; `reads` has what was read, by key."""
    vouched = {key: one.checksum for key, one in folder.files.items()}
    seen = Seen(replace(inputs(), folder=folder), frozenset(), vouched)
    return find_rot(seen, Reads(files={key: md5(word) for key, word in reads.items()}), [KNOWN])


def test_what_is_seen_decides() -> None:
    """A file with the bad bytes is remembered as it is now; a healed one, and one that was replaced, are not."""
    same = file("a.jpg", "one")
    as_it_is = Rot("a.jpg", same.stamp.inode, same.stamp.mtime_ns, md5("bad"), md5("one"))
    assert remembered(FolderSnapshot({"a.jpg": same}), {"a.jpg": "bad"}) == [as_it_is]
    assert remembered(FolderSnapshot({"a.jpg": same}), {"a.jpg": "one"}) == []
    moved = replace(file("b.jpg", "one"), stamp=replace(same.stamp, inode=7))
    assert remembered(FolderSnapshot({"b.jpg": moved}), {"b.jpg": "one"}) == []


def test_a_moved_one_is_known_by_its_new_name() -> None:
    """Also where it got another inode, on another disk; what may still be under the former name is another one."""
    there = file("b.jpg", "one")
    moved = replace(there, stamp=replace(there.stamp, mtime_ns=KNOWN.mtime_ns, inode=8))
    one = Rot("b.jpg", 8, KNOWN.mtime_ns, KNOWN.found, KNOWN.good)
    assert remembered(FolderSnapshot({"b.jpg": moved}), {"b.jpg": "bad"}) == [one]
    unlisted = FolderSnapshot({"b.jpg": moved}, {"a.jpg": Occupant.UNREADABLE})
    assert remembered(unlisted, {"b.jpg": "bad"}) == [one, KNOWN]


def test_what_is_not_seen_is_not_healed() -> None:
    """A file that could not be read, a folder that cannot be listed, one that was deleted, and may come back."""
    assert remembered(FolderSnapshot({"a.jpg": file("a.jpg", "one")}), {}) == [KNOWN]
    assert remembered(FolderSnapshot({}, {"a.jpg": Occupant.UNREADABLE}), {}) == [KNOWN]
    assert remembered(FolderSnapshot({}), {}) == [KNOWN]
