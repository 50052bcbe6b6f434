"""What is due: others post it from any thread or signal, the main thread waits for it and does it, one thing at a time.

Whatever is posted twice before it is done is done once.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from syncd.errors import SyncdError
from syncd.model.plan import Outcome
from syncd.ports import Progress


@dataclass(slots=True, eq=False)
class Job:
    """A run that somebody waits for.

    Args:
        full: list everything.
        progress: told what is going on.
    """

    full: bool
    progress: Progress
    outcome: Outcome | None = None
    error: SyncdError | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def end(self, outcome: Outcome | None, error: SyncdError | None = None) -> None:
        """Say how it ended."""
        self.outcome, self.error = outcome, error
        self.over.set()


@dataclass(frozen=True, slots=True)
class Due:
    """What is due.

    Args:
        check: ask Gramps Web whether anything changed.
        whole: look at everything, and why; None: not asked for.
        full: and list everything.
        tidy: and tidy up.
        hint: the watcher has something new, now or soon.
        at_once: whatever is being waited out (a pause between two tries, say) is over.
        reload: read the configuration again.
        jobs: runs that somebody waits for.
    """

    check: bool = False
    whole: str | None = None
    full: bool = False
    tidy: bool = False
    hint: bool = False
    at_once: bool = False
    reload: bool = False
    jobs: tuple[Job, ...] = ()

    def __or__(self, other: Due) -> Due:
        return Due(
            self.check or other.check,
            self.whole or other.whole,
            self.full or other.full,
            self.tidy or other.tidy,
            self.hint or other.hint,
            self.at_once or other.at_once,
            self.reload or other.reload,
            (*self.jobs, *other.jobs),
        )

    def without_jobs(self) -> Due:
        """The rest."""
        return replace(self, jobs=(), reload=False, hint=False, at_once=False)


NOTHING = Due()


class Agenda:
    """Where it is posted. A signal's handler may post in the middle of whatever its own thread is at here.

    A lock would not keep the two apart, so there is none: things are only added at one end and taken from the other, each
    in a single step.
    """

    def __init__(self) -> None:
        self._posted: deque[Due] = deque()
        self._woken: SimpleQueue[None] = SimpleQueue()

    def post(self, due: Due) -> None:
        """Say that something is due."""
        try:
            is_known = due in self._posted
        except RuntimeError:  # somebody has just added or taken something
            is_known = False
        if not is_known:
            self._posted.append(due)
        self.poke()

    def poke(self) -> None:
        """Have the main thread look around, without anything being due."""
        if self._woken.empty():
            self._woken.put(None)

    def wait(self, seconds: float | None) -> Due:
        """Take what is due, waiting for it for so long at most."""
        with suppress(Empty):
            self._woken.get(timeout=seconds)
        due = NOTHING
        while self._posted:
            due |= self._posted.popleft()
        return due
