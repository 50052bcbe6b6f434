"""The watcher's thread and descriptors, and that watchdog is as it was built upon."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask

from tests.unit.watcher.lookout import Lookout, inotify_descriptors, wait_until

Watching = Callable[..., Lookout]


def threads() -> list[threading.Thread]:
    """The threads of watchers."""
    return [thread for thread in threading.enumerate() if thread.name == "watcher"]


def is_busy(lookout: Lookout) -> bool:
    """Whether something was told by now."""
    return len(lookout.paths) > 5 or bool(lookout.scans)


@contextmanager
def pouring(media: Path) -> Iterator[None]:
    """Another process makes files and folders as fast as it can."""
    script = """
import os, sys
for number in range(10**9):
    folder = f"{sys.argv[1]}/{number % 50}"
    os.makedirs(folder + "/a/b", exist_ok=True)
    for name in ("x", "y", "z"):
        with open(f"{folder}/a/{name}", "w") as file:
            file.write("x")
    os.rename(folder, folder + " moved")
    os.system(f"rm -r '{folder} moved'") if number % 7 == 0 else os.rename(folder + " moved", folder)
"""
    with subprocess.Popen([sys.executable, "-c", script, media]) as writer:
        try:
            yield
        finally:
            writer.kill()


def test_it_ends_while_events_pour_in(media: Path, watching: Watching) -> None:
    """`stop` ends the thread within a second, whatever goes on, and leaves no descriptor; it may be called twice."""
    with pouring(media):
        for _ in range(5):
            lookout = watching()
            lookout.until(partial(is_busy, lookout))
            begun = time.monotonic()
            lookout.watcher.stop()
            assert time.monotonic() - begun < 1
            assert threads() == []
            assert inotify_descriptors() == []
            lookout.watcher.stop()
            assert lookout.watcher.health.folders == 0


def test_it_may_be_stopped_at_any_time(media: Path, watching: Watching) -> None:
    """Before it began, and again after; it can begin anew."""
    lookout = Lookout(media)
    lookout.watcher.stop()
    assert lookout.watcher.due_in() is None
    assert not lookout.watcher.take()
    lookout.watcher.check()
    lookout.watcher.compare({"a"})
    lookout.watcher.start()
    lookout.watcher.start()
    assert len(threads()) == 1
    lookout.watcher.stop()
    lookout.watcher.start()
    (media / "x.jpg").touch()
    lookout.told("x.jpg")
    lookout.watcher.stop()


def test_no_descriptor_in_the_folder(media: Path, watching: Watching) -> None:
    """While it watches nothing is open in the folder."""
    (media / "a").mkdir()
    watching().rest()
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_symlink():
            assert str(media) not in str(descriptor.readlink())


def test_nothing_wakes_up(media: Path, watching: Watching) -> None:
    """While nothing happens its thread sleeps: not one switch in more than two of watchdog's seconds."""
    lookout = watching()
    lookout.rest()
    (thread,) = threads()
    status = Path(f"/proc/self/task/{thread.native_id}/status")

    def switches() -> int:
        return sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt" in line)

    before = switches()
    assert not lookout._woken.wait(2.5)
    assert switches() == before


def test_watchdog_is_as_it_was_built_upon(media: Path) -> None:
    """What is used of watchdog's lower layer, which its manual does not promise."""
    heard: list[tuple[int, int, bytes]] = []
    deleted: list[int] = []

    class Callback:
        def on_event(self, event: InotifyEvent) -> None:
            heard.append((event.wd, event.mask, event.name))

        def on_watch_deleted(self, wd: int) -> None:
            deleted.append(wd)

        def on_queue_overflow(self) -> None:
            """Tested with a real one."""

    (media / "a").mkdir()
    inotify, callback, mask = InotifyFD(), Callback(), Mask(InotifyConstants.IN_CREATE)
    inotify.start()
    try:
        path = bytes(media / "a")
        wd = inotify.add_callback(path, mask, callback, CallbackId(1))
        assert inotify.add_callback(path, mask, callback, CallbackId(2)) == wd, "the kernel's number"
        inotify.remove_callbacks([(wd, CallbackId(2))])
        (media / "a" / "x").touch()
        wait_until(lambda: heard == [(wd, InotifyConstants.IN_CREATE, b"x")], "the other one hears, once")
        (media / "a" / "x").unlink()
        (media / "a").rmdir()
        wait_until(lambda: deleted == [wd], "it is told that the watch ended")
        inotify.remove_callbacks([(wd, CallbackId(1))])
    finally:
        inotify.stop()
        inotify.join(1)
    assert not inotify.is_alive()
    assert inotify_descriptors() == []


def test_stopped_before_it_has_listened(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread comes to run when all is over: nothing stays open, not even pipes."""
    listen = InotifyFD.run

    def late(self: InotifyFD) -> None:
        self.stopped_event.wait(20)
        listen(self)

    monkeypatch.setattr(InotifyFD, "run", late)
    before = len(list(Path("/proc/self/fd").iterdir()))
    lookout = Lookout(media)
    lookout.watcher.start()
    lookout.watcher.stop()
    assert inotify_descriptors() == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before
