"""`syncd` alone: the daemon, in the foreground, until it is told to end."""

from __future__ import annotations

import signal

from syncd.cli.exits import Ending, Interrupted, write_crash
from syncd.cli.session import Session
from syncd.errors import LockedError
from syncd.supervised import how_to_stop

END_SECONDS = 4.5
"""What is under way when a signal comes is broken off cleanly in less; whatever hangs is left as after a power cut."""


def run(session: Session) -> Ending:
    """Stay, watch and sync."""
    session.lasts, session.ends_within = True, END_SECONDS
    session.verbosity = max(1, session.verbosity)
    session.settings()
    _see_that_there_is_none(session)
    daemon = session.service(lambda error: str(write_crash(error, session.crash_folder(), session.redact())))
    signal.signal(signal.SIGHUP, lambda _number, _frame: daemon.reload())  # reads the configuration again
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
