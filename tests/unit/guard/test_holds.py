"""Holds: the few items that wait for a person, while the rest is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.guard import Circumstances, describe_references, hold
from syncd.model import BucketSnapshot, FileStamp, FolderFile
from syncd.model.plan import (
    Action,
    AddObject,
    Conflict,
    DeleteObject,
    Fetch,
    Guarded,
    HeldSet,
    HoldKind,
    KeepLoser,
    MoveFile,
    Plan,
    Record,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)
from syncd.model.policy import FirstSync, HoldAbove, OnWeb, Policy
from tests.core import POLICY, file, link, md5, obj


def delete(number: int) -> DeleteObject:
    """The deletion of an object."""
    return DeleteObject(obj(f"h{number}", f"{number}.jpg", "x"), link(f"h{number}", f"{number}.jpg", "x"))


def trash(number: int) -> TrashFile:
    """The deletion of a file."""
    return TrashFile(file(f"{number}.jpg", "x"), (link(f"h{number}", f"{number}.jpg", "x"),))


def add(number: int) -> AddObject:
    """The addition of an object."""
    return AddObject(file(f"{number}.jpg", "x"), link(f"h{number}", f"{number}.jpg", "x"))


def guard(actions: Sequence[Action], *, policy: Policy = POLICY, conflicts: int = 0, **now: Any) -> Guarded:
    """Guard a plan; nothing refers to anything unless said otherwise."""
    standing: dict[str, Any] = {
        "links": 1000,
        "recent_deletions": 0,
        "references": {action.expected.handle: {} for action in actions if isinstance(action, DeleteObject)},
        "standing": (),
        "first_contact": False,
        "sizes": {},
    }
    found = [Conflict(file(f"c{number}", "x").path, f"c{number}", None) for number in range(conflicts)]
    return hold(
        Plan(actions=tuple(actions), conflicts=tuple(found)), policy, Circumstances(**{**standing, **now})
    )


def approved(held: HeldSet, number: int = 7) -> HeldSet:
    """The set as the state gives it back after `syncd approve`."""
    return replace(held, id=number, approved=True)


def counts(guarded: Guarded) -> tuple[int, int]:
    """How many actions are done, how many items wait."""
    return len(guarded.plan.actions), sum(len(held.items) for held in guarded.held if not held.approved)


# --- referenced objects -----------------------------------------------------------------------------------------


def test_a_referenced_object_is_held_and_the_rest_is_done() -> None:
    """The portrait of a person waits, an unreferenced deletion does not."""
    guarded = guard([delete(1), delete(2)], references={"h1": {"person": 2, "event": 1}, "h2": {"person": 0}})
    assert list(guarded.plan.actions) == [delete(2)]
    [held] = guarded.held
    assert held.kind is HoldKind.REFERENCED
    assert [(item.action, item.handle, item.detail) for item in held.items] == [
        ("delete", "h1", "1 event, 2 people")
    ]


def test_an_object_of_which_nothing_is_known_is_held() -> None:
    """Nobody looked who refers to it: it may be anyone."""
    assert counts(guard([delete(1)], references={})) == (0, 1)


@pytest.mark.parametrize("on_web", [OnWeb.ALWAYS, OnWeb.NEVER])
def test_references_matter_only_to_the_policy_that_asks(on_web: OnWeb) -> None:
    """`on_web = "always"` deletes referenced objects, too."""
    guarded = guard([delete(1)], policy=replace(POLICY, on_web=on_web), references={"h1": {"person": 1}})
    assert counts(guarded) == (1, 0)


def test_a_held_deletion_stays_held_when_its_references_go() -> None:
    """Until a person approves it."""
    [held] = guard([delete(1)], references={"h1": {"person": 1}}).held
    standing = (replace(held, id=7),)
    guarded = guard([delete(1)], references={"h1": {}}, standing=standing)
    assert counts(guarded) == (0, 1)
    assert [held.id for held in guarded.held] == [7]


def test_what_is_no_longer_planned_is_no_longer_held() -> None:
    """The file came back: there is nothing to hold."""
    [held] = guard([delete(1)], references={"h1": {"person": 1}}).held
    assert guard([], standing=(replace(held, id=7),)).held == ()


def test_approval_releases_a_referenced_deletion() -> None:
    """And says which set is done."""
    [held] = guard([delete(1)], references={"h1": {"person": 1}}).held
    guarded = guard([delete(1)], references={"h1": {"person": 5}}, standing=(approved(held),))
    assert counts(guarded) == (1, 0)
    assert guarded.released == (7,)
    assert guarded.approved_deletions == {"h1"}


def test_approval_does_not_release_what_changed() -> None:
    """Another content, path or action is another item: it waits anew."""
    [held] = guard([delete(1)], references={"h1": {"person": 1}}).held
    changed = replace(delete(1), link=link("h1", "1.jpg", "other"))
    guarded = guard([changed], references={"h1": {"person": 1}}, standing=(approved(held),))
    assert counts(guarded) == (0, 1)
    assert [held.id for held in guarded.held] == [0]


def test_newcomers_wait_for_their_own_approval() -> None:
    """An approved set releases its members only."""
    [held] = guard([delete(1)], references={"h1": {"person": 1}}).held
    both = {"h1": {"person": 1}, "h2": {"person": 1}}
    guarded = guard([delete(1), delete(2)], references=both, standing=(approved(held),))
    assert [
        action.expected.handle for action in guarded.plan.actions if isinstance(action, DeleteObject)
    ] == ["h1"]
    assert [(held.id, len(held.items)) for held in guarded.held] == [(7, 1), (0, 1)]


# --- many deletions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [delete, trash])
@pytest.mark.parametrize(
    ("planned", "recent", "links", "held"),
    [
        (10, 0, 20, False),  # ten are always allowed
        (11, 0, 20, True),
        (11, 0, 220, False),  # exactly 5 %
        (11, 0, 219, True),
        (6, 5, 20, True),  # over the last 24 hours
        (5, 5, 20, False),
        (200, 0, 100_000, False),
        (201, 0, 100_000, True),
        (1, 200, 100_000, True),
        (11, 0, 0, True),
        (10, 0, 0, False),
    ],
)
def test_limits_of_deletions(make: Any, planned: int, recent: int, links: int, held: bool) -> None:
    """More than 10 that are also more than 5 % of the links, or more than 200, both directions alike."""
    guarded = guard([make(number) for number in range(planned)], links=links, recent_deletions=recent)
    assert counts(guarded) == ((0, planned) if held else (planned, 0))


def test_a_mass_deletion_is_told_with_its_limit_and_sorted() -> None:
    """The reason names the limit that was passed and its key; a person finds a file by its path."""
    [held] = guard([delete(number) for number in range(30, 9, -1)], links=300).held
    assert held.reason == (
        "21 deletions within a day, of 300 files: "
        "more than the 10 (and 5 %) that are done without asking (deletions.hold_above)"
    )
    assert [item.path for item in held.items] == [f"{number}.jpg" for number in range(10, 31)]
    [held] = guard([delete(number) for number in range(8)], links=41, recent_deletions=4).held
    assert held.reason.startswith("12 deletions within a day (4 of them done before), of 41 files: ")
    [held] = guard([delete(number) for number in range(201)], links=9000).held
    assert "more than the 200 that are done" in held.reason


def test_limits_are_configured() -> None:
    """`hold_above`."""
    policy = replace(POLICY, hold_above=HoldAbove(count=3, percent=50, always_allow=1))
    assert counts(guard([delete(1), delete(2)], policy=policy, links=4)) == (2, 0)
    assert counts(guard([delete(1), delete(2)], policy=policy, links=3)) == (0, 2)
    assert counts(guard([delete(number) for number in range(4)], policy=policy, links=1000)) == (0, 4)


def test_both_directions_count_together() -> None:
    """And other actions do not count, and are not held."""
    actions: list[Action] = [
        *(delete(number) for number in range(6)),
        *(trash(number + 50) for number in range(5)),
        add(99),
    ]
    guarded = guard(actions, links=20)
    assert list(guarded.plan.actions) == [add(99)]
    assert guarded.held[0].kind is HoldKind.MANY_DELETIONS


def test_what_is_held_stays_held_below_the_limit() -> None:
    """Part of the files came back, or there are more links now: the rest of the set still waits."""
    [held] = guard([delete(number) for number in range(11)], links=20).held
    guarded = guard([delete(1), delete(2)], standing=(replace(held, id=7),), links=100_000)
    assert counts(guarded) == (0, 2)
    assert [(held.id, len(held.items)) for held in guarded.held] == [(7, 2)]


def test_the_rest_of_a_mass_deletion_does_not_slip_through() -> None:
    """`rm -rf` was still at work in the first cycle: what it deleted since waits, too, in a set of its own."""
    [held] = guard([delete(number) for number in range(11)], links=20).held
    guarded = guard([delete(number) for number in range(16)], standing=(replace(held, id=7),), links=20)
    assert [(held.id, len(held.items)) for held in guarded.held] == [(7, 11), (0, 5)]
    assert counts(guarded) == (0, 16)


def test_approved_deletions_do_not_count() -> None:
    """Ten more are allowed beside an approved set, and they need no approval."""
    [held] = guard([delete(number) for number in range(11)], links=20).held
    guarded = guard([delete(number) for number in range(21)], standing=(approved(held),), links=20)
    assert counts(guarded) == (21, 0)
    assert guarded.released == (7,)
    assert guarded.approved_deletions == {f"h{number}" for number in range(11)}


def test_a_deletion_approved_as_referenced_is_not_held_as_one_of_many() -> None:
    """A person has looked at it."""
    actions = [delete(number) for number in range(11)]
    people = {f"h{number}": {"person": 1} for number in range(11)}
    [held] = guard(actions, references=people).held
    assert counts(guard(actions, references=people, standing=(approved(held),), links=20)) == (11, 0)


def test_a_deletion_approved_as_one_of_many_is_still_held_when_somebody_refers_to_it() -> None:
    """The person did not know of that."""
    actions = [delete(number) for number in range(11)]
    [held] = guard(actions, links=20).held
    people: dict[str, dict[str, int]] = {f"h{number}": {} for number in range(11)} | {"h3": {"person": 1}}
    guarded = guard(actions, references=people, standing=(approved(held),), links=20)
    assert counts(guarded) == (10, 1)


def test_a_trashed_file_is_the_same_whatever_the_order_of_its_links() -> None:
    """A held item is found again."""
    links = (link("h1", "a", "x"), link("h2", "a", "x"))
    one, other = TrashFile(file("a", "x"), links), TrashFile(file("a", "x"), links[::-1])
    policy = replace(POLICY, hold_above=HoldAbove(count=0))
    [held] = guard([one], policy=policy).held
    assert counts(guard([other], policy=policy, standing=(approved(held),))) == (1, 0)


# --- first contact ----------------------------------------------------------------------------------------------

GB = 1000**3


def sized(size: int) -> FolderFile:
    """A file of so many bytes."""
    return replace(file("big", "big"), stamp=FileStamp(size, 1, 1, 0, 1))


def fetch(why: Why = Why.NEW_OBJECT, source: FolderFile | None = None) -> Fetch:
    """A file that comes from Gramps Web."""
    return Fetch(
        obj("f", "f", "big"), md5("big"), file("f", "big").path, link("f", "f", "big"), why, source=source
    )


@pytest.mark.parametrize(("number", "held"), [(100, False), (101, True)])
def test_first_contact_adds(number: int, held: bool) -> None:
    """A hundred new objects may come, a home folder waits."""
    guarded = guard([add(each) for each in range(number)], first_contact=True)
    assert counts(guarded) == ((0, number) if held else (number, 0))


@pytest.mark.parametrize(("size", "held"), [(5 * GB, False), (5 * GB + 1, True)])
def test_first_contact_bytes(size: int, held: bool) -> None:
    """Five gigabytes, either way; a copy within the folder is no transfer, Gramps Web's losers are."""
    uploads: list[Action] = [Upload(sized(size), Why.NEW_FILE)]
    assert bool(guard(uploads, first_contact=True).held) is held
    sizes = BucketSnapshot({md5("big"): size}).sizes
    assert bool(guard([fetch()], first_contact=True, sizes=sizes).held) is held
    assert not guard([fetch(source=sized(size))], first_contact=True, sizes=sizes).held
    loser = KeepLoser(obj("f", "f", "big"), md5("big"), file("f", "big").path)
    assert bool(guard([loser], first_contact=True, sizes=sizes).held) is held


