"""The walk that only asks what differs from the stat cache: what it misses, no look would find."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from syncd.ignore import IgnoreRules
from syncd.model import MediaPath
from syncd.ports import SilentProgress
from syncd.scanner import UNREAD, Scan, differing, scan, sealed
from syncd.scanner.swift import AT_MOST, Row
from syncd.scanner.walk import Known

LATER = 10_000_000_000
NFC, NFD = "Bär", unicodedata.normalize("NFD", "Bär")
EXTRA = ["left out", "drafts/"]


def walk(root: Path, known: Known | None = None) -> Scan:
    """A look at everything, some seconds after the files were written."""
    return scan(
        root,
        known or {},
        IgnoreRules.load(root, EXTRA),
        now_ns=time.time_ns() + LATER,
        progress=SilentProgress(),
        threads=1,
    )


def cached(root: Path) -> dict[str, Row]:
    """What the stat cache has after such a look."""
    return {
        file.path.key: (
            file.stamp.size,
            file.stamp.mtime_ns,
            file.stamp.ctime_ns,
            file.stamp.inode,
            file.stamp.device,
        )
        for file in walk(root).fresh
    }


def ask(root: Path, known: dict[str, Row]) -> list[str] | None:
    """What differs."""
    found = differing(root, dict(known), IgnoreRules.load(root, EXTRA)).paths
    return None if found is None else sorted(found)


def seal_of(root: Path) -> str | None:
    """The seal of the folder as it is."""
    return sealed(root, IgnoreRules.load(root, EXTRA))


def seal_now(root: Path) -> str:
    """The seal of a walk that finds no difference."""
    found = differing(root, cached(root), IgnoreRules.load(root, EXTRA))
    assert found.paths == []
    assert found.seal is not None
    return found.seal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with some files."""
    for rel in ("a.jpg", "1900/b.jpg", "1900/deep/c.jpg", f"{NFC}/{NFC}.jpg", "1901/d.jpg"):
        path = tmp_path / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rel.encode())
    (tmp_path / ".syncd").mkdir()
    (tmp_path / ".syncd" / "folder.json").write_text("{}")
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "x.jpg").write_bytes(b"not shown")
    (tmp_path / "link").symlink_to("a.jpg")
    return tmp_path


def test_where_nothing_changed_nothing_differs(root: Path) -> None:
    """Ignored files, links and syncd's own folder are nobody's change; the seal holds."""
    assert ask(root, cached(root)) == []
    assert seal_of(root) == seal_now(root) == seal_now(root)


def test_new_and_changed_files_differ(root: Path) -> None:
    """By size, time or inode, whichever it is."""
    known, seal = cached(root), seal_now(root)
    (root / "1901" / "new.jpg").write_bytes(b"new")
    assert seal_of(root) != seal
    (root / "a.jpg").write_bytes(b"A.jpg")
    other = root / "1900" / "other.tmp"
    other.write_bytes(b"1900/b.jpg")
    other.rename(root / "1900" / "b.jpg")
    assert ask(root, known) == ["1900/b.jpg", "1901/new.jpg", "a.jpg"]


def test_a_file_that_the_cache_has_nothing_of(root: Path) -> None:
    """It differs, however it looks; where it is gone, the walk has to judge."""
    known = cached(root)
    assert ask(root, {**known, "a.jpg": UNREAD}) == ["a.jpg"]
    (root / "a.jpg").unlink()
    assert ask(root, {**known, "a.jpg": UNREAD}) is None


def test_a_changed_inode_alone_is_a_change(root: Path) -> None:
    """As for the walk."""
    known = cached(root)
    size, mtime, ctime, inode, device = known["a.jpg"]
    seal = seal_now(root)
    (root / "a.jpg").chmod(0o600)
    assert seal_of(root) != seal
    assert ask(root, {**known, "a.jpg": (size, mtime, ctime, inode + 1, device)}) == ["a.jpg"]
    assert ask(root, {**known, "a.jpg": (size, mtime, ctime, inode, device + 1)}) == ["a.jpg"]


def test_a_name_in_another_normal_form_is_the_same_name(root: Path) -> None:
    """Disks of Macs write accents in two characters; the path is given as the disk has it."""
    known = cached(root)
    (root / NFC).rename(root / NFD)
    assert ask(root, known) == []
    (root / NFD / f"{NFC}.jpg").write_bytes(b"other")
    assert ask(root, known) == [f"{NFD}/{NFC}.jpg"]


def _replace(root: Path, make: Callable[[Path], object]) -> None:
    """Put something else in the place of a file."""
    (root / "a.jpg").unlink()
    make(root / "a.jpg")


def _put(path: Path) -> None:
    """A folder, with a marker as of a media folder in it."""
    path.mkdir()
    (path / "folder.json").write_text("{}")


def _many(root: Path, number: int) -> None:
    for one in range(number):
        (root / f"{one}.new.jpg").write_bytes(b"x")


