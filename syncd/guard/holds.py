"""The holds: the few items of a plan that a person should see first; the rest goes on.

What is held stays held, whatever happens to the limits in between, until a person approves it, or it is no longer
as it was (then there is nothing to hold).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.guard.first_contact import first_contact_reason, strain_first
from syncd.guard.sieve import Circumstances, Items, Sieve, held_item
from syncd.model.plan import Action, DeleteObject, Guarded, HeldItem, HoldKind, Plan, TrashFile
from syncd.model.policy import FirstSync, OnWeb, Policy


def hold(plan: Plan, policy: Policy, now: Circumstances) -> Guarded:
    """Take out of a plan what waits for a person.

    Returns:
        The plan without it, and every set that waits now. An approved set stays among `held` (with `approved`)
        as long as some item of it has not been done.
    """
    sieve = Sieve(now)
    actions: Sequence[Action] = plan.actions
    if policy.first_sync is not FirstSync.GO:
        actions = strain_first(actions, sieve, first_contact_reason(plan, now, policy), policy)
    actions = sieve.strain(
        actions, HoldKind.REFERENCED, _referenced_items(policy, now, sieve), "people or events refer to it"
    )
    actions = sieve.strain(
        actions, HoldKind.MANY_DELETIONS, _deletions, _mass_reason(actions, sieve, policy, now)
    )
    waiting = sieve.waiting_handles()
    return Guarded(
        plan=replace(
            plan,
            actions=actions,
            conflicts=tuple(conflict for conflict in plan.conflicts if conflict.handle not in waiting),
        ),
        held=sieve.sets(),
        released=tuple(sorted(sieve.released)),
        approved_deletions=frozenset(sieve.approved_deletions),
        may_strip=frozenset(sieve.may_strip),
    )


def _deletions(action: Action) -> Sequence[HeldItem]:
    item = held_item(action) if isinstance(action, DeleteObject | TrashFile) else None
    return [item] if item is not None else []


def _referenced_items(policy: Policy, now: Circumstances, sieve: Sieve) -> Items:
    """Deletions of objects that something refers to (or may: nobody looked), where the policy spares those."""

    def items(action: Action) -> Sequence[HeldItem]:
        if not isinstance(action, DeleteObject) or policy.on_web is not OnWeb.UNREFERENCED:
            return []
        item = held_item(action)
        references = now.references.get(action.expected.handle)
        if item is None or (
            references is not None
            and not any(references.values())
            and not sieve.stands(item, HoldKind.REFERENCED)
        ):
            return []
        detail = describe_references(references) if references is not None else "not known who refers to it"
        return [replace(item, detail=detail)]

    return items


def describe_references(references: Mapping[str, int]) -> str:
    """Say who refers to an object: `2 people, 1 event`."""
    plurals = {"person": "people", "family": "families", "repository": "repositories"}
    return ", ".join(
        f"{count} {kind if count == 1 else plurals.get(kind, kind + 's')}"
        for kind, count in sorted(references.items())
        if count
    )


def _mass_reason(actions: Sequence[Action], sieve: Sieve, policy: Policy, now: Circumstances) -> str | None:
    """Why the deletions of this plan are held, or None.

    Those that are held already count: while a mass deletion waits for a person, the rest of it, seen a cycle
    later, must not slip through below the limit.
    """
    planned = sum(
        item.handle not in sieve.approved_deletions and not sieve.is_approved(item, HoldKind.MANY_DELETIONS)
        for action in actions
        for item in _deletions(action)
    )
    planned += sum(
        now.is_out_of_scope(item)
        for held in now.standing
        if held.kind is HoldKind.MANY_DELETIONS and not held.approved
        for item in held.items
    )
    total = planned + now.recent_deletions
    before = f" ({now.recent_deletions} of them done before)" if now.recent_deletions else ""
    limit = policy.hold_above
    share = 100 * total / now.links if now.links else 100.0
    if total > limit.count:
        most = f"the {limit.count}"
    elif total > limit.always_allow and share > limit.percent:
        most = f"the {limit.always_allow} (and {limit.percent:g} %)"
    else:
        return None
    return (
        f"{total} deletions within a day{before}, of {now.links} files: "
        f"more than {most} that are done without asking (deletions.hold_above)"
    )
