"""Breaking off what the main thread is at: whatever it waits for, only where that is allowed, and never by halves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.service.interruption import SIGNAL, BrokenOff, Interruption

LONG = 60.0
"""Nobody ever waits for so long here: who does was not broken off."""


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """One that is installed; the signal is given back."""
    before = signal.getsignal(SIGNAL)
    found = Interruption()
    found.install()
    yield found
    signal.signal(SIGNAL, before)


def later(call: Callable[[], object], seconds: float = 0.1) -> threading.Thread:
    """Do something soon, in another thread."""
    thread = threading.Timer(seconds, call)
    thread.start()
    return thread


def _sleep() -> None:
    time.sleep(LONG)


def _read_a_pipe() -> None:
    reader, writer = os.pipe()
    try:
        os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


def _receive() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(LONG)
        one.recv(1)


def _wait_for_a_thread() -> None:
    threading.Event().wait(LONG)


def _wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _wait_for_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LONG})"]) as process:
        try:
            process.wait()
        finally:
            process.kill()


def _wait_for_workers() -> None:
    over = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(over.wait, LONG)
        try:
            waiting.result()
        finally:
            over.set()


def _compute() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize(
    "wait",
    [_sleep, _read_a_pipe, _receive, _wait_for_a_thread, _wait_for_a_lock, _wait_for_a_process, _wait_for_workers, _compute],
)  # fmt: skip
def test_whatever_it_waits_for_is_broken_off(interruption: Interruption, wait: Callable[[], None]) -> None:
    """In the kernel, for a lock, for threads, in the middle of a computation: at once, and with what it cleans up done."""
    thread = later(lambda: interruption.ask("pause"))
    begun = time.monotonic()
    with pytest.raises(BrokenOff), interruption.allowed():
        wait()
    assert time.monotonic() - begun < LONG / 2
    thread.join()


def test_outside_of_a_block_nothing_is_broken_off(interruption: Interruption) -> None:
    """What is asked for meanwhile is done when the next block begins, before its first step."""
    interruption.ask("pause")
    time.sleep(0.05)
    begun = False
    with pytest.raises(BrokenOff), interruption.allowed():
        begun = True
    assert not begun


def test_nobody_asked(interruption: Interruption) -> None:
    """A block goes to its end, also where a stray signal comes; so does what follows it."""
    done = []
    with interruption.allowed():
        signal.raise_signal(SIGNAL)
        done.append("block")
    signal.raise_signal(SIGNAL)
    assert done == ["block"]


def test_each_block_is_broken_off_until_it_is_over(interruption: Interruption) -> None:
    """Whoever asked, and did not say yet that it is over, is in the way of all."""
    interruption.ask("pause")
    for _ in range(3):
        with pytest.raises(BrokenOff), interruption.allowed():
            pass
    interruption.clear("pause")
    with interruption.allowed():
        done = True
    assert done


def test_several_may_ask(interruption: Interruption) -> None:
    """All of them have to be over; asking twice is asking once, and saying twice that it is over does no harm."""
    one, other = object(), object()
    interruption.ask(one)
    interruption.ask(other)
    interruption.ask(one)
    interruption.clear(one)
    with pytest.raises(BrokenOff), interruption.allowed():
        pass
    interruption.clear(other)
    interruption.clear(one)
    with interruption.allowed():
        pass


def test_a_block_is_broken_off_once(interruption: Interruption) -> None:
    """What tidies up is not disturbed by the next who asks."""
    tidied = False

    def block() -> None:
        nonlocal tidied
        try:
            interruption.ask("one")
            time.sleep(LONG)
        finally:
            interruption.ask("other")
            time.sleep(0.05)
            tidied = True

    with pytest.raises(BrokenOff), interruption.allowed():
        block()
    assert tidied


def test_what_survives_errors_does_not_survive_this(interruption: Interruption) -> None:
    """One bad item never stops the rest; this does."""

    def survive() -> None:
        for _ in range(100):
            try:
                interruption.ask("pause")
                time.sleep(LONG)
            except Exception:
                continue

    with pytest.raises(BrokenOff), interruption.allowed():
        survive()


def test_an_error_in_a_block_is_the_error(interruption: Interruption) -> None:
    """And no block is left open."""
    with pytest.raises(ValueError, match="no"), interruption.allowed():
        raise ValueError("no")
    interruption.ask("pause")
    time.sleep(0.05)


def test_askers_at_the_same_moment_are_all_heard(interruption: Interruption) -> None:
    """And each has to say that it is over."""
    askers = [object() for _ in range(8)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(150):
            barrier = threading.Barrier(len(askers))

            def ask(who: object, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                interruption.ask(who)

            threads = [threading.Thread(target=ask, args=[who]) for who in askers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert interruption._asking == set(askers)
            for who in askers:
                interruption.clear(who)
    finally:
        sys.setswitchinterval(before)


def test_at_any_moment_of_a_block(interruption: Interruption) -> None:
    """Thousands of short blocks, and somebody who asks at any time: each asking breaks off a block, and nothing else.

    It goes on until enough were broken off, on a machine with much else to do for longer than a second.
    """
    over, wanted = threading.Event(), threading.Event()
    asked = 0

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            wanted.wait()
            wanted.clear()
            time.sleep(0.0003)
            asked += 1
            interruption.ask("pause")

    thread = threading.Thread(target=ask)
    thread.start()
    broken = 0
    end = time.monotonic() + 1.0
    wanted.set()
    while time.monotonic() < end or broken < 100:
        try:
            with interruption.allowed():
                sum(range(50))
        except BrokenOff:
            broken += 1
            assert not interruption._allowed
            interruption.clear("pause")
            wanted.set()
        sum(range(50))
    over.set()
    wanted.set()
    thread.join()
    assert asked - 2 <= broken <= asked


SCRIPT = """
import os, sys, threading, time
from syncd.service.interruption import BrokenOff, Interruption
one = Interruption()
one.install()
threading.Timer(0.2, one.ask, ["x"]).start()
reader, writer = os.pipe()
try:
    with one.allowed():
        print("waits", flush=True)
        os.read(reader, 1)
except BrokenOff:
    print("broken off", flush=True)
time.sleep(0.1)
one.ask("again")
print("lives", flush=True)
"""


def test_in_a_process_of_its_own() -> None:
    """As the daemon does it: the process lives on."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split("\n")[:3] == ["waits", "broken off", "lives"]
