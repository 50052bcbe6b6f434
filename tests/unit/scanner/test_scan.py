"""The folder as the scanner sees it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import subprocess
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from syncd.errors import FolderError
from syncd.ignore import IgnoreRules
from syncd.model import Checksum, FileStamp, MediaPath, Occupant
from syncd.ports import SilentProgress
from syncd.scanner import Scan, can_vouch, scan
from syncd.scanner import hashing as hashing_module
from syncd.scanner.hashing import Reader, Unsettled, stamp_of
from syncd.scanner.way import open_folder

LATER = 10_000_000_000
Row = tuple[FileStamp, Checksum]


def look(root: Path, known: dict[str, Row] | None = None, *, later: int = LATER, threads: int = 2) -> Scan:
    """Scan as if some seconds had gone by since the files were written."""
    return scan(
        root,
        known or {},
        IgnoreRules.load(root, []),
        now_ns=time.time_ns() + later,
        progress=SilentProgress(),
        threads=threads,
    )


def rows(seen: Scan) -> dict[str, Row]:
    """What the cache would hold after the scan."""
    return {file.path.key: (file.stamp, file.checksum) for file in seen.fresh}


def md5(content: bytes) -> str:
    """The checksum of bytes."""
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths whose contents were read."""
    seen: list[str] = []
    read = Reader.checksum

    def watched(self: Reader, rel: str, expected: FileStamp) -> Checksum:
        seen.append(rel)
        return read(self, rel, expected)

    monkeypatch.setattr(Reader, "checksum", watched)
    return seen


def test_files_are_found_with_their_checksums(tmp_path: Path) -> None:
    """Every regular file at any depth is there, by its key, with stamp and checksum; folders are told."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.jpg").write_bytes(b"x")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "Größe 'ü' %20 😀.png").write_bytes(b"u" * 3_000_000)
    seen = look(tmp_path)
    found = {key: file.checksum for key, file in seen.snapshot.files.items()}
    assert found == {
        "a/b/x.jpg": md5(b"x"),
        "empty": md5(b""),
        "Größe 'ü' %20 😀.png": md5(b"u" * 3_000_000),
    }
    assert seen.snapshot.occupied == {"a": Occupant.FOLDER, "a/b": Occupant.FOLDER}
    assert seen.snapshot.problems == ()
    assert seen.snapshot.files["empty"].stamp == stamp_of((tmp_path / "empty").stat())


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, reads: list[str]) -> None:
    """With an equal stamp the cache's checksum counts."""
    (tmp_path / "x").write_bytes(b"x")
    first = look(tmp_path)
    reads.clear()
    second = look(tmp_path, rows(first))
    assert reads == []
    assert second.snapshot.files == first.snapshot.files
    assert (second.fresh, second.vanished) == ([], [])


