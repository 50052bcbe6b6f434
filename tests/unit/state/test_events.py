"""A file's life, as the state remembers it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from syncd.model import Checksum
from syncd.model.plan import Before, Done
from syncd.state import Deed, State
from syncd.state.migrations import known_migrations, migrate

ONE, TWO = Checksum("1" * 32), Checksum("2" * 32)
COMPOSED, DECOMPOSED = "M\u00fcller.jpg", "Mu\u0308ller.jpg"


def lived(state: State, *deeds: Deed) -> None:
    """Things that were done one after the other."""
    for at, deed in enumerate(deeds):
        state.record([deed], cycle="c", at=float(at))


def test_a_life_goes_back_over_all_names(state: State) -> None:
    """From any name to the object, from there to its other names, and to what was done under these without an object."""
    lived(
        state,
        Deed(Done("uploaded", "a", None, ONE)),
        Deed(Done("added", "a", "h", ONE)),
        Deed(Done("moved", "b", "h", ONE), Before(path="a")),
        Deed(Done("moved", "c", "h", ONE), Before(path="b")),
        Deed(Done("added", "x", "other", TWO)),
        Deed(Done("updated", "c", "h", TWO), Before(checksum=ONE)),
    )
    for found in (
        state.life_of({"a"}),
        state.life_of({"c"}),
        state.life_of((), {"h"}),
        state.life_of((), (), {ONE}),
    ):
        assert [event.id for event in found] == [1, 2, 3, 4, 6]
    assert [event.id for event in state.life_of({"x"})] == [5]
    assert state.life_of({"nobody"}, {"nobody"}) == []


def test_a_name_counts_in_whatever_form_it_was_spelt(state: State) -> None:
    """A name typed on another system finds what was written down in the disk's own form."""
    lived(state, Deed(Done("added", DECOMPOSED, "h", ONE)))
    assert [event.id for event in state.life_of({COMPOSED})] == [1]
    assert [event.id for event in state.life_of({DECOMPOSED})] == [1]


def test_what_undo_needs(state: State) -> None:
    """Contents that something took the place of, since a moment, and that were not put back."""
    lived(
        state,
        Deed(Done("updated", "a", "h", TWO), Before(checksum=ONE)),
        Deed(Done("updated", "b", "i", ONE), Before(checksum=TWO)),
        Deed(Done("updated", "c", "j", ONE), Before(checksum="no checksum")),
    )
    assert state.needed_to_undo(0.0) == {ONE, TWO}
    assert state.needed_to_undo(0.5) == {TWO}
    state.mark_undone(2, 9.0)
    found = state.event(2)
    assert found is not None
    assert found.undone == 9.0
    assert state.needed_to_undo(0.5) == frozenset()
    assert state.event(4) is None


def test_a_number_is_never_given_twice(state: State) -> None:
    """Also when all was forgotten: a person may still have the number in mind."""
    lived(state, Deed(Done("added", "a", "h", ONE)))
    state.forget_events(99.0)
    assert state.recent(9) == []
    lived(state, Deed(Done("added", "b", "i", ONE)))
    assert [event.id for event in state.recent(9)] == [2]


def test_what_an_older_syncd_wrote_down_is_kept() -> None:
    """Numbers, times and reasons stay; the daily limit goes on counting."""
    *older, events = known_migrations()[:10]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, older)
        connection.execute(
            "INSERT INTO activity VALUES (7, 'c', 1.5, 'deleted', 'a', 'h', NULL, NULL, 'why', 0)"
        )
        migrate(connection, [*older, events])
        row = connection.execute(
            "SELECT id, cycle, at, kind, path, handle, why, was_path FROM events"
        ).fetchone()
        assert row == (7, "c", 1.5, "deleted", "a", "h", "why", None)


def test_deletions_of_an_older_syncd_keep_their_numbers() -> None:
    """They were all of files that were deleted in the folder."""
    *older, undos = known_migrations()[:12]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, older)
        for number, handle in enumerate("hijk"):
            row = ("tree", handle, "a", None, "[]", number, "a")
            connection.execute("INSERT INTO undos VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("DELETE FROM undos WHERE handle = 'h'")
        migrate(connection, [*older, undos])
        rows = connection.execute("SELECT id, handle, at, why FROM undos").fetchall()
        assert rows == [
            (number, "-hijk"[number], number - 1.0, "deleted in the folder") for number in (2, 3, 4)
        ]
        connection.execute("DELETE FROM undos")
        connection.execute("INSERT INTO undos VALUES (NULL, 'tree', 'h', 'a', NULL, '[]', 1, 'a', 'why')")
        assert connection.execute("SELECT id FROM undos").fetchone() == (5,)
