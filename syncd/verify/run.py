"""One `syncd verify`, from opening the rooms to what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from syncd.bound import open_bound
from syncd.config import Settings
from syncd.merge.findings import Audit, Fault, Finding
from syncd.model import Problem
from syncd.model.rot import Rot
from syncd.pacing import Line
from syncd.ports import Progress
from syncd.state import State
from syncd.verify.looking import Seen, look
from syncd.verify.reading import Reading, read_everything, recall
from syncd.verify.repairing import is_repairable, repair
from syncd.verify.rotten import find_rot


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Args:
        deep: read every byte.
        limit: at how many bytes a second; 0: as the configuration says.
        repair: heal what a good copy can heal.
    """

    deep: bool = False
    limit: int = 0
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found, and what became of it.

    Args:
        seen: the last look.
        audit: what it says, together with what was read.
        findings: what is wrong still.
        reading: how far the reading came; None where nothing was to be read.
        last_read: when everything was read last, in Unix seconds.
        healed: what was wrong and is right again.
    """

    seen: Seen
    audit: Audit
    findings: Sequence[Finding]
    reading: Reading | None = None
    last_read: float | None = None
    healed: Sequence[Finding] = ()


def verify(
    settings: Settings, order: Order, progress: Progress, aside: Callable[[], AbstractContextManager[None]]
) -> Verified:
    """Look, read if that is wanted, and heal if that is wanted.

    Args:
        settings: the configuration.
        order: what is wanted.
        progress: told of it.
        aside: has a daemon let go of state and folder for the time of a block.

    Raises:
        StopError: what is found is not what was synced.
        SyncdError: something cannot be looked at or read; a further run goes on from here.
    """
    if order.limit:
        settings = settings.model_copy(update={"limit_down": order.limit})
    reading = None
    with open_bound(settings, keep=False) as rooms:
        seen, rot = look(rooms, progress), rooms.state.rot()
        read, last_read = rooms.state.hashed(), rooms.state.last_hashing()
        if order.deep:
            line = Line(order.limit) if order.limit else None
            with State.join(settings.state_file) as memory:
                reading = read_everything(rooms, seen, memory, progress, line)
                read, last_read = memory.hashed(), memory.last_hashing()
    unread = [] if reading is None else list(map(_unread, reading.problems))
    reads = recall(seen, read)
    _remember_rot(settings, rot, find_rot(seen, reads, rot))
    found = seen.audit(reads)
    if not order.repair or not any(map(is_repairable, found.findings)):
        return Verified(seen, found, [*found.findings, *unread], reading, last_read)
    with aside(), open_bound(settings, keep=True) as rooms:
        repaired = repair(rooms, read, progress)
    found = repaired.seen.audit(repaired.reads)
    return Verified(
        repaired.seen, found, [*repaired.left, *unread], reading, last_read, tuple(repaired.healed)
    )


def _remember_rot(settings: Settings, before: list[Rot], now: list[Rot]) -> None:
    if set(before) != set(now):
        with State.join(settings.state_file) as memory:
            memory.change_rot(gone=set(before) - set(now), found=set(now) - set(before))


def _unread(problem: Problem) -> Finding:
    return Finding(Fault.UNREADABLE, problem.reason, problem.remedy, problem.path or "", problem.handle)