GONE: dict[str, Callable[[Path], object]] = {
    "a file is deleted": lambda root: (root / "a.jpg").unlink(),
    "a file is moved": lambda root: (root / "a.jpg").rename(root / "1901" / "a.jpg"),
    "a folder is deleted": lambda root: shutil.rmtree(root / "1900"),
    "a file becomes a link": lambda root: _replace(root, lambda path: path.symlink_to("link")),
    "a file becomes a folder": lambda root: _replace(root, Path.mkdir),
    "a file becomes a pipe": lambda root: _replace(root, os.mkfifo),
    "an ignore list lies below the top": lambda root: (root / "1900" / ".syncdignore").write_text("*.jpg"),
    "a media folder of its own lies inside": lambda root: _put(root / "1900" / ".syncd"),
    "a folder has a name that cannot be carried": lambda root: _put(root / "line\nbreak"),
    "two folders look the same": lambda root: _put(root / NFD),
    "too much is new": lambda root: _many(root, AT_MOST + 1),
    "the media folder is gone": shutil.rmtree,
}


@pytest.mark.parametrize("what", GONE)
def test_what_only_a_whole_walk_can_judge(root: Path, what: str) -> None:
    """Then it says so; and the seal is another one."""
    known, seal = cached(root), seal_now(root)
    GONE[what](root)
    assert ask(root, known) is None
    assert seal_of(root) != seal


def test_as_many_as_may_differ(root: Path) -> None:
    """The limit is none too early."""
    known = cached(root)
    _many(root, AT_MOST)
    found = ask(root, known)
    assert found is not None
    assert len(found) == AT_MOST


def test_a_mark_of_syncds_name_without_a_marker_is_no_folder_of_its_own(root: Path) -> None:
    """As for the walk."""
    known = cached(root)
    (root / "1900" / ".syncd").mkdir()
    assert ask(root, known) == []


def test_what_the_cache_has_of_ignored_files_is_no_news(root: Path) -> None:
    """It stays there while they are ignored."""
    known = cached(root)
    row = known["a.jpg"]
    assert ask(root, {**known, "drafts/x.jpg": row, "drafts/deep/y.jpg": row, "1900/left out": row}) == []


def test_another_disk_inside_is_for_the_whole_walk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away with a disk is not deleted; that is judged in company."""
    known = cached(root)
    real = os.fstat

    def elsewhere(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if status.st_ino != (root / "1901").stat().st_ino:
            return status
        return os.stat_result((*status[:2], status.st_dev + 1, *status[3:]))

    monkeypatch.setattr("syncd.scanner.swift.os.fstat", elsewhere)
    assert ask(root, known) is None


def test_a_folder_that_contains_itself_ends_the_walk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount below itself: every folder is met once."""
    known = cached(root)
    real = os.fstat
    top = real(os.open(root, os.O_RDONLY))

    def itself(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        return top if status.st_ino == (root / "1901").stat().st_ino else status

    monkeypatch.setattr("syncd.scanner.swift.os.fstat", itself)
    assert ask(root, known) is None


def test_a_folder_that_cannot_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen is not gone."""
    known = cached(root)
    real = os.scandir

    def refuse(where: int) -> object:
        if os.fstat(where).st_ino == (root / "1901").stat().st_ino:
            raise PermissionError(13, "Permission denied")
        return real(where)

    monkeypatch.setattr("syncd.scanner.swift.os.scandir", refuse)
    assert ask(root, known) is None


NAMES = st.sampled_from(["a.jpg", "b.jpg", f"{NFC}.jpg", "left out", "x.tmp", "Thumbs.db", "link"])
FOLDERS = st.sampled_from(["", "1900", "1900/deep", NFC, "drafts", "drafts/deep", ".syncd-x"])
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["write", "same", "delete", "move", "link", "folder", "touch"]), FOLDERS, NAMES
    ),
    max_size=6,
)


def edit(root: Path, edits: list[tuple[str, str, str]]) -> None:
    """What people do."""
    for what, folder, name in edits:
        path = root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_file = path.is_file() and not path.is_symlink()
        if what in ("write", "same") and (is_file or not os.path.lexists(path)):
            path.write_bytes(b"same" if what == "same" else os.urandom(4))
        elif what == "delete" and is_file:
            path.unlink()
        elif what == "move" and is_file:
            path.rename(path.with_name(f"moved {name}"))
        elif what == "touch" and is_file:
            os.utime(path)
        elif what == "link" and not os.path.lexists(path):
            path.symlink_to("a.jpg")
        elif what == "folder":
            (root / folder / f"{name}.d").mkdir(exist_ok=True)


@settings(max_examples=120, deadline=None)
@given(before=EDITS, after=EDITS)
def test_it_names_all_that_a_whole_walk_finds(
    before: list[tuple[str, str, str]], after: list[tuple[str, str, str]]
) -> None:
    """Whatever people do: what a walk reads or misses is named, or the walk is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        edit(root, before)
        first = walk(root)
        known = {file.path.key: (file.stamp, file.checksum) for file in first.fresh}
        rows, seal = cached(root), seal_of(root)
        compared = differing(root, dict(rows), IgnoreRules.load(root, EXTRA))
        assert compared.seal in (seal, None)
        edit(root, after)
        holds = seal is not None and seal_of(root) == seal
        found = ask(root, rows)
        later = walk(root, known)
        changed = {file.path.key for file in later.fresh}
        gone = {key for key in rows if key not in later.snapshot.files}
        problems = set(later.snapshot.problems) - set(first.snapshot.problems)
        event("the whole walk" if found is None else "some" if found else "nothing")
        if holds and compared.paths == []:
            event("the seal holds")
            assert found == []
        if found is not None:
            assert {unicodedata.normalize("NFC", rel) for rel in found} == changed
            assert not problems
            assert all(IgnoreRules.load(root, EXTRA).matches(MediaPath(key, key)) for key in gone)
