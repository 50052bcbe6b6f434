"""Everything that there is: a Gramps Web, a bucket, one or two desktops with the real engine, and what befalls them."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2

from sim.bucket import BEFALLS as BUCKET_BEFALLS
from sim.bucket import Bucket, SimStore, md5
from sim.desk import BUCKET, Desk, Faults, History, Violation, settings_of
from sim.forms import Form
from sim.machine import Clock, Killed, taken_over
from sim.met import DISK_ERRORS, FIRST_ADDS, cells_of, name_of
from sim.network import BEFALLS as WEB_BEFALLS
from sim.network import Network
from sim.posix import ROOT, Disks, Installed
from sim.server import Server
from sim.web import USER, Kept
from syncd import cycle, doorstep
from syncd.applier.adding import Adding
from syncd.config import Settings
from syncd.errors import StopError, SyncdError
from syncd.gramps.client import GrampsWeb
from syncd.gramps.login import Password
from syncd.model.plan import Outcome, Plan
from syncd.model.policy import Moment
from syncd.observer import Changes
from syncd.once import run_once
from syncd.ports import MediaLocation, SilentProgress
from syncd.reconciler import Inputs, reconcile
from syncd.rooms import Rooms, Task

_add = Adding.add

CALLS_AT_MOST = 60_000
"""Calls of one run; more of them are a hang."""


class World:
    """One simulation.

    Args:
        seed: of all chance that belongs to no step.
        base: a real folder for the state files.
        desks: how many desktops there are.
        own_disk: whether Gramps Web keeps media on its own disk.
        options: of the configurations, one for each desktop.
    """

    def __init__(
        self,
        seed: str,
        base: Path,
        desks: int,
        *,
        own_disk: bool,
        options: list[dict[str, Any]],
        skews: list[float],
    ) -> None:
        self.base = base
        self.chance = random.Random(f"{seed}-world")
        self.log: list[str] = []
        self.digest = hashlib.sha256()
        self.events = 0
        self.hits: Counter[str] = Counter()
        self.clock = Clock()
        self.speed = random.Random(f"{seed}-speed").choice((1, 1, 1000))
        """On a fast machine a whole run fits into a grain of a file's times."""
        self.disks = Disks(random.Random(f"{seed}-disks"), self.clock.time_ns, self._disk_call)
        self.adds_every = random.Random(f"{seed}-adds").choice((0.0, 0.001, 5.0))
        """Seconds from one time at which objects are added, while files are sent, to the next."""
        self.disks.steady = random.Random(f"{seed}-listings").random() < 0.7
        self.bucket = Bucket()
        self.web = Server(lambda: self.clock.now, None if own_disk else BUCKET)
        self.web.into_bucket = self._into_bucket
        self.history = History()
        self.desks = [
            Desk(
                f"desk{number}",
                settings_of(base, f"desk{number}", options[number], own_disk=own_disk),
                skews[number],
            )
            for number in range(desks)
        ]
        self.active: list[Desk] = []
        self.faults: list[Faults] = []
        self.dead: set[str] = set()
        self.meddler: Callable[[random.Random], None] = lambda _chance: None
        self.approved: set[str] = set()
        self.broken: str | None = None
        """A promise that was broken on the way."""
        self.person_at: Desk | None = None
        self.references: list[tuple[str, str]] = []
        self.server_backup: tuple[Kept, dict[str, bytes]] | None = None
        self.tree_id = self.web.tree_id
        for desk in self.desks:
            self.disks.make_folders(desk.top, device=100 + self.desks.index(desk))
        self.disks.synced()

    # --- the record -----------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Write a line into the log."""
        line = f"{self.clock.running:.6f} {text}".replace(str(self.base), "STATE")
        self.events += 1
        self.digest.update(line.encode() + b"\n")
        self.log.append(line)

    def hit(self, what: str) -> None:
        """Count that something was met."""
        self.hits[what] += 1

    # --- what the engine meets ------------------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        """The desktop that is at work."""
        return self.active[-1]

    def _host(self) -> str:
        desk = self.active[-1] if self.active else self.person_at
        return (desk.host or desk.name) if desk else "judge"

    def _call(self, call: str, path: str) -> None:
        """A call of the engine: it may be killed at it, meet a failure, or find that somebody was faster."""
        if not self.active:
            return
        desk, faults = self.desk, self.faults[-1]
        if desk.name in self.dead:
            raise Killed
        desk.calls += 1
        if desk.calls > CALLS_AT_MOST:
            raise Violation(f"{desk.name} does not come to an end")
        self.note(f"{desk.name} {call} {path}")
        self.clock.pass_by(faults.chance.choice((0.0, 0.00001, 0.0002, 0.002)) / self.speed)
        if desk.calls == faults.kill_at:
            self.hit("power failure" if faults.power else "kill")
            self.note(f"{desk.name} is killed")
            self.dead.add(desk.name)
            raise Killed
        if faults.meddle and len(self.active) < 3 and faults.chance.random() < faults.meddle:
            self._meddle(faults)

    def _meddle(self, faults: Faults) -> None:
        self.hit("meddling")
        with self.disks.by_hand():
            self.meddler(faults.chance)

    def _disk_call(self, call: str, path: str) -> None:
        self._call(call, path)
        faults = self.faults[-1] if self.faults else Faults()
        if faults.rate and faults.chance.random() < faults.rate / 20:
            code, name = faults.chance.choice(DISK_ERRORS)
            if call in ("open", "create", "write", "read", "scandir", "rename", "move", "exchange", "link",
                        "unlink", "fsync", "mkdir"):  # fmt: skip
                self.hit(f"disk: {name}")
                self.note(f"{name} at {call} {path}")
                raise OSError(code, name, path)

    def _statement(self, sql: str) -> None:
        if self.active and sql.split(" ", 1)[0] in ("BEGIN", "COMMIT", "INSERT", "DELETE", "UPDATE"):
            self._call("sql", " ".join(sql.split())[:40])
        elif self.active and self.desk.name in self.dead:
            raise Killed

    def _befall_web(self, request: httpx2.Request) -> str | None:
        what = self._drawn(WEB_BEFALLS)
        if what in ("twice", "late") and request.method == "GET":
            return None
        return self._befalls("web", what)

    def _befall_bucket(self, _call: str) -> str | None:
        return self._befalls("bucket", self._drawn(BUCKET_BEFALLS))

    def _drawn(self, choices: Collection[str]) -> str | None:
        faults = self.faults[-1]
        if not faults.rate or faults.chance.random() >= faults.rate:
            return None
        return faults.chance.choice(list(choices))

    def _befalls(self, where: str, what: str | None) -> str | None:
        if what is not None:
            self.hit(f"{where}: {what}")
            self.note(f"befalls: {what}")
        return what

    def _open_catalog(self, settings: Settings, *, patience: float = 60.0) -> GrampsWeb:
        password = settings.gramps.password
        assert password is not None
        return GrampsWeb(
            settings.gramps.url,
            Password(USER, password),
            patience=patience,
            clock=self.clock.monotonic,
            sleep=self.clock.pass_by,
            transport=Network(
                self.web, self._befall_web, lambda what: self._call("web", what), self._check_bytes
            ),
        )

    def _check_bytes(self) -> None:
        """Bytes before names: whatever the engine wrote, no object names bytes that the bucket does not have."""
        known = self.history.by_checksum
        for form in self.web.media().values():
            if form["checksum"] in known and self.web.bucket and form["checksum"] not in self.bucket.stored:
                self.broken = (
                    self.broken or f"{form['path']} names {known[form['checksum']]} before it is sent"
                )

    def is_served(self, form: Form) -> bool:
        """Whether Gramps Web can show the bytes that an object names."""
        if self.web.bucket is not None:
            return form["checksum"] in self.bucket.stored
        there = self.web.kept.files.get(form["path"])
        return there is not None and md5(there) == form["checksum"]

    def _open_store(self, settings: Settings, location: MediaLocation) -> SimStore:
        doorstep.see_that_they_agree(settings, location)
        return SimStore(self.bucket, self._befall_bucket, lambda what: self._call("bucket", what))

    def _into_bucket(self, digest: str, body: bytes) -> None:
        self.bucket.stored[digest] = body

    def _moment(self) -> Moment:
        now = self.clock.now + self.desk.skew
        return Moment(int(now), datetime.fromtimestamp(now, UTC).date().isoformat(), self.desk.name)

    def _reconcile(self, inputs: Inputs) -> Plan:
        for cell in cells_of(inputs):
            self.hit(f"cell: {cell}")
        return reconcile(inputs)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Put the world under the engine."""

        def add(adding: Adding) -> None:
            self.hit("adding while sending")
            _add(adding)

        with (
            taken_over(self.clock, self.chance, self._host, self._statement),
            Installed(self.disks),
            mock.patch.object(doorstep, "open_catalog", self._open_catalog),
            mock.patch.object(doorstep, "open_store", self._open_store),
            mock.patch.object(doorstep, "expect_bucket"),  # one thread
            mock.patch("syncd.rooms._moment", self._moment),
            mock.patch.object(cycle, "reconcile", self._reconcile),
            mock.patch("syncd.guard.first_contact.FIRST_ADDS", FIRST_ADDS),
            mock.patch("syncd.applier.adding.EVERY", self.adds_every),
            mock.patch.object(Adding, "add", add),
        ):
            try:
                yield
            finally:
                for desk in self.desks:
                    self.stop_daemon(desk)

    # --- the engine at work ---------------------------------------------------------------------------------------

    def sync(self, desk: Desk, faults: Faults, *, near: bool = False) -> Outcome | None:
        """A run of a desktop; None when it was killed or failed as a whole.

        Args:
            desk: whose.
            faults: what befalls it.
            near: as the daemon does it, which keeps its rooms open, and looks only at what changed.
        """
        desk.calls = 0
        self.active.append(desk)
        self.faults.append(faults)
        owner, self.disks.owner = self.disks.owner, desk.name
        quiet, self.disks.quiet = self.disks.quiet, 0
        free, self.disks.free = self.disks.free, (1000 if faults.full else 1 << 30)
        if faults.full:
            self.hit("disk: full")
        self.note(f"--- {desk.name} {'looks near' if near else 'syncs'}")
        outcome: Outcome | None = None
        try:
            outcome = self._look(desk) if near else self._once(desk)
        except Killed:
            pass
        except SyncdError as error:
            self.note(f"{desk.name}: {type(error).__name__} {error.reason}")
            self.hit(f"failure: {type(error).__name__}")
            if isinstance(error, StopError):
                self.hit(f"stop: {name_of(error.reason)}")
            self._keep_open(desk)
        finally:
            self.disks.free = free
            self.disks.quiet = quiet
            self.active.pop()
            self.faults.pop()
            self.disks.owner = owner
        if self.broken is not None:
            raise Violation(self.broken)
        self._note_end(desk, outcome)
        if desk.name in self.dead:
            self._bury(desk, faults)
            return None
        if outcome is not None:
            self._tell(desk, outcome)
        return outcome

    def _note_end(self, desk: Desk, outcome: Outcome | None) -> None:
        """Keep in mind whether all that a run did is written down."""
        desk.broken_off = outcome is None or bool(outcome.stop or outcome.unfinished or outcome.problems)
        lost, desk.lost = desk.lost, set()
        if not desk.broken_off:
            desk.left.clear()
            return
        self.history.muddled |= lost
        if not self.disks.exists(f"{desk.settings.media_dir}/.syncd/folder.json"):
            # A first contact that was broken off: what it has made looks like anybody's.
            self.history.clean = False
            self.history.muddled |= {self.history.word(content) for content in self.standing(desk).values()}

    def _once(self, desk: Desk) -> Outcome:
        self.stop_daemon(desk)
        progress = SilentProgress()
        outcome = run_once(
            desk.settings, full=False, dry_run=False, progress=progress, begun=lambda _so_far: None
        )
        seen = [phase.name for phase in progress.seen]
        walked = seen.index("Looking through the folder") if "Looking through the folder" in seen else None
        if outcome.stop is None and walked is None:
            self.hit("light run")
        elif seen[:walked].count("Asking Gramps Web") > 1:
            self.hit("light run that went wide")
        return outcome

    def _look(self, desk: Desk) -> Outcome:
        if desk.rooms is None:
            rooms = Rooms(desk.settings)
            rooms.__enter__()
            desk.rooms = rooms
            task = Task()
        elif desk.left_undone:
            task = Task(tidy=False)
        else:
            task = Task(near=Changes(frozenset(desk.hints), desk.waiting), tidy=False)
        hints, desk.hints = desk.hints, set()
        try:
            with desk.rooms.cycle(task, SilentProgress()) as (made, _notices):
                outcome = made.run()
                if task.near is not None:
                    self.hit("near look" if made.near is not None else "near look that went wide")
        except BaseException:
            desk.hints |= hints
            raise
        waiting = {item.handle for item in outcome.waiting} | {item.handle for item in outcome.problems}
        desk.waiting = frozenset(handle for handle in waiting if handle is not None)
        desk.left_undone = outcome.unfinished
        if outcome.stop is not None:
            desk.hints |= hints
        return outcome

    def _keep_open(self, desk: Desk) -> None:
        """A daemon lives on after a failure."""
        if desk.rooms is not None:
            with suppress(SyncdError):
                desk.rooms.hang_up()

    def stop_daemon(self, desk: Desk) -> None:
        """End a desktop's daemon."""
        rooms, desk.rooms = desk.rooms, None
        desk.hints.clear()
        if rooms is not None:
            rooms.__exit__(None, None, None)

    def _bury(self, desk: Desk, faults: Faults) -> None:
        """Clear away what the system clears away when a process dies."""
        rooms, desk.rooms = desk.rooms, None
        desk.hints.clear()
        if rooms is not None:
            with suppress(BaseException):
                rooms.__exit__(None, None, None)
        self.disks.process_ended(desk.name)
        self.dead.discard(desk.name)
        if faults.power:
            lost = self.disks.power_failed()
            self.note(f"the power fails: {lost} names")

    def _tell(self, desk: Desk, outcome: Outcome) -> None:
        """Write down how a run ended."""
        if outcome.stop is not None:
            self.hit(f"stop: {name_of(outcome.stop.reason)}")
            self.note(f"{desk.name} stops: {outcome.stop.reason}")
            return
        desk.told = frozenset(problem.handle for problem in outcome.problems if problem.handle is not None)
        for held in outcome.held:
            self.hit(f"hold: {held.kind}")
        for done in outcome.actions:
            self.hit(f"done: {done.kind}")
        if outcome.unfinished:
            self.hit("unfinished")
        self.note(
            f"{desk.name} did {[f'{done.kind} {done.path}' for done in outcome.actions]}"
            f" held {[(held.kind, [i.path for i in held.items]) for held in outcome.held]}"
            f" waiting {[(w.path, w.reason) for w in outcome.waiting]} problems {[(p.path, p.reason) for p in outcome.problems]}"
        )

    # --- what there is --------------------------------------------------------------------------------------------

    def standing(self, desk: Desk) -> dict[str, bytes]:
        """A desktop's files, without ours."""
        return self.standing_in(desk.top)

    def standing_in(self, top: str) -> dict[str, bytes]:
        """A folder's files, without ours."""
        return {path: content for path, content in self._files(top) if ".syncd" not in path.split("/")}

    def trash(self, desk: Desk) -> dict[str, bytes]:
        """What lies in a desktop's trash."""
        return {path: content for path, content in self._files(desk.top) if path.startswith(".syncd/trash/")}

    def _files(self, top: str) -> Iterable[tuple[str, bytes]]:
        return self.disks.files(top).items() if self.disks.exists(top) else ()

    def everything(self) -> set[str]:
        """The words of all contents that stand anywhere."""
        found = [
            *self.bucket.stored.values(),
            *self.web.kept.files.values(),
            *self.disks.files(ROOT).values(),
        ]
        return {self.history.word(content) for content in found}