@pytest.mark.parametrize("change", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_any_change_of_the_stamp_reads_the_file(tmp_path: Path, reads: list[str], change: str) -> None:
    """Size, modification time, change time and inode each tell that the bytes may be others."""
    (tmp_path / "x").write_bytes(b"x")
    stamp, _ = rows(look(tmp_path))["x"]
    values = {name: getattr(stamp, name) for name in ("size", "mtime_ns", "ctime_ns", "inode", "device")}
    values[change] += 1
    reads.clear()
    seen = look(tmp_path, {"x": (FileStamp(**values), Checksum("0" * 32))})
    assert reads == ["x"]
    assert seen.snapshot.files["x"].checksum == md5(b"x")


def test_a_disk_with_another_number_is_not_read_again(tmp_path: Path, reads: list[str]) -> None:
    """btrfs, NFS and USB disks are numbered anew at every start: the cache learns the number, nothing is read."""
    (tmp_path / "x").write_bytes(b"x")
    stamp, checksum = rows(look(tmp_path))["x"]
    old = FileStamp(stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, stamp.device + 1)
    reads.clear()
    seen = look(tmp_path, {"x": (old, checksum)})
    assert reads == []
    assert seen.snapshot.files["x"].stamp == stamp
    assert [file.stamp for file in seen.fresh] == [stamp]


def test_a_moved_folder_is_not_read_again(tmp_path: Path, reads: list[str]) -> None:
    """Moving a folder of films costs nothing: its files keep their stamps."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"x")
    known = rows(look(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    reads.clear()
    seen = look(tmp_path, known)
    if known["a/x"][0].ctime_ns % 10_000_000:  # else the file system's clock is too coarse to tell
        assert reads == []
    assert seen.snapshot.files["b/x"].checksum == md5(b"x")
    assert [file.path.key for file in seen.fresh] == ["b/x"]
    assert seen.vanished == ["a/x"]


def test_on_a_disk_with_coarse_times_a_moved_file_is_read(tmp_path: Path, reads: list[str]) -> None:
    """Equal whole seconds and a made-up inode number prove nothing about another path."""
    (tmp_path / "x").write_bytes(b"x")
    status = (tmp_path / "x").stat()
    coarse = FileStamp(1, status.st_mtime_ns, 1_700_000_000_000_000_000, status.st_ino, status.st_dev)
    look(tmp_path, {"y": (coarse, Checksum("0" * 32))})
    assert reads == ["x"]


def test_what_was_changed_a_moment_ago_is_read_again_next_time(tmp_path: Path, reads: list[str]) -> None:
    """Within the grain of a coarse clock an equal stamp proves nothing, so the cache must not remember it."""
    (tmp_path / "x").write_bytes(b"x")
    seen = look(tmp_path, later=-LATER)
    assert seen.snapshot.files["x"].checksum == md5(b"x")
    assert seen.fresh == []
    known = rows(look(tmp_path))
    (tmp_path / "x").write_bytes(b"y")
    assert look(tmp_path, known, later=-LATER).vanished == ["x"]


def test_the_camera_whose_clock_runs_ahead_is_not_read_for_years() -> None:
    """The change time decides: it cannot be set by hand. Where there is none, the modification time does."""
    second = 1_000_000_000
    assert can_vouch(FileStamp(1, 900 * second, 100 * second, 1, 1), 102 * second)
    assert can_vouch(FileStamp(1, 900 * second, 100 * second + 7, 1, 1), 100 * second + 20_000_007)
    assert not can_vouch(FileStamp(1, 1, 100 * second + 7, 1, 1), 100 * second + 20_000_006)
    assert not can_vouch(FileStamp(1, 50 * second, 100 * second, 1, 1), 102 * second - 1)
    assert not can_vouch(FileStamp(1, 101 * second, 0, 1, 1), 102 * second)


def test_gone_files_leave_the_cache(tmp_path: Path) -> None:
    """A file that is no longer listed is dropped."""
    (tmp_path / "x").write_bytes(b"x")
    known = rows(look(tmp_path))
    (tmp_path / "x").unlink()
    assert look(tmp_path, known).vanished == ["x"]


def test_links_pipes_sockets_and_ignored_names_disturb_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told as occupied, without a problem; links are not followed, ignored folders not opened."""
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "dead").symlink_to("nowhere")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    (tmp_path / ".syncd" / "tmp").mkdir(parents=True)
    (tmp_path / ".syncd" / "tmp" / "a.part").write_bytes(b"a")
    (tmp_path / "Thumbs.db").write_bytes(b"t")
    seen = look(tmp_path)
    assert list(seen.snapshot.files) == ["x"]
    assert seen.snapshot.problems == ()
    assert seen.snapshot.occupied == {
        "out": Occupant.SYMLINK, "link": Occupant.SYMLINK, "dead": Occupant.SYMLINK,
        "pipe": Occupant.SPECIAL, "socket": Occupant.SPECIAL,
        ".syncd": Occupant.IGNORED, "Thumbs.db": Occupant.IGNORED,
    }  # fmt: skip


def test_a_list_below_the_top_is_told(tmp_path: Path) -> None:
    """Who writes one there believes that files are left out; the list at the top is in order."""
    (tmp_path / "album").mkdir()
    for folder in (tmp_path, tmp_path / "album"):
        (folder / ".syncdignore").write_text("*.psd\n")
    (problem,) = look(tmp_path).snapshot.problems
    assert problem.path == "album/.syncdignore"
    assert "/album/*.psd" in problem.remedy


