"""What a deep verification remembers, and how it shares the state with whoever works on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.model import Checksum, FileStamp
from syncd.model.rot import Rot
from syncd.state import Binding, Hashing, State

READ: Sequence[Hashing] = (
    Hashing("folder", "\udcff.jpg", "5 1 2 3", Checksum("1" * 32), 7.5),
    Hashing("bucket", "2" * 32, "5 etag 1.0", Checksum("2" * 32), 8.5),
)


def test_a_round_goes_on_until_it_is_ended(state: State) -> None:
    """What was read stays while the round lasts, and after it until the next one begins anew."""
    assert state.begin_hashing(1.0) == 1.0
    state.put_hashed(READ)
    assert state.begin_hashing(2.0) == 1.0
    assert sorted(state.hashed(), key=lambda one: one.at) == list(READ)
    assert state.last_hashing() is None
    state.end_hashing(3.0)
    assert (state.last_hashing(), len(state.hashed())) == (3.0, 2)
    assert state.begin_hashing(4.0) == 4.0
    assert (state.last_hashing(), state.hashed()) == (3.0, [])


def test_another_folder_or_tree_was_not_read(state: State, binding: Binding) -> None:
    """Binding anew forgets what was read, and when."""
    state.bind(binding)
    state.begin_hashing(1.0)
    state.put_hashed(READ)
    state.end_hashing(2.0)
    state.unbind()
    assert (state.hashed(), state.last_hashing(), state.begin_hashing(3.0)) == ([], None, 3.0)


def test_two_write_side_by_side(path: Path) -> None:
    """Who joins writes beside the holder of the lock, and both see what the other wrote."""
    with State.open(path) as holder, State.join(path) as guest:
        guest.put_hashed(READ)
        holder.set_last_full(5.0)
        assert len(holder.hashed()) == 2
        assert guest.last_full() == 5.0


@pytest.mark.parametrize("kind", ["missing", "damaged", "older", "foreign"])
def test_joining_makes_and_mends_nothing(path: Path, kind: str) -> None:
    """A state that is missing, damaged, of an older schema or another program's is refused and left as it is."""
    if kind == "damaged":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    elif kind != "missing":
        State.open(path).close()
        pragma = "user_version = 3" if kind == "older" else "application_id = 5"
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"PRAGMA {pragma}")
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StateError):
        State.join(path)
    assert (path.read_bytes() if path.exists() else None) == before


def test_rot_is_remembered_until_it_is_healed(state: State, binding: Binding) -> None:
    """It belongs to the folder, whatever that is synced with; numbers of inodes may be as large as they get."""
    state.bind(binding)
    one = Rot("a/ä.jpg", 2**64 - 1, 5, Checksum("1" * 32), Checksum("2" * 32))
    other = Rot("b.jpg", 7, 6, Checksum("1" * 32), Checksum("3" * 32))
    state.change_rot(gone=[], found=[other])
    state.change_rot(gone=[], found=[one])
    state.unbind()
    assert sorted(state.rot(), key=lambda rot: rot.key) == [one, other]
    state.drop_rot("moved.jpg", FileStamp(4, 5, 9, 2**64 - 1, 1), one.found)
    assert state.rot() == [other]
    state.drop_rot("on another disk.jpg", FileStamp(4, 8, 9, 7, 1), other.found)
    state.change_rot(gone=[one], found=[])
    assert state.rot() == [other]
    state.drop_rot("b.jpg", FileStamp(4, 6, 9, 0, 1), other.found)
    assert state.rot() == []
