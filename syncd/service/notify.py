"""What systemd is told of the daemon: a datagram to `$NOTIFY_SOCKET` at each turn of its life (sd_notify(3)).

Without systemd nothing happens. Nothing here ever raises, keeps a file open, or waits for longer than `PATIENCE`: that
a supervisor does not listen is no reason to stop syncing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

LONGEST_STATUS = 500
"""Characters; a datagram that is too large would be lost as a whole."""
PATIENCE = 1.0
"""Seconds that a message may wait while the queue is full: a lost `ready` would end in a restart."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Who started this process and wants to hear from it.

    Args:
        address: a path, or `@` and an abstract name; empty: nobody.
        watchdog: seconds within which a sign of life is wanted; None: it is not. Give one in half that time.
    """

    address: str = ""
    watchdog: float | None = None

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Self:
        """The one that the environment names."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        mine = environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        usec = environ.get("WATCHDOG_USEC", "")
        timely = mine and usec.isascii() and usec.isdigit() and int(usec) > 0
        return cls(address, int(usec) / 1e6 if timely else None)

    def ready(self, status: str = "") -> None:
        """It works: after the start, and again after a `reloading`."""
        self._tell("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """One line for people, which `systemctl status` shows."""
        self._tell(*_status(text or " "))

    def reloading(self) -> None:
        """The configuration is read again; `ready` says that this is over, whether it was any good or not."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        """It is about to end."""
        self._tell("STOPPING=1", *_status(status))

    def alive(self) -> None:
        """The sign of life."""
        self._tell("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping may take so long from now; to be said again in time if it takes longer still."""
        self._tell(f"EXTEND_TIMEOUT_USEC={max(int(seconds * 1e6), 1)}")

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(PATIENCE)
                channel.sendto("\n".join(lines).encode(errors="backslashreplace"), address)
        except (OSError, ValueError):
            return  # it is gone, deaf, or no address


def _status(text: str) -> tuple[str, ...]:
    """The status as a field of one line, if there is any."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return (f"STATUS={line[:LONGEST_STATUS]}",) if line else ()