def test_names_that_cannot_be_carried_are_problems(tmp_path: Path) -> None:
    """Not UTF-8, or a control character: shown escaped, with a remedy; the others are carried."""
    (tmp_path / "ok").write_bytes(b"x")
    for name in (b"caf\xe9.jpg", b"line\nbreak", b"esc\x1b[31m"):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123 - a name in bytes
            file.write(b"x")
    (tmp_path / "bad\nfolder").mkdir()
    (tmp_path / "bad\nfolder" / "x").write_bytes(b"x")
    seen = look(tmp_path, {"bad\nfolder/x": (FileStamp(1, 1, 1, 1, 1), Checksum("0" * 32))})
    assert list(seen.snapshot.files) == ["ok"]
    told = {problem.path: problem for problem in seen.snapshot.problems}
    assert set(told) == {"caf\\xe9.jpg", "line\\nbreak", "esc\\x1b[31m", "bad\\nfolder"}
    assert "convmv" in told["caf\\xe9.jpg"].remedy
    assert all(problem.reason and problem.remedy for problem in seen.snapshot.problems)
    assert seen.snapshot.is_unknown(MediaPath.of("bad\nfolder/x"))
    assert seen.vanished == []


def test_of_two_names_that_look_the_same_the_first_is_carried(tmp_path: Path) -> None:
    """Composed and decomposed are one path: the first in byte order counts, the other is a problem."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "u\u0308.jpg").write_bytes(b"decomposed")
    (tmp_path / "a" / "\u00fc.jpg").write_bytes(b"composed")
    (tmp_path / "e\u0301").mkdir()
    (tmp_path / "e\u0301" / "one").write_bytes(b"1")
    (tmp_path / "\u00e9").mkdir()
    (tmp_path / "\u00e9" / "two").write_bytes(b"2")
    seen = look(tmp_path)
    carried = seen.snapshot.files["a/\u00fc.jpg"]
    assert carried.checksum == md5(b"decomposed")
    assert carried.path.text == "a/u\u0308.jpg"
    assert set(seen.snapshot.files) == {"a/\u00fc.jpg", "\u00e9/one"}
    assert {problem.path for problem in seen.snapshot.problems} == {"a/\u00fc.jpg", "\u00e9"}


def test_a_link_does_not_hide_a_file_of_the_same_look(tmp_path: Path) -> None:
    """A name is either a file or occupied, never both."""
    (tmp_path / "u\u0308").symlink_to("x")
    (tmp_path / "\u00fc").write_bytes(b"x")
    seen = look(tmp_path)
    assert "\u00fc" in seen.snapshot.files
    assert seen.snapshot.occupied == {}


def test_a_file_that_is_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes between the first and the last look: busy, unknown, no problem, not remembered."""
    (tmp_path / "x").write_bytes(b"x" * 10)
    readv = os.readv

    def grow(descriptor: int, buffers: Any) -> int:
        with (tmp_path / "x").open("ab") as file:
            file.write(b"more")
        return readv(descriptor, buffers)

    monkeypatch.setattr(os, "readv", grow)
    seen = look(tmp_path, {"x": (FileStamp(1, 1, 1, 1, 1), Checksum("0" * 32))})
    assert seen.snapshot.files == {}
    assert seen.snapshot.occupied == {"x": Occupant.BUSY}
    assert seen.snapshot.is_unknown(MediaPath.of("x"))
    assert (seen.snapshot.problems, seen.fresh, seen.vanished) == ((), [], [])


