"""What a verification tells of what was seen, and which copy heals what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from syncd.merge.audit import REPAIR, audit
from syncd.merge.findings import Audit, Reads
from syncd.model import Checksum, Detached, FolderFile, FolderSnapshot, Occupant, Problem
from syncd.model.policy import NewFiles
from tests.core import file, inputs, link, md5, obj

LINK = link("h", "a.jpg", "one")
OBJECT = obj("h", "a.jpg", "one")
FILE = file("a.jpg", "one")


def judged(
    *,
    proven: tuple[str, ...] = (),
    reads: Reads | None = None,
    vouched: Mapping[str, str] | None = None,
    in_trash: Mapping[str, int] | None = None,
    **case: Any,
) -> Audit:
    """An audit; what the stat cache vouches for is what the files have, unless said otherwise."""
    seen = inputs(**{"links": [LINK], "objects": [OBJECT], "files": [FILE], **case})
    known = {key: one.checksum for key, one in seen.folder.files.items() if one.checksum}
    told = {key: md5(content) for key, content in vouched.items()} if vouched is not None else known
    trash = {md5(content): number for content, number in (in_trash or {}).items()}
    return audit(seen, {md5(one) for one in proven}, told, reads or Reads(), trash)


def found(**case: Any) -> dict[str, str]:
    """What was found, by path: the fault alone."""
    return {one.path: str(one.fault) for one in judged(**case).findings}


def unread(one: FolderFile) -> FolderFile:
    """A file that changed since it was read."""
    return replace(one, checksum=Checksum(""))


def test_all_is_well_by_size_or_proven() -> None:
    """What a listing proves is proven; what has the right size only is told apart, with a path."""
    assert judged().size_only == {md5("one"): "a.jpg"}
    assert judged(proven=("one",)).proven == {md5("one")}
    read = judged(reads=Reads(keys={md5("one"): md5("one")}))
    assert read.proven == {md5("one")}
    assert read.findings == ()
    assert dict(read.size_only) == {}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"bucket": []}, {"a.jpg": "missing-bytes"}),
        ({"bucket": {"one": 2}}, {"a.jpg": "other-size"}),
        ({"reads": Reads(keys={md5("one"): md5("two")})}, {"a.jpg": "damaged-bytes"}),
        ({"objects": [obj("h", "a.jpg", None)]}, {"a.jpg": "no-checksum"}),
        ({"objects": [obj("h", "a.jpg", "two")], "bucket": ["two"]}, {"a.jpg": "other-content"}),
        ({"objects": [obj("h", "b.jpg", "one")]}, {"a.jpg": "other-name"}),
        ({"objects": []}, {"a.jpg": "no-object"}),
        ({"files": []}, {"a.jpg": "no-file"}),
        ({"files": [unread(FILE)]}, {"a.jpg": "changed-file"}),
        ({"files": [file("a.jpg", "two")]}, {"a.jpg": "changed-file"}),
        ({"files": [FILE, file("b.jpg", "two")]}, {"b.jpg": "not-synced"}),
        ({"objects": [OBJECT, obj("i", "b.jpg", "one")]}, {"b.jpg": "not-synced"}),
        ({"objects": [OBJECT, obj("i", "/etc/b.jpg", "one")]}, {"/etc/b.jpg": "not-synced"}),
        # Both of these share bytes, which are told of once.
        (
            {"objects": [OBJECT, obj("i", "b.jpg", "one")], "links": [LINK, link("i", "b.jpg", "one")]}
            | {"files": [FILE, file("b.jpg", "one")], "bucket": []},
            {"a.jpg": "missing-bytes"},
        ),
    ],
)  # fmt: skip
def test_each_fault_alone(case: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    """One thing is wrong, and that alone is told."""
    assert found(**case) == expected


@pytest.mark.parametrize(
    "case",
    [
        {"links": [replace(LINK, detached=Detached.FILE_GONE)], "files": []},
        {"links": [replace(LINK, detached=Detached.OBJECT_GONE)], "objects": []},
        {"links": [replace(LINK, asleep=True)], "files": []},
        {"files": [], "occupied": {"a.jpg": Occupant.UNREADABLE}},
        {"files": [], "occupied": {"a.jpg": Occupant.SYMLINK}},
        {"files": [FILE, file("new.jpg", "two")], "new_files": NewFiles.IGNORE},
        {"objects": [OBJECT, obj("i", "https://example.org/a.jpg", None)]},
        {"objects": [OBJECT, obj("i", "b.psd", "two")], "bucket": ["one"], "ignored": lambda p: p.suffix == ".psd"},
    ],
)  # fmt: skip
def test_what_is_as_it_should_be(case: Mapping[str, Any]) -> None:
    """Decided, out of scope, or not to be known: no fault."""
    assert found(**case) == {}


def test_what_a_scan_could_not_use_is_told() -> None:
    """With the scanner's own reason and remedy."""
    seen = inputs(links=[LINK], objects=[OBJECT], files=[FILE])
    seen = replace(seen, folder=FolderSnapshot(seen.folder.files, {}, (Problem("why", "how", "b.jpg"),)))
    (one,) = audit(seen, (), {}, Reads()).findings
    assert (one.fault, one.reason, one.remedy, one.path) == ("unreadable", "why", "how", "b.jpg")


