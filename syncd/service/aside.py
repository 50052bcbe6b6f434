"""Standing aside: other commands of the same user get state and folder for themselves for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.errors import LockedError
from syncd.service.agenda import Agenda
from syncd.service.interruption import Interruption
from syncd.service.notify import Supervisor

PATIENCE_SECONDS = 30.0
"""How long one who asks waits for the cycle to be broken off."""


class Aside:
    """Who asked, and whether the daemon is out of the way."""

    def __init__(self, agenda: Agenda, interruption: Interruption) -> None:
        self._agenda = agenda
        self._interruption = interruption
        self._changed = threading.Condition()
        self._asking = 0
        self._is_out = False

    @property
    def is_wanted(self) -> bool:
        """Whether anybody asks."""
        return self._asking > 0

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Have the daemon stand aside for the time of the block; called in a thread of the socket's.

        Raises:
            LockedError: it did not come to an end in time.
        """
        with self._changed:
            self._asking += 1
        try:
            self._interruption.ask(self)
            self._agenda.poke()
            with self._changed:
                if not self._changed.wait_for(lambda: self._is_out, PATIENCE_SECONDS):
                    raise LockedError(
                        "the daemon is busy and did not stop in time",
                        "try again in a minute: see syncd status",
                    )
            yield
        finally:
            with self._changed:
                self._asking -= 1
                if not self._asking and not self._is_out:
                    self._interruption.clear(self)  # nobody wants it any more, and it never came to that
                self._changed.notify_all()

    def wait(self, supervisor: Supervisor) -> None:
        """Be out of the way until nobody asks any more; called in the main thread, with everything let go of."""
        pause = supervisor.watchdog / 2 if supervisor.watchdog else None
        with self._changed:
            self._is_out = True
            self._changed.notify_all()
            while self._asking:
                self._changed.wait(pause)
                supervisor.alive()
            self._is_out = False
        self._interruption.clear(self)
