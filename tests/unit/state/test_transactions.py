"""Transactions: whole or not at all, across failures, threads, processes and crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.state import State


def test_a_batch_is_one_transaction(path: Path, state: State) -> None:
    """Nobody else sees half of a batch; all of it is there when it ends."""
    with state.batch():
        state.set_meta("a", "1")
        state.put_links([])
        with State.open(path, read_only=True) as other:
            assert other.meta("a") is None
    with State.open(path, read_only=True) as other:
        assert other.meta("a") == "1"


def test_a_failed_batch_leaves_nothing(state: State) -> None:
    """An error within the block takes back all that the block did."""
    with pytest.raises(KeyError), state.batch():  # noqa: PT012  a batch
        state.set_meta("a", "1")
        raise KeyError
    assert state.meta("a") is None
    state.set_meta("b", "2")
    assert state.meta("b") == "2"


def test_a_failed_part_leaves_the_rest(state: State) -> None:
    """A method that fails within a batch is taken back by itself, when the block goes on."""
    with state.batch():
        state.set_meta("a", "1")
        with pytest.raises(KeyError), state.batch():  # noqa: PT012  a batch
            state.set_meta("a", "2")
            raise KeyError
        state.set_meta("b", "3")
    assert (state.meta("a"), state.meta("b")) == ("1", "3")


def test_a_lost_transaction_is_not_passed_over(state: State) -> None:
    """When SQLite ended the transaction by itself, what follows fails instead of standing alone."""
    with pytest.raises(StateError), state.batch():  # noqa: PT012  a batch
        state.set_meta("a", "1")
        state._connection.execute("ROLLBACK")
        state.put_links([])
    assert state.meta("a") is None
    with pytest.raises(StateError), state.batch():
        state._connection.execute("ROLLBACK")
    state.set_meta("a", "1")


def test_threads_take_turns(state: State) -> None:
    """Batches of several threads do not mix, and nothing is lost."""
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(20):
                with state.batch():
                    state.set_meta("owner", str(name))
                    state.finish([state.meta("none") is not None])
                    assert state.meta("owner") == str(name)
                state.finish([state.begin("x", handle=f"{name}-{number}")])
                state.begin("y", handle=f"{name}-{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({intent.handle for intent in state.open_intents()}) == 160


CRASH = """
import sys, time
from pathlib import Path
from syncd.state import State
state = State.open(Path(sys.argv[1]))
state.set_meta("committed", "yes")
state.begin("upload", path="a.jpg", detail={"step": "1"})
with state.batch():
    for number in range(5000):
        state.set_meta(f"half {number}", "x" * 1000)
    print("in the middle", flush=True)
    time.sleep(600)
"""


def test_killed_in_the_middle(path: Path) -> None:
    """After `kill -9` in a batch the state holds what was committed, open intents included, and nothing of the batch."""
    with subprocess.Popen(
        [sys.executable, "-c", CRASH, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        os.kill(child.pid, signal.SIGKILL)
    with State.open(path) as state:
        assert state.set_aside is None
        assert (state.meta("committed"), state.meta("half 0")) == ("yes", None)
        (intent,) = state.open_intents()
        assert (intent.kind, intent.path, intent.detail) == ("upload", "a.jpg", {"step": "1"})
        assert state.integrity() == []


WRITE = """
import sys
from pathlib import Path
from syncd.state import State
with State.open(Path(sys.argv[1])) as state:
    print("open", flush=True)
    number = 0
    while True:
        number += 1
        with state.batch():
            state.set_meta("a", str(number))
            state.set_meta(f"pad {number % 50}", "x" * 5000 + str(number))
            state.set_meta("b", str(number))
        if number % 37 == 0:
            state.checkpoint()
"""


def test_a_look_while_another_process_writes(path: Path) -> None:
    """A copy taken while a daemon is at work is of one moment, and the daemon's file is found sound."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "open\n"
            newest, looks = 0, 0
            while newest < 200 or looks < 20:
                with State.open(path, read_only=True) as state:
                    assert state.damage is None
                    assert state.meta("a") == state.meta("b")
                    seen, newest = newest, int(state.meta("a") or 0)
                    assert newest >= seen
                with State.open(path) as state:  # `syncd approve` while the daemon runs
                    assert state.set_aside is None
                    # A copy is read as after a crash: with a commit that is in the log, and published a moment later.
                    assert int(state.meta("a") or 0) >= newest - 1
                looks += 1
        finally:
            child.kill()


def test_many_start_at_once(path: Path) -> None:
    """Processes that all find no state make one, and all write to it."""
    script = (
        "import sys; from pathlib import Path; from syncd.state import State\n"
        "with State.open(Path(sys.argv[1])) as state: state.begin(sys.argv[2])"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(number)]) for number in range(6)
    ]
    assert [child.wait() for child in children] == [0] * 6
    with State.open(path) as state:
        assert {intent.kind for intent in state.open_intents()} == {str(number) for number in range(6)}
    assert [item.name for item in path.parent.iterdir()] == ["state.sqlite"]
