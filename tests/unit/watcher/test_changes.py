"""What people and programs do in the folder, and what is told of it: real files, the kernel's events."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.ignore import IgnoreRules
from syncd.scanner import look
from syncd.watcher.events import Folders
from tests.unit.watcher.lookout import Clock, Lookout, kernel_watches, nothing_of_ours

Watching = Callable[..., Lookout]


def write(path: Path, content: bytes = b"content") -> None:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_saved_file(media: Path, watching: Watching) -> None:
    """A file that is made, changed or deleted is told by its path, at any depth."""
    write(media / "a" / "b" / "old.jpg")
    write(media / "gone.jpg")
    lookout = watching()
    write(media / "new.jpg")
    write(media / "a" / "b" / "old.jpg", b"other")
    (media / "gone.jpg").unlink()
    assert lookout.rest() == {"new.jpg", "a/b/old.jpg", "gone.jpg"}
    assert lookout.scans == []


def test_rights_and_times(media: Path, watching: Watching) -> None:
    """A file whose rights or times are changed is told; a folder's say nothing of the files in it."""
    write(media / "a" / "x.jpg")
    lookout = watching()
    os.utime(media / "a" / "x.jpg", (1, 1))
    (media / "a").chmod(0o700)
    os.utime(media / "a", (1, 1))
    assert lookout.rest() == {"a/x.jpg"}


def test_a_slow_writer(media: Path, watching: Watching, clock: Clock) -> None:
    """A file whose writer pauses is not handed over before it is closed; one that is held open, after a minute."""
    lookout = watching(clock=clock, settle=2)
    with (media / "slow.mp4").open("wb", buffering=0) as slow, (media / "held.jpg").open("wb") as held:
        slow.write(b"a")
        held.write(b"a")
        held.flush()
        lookout.heard()
        clock.now += 40
        assert lookout.taken() == set()
        assert lookout.unsettled() == {"slow.mp4", "held.jpg"}
        slow.write(b"b")
        lookout.heard()
        clock.now += 20
        assert lookout.taken() == {"held.jpg"}
        assert lookout.unsettled() == {"slow.mp4"}
    lookout.heard()
    assert lookout.taken() == set()
    clock.now += 2
    assert lookout.taken() == {"slow.mp4", "held.jpg"}
    assert lookout.watcher.due_in() is None


def test_a_busy_file(media: Path, watching: Watching, clock: Clock) -> None:
    """A file that is saved again and again is handed over after 30 s."""
    lookout = watching(clock=clock, settle=2)
    for _ in range(30):
        write(media / "busy.txt", b"a line")
        lookout.heard()
        assert "busy.txt" not in lookout.taken()
        clock.now += 1
    assert "busy.txt" in lookout.taken()


@pytest.mark.parametrize("temporary", ["photo.jpg.part", ".goutputstream-X", "photo (saving).jpg"])
def test_a_safe_save(media: Path, watching: Watching, clock: Clock, temporary: str) -> None:
    """A file that is written beside the old one and put in its place settles within `settle`."""
    write(media / "photo.jpg")
    lookout = watching(clock=clock, settle=2)
    write(media / temporary)
    (media / temporary).rename(media / "photo.jpg")
    lookout.heard()
    assert lookout.taken() == set()
    clock.now += 2
    assert lookout.taken() - {temporary} == {"photo.jpg"}


def test_a_finished_file_that_gets_another_name(
    media: Path, tmp_path: Path, watching: Watching, clock: Clock
) -> None:
    """Moved in, renamed, linked, linked symbolically: nobody is writing to it, so it settles within `settle`."""
    for name in ("in", "linked", "target"):
        write(tmp_path / name)
    write(media / "before.jpg")
    lookout = watching(clock=clock, settle=2)
    (tmp_path / "in").rename(media / "in.jpg")
    (media / "before.jpg").rename(media / "after.jpg")
    (media / "linked.jpg").hardlink_to(tmp_path / "linked")
    (tmp_path / "linked").unlink()
    (media / "symbolic.jpg").symlink_to(tmp_path / "target")
    os.mkfifo(media / "pipe")
    lookout.heard()
    clock.now += 2
    assert lookout.taken() == {
        "in.jpg",
        "before.jpg",
        "after.jpg",
        "linked.jpg",
        "symbolic.jpg",
        "pipe",
    }


