"""From what was done, or would be, to what a person and a script are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from syncd.model import Checksum
from syncd.model.plan import (
    Action,
    AddObject,
    Counts,
    DeleteObject,
    Done,
    Fetch,
    Guarded,
    KeepLoser,
    MoveFile,
    Outcome,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)

_COUNTED_AS = {"restored": "added", "conflict": "fetched"}
"""Kinds that the contract's counts have no name for, and where they are counted."""


def counted(done: Iterable[Done], *, unchanged: int, waiting: int) -> Counts:
    """Count what was done, in the contract's words."""
    totals = Counter(_COUNTED_AS.get(item.kind, item.kind) for item in done)
    return Counts(**totals, unchanged=unchanged, waiting=waiting)


def bytes_of(plan: Plan, sizes: Mapping[Checksum, int]) -> tuple[int, int]:
    """The bytes that a plan would send and fetch.

    Args:
        plan: what would be done.
        sizes: bytes by checksum, where known.
    """
    up = sum(action.file.size for action in plan.actions if isinstance(action, Upload))
    down = sum(
        sizes.get(action.checksum, 0)
        for action in plan.actions
        if isinstance(action, Fetch) and action.source is None
    )
    return up, down


def foreseen(plan: Plan, guarded: Guarded, sizes: Mapping[Checksum, int], seconds: float) -> Outcome:
    """What a run would do and leave: the outcome of a dry run.

    Args:
        plan: as the reconciler made it.
        guarded: what the guard lets through and holds.
        sizes: bytes by checksum, where known.
        seconds: how long it took to find out.
    """
    done = [item for action in guarded.plan.actions if (item := _foreseen(action, sizes)) is not None]
    up, down = bytes_of(guarded.plan, sizes)
    return Outcome(
        dry_run=True,
        actions=done,
        conflicts=guarded.plan.conflicts,
        problems=plan.problems,
        waiting=plan.waiting,
        notices=plan.notices,
        held=tuple(held for held in guarded.held if not held.approved),
        counts=counted(done, unchanged=plan.unchanged, waiting=len(plan.waiting)),
        bytes_up=up,
        bytes_down=down,
        seconds=seconds,
    )


def _foreseen(action: Action, sizes: Mapping[Checksum, int]) -> Done | None:
    """An action as the report names it; None for what is merely written down."""
    match action:
        case Upload(file=file, handle=handle, why=why):
            return Done("uploaded", str(file.path), handle, file.checksum, file.size, why)
        case AddObject(file=file, link=link, why=why):
            return Done("added", str(file.path), link.handle, file.checksum, file.size, why)
        case UpdateObject(expected=item, path=path, file=file, checksum=checksum, why=why):
            return Done(
                "moved" if path != item.path and checksum == item.digest else "updated",
                str(file.path),
                item.handle,
                checksum,
                file.size,
                why,
            )
        case Fetch(object=item, path=path, checksum=checksum, why=why, source=source):
            kind = "conflict" if why is Why.CONFLICT else ("copied" if source else "fetched")
            return Done(kind, str(path), item.handle, checksum, sizes.get(checksum), why)
        case MoveFile(file=file, to=to, link=link, why=why):
            return Done("moved", str(to), link.handle, file.checksum, file.size, why)
        case TrashFile(file=file, links=links, why=why):
            return Done("trashed", str(file.path), links[0].handle, file.checksum, file.size, why)
        case DeleteObject(expected=item, link=link, why=why):
            return Done("deleted", str(link.path), item.handle, link.checksum, None, why)
        case RestoreObject(file=file, link=link, why=why):
            return Done("restored", str(file.path), link.handle, file.checksum, file.size, why)
        case Record(link=link, new=True, why=why):
            return Done("linked", str(link.path), link.handle, link.checksum, None, why)
        case KeepLoser() | _:
            return None
