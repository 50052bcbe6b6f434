"""A daemon of which only the engine is made up: a real socket, a real state under its real lock."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncd import __version__
from syncd.control.contract import Doing, Live
from syncd.control.places import address
from syncd.control.server import ControlServer
from syncd.control.told import remember_failure, remember_told
from syncd.model.plan import Outcome
from syncd.ports import Phase, Progress
from syncd.state import Lock, State, hold_lock

LIVE = Live(Doing.IDLE, since=1_790_000_000.0, pid=os.getpid(), version=__version__, started=1_790_000_000.0)


@dataclass
class FakeEngine:
    """What a daemon does, as a test says.

    Args:
        state_file: a state that it holds; None: it has none.
        live_now: what it says of itself.
        outcome: how a run ends; an exception is raised.
        phases: what a run tells of itself, each with its steps in files and bytes.
        work: done in the middle of a run.
    """

    state_file: Path | None = None
    live_now: Live = LIVE
    outcome: Outcome | Exception = field(default_factory=Outcome)
    phases: Mapping[Phase, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    work: Callable[[], Any] = bool
    calls: list[object] = field(default_factory=list)
    is_aside: bool = False
    aside_error: Exception | None = None
    _held: tuple[Lock, State] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> None:
        """Lock and open the state."""
        if self.state_file is not None:
            lock = hold_lock(self.state_file.with_name("state.sqlite.lock"), "the state file")
            self._held = lock, State.open(self.state_file)

    def let_go(self) -> None:
        """Close the state and let others have it."""
        if self._held is not None:
            lock, state = self._held
            self._held = None
            state.close()
            lock.release()

    @property
    def state(self) -> State:
        """The state that it holds."""
        assert self._held is not None
        return self._held[1]

    def sync(self, *, full: bool, progress: Progress) -> Outcome:
        """A run."""
        self.calls.append(("sync", full))
        for phase, steps in self.phases.items():
            progress.phase(phase)
            for files, size in steps:
                progress.advance(files=files, size=size)
        self.work()
        self.calls.append("done")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def live(self) -> Live:
        """How things are."""
        return self.live_now

    def pause(self, seconds: float | None) -> Live:
        """Pause."""
        self.calls.append(("pause", seconds))
        until = None if seconds is None else self.live_now.since + seconds
        self.live_now = replace(self.live_now, doing=Doing.PAUSED, paused_until=until)
        return self.live_now

    def resume(self) -> Live:
        """Go on."""
        self.calls.append("resume")
        self.live_now = replace(self.live_now, doing=Doing.IDLE, paused_until=None)
        return self.live_now

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Stand aside."""
        if self.aside_error is not None:
            raise self.aside_error
        with self._turn:
            self.let_go()
            self.is_aside = True
            self.calls.append("aside")
            try:
                yield
            finally:
                self.is_aside = False
                self.take()
                self.calls.append("back")

    def news(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """What of it is new."""
        return remember_told(self.state, fingerprints, held)

    def news_failure(self, fingerprint: str) -> bool:
        """Whether it is new."""
        return remember_failure(self.state, fingerprint)


def bind(listener: socket.socket, path: Path) -> None:
    """Give a socket a name, which in a test may be long."""
    with address(path) as given:
        listener.bind(given)


@contextmanager
def running(
    engine: FakeEngine, state_file: Path, environ: Mapping[str, str] | None = None, config: Path | None = None
) -> Iterator[ControlServer]:
    """A daemon at work on a state file; its socket is beside it unless `environ` names another place."""
    state_file.parent.mkdir(exist_ok=True)
    given = {"RUNTIME_DIRECTORY": str(state_file.parent / "run")} if environ is None else environ
    server = ControlServer(engine, state_file, given, config=config)
    engine.take()
    try:
        assert server.start()
        yield server
    finally:
        server.stop()
        engine.let_go()