def test_a_file_that_is_renamed_while_it_is_written(media: Path, watching: Watching, clock: Clock) -> None:
    """It is open under its new name, be it its own or its folder's."""
    (media / "a").mkdir()
    lookout = watching(clock=clock, settle=2)
    with (media / "a" / "x.mp4").open("wb", buffering=0) as slow:
        slow.write(b"a")
        (media / "a" / "x.mp4").rename(media / "a" / "y.mp4")
        (media / "a").rename(media / "b")
        lookout.heard()
        clock.now += 10
        assert lookout.taken() == {"a", "b", "a/x.mp4"}
        assert lookout.unsettled() == {"b/y.mp4"}
    lookout.heard()
    clock.now += 2
    assert lookout.taken() == {"b/y.mp4"}


def test_nothing_to_settle(media: Path, watching: Watching) -> None:
    """With `settle = 0` a file is handed over when it is closed."""
    lookout = watching(settle=0)
    with (media / "a.jpg").open("wb", buffering=0) as file:
        file.write(b"a")
        lookout.rest()
        assert lookout.unsettled() == {"a.jpg"}
    lookout.told("a.jpg")
    assert lookout.unsettled() == set()


def test_a_new_folder(media: Path, watching: Watching) -> None:
    """Folders made at once are told, and what is made in them later on."""
    lookout = watching()
    write(media / "a" / "b" / "c" / "d" / "x.jpg")
    lookout.until(lambda: lookout.paths & {"a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/x.jpg"})
    lookout.rest()
    write(media / "a" / "b" / "c" / "d" / "y.jpg")
    assert lookout.rest() == {"a/b/c/d/y.jpg"}
    assert lookout.watcher.health.folders == kernel_watches() == 5


def test_a_folder_that_is_moved_in(media: Path, tmp_path: Path, watching: Watching) -> None:
    """The folder is told, for all that came with it; it is watched from then on."""
    write(tmp_path / "album" / "1" / "x.jpg")
    lookout = watching()
    (tmp_path / "album").rename(media / "album")
    assert lookout.rest() == {"album"}
    write(media / "album" / "1" / "y.jpg")
    assert lookout.rest() == {"album/1/y.jpg"}


def test_a_folder_that_is_moved_out(media: Path, tmp_path: Path, watching: Watching) -> None:
    """The folder is told, and nothing of what happens in it elsewhere; its watches are given back."""
    write(media / "album" / "1" / "x.jpg")
    write(media / "other" / "x.jpg")
    lookout = watching()
    assert kernel_watches() == 4
    (media / "album").rename(tmp_path / "album")
    lookout.told("album")
    assert kernel_watches() == lookout.watcher.health.folders == 2
    write(tmp_path / "album" / "1" / "y.jpg")
    assert lookout.rest() <= {"album"}
    (tmp_path / "album").rename(media / "back")
    assert lookout.rest() == {"back"}
    write(media / "back" / "1" / "z.jpg")
    assert lookout.rest() == {"back/1/z.jpg"}


def test_a_folder_that_is_moved_within(media: Path, watching: Watching) -> None:
    """Both names are told; what happens in it is told by the new one, with as many watches as before."""
    write(media / "a" / "1" / "x.jpg")
    (media / "b").mkdir()
    lookout = watching()
    (media / "a").rename(media / "b" / "c")
    assert lookout.rest() == {"a", "b/c"}
    write(media / "b" / "c" / "1" / "y.jpg")
    assert lookout.rest() == {"b/c/1/y.jpg"}
    assert kernel_watches() == lookout.watcher.health.folders == 4


def test_folders_that_change_places(media: Path, watching: Watching) -> None:
    """After a swap each folder is told by the name that it has now, also when all was over before anybody looked."""
    write(media / "a" / "1" / "x.jpg")
    write(media / "b" / "2" / "x.jpg")
    lookout = watching()
    for _ in range(50):
        (media / "a").rename(media / "c")
        (media / "b").rename(media / "a")
        (media / "c").rename(media / "b")
    assert {"a", "b"} <= lookout.rest() <= {"a", "b", "c"}
    write(media / "a" / "2" / "y.jpg") if (media / "a" / "2").exists() else write(media / "a" / "1" / "y.jpg")
    (told,) = lookout.rest()
    assert (media / told).exists()
    assert kernel_watches() == lookout.watcher.health.folders == 5


