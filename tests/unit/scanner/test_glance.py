"""A look at a few paths says of them what a walk through everything says, or that it cannot."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from syncd.errors import FolderError
from syncd.ignore import IgnoreRules
from syncd.model import Checksum, FileStamp, FolderSnapshot, MediaPath, Occupant
from syncd.ports import SilentProgress
from syncd.scanner import Glance, Scan, TooWide, Unrest, scan
from syncd.scanner import glance as glance_module
from syncd.scanner import hashing as hashing_module
from syncd.scanner.hashing import Reader, stamp_of
from tests.core import md5

LATER = 10_000_000_000
Rows = dict[str, tuple[FileStamp, Checksum]]

NFC, NFD = "Bär", unicodedata.normalize("NFD", "Bär")


def walk(root: Path, known: Rows | None = None) -> Scan:
    """A look at everything, some seconds after the files were written."""
    return scan(
        root,
        known or {},
        IgnoreRules.load(root, ["left out", "drafts/"]),
        now_ns=time.time_ns() + LATER,
        progress=SilentProgress(),
        threads=1,
    )


def glance(
    root: Path,
    *asked: Iterable[str],
    known: Rows | None = None,
    deep: Iterable[str] = (),
    busy: Iterable[str] = (),
    later: int = LATER,
    unrest: Unrest | None = None,
) -> Scan:
    """A glance at some paths, one look after the other."""
    rules = IgnoreRules.load(root, ["left out", "drafts/"])
    with Glance(root, rules, progress=SilentProgress(), threads=1) as found:
        for paths in asked:
            found.look(map(MediaPath.of, paths), known or {}, unrest or Unrest(set(busy)), deep=set(deep))
        return found.scan(time.time_ns() + later)


def rows(seen: Scan) -> Rows:
    """What the cache would hold after a look."""
    return {key: (file.stamp, file.checksum) for key, file in seen.snapshot.files.items()}


def write(path: Path, content: str = "one") -> Path:
    """A file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names_like(snapshot: FolderSnapshot, key: str) -> set[str]:
    """The names that a disk which ignores case takes for this one."""
    names = {*snapshot.files, *snapshot.occupied}
    return {name for name in names if name.casefold() == key.casefold()}


def check_same(near: FolderSnapshot, whole: FolderSnapshot, asked: Iterable[str]) -> None:
    """Of the paths asked for, and of all else that it speaks of, a glance says what the walk says."""
    for path in map(MediaPath.of, asked):
        for key in (path.key, *path.ancestors()):
            there, here = whole.files.get(key), near.files.get(key)
            assert (here, here and here.path.text) == (there, there and there.path.text), key
            assert near.occupied.get(key) == whole.occupied.get(key), key
            assert near.is_unknown(MediaPath.of(key)) == whole.is_unknown(MediaPath.of(key)), key
        blocked = any(whole.occupied.get(above) is not Occupant.FOLDER for above in path.ancestors())
        if path.key not in {*whole.files, *whole.occupied} and not blocked:
            for key in (path.key, *path.ancestors()):
                assert names_like(near, key) == names_like(whole, key), "who writes there must know"
    for key, file in near.files.items():
        assert whole.files.get(key) == file
        assert key not in near.occupied
    for key, what in near.occupied.items():
        if what is Occupant.OTHER:
            assert key in whole.files or whole.occupied.get(key) is Occupant.UNREADABLE
        else:
            assert whole.occupied.get(key) is what, key


# --- one kind of thing after the other ----------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with everything that may stand in one, but for what cannot be used."""
    root = tmp_path / "album"
    for rel in ("a/b/x.jpg", "a/y.jpg", "a/Y.jpg", "z.jpg", f"{NFD}/{NFC}.jpg", f"{NFC}.jpg", "d/e/f/g.jpg"):
        write(root / rel, rel)
    (root / "a" / "to file").symlink_to("y.jpg")
    (root / "a" / "to folder").symlink_to("b")
    (root / "outside").symlink_to(tmp_path)
    (root / "dead").symlink_to("nowhere")
    (root / "a" / "b" / "up").symlink_to("../..")
    os.mkfifo(root / "a" / "pipe")
    write(root / "a" / "Thumbs.db")
    write(root / "left out" / "x.jpg")
    write(root / "drafts" / "x.jpg")
    write(root / "a" / "drafts")
    write(root / ".syncd" / "folder.json", "{}")
    (root / "empty").mkdir()
    write(tmp_path / "secret.txt")
    return root


