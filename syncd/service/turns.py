"""One turn of the daemon: a cycle of the right width, and what follows from how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

from syncd.config import Settings
from syncd.control.last import failures_noted, note_near, note_whole
from syncd.cycle import Cycle
from syncd.errors import StateError, StopError, SyncdError
from syncd.logger import Logger
from syncd.model import Stop
from syncd.model.plan import Outcome
from syncd.observer import Changes
from syncd.rooms import Rooms, Task
from syncd.scanner.trouble import shown
from syncd.service.interruption import Interruption
from syncd.service.later import Later
from syncd.service.memory import give_memory_back
from syncd.service.progress import LiveProgress
from syncd.service.telling import Teller
from syncd.watcher import Watcher

log = Logger(__name__)

PATIENCE = 10.0
"""Seconds for which a request that fails is tried again: the daemon tries all of it again by itself, and says so meanwhile."""

_MAKES_ROOM = frozenset(["moved", "trashed", "deleted"])

UNSURE_SECONDS = 2.5
"""After so long a file that was read in the moment in which it changed can be vouched for, wherever it is."""


@dataclass
class Turns:
    """Makes cycles in the rooms of a daemon.

    Args:
        settings: the configuration.
        watcher: tells of changes in the folder.
        interruption: what lets others break a cycle off.
    """

    settings: Settings
    watcher: Watcher
    interruption: Interruption
    progress: LiveProgress = field(default_factory=LiveProgress)
    later: Later = field(default_factory=Later)
    teller: Teller = field(default_factory=Teller)

    is_awaited: bool = False
    """Whether a person waits for the cycle: files that merely have not settled are looked at, too."""
    wide: bool = True
    """Whether the last cycle looked at everything."""

    _is_swollen: bool = False
    _rooms: Rooms | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _desktop_stamp: object = None

    def open(self) -> None:
        """Take the state.

        Raises:
            SyncdError: it is in other hands, or cannot be used.
        """
        with ExitStack() as opening:
            self._rooms = opening.enter_context(
                Rooms(self.settings, unsettled=self._unsettled, settle=self._settle, patience=PATIENCE)
            )
            self._open = opening.pop_all()

    def close(self) -> None:
        """Let go of the state, and of all connections."""
        self._rooms = None
        self._open.close()

    @property
    def rooms(self) -> Rooms:
        """What is open.

        Raises:
            StateError: the state was let go of.
        """
        rooms = self._rooms
        if rooms is None:
            raise StateError("the daemon has let go of the state for a moment", "try again")
        return rooms

    def _unsettled(self) -> frozenset[str]:
        """Paths that are left alone for the moment: all that are being written, or as few as possible for one who waits."""
        return self.watcher.writing() if self.is_awaited else self.watcher.unsettled()

    def _settle(self) -> float:
        """Seconds for which a file is left alone after a change, also where no event told of it."""
        return 0.0 if self.is_awaited else self.settings.daemon.settle

    # --- looking --------------------------------------------------------------------------------------------------

    def has_news(self) -> bool:
        """Ask Gramps Web whether anything changed since the last look; one short request.

        Raises:
            ServerError, BrokenOff: it cannot be asked.
        """
        rooms = self.rooms
        known = rooms.state.cursor()
        try:
            with self.interruption.allowed():
                return known is None or rooms.catalog.newest() != known
        except BaseException:
            rooms.hang_up()
            raise

    def has_history(self) -> bool:
        """Whether the history of Gramps Web can tell what changed; without, all objects are compared."""
        return self.rooms.state.cursor() is not None

    def is_bound(self) -> bool:
        """Whether the place of the media was found, and is the one that is configured."""
        return self.rooms.state.binding() is not None

    def folder_is_there(self) -> bool:
        """Whether the media folder's marker is where it ought to be; where none ought to be yet, too."""
        if self.rooms.state.binding() is None:
            return True
        return os.path.lexists(self.settings.media_dir / ".syncd" / "folder.json")

    def desktop_changed(self) -> bool:
        """Whether Gramps Desktop's family tree was written to since the last look at it."""
        desktop = self.rooms.desktop
        if desktop is None:
            return False
        before, self._desktop_stamp = self._desktop_stamp, desktop.stamp()
        return before is not None and before != self._desktop_stamp

    # --- cycles ---------------------------------------------------------------------------------------------------

    def near(self, changes: Changes) -> Outcome:
        """Look at what changed.

        Raises:
            SyncdError, BrokenOff: it came to no end.
        """
        return self._cycle(Task(near=changes, tidy=False))

    def whole(self, *, full: bool = False, tidy: bool = False) -> Outcome:
        """Look at everything.

        Raises:
            SyncdError, BrokenOff: it came to no end.
        """
        outcome = self._cycle(Task(full=full, tidy=tidy))
        if tidy:
            self._look_after_state()
        return outcome

    def _look_after_state(self) -> None:
        """Empty the state's log into its file, and see whether that is sound."""
        with suppress(SyncdError):
            state = self.rooms.state
            state.checkpoint()
            for line in state.integrity()[:3]:
                log.error("the state file is damaged", what=line, remedy="stop syncd, and run: syncd --once")

    def _cycle(self, task: Task) -> Outcome:
        begun = time.monotonic()
        rooms = self.rooms
        self.wide = True
        try:
            with self.interruption.allowed(), failures_noted(rooms.state):
                outcome = self._run(rooms, task)
        except StopError as error:
            outcome = Outcome(stop=Stop(error.reason, error.remedy))
        finally:
            self.progress.over()
        outcome = replace(outcome, seconds=time.monotonic() - begun)
        self.teller.tell(outcome, everything=self.wide)
        return outcome

    def _run(self, rooms: Rooms, task: Task) -> Outcome:
        begun = time.monotonic()
        with rooms.cycle(task, self.progress) as (cycle, notices):
            try:
                outcome = cycle.run()
            except BaseException as error:
                part = replace(cycle.so_far(), seconds=time.monotonic() - begun)
                self.teller.tell_part(part)
                if isinstance(error, SyncdError):
                    error.part = part
                raise
            outcome = replace(outcome, notices=(*notices, *outcome.notices))
            self._follow_up(cycle, outcome, task.near)
        return outcome

    def _follow_up(self, cycle: Cycle, outcome: Outcome, near: Changes | None) -> None:
        """Note how it ended, and look again later at what could not be done."""
        self.wide = cycle.near is None
        self._is_swollen |= self.wide
        if outcome.stop is None:
            self.later.note(outcome, cycle.scope, frozenset() if near is None else near.paths)
        if cycle.near is not None:
            if any(done.kind in _MAKES_ROOM for done in outcome.actions):
                self.later.once_more()  # it may have waited for one of these names
            self._look_again(cycle.near.unsure, cycle.near.young)
            # A note for `syncd status`: that it cannot be written stops nothing.
            with suppress(SyncdError):
                paths = {shown(path) for path in near.paths} if near is not None else set()
                note_near(cycle.state, outcome, paths | (cycle.scope or frozenset()))
            return
        walked = cycle.observer.walked
        self._look_again(walked.unsure, walked.young)
        if walked.seconds:
            self.watcher.scanned(walked.seconds)
            self.watcher.compare(walked.folders)
        with suppress(SyncdError):
            note_whole(cycle.state, outcome, is_full=cycle.has_listed)

    def _look_again(self, unsure: AbstractSet[str], young: AbstractSet[str]) -> None:
        """Have files handed over once more that could not be judged yet."""
        self.watcher.again(unsure, UNSURE_SECONDS)
        self.watcher.again(young, self.settings.daemon.settle)

    def rest(self) -> None:
        """Give back the memory that a look at everything took, once nothing of it is needed any more."""
        if self._is_swollen:
            self._is_swollen = False
            give_memory_back()
