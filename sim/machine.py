"""One thread, one clock, one source of chance: what the engine takes from its machine, in the simulation's hands."""

from __future__ import annotations

import random
import secrets
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self
from unittest import mock

import structlog

from syncd.applier.disk import MediaFolder
from syncd.gramps import login
from syncd.logger import prepare
from syncd.workers import Inbox

START = 1_900_000_000.0
"""Unix seconds at which every simulation begins."""


class Killed(BaseException):
    """The process was killed; nothing that it does from now on happens."""


class Clock:
    """Time passes when somebody waits, and a little with every call."""

    def __init__(self) -> None:
        self.now = START
        self.running = 1000.0

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.running += seconds

    def time(self) -> float:
        """Unix seconds."""
        return self.now

    def time_ns(self) -> int:
        """Unix nanoseconds."""
        return int(self.now * 1_000_000) * 1000 + 1

    def monotonic(self) -> float:
        """Seconds that nobody sets."""
        return self.running


class InlineWorkers:
    """`syncd.workers.Workers` without threads: items are done one after the other, in an order left to chance."""

    chance = random.Random(0)

    def __init__(self, *arguments: Any) -> None:
        self._inbox = next((one for one in arguments if isinstance(one, Inbox)), None)
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def start(self, work: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Take in an item."""
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: work(item)))
        return future

    def next(self) -> Future[Any]:
        """Do one of those that wait."""
        future, work = self._waiting.pop(self.chance.randrange(len(self._waiting)))
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        while self._inbox is not None and not self._inbox.queue.empty():
            told = self._inbox.queue.get()
            assert callable(told)
            told()
        if self._inbox is not None:
            self._inbox.do_due()
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was not begun is dropped."""
        self._waiting.clear()


class _Connection(sqlite3.Connection):
    """A connection that tells of its statements."""

    hook: Callable[[str], None] = staticmethod(lambda _sql: None)
    opened: list[sqlite3.Connection]

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.hook(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.hook(sql)
        return super().executemany(sql, *arguments)


@contextmanager
def taken_over(
    clock: Clock, chance: random.Random, host: Callable[[], str], statement: Callable[[str], None]
) -> Iterator[None]:
    """While in use, time, chance, threads and the host's name are the simulation's.

    Args:
        clock: the time.
        chance: for whatever the engine leaves to chance.
        host: the name of the machine that is at work.
        statement: told of each SQL statement, before it is carried out.
    """
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **{**options, "factory": _Connection})
        return connection

    def hexadecimal(size: int = 16) -> str:
        return chance.randbytes(size).hex()

    random.seed(chance.random())
    InlineWorkers.chance = chance
    prepare(lambda: structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop]))
    with ExitStack() as patches:
        patches.enter_context(mock.patch("syncd.workers.Workers", InlineWorkers))
        patches.enter_context(mock.patch.object(threading.Thread, "start", _no_thread))
        for target, name, ours in (
            (time, "time", clock.time),
            (time, "time_ns", clock.time_ns),
            (time, "monotonic", clock.monotonic),
            (time, "sleep", clock.pass_by),
            (uuid, "uuid4", lambda: uuid.UUID(bytes=chance.randbytes(16), version=4)),
            (secrets, "token_hex", hexadecimal),
            (secrets, "SystemRandom", lambda: chance),
            (socket, "gethostname", host),
            (sqlite3, "connect", connected),
            (_Connection, "hook", staticmethod(statement)),
            (login, "_pace", login._Pace()),  # noqa: SLF001 - it remembers the last run's clock
        ):
            patches.enter_context(mock.patch.object(target, name, ours))
        patches.enter_context(mock.patch.dict(MediaFolder.__init__.__kwdefaults__, {"clock": clock.time}))
        yield


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


def _no_thread(thread: threading.Thread) -> None:
    raise AssertionError(f"a second thread: {thread.name}")