def exchange(one: Path, other: Path) -> None:
    """Let two names change places, in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    at_cwd, exchanging = -100, 2
    done = libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchanging)
    assert done == 0, os.strerror(ctypes.get_errno())


def test_names_that_are_exchanged(media: Path, watching: Watching) -> None:
    """Two folders, or files, that change places in one step: both names are told, and both are watched as before."""
    write(media / "a" / "1" / "x.jpg")
    write(media / "b" / "2" / "x.jpg")
    write(media / "x.jpg", b"x")
    write(media / "y.jpg", b"y")
    lookout = watching()
    exchange(media / "a", media / "b")
    exchange(media / "x.jpg", media / "y.jpg")
    assert lookout.rest() == {"a", "b", "x.jpg", "y.jpg"}
    write(media / "a" / "2" / "y.jpg")
    write(media / "b" / "1" / "y.jpg")
    assert lookout.rest() == {"a/2/y.jpg", "b/1/y.jpg"}
    assert kernel_watches() == lookout.watcher.health.folders == 5


def test_a_folder_that_is_deleted(media: Path, watching: Watching) -> None:
    """The folder is told, its watches are gone, and one that is made anew under its name is watched."""
    write(media / "a" / "1" / "x.jpg")
    lookout = watching()
    for _ in range(20):
        shutil.rmtree(media / "a")
        write(media / "a" / "1" / "x.jpg")
    assert "a" in lookout.rest()
    write(media / "a" / "1" / "y.jpg")
    assert lookout.rest() == {"a/1/y.jpg"}
    shutil.rmtree(media / "a")
    assert "a" in lookout.rest()
    assert kernel_watches() == lookout.watcher.health.folders == 1
    assert lookout.watcher.health.unwatched == 0


def test_many_folders_copied_in(media: Path, tmp_path: Path, watching: Watching) -> None:
    """However fast folders appear, afterwards each is watched and all that is in them was told."""
    for number in range(500):
        write(tmp_path / "album" / f"{number % 10}" / f"{number}" / "x.jpg")
    lookout = watching()
    subprocess.run(["cp", "-a", tmp_path / "album", media], check=True)
    told = lookout.rest()
    files = {os.path.relpath(path, media) for path in media.rglob("x.jpg")}
    assert len(files) == 500
    if not lookout.scans:
        assert all(file in told or any(file.startswith(f"{path}/") for path in told) for file in files)
    assert kernel_watches() == lookout.watcher.health.folders == 512


def test_what_is_ignored(media: Path, watching: Watching) -> None:
    """Ignored names, and all of syncd's own at the top, give no hint and take no watch."""
    for path in (".syncd/tmp/x", ".git/objects/aa/x", "a/@eaDir/x"):
        write(media / path)
    lookout = watching()
    assert kernel_watches() == 2
    for path in (
        ".syncd/tmp/y",
        ".syncd/z",
        ".git/objects/aa/y",
        "a/@eaDir/y",
        "a/y.xmp",
        "a/.git/y",
        "y.part",
    ):
        write(media / path)
    (media / "a" / ".git").rename(media / "a" / ".svn")
    shutil.rmtree(media / ".syncd" / "tmp")
    assert lookout.rest() == set()
    assert kernel_watches() == lookout.watcher.health.folders == 2
    assert lookout.scans == []


def test_a_folder_that_comes_to_be_ignored(media: Path, watching: Watching) -> None:
    """Renamed to a name that is ignored, a folder loses its watches; renamed back, it is watched again."""
    write(media / "a" / "1" / "x.jpg")
    lookout = watching()
    (media / "a").rename(media / ".git")
    assert lookout.rest() == {"a"}
    assert kernel_watches() == lookout.watcher.health.folders == 1
    (media / ".git").rename(media / "b")
    assert lookout.rest() == {"b"}
    write(media / "b" / "1" / "y.jpg")
    assert lookout.rest() == {"b/1/y.jpg"}


def test_the_list_of_ignored_names(media: Path, watching: Watching) -> None:
    """A changed `.syncdignore` bears on everything; one below the top on nothing."""
    (media / "a").mkdir()
    lookout = watching()
    write(media / "a" / ".syncdignore")
    assert lookout.rest() == set()
    assert lookout.scans == []
    write(media / ".syncdignore")
    assert lookout.scanned() == "the list of ignored names changed"


def test_ignored_names_that_change(media: Path, watching: Watching) -> None:
    """Folders that are ignored no longer are watched after the next walk, and told; those that are from now on, not."""
    write(media / "a" / "x.jpg")
    write(media / "b" / "1" / "x.jpg")
    now_ignored = {"b"}
    lookout = watching(ignored=lambda key, is_dir: key in now_ignored or nothing_of_ours(key, is_dir))
    assert kernel_watches() == 2
    now_ignored.symmetric_difference_update({"a", "b"})
    lookout.watcher.compare({"b", "b/1"})
    assert lookout.rest() == {"b"}
    assert kernel_watches() == lookout.watcher.health.folders == 3
    write(media / "b" / "1" / "y.jpg")
    assert lookout.rest() == {"b/1/y.jpg"}


