"""What is wanted, and doing it: the narrowest look that will do, and what follows from how it ended.

What came to no end stays wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from syncd.control.contract import Doing
from syncd.errors import ConfigError, FolderError, LockedError, SyncdError, Unreachable
from syncd.logger import Logger
from syncd.model.plan import Outcome
from syncd.observer import Changes
from syncd.service.agenda import NOTHING, Due, Job
from syncd.service.checks import Checks
from syncd.service.interruption import BrokenOff
from syncd.service.pace import Pace
from syncd.service.pulse import alive_while_working
from syncd.service.standing import Standing
from syncd.service.turns import Turns

log = Logger(__name__)

DEFECTS_AT_MOST = 5
"""Defects of ours in a row after which the process gives up; systemd starts it anew."""

REST_SHARE = 20.0
"""Where all objects have to be compared each time, that takes a twentieth of the time at most."""


@dataclass
class Work:
    """Does what is wanted, in the main thread.

    Args:
        turns: makes the cycles.
        pace: says when the next try may be made.
        checks: plans the next check.
        standing: told how things are.
        crashed: takes a defect down; returns where.
        before_whole: called before everything is looked at.
        is_proven: whether this configuration, or one before it, has led to anything: what is wrong with it then is the
            world's doing.
    """

    turns: Turns
    pace: Pace
    checks: Checks
    standing: Standing
    crashed: Callable[[BaseException], str]
    before_whole: Callable[[], None]
    is_proven: bool = False

    wanted: Due = NOTHING
    changes: Changes = field(default_factory=Changes)
    _defects: int = 0

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to do."""
        return self.wanted != NOTHING or bool(self.changes)

    def want(self, due: Due, changes: Changes | None = None) -> None:
        """Take in what is due."""
        self.wanted |= due
        self.changes |= changes or Changes()

    def do(self) -> None:
        """Do what is wanted.

        Raises:
            ConfigError: at the start; then only a person can mend it.
            Exception: too many defects of ours in a row.
        """
        wanted, changes = self.wanted, self.changes
        self.wanted, self.changes = NOTHING, Changes()
        try:
            outcome = self._look(wanted, changes)
        except BrokenOff:
            self.want(wanted, changes)
        except SyncdError as error:
            self.want(wanted, changes)
            self._failed(error)
        except Exception as error:
            self.want(Due(whole="a defect") | wanted, changes)
            self._defect(error)
        else:
            self._ended(outcome, wanted, changes)

    def do_for(self, job: Job) -> None:
        """Do a run that somebody waits for, whatever else is due or has to wait.

        Raises:
            ConfigError, Exception: as `do`.
        """
        wanted = self.wanted | Due(full=job.full)
        self.wanted, self.changes = NOTHING, Changes()  # everything is looked at
        self.pace.at_once()
        self.turns.progress.follower, self.turns.is_awaited = job.progress, True
        try:
            outcome = self._whole(full=wanted.full, tidy=wanted.tidy)
        except BrokenOff:
            self.want(wanted | Due(whole="it was broken off"))
            job.end(None, LockedError("another command came in between", "try again"))
        except SyncdError as error:
            self.want(wanted | Due(whole="it came to no end"))
            job.end(None, error)
            self._failed(error)
        except Exception as error:
            self.want(wanted | Due(whole="a defect"))
            job.end(
                None,
                Unreachable(f"a defect in syncd ended the run ({type(error).__name__})", "see: syncd status"),
            )
            self._defect(error)
        else:
            job.end(outcome)
            self._ended(outcome, wanted, Changes())
        finally:
            self.turns.is_awaited = False
            if not job.over.is_set():
                job.end(None, ended())

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Take what fails in the block as a look that failed: everything is looked at, later."""
        try:
            yield
        except SyncdError as error:
            self.want(Due(whole="it came to no end"))
            self._failed(error)
        except Exception as error:
            self.want(Due(whole="a defect"))
            self._defect(error)

    # --- looking --------------------------------------------------------------------------------------------------

    def _look(self, wanted: Due, changes: Changes) -> Outcome | None:
        """The narrowest look that will do; None where Gramps Web said that there is nothing to look at."""
        if wanted.whole is not None or wanted.full or wanted.tidy:
            log.info("looking at everything", why=wanted.whole or "tidying up")
            return self._whole(full=wanted.full, tidy=wanted.tidy)
        if not changes and wanted.check:
            if not self.turns.has_history():
                return self._whole()
            if not self.turns.has_news():
                return None
        self.standing.now(Doing.WORKING)
        with alive_while_working(self.standing):
            return self.turns.near(changes)

    def _whole(self, *, full: bool = False, tidy: bool = False) -> Outcome:
        self.standing.now(Doing.WORKING)
        self.before_whole()
        with alive_while_working(self.standing):
            return self.turns.whole(full=full, tidy=tidy)

    # --- how it ended ---------------------------------------------------------------------------------------------

    def _ended(self, outcome: Outcome | None, wanted: Due, changes: Changes) -> None:
        """A look came to its end."""
        self._defects = 0
        self.is_proven = self.is_proven or self.turns.is_bound()
        if outcome is not None and outcome.stop is not None:
            self.want(wanted | Due(whole="it was stopped"), changes)
            self.pace.stopped()
            self.standing.now(Doing.STOPPED, outcome.stop.reason, outcome.stop.remedy)
            self.checks.plan()
            return
        if outcome is not None and outcome.unfinished:
            self._left_undone(outcome, wanted)
            return
        self.pace.succeeded()
        self.turns.teller.recovered()
        if outcome is not None and (outcome.actions or changes):
            self.pace.changed()
            self.checks.plan(sooner=True)
        if wanted.full:
            self.checks.full_was_done()
        if outcome is not None and not self.turns.has_history():
            self.checks.not_before(REST_SHARE * outcome.seconds)
        self.standing.now(Doing.IDLE)

    def _left_undone(self, outcome: Outcome, wanted: Due) -> None:
        """The media folder takes nothing more: all of it is tried again by itself, less and less often."""
        whole = next((one for one in outcome.problems if not one.path and not one.handle), None)
        reason, remedy = (
            (whole.reason, whole.remedy) if whole else ("the media folder takes no files now", "")
        )
        self.want(wanted | Due(whole="the folder took nothing more"))
        self.pace.failed(FolderError(reason, remedy))
        self.standing.now(Doing.AWAY, reason, remedy)
        self.checks.plan()

    def _failed(self, error: SyncdError) -> None:
        """A server is away, or the state's disk is full: it goes on by itself when that is over."""
        if isinstance(error, ConfigError) and not self.is_proven:
            raise error
        self.turns.teller.fail(error)
        if isinstance(error, FolderError):  # nothing that time mends
            self.pace.stopped()
            self.standing.now(Doing.STOPPED, error.reason, error.remedy)
        else:
            self.pace.failed(error)
            self.standing.now(Doing.AWAY, error.reason, error.remedy)
        self.checks.plan()

    def _defect(self, error: Exception) -> None:
        """A defect of ours: told, and tried again a few times before the process gives up."""
        self._defects += 1
        where = self.crashed(error)
        log.error("a defect in syncd ended a cycle", error=type(error).__name__, details=where)
        if self._defects >= DEFECTS_AT_MOST:
            raise error
        self.pace.failed(Unreachable("a defect in syncd", f"see {where}"))
        self.standing.now(Doing.AWAY, f"a defect in syncd ({type(error).__name__})", f"see {where}")
        self.checks.plan()


def ended() -> Unreachable:
    """Why a run that somebody waits for will not come to its end."""
    return Unreachable("the daemon ended before the run did", "run it again")