def test_a_file_that_is_moved_meanwhile_is_met_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder that was listed already to one that was not; hard links stay what they are."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one.jpg").write_bytes(b"linked")
    (tmp_path / "two.jpg").hardlink_to(tmp_path / "one.jpg")
    listed: list[str] = []
    list_folder = os.scandir
    move = False

    def scandir(descriptor: int) -> Any:
        listed.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        if move and len(listed) == 3:
            (tmp_path / listed[1] / "a.jpg").rename(tmp_path / listed[2] / "a.jpg")
        return list_folder(descriptor)

    monkeypatch.setattr(os, "scandir", scandir)
    look(tmp_path)
    _top, first, second, *_ = listed
    (tmp_path / first / "a.jpg").write_bytes(b"a")
    known = rows(look(tmp_path))
    listed.clear()
    move = True
    seen = look(tmp_path, known)
    assert sorted(seen.snapshot.files) == sorted(["one.jpg", "two.jpg", f"{second}/a.jpg"])
    assert seen.vanished == [f"{first}/a.jpg"]


def _vanish(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _other(path: Path) -> None:
    other = path.with_name("other.tmp")
    other.write_bytes(b"x")
    other.replace(path)


@pytest.mark.parametrize("swap", [_vanish, _link, _pipe, _other])
def test_a_file_swapped_after_it_was_listed_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: Any
) -> None:
    """Gone, now a link, a pipe, another file: the next scan decides, and nothing outside is read."""
    (tmp_path / "x").write_bytes(b"x")
    opened = hashing_module._open

    def swapped(rel: str, root: int) -> int:
        swap(tmp_path / "x")
        return opened(rel, root)

    monkeypatch.setattr(hashing_module, "_open", swapped)
    seen = look(tmp_path, threads=1)
    assert seen.snapshot.occupied == {"x": Occupant.BUSY}
    assert seen.snapshot.files == {}