def test_first_contact_with_a_servers_own_disk() -> None:
    """Bytes count where they are named; what follows an object that was let through is sent, also while others wait."""
    disk = replace(POLICY, found_by_path=True)
    big = sized(5 * 1000**3 + 1)
    named = AddObject(big, link("big", "big", "big"))
    assert guard([named], policy=disk, first_contact=True).held
    follows = Upload(big, Why.MISSING_BYTES, "big")
    assert guard([follows], policy=disk, first_contact=True).plan.actions == [follows]
    met = Record(link("big", "big", "big"), new=True)
    assert guard([met, follows], policy=disk, first_contact=True).plan.actions == [met]


@pytest.mark.parametrize(("number", "held"), [(10, False), (11, True)])
def test_first_contact_conflicts(number: int, held: bool) -> None:
    """Ten conflicts."""
    guarded = guard([fetch(Why.CONFLICT)], conflicts=number, first_contact=True)
    assert bool(guarded.held) is held


def test_a_large_first_contact_holds_all_changes_but_no_links() -> None:
    """What agrees is linked; conflicts of held items are not told as settled."""
    update = UpdateObject(
        obj("u", "u", "x"), "v", md5("x"), file("u", "x"), link("u", "u", "x"), Why.SERVER_NAME
    )
    record = Record(link("r", "r", "x"), new=True)
    many: list[Action] = [add(number) for number in range(101)]
    conflict = Conflict(file("f", "x").path, "f", None)
    plan = Plan(actions=(*many, update, record, fetch(Why.CONFLICT)), conflicts=(conflict,))
    guarded = hold(plan, POLICY, Circumstances(0, 0, {}, (), first_contact=True, sizes={}))
    assert list(guarded.plan.actions) == [record]
    assert guarded.plan.conflicts == ()
    [held] = guarded.held
    assert held.kind is HoldKind.FIRST_SYNC
    assert {item.action for item in held.items} == {"add", "update", "conflict"}