ASKED = [
    "z.jpg", "Z.jpg", "a", "A", "A/x", "a/y.jpg", "a/Y.jpg", "A/y.jpg", "A/Y.jpg", "a/b/x.jpg", "a/b/X.jpg", "a/B/x.jpg",
    f"{NFC}/{NFC}.jpg", f"{NFD}/{NFD}.jpg", f"{NFD}.jpg", f"{NFC}.jpg", f"{NFC.upper()}.jpg", f"{NFC}/new.jpg",
    "a/to file", "a/to file/x", "a/to folder", "a/to folder/x.jpg", "outside", "outside/secret.txt", "dead", "dead/x",
    "a/b/up", "a/b/up/z.jpg", "a/pipe", "a/pipe/x", "a/Thumbs.db", "thumbs.DB", "left out", "left out/x.jpg", "drafts",
    "drafts/x.jpg", "Drafts/x.jpg", "a/drafts", "a/drafts/x", ".syncd", ".syncd/folder.json", "empty", "empty/x.jpg",
    "Empty/x.jpg", "z.jpg/x", "z.jpg/x/y", "gone", "gone/x", "gone/x/y", "d/e", "d/e/f/g.jpg", "D/e/f/h.jpg", "d/E/f/g.jpg",
]  # fmt: skip


@pytest.mark.parametrize("known", [False, True], ids=["nothing known", "all known"])
@pytest.mark.parametrize("path", ASKED)
def test_one_path(album: Path, path: str, *, known: bool) -> None:
    """Whatever is, or is not, at a path: the glance knows it without a walk, and follows no link."""
    cache = rows(walk(album)) if known else {}
    near = glance(album, [path], known=cache)
    check_same(near.snapshot, walk(album, cache).snapshot, [path])


def test_many_paths_in_any_order(album: Path) -> None:
    """One path's look leaves no wrong trace for another's: names that differ by case, files first met as such names."""
    whole = walk(album).snapshot
    for order in (ASKED, ASKED[::-1], sorted(ASKED, key=str.casefold)):
        check_same(glance(album, order).snapshot, whole, order)
        check_same(glance(album, *([path] for path in order)).snapshot, whole, order)


def test_a_changed_folder_is_looked_at_with_all_that_is_in_it(album: Path) -> None:
    """Who moved in a folder is heard of as its name only."""
    near, whole = glance(album, ["a", "d"], deep=["a", "d"]).snapshot, walk(album).snapshot
    below = {key for key in whole.files if key.startswith(("a/", "d/"))}
    assert set(near.files) == below
    check_same(near, whole, below | {key for key in whole.occupied if key.startswith("a/")})


def test_a_folder_that_some_object_names_is_not_read_through(album: Path, reads: list[str]) -> None:
    """Only what was said to have changed is looked at with all that is in it: the rest may be a life's work."""
    near = glance(album, ["a", "d"], deep=["d"])
    assert set(near.snapshot.files) == {"d/e/f/g.jpg"} == set(reads)
    assert near.snapshot.occupied["a"] is Occupant.FOLDER


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


def test_a_file_is_read_once(album: Path, reads: list[str]) -> None:
    """However often it is asked for, by itself or with its folder; and not at all where its stamp is known."""
    glance(album, ["a", "z.jpg"], ["z.jpg", "a/y.jpg"], ["a/b/x.jpg", "a"], deep=["a"])
    assert sorted(reads) == ["a/Y.jpg", "a/b/x.jpg", "a/drafts", "a/y.jpg", "z.jpg"]
    cache = rows(walk(album))
    reads.clear()
    glance(album, ["a", "z.jpg"], ["a/y.jpg"], known=cache, deep=["a"])
    assert reads == []


def test_what_is_being_written_is_not_read(album: Path, reads: list[str]) -> None:
    """Somebody told that it is busy: unknown, neither the same nor gone."""
    near = glance(album, ["z.jpg", "a/y.jpg"], busy=["z.jpg"])
    assert reads == ["a/y.jpg"]
    assert near.snapshot.occupied["z.jpg"] is Occupant.BUSY
    assert near.snapshot.is_unknown(MediaPath.of("z.jpg"))
    assert [file.path.key for file in near.fresh] == ["a/y.jpg"]


