"""Everything that there is: a Gramps Web, a bucket, one or two desktops with the real engine, people, and a judge.

Every content is written once, so that it says when it was written and over what. From that follows what must be there
in the end (what nobody overwrote or deleted) and what must not (what somebody did, who had it before them).
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2

from sim.bucket import BEFALLS as BUCKET_BEFALLS
from sim.bucket import Bucket, SimStore, md5
from sim.met import DISK_ERRORS, FIRST_ADDS, cells_of, name_of
from sim.machine import Clock, Killed, taken_over
from sim.posix import ROOT, Disks, Inode, Installed
from sim.web import BASE, PASSWORD, USER, Network, Web
from sim.web import BEFALLS as WEB_BEFALLS
from syncd import cycle, doorstep
from syncd.adoption import adopt
from syncd.applier.disk import MediaFolder
from syncd.config import Settings
from syncd.errors import StopError, SyncdError
from syncd.gramps.client import GrampsWeb
from syncd.gramps.login import Password
from syncd.model.plan import HoldKind
from syncd.model import MediaPath, Stop
from syncd.model.plan import Outcome
from syncd.model.policy import Moment
from syncd.observer import Changes
from syncd.once import run_once
from syncd.ports import MediaLocation, SilentProgress
from syncd.reconciler import Inputs, reconcile
from syncd.rooms import Rooms, Task
from syncd.state import State

BUCKET = "media"
DAY = 24 * 3600
ROUNDS = 8
"""Rounds in which all must come to rest, once nothing happens any more."""

CALLS_AT_MOST = 60_000
"""Calls of one run; more of them are a hang."""


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Faults:
    """What may befall a run.

    Args:
        chance: decides.
        kill_at: the call at which the process is killed; 0: never.
        power: whether the whole machine stops then.
        rate: how often a request, or a call of the disk, fails; 0 to 1.
        meddle: how often somebody does something between two calls.
        full: the disk is full.
    """

    chance: random.Random = field(default_factory=lambda: random.Random(0))
    kill_at: int = 0
    power: bool = False
    rate: float = 0.0
    meddle: float = 0.0
    full: bool = False


@dataclass
class History:
    """What people did to each content.

    Args:
        gone: overwritten or deleted by somebody who had it before them.
        muddled: copied, put back, or handled by a syncd that forgot: such a content is in several places, or times.
        clean: whether nothing was forgotten; else what looks new may be old.
        whole: whether everything that was done was written down.
    """

    count: int = 0
    written: dict[str, None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    muddled: set[str] = field(default_factory=set)
    clean: bool = True
    whole: bool = True
    by_checksum: dict[str, str] = field(default_factory=dict)

    def write(self) -> bytes:
        """A content that nobody wrote before."""
        self.count += 1
        word = f"w{self.count}"
        content = word.encode() * (1 + self.count % 3)
        self.written[word] = None
        self.by_checksum[md5(content)] = word
        return content

    def word(self, content: bytes) -> str:
        """The word of a content; for other bytes, what they are."""
        return self.by_checksum.get(md5(content), f"?{content[:20]!r}")


@dataclass(eq=False)
class Desk:
    """A desktop: a folder, a state, a configuration."""

    name: str
    settings: Settings
    skew: float = 0.0
    rooms: Rooms | None = None
    hints: set[str] = field(default_factory=set)
    """What changed in the folder since the last look of the daemon."""
    waiting: frozenset[str] = frozenset()
    host: str = ""
    """The computer's name; empty: the desktop's."""
    usual: Settings | None = None
    """The settings, while others are in use."""
    told: frozenset[str] = frozenset()
    """Objects of which the last run said that they have a problem."""
    away: Inode | None = None
    """The media folder's inode while it is not mounted."""
    backup: Inode | None = None
    kept_state: Path | None = None
    calls: int = 0

    @property
    def top(self) -> str:
        """The media folder, as its people know it."""
        return str((self.usual or self.settings).media_dir)


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
        self.disks = Disks(random.Random(f"{seed}-disks"), self.clock.time_ns, self._disk_call)
        self.bucket = Bucket()
        self.web = Web(lambda: self.clock.now, None if own_disk else BUCKET)
        self.web.into_bucket = self._into_bucket
        self.history = History()
        self.desks = [
            Desk(f"desk{number}", _settings(base, f"desk{number}", own_disk, options[number]), skews[number])
            for number in range(desks)
        ]
        self.active: list[Desk] = []
        self.faults: list[Faults] = []
        self.dead: set[str] = set()
        self.meddler: Callable[[random.Random], None] = lambda _chance: None
        self.approved: set[str] = set()
        self.person_at: Desk | None = None
        self.references: list[tuple[str, str]] = []
        self.server_backup: tuple[Any, dict[str, bytes]] | None = None
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
        self.clock.pass_by(faults.chance.choice((0.0, 0.00001, 0.0002, 0.002)))
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
        faults = self.faults[-1]
        if not faults.rate or faults.chance.random() >= faults.rate:
            return None
        what = faults.chance.choice(list(WEB_BEFALLS))
        if what in ("twice", "late") and request.method == "GET":
            return None
        self.hit(f"web: {what}")
        self.note(f"befalls: {what}")
        return what

    def _befall_bucket(self, call: str) -> str | None:
        faults = self.faults[-1]
        if not faults.rate or faults.chance.random() >= faults.rate:
            return None
        what = faults.chance.choice(list(BUCKET_BEFALLS))
        self.hit(f"bucket: {what}")
        self.note(f"befalls: {what}")
        return what

    def _open_catalog(self, settings: Settings, *, patience: float = 60.0) -> GrampsWeb:
        password = settings.gramps.password
        assert password is not None
        web = GrampsWeb(
            settings.gramps.url,
            Password(USER, password),
            patience=patience,
            clock=self.clock.monotonic,
            sleep=self.clock.pass_by,
            transport=Network(self.web, self._befall_web, lambda what: self._call("web", what)),
        )
        return web

    def _open_store(self, settings: Settings, location: MediaLocation) -> SimStore:
        disagreement = doorstep.compare(settings, location)
        if disagreement is not None:
            raise disagreement
        return SimStore(self.bucket, self._befall_bucket, lambda what: self._call("bucket", what))

    def _into_bucket(self, digest: str, body: bytes) -> None:
        self.bucket.stored[digest] = body

    def _moment(self) -> Moment:
        now = self.clock.now + self.desk.skew
        return Moment(int(now), datetime.fromtimestamp(now, UTC).date().isoformat(), self.desk.name)

    def _reconcile(self, inputs: Inputs) -> Any:
        for cell in cells_of(inputs):
            self.hit(f"cell: {cell}")
        return reconcile(inputs)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Put the world under the engine."""
        with (
            taken_over(self.clock, self.chance, self._host, self._statement),
            Installed(self.disks),
            mock.patch.object(doorstep, "open_catalog", self._open_catalog),
            mock.patch.object(doorstep, "open_store", self._open_store),
            mock.patch("syncd.rooms._moment", self._moment),
            mock.patch.object(cycle, "reconcile", self._reconcile),
            mock.patch("syncd.guard.first_contact.FIRST_ADDS", FIRST_ADDS),
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
            if not self.disks.exists(f"{desk.top}/.syncd/folder.json"):
                self.history.clean = False  # a first contact that failed: what it has made looks like anybody's
            self.hit(f"failure: {type(error).__name__}")
            if isinstance(error, StopError):
                self.hit(f"stop: {name_of(error)}")
            self._keep_open(desk)
        finally:
            self.disks.free = free
            self.disks.quiet = quiet
            self.active.pop()
            self.faults.pop()
            self.disks.owner = owner
        if desk.name in self.dead:
            self._bury(desk, faults)
            return None
        if outcome is not None:
            self._tell(desk, outcome)
        return outcome

    def _once(self, desk: Desk) -> Outcome:
        self.stop_daemon(desk)
        return run_once(desk.settings, full=False, dry_run=False, progress=SilentProgress())

    def _look(self, desk: Desk) -> Outcome:
        if desk.rooms is None:
            rooms = Rooms(desk.settings)
            rooms.__enter__()
            desk.rooms = rooms
            task = Task()
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
        items = (*outcome.waiting, *outcome.problems)
        desk.waiting = frozenset(item.handle for item in items if item.handle is not None)
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
            self.hit(f"stop: {name_of(outcome.stop)}")
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

    # --- a person at the command line -----------------------------------------------------------------------------

    def approve(self, desk: Desk) -> None:
        """Approve all that waits."""
        self.stop_daemon(desk)
        if not desk.settings.state_file.exists():
            return
        with State.open(desk.settings.state_file) as state:
            for held in state.held():
                if not held.approved:
                    state.approve(held.id)
                    self.note(f"{desk.name}: approved {held.kind}")
                    if held.kind is HoldKind.REFERENCED:
                        self.approved |= {item.handle for item in held.items}

    def adopt(self, desk: Desk) -> None:
        """Bind a desktop anew: it knows nothing of what was before."""
        self.stop_daemon(desk)
        self.note(f"{desk.name} adopts")
        self.hit("adopt")
        self.history.clean = False
        self._forgets(desk)
        self.person_at = desk
        with self.disks.by_hand(), State.open(desk.settings.state_file) as state, MediaFolder(desk.settings.media_dir) as folder:
            adopt(state, folder)

    def lose_state(self, desk: Desk) -> None:
        """The state file is deleted."""
        self.stop_daemon(desk)
        shutil.rmtree(desk.settings.state_dir, ignore_errors=True)
        self.hit("state: lost")
        self._forgets(desk)
        self.history.clean = False

    def _forgets(self, desk: Desk) -> None:
        """What stands in a folder whose state is lost is new to it again."""
        if desk.away is not None:
            self.history.muddled |= self.history.written.keys()
        self.history.muddled |= {self.history.word(content) for content in self.standing(desk).values()}

    def keep_state(self, desk: Desk) -> None:
        """A backup program copies the state file."""
        self.stop_daemon(desk)
        kept = desk.settings.state_dir.with_suffix(".kept")
        shutil.rmtree(kept, ignore_errors=True)
        if desk.settings.state_dir.exists():
            shutil.copytree(desk.settings.state_dir, kept)
            desk.kept_state = kept

    def roll_state_back(self, desk: Desk) -> None:
        """The backup is put back."""
        if desk.kept_state is None:
            return
        self.stop_daemon(desk)
        shutil.rmtree(desk.settings.state_dir, ignore_errors=True)
        shutil.copytree(desk.kept_state, desk.settings.state_dir)
        self.hit("state: rolled back")
        self._forgets(desk)
        self.history.clean = self.history.whole = False

    def damage_state(self, desk: Desk) -> None:
        """The state file is cut in half."""
        self.stop_daemon(desk)
        file = desk.settings.state_file
        if file.exists():
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])
            self.hit("state: damaged")
            self._forgets(desk)
            self.history.clean = False

    # --- what there is --------------------------------------------------------------------------------------------

    def standing(self, desk: Desk) -> dict[str, bytes]:
        """A desktop's files, without ours."""
        if not self.disks.exists(desk.top):
            return {}
        return {
            path: content
            for path, content in self.disks.files(desk.top).items()
            if ".syncd" not in path.split("/")
        }

    def trash(self, desk: Desk) -> dict[str, bytes]:
        """What lies in a desktop's trash."""
        if not self.disks.exists(desk.top):
            return {}
        return {
            path: content
            for path, content in self.disks.files(desk.top).items()
            if path.startswith(".syncd/trash/")
        }

    def everything(self) -> set[str]:
        """The words of all contents that stand anywhere."""
        found = [*self.bucket.stored.values(), *self.web.kept.files.values(), *self.disks.files(ROOT).values()]
        return {self.history.word(content) for content in found}

    def describe(self) -> list[str]:
        """What stands where, for whoever looks into a violation."""
        word = self.history.by_checksum
        lines = [
            f"object {handle} {form['path']} {word.get(form['checksum'], form['checksum'])}"
            for handle, form in sorted(self.web.media().items())
        ]
        lines.append(f"bucket {sorted(word.get(key, key) for key in self.bucket.stored)}")
        for desk in self.desks:
            found = {**self.standing(desk), **self.trash(desk)}
            lines += [f"{desk.name} file {path} {self.history.word(content)}" for path, content in found.items()]
            if desk.settings.state_file.exists():
                with State.open(desk.settings.state_file) as state:
                    links = sorted(state.links(), key=lambda link: link.handle)
                    lines += [f"{desk.name} {link!r} {word.get(link.checksum)}" for link in links]
        return lines

    # --- the judge ------------------------------------------------------------------------------------------------

    def settle(self) -> int:
        """Nothing fails and nobody does anything: all comes to rest within a bounded number of rounds.

        Returns:
            The rounds that it took.
        """
        self.note("=== settling")
        chance = random.Random(0)
        for number in range(1, ROUNDS + 1):
            busy = False
            for desk in self.desks:
                self.clock.pass_by(3600)
                outcome = self.sync(desk, Faults(chance))
                if outcome is None:
                    raise Violation(f"{desk.name} fails although nothing is wrong: {self.log[-1]}")
                if outcome.stop is not None:
                    self._get_out(desk, outcome.stop)
                    busy = True
                elif any(not held.approved for held in outcome.held):
                    self.approve(desk)
                    busy = True
                busy = busy or bool(outcome.actions) or outcome.unfinished
            if not busy:
                return number
        raise Violation(f"no rest after {ROUNDS} rounds")

    def _get_out(self, desk: Desk, stop: Stop) -> None:
        """Do what a stop says."""
        name = name_of(stop)
        self.note(f"{desk.name} gets out of: {name}")
        with self.disks.by_hand():
            if name == "the folder is a copy":
                other = re.search(r"is a copy of (\S+), which", stop.reason)
                assert other is not None
                self.disks.move(other[1], f"{other[1]}-away")
                return
            if name == "another folder lies in it":
                marker = re.search(r"synced no more, delete (\S+)", stop.remedy)
                assert marker is not None
                self.disks.remove(marker[1])
                return
        if "syncd adopt" not in stop.remedy:
            raise Violation(f"{desk.name} is locked out: {stop.reason}; {stop.remedy}")
        self.adopt(desk)

    def judge(self) -> None:
        """See whether every promise was kept."""
        known = self.history
        everything = self.everything()
        keep = sorted(known.written.keys() - known.gone)
        for word in keep:
            if word not in everything:
                raise Violation(f"{word} is lost")
        standing = [{known.word(content) for content in self.standing(desk).values()} for desk in self.desks]
        for found in standing:
            odd = [word for word in found if word.startswith("?")]
            if odd:
                raise Violation(f"bytes that nobody wrote: {odd}")
        both_kept = all(str(desk.settings.conflicts) == "keep-both" for desk in self.desks)
        if both_kept and known.whole and known.clean:
            told = {handle for desk in self.desks for handle in desk.told}
            excused = {known.by_checksum.get(self.web.media()[h]["checksum"]) for h in told & self.web.media().keys()}
            for word in keep:
                if word not in known.muddled | excused and not all(word in found for found in standing):
                    raise Violation(f"{word} does not stand everywhere: {standing}")
        deletes = all(
            str(desk.settings.deletions.on_web) != "never" and str(desk.settings.deletions.in_folder) == "trash"
            for desk in self.desks
        )
        if known.clean and deletes:
            for word in sorted(known.gone - known.muddled):
                if any(word in found for found in standing):
                    raise Violation(f"{word} came back")
        self._judge_objects()

    def _judge_objects(self) -> None:
        known = self.history
        objects = self.web.media()
        named = Counter(form["checksum"] for form in objects.values())
        for checksum, count in named.items():
            word = known.by_checksum.get(checksum, "?")
            if count > 1 and word not in known.muddled:
                raise Violation(f"{count} objects for {word}")
        for form in objects.values():
            if not self._is_served(form) and known.by_checksum.get(form["checksum"]) in known.written:
                word = known.by_checksum[form["checksum"]]
                if word not in known.gone and word not in known.muddled:
                    raise Violation(f"{form['path']} names bytes that are nowhere: {word}")
        asks = all(str(desk.settings.deletions.on_web) != "always" for desk in self.desks)
        for person, handle in self.references if asks else []:
            if handle not in objects:
                if handle not in self.approved:
                    raise Violation(f"{handle}, to which {person} refers, was deleted without a yes")
            elif person not in self.web.referrers(handle):
                raise Violation(f"the reference of {person} to {handle} was stripped")

    def _is_served(self, form: dict[str, Any]) -> bool:
        if self.web.bucket is not None:
            return form["checksum"] in self.bucket.stored
        there = self.web.kept.files.get(form["path"])
        return there is not None and md5(there) == form["checksum"]


def _settings(base: Path, name: str, own_disk: bool, options: dict[str, Any]) -> Settings:
    s3 = {
        "url": f"s3://{BUCKET}",
        "region": "us-east-1",
        "access_key_id": "key",
        "secret_access_key": "secret key",
        "endpoint_url": "http://s3.sim",
        "allow_http": True,
    }
    return Settings.model_validate(
        {
            "media_dir": Path(f"/sim/{name}"),
            "state_dir": base / name,
            "new_files": "add",
            "gramps": {"url": BASE.removesuffix("/api"), "allow_http": True, "username": USER, "password": PASSWORD},
            **({} if own_disk else {"s3": s3}),
            **options,
        }
    )


__all__ = ["DAY", "Desk", "Faults", "MediaPath", "Violation", "World"]
