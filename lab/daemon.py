"""A desktop's daemon: `syncd` without arguments, started, asked over its socket, read by its log, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.process import LabError, wait_until
from lab.world import SYNCD, Desktop
from syncd.control.client import connect
from syncd.control.contract import Doing, Live
from syncd.errors import LockedError


class RunningDaemon:
    """Runs while the `with` block does; ends with SIGTERM, and must end by itself.

    Args:
        desktop: whose.
        prefix: a command that runs it (`unshare`, say).
        env: further variables.
        verbose: log everything.
    """

    def __init__(
        self,
        desktop: Desktop,
        *,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        verbose: bool = True,
    ) -> None:
        self.desktop = desktop
        self._prefix = prefix
        self._env = env
        self._options = ["-vv"] if verbose else []
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = desktop.base / f"daemon-{time.monotonic_ns()}.log"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there (it may be stopped by a signal)."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, until: Callable[[Live], bool] | None = None, seconds: float = 60.0) -> Self:
        """Start it and wait until it is at rest, or in another state."""
        self.launch()
        self.wait(until or (lambda live: live.doing is Doing.IDLE), "the daemon is at rest", seconds)
        return self

    def launch(self) -> None:
        """Start it, without waiting for anything."""
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--", *self._prefix),
                    *(str(SYNCD), *self._options, "--log-format", "json"),
                ],
                env=self.desktop.environment(self._env),
                cwd=self.desktop.base,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def live(self) -> Live | None:
        """What it tells of itself; None while it cannot be asked."""
        with suppress(LockedError):
            daemon = connect(self.desktop.state_dir / "state.sqlite")
            if daemon is not None:
                with daemon:
                    return daemon.live()
        return None

    def wait(self, condition: Callable[[Live], bool], what: str, seconds: float = 60.0) -> Live:
        """Wait until what it tells of itself is so."""
        found: list[Live] = []

        def holds() -> bool:
            if self._process is not None and self._process.poll() is not None:
                raise LabError(f"the daemon ended with {self._process.returncode}\n{self.text()}")
            live = self.live()
            if live is not None and condition(live):
                found.append(live)
            return bool(found)

        try:
            wait_until(holds, what, seconds)
        except LabError as error:
            raise LabError(f"{error}\n{self.live()}\n{self.text()}") from None
        return found[0]

    def text(self) -> str:
        """Its log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        """The lines of its log, from a position on."""
        return [json.loads(line) for line in self.text()[since:].splitlines() if line.startswith("{")]

    def position(self) -> int:
        """The end of its log."""
        return len(self.text())

    def events(self, since: int = 0) -> list[str]:
        """What the log says happened, without the rest."""
        return [str(line["event"]) for line in self.log(since)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the daemon itself."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """End it; the seconds that it took. LabError when it does not end, or not as it should."""
        assert self._process is not None
        begin = time.monotonic()
        self.send(number)
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"the daemon does not end\n{self.text()}") from None
        if code != (143 if number is signal.SIGTERM else 130):
            raise LabError(f"the daemon ended with {code}\n{self.text()}")
        self._process = None
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def cpu_seconds(self) -> float:
        """Processor time that it took so far, by the process's own clock: `/proc` counts in hundredths of a second."""
        return time.clock_gettime((~self.pid << 3) | 2)  # as clock_getcpuclockid(3) has it

    def wake_ups(self) -> int:
        """How often a thread of it went on after it had waited."""
        return sum(
            int(line.split()[1])
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches:")
        )

    def memory(self) -> int:
        """Bytes of memory that it has now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            if kind is None:
                self.stop()
            self.kill()