def test_a_media_folder_inside(media: Path, tmp_path: Path, watching: Watching) -> None:
    """`.syncd` below the top, made, moved in with its folder, or deleted, demands a scan; what happens in it does not."""
    (media / "a").mkdir()
    write(tmp_path / "b" / "c" / ".syncd" / "folder.json")
    lookout = watching()
    (media / "a" / ".syncd").mkdir()
    assert lookout.scanned() == "a media folder of its own came or went: a"
    lookout.scans.clear()
    write(media / "a" / ".syncd" / "tmp" / "x")
    lookout.rest()
    assert lookout.scans == []
    shutil.rmtree(media / "a" / ".syncd")
    assert lookout.scanned() == "a media folder of its own came or went: a"
    lookout.scans.clear()
    (tmp_path / "b").rename(media / "b")
    assert lookout.scanned() == "a media folder of its own came or went: b/c"


def test_reading_is_no_event(media: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """That files and folders are listed, opened and read costs nothing: the kernel does not even tell."""
    for number in range(20):
        write(media / "a" / f"{number}.jpg")
    lookout = watching()
    lookout.rest()
    events: list[str] = []
    take = Folders.on_event

    def heard(self: Folders, event: object) -> None:
        events.append(repr(event))
        take(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(Folders, "on_event", heard)
    look(media, {}, IgnoreRules.load(media, []))
    for path in media.rglob("*.jpg"):
        assert path.read_bytes()
    assert list((media / "a").iterdir())
    assert lookout.rest() == set()
    assert events
    assert all("mark" in event for event in events)


def test_names_of_any_bytes(media: Path, watching: Watching) -> None:
    """Names are told as they stand on disk: bytes that are no UTF-8, and letters with their accents apart."""
    apart = unicodedata.normalize("NFD", "Großmütter")
    raw = os.fsdecode(b"caf\xe9")
    (media / apart).mkdir()
    asked: set[str] = set()

    def ignored(key: str, is_dir: bool) -> bool:
        asked.add(key)
        return False

    lookout = watching(ignored=ignored)
    (media / apart / raw).mkdir()
    lookout.rest()
    write(media / apart / raw / f"{raw}.jpg")
    assert lookout.rest() == {f"{apart}/{raw}/{raw}.jpg"}
    assert {"Großmütter", f"Großmütter/{raw}"} <= asked
    assert not any(apart in key for key in asked)
    lookout.watcher.compare({"Großmütter", f"Großmütter/{raw}"})
    assert not lookout.taken()


def test_links_to_folders_are_not_followed(media: Path, tmp_path: Path, watching: Watching) -> None:
    """What lies behind a symbolic link is not the media folder's."""
    write(tmp_path / "elsewhere" / "1" / "x.jpg")
    (media / "old").symlink_to(tmp_path / "elsewhere")
    lookout = watching()
    (media / "new").symlink_to(tmp_path / "elsewhere")
    assert lookout.rest() == {"new"}
    write(tmp_path / "elsewhere" / "1" / "y.jpg")
    assert lookout.rest() == set()
    assert kernel_watches() == 1


def test_wakes_are_few(media: Path, watching: Watching) -> None:
    """The daemon is woken when something is due sooner than it knew, not for each event."""
    lookout = watching(settle=1)
    assert lookout.watcher.due_in() is None
    for number in range(1000):
        write(media / f"{number}.jpg")
    lookout.told("0.jpg", "999.jpg")
    assert lookout.wakes < 20


def test_an_event_after_the_taking_is_new(media: Path, watching: Watching) -> None:
    """What is handed over is forgotten: the next event is a new hint, and wakes."""
    lookout = watching(settle=0)
    for _ in range(10):
        lookout.paths.clear()
        write(media / "a.jpg")
        lookout.told("a.jpg")


def test_again(media: Path, watching: Watching, clock: Clock) -> None:
    """A file that was busy is handed over once more, without an event."""
    lookout = watching(clock=clock, settle=2)
    lookout.watcher.again({"a.jpg"}, 5)
    assert lookout.watcher.due_in() == 5
    assert lookout.taken() == set()
    clock.now += 5
    assert lookout.watcher.due_in() == 0
    assert lookout.taken() == {"a.jpg"}


def test_a_writer_of_another_process(media: Path, watching: Watching) -> None:
    """Two thousand files copied in while one is written slowly: nothing is handed over that is being written."""
    lookout = watching()
    slow = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; f = open(sys.argv[1], 'wb', 0); f.write(b'a'); sys.stdin.read(1); f.write(b'b')",
            media / "slow.mp4",
        ],
        stdin=subprocess.PIPE,
    )
    assert slow.stdin is not None
    for number in range(2000):
        write(media / "all" / f"{number}.jpg")
    lookout.rest()
    assert lookout.unsettled() == {"slow.mp4"}
    assert "slow.mp4" not in lookout.paths
    slow.communicate(b"x")
    lookout.told("slow.mp4")