class Failing:
    """Makes `os` fail for some paths, as root never sees otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: dict[str, int] = {}
        opened = os.open

        def guarded(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if path in self.errors:
                raise OSError(self.errors[path], os.strerror(self.errors[path]), path)
            return opened(path, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", guarded)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Paths that fail to open, with their errno."""
    return Failing(monkeypatch)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_below_an_unreadable_folder_nothing_counts_as_deleted(
    tmp_path: Path, failing: Failing, code: int
) -> None:
    """One problem with a remedy; everything below is unknown and stays in the cache."""
    for name in ("a/b", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x").write_bytes(b"x")
    known = rows(look(tmp_path))
    failing.errors["a"] = code
    seen = look(tmp_path, known)
    assert set(seen.snapshot.files) == {"c/x"}
    assert seen.snapshot.occupied["a"] is Occupant.UNREADABLE
    assert seen.snapshot.is_unknown(MediaPath.of("a/b/x"))
    assert not seen.snapshot.is_unknown(MediaPath.of("c/y"))
    assert [problem.path for problem in seen.snapshot.problems] == ["a"]
    assert seen.snapshot.problems[0].remedy
    assert seen.vanished == []


def test_a_listing_that_breaks_off_is_no_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a folder gave before the error is not taken for all it holds."""
    (tmp_path / "a").mkdir()
    for number in range(3):
        (tmp_path / "a" / str(number)).write_bytes(b"x")
    known = rows(look(tmp_path))
    scandir = os.scandir

    class HalfWay:
        def __init__(self, descriptor: int) -> None:
            self.listing = scandir(descriptor)
            self.inside = os.path.samestat(os.fstat(descriptor), (tmp_path / "a").stat())

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.listing.close()

        def __iter__(self) -> HalfWay:
            return self

        def __next__(self) -> os.DirEntry[str]:
            entry = next(self.listing)
            if self.inside and entry.name == "2":
                raise OSError(errno.EIO, "Input/output error")
            return entry

    monkeypatch.setattr(os, "scandir", HalfWay)
    seen = look(tmp_path, known)
    assert seen.snapshot.files == {}
    assert all(seen.snapshot.is_unknown(MediaPath.of(f"a/{number}")) for number in range(3))
    assert seen.vanished == []


def test_an_unreadable_file_is_a_problem_and_unknown(tmp_path: Path, failing: Failing) -> None:
    """The rest is carried."""
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "y").write_bytes(b"y")
    failing.errors["x"] = errno.EACCES
    seen = look(tmp_path)
    assert set(seen.snapshot.files) == {"y"}
    assert seen.snapshot.is_unknown(MediaPath.of("x"))
    (problem,) = seen.snapshot.problems
    assert "chmod" in problem.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_the_right_to_read_or_to_enter(tmp_path: Path) -> None:
    """As an ordinary user: a folder that can be listed but not entered is one problem, not one for each name."""
    for name, mode in (("closed", 0o000), ("listed", 0o444), ("open", 0o755)):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(3):
            (folder / str(number)).write_bytes(b"x")
        folder.chmod(mode)
    (tmp_path / "open" / "0").chmod(0)
    for above in (tmp_path, *tmp_path.parents):
        if above.owner() == "root" and above != Path("/") and above.stat().st_mode & 0o005 != 0o005:
            above.chmod(0o755)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(65534)
            seen = look(tmp_path)
            told = sorted(str(problem.path) for problem in seen.snapshot.problems)
            code = 0 if told == ["closed", "listed", "open/0"] and len(seen.snapshot.files) == 2 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_folder_that_vanishes_while_scanned_is_unknown(tmp_path: Path, failing: Failing) -> None:
    """It was listed by the folder above and is gone: no deletion yet, no problem, the next scan decides."""
    (tmp_path / "a").mkdir()
    failing.errors["a"] = errno.ENOENT
    seen = look(tmp_path)
    assert seen.snapshot.occupied == {"a": Occupant.UNREADABLE}
    assert seen.snapshot.problems == ()


def test_a_folder_swapped_for_a_link_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when a folder above is swapped after the listing, files outside are not taken in."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a" / "b").mkdir(parents=True)
    (outside / "b").mkdir(parents=True)
    (outside / "b" / "secret").write_bytes(b"s")
    opened, ways = os.open, list[Any]()

    def swap(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        ways.append(path)
        if ways.count("a") == 2 and path == "a":  # it was listed, and is on the way to what is in it now
            (root / "a").rename(tmp_path / "away")
            (root / "a").symlink_to(outside)
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap)
    seen = look(root)
    assert seen.snapshot.files == {}
    assert seen.snapshot.occupied["a/b"] is Occupant.UNREADABLE


def test_without_the_media_folder_nothing_is_said(tmp_path: Path, failing: Failing) -> None:
    """Missing, a file, not listable: an error, never an empty snapshot."""
    with pytest.raises(FolderError):
        look(tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError):
        scan(
            tmp_path / "file", {}, IgnoreRules(), now_ns=0, progress=SilentProgress(), threads=1
        )  # fmt: skip
    failing.errors["."] = errno.EIO
    with pytest.raises(FolderError):
        look(tmp_path)


def test_a_media_folder_that_goes_away_meanwhile_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error instead of a problem for each file."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "x").write_bytes(b"x")
    opened = hashing_module._open

    def pulled(rel: str, descriptor: int) -> int:
        root.rename(tmp_path / "away")
        return opened(rel, descriptor)

    monkeypatch.setattr(hashing_module, "_open", pulled)
    with pytest.raises(FolderError):
        look(root, threads=1)


def test_a_very_deep_tree_is_walked(tmp_path: Path) -> None:
    """Deeper than Python's recursion allows; what no path can name is told, not passed over."""
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(2500):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    seen = look(tmp_path)
    assert "/".join(["d"] * 1500) in seen.snapshot.occupied
    assert [problem.reason for problem in seen.snapshot.problems] == ["the path of the folder is too long"]
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def mounted(*arguments: str | Path) -> Iterator[None]:
    """Mount for the time of a test, or skip it where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs the right to mount")
    if subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", arguments[-1]], check=True)


def test_a_folder_mounted_below_itself_is_cut(tmp_path: Path) -> None:
    """A loop of bind mounts ends, with a problem; the files are found once."""
    (tmp_path / "a" / "again").mkdir(parents=True)
    (tmp_path / "a" / "x").write_bytes(b"x")
    for _ in mounted("--bind", tmp_path / "a", tmp_path / "a" / "again"):
        seen = look(tmp_path)
        assert set(seen.snapshot.files) == {"a/x"}
        assert [problem.path for problem in seen.snapshot.problems] == ["a/again"]


def test_a_disk_inside_the_folder_is_part_of_it_and_missed_when_gone(tmp_path: Path) -> None:
    """Mounted, its files are carried. Not mounted, they are not taken for deleted until the folder is, too."""
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "nas" / "photos").mkdir(parents=True)
    known: dict[str, Row] = {}
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "nas" / "photos"):
        (tmp_path / "nas" / "photos" / "y").write_bytes(b"y")
        known = rows(look(tmp_path))
        assert set(known) == {"x", "nas/photos/y"}
        (tmp_path / "nas" / "photos" / "y").unlink()
        assert look(tmp_path, known).vanished == ["nas/photos/y"], "deleted while it is mounted: deleted"
    seen = look(tmp_path, known)
    assert seen.snapshot.is_unknown(MediaPath.of("nas/photos/y"))
    assert [problem.path for problem in seen.snapshot.problems] == ["nas/photos"]
    assert seen.vanished == []
    (tmp_path / "nas" / "photos").rmdir()
    assert [problem.path for problem in look(tmp_path, known).snapshot.problems] == ["nas"]
    (tmp_path / "nas").rmdir()
    assert look(tmp_path, known).vanished == ["nas/photos/y"]


def test_a_disk_that_held_all_files_is_missed(tmp_path: Path) -> None:
    """With no other file to compare with, the disk's number tells."""
    known: dict[str, Row] = {}
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", made(tmp_path / "nas")):
        (tmp_path / "nas" / "y").write_bytes(b"y")
        known = rows(look(tmp_path))
    seen = look(tmp_path, known)
    assert seen.vanished == []
    assert [problem.path for problem in seen.snapshot.problems] == ["nas"]
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "nas"):
        assert look(tmp_path, known).vanished == ["nas/y"], "mounted, but empty"


