"""Kills syncd at one point of a run after another, each time in a fresh copy of the same world, and looks what becomes of it.

The points are found by recording a run; see `lab.recording` for how they get their names, and `lab.tracer` for how a kill
falls exactly there. After a kill syncd runs until it has nothing to do any more. Then folder, trash, objects, bucket
and links must be what they are after the run that was not killed, byte for byte.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.calls import Kind
from lab.copies import Moment
from lab.disk import Disk
from lab.eventful import LONG_AGO, WHOLE
from lab.gramps_web import GrampsWeb
from lab.outcomes import Lookout, Outcome, trash_of
from lab.process import ROOT, LabError, wait_until
from lab.ptrace import KILLED
from lab.recording import Event, load
from lab.s3 import S3Request
from lab.world import World

RUNS = 5
"""Runs after a kill at most, of which the last has nothing to do."""
LOGGED_SECONDS = 5.0
"""Within which Gramps Web tells in its log of a request whose client is gone."""
LOCKED_SECONDS = 90.0
"""For how long Gramps Web may keep its database locked after a client was killed: it did so for half a minute."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one kill.

    Args:
        point: where it fell.
        reached: False where the run ended before: then it was a run like any other.
        runs: how many runs it took afterwards, the last of which had nothing to do.
        locked: seconds for which Gramps Web kept its database locked.
        failures: what is wrong; empty where all is well.
        seconds: all of it took.
    """

    point: str
    reached: bool
    runs: int
    locked: float
    failures: Sequence[str]
    seconds: float


def trace(
    world: World, into: Path, *, kill: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `syncd --once` in a world under the eyes of the tracer, which writes down what it does.

    Args:
        world: the world, in which nobody else is at work.
        into: where the events go.
        kill: the point at which the run is killed; empty for never.
        environment: more variables for the run.
    """
    assert world.s3 is not None
    desktop = world.desktop
    command: list[str | Path] = [
        *(sys.executable, "-m", "lab.tracer", "--into", into),
        *("--media", desktop.folder, "--state", desktop.state_dir),
        *("--peer", f"gramps={world.server.port}", "--peer", f"s3={world.s3.server.port}", "--kill", kill),
        *("--", "--once", "--json"),
    ]
    return subprocess.run(
        command,
        env=desktop.environment({"PYTHONPATH": str(ROOT), **(environment or {})}),
        cwd=desktop.base,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@dataclass
class Killing:
    """Kills in copies of one moment.

    Args:
        server: a Gramps Web over an S3 server.
        moment: the world before the run.
        base: where the copies are made.
    """

    server: GrampsWeb
    moment: Moment
    base: Path
    _copies: int = 0

    @contextmanager
    def copy(self) -> Iterator[World]:
        """A fresh copy of the world."""
        self._copies += 1
        world = self.moment.again(self.server, self.base / f"copy-{self._copies}")
        try:
            yield world
        finally:
            world.close()

    def record(self, into: Path) -> tuple[list[Event], Outcome]:
        """A run that is not killed: what it did, and what the world has come to.

        Raises:
            LabError: it failed, made a call that nobody knows, or asked the servers for something that was not seen.
        """
        with self.copy() as world:
            assert world.s3 is not None
            asked, stored = self.server.log_position(), world.s3.server.log_position()
            run = trace(world, into)
            if run.returncode != 0:
                raise LabError(f"the recording ended with {run.returncode}\n{run.stdout}\n{run.stderr}")
            events = load(into)
            self._require_all(
                events, self.server.requests_since(asked), world.s3.server.requests_since(stored)
            )
            finish(world)
            return events, Outcome.of(world)

    def _require_all(
        self, events: Sequence[Event], asked: Sequence[str], stored: Sequence[S3Request]
    ) -> None:
        """Compare with what the servers say: every request of the run must have been seen."""
        seen = [event.request for event in events if _begins(event)]
        ours = sum(1 for request in seen if " gramps/" in request)
        if ours != len(asked):
            raise LabError(f"Gramps Web was asked {len(asked)} times, of which {ours} were seen")
        put = {request.key.rpartition("/")[2] for request in stored if request.operation == "PUT"}
        sent = {request.rpartition("/")[2] for request in seen if request.startswith("PUT s3/")}
        if not put <= sent:
            raise LabError(f"the bucket got {put - sent}, which was not seen")

    def kill(self, point: str, expected: Outcome, *, power: int | None = None) -> Verdict:
        """Kill a run at a point of a fresh copy, and let syncd finish.

        Args:
            point: where.
            expected: what the world has come to without a kill.
            power: not the process is killed but the power fails: chooses which of the disks that may be left it is.
        """
        begun = time.monotonic()
        with self.copy() as world:
            recording = world.base / "killed"
            before, shelved = Disk.of(world.desktop), trash_of(world.desktop)
            asked = self.server.log_position()
            lookout = Lookout(world.desktop, WHOLE)
            with lookout.watching():
                run = trace(world, recording, kill=point)
                failures = (
                    [] if run.returncode in (0, KILLED) else [f"ended with {run.returncode}: {run.stderr}"]
                )
                events = load(recording)
                locked = rest(world, events, asked)
            if power is not None:
                fail_power(world, before, events, power)
            with lookout.watching():
                try:
                    runs = finish(world)
                except (AssertionError, LabError) as error:
                    failures.append(str(error))
                    runs = RUNS
            failures += [f"'{path}' stood in the folder and was not whole" for path in lookout.partial]
            if not failures:
                outcome = Outcome.of(world)
                purged = shelved if power is not None else {}
                failures += outcome.differences(expected.with_back(purged, outcome.trash))
            reached = run.returncode == KILLED
        return Verdict(point, reached, runs, locked, failures, time.monotonic() - begun)


def rest(world: World, events: Sequence[Event], asked: int) -> float:
    """Wait until the servers have done with what the killed run had asked for; seconds for which that took Gramps Web.

    The S3 server shows an object while it is being written, and takes it away again when its bytes do not come. Gramps Web
    goes on with a change whose client is gone, and on SQLite may keep the tree locked long after: whoever asks for a
    change meanwhile gets a 500. Restarted at once, syncd would rightly say so and give up; so the next run waits.

    Args:
        world: the world, whose run was killed.
        events: what the run did.
        asked: where the log of Gramps Web ended before the run.
    """
    open_requests = unanswered(events)
    if any(" s3/" in request for request in open_requests):
        assert world.s3 is not None
        world.s3.settled(0.3)
    if not any(" gramps/" in request and not request.startswith("GET ") for request in open_requests):
        return 0.0
    begun = time.monotonic()
    sent = sum(1 for event in events if " gramps/" in event.request and _begins(event))
    with suppress(LabError):  # a request that was cut off is never told of
        wait_until(
            lambda: len(world.server.requests_since(asked)) >= sent, "the last request", LOGGED_SECONDS
        )
    folder = world.server.trees_folder / world.tree.id
    wait_until(
        lambda: all(_is_free(folder / name) for name in ("sqlite.db", "undo.db")),
        "the tree to be free",
        LOCKED_SECONDS,
    )
    return time.monotonic() - begun


def _begins(event: Event) -> bool:
    """Whether a request begins with it; not a further part of its body."""
    return event.kind is Kind.SEND and bool(event.point) and "(its body)" not in event.point


def fail_power(world: World, before: Disk, events: Sequence[Event], choice: int) -> None:
    """Put in the place of a desktop's disk one that the power may have left: what was not synced is lost, or not.

    Args:
        world: the world, in which nobody is at work.
        before: its disk before the run.
        events: what the run did until the power failed.
        choice: which of the disks, by a seed.
    """
    disk = before.copy()
    for event in events:
        disk.apply(event)
    image = random.Random(choice).choice(list(disk.images()))
    roots = {"media": world.desktop.folder, "state": world.desktop.state_dir}
    for root in roots.values():
        shutil.rmtree(root)
        root.mkdir()
    image.write(roots)
    for path in roots["media"].rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def unanswered(events: Sequence[Event]) -> list[str]:
    """The requests that were sent, at least in part, and of whose answer nothing was read."""
    open_requests: list[str] = []
    for event in events:
        if event.kind is Kind.SEND and event.request not in open_requests:
            open_requests.append(event.request)
        elif event.kind is Kind.RECEIVE and event.request in open_requests:
            open_requests.remove(event.request)
    return open_requests


def _is_free(database: Path) -> bool:
    """Whether a change could begin in a database now."""
    if not database.exists():
        return True
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True


def finish(world: World) -> int:
    """Run syncd until it has nothing to do; how many runs that took, the last included.

    Raises:
        AssertionError: a run fails, or there is no end of it.
    """
    for number in range(1, RUNS + 1):
        if world.sync()["actions"] == []:
            return number
    raise AssertionError(f"{RUNS} runs, and still something to do")