def test_a_large_first_contact_is_told_in_files() -> None:
    """How many files go each way and how large they are, not how many steps that takes."""
    sends = [
        Upload(replace(sized(1_500_000), path=file(f"{n}.jpg", "x").path), Why.NEW_FILE) for n in range(130)
    ]
    adds = [add(number) for number in range(130)]
    [held] = guard([*sends, *adds, fetch()], first_contact=True, sizes={md5("x"): 2_000_000}).held
    assert held.reason.startswith(
        "this first sync is a large one; files: 130 to send (195.0 MB), 1 to fetch ("
    )


def test_what_is_released_takes_its_bytes_along() -> None:
    """An approved object may get its bytes from another file by now, which nobody saw: never an object without bytes."""
    before: list[Action] = [Upload(file("1.jpg", "x"), Why.NEW_FILE), *(add(number) for number in range(101))]
    [held] = guard(before, first_contact=True).held
    moved = Upload(file("0 new.jpg", "x"), Why.NEW_FILE)
    other = Upload(file("other.jpg", "y"), Why.NEW_FILE)
    now: list[Action] = [moved, other, *(add(number) for number in range(101))]
    guarded = guard(now, first_contact=True, standing=(approved(held),))
    assert moved in guarded.plan.actions
    assert other not in guarded.plan.actions


