"""Signs of life while a cycle runs, as long as anything moves in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.service.standing import STATUS_SECONDS, Standing

HANG_SECONDS = 1800.0
"""A cycle in which nothing moved for so long hangs: systemd hears no more of it, and starts the daemon anew.

The longest that anything legitimate stands still is a request to a server that does not answer: some minutes, with retries."""


@contextmanager
def alive_while_working(standing: Standing) -> Iterator[None]:
    """Tell systemd, for the time of the block, that it goes on, and how far it is."""
    supervisor, over = standing.supervisor, threading.Event()
    if not supervisor.address:
        yield
        return
    pause = min(STATUS_SECONDS, supervisor.watchdog / 3 if supervisor.watchdog else STATUS_SECONDS)

    def tell() -> None:
        said = ""
        while not over.wait(pause):
            if time.monotonic() - standing.progress.beat < HANG_SECONDS:
                supervisor.alive()
            line = standing.line()
            if line != said:
                supervisor.status(line)
                said = line

    standing.progress.beat = time.monotonic()
    thread = threading.Thread(target=tell, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1)
