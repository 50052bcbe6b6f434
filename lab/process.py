"""One server process: started, waited for, paused, killed for certain."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / ".lab"


class LabError(Exception):
    """A server of the lab does not do what it should; the message quotes its log."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Return as soon as `condition()` holds; LabError when it does not within `seconds`."""
    end = time.monotonic() + seconds
    pause = 0.01
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Server:
    """A process group of its own on a port of its own, writing to a log file.

    Start it from the main thread: the kernel kills it when the thread that started it ends.
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.port = free_port()
        self.shared = False  # by many tests: what one breaks is mended before the next
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process is there (it may be paused)."""
        return self._process is not None and self._process.poll() is None

    def command(self) -> Sequence[str | Path]:
        """What to run; for subclasses."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables beyond the plain ones; for subclasses."""
        return {}

    def ready(self) -> bool:
        """Whether it serves; for subclasses."""
        return answers(self.port)

    def start(self, seconds: float = 90.0) -> Self:
        """Start and wait until it serves. The port stays the same from one start to the next."""
        if self.running:
            return self
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                # Dies with us even when we are killed.
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**plain_environment(), **self.environment()},
                start_new_session=True,
                cwd=self.log.parent,
            )
        process = self._process

        def up_or_dead() -> bool:
            return process.poll() is not None or self.ready()

        try:
            wait_until(up_or_dead, f"{self.name} to serve", seconds)
        except LabError as error:
            self.kill()
            raise LabError(f"{error}\n{self.tail()}") from None
        if process.poll() is not None:
            raise LabError(f"{self.name} ended with {process.returncode}\n{self.tail()}")
        return self

    def stop(self) -> None:
        """End it politely, then surely."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Connections are accepted by the kernel, but nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    def tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def plain_environment() -> dict[str, str]:
    """The caller's environment without what would steer AWS clients, Gramps, proxies or syncd.

    Hundreds of processes are started, a Gramps Web imports thousands of modules: they may keep what they compile.
    """
    steering = ("AWS_", "GRAMPS", "SYNCD_", "XDG_", "CREDENTIALS_", "PYTHONDONTWRITEBYTECODE")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(steering) and not name.lower().endswith("_proxy")
    }
