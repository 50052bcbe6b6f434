"""One thread, one clock, one source of chance: what the engine takes from its machine, in the simulation's hands."""

from __future__ import annotations

import random
import secrets
import socket
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self
from unittest import mock

import structlog

from syncd.applier.disk import MediaFolder
from syncd.gramps import login

START = 1_900_000_000.0
"""Unix seconds at which every simulation begins."""

USES_THREADS = (
    "syncd.cycle",
    "syncd.applier.transfers",
    "syncd.scanner.scan",
    "syncd.gramps.inspector",
    "syncd.gramps.updating",
)


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


class _Task(Future[Any]):
    """Work that is done when somebody wants its result, or the pool its end."""

    def __init__(self, pool: InlinePool, work: Callable[[], Any]) -> None:
        super().__init__()
        self._pool = pool
        self.work = work

    def result(self, timeout: float | None = None) -> Any:
        """Do it, perhaps others before it."""
        self._pool.work_on(self)
        return super().result(0)


class InlinePool:
    """A pool of threads without threads: tasks are done one after the other, in an order left to chance."""

    chance = random.Random(0)

    def __init__(self, *_: Any, **__: Any) -> None:
        self._waiting: list[_Task] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> _Task:
        """Take in a task."""
        task = _Task(self, lambda: work(*arguments, **options))
        self._waiting.append(task)
        return task

    def map(self, work: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        """The results in order."""
        tasks = [self.submit(work, *given) for given in zip(*arguments, strict=False)]
        return (task.result() for task in tasks)

    def work_on(self, wanted: _Task | None = None) -> _Task | None:
        """Do tasks by chance until `wanted` is done; without it, one."""
        done: _Task | None = None
        while self._waiting and (wanted is None or not wanted.done()):
            done = self._waiting.pop(self.chance.randrange(len(self._waiting)))
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(done.work())
                except Exception as error:
                    done.set_exception(error)
            if wanted is None:
                break
        return done

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Do what is left, or drop it."""
        if cancel_futures:
            for task in self._waiting:
                task.cancel()
            self._waiting.clear()
        while self._waiting:
            self.work_on()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self._waiting.clear()
        self.shutdown()


def wait(tasks: Iterable[_Task], **_: Any) -> tuple[set[_Task], set[_Task]]:
    """Do one of these tasks, and perhaps others before it."""
    under_way = list(tasks)
    finished = [task for task in under_way if task.done()]
    if not finished and under_way:
        pool = under_way[0]._pool  # noqa: SLF001 - of this module
        pool.work_on()
        finished = [task for task in under_way if task.done()]
    return set(finished), set(under_way) - set(finished)


class _Connection(sqlite3.Connection):
    """A connection that tells of its statements."""

    hook: Callable[[str], None] = staticmethod(lambda _sql: None)
    opened: list[sqlite3.Connection]

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        self.hook(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
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
    InlinePool.chance = chance
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])
    with ExitStack() as patches:
        for module in USES_THREADS:
            patches.enter_context(mock.patch(f"{module}.ThreadPoolExecutor", InlinePool))
        patches.enter_context(mock.patch("syncd.applier.transfers.wait", wait))
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
        patches.enter_context(
            mock.patch.dict(MediaFolder.__init__.__kwdefaults__, {"clock": clock.time})
        )
        yield


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
