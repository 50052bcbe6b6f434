"""What the kernel does not give or drops: events, watches, instances of inotify, rights. Never silence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD

from syncd.watcher.pending import MOST
from tests.unit.watcher.lookout import Lookout, in_namespace, kernel_watches, wait_until

Watching = Callable[..., Lookout]

QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


def overflow(media: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Let the reading thread stand still while more happens than the kernel keeps; then something else, and it goes on."""
    going_on, standing = threading.Event(), threading.Event()
    read = InotifyFD.read_events

    def gated(self: InotifyFD, **how: Any) -> list[InotifyEvent]:
        standing.set()
        assert going_on.wait(30)
        return read(self, **how)

    monkeypatch.setattr(InotifyFD, "read_events", gated)
    os.mkfifo(media / "mark of the beginning")
    assert standing.wait(10)
    for _ in range(QUEUE // 2 + 1):
        os.mkfifo(media / "x")
        (media / "x").unlink()
    meanwhile()
    going_on.set()


def test_lost_events(media: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that the kernel dropped demand a scan; what was made or moved meanwhile is watched before it begins."""
    for folder in ("stays", "leaves/1", "moves/1", "goes/1"):
        (media / folder).mkdir(parents=True)
    lookout = watching()

    def meanwhile() -> None:
        (media / "new" / "1").mkdir(parents=True)
        (media / "moves").rename(media / "moved")
        (media / "leaves").rename(media.parent / "left")
        (media / "goes" / "1").rmdir()
        (media / "goes" / "1").mkdir()

    overflow(media, monkeypatch, meanwhile)
    assert lookout.scanned() == "more changed at once than the system could tell"
    lookout.rest()
    for folder in ("stays", "new/1", "moved/1", "goes/1"):
        (media / folder / "x.jpg").touch()
    (media.parent / "left" / "1" / "x.jpg").touch()
    assert lookout.rest() == {"stays/x.jpg", "new/1/x.jpg", "moved/1/x.jpg", "goes/1/x.jpg"}
    assert lookout.scans == ["more changed at once than the system could tell"]
    assert kernel_watches() == lookout.watcher.health.folders == 8


def test_a_burst_of_fifty_thousand_events(media: Path, watching: Watching) -> None:
    """It makes one scan, no paths, few wakes, and takes no memory that counts."""

    def memory() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    script = """
import os, sys
for number in range(25_000):
    path = f"{sys.argv[1]}/IMG_{number:05}.jpg"
    os.symlink("nowhere", path)
    os.unlink(path)
"""
    lookout = watching(settle=0.5)
    lookout.watcher.due_in()
    before = memory()
    subprocess.run([sys.executable, "-c", script, media], check=True)
    lookout.scanned()
    lookout.rest()
    assert len(lookout.scans) == 1
    assert lookout.wakes < 20
    assert memory() - before < 8_000_000
    assert lookout.watcher.pending <= MOST


FEW = "echo 20 > /proc/sys/user/max_inotify_watches"


def test_watches_run_out(media: Path) -> None:
    """It counts what is not watched, names the line that mends it, and looks through everything, at its price."""
    for number in range(30):
        (media / f"{number}").mkdir()
    script = """
    root, clock = Path(sys.argv[1]), Clock()
    lookout = Lookout(root, clock=clock, poll_every=60)
    watcher = lookout.watcher
    watcher.start()
    health = watcher.health
    assert (health.kind, health.folders, health.unwatched) == ("inotify", 20, 11), health
    assert health.folders == kernel_watches()
    assert "sysctl fs.inotify.max_user_watches=524288;" in health.remedy, health.remedy
    assert "echo fs.inotify.max_user_watches=524288 > /etc/sysctl.d/60-syncd.conf" in health.remedy
    assert "11 of 31 folders cannot be watched (the limit of watches is reached)" in health.words, health.words

    assert watcher.due_in() == 60 and not watcher.take()
    clock.now += 60
    assert watcher.due_in() == 0 and watcher.take().scan == "not every folder can be watched"
    assert watcher.due_in() == 60
    watcher.scanned(30)
    assert watcher.due_in() == 600
    watcher.scanned(1)
    assert watcher.due_in() == 60

    # A new folder that cannot be watched counts, and one that is deleted does not any more.
    (root / "new").mkdir()
    wait_until(lambda: watcher.health.unwatched == 12, "it counts")
    watched = next(name for name in range(30) if name_is_watched(watcher, str(name)))
    (root / str(watched)).rmdir()
    wait_until(lambda: watcher.health.folders == 19, "it counts")
    watcher.compare({p.name for p in root.iterdir()})
    assert (watcher.health.folders, watcher.health.unwatched) == (20, 11), watcher.health

    # More may be had: those that can be watched by now are looked at.
    for name in range(29, 5, -1):
        if (root / str(name)).exists():
            (root / str(name)).rmdir()
    wait_until(lambda: watcher.health.unwatched + watcher.health.folders < 31, "they go")
    lookout.heard()
    names = {p.name for p in root.iterdir() if p.is_dir()}
    clock.now += 1
    lookout.take()
    lookout.paths.clear()
    watcher.compare(names)
    health = watcher.health
    assert (health.folders, health.unwatched, health.remedy) == (len(names) + 1, 0, ""), health
    assert kernel_watches() == len(names) + 1
    clock.now += 1
    lookout.take()
    assert lookout.paths, "they are looked at"
    assert watcher.due_in() is None
    watcher.stop()
    assert not inotify_descriptors()
    """
    script = script.replace(
        "name_is_watched(watcher, str(name))", "watcher._folders._top.inside[str(name)].wd"
    )
    in_namespace(script, str(media), setup=FEW)


def test_what_cannot_be_watched_is_told_all_the_same(media: Path) -> None:
    """A folder that is made when the watches have run out is told with all in it, and wakes for the scans to come."""
    for number in range(18):
        (media / f"{number}").mkdir()
    script = """
    root = Path(sys.argv[1])
    lookout = Lookout(root, poll_every=1)
    lookout.watcher.start()
    assert lookout.watcher.health.unwatched == 0
    lookout.rest()
    (root / "a" / "b" / "c").mkdir(parents=True)
    lookout.told("a")
    assert lookout.watcher.health.unwatched in (1, 2), lookout.watcher.health
    (root / "a" / "b" / "c" / "x").touch()
    assert lookout.scanned() == "not every folder can be watched"
    lookout.watcher.stop()
    """
    in_namespace(script, str(media), setup=FEW)


def test_no_watch_at_all(media: Path) -> None:
    """Not even the media folder can be watched: by looking through it; it goes on by itself later."""
    (media / "a").mkdir()
    script = """
    root, clock = Path(sys.argv[1]), Clock()
    lookout = Lookout(root, clock=clock, poll_every=60)
    watcher = lookout.watcher
    watcher.start()
    assert (watcher.health.kind, watcher.health.unwatched) == ("polling", 1), watcher.health
    assert not inotify_descriptors()
    assert "fs.inotify.max_user_watches" in watcher.health.remedy
    assert watcher.due_in() == 60
    watcher.compare({"a"})
    Path("/proc/sys/user/max_inotify_watches").write_text("20")
    watcher.check()
    watcher.compare({"a"})
    assert (watcher.health.folders, watcher.health.unwatched) == (2, 0), watcher.health
    assert lookout.watcher.take().scan == "the media folder can be watched again"
    (root / "a" / "x.jpg").touch()
    wait_until(lambda: "a/x.jpg" in watcher.unsettled(), "it is heard")
    watcher.stop()
    """
    in_namespace(script, str(media), setup="echo 0 > /proc/sys/user/max_inotify_watches")


def test_instances_run_out(media: Path) -> None:
    """Not one instance of inotify is to be had: as without watches; the remedy names the other limit."""
    (media / "a").mkdir()
    script = """
    root, clock = Path(sys.argv[1]), Clock()
    lookout = Lookout(root, clock=clock, poll_every=60)
    watcher = lookout.watcher
    watcher.start()
    health = watcher.health
    assert (health.kind, health.folders) == ("polling", 0), health
    assert "sysctl fs.inotify.max_user_instances=1024;" in health.remedy, health.remedy
    assert "looking through it every 1m" in health.words, health.words
    clock.now += 60
    assert watcher.take().scan
    watcher.compare({"a"})
    assert watcher.health.kind == "polling" and not watcher.take()
    Path("/proc/sys/user/max_inotify_instances").write_text("5")
    watcher.compare({"a"})
    assert (watcher.health.kind, watcher.health.remedy) == ("inotify", ""), watcher.health
    assert watcher.take().scan == "the media folder can be watched again"
    assert watcher.due_in() is None
    watcher.stop()
    """
    in_namespace(script, str(media), setup="echo 0 > /proc/sys/user/max_inotify_instances")


def test_a_folder_that_may_not_be_read(media: Path) -> None:
    """It takes no watch and is no shortage; when it may be read, it is told, and watched."""
    script = """
    root = Path(sys.argv[1])
    for name in ("a", "b", "c"):
        (root / name / "1").mkdir(parents=True)
    for name in ("a", "b"):
        (root / name).chmod(0)
    lookout = Lookout(root)
    lookout.watcher.start()
    health = lookout.watcher.health
    assert (health.folders, health.unwatched) == (3, 0), health
    (root / "a").chmod(0o700)
    assert lookout.rest() == {"a"}, lookout.paths
    (root / "a" / "1" / "x.jpg").touch()
    assert lookout.rest() == {"a/1/x.jpg"}
    root.chmod(0)
    barred = Lookout(root)
    barred.watcher.start()
    assert barred.watcher.health.kind == "polling", barred.watcher.health
    assert "Permission denied" in barred.watcher.health.words
    root.chmod(0o700)
    (root / "b").chmod(0o700)
    for each in (lookout, barred):
        each.watcher.stop()
    assert not inotify_descriptors()
    """
    in_namespace(script, str(media), kind="-U")


def test_a_watch_that_was_lost(media: Path, watching: Watching) -> None:
    """Whatever took a watch away: after the next walk it is back, and the folder is looked at."""
    (media / "a" / "1").mkdir(parents=True)
    (media / "b").mkdir()
    lookout = watching()
    folders = lookout.watcher._folders
    assert folders is not None
    lost = folders._top.inside["a"]
    assert lost.wd is not None
    folders._inotify.remove_callbacks([(lost.wd, lost.ident)])
    assert kernel_watches() == 3
    lookout.watcher.compare({"a", "a/1", "b"})
    assert lookout.rest() == {"a"}
    (media / "a" / "x.jpg").touch()
    (media / "a" / "1" / "x.jpg").touch()
    assert lookout.rest() == {"a/x.jpg", "a/1/x.jpg"}
    assert kernel_watches() == lookout.watcher.health.folders == 4


def test_a_walk_that_is_out_of_date(media: Path, watching: Watching) -> None:
    """A walk may have seen folders that are gone by now, and not those that were made since: the disk counts."""
    (media / "a" / "1").mkdir(parents=True)
    lookout = watching()
    (media / "b" / "1").mkdir(parents=True)
    lookout.rest()
    lookout.watcher.compare({"a", "a/1", "was/there/once"})
    assert lookout.rest() == set()
    assert kernel_watches() == lookout.watcher.health.folders == 5
    assert lookout.watcher.health.unwatched == 0


def test_a_defect_is_a_scan(media: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that we fail to understand ends nothing: everything is looked at, and it goes on."""
    lookout = watching()
    folders = lookout.watcher._folders
    assert folders is not None
    with monkeypatch.context() as broken:
        broken.setattr(folders, "_take", lambda *_: 1 / 0)
        (media / "a").mkdir()
        assert lookout.scanned() == "an event was not understood"
    (media / "a" / "x.jpg").touch()
    assert "a/x.jpg" in lookout.rest()


def test_a_thread_that_died(media: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the reading thread dies in spite of all, the next check notices, begins anew, and demands a scan."""
    lookout = watching()
    folders = lookout.watcher._folders
    assert folders is not None
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with monkeypatch.context() as broken:
        broken.setattr(folders._inotify, "handle_event", lambda _: 1 / 0)
        (media / "a").mkdir()
        wait_until(lambda: not folders.is_alive, "it dies")
    assert lookout.watcher.due_in() is not None
    lookout.watcher.check()
    assert lookout.take().scan == "the watch ended"
    (media / "a" / "x.jpg").touch()
    assert lookout.rest() == {"a/x.jpg"}
