"""A watcher at work on a real folder, and waiting for what it tells."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncd.config.settings import Watch
from syncd.ignore import IgnoreRules
from syncd.watcher import Hint, Watcher
from syncd.watcher.pending import OPEN_SECONDS

PATIENCE = 20.0
SETTLE = 0.05

RULES = IgnoreRules.load(Path("/nonexistent"), [])


def nothing_of_ours(key: str, is_dir: bool) -> bool:
    """The built-in list of ignored names."""
    return RULES.matches_text(key, is_dir=is_dir)


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.002)


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class Lookout:
    """A watcher, and all that it told."""

    root: Path
    settle: float = SETTLE
    mode: Watch = Watch.AUTO
    poll_every: float = 3600.0
    ignored: Callable[[str, bool], bool] = nothing_of_ours
    clock: Callable[[], float] = time.monotonic
    paths: set[str] = field(default_factory=set)
    scans: list[str] = field(default_factory=list)
    wakes: int = 0

    def __post_init__(self) -> None:
        self._woken = threading.Event()
        self._marks = 0
        self.watcher = Watcher(
            self.root,
            settle=self.settle,
            mode=self.mode,
            poll_every=self.poll_every,
            ignored=self.ignored,
            wake=self._wake,
            clock=self.clock,
        )

    def _wake(self) -> None:
        self.wakes += 1
        self._woken.set()

    def take(self) -> Hint:
        """Take what is due, and keep it."""
        hint = self.watcher.take()
        self.paths |= hint.paths
        self.scans += [hint.scan] if hint.scan is not None else []
        return hint

    def until(self, condition: Callable[[], Any], what: str = "it is told") -> None:
        """Live as the daemon does, asleep unless woken or something is due, until a condition holds."""
        end = time.monotonic() + PATIENCE
        while True:
            self.take()
            if condition():
                return
            due = self.watcher.due_in()
            left = end - time.monotonic()
            assert left > 0, f"{what}: {self.paths} {self.scans}"
            self._woken.wait(left if due is None else min(due, left))
            self._woken.clear()

    def told(self, *paths: str) -> None:
        """Wait until these were told."""
        self.until(lambda: self.paths >= set(paths))

    def scanned(self) -> str:
        """Wait for a scan; returns why."""
        self.until(lambda: self.scans)
        return self.scans[-1]

    def _mark(self) -> str:
        """Make something that is told after all that has happened, and that nobody writes to."""
        self._marks += 1
        mark = f"mark {self._marks}"
        (self.root / mark).symlink_to("nowhere")
        return mark

    def _has(self, mark: str, scans: int) -> bool:
        return mark in self.paths or len(self.scans) > scans

    def rest(self) -> set[str]:
        """Wait until all that happened was told, but for files that are open; returns the paths, and forgets them."""
        while True:
            mark, scans = self._mark(), len(self.scans)
            self.until(partial(self._has, mark, scans))
            if mark in self.paths:
                break  # else a scan stood for it, and perhaps more is under way
        self.until(lambda: (self.watcher.due_in() or OPEN_SECONDS) > OPEN_SECONDS / 2)
        told, self.paths = self.paths, set()
        return {path for path in told if not path.startswith("mark ")}

    def heard(self) -> None:
        """Wait until the watcher has heard of everything that has happened, while its clock stands still."""
        mark = self._mark()
        wait_until(lambda: mark in self.watcher.unsettled(), "it is heard")

    def taken(self) -> set[str]:
        """What is due now, without the marks."""
        return {path for path in self.take().paths if not path.startswith("mark ")}

    def unsettled(self) -> set[str]:
        """What is being written, without the marks."""
        return {path for path in self.watcher.unsettled() if not path.startswith("mark ")}


def inotify_descriptors() -> list[str]:
    """The descriptors of inotify that this process has."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if "inotify" in str(descriptor.readlink()):
                found.append(descriptor.name)
    return found


def kernel_watches() -> int:
    """How many watches this process has, by the kernel's count."""
    return sum(
        line.startswith("inotify ")
        for number in inotify_descriptors()
        for line in Path(f"/proc/self/fdinfo/{number}").read_text().splitlines()
    )


def in_namespace(
    script: str,
    *arguments: str,
    kind: str = "-Ur",
    setup: str = "true",
) -> None:
    """Run a script in a process with its own limits, and perhaps its own mounts; it must end well.

    Args:
        script: Python, with `Lookout` and what is around it at hand.
        arguments: of it.
        kind: `-Ur`: limits of its own; `-Urm`: mounts of its own, too; `-U`: rights as those of somebody who is not root.
        setup: a command of the shell that comes first.
    """
    if subprocess.run(["unshare", kind, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody have a user namespace")
    head = "import os, subprocess, sys\nfrom pathlib import Path\nfrom tests.unit.watcher.lookout import *\n"
    ended = subprocess.run(
        ["unshare", kind, "sh", "-c", f'{setup} && exec "$@"', "sh",
         sys.executable, "-Werror", "-c", head + textwrap.dedent(script), *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
