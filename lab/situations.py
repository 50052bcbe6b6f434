"""The runs of which `lab.power` asks what a power failure leaves: each place in syncd that waits for the disk is in one of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import eventful
from lab.copies import Moment
from lab.disk import Disk
from lab.gramps_web import GrampsWeb
from lab.killing import trace
from lab.mounting import mounted
from lab.power import Recorded
from lab.process import ROOT, LabError
from lab.recording import INDEX, load
from lab.traced import LACKING
from lab.world import World

Prepare = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Situation:
    """A run under certain circumstances.

    Args:
        name: of one word.
        about: in a sentence.
        prepare: brings a new world to the moment before the run.
        then: what happens to the desktop besides.
        transfers: how many files travel at once. With one the disk is a strict one: see `lab.disk`.
        lacking: what the file system lacks; see `lab.traced`.
        disks: whether a folder of the media folder is on another disk.
    """

    name: str
    about: str
    prepare: Prepare
    then: Prepare | None = None
    transfers: int = 1
    lacking: str = ""
    disks: bool = False

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the run."""
        return {LACKING: self.lacking} if self.lacking else {}


def _the_day(world: World) -> None:
    eventful.the_day_before(world)
    eventful.happen(world, large=False)


def _two_disks(world: World) -> None:
    eventful.begin_on_two_disks(world)
    eventful.happen_on_two_disks(world)


SITUATIONS = (
    Situation("first", "the first run of all, in an empty tree", eventful.begin),
    Situation("day", "a run in which everything happens", _the_day),
    Situation("threads", "the same, with four transfers at a time", _the_day, transfers=4),
    Situation("no-exchange", "the same where two names cannot be exchanged", _the_day, lacking="exchange"),
    Situation("no-flags", "the same where a rename always replaces", _the_day, lacking="flags"),
    Situation("damaged", "the same after the state was damaged", _the_day, then=eventful.damage),
    Situation("two-disks", "a folder of the media folder is on another disk", _two_disks, disks=True),
)


@dataclass
class Recorder:
    """Records situations on a server.

    Args:
        server: a Gramps Web over an S3 server.
        base: where worlds and recordings are made.
    """

    server: GrampsWeb
    base: Path
    _moments: dict[Prepare, Moment] = field(default_factory=dict)

    def record(self, situation: Situation) -> Recorded:
        """Record a run, and see that what was recorded explains all that it left on the disk, byte for byte.

        Raises:
            LabError: the run failed, or did something to the disk that was not seen.
            NotAllowedError: a disk would have to be mounted.
        """
        base = self.base / situation.name
        with self._world(situation, base) as world:
            assert world.s3 is not None
            world.configure(s3={"transfers": situation.transfers})
            before = Disk.of(world.desktop, strict=situation.transfers == 1)
            keys = frozenset(world.s3.keys())
            run = trace(world, base / "recording", environment=situation.environment)
            if run.returncode != 0:
                raise LabError(f"{situation.name} ended with {run.returncode}\n{run.stdout}\n{run.stderr}")
            recorded = Recorded(before, load(base / "recording"), keys, eventful.WHOLE)
            explain(recorded, Disk.of(world.desktop))
        return recorded

    @contextmanager
    def _world(self, situation: Situation, base: Path) -> Iterator[World]:
        if situation.disks:
            world = World.on(self.server, base, "empty")
            with mounted(None, world.folder / eventful.OTHER_DISK):
                situation.prepare(world)
                yield world
            world.close()
            return
        if situation.prepare not in self._moments:
            original = World.on(self.server, base / "original", "empty")
            situation.prepare(original)
            self._moments[situation.prepare] = Moment.of(original, base / "kept")
            original.close()
        world = self._moments[situation.prepare].again(self.server, base / "world")
        if situation.then is not None:
            situation.then(world)
        yield world
        world.close()


def explain(recorded: Recorded, now: Disk) -> None:
    """See that a recording leads from the disk before the run to the one after it.

    Raises:
        LabError: it does not: a call went by unseen.
    """
    computed, real = recorded.after().as_it_is().files, now.as_it_is().files
    wrong = [
        path
        for path in computed.keys() | real.keys()
        if not path.endswith(INDEX) and computed.get(path) != real.get(path)
    ]
    if wrong:
        raise LabError(f"the recording does not explain {sorted(wrong)}")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of syncd that asks for a sync, and the function it is in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def places_that_sync() -> set[Place]:
    """Every place of syncd that asks for a sync; not the functions that pass it on to the kernel."""
    return {
        Place(str(path.relative_to(ROOT)), call.lineno, function.name)
        for path in sorted((ROOT / "syncd").rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and function.name.lstrip("_") not in _ASK
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and _name_of(call).lstrip("_") in (*_ASK, "fsync")
    }


_ASK = ("sync_file", "sync_folder")


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