def test_the_loser_of_a_conflict_waits_with_its_winner() -> None:
    """The winner changed after the approval: it waits anew, and so does the copy, or each run would keep another."""
    item = obj("h", "a", "theirs")
    loser = KeepLoser(item, md5("theirs"), file("a", "x").path)

    def change(content: str) -> UpdateObject:
        now = file("a", content)
        return UpdateObject(item, "a", now.checksum, now, link("h", "a", content), Why.CONFLICT)

    [held] = guard([loser, change("one")], first_contact=True, conflicts=11).held
    again = guard([loser, change("one")], first_contact=True, conflicts=11, standing=(approved(held),))
    assert set(again.plan.actions) == {loser, change("one")}
    later = guard([loser, change("two")], first_contact=True, conflicts=11, standing=(approved(held),))
    assert list(later.plan.actions) == []


def test_later_a_thousand_photos_are_ordinary_use() -> None:
    """Only first contact is measured."""
    assert counts(guard([add(number) for number in range(1000)])) == (1000, 0)


def test_first_sync_go_says_yes_beforehand() -> None:
    """Also to what was held before it was configured."""
    actions = [add(number) for number in range(101)]
    go = replace(POLICY, first_sync=FirstSync.GO)
    assert counts(guard(actions, policy=go, first_contact=True)) == (101, 0)
    [held] = guard(actions, first_contact=True).held
    assert counts(guard(actions, policy=go, first_contact=True, standing=(replace(held, id=7),))) == (101, 0)


def test_an_approved_first_contact_goes_newcomers_wait() -> None:
    """What a person has seen is done; a file that came since is not."""
    actions = [add(number) for number in range(101)]
    [held] = guard(actions, first_contact=True).held
    guarded = guard([*actions, add(500)], first_contact=True, standing=(approved(held),))
    assert counts(guarded) == (101, 1)


def test_a_held_first_contact_stays_held_when_it_shrinks() -> None:
    """Until it is approved."""
    [held] = guard([add(number) for number in range(101)], first_contact=True).held
    assert counts(guard([add(1)], first_contact=True, standing=(replace(held, id=7),))) == (0, 1)


def test_moves_of_files_are_not_held() -> None:
    """They transfer and delete nothing."""
    move = MoveFile(file("a", "x"), file("b", "x").path, link("h", "b", "x"))
    assert counts(guard([move])) == (1, 0)


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("references", "words"),
    [
        ({"person": 1}, "1 person"),
        ({"person": 2, "family": 3, "event": 0}, "3 families, 2 people"),
        ({"repository": 2, "source": 2}, "2 repositories, 2 sources"),
        ({}, ""),
    ],
)
def test_references_in_words(references: dict[str, int], words: str) -> None:
    """As a genealogist would say it."""
    assert describe_references(references) == words
