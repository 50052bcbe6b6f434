"""What systemd hears of the daemon, over real sockets."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.service.notify import LONGEST_STATUS, Supervisor


class Listener:
    """What stands in for systemd: a datagram socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(10)

    def heard(self) -> list[str]:
        """The next message, line by line."""
        return self.socket.recv(65536).decode().split("\n")


@pytest.fixture(params=["a path", "an abstract name"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    """A supervisor that listens, at either kind of address."""
    path = request.param == "a path"
    found = Listener(str(tmp_path / "notify") if path else f"@syncd-test/{os.getpid()}/{tmp_path.name}")
    yield found
    found.socket.close()


def test_each_turn_of_its_life_is_told(listener: Listener) -> None:
    """Ready, what it is about, reading its configuration again, a sign of life, more time, the end."""
    supervisor = Supervisor.find({"NOTIFY_SOCKET": listener.address})
    supervisor.ready("idle: 7 files")
    assert listener.heard() == ["READY=1", "STATUS=idle: 7 files"]
    supervisor.ready()
    assert listener.heard() == ["READY=1"]
    supervisor.status("sending 3 of 40")
    assert listener.heard() == ["STATUS=sending 3 of 40"]
    before = time.monotonic_ns() // 1000
    supervisor.reloading()
    reloading, moment = listener.heard()
    assert reloading == "RELOADING=1"
    name, _, usec = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(usec) <= time.monotonic_ns() // 1000
    supervisor.alive()
    assert listener.heard() == ["WATCHDOG=1"]
    supervisor.extend(2.5)
    assert listener.heard() == ["EXTEND_TIMEOUT_USEC=2500000"]
    supervisor.stopping("finishing an upload")
    assert listener.heard() == ["STOPPING=1", "STATUS=finishing an upload"]


def test_a_status_is_one_line_whatever_it_holds(listener: Listener) -> None:
    """A file's name cannot forge another field, a byte that is no text is shown, and a long text is cut."""
    supervisor = Supervisor(listener.address)
    supervisor.status("a\nREADY=1\x1b[2J\udc80 ü")
    assert listener.heard() == ["STATUS=a READY=1 [2J  ü"]
    supervisor.status("x" * 100_000)
    assert listener.heard() == ["STATUS=" + "x" * LONGEST_STATUS]
    supervisor.status("")
    assert listener.heard() == ["STATUS= "]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "300000000"}, 300.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_when_a_sign_of_life_is_wanted(environ: dict[str, str], seconds: float | None) -> None:
    """It is known from the environment, in seconds, if it is wanted of this process at all."""
    assert Supervisor.find({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog == seconds


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    """Nobody is told anything, and no sign of life is wanted."""
    supervisor = Supervisor.find({**environ, "WATCHDOG_USEC": "1000000"})
    assert supervisor == Supervisor()
    supervisor.ready("hello")
    supervisor.alive()


def test_a_supervisor_that_does_not_listen_is_no_trouble(tmp_path: Path) -> None:
    """A socket that is gone, is no socket, or has an impossible name: nothing raises."""
    file = tmp_path / "file"
    file.touch()
    for address in (str(tmp_path / "gone"), str(file), "/" + "x" * 300, "/a\0b", "@" + "x" * 300):
        Supervisor(address).status("hello")


def test_a_supervisor_that_is_deaf_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its queue is full a message waits for a moment, then it is dropped; later ones are heard."""
    monkeypatch.setattr("syncd.service.notify.PATIENCE", 0.05)
    listener = Listener(str(tmp_path / "full"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"noise", listener.address)
    supervisor = Supervisor(listener.address)
    supervisor.alive()
    while listener.socket.recv(100, socket.MSG_DONTWAIT) == b"noise":
        if not select.select([listener.socket], [], [], 0)[0]:
            break
    supervisor.alive()
    assert listener.heard() == ["WATCHDOG=1"]
    assert not select.select([listener.socket], [], [], 0)[0]
    listener.socket.close()