def test_what_has_just_changed_is_not_read(album: Path, reads: list[str]) -> None:
    """Nobody told of it, but more may follow: unknown, and told apart, so that it is looked at again soon.

    What is known as it is needs no reading; what this very run put there is finished.
    """
    long = Unrest(settle_ns=3600 * 1_000_000_000, own={"a/y.jpg"})
    known = {"a/b/x.jpg": rows(glance(album, ["a/b/x.jpg"]))["a/b/x.jpg"]}
    reads.clear()
    asked = ["z.jpg", "a/y.jpg", "a/b/x.jpg", "d"]
    near = glance(album, asked, known=known, deep=["d"], unrest=long)
    assert reads == ["a/y.jpg"]
    assert near.young == {"z.jpg", "d/e/f/g.jpg"}
    assert near.snapshot.files.keys() == {"a/y.jpg", "a/b/x.jpg"}
    assert all(near.snapshot.occupied[key] is Occupant.BUSY for key in near.young)
    assert [file.path.key for file in near.fresh] == ["a/y.jpg"]
    assert not near.vanished


def test_when_a_change_is_old_enough() -> None:
    """To the nanosecond; a time to come says nothing, and where there is no change time the modification time counts."""
    second = 1_000_000_000
    unrest = Unrest(settle_ns=2 * second)
    young = {age: unrest.is_young("x", FileStamp(1, 1, 100 * second, 1, 1), 100 * second + age) for age in (
        -1, 0, second, 2 * second - 1, 2 * second,
    )}  # fmt: skip
    assert young == {-1: False, 0: True, second: True, 2 * second - 1: True, 2 * second: False}
    assert unrest.is_young("x", FileStamp(1, 100 * second, 0, 1, 1), 101 * second)
    assert not Unrest().is_young("x", FileStamp(1, 1, 100 * second, 1, 1), 100 * second)


def test_what_the_cache_is_told(album: Path) -> None:
    """What was read is remembered, and not what changed in the very moment; a moved file keeps its checksum."""
    near = glance(album, ["z.jpg"])
    assert [file.path.key for file in near.fresh] == ["z.jpg"]
    assert not (near.vanished)
    assert not (near.unsure)
    hasty = glance(album, ["z.jpg"], later=-LATER)
    assert (hasty.fresh, hasty.vanished) == ([], ["z.jpg"])
    assert hasty.unsure == {"z.jpg"}
    known = rows(near)
    (album / "z.jpg").rename(album / "moved.jpg")
    moved = glance(album, ["z.jpg", "moved.jpg"], known=known)
    assert [(file.path.key, file.checksum) for file in moved.fresh] == [("moved.jpg", md5("z.jpg"))]


# --- what is left to the walk -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["a/.syncd/folder.json", "d/.syncd", ".syncdignore", "a/.syncdignore", "../secret.txt", "a/../z.jpg", "./z.jpg", "a//y.jpg", "/z.jpg", "..", "", "nul\0.jpg"],
)  # fmt: skip
def test_paths_that_are_no_files_of_the_folder(album: Path, path: str) -> None:
    """What belongs to syncd, and what is no path of the folder at all: nothing outside is ever touched."""
    with pytest.raises(TooWide):
        glance(album, [path])


def _control(album: Path) -> list[str]:
    write(album / "a" / "line\nbreak.jpg")
    return ["a/line\nbreak.jpg"]


def _latin(album: Path) -> list[str]:
    name = os.fsdecode(b"B\xe4r.jpg")
    write(album / name)
    return [name]


def _marker(album: Path) -> list[str]:
    write(album / "d" / "e" / ".syncd" / "folder.json")
    return ["d"]


def _list(album: Path) -> list[str]:
    write(album / "d" / "e" / ".syncdignore")
    return ["d"]


def _twins(album: Path) -> list[str]:
    write(album / f"{NFD}.jpg")
    return [f"{NFC}.jpg"]


def _twins_below(album: Path) -> list[str]:
    write(album / "d" / f"{NFD}.jpg")
    write(album / "d" / f"{NFC}.jpg")
    return ["d"]


def _composed_to_ascii(album: Path) -> list[str]:
    write(album / "\N{KELVIN SIGN}.jpg")  # which is a K by its normal form
    return ["K.jpg"]


def _long(album: Path) -> list[str]:
    return [f"a/{'x' * 256}"]


