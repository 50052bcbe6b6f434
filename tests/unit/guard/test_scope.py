"""A plan that speaks of a few items only: what is held of all the others stays held."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.guard import Circumstances, hold
from syncd.model.plan import (
    Action,
    Conflict,
    DeleteObject,
    Guarded,
    HeldItem,
    HeldSet,
    HoldKind,
    Plan,
    Record,
    TrashFile,
)
from syncd.model.policy import HoldAbove
from tests.core import POLICY, file, link, md5, obj

MANY, REFERENCED = HoldKind.MANY_DELETIONS, HoldKind.REFERENCED


def delete(number: int) -> DeleteObject:
    """The deletion of an object."""
    return DeleteObject(obj(f"h{number}", f"{number}.jpg", "x"), link(f"h{number}", f"{number}.jpg", "x"))


def trash(number: int) -> TrashFile:
    """The deletion of a file."""
    return TrashFile(file(f"{number}.jpg", "x"), (link(f"h{number}", f"{number}.jpg", "x"),))


def item(number: int, action: str = "trash", detail: str = "") -> HeldItem:
    """How such a deletion is held."""
    return HeldItem(action, f"{number}.jpg", f"h{number}", md5("x"), detail)


def waiting(kind: HoldKind, *items: HeldItem, number: int = 7, approved: bool = False) -> HeldSet:
    """A set that is held since an earlier cycle."""
    return HeldSet(kind, "why it waits", items, number, approved)


def guard(
    actions: Sequence[Action],
    standing: Sequence[HeldSet],
    scope: Collection[str] | None,
    *,
    links: int = 1000,
    recent: int = 0,
    people: Collection[str] = (),
) -> Guarded:
    """Guard a plan that speaks of some handles; some objects have people who refer to them."""
    references = {f"h{number}": {"person": int(f"h{number}" in people)} for number in range(400)}
    now = Circumstances(
        links=links,
        recent_deletions=recent,
        references=references,
        standing=standing,
        first_contact=False,
        sizes={},
        scope=None if scope is None else frozenset(scope),
    )
    return hold(Plan(actions=tuple(actions)), POLICY, now)


@pytest.mark.parametrize("kind", [MANY, REFERENCED])
@pytest.mark.parametrize("approved", [False, True])
def test_what_is_held_of_others_stays_held(kind: HoldKind, *, approved: bool) -> None:
    """As it was: with its number, its reason, what was told of it and its approval; nothing of it is released."""
    held = waiting(kind, item(1, "delete", "2 people"), item(2, "delete"), approved=approved)
    guarded = guard([], [held], scope=["h9"])
    assert guarded.held == (held,)
    assert (guarded.plan.actions, guarded.released) == ([], ())
    assert not guarded.approved_deletions
    assert not guarded.may_strip


def test_a_plan_that_speaks_of_all_drops_what_it_does_not_repeat() -> None:
    """The file came back: there is nothing to hold."""
    assert guard([], [waiting(MANY, item(1))], scope=None).held == ()


def test_of_a_set_only_what_is_spoken_of_can_go() -> None:
    """One of three came back; the others were not looked at."""
    held = waiting(MANY, item(1), item(2), item(3))
    guarded = guard([], [held], scope=["h2"])
    assert guarded.held == (replace(held, items=(item(1), item(3))),)
    assert guard([], [held], scope=["h1", "h2", "h3"]).held == ()


def test_what_is_held_is_not_held_twice() -> None:
    """An item that is spoken of again keeps its place among those that are not."""
    held = waiting(MANY, item(1), item(2), item(3))
    guarded = guard([trash(2)], [held], scope=["h2"])
    assert guarded.held == (held,)
    assert guarded.plan.actions == []


def test_an_item_that_changed_waits_anew() -> None:
    """Its old self is gone from the set; others of the set stay."""
    held = waiting(MANY, item(1), item(2))
    other = TrashFile(file("2.jpg", "edited"), (link("h2", "2.jpg", "edited"),))
    guarded = guard([other], [held], scope=["h2"], links=20, recent=20)
    old, new = guarded.held
    assert old == replace(held, items=(item(1),))
    assert (new.id, [(one.handle, one.checksum) for one in new.items]) == (0, [("h2", md5("edited"))])


def test_an_approved_set_is_released_as_far_as_it_is_spoken_of() -> None:
    """Whoever is not looked at waits for the next look; the approval is not lost."""
    held = waiting(REFERENCED, item(1, "delete"), item(2, "delete"), approved=True)
    guarded = guard([delete(2)], [held], scope=["h2"], people=["h2"])
    assert guarded.plan.actions == [delete(2)]
    assert guarded.released == (7,)
    assert guarded.approved_deletions == guarded.may_strip == {"h2"}
    [kept] = guarded.held
    assert (kept.id, kept.approved, {one.handle for one in kept.items}) == (7, True, {"h1", "h2"})


@pytest.mark.parametrize(
    ("waiting_ones", "links", "goes"),
    [
        (9, 100, True),
        (10, 100, False),
        (10, 220, True),
        (10, 219, False),
        (199, 100_000, True),
        (200, 100_000, False),
    ],
)
def test_what_waits_elsewhere_counts_for_the_limit(waiting_ones: int, links: int, *, goes: bool) -> None:
    """While a mass deletion waits for a person, one more must not slip through because it was looked at alone."""
    held = waiting(MANY, *(item(number) for number in range(waiting_ones)))
    guarded = guard([trash(300)], [held], scope=["h300"], links=links)
    assert (guarded.plan.actions == [trash(300)]) is goes
    assert guarded.held[0].items == tuple(sorted(held.items, key=lambda one: one.path))
    assert [[one.handle for one in new.items] for new in guarded.held[1:]] == ([] if goes else [["h300"]])


def test_what_is_spoken_of_is_counted_once() -> None:
    """Held and planned, it is still one deletion."""
    held = waiting(MANY, *(item(number) for number in range(9)))
    guarded = guard([trash(0), trash(300)], [held], scope=["h0", "h300"], links=100)
    assert guarded.plan.actions == [trash(300)]


@pytest.mark.parametrize(("kind", "approved"), [(MANY, True), (REFERENCED, False), (REFERENCED, True)])
def test_what_waits_for_other_reasons_does_not_count(kind: HoldKind, *, approved: bool) -> None:
    """An approved deletion is no longer one of many; one of somebody's portrait waits for itself."""
    held = waiting(kind, *(item(number, "delete") for number in range(50)), approved=approved)
    assert guard([trash(300)], [held], scope=["h300"], links=100).plan.actions == [trash(300)]