def test_a_disk_that_held_all_files_is_missed_also_where_something_was_saved_since(tmp_path: Path) -> None:
    """Its number tells then, too; deleted while it is mounted, or with the folder, they are deleted."""
    known: dict[str, Row] = {}
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", made(tmp_path / "nas")):
        (tmp_path / "nas" / "y").write_bytes(b"y")
        known = rows(look(tmp_path))
    (tmp_path / "nas" / "saved").write_bytes(b"meanwhile")
    seen = look(tmp_path, known)
    assert seen.vanished == []
    assert seen.snapshot.is_unknown(MediaPath.of("nas/y"))
    assert [problem.path for problem in seen.snapshot.problems] == ["nas"]
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path / "nas"):
        (tmp_path / "nas" / "other").write_bytes(b"other")
        assert look(tmp_path, known).vanished == ["nas/y"]
    shutil.rmtree(tmp_path / "nas")
    (tmp_path / "x").write_bytes(b"x")
    assert look(tmp_path, known).vanished == ["nas/y"]


def test_a_disk_whose_mount_point_is_not_empty_is_missed(tmp_path: Path) -> None:
    """A program saved something where the disk was, or another disk is there: the files are away, not deleted.

    Deleted while it is mounted they are deleted, and so they are when their folder is gone, too.
    """
    (tmp_path / "x").write_bytes(b"x")
    known: dict[str, Row] = {}
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", made(tmp_path / "nas")):
        (tmp_path / "nas" / "y").write_bytes(b"y")
        known = rows(look(tmp_path))
        (tmp_path / "nas" / "y").rename(tmp_path / "nas" / "z")
        assert look(tmp_path, known).vanished == ["nas/y"]
        (tmp_path / "nas" / "z").rename(tmp_path / "nas" / "y")
        known = rows(look(tmp_path))
        other = made(tmp_path.parent / f"{tmp_path.name}-other")
        for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", other):  # which takes a number of its own
            (other / "w").write_bytes(b"w")
            for _ in mounted("--bind", other, tmp_path / "nas"):
                seen = look(tmp_path, known)
                assert seen.vanished == []
                assert [problem.path for problem in seen.snapshot.problems] == ["nas"]
                assert set(seen.snapshot.files) == {"x", "nas/w"}
    (tmp_path / "nas" / "saved").write_bytes(b"saved")
    for _ in range(2):  # also when the saved file is known
        seen = look(tmp_path, known)
        known = known | rows(seen)
        assert seen.vanished == []
        assert seen.snapshot.is_unknown(MediaPath.of("nas/y"))
        assert "1 file that" in seen.snapshot.problems[0].reason
    (tmp_path / "nas" / "saved").unlink()
    (tmp_path / "nas").rmdir()
    assert "nas/y" in look(tmp_path, known).vanished


