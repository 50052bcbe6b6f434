"""No raw error of SQLite or the system ever leaves: each is a `StateError` with a remedy."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.state import State
from syncd.state.failures import translated_os

NOBODY = 65534


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A state that any user can reach, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "state" / "state.sqlite"
        with State.open(path) as state:
            state.set_meta("a", "b")
        yield path
        path.parent.chmod(0o700)


def _open_as_nobody(path: Path, answer: Connection) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        State.open(path).close()
        answer.send(("opened", ""))
    except StateError as error:
        answer.send((error.reason, error.remedy))
    except BaseException as error:
        answer.send((repr(error), "none: a raw error"))


def open_as_nobody(path: Path) -> tuple[str, str]:
    """Reason and remedy when an ordinary user opens the state: root may write everywhere."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_open_as_nobody, args=(path, theirs))
    child.start()
    theirs.close()
    reason, remedy = ours.recv()
    child.join()
    return reason, remedy


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o644), (0o777, 0o444), (0o777, 0o000)])
def test_a_state_that_may_not_be_written(reachable: Path, folder_mode: int, file_mode: int) -> None:
    """A file or folder without the right to write is refused, with what to do, and stays as it is."""
    before = reachable.read_bytes()
    reachable.chmod(file_mode)
    reachable.parent.chmod(folder_mode)
    reason, remedy = open_as_nobody(reachable)
    assert "cannot be opened for reading and writing" in reason
    assert "state_dir" in remedy
    reachable.chmod(0o600)
    assert reachable.read_bytes() == before
    assert [item.name for item in reachable.parent.iterdir()] == ["state.sqlite"]


def test_a_state_folder_that_may_not_be_made(reachable: Path) -> None:
    """Where the folder cannot be made, the remedy names the setting."""
    reachable.parent.chmod(0o555)
    reason, remedy = open_as_nobody(reachable.parent / "new" / "state.sqlite")
    assert "cannot be opened" in reason
    assert "state_dir" in remedy


def test_a_full_disk_is_named(state: State) -> None:
    """A full disk names the file system; the transaction is gone as a whole and the state goes on."""
    state.set_meta("before", "x")
    state._execute(f"PRAGMA max_page_count = {state._rows('PRAGMA page_count')[0][0] + 2}")
    with pytest.raises(StateError, match=r"disk is full.*file system /") as caught, state.batch():  # noqa: PT012  a batch
        state.set_meta("half", "x")
        for number in range(1000):
            state.set_meta(f"big {number}", "x" * 4000)
    assert "free some space" in caught.value.remedy
    assert (state.meta("before"), state.meta("half"), state.integrity()) == ("x", None, [])
    state._execute("PRAGMA max_page_count = 1000000")
    state.set_meta("after", "x")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_of_the_system_is_named(path: Path, number: int) -> None:
    """A full disk, or share of it, that the system reports gets the same remedy."""
    with pytest.raises(StateError, match="disk is full"), translated_os(path):
        raise OSError(number, "full")


def test_a_locked_state_says_so(path: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program keeps a transaction open for too long, that is what the error says."""
    state._execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked") as caught:
        state.set_meta("a", "b")
    assert "wait" in caught.value.remedy
    other.close()
    state.set_meta("a", "b")


def test_a_closed_state_says_so(path: Path) -> None:
    """Using a closed state, even for a batch, raises nothing raw; closing it twice is harmless."""
    state = State.open(path)
    state.close()
    state.close()
    for use in (
        lambda: state.meta("a"),
        lambda: state.put_links([]),
        lambda: state.begin("x"),
        state.integrity,
    ):
        with pytest.raises(StateError):
            use()


def test_damage_under_way_says_what_to_do(path: Path) -> None:
    """Damage that shows only while the state is in use is a `StateError` that tells how it is mended."""
    with State.open(path) as state:
        with state.batch():
            for number in range(2000):
                state.set_meta(f"key {number}", "x" * 100)
        state.checkpoint()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        state._execute("PRAGMA shrink_memory")
        with pytest.raises(StateError, match="damaged") as caught:  # noqa: PT012  whichever meets it
            state.set_meta("key 5", None)
            state.meta("key 1500")
    assert "sets a damaged state file aside" in caught.value.remedy
    with State.open(path) as state:
        assert state.set_aside is not None
