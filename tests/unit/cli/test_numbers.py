"""Numbers that people type: each kind has a letter, and one of another kind does nothing but say what it is."""

from __future__ import annotations

import pytest

from syncd.model import Checksum, Link, MediaPath
from syncd.model.numbers import NumberKind, TypedNumber, parse_number
from syncd.model.plan import Done, HeldItem, HeldSet, HoldKind
from syncd.state import Deed, TrashEntry
from tests.unit.cli.desk import Desk

ONE = Checksum("1" * 32)

MEANT = {
    "H1": "number H1 is an event of the history; put it back with: syncd undo H1",
    "T1": "number T1 is a file in the trash; bring it back with: syncd trash restore T1",
    "W1": "number W1 is a media object that was deleted in Gramps Web; bring it back with: syncd trash restore W1",
    "A1": "number A1 is something that waits for you; decide with: syncd approve A1, or: syncd restore A1",
}
TAKEN = {
    ("undo",): "H",
    ("approve",): "A",
    ("restore",): "A",
    ("trash", "restore"): "TW",
}


@pytest.mark.parametrize(
    ("command", "number"),
    [(command, number) for command, letters in TAKEN.items() for number in MEANT if number[0] not in letters],
)
def test_a_number_of_another_kind(desk: Desk, command: tuple[str, ...], number: str) -> None:
    """Although there is one of each kind: it says what the number is and what takes it, in either case."""
    held = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "a.jpg", "h", ONE),))
    with desk.state() as state:
        state.put_links([Link("h", "a.jpg", MediaPath.of("a.jpg"), ONE)])
        state.hold([held])
        state.record([Deed(Done("added", "a.jpg", "h", ONE))], cycle="c", at=0)
        state.add_trash(TrashEntry(MediaPath.of("b.jpg"), ".syncd/trash/b", ONE, 1, 1.0, "deleted"))
        state.add_undo("i", "c.jpg", ONE, "[]", 1.0)
    for typed in (number, number.lower()):
        answer = desk.syncd(*command, typed, "--json")
        assert answer.code == 2
        assert answer.document["error"]["reason"].endswith(MEANT[number])
    with desk.state() as state:
        assert not any(one.approved for one in state.held())
        assert (len(state.held()), len(state.trash()), len(state.undos())) == (1, 1, 1)


@pytest.mark.parametrize("command", ["approve", "restore", "undo"])
@pytest.mark.parametrize("typed", ["album/a.jpg", "X1", "H", "1.0", "²", "1" * 5000])
def test_what_is_no_number(desk: Desk, command: str, typed: str) -> None:
    """It is said where to find one."""
    answer = desk.syncd(command, typed, "--json")
    assert answer.code == 2
    where = "syncd history FILE" if command == "undo" else "syncd approve"
    assert f"'{typed}' is no number; {where} shows what there is" in answer.document["error"]["reason"]


@pytest.mark.parametrize("typed", ["1", "A1", "a1"])
def test_with_the_letter_or_without(desk: Desk, typed: str) -> None:
    """Each form that a script or a person may have used goes on meaning the same."""
    held = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "a.jpg", "h", ONE),))
    with desk.state() as state:
        state.hold([held])
    assert desk.syncd("approve", typed, "--json").document["approved"] == [1]


def test_no_letter_is_used_twice() -> None:
    """Else a number would be one of two things."""
    assert len({kind.letter for kind in NumberKind}) == len(NumberKind)
    for kind in NumberKind:
        assert parse_number(kind.written(7)) == TypedNumber(kind, 7)