@pytest.mark.parametrize(
    "make", [_control, _latin, _marker, _list, _twins, _twins_below, _composed_to_ascii, _long]
)
def test_what_needs_the_company_of_others(album: Path, make: Any) -> None:
    """Names that cannot be used, or look the same; media folders and lists below the top: the walk tells of them."""
    asked = make(album)
    with pytest.raises(TooWide):
        glance(album, asked, deep=asked)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize(
    ("mode", "path"),
    [
        (0o000, "a/y.jpg"), (0o444, "a/y.jpg"), (0o111, "a/y.jpg"), (0o111, "a/new.jpg"), (0o333, "a/b/x.jpg"), (0o000, "a"),
        (0o111, "a"), (0o444, "a"),
    ],
)  # fmt: skip
def test_without_the_right_to_list_or_enter_a_folder(album: Path, mode: int, path: str) -> None:
    """As an ordinary user: all below is unknown to the walk, also what could be opened by its name."""
    known = rows(walk(album))
    (album / "a").chmod(mode)
    for above in album.parents:
        if above.owner() == "root" and above != Path("/") and above.stat().st_mode & 0o005 != 0o005:
            above.chmod(0o755)
    assert as_nobody(lambda: _is_too_wide(album, path, known))
    assert as_nobody(lambda: walk(album, known).snapshot.occupied["a"] is Occupant.UNREADABLE)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_the_right_to_read_a_file(album: Path) -> None:
    """The walk has a problem to tell."""
    (album / "z.jpg").chmod(0)
    for above in album.parents:
        if above.owner() == "root" and above != Path("/") and above.stat().st_mode & 0o005 != 0o005:
            above.chmod(0o755)
    assert as_nobody(lambda: _is_too_wide(album, "z.jpg", {}))


def _is_too_wide(album: Path, path: str, known: Rows) -> bool:
    try:
        glance(album, [path], known=known)
    except TooWide:
        return True
    return False


def listed(folder: str | Path) -> list[str]:
    """The names in a folder."""
    return [path.name for path in Path(folder).iterdir()]


