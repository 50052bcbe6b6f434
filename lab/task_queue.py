"""The task queue that most installations of Gramps Web have: Redis, and a Celery worker with the server's settings.

Indexing and counting media then run in another process after the answer was given, and read the tree while the
server writes to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from lab.process import LabError, Server

WORKERS = 2
"""As in the published Docker configuration."""


class Redis(Server):
    """An empty Redis that keeps nothing on disk.

    Debian's package `redis-tools` has the program without a service of the system: under another name, and which of
    its parts it plays it tells by how it is called.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("Redis", folder / "redis.log")
        self._program = folder / "redis-server"

    @staticmethod
    def installed() -> str | None:
        """The program, if `script/setup --lab` was run."""
        return shutil.which("redis-server") or shutil.which("redis-check-rdb")

    @property
    def address(self) -> str:
        """As Celery wants it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str | Path]:
        """Reachable from this machine only."""
        found = self.installed()
        if found is None:
            raise LabError("redis-server is missing: script/setup --lab installs it")
        if not self._program.is_symlink():
            self._program.symlink_to(found)
        return [
            *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
        ]


class Worker(Server):
    """`celery worker` for one Gramps Web; ready when it takes tasks."""

    def __init__(
        self, folder: Path, python: Path, redis: Redis, environment: Callable[[], Mapping[str, str]]
    ) -> None:
        super().__init__("Celery", folder / "celery.log")
        self._python = python
        self._redis = redis
        self._environment = environment
        self._begin = 0  # bytes of the log of earlier starts

    def command(self) -> Sequence[str | Path]:
        """As the published Docker configuration starts it."""
        return [
            *(self._python, "-m", "celery", "-A", "gramps_webapi.celery", "worker"),
            *("--loglevel=INFO", f"--concurrency={WORKERS}"),
        ]

    def environment(self) -> Mapping[str, str]:
        """The settings of the server whose tasks it takes."""
        return self._environment()

    def start(self, seconds: float = 90.0) -> Self:
        """Start, and wait for what this start logs."""
        if not self.running:
            self._begin = self.log.stat().st_size if self.log.exists() else 0
        return super().start(seconds)

    def ready(self) -> bool:
        """It waits for tasks."""
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return b" ready." in log.read()

    def done(self) -> list[str]:
        """Names of the tasks that it has carried out, such as `update_search_indices_from_transaction`."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.split("Task ")[1].split("[")[0] for line in lines if "] succeeded in " in line]
