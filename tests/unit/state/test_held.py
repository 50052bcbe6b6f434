"""What waits for a person, and what the person was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd.model import Checksum
from syncd.model.plan import HeldItem, HeldSet, HoldKind
from syncd.state import Binding, State


def item(handle: str) -> HeldItem:
    """A deletion that waits."""
    return HeldItem("delete", f"{handle}\udcff.jpg", handle, Checksum("1" * 32), "person: 2")


def held(*handles: str, kind: HoldKind = HoldKind.REFERENCED) -> HeldSet:
    """A new set of such deletions."""
    return HeldSet(kind, "people refer to it", tuple(item(handle) for handle in handles))


def test_new_sets_get_numbers(path: Path) -> None:
    """A set gets a number and comes back with its items in order, also after a restart."""
    with State.open(path) as state:
        kept = state.hold([held("b", "a"), held("c", kind=HoldKind.MANY_DELETIONS)])
        assert [one.id for one in kept] == [1, 2]
    with State.open(path) as state:
        assert tuple(state.held()) == kept


def test_a_set_keeps_its_number_and_gets_new_items(state: State) -> None:
    """Given again with its id, a set is the same set, with the items as given."""
    (first,) = state.hold([held("a", "b")])
    changed = replace(first, items=(item("b"), item("c")), reason="other")
    assert state.hold([changed]) == (changed,)
    assert state.held() == [changed]


def test_numbers_are_never_used_again(state: State, binding: Binding) -> None:
    """A person who types an old number never approves another set."""
    state.hold([held("a"), held("b")])
    assert state.hold([]) == ()
    assert state.held() == []
    state.bind(binding)
    state.unbind()
    assert state.hold([held("c")])[0].id == 3
    assert state.approve(1) is None


def test_approval_stays(state: State) -> None:
    """Approving marks one set and says what it holds; nobody's number is nobody's."""
    first, second = state.hold([held("a"), held("b")])
    assert state.approve(second.id) == replace(second, approved=True)
    assert state.held() == [first, replace(second, approved=True)]
    assert state.approve(99) is None


def test_approval_during_a_cycle_is_not_lost(state: State) -> None:
    """The cycle writes back what it read before the approval: the approval stays."""
    (before,) = state.hold([held("a")])
    state.approve(before.id)
    assert state.hold([before]) == (replace(before, approved=True),)


def test_approval_does_not_spread_to_newcomers(state: State) -> None:
    """What joined the set while a person approved it becomes a set of its own that waits."""
    (before,) = state.hold([held("a", "b")])
    state.approve(before.id)
    grown = replace(before, items=(item("b"), item("c")))
    approved, newcomers = state.hold([grown])
    assert (approved.id, approved.approved, approved.items) == (before.id, True, (item("b"),))
    assert (newcomers.approved, newcomers.items) == (False, (item("c"),))
    assert newcomers.id not in (0, before.id)
    assert state.held() == [approved, newcomers]


def test_a_set_is_told_once(state: State) -> None:
    """A told set is news again only when it gained items; an approved one waits for nobody."""
    first, second = state.hold([held("a", "b"), held("c")])
    assert state.untold() == [first, second]
    state.told([first.id])
    state.approve(second.id)
    assert state.untold() == []
    smaller = replace(first, items=(item("a"),))
    state.hold([smaller, replace(second, approved=True)])
    assert state.untold() == []
    grown = replace(first, items=(item("a"), item("d")))
    state.hold([grown])
    assert state.untold() == [grown]


def test_dropping_a_set_takes_its_items(state: State) -> None:
    """A dropped set is gone with all that it held."""
    first, second = state.hold([held("a"), held("b")])
    state.drop_held(first.id)
    assert state.held() == [second]
    assert state.integrity() == []


def test_an_empty_set_comes_back(state: State) -> None:
    """A set whose items are all gone is still a set, until the guard says otherwise."""
    kept = state.hold([held()])
    assert tuple(state.held()) == kept


def test_news_are_what_was_not_told_the_last_time(path: Path) -> None:
    """Told things are silent while they last; gone and back again they are news."""
    with State.open(path) as state:
        assert state.news(["a", "b\udcff"]) == {"a", "b\udcff"}
    with State.open(path) as state:
        assert state.news(["a", "b\udcff"]) == set()
        assert state.news(["a", "c"]) == {"c"}
        assert state.news(["b\udcff"]) == {"b\udcff"}
        assert state.news([]) == set()
