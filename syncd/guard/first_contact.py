"""The first contact of a folder and a tree: one that is large is shown first, for a home folder is not a family album."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.guard.sieve import Circumstances, Sieve, held_item
from syncd.model.plan import (
    Action,
    AddObject,
    Fetch,
    HeldItem,
    HoldKind,
    KeepLoser,
    Plan,
    Record,
    RestoreObject,
    UpdateObject,
    Upload,
)
from syncd.model.policy import Policy
from syncd.model.values import Checksum

FIRST_ADDS = 100
"""Objects that a first contact may add to Gramps Web without asking."""
FIRST_BYTES = 5 * 1000**3
"""Bytes that a first contact may move either way without asking."""
FIRST_CONFLICTS = 10
"""Conflicts that a first contact may make without asking."""


def strain_first(
    actions: Sequence[Action], sieve: Sieve, reason: str | None, policy: Policy
) -> Sequence[Action]:
    """Hold what a first contact that is too large would do.

    What prepares another action goes and waits with it, whatever was said of itself: the bytes that an object
    names, and the copy of the bytes that lose a conflict. So does what follows it: where Gramps Web keeps media on its
    own disk, bytes go to objects that were allowed to name them in an earlier pass.
    """
    main = [action for action in actions if not isinstance(action, Upload | KeepLoser)]
    passed = sieve.strain(main, HoldKind.FIRST_SYNC, _first_items, reason)
    needed = {checksum for action in passed if (checksum := _names_bytes(action)) is not None}
    changed = {action.expected.handle for action in passed if isinstance(action, UpdateObject)}
    uploads = [action for action in actions if isinstance(action, Upload)]
    losers = [action for action in actions if isinstance(action, KeepLoser)]
    due = [action for action in uploads if action.file.checksum in needed]
    kept = [action for action in losers if action.object.handle in changed]
    rest = [action for action in uploads if action.file.checksum not in needed]
    met = {action.link.handle for action in actions if isinstance(action, Record) and action.new}
    late = [action for action in rest if policy.found_by_path and action.handle not in met]
    free = sieve.strain(late, HoldKind.FIRST_SYNC, _first_items, None)
    early = [action for action in rest if action not in late]
    free += sieve.strain(early, HoldKind.FIRST_SYNC, _first_items, reason)
    lone = [action for action in losers if action.object.handle not in changed]
    sieve.strain(lone, HoldKind.FIRST_SYNC, _first_items, reason)
    return [*due, *free, *kept, *passed]


def _names_bytes(action: Action) -> Checksum | None:
    """The content that the bucket must hold before an action: who released that one released these bytes, too."""
    match action:
        case AddObject(file=file) | RestoreObject(file=file):
            return file.checksum
        case UpdateObject(checksum=checksum):
            return checksum
        case Fetch(replaces=file) if file is not None:
            return file.checksum
        case _:
            return None


def _first_items(action: Action) -> Sequence[HeldItem]:
    """What a first contact that is too large holds: every transfer and every change, but no mere link."""
    item = held_item(action)
    return [item] if item is not None else []


def first_contact_reason(plan: Plan, now: Circumstances, policy: Policy) -> str | None:
    """Why the transfers of a first contact are held, or None. A copy within the folder is no transfer.

    Bytes for a server's own disk are sent a pass later than they are named, and counted where they are named.
    """
    if not now.first_contact:
        return None
    adds = sum(isinstance(action, AddObject | RestoreObject) for action in plan.actions)
    sending = Upload | AddObject | RestoreObject | UpdateObject if policy.found_by_path else Upload
    sent = [action.file.size for action in plan.actions if isinstance(action, sending)]
    fetched = [
        now.sizes.get(action.checksum, 0)
        for action in plan.actions
        if isinstance(action, Fetch | KeepLoser) and action.source is None
    ]
    conflicts = len(plan.conflicts)
    if adds <= FIRST_ADDS and max(sum(sent), sum(fetched)) <= FIRST_BYTES and conflicts <= FIRST_CONFLICTS:
        return None
    found = [
        f"{len(sent)} to send ({_size(sum(sent))})" if sent else "",
        f"{adds} to add to Gramps Web" if adds > len(sent) else "",
        f"{len(fetched)} to fetch ({_size(sum(fetched))})" if fetched else "",
        f"{conflicts} changed on both sides" if conflicts else "",
    ]
    return f"this first sync is a large one; files: {', '.join(part for part in found if part)}"


def _size(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1000**3:.1f} GB" if size >= 1000**3 else f"{size / 1000**2:.1f} MB"
