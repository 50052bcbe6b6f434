"""Lines over a socket: whole, bounded in length and time, whoever is at the other end."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from syncd.control.wire import SilentError, Wire, WireError, encode

LIMIT = 1000


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire and its bare other end."""
    here, there = socket.socketpair()
    with there:
        wire = Wire(here)
        yield wire, there
        wire.close()


def test_lines_arrive_one_by_one(ends: tuple[Wire, socket.socket]) -> None:
    """However they were cut on the way; then the end."""
    wire, there = ends
    there.sendall(b'{"a": 1}\n{"b"')
    assert wire.receive(limit=LIMIT, seconds=5) == {"a": 1}
    there.sendall(b': "\\udcff"}\n{"half')
    there.shutdown(socket.SHUT_WR)
    assert wire.receive(limit=LIMIT, seconds=5) == {"b": "\udcff"}
    assert wire.receive(limit=LIMIT, seconds=5) is None


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[1]\n", b"nonsense\n", b"\xff\xfe\n", b'"text"\n', b"[" * 900 + b"\n", b"1" * 900 + b"\n"],
)
def test_what_is_no_json_object_is_refused(ends: tuple[Wire, socket.socket], line: bytes) -> None:
    """Whatever it is instead."""
    wire, there = ends
    there.sendall(line)
    with pytest.raises(WireError):
        wire.receive(limit=LIMIT, seconds=5)


def test_deep_nesting_is_refused(ends: tuple[Wire, socket.socket]) -> None:
    """It must not exhaust the stack."""
    wire, there = ends
    there.sendall(b'{"a":' * 15_000 + b"\n")
    with pytest.raises(WireError):
        wire.receive(limit=1 << 20, seconds=5)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_has_a_longest(ends: tuple[Wire, socket.socket], end: bytes) -> None:
    """With or without its end; what comes after it is not waited for."""
    wire, there = ends
    there.sendall(b" " * (LIMIT + 1) + end)
    with pytest.raises(WireError, match="too much"):
        wire.receive(limit=LIMIT, seconds=5)


def test_a_line_of_the_longest_length_is_taken(ends: tuple[Wire, socket.socket]) -> None:
    """The bound is the bound."""
    wire, there = ends
    there.sendall(b"{}".ljust(LIMIT) + b"\n")
    assert wire.receive(limit=LIMIT, seconds=5) == {}


def test_a_drip_is_late_all_the_same(ends: tuple[Wire, socket.socket]) -> None:
    """The time is for the whole line: a byte now and then does not prolong it."""
    wire, there = ends
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.02):
            there.sendall(b" ")

    dripping = threading.Thread(target=drip)
    dripping.start()
    begun = time.monotonic()
    with pytest.raises(SilentError):
        wire.receive(limit=LIMIT, seconds=0.3)
    over.set()
    dripping.join()
    assert time.monotonic() - begun < 5


def test_nobody_reads(ends: tuple[Wire, socket.socket]) -> None:
    """What cannot be sent is given up in time."""
    wire, _there = ends
    with pytest.raises(WireError):
        wire.send({"a": "x" * 10_000_000}, seconds=0.2)


def test_the_other_end_left(ends: tuple[Wire, socket.socket]) -> None:
    """Sending is an error, receiving is the end, waiting is over; hanging up twice is harmless."""
    wire, there = ends
    there.close()
    with pytest.raises(WireError):
        wire.send({}, seconds=5)
    assert wire.receive(limit=LIMIT, seconds=5) is None
    wire.wait_for_end()
    wire.close()
    wire.close()
    wire.stop_listening()
    wire.cut()
    assert wire.receive(limit=LIMIT, seconds=5) is None


def test_the_kernel_says_who_is_there(ends: tuple[Wire, socket.socket]) -> None:
    """The user at the other end."""
    assert ends[0].peer_uid() == os.geteuid()


def test_a_line_is_ascii() -> None:
    """One line, whatever is in it."""
    line = encode({"a": "ä\n\udcff😀"})
    assert line.isascii()
    assert line.count(b"\n") == 1