def test_conflicts_of_items_that_wait_elsewhere_are_not_told_as_settled() -> None:
    """Nothing was done about them."""
    held = waiting(MANY, item(1))
    conflicts = (Conflict(file("1.jpg", "x").path, "h1", None), Conflict(file("2.jpg", "x").path, "h2", None))
    now = Circumstances(100, 0, {}, [held], first_contact=False, sizes={}, scope=frozenset({"h2"}))
    guarded = hold(Plan(conflicts=conflicts), POLICY, now)
    assert [one.handle for one in guarded.plan.conflicts] == ["h2"]


def test_several_sets_keep_their_order_and_numbers() -> None:
    """A person has the numbers in mind."""
    standing = [
        waiting(MANY, item(1), number=3),
        waiting(REFERENCED, item(2, "delete"), number=5),
        waiting(MANY, item(3), item(4), number=8),
    ]
    guarded = guard([trash(4)], standing, scope=["h4", "h2"])
    assert [(held.id, [one.handle for one in held.items]) for held in guarded.held] == [
        (3, ["h1"]),
        (8, ["h3", "h4"]),
    ]


def test_an_empty_scope_changes_nothing() -> None:
    """A look at nothing says nothing of anything."""
    standing = [waiting(MANY, item(1)), waiting(REFERENCED, item(2, "delete"), number=8, approved=True)]
    guarded = guard([], standing, scope=[])
    assert list(guarded.held) == standing


NUMBERS = range(24)


@given(
    st.sets(st.sampled_from(NUMBERS)),
    st.dictionaries(st.sampled_from(NUMBERS), st.tuples(st.booleans(), st.sampled_from([1, 2, 3]))),
    st.sets(st.sampled_from(NUMBERS)),
    st.sets(st.sampled_from(NUMBERS)),
    st.integers(0, 12),
)
def test_a_part_is_guarded_as_the_whole(
    scope: set[int], held: dict[int, tuple[bool, int]], planned: set[int], people: set[int], recent: int
) -> None:
    """Of what it speaks of, the same is let through and held; of the rest, what was held is held in the same sets.

    All that the whole plan would do beside is what waits already: the rest of the tree was in step.
    """
    actions: dict[int, Action] = {
        number: delete(number) if number % 3 else trash(number) for number in planned & scope | held.keys()
    }
    kinds = {
        number: REFERENCED if is_referenced and number % 3 else MANY
        for number, (is_referenced, _) in held.items()
    }
    standing = []
    for kind, base in ((MANY, 0), (REFERENCED, 10)):
        for number in (1, 2, 3):
            members = [one for one, (_, of) in held.items() if of == number and kinds[one] is kind]
            items = tuple(
                item(one, "delete" if one % 3 else "trash")
                for one in sorted(members, key=lambda one: f"{one}.jpg")
            )
            if items:
                standing.append(HeldSet(kind, "why", items, base + number))
    referred = [f"h{number}" for number in people if kinds.get(number) is not MANY or number in scope]
    whole = guard(list(actions.values()), standing, None, links=60, recent=recent, people=referred)
    part = guard(
        [action for number, action in actions.items() if number in scope],
        standing,
        [f"h{number}" for number in scope],
        links=60,
        recent=recent,
        people=referred,
    )
    assert list(part.plan.actions) == list(whole.plan.actions)
    assert [named(one) for one in part.held] == [named(one) for one in whole.held]


def named(held: HeldSet) -> tuple[int, HoldKind, list[str]]:
    """A set without what is told of its items."""
    return held.id, held.kind, [one.handle for one in held.items]


def test_records_pass() -> None:
    """Only what can be held is compared with what is."""
    action = Record(link("h1", "1.jpg", "x"), new=False)
    guarded = guard([action], [waiting(MANY, item(1), item(2))], scope=["h1"])
    assert guarded.plan.actions == [action]
    assert [one.handle for one in guarded.held[0].items] == ["h2"]


def test_the_limits_are_those_of_the_configuration() -> None:
    """Also for what waits elsewhere."""
    policy = replace(POLICY, hold_above=HoldAbove(count=2, percent=50, always_allow=1))
    held = waiting(MANY, item(1), item(2))
    now = Circumstances(1000, 0, {}, [held], first_contact=False, sizes={}, scope=frozenset({"h9"}))
    assert hold(Plan(actions=(trash(9),)), policy, now).plan.actions == []
    now = replace(now, standing=[waiting(MANY, item(1))])
    assert hold(Plan(actions=(trash(9),)), policy, now).plan.actions == [trash(9)]
