"""What the applier did, written down as it happens.

Results reach the state in small batches: each is safe to lose, because the next cycle sees on both sides what was
done and records it then. What is *not* safe to lose goes to the journal before it is done, not here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from syncd.applier.failures import Blocked
from syncd.errors import FolderError, MovedOn, Refused, ServerError, SyncdError, Unexpected
from syncd.model import Checksum, FolderFile, Link, MediaPath, Problem
from syncd.model.plan import (
    NOTHING_BEFORE,
    Action,
    Before,
    Done,
    Fetch,
    KeepLoser,
    MoveFile,
    Notice,
    TrashFile,
    Waiting,
)
from syncd.scanner import can_vouch
from syncd.state import Deed, State

BATCH = 64
"""Results that are held back at most before they are written down."""
BATCH_SECONDS = 0.5
"""How long results are held back at most, in seconds, while others arrive."""

_WRITES_HERE = (Fetch, KeepLoser, MoveFile, TrashFile)


@dataclass
class Ledger:
    """Collects results from several threads and writes them to the state.

    Args:
        state: where links, stamps and stored keys are written.
        cycle: the name of this cycle, for the history.
        approved: handles whose deletion a person approved.
        sync_names: has on the disk the names of the files that were put where they are; FolderError: nobody can tell.
    """

    state: State
    cycle: str
    sync_names: Callable[[], None] = lambda: None
    approved: frozenset[str] = frozenset()
    done: list[Done] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    failed: dict[tuple[str, ...], Problem] = field(default_factory=dict)
    bytes_up: int = 0
    bytes_down: int = 0
    kept_as: dict[str, MediaPath] = field(default_factory=dict)
    """Where the folder's side of a conflict stands now, by the object's handle."""
    placed: set[str] = field(default_factory=set)
    """The keys of the files that were put where they are."""
    fatal: SyncdError | None = None
    folder_failed: bool = False
    """The folder as a whole takes nothing more (full, read-only, gone): what would write there is left for later."""
    steps: int = 0
    """How many results were taken down so far: grows with whatever changed anything."""

    _lock: threading.RLock = field(default_factory=threading.RLock)
    _links: list[Link] = field(default_factory=list)
    _dropped: list[str] = field(default_factory=list)
    _files: list[FolderFile] = field(default_factory=list)
    _stored: dict[Checksum, int] = field(default_factory=dict)
    _unwritten: list[Deed] = field(default_factory=list)
    _finished: list[int] = field(default_factory=list)
    _flushed: float = field(default_factory=time.monotonic)

    def note(
        self,
        *done: Done,
        before: Before = NOTHING_BEFORE,
        links: Iterable[Link] = (),
        dropped: Iterable[str] = (),
        files: Iterable[FolderFile] = (),
        stored: Mapping[Checksum, int] | None = None,
        intents: Iterable[int] = (),
    ) -> None:
        """Take down what succeeded.

        Args:
            done: for the report and the history.
            before: how things were before that.
            links: links as they are now.
            dropped: handles of links that are no more.
            files: files as they stand in the folder now, for the stat cache.
            stored: keys that the bucket holds now, with their sizes in bytes.
            intents: journal entries that are settled.
        """
        with self._lock:
            self.steps += 1
            self.done.extend(done)
            self._unwritten.extend(Deed(item, before) for item in done)
            self._links.extend(links)
            self._dropped.extend(dropped)
            placed = list(files)
            self._files.extend(placed)
            self.placed.update(file.path.key for file in placed)
            self._stored.update(stored or {})
            self._finished.extend(intents)
            size = len(self._unwritten) + len(self._links)
            if size >= BATCH or time.monotonic() - self._flushed > BATCH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Write what is held back, in one transaction; after the disk has what it speaks of."""
        with self._lock:
            self._flushed = time.monotonic()
            if self._files and not self._has_names():
                self._forget()
                return
            with self.state.batch():
                if self._links:
                    self.state.put_links(self._links)
                if self._dropped:
                    self.state.drop_links(self._dropped)
                if self._files:
                    now = time.time_ns()
                    self.state.put_stamps(file for file in self._files if can_vouch(file.stamp, now))
                if self._stored:
                    self.state.add_stored(self._stored)
                if self._unwritten:
                    self.state.record(
                        self._unwritten, cycle=self.cycle, at=time.time(), approved=self.approved
                    )
                if self._finished:
                    self.state.finish(self._finished)
            self._forget()

    def _has_names(self) -> bool:
        """Have the names of placed files on the disk; False: nobody can tell, so nothing of it may be written down.

        The next run sees what is there. That this one did not come to its end is told.
        """
        try:
            self.sync_names()
        except FolderError as error:
            self.folder_failed = True
            self.problems.append(Problem(error.reason, error.remedy))
            return False
        return True

    def _forget(self) -> None:
        self._links, self._dropped, self._files = [], [], []
        self._stored, self._unwritten, self._finished = {}, [], []

    def count(self, *, up: int = 0, down: int = 0) -> None:
        """Add transferred bytes."""
        with self._lock:
            self.bytes_up += up
            self.bytes_down += down

    def attempt(self, action: Action, path: str, handle: str | None, work: Callable[[], None]) -> bool:
        """Do one item; a failure of its own becomes a problem, a failure of a whole server ends the run.

        Returns:
            Whether it was done.
        """
        if self.fatal is not None or (self.folder_failed and isinstance(action, _WRITES_HERE)):
            return False
        try:
            work()
        except SyncdError as error:
            self.fail(action, path, handle, error)
            return False
        return True

    def fail(self, action: Action, path: str, handle: str | None, error: SyncdError) -> None:
        """Sort an item's failure: it waits, it is a problem, or nothing more can be done at all."""
        with self._lock:
            if isinstance(error, MovedOn):
                self.waiting.append(Waiting(error.reason, path, handle))
            elif isinstance(error, FolderError) and not isinstance(error, Blocked):
                self.folder_failed = True
                self.problems.append(Problem(error.reason, error.remedy))
            elif isinstance(error, Refused | Unexpected | FolderError) or not isinstance(error, ServerError):
                self.reject(action, Problem(error.reason, error.remedy, path, handle))
            elif self.fatal is None:
                self.fatal = error

    def reject(self, action: Action, problem: Problem) -> None:
        """An item cannot be done; it is not tried again in this run."""
        with self._lock:
            self.failed[key_of(action)] = problem

    def has_failed(self, action: Action) -> bool:
        """Whether an earlier pass of this run could not do the same."""
        return key_of(action) in self.failed


def key_of(action: Action) -> tuple[str, ...]:
    """What makes two actions of different passes the same."""
    fields = (
        getattr(action, name, None)
        for name in ("file", "object", "expected", "path", "checksum", "to", "link", "handle")
    )
    parts: list[str] = [type(action).__name__]
    for value in fields:
        if value is None:
            continue
        for name in ("path", "checksum", "handle"):
            part = getattr(value, name, None)
            if part is not None:
                parts.append(str(part))
        if isinstance(value, str):
            parts.append(value)
    return tuple(parts)