def as_nobody(question: Any) -> bool:
    """Ask something as a user without rights."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(65534)
            code = 0 if question() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_two_folders_that_differ_only_by_case(album: Path) -> None:
    """What is there is seen in both. Where something may be written, the names in both count: the walk decides."""
    write(album / "A" / "y.jpg")
    whole = walk(album).snapshot
    for path in ("A/y.jpg", "a/y.jpg", "a/Y.jpg", "a/b/x.jpg", "a", "A"):
        check_same(glance(album, [path]).snapshot, whole, [path])
    for path in ("A/new.jpg", "a/new.jpg", "a/b/new.jpg", "a/b/gone/new.jpg"):
        with pytest.raises(TooWide):
            glance(album, [path])


@pytest.fixture
def ignoring_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes `A.jpg` for `a.jpg`, as those of memory cards and of Windows do."""
    stat, opened = os.stat, os.open

    def found(path: Any, dir_fd: int | None) -> Any:
        if dir_fd is None or not isinstance(path, str):
            return path
        here = Path(f"/proc/self/fd/{dir_fd}")
        parts: list[str] = []
        for part in path.split("/"):
            above = here.joinpath(*parts)
            names = {name.casefold(): name for name in listed(above)} if above.is_dir() else {}
            parts.append(names.get(part.casefold(), part))
        return "/".join(parts)

    def stat_of(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        return stat(found(path, dir_fd), dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    def open_it(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return opened(found(path, dir_fd), flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "stat", stat_of)
    monkeypatch.setattr(os, "open", open_it)


def test_on_a_disk_that_ignores_case(tmp_path: Path, ignoring_case: None) -> None:
    """A file that answers to another spelling is not two files, neither renamed in the folder nor asked for by an object."""
    root = tmp_path / "card"
    write(root / "Photos" / "A.jpg")
    known = rows(walk(root))
    assert set(glance(root, ["Photos/A.jpg"], known=known).snapshot.files) == {"Photos/A.jpg"}
    for asked in ["Photos/a.jpg", "photos/A.jpg", "photos/new.jpg"]:
        with pytest.raises(TooWide):
            glance(root, [asked], known={})
    (root / "Photos" / "A.jpg").rename(root / "Photos" / "a.jpg")
    for order in (["Photos/A.jpg", "Photos/a.jpg"], ["Photos/a.jpg", "Photos/A.jpg"]):
        with pytest.raises(TooWide):
            glance(root, order, known=known)


def test_an_empty_folder_in_which_something_is_looked_for(album: Path) -> None:
    """A disk may not be mounted there: who asks can find out what it held."""
    with Glance(album, IgnoreRules(), progress=SilentProgress(), threads=1) as found:
        found.look([MediaPath.of("d/e/f/new.jpg"), MediaPath.of("gone/x.jpg")], {})
        assert found.empty == {}
        found.look([MediaPath.of("empty/sub/x.jpg")], {})
        assert found.empty == {"empty": album.stat().st_dev}


def test_without_the_media_folder_nothing_is_said(tmp_path: Path) -> None:
    """Missing, a file, or gone meanwhile: an error, never a file that is not there."""
    write(tmp_path / "file")
    for root in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(FolderError):
            glance(root, ["x"])
    root = write(tmp_path / "root" / "x").parent
    with Glance(root, IgnoreRules(), progress=SilentProgress(), threads=1) as found:
        found.look([MediaPath.of("x")], {})
        root.rename(tmp_path / "away")
        with pytest.raises(FolderError):
            found.scan(0)
        root.mkdir()
        with pytest.raises(FolderError):
            found.scan(0)


# --- races --------------------------------------------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is busy: unknown, and not remembered."""
    readv = os.readv

    def grow(descriptor: int, buffers: Any) -> int:
        with (album / "z.jpg").open("ab") as file:
            file.write(b"more")
        return readv(descriptor, buffers)

    monkeypatch.setattr(os, "readv", grow)
    near = glance(album, ["z.jpg"])
    assert near.snapshot.files == {}
    assert near.snapshot.occupied == {"z.jpg": Occupant.BUSY}
    assert not (near.fresh)
    assert not (near.vanished)
    assert not (near.unsure)


@pytest.mark.parametrize("kind", ["vanished", "link", "pipe", "other"])
def test_a_file_that_is_swapped_before_it_is_read(
    album: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nothing outside is read, nobody waits for a pipe; the next look decides."""
    opened = hashing_module._open

    def swapped(rel: str, root: int) -> int:
        path = album / "z.jpg"
        path.unlink()
        if kind == "link":
            path.symlink_to(album.parent / "secret.txt")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "other":
            write(path, "z.jpg")
        return opened(rel, root)

    monkeypatch.setattr(hashing_module, "_open", swapped)
    near = glance(album, ["z.jpg"])
    assert near.snapshot.files == {}
    assert near.snapshot.occupied == {"z.jpg": Occupant.BUSY}


@pytest.mark.parametrize("path", ["a/y.jpg", "a/b/x.jpg", "a/new.jpg", f"a/{NFC}.jpg"])
def test_a_folder_that_is_swapped_leads_nowhere(
    album: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Between two steps of the look, whichever: files of elsewhere are not taken in, also where they have the same names."""
    elsewhere = album.parent / "elsewhere"
    for rel in ("y.jpg", "b/x.jpg", "new.jpg", f"{NFC}.jpg"):
        write(elsewhere / rel, "secret")
    steps = 0
    for swap_at in range(1, 40):
        steps, done = 0, False

        def step(swap_at: int = swap_at) -> None:
            nonlocal steps, done
            steps += 1
            if steps == swap_at:
                done = True
                (album / "a").rename(album.parent / "away")
                (album / "a").symlink_to(elsewhere)

        with monkeypatch.context() as patch:
            for name in ("stat", "open", "listdir", "access"):
                patch.setattr(os, name, before(step, getattr(os, name)))
            try:
                near = glance(album, [path])
            except TooWide:
                pass
            else:
                assert md5("secret") not in {file.checksum for file in near.snapshot.files.values()}
        if not done:
            break
        (album / "a").unlink()
        (album.parent / "away").rename(album / "a")
    assert 4 < steps < 40, "every step was disturbed once"


def before(hook: Any, call: Any) -> Any:
    """A call before which something happens."""

    def hooked(*arguments: Any, **named: Any) -> Any:
        hook()
        return call(*arguments, **named)

    return hooked


def test_a_folder_that_cannot_be_listed_half_way(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk says nothing of what is there."""

    def failing(_descriptor: int) -> list[str]:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "listdir", failing)
    with pytest.raises(TooWide):
        glance(album, ["a/new.jpg"])


def test_no_descriptor_is_left_open(album: Path) -> None:
    """Neither where it ends well nor where it does not: a daemon looks for years."""
    write(album / "a" / "line\nbreak.jpg")
    before_it = len(listed("/proc/self/fd"))
    for paths in (ASKED, ["a/line\nbreak.jpg"], ["../x"], ["a/.syncd"]):
        for _ in range(3):
            _is_too_wide(album, paths[0], {})
            try:
                glance(album, paths)
            except TooWide:
                continue
    assert len(listed("/proc/self/fd")) == before_it


def test_a_look_that_is_broken_off_at_its_beginning(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a pause: the folder is not held open, and its disk can be unmounted, however long the error is kept."""
    before_it = len(listed("/proc/self/fd"))

    def interrupted(_descriptor: int) -> os.stat_result:
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.scanner.walk.os.fstat", interrupted)
    with pytest.raises(KeyboardInterrupt) as _kept:
        glance(album, ASKED)
    monkeypatch.undo()
    assert len(listed("/proc/self/fd")) == before_it


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


def test_a_disk_inside_the_folder(album: Path) -> None:
    """Another file system is part of the folder; its device is told where it is empty."""
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", album / "empty"):
        with Glance(album, IgnoreRules(), progress=SilentProgress(), threads=1) as found:
            found.look([MediaPath.of("empty/x.jpg")], {})
            assert found.empty == {"empty": (album / "empty").stat().st_dev}
        write(album / "empty" / "x.jpg")
        check_same(glance(album, ["empty/x.jpg"]).snapshot, walk(album).snapshot, ["empty/x.jpg"])


# --- any folder ---------------------------------------------------------------------------------------------------

NAMES = ["a", "A", "b", "ß", "ss", NFC, NFD, "Thumbs.db", "left out", "drafts", ".syncd", ".syncdignore", "bad\n", os.fsdecode(b"\xe4")]  # fmt: skip
PLAIN = ["a", "A", "b", NFC, "ß", "SS"]

some_names = st.one_of(st.sampled_from(PLAIN), st.sampled_from(PLAIN), st.sampled_from(NAMES))
some_paths = st.lists(some_names, min_size=1, max_size=3).map("/".join)
kinds = st.sampled_from(["file", "file", "file", "folder", "link", "link out", "pipe"])


def make_tree(root: Path, entries: Mapping[str, str]) -> None:
    """Make what can be made, in order."""
    root.mkdir()
    for rel, kind in entries.items():
        path = root / rel
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind.startswith("link"):
                path.symlink_to(root.parent if kind == "link out" else "a")
            elif not path.is_symlink() and not path.exists():
                path.write_text(kind + rel[-1:].encode(errors="replace").decode())
        except OSError:
            continue  # a file is in the way


@settings(max_examples=250)
@given(
    st.dictionaries(some_paths, kinds, max_size=9),
    st.lists(st.lists(some_paths, max_size=3), min_size=1, max_size=3),
    st.data(),
)
def test_any_folder(entries: dict[str, str], asked: list[list[str]], data: st.DataObject) -> None:
    """Names in any case and form, links, pipes and folders at any depth, asked for in any order: as the walk, or not at all."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "album"
        make_tree(root, entries)
        try:
            IgnoreRules.load(root, [])
        except FolderError:
            return
        cache = rows(walk(root))
        known = {key: cache[key] for key in sorted(cache) if data.draw(st.booleans(), label=key)}
        paths = [path for look in asked for path in look]
        deep = {path for path in paths if data.draw(st.booleans(), label=f"deep {path}")}
        try:
            near = glance(root, *asked, known=known, deep={MediaPath.of(path).key for path in deep})
        except TooWide as finding:
            event(str(finding))
            return
        event("seen")
        whole = walk(root, known).snapshot
        check_same(near.snapshot, whole, paths)
        for path in deep:
            key = MediaPath.of(path).key
            below = {other for other in {*whole.files, *whole.occupied} if other.startswith(f"{key}/")}
            if whole.occupied.get(key) is Occupant.FOLDER:
                check_same(near.snapshot, whole, below)


def test_the_stamp_is_that_of_the_file(album: Path) -> None:
    """What the cache remembers is what the system says of it."""
    near = glance(album, [f"{NFC}/{NFC}.jpg"])
    [file] = near.snapshot.files.values()
    assert file.stamp == stamp_of((album / NFD / f"{NFC}.jpg").stat())
    assert file.path.text == f"{NFD}/{NFC}.jpg"
    assert glance_module.is_inside(file.path)
