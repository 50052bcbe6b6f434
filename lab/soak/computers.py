"""A computer: a desktop with its daemon, the lines to both servers, a clock, a disk, and the people who use it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab.clock import Clock
from lab.daemon import RunningDaemon
from lab.line import Line
from lab.mounting import NotAllowedError, SmallDisk
from lab.soak.ledger import Ledger
from lab.soak.making import Maker
from lab.soak.people import People
from lab.soak.seen import Vitals
from lab.world import Desktop, World
from syncd.control.contract import Live

DISK = 3 << 30
"""Bytes of a computer's small disk."""


@dataclass
class Computer:
    """One computer. Close it in the end.

    Args:
        desktop: its folders and its configuration, which goes over the lines.
        people: who use it.
        web: the line to Gramps Web.
        s3: the line to the bucket; None: there is none.
        clock: which its daemon goes by; None: the right one.
        disk: on which its media folder lies; None: on that of everything else.
    """

    desktop: Desktop
    people: People
    web: Line
    s3: Line | None
    clock: Clock | None
    disk: SmallDisk | None
    daemon: RunningDaemon | None = None
    starts: int = 0
    cycles: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """How its daemons were ended."""

    @property
    def who(self) -> str:
        """Its name."""
        return self.desktop.base.name

    @property
    def environment(self) -> Mapping[str, str] | None:
        """Variables with which syncd runs here, so that it goes by the clock."""
        return self.clock.environment if self.clock else None

    def start(self) -> None:
        """Start the daemon, whatever the servers do."""
        self.daemon = RunningDaemon(self.desktop, env=self.environment)
        self.daemon.launch()
        self.starts += 1

    def end(self, *, politely: bool) -> None:
        """End the daemon: with SIGTERM, which it must follow once it is up, or as a power cut does."""
        if self.daemon is None:
            return
        politely = politely and self.live() is not None
        self.ends["SIGTERM" if politely else "SIGKILL"] += 1
        if politely:
            self.daemon.stop()
        else:
            self.daemon.kill()
        self._count_cycles(self.daemon)
        self.daemon = None

    def _count_cycles(self, daemon: RunningDaemon) -> None:
        with daemon.log_file.open("rb") as log:
            self.cycles += sum(b'"decided"' in line and b'"number": 1' in line for line in log)

    def send(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        if self.daemon is not None:
            self.daemon.send(number)

    def live(self) -> Live | None:
        """What the daemon says of itself."""
        return self.daemon.live() if self.daemon is not None else None

    def has_died(self) -> str:
        """What a daemon that ended by itself, or a defect, left behind; empty: neither happened."""
        crashes = sorted(self.desktop.state_dir.glob("crash-*"))
        if crashes:
            return "\n".join(path.read_text(errors="replace") for path in crashes)
        if self.daemon is not None and not self.daemon.is_running:
            return self.daemon.text()[-4000:]
        return ""

    def vitals(self, at: float) -> Vitals | None:
        """What the daemon takes."""
        if self.daemon is None:
            return None
        process = Path(f"/proc/{self.daemon.pid}")
        files, threads = (len(os.listdir(process / what)) for what in ("fd", "task"))  # noqa: PTH208
        return Vitals(at, self.who, self.daemon.pid, self.daemon.memory(), files, threads)

    def close(self) -> None:
        """End everything."""
        self.end(politely=False)
        for line in (self.web, self.s3):
            if line is not None:
                line.close()
        if self.disk is not None:
            self.disk.close()


SETTINGS = {
    "first_sync": "go",
    "deletions": {"hold_above": {"count": 10**6, "percent": 100, "always_allow": 10**6}},
    "daemon": {"check_web_every": "2s", "settle": "1s", "full_check_every": "4m"},
}
"""Everybody is in a hurry, and only references keep a deletion waiting."""


def make_computer(world: World, number: int, ledger: Ledger, maker: Maker, *, seed: int) -> Computer:
    """Make a computer. The first has a clock that may be wrong and, where that is allowed, a disk that may be full.

    Args:
        world: whose desktops it is one of.
        number: 0 for the first.
        ledger: where what its people do is noted.
        maker: makes contents and names.
        seed: of what its lines cut where.
    """
    desktop = world.desktop if number == 0 else world.new_desktop(f"desktop{number + 1}")
    web = Line(world.server.port, seed)
    s3 = Line(world.bucket.server.port, seed + 1) if world.bucket else None
    desktop.configure(**SETTINGS, gramps={"url": web.url})
    if s3 is not None:
        desktop.configure(s3={"endpoint_url": s3.url})
    clock, disk, aside = None, None, desktop.base / "aside"
    if number == 0:
        clock = Clock(desktop.base / "clock")
        with suppress(NotAllowedError):
            disk = SmallDisk(desktop.base / "disk", DISK)
            desktop.folder, aside = desktop.base / "disk" / "media", desktop.base / "disk" / "aside"
            desktop.folder.mkdir()
            desktop.configure(media_dir=str(desktop.folder))
    else:
        _use_token(world, desktop)
    people = People(desktop.base.name, desktop.folder, aside, ledger, maker)
    return Computer(desktop, people, web, s3, clock, disk)


def _use_token(world: World, desktop: Desktop) -> None:
    """Sign in with a token for synchronising instead of the password."""
    with world.api_as("editor") as editor:
        token = editor.new_sync_token(desktop.base.name)
    desktop.configure(gramps={"token": token, "username": None, "password": None})
