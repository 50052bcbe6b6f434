"""How things are with the daemon: for `syncd status`, and in a line for systemd."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from syncd import __version__
from syncd.control.contract import Doing, Live
from syncd.service.notify import Supervisor
from syncd.service.progress import LiveProgress

STATUS_SECONDS = 2.0
"""How often systemd is told how far the work is, at most."""


@dataclass
class Standing:
    """Changed by the main thread, read by all."""

    supervisor: Supervisor
    progress: LiveProgress = field(default_factory=LiveProgress)
    doing: Doing = Doing.STARTING
    since: float = field(default_factory=time.time)
    reason: str = ""
    remedy: str = ""
    rejected: str = ""
    """Why the configuration that was read again is not used; empty: it is."""
    _started: float = field(default_factory=time.time)
    _before: tuple[Doing, str, float] = (Doing.STARTING, "", 0.0)
    """What it was before it began to work, why, and since when."""

    def now(self, doing: Doing, reason: str = "", remedy: str = "") -> None:
        """What the daemon is about from now on, and why; a try that ends as the one before it changes nothing."""
        if (doing, reason) == (self.doing, self.reason):
            return
        since = time.time()
        if doing is Doing.WORKING:
            self._before = (self.doing, self.reason, self.since)
        elif doing in (Doing.STOPPED, Doing.AWAY) and (doing, reason) == self._before[:2]:
            since = self._before[2]
        self.doing, self.since, self.reason, self.remedy = doing, since, reason, remedy
        self.supervisor.status(self.line())

    def line(self) -> str:
        """A line for people."""
        line = self._line()
        return f"{line}; the new configuration is not used: {self.rejected}" if self.rejected else line

    def _line(self) -> str:
        at = time.strftime("%H:%M", time.localtime(self.since))
        match self.doing:
            case Doing.IDLE:
                return f"in step since {at}"
            case Doing.STOPPED:
                return f"stopped since {at}: {self.reason}"
            case Doing.AWAY:
                return f"tries again by itself since {at}: {self.reason}"
            case Doing.WORKING:
                return self._work() or "looking"
            case _:
                return f"{self.doing} since {at}"

    def _work(self) -> str:
        step = self.progress.standing()
        files = f" {step.files}/{step.all_files} files" if step.all_files else ""
        return f"{step.phase}{files}"

    def live(self) -> Live:
        """All of it that is known here."""
        step = self.progress.standing()
        return Live(
            doing=self.doing,
            since=self.since,
            pid=os.getpid(),
            version=__version__,
            started=self._started,
            reason=self.reason,
            remedy=self.remedy,
            phase=step.phase,
            files=step.files,
            all_files=step.all_files,
            size=step.size,
            all_size=step.all_size,
        )
