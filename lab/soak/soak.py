"""The soak: people work on both sides, things go wrong, and every few minutes all is put right and audited."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.soak.audit import growth, judge, settle
from lab.soak.computers import Computer, make_computer
from lab.soak.faults import Faults
from lab.soak.ledger import Ledger
from lab.soak.looking import Glance, look, status
from lab.soak.making import Maker
from lab.soak.record import Record
from lab.soak.seen import Seen, Vitals
from lab.soak.violation import Kind, Violation
from lab.soak.visitors import Visitors
from lab.world import World
from syncd.control.contract import Doing, Live
from syncd.errors import ExitCode

REST_SECONDS = 420.0
"""Within this time after the last deed, with all faults put right, it must be at rest."""
PATIENCE_SECONDS = 20.0
"""So long a person waits for syncd to come to rest before answering what it asks."""
UNJAMMED_SECONDS = 60.0
"""A daemon that found Gramps Web jammed says so until its next try."""
NAME_APART = "rename one of them in Gramps Web"
"""What syncd asks for where people at two computers moved two files to one name."""
MOST_FILES = 250
"""With more files than this, people rather delete."""


@dataclass
class Pace:
    """How fast things happen: seconds between two deeds on average, how often a fault comes instead of one."""

    seconds: float = 0.6
    faults: float = 0.15


@dataclass
class Soak:
    """One tree, its computers and its people. Close it in the end.

    Args:
        world: the servers and the tree.
        seed: of every decision. What a deed finds when its time comes depends on how far syncd is.
        desktops: how many computers.
        own_servers: whether the servers are ours alone.
        pace: how fast things happen.
        big: whether some files are large.
    """

    world: World
    seed: int
    desktops: int = 2
    own_servers: bool = True
    pace: Pace = field(default_factory=Pace)
    big: bool = True
    ledger: Ledger = field(default_factory=Ledger)
    curve: list[Vitals] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    jams: int = 0
    """How often Gramps Web had to be restarted because it answered every change with 500."""
    _not_before: float = 0.0
    _step: int = 0
    _keys: frozenset[str] = frozenset()
    _named_apart: set[str] = field(default_factory=set)
    """Objects that got a name of their own while rest was waited for."""

    def __post_init__(self) -> None:
        maker = Maker(self.seed, big=self.big)
        self.computers: Sequence[Computer] = [
            make_computer(self.world, number, self.ledger, maker, seed=self.seed)
            for number in range(self.desktops)
        ]
        self.visitors = Visitors(self.world.api, self.world.s3, self.ledger, maker)
        self.record = Record(self.world.api, self.ledger, self.world.tree.users["owner"])
        self.faults = Faults(self.world, self.computers, self.ledger, self.own_servers)
        for computer in self.computers:
            computer.start()

    def end_daemons(self) -> None:
        """Stand still: what is there stays as it is."""
        for computer in self.computers:
            computer.end(politely=False)

    def close(self) -> None:
        """End the daemons, the lines and the disks."""
        self.visitors.close()
        for computer in self.computers:
            computer.close()

    # --- work --------------------------------------------------------------------------------------------

    def work(self, seconds: float) -> None:
        """People work and things go wrong for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def step(self) -> None:
        """One deed or one fault, and the pause after it. What it is depends on the seed and its number alone."""
        self._step += 1
        rng = random.Random(f"{self.seed} {self._step}")
        self.faults.tick()
        for computer in self.computers:
            computer.people.go_on_writing()
        choice, pause = rng.random(), rng.expovariate(1 / self.pace.seconds)
        if choice < self.pace.faults:
            self.faults.begin(rng)
        elif choice < 0.4:
            self.visitors.begin(rng)
            self._unjam(())
        else:
            people = rng.choice(self.computers).people
            if len(people.files()) > MOST_FILES and rng.random() < 0.4:
                people.delete(rng)
            else:
                people.do(rng)
        time.sleep(min(pause, 5 * self.pace.seconds))

    def _unjam(self, lives: Sequence[Live | None]) -> None:
        """Restart a Gramps Web that a failed commit left locked: SQLite, several writers (docs/servers.md)."""
        refused = [
            one for one in lives if one is not None and one.doing is Doing.AWAY and "500" in one.reason
        ]
        now = time.monotonic()
        if self.visitors.failures + len(refused) < 2 or now < self._not_before:
            return
        self.visitors.failures = 0
        self._not_before = now + UNJAMMED_SECONDS
        if self.world.server.running:
            self.jams += 1
            self.ledger.say("lab", "Gramps Web was jammed", "and is restarted")
            self.world.restart_server()

    # --- audits ------------------------------------------------------------------------------------------

    def audit(self) -> list[Violation]:
        """Put everything right, wait for rest, and hold what is there against the ledger."""
        begun = time.monotonic()
        self.faults.end_all()
        self.visitors.wait()
        for computer in self.computers:
            computer.people.go_on_writing(to_the_end=True)
        self.visitors.send_missing()
        found = self._wait_for_rest()
        rested = time.monotonic()
        found += self._look_at_everything()
        found += self.record.read()
        seen = look(self.world, self.computers, self.ledger)
        found += judge(self.ledger, seen, self._keys)
        found += self._judge_daemons()
        self._note(seen, rested - begun, found)
        settle(self.ledger, seen)
        self._keys = frozenset(seen.keys or ())
        return found

    def _wait_for_rest(self) -> list[Violation]:
        """Until the daemons have nothing to do and both sides agree; a person answers what waits for one."""
        self._named_apart.clear()
        glance, end, quiet = Glance(), time.monotonic() + REST_SECONDS, 0
        asked = time.monotonic()
        while time.monotonic() < end:
            lives = [computer.live() for computer in self.computers]
            if not all(live is not None and _rests(live) for live in lives):
                quiet = 0
                self._unjam(lives)
                # What has a problem is looked at again and again, also one that waits for a person.
                if time.monotonic() > asked + PATIENCE_SECONDS:
                    asked = time.monotonic()
                    self._name_apart()
                    self._answer_what_waits()
            elif glance.agree(self.world, self.computers):
                quiet += 1
                if quiet == 3:
                    return []
            else:
                quiet = 0
                self._answer_what_waits()
            time.sleep(1)
        seen = "; ".join(f"{one.who}: {one.live()}, {_told(status(one))}" for one in self.computers)
        return [Violation(Kind.RESTLESS, f"not at rest after {REST_SECONDS:.0f} s", seen)]

    def _answer_what_waits(self) -> None:
        """A person approves a deletion that waits, or has the file back."""
        checksums = {item["handle"]: item["checksum"] for item in self.world.api.media()}
        for computer in self.computers:
            held = status(computer).get("held", ())
            for number in sorted({item["id"] for item in held}):
                items = [item for item in held if item["id"] == number]
                rng = random.Random(f"{self.seed} held {len(self.audits)} {number}")
                self._answer(computer, number, items, checksums, approve=rng.random() < 0.5)

    def _name_apart(self) -> None:
        """A person gives an object another name where syncd asks for that: it looks again and again until then."""
        for computer in self.computers:
            for problem in status(computer).get("problems", ()):
                if problem["remedy"] == NAME_APART and problem["handle"] not in self._named_apart:
                    self._named_apart.add(problem["handle"])
                    self.visitors.name_apart(problem["handle"])

    def _answer(
        self,
        computer: Computer,
        number: int,
        items: Sequence[dict[str, Any]],
        checksums: dict[str, str],
        *,
        approve: bool,
    ) -> None:
        concerned = [checksums.get(item["handle"], "") for item in items]
        self.ledger.say(
            "person", "approve" if approve else "restore", f"{number} at {computer.who}", *concerned
        )
        if approve:
            self.ledger.approved.update(item["handle"] for item in items)
        else:
            for item, checksum in zip(items, concerned, strict=True):
                if checksum in self.ledger.contents:
                    self.ledger.put(checksum, item["path"])
        run = computer.desktop.syncd("approve" if approve else "restore", str(number), "--now", "--json")
        if run.code == ExitCode.UNREACHABLE:
            self.visitors.failures += (
                1  # Gramps Web is jammed, perhaps; the question stays, and is answered again
            )
        elif run.code not in (0, 1, 3):
            self.faults.odd_ends.append(str(run))

    def _look_at_everything(self) -> list[Violation]:
        """At rest even a look at everything finds nothing to do."""
        found = []
        for computer in self.computers:
            run = computer.desktop.syncd("sync", "--full", "--json", timeout=300)
            document = json.loads(run.out) if run.out else {}
            if run.code not in (0, 1):
                found.append(
                    Violation(Kind.ANSWER, f"{computer.who}: sync --full → {run.code}", run.out[-2000:])
                )
            elif document["actions"] or document["waiting"]:
                what = json.dumps([*document["actions"], *document["waiting"]])
                concerned = tuple(one["checksum"] for one in document["actions"] if one.get("checksum"))
                found.append(
                    Violation(
                        Kind.RESTLESS,
                        f"{computer.who}: a look at everything did more",
                        what[:3000],
                        concerned,
                    )
                )
        return found

    def _judge_daemons(self) -> list[Violation]:
        found = [Violation(Kind.ANSWER, told) for told in self.faults.odd_ends]
        self.faults.odd_ends.clear()
        for computer in self.computers:
            if died := computer.has_died():
                found.append(Violation(Kind.ENDED, computer.who, died))
            elif vitals := computer.vitals(round(time.monotonic() - self.ledger.begun, 1)):
                self.curve.append(vitals)
        return [*found, *growth(self.curve)]

    def _note(self, seen: Seen, seconds: float, found: Sequence[Violation]) -> None:
        self.audits.append(
            {
                "minute": round((time.monotonic() - self.ledger.begun) / 60, 1),
                "seconds_to_rest": round(seconds, 1),
                "objects": len(seen.objects),
                "files": [len(folder.files) for folder in seen.folders],
                "keys": None if seen.keys is None else len(seen.keys),
                "in_trash": [len(folder.kept) for folder in seen.folders],
                "problems": [len(folder.problems) for folder in seen.folders],
                "violations": [str(one) for one in found],
            }
        )


def _rests(live: Live) -> bool:
    return live.doing is Doing.IDLE and not live.pending


def _told(document: dict[str, Any]) -> str:
    kept = {
        name: document.get(name) for name in ("exit_code", "stop", "error", "held", "waiting", "problems")
    }
    return json.dumps(kept)[:2000]
