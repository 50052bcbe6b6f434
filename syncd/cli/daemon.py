"""`syncd` alone: the daemon, in the foreground, until it is told to end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from syncd.cli.exits import Ending, Interrupted, write_crash
from syncd.cli.session import Session
from syncd.errors import ExitCode, LockedError
from syncd.supervised import how_to_stop

if TYPE_CHECKING:
    from syncd.service.daemon import Daemon

END_SECONDS = 4.5
"""What is under way when a signal comes is broken off cleanly in less; whatever hangs is left as after a power cut."""


def run(session: Session) -> Ending:
    """Stay, watch and sync."""
    session.lasts = True
    session.verbosity = max(1, session.verbosity)
    session.settings()
    _see_that_there_is_none(session)
    daemon = session.service(lambda error: str(write_crash(error, session.crash_folder(), session.redact())))
    with _signals(daemon):
        try:
            daemon.run()
        except Interrupted as interrupted:
            return Ending(interrupted.exit_code)
    raise AssertionError("the daemon ended by itself")


def _see_that_there_is_none(session: Session) -> None:
    """One daemon is enough; the lock's own message is of a run that ends.

    Raises:
        LockedError: there is one.
    """
    there = session.daemon()
    if there is not None:
        with there:
            raise LockedError(
                f"a daemon is at work on this already (process {there.pid})",
                f"how it is: syncd status\nto end it: {how_to_stop(there.pid)}",
            )


@contextmanager
def _signals(daemon: Daemon) -> Iterator[None]:
    """SIGHUP reads the configuration again; after SIGTERM and SIGINT it is over soon, whatever happens."""

    def limited(number: int, frame: FrameType | None) -> None:
        handler = before.get(signal.Signals(number))
        code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        limit = threading.Timer(END_SECONDS, os._exit, [int(code)])
        limit.daemon = True
        limit.start()
        if callable(handler):
            handler(number, frame)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, limited)
    signal.signal(signal.SIGHUP, lambda _number, _frame: daemon.reload())
    yield