def made(folder: Path) -> Path:
    """The same folder, which is there now."""
    folder.mkdir()
    return folder


def test_emptying_an_ordinary_folder_is_a_deletion(tmp_path: Path) -> None:
    """Only what was another disk is missed."""
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "y").write_bytes(b"y")
    known = rows(look(tmp_path))
    (tmp_path / "a" / "y").unlink()
    seen = look(tmp_path, known)
    assert seen.vanished == ["a/y"]
    assert seen.snapshot.problems == ()


def test_progress_is_told_with_totals(tmp_path: Path) -> None:
    """A person sees how many files and bytes will be read."""
    (tmp_path / "x").write_bytes(b"xyz")
    progress = SilentProgress()
    scan(tmp_path, {}, IgnoreRules(), now_ns=0, progress=progress, threads=1)
    assert [(phase.files, phase.size) for phase in progress.seen] == [(None, None), (1, 3)]


def test_a_large_sparse_file_is_read_in_pieces(tmp_path: Path) -> None:
    """The size of a file costs no memory."""
    with (tmp_path / "film").open("wb") as file:
        file.truncate(50_000_000)
    assert look(tmp_path).snapshot.files["film"].checksum == md5(bytes(50_000_000))


def test_a_file_is_not_reached_through_a_link(tmp_path: Path) -> None:
    """A folder that became a link since it was listed leads no reading elsewhere, not even to the very same file."""
    (tmp_path / "album" / "a").mkdir(parents=True)
    (tmp_path / "album" / "a" / "x.jpg").write_bytes(b"one")
    stamp = stamp_of((tmp_path / "album" / "a" / "x.jpg").stat())
    (tmp_path / "album" / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "album" / "a").symlink_to(tmp_path / "elsewhere")
    root = os.open(tmp_path / "album", os.O_RDONLY)
    try:
        with pytest.raises(Unsettled):
            Reader.at(root).checksum("a/x.jpg", stamp)
        with pytest.raises(NotADirectoryError):
            open_folder(root, "a/b")
    finally:
        os.close(root)


@pytest.mark.parametrize("twin", ["folder", "file"])
@pytest.mark.parametrize("known", ["NFC", "NFD"])
def test_what_lies_in_one_of_two_that_look_the_same_is_not_gone(
    tmp_path: Path, known: str, twin: str
) -> None:
    """Only one of the two can be looked through: nobody knows what became of the files that were below that name."""
    spelt = {form: unicodedata.normalize(form, "Büro") for form in ("NFC", "NFD")}
    (tmp_path / spelt[known]).mkdir()
    (tmp_path / spelt[known] / "a.jpg").write_bytes(b"a")
    before = look(tmp_path)
    (tmp_path / spelt[known]).rename(tmp_path / spelt["NFC"])
    if twin == "folder":
        (tmp_path / spelt["NFD"]).mkdir()
        (tmp_path / spelt["NFD"] / "b.jpg").write_bytes(b"b")
    else:
        (tmp_path / spelt["NFD"]).write_bytes(b"a file")
    found = look(tmp_path, rows(before))
    path = MediaPath.of(f"{spelt['NFC']}/a.jpg")
    assert len(found.snapshot.problems) == 1
    assert found.snapshot.at(path) is None
    assert found.snapshot.is_unknown(path)
    assert path.key not in found.vanished
