"""Objects that are added while files are still being sent.

Over a slow line the first photos are in Gramps Web long before the last ones are in the bucket, and a run that is broken off leaves
few bytes that no object names. The thread that waits for the transfers makes them, so Gramps Web is told of one thing at a time.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from syncd.model import Checksum
from syncd.model.plan import Action, AddObject, KeepLoser, MoveFile
from syncd.workers import Inbox

EVERY = 5.0
"""Seconds from one time to the next: each costs Gramps Web a look at its history and a transaction."""


class Web(Protocol):
    """What adds objects."""

    def add(self, actions: Sequence[AddObject], *, counted: bool = True) -> None:
        """See `WebChanges.add`."""


class Adding:
    """The objects that a plan adds. Told by transfer threads, carried out by the thread that waits for them.

    Args:
        web: what adds them.
        actions: the whole plan. Where files of the folder move, or lose a conflict, the order of old is kept: an object may be
            that of a file which has yet to get its name. So it is for objects of Gramps Desktop, which refer to each other.
    """

    def __init__(self, web: Web, actions: Sequence[Action]) -> None:
        self.inbox = Inbox()
        """Where the waiting thread finds what to do."""
        self._web = web
        self._left = {id(action): action for action in actions if isinstance(action, AddObject)}
        self._waiting: defaultdict[Checksum, list[AddObject]] = defaultdict(list)
        if not any(isinstance(action, MoveFile | KeepLoser) for action in actions):
            for action in self._left.values():
                if not action.from_desktop:
                    self._waiting[action.file.checksum].append(action)
        self._lock = threading.Lock()
        self._ready: list[AddObject] = []
        self._is_called = False
        self._last = time.monotonic()

    @property
    def left(self) -> list[AddObject]:
        """Those that nobody has been asked to add yet."""
        return list(self._left.values())

    def arrived(self, checksum: Checksum) -> None:
        """The bucket has these bytes now."""
        with self._lock:
            self._ready += self._waiting.pop(checksum, ())
            if not self._ready or self._is_called:
                return
            self._is_called = True
        self.inbox.call(self._add_in_time)

    def _add_in_time(self) -> None:
        """Add them, or see that they are added once it is time."""
        left = self._last + EVERY - time.monotonic()
        if left > 0:
            self.inbox.call_later(left, self.add)
        else:
            self.add()

    def add(self) -> None:
        """Add those that have arrived."""
        with self._lock:
            ready, self._ready = self._ready, []
        for action in ready:
            del self._left[id(action)]
        self._web.add(ready, counted=False)
        with self._lock:
            self._last, self._is_called = time.monotonic(), bool(self._ready)  # what arrived meanwhile
        if self._is_called:
            self.inbox.call_later(EVERY, self.add)