def test_rot_is_no_edit() -> None:
    """Other bytes at the size and time of the last reading are rot; at another time an edit, read or not."""
    rotten = Reads(files={"a.jpg": md5("eno")})
    (one,) = judged(reads=rotten).findings
    assert (one.fault, one.handle, one.checksum) == ("rotten-file", "h", md5("one"))
    assert REPAIR in one.remedy
    assert found(files=[file("a.jpg", "eno")], vouched={"a.jpg": "one"}) == {"a.jpg": "rotten-file"}
    assert found(files=[unread(FILE)], vouched={}, reads=rotten) == {"a.jpg": "changed-file"}
    # Only touched: it was read, and is as it was.
    assert found(files=[unread(FILE)], vouched={}, reads=Reads(files={"a.jpg": md5("one")})) == {}


def test_only_good_copies_are_offered() -> None:
    """A rotten file heals no key, a damaged or missing key no file; then the person has to find a copy."""
    both = Reads(files={"a.jpg": md5("eno")}, keys={md5("one"): md5("two")})
    assert {one.fault for one in judged(reads=both).findings} == {"rotten-file", "damaged-bytes"}
    assert not any(REPAIR in one.remedy for one in judged(reads=both).findings)
    gone = judged(reads=Reads(files={"a.jpg": md5("eno")}), bucket=[])
    assert not any(REPAIR in one.remedy for one in gone.findings)
    assert REPAIR in judged(bucket=[]).findings[0].remedy
    assert REPAIR not in judged(bucket=[], files=[]).findings[0].remedy


def test_bytes_that_neither_side_has() -> None:
    """One finding an object, whose advice begins with looking for a copy; a sync, which would delete the object, comes last."""
    two: dict[str, Any] = {
        "objects": [OBJECT, obj("i", "b.jpg", "one")],
        "links": [LINK, link("i", "b.jpg", "one")],
        "files": [],
        "bucket": [],
    }
    findings = judged(**two).findings
    assert [(one.path, one.fault) for one in findings] == [
        ("a.jpg", "missing-bytes"),
        ("b.jpg", "missing-bytes"),
    ]
    assert findings[0].reason == "neither the bucket nor the media folder has its file"
    assert findings[0].remedy == (
        f"look for a copy with the MD5 checksum {md5('one')}, in your backup or on another computer, and put it into the media"
        " folder as 'a.jpg'; or, if it was deleted on purpose, run: syncd --once, which deletes its media object, too"
    )
    (one,) = judged(bucket=[], files=[], in_trash={"one": 7}).findings
    assert one.remedy.startswith("a copy is in the trash; bring it back with: syncd trash restore T7; or")
    # Not synced, or left in Gramps Web on purpose: no sync deletes anything then.
    for links in ([], [replace(LINK, detached=Detached.FILE_GONE)], [replace(LINK, asleep=True)]):
        (one,) = judged(links=links, bucket=[], files=[]).findings
        assert one.fault == "missing-bytes"
        assert "look for a copy" in one.remedy
        assert "syncd --once" not in one.remedy
    # Only out of sight, or another file by now.
    assert found(files=[], occupied={"a.jpg": Occupant.UNREADABLE}, bucket=[]) == {"a.jpg": "missing-bytes"}
    edited = judged(files=[file("a.jpg", "two")], bucket=[]).findings
    assert [one.fault for one in edited] == ["changed-file", "missing-bytes"]


@pytest.mark.parametrize(
    ("case", "healed"),
    [
        ({"bucket": []}, "the bucket did not have its file, and has it again"),
        (
            {"bucket": {"one": 2}},
            "the bucket had something of another size in place of its file, and has the file again",
        ),
        (
            {"reads": Reads(keys={md5("one"): md5("two")})},
            "the bucket had other bytes in place of its file, and has the right ones again",
        ),
        (
            {"reads": Reads(files={"a.jpg": md5("eno")})},
            "its bytes had changed on the disk; it has the right ones again, and the others are in the trash",
        ),
    ],
)
def test_what_is_said_once_it_is_healed(case: Mapping[str, Any], healed: str) -> None:
    """What was, and that it is so no more."""
    (one,) = judged(**case).findings
    assert one.healed == healed


def test_a_server_with_its_own_disk() -> None:
    """There every object has a file of its own, which lacks, or is another; what was read proves it."""
    two: dict[str, Any] = {
        "objects": [OBJECT, obj("i", "b.jpg", "one")],
        "links": [LINK, link("i", "b.jpg", "one")],
        "files": [FILE, file("b.jpg", "one")],
        "found_by_path": True,
    }
    assert found(**two, lacking=["i"]) == {"b.jpg": "missing-bytes"}
    assert found(**two, wrong=["h"]) == {"a.jpg": "damaged-bytes"}
    assert found(**two, reads=Reads(served={"i": md5("two")})) == {"b.jpg": "damaged-bytes"}
    assert judged(**two, reads=Reads(served={"i": md5("one")})).proven == {md5("one")}
