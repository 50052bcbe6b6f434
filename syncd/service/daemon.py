"""The daemon's life: what is due is waited for and done, one thing at a time, in the main thread.

    watcher   ──┐
    schedule  ──┼──▶ agenda ──▶ a turn: near what changed, or everything ──▶ rest
    socket    ──┤
    signals   ──┘

Invariants:
- Cycles never overlap. Whatever comes while one runs is done after it, once.
- What could not be done stays due. A failure makes the next try later; it is never forgotten.
- A stop, a pause and another command at work keep everything still, whatever is due.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

import structlog

from syncd.config import Settings
from syncd.control.contract import Doing
from syncd.control.server import ControlServer
from syncd.errors import ConfigError, LockedError, SyncdError, Unreachable
from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.model.plan import Outcome
from syncd.observer import Changes
from syncd.service.agenda import NOTHING, Agenda, Due, Job
from syncd.service.aside import Aside
from syncd.service.clock import steady
from syncd.service.echo import news
from syncd.service.engine import SocketEngine
from syncd.service.interruption import BrokenOff, Interruption
from syncd.service.notify import Supervisor
from syncd.service.pace import Pace
from syncd.service.pause import Pause
from syncd.service.pulse import alive_while_working
from syncd.service.schedule import Schedule
from syncd.service.standing import Standing
from syncd.service.turns import Turns
from syncd.watcher import Watcher

log = structlog.get_logger(__name__)

DEFECTS_AT_MOST = 5
"""Defects of ours in a row after which the process gives up; systemd starts it anew."""

LATE_SECONDS = 5.0
"""A check that is so late was planned by a clock that was set since."""

RETURN_SECONDS = 0.5
"""How often it is tried to take the state again after others had it."""

REST_SHARE = 20.0
"""Where all objects have to be compared each time, that takes a twentieth of the time at most."""


@dataclass
class Daemon:
    """Runs until it is interrupted.

    Args:
        settings: the configuration.
        load: reads it again; raises ConfigError.
        environ: names systemd's socket and the folder of our own.
        crashed: takes a defect down; returns where.
    """

    settings: Settings
    load: Callable[[], Settings]
    environ: Mapping[str, str]
    crashed: Callable[[BaseException], str]

    agenda: Agenda = field(default_factory=Agenda)
    interruption: Interruption = field(default_factory=Interruption)
    aside: Aside = field(init=False)
    pause: Pause = field(init=False)
    standing: Standing = field(init=False)
    watcher: Watcher = field(init=False)
    schedule: Schedule = field(init=False)
    turns: Turns = field(init=False)
    pace: Pace = field(init=False)

    _control: ControlServer = field(init=False)
    _ignored: IgnoreRules = field(default_factory=IgnoreRules)
    _wanted: Due = NOTHING
    _changes: Changes = field(default_factory=Changes)
    _check_by: float = inf
    _defects: int = 0
    _is_proven: bool = False
    """Whether this configuration, or one before it, has led to anything: what is wrong with it then is the world's doing."""

    def __post_init__(self) -> None:
        self.aside = Aside(self.agenda, self.interruption)
        self.pause = Pause()
        self.standing = Standing(Supervisor.find(self.environ))
        self._set_up()

    def _set_up(self) -> None:
        """Make what depends on the configuration."""
        daemon = self.settings.daemon
        self._read_ignored()
        self.watcher = Watcher(
            self.settings.media_dir,
            settle=daemon.settle,
            mode=daemon.watch,
            poll_every=daemon.poll_every,
            ignored=lambda key, is_dir: self._ignored.matches_text(key, is_dir=is_dir),
            wake=lambda: self.agenda.post(Due(hint=True)),
        )
        self.turns = Turns(self.settings, self.watcher, self.interruption)
        self.standing.progress = self.turns.progress
        self.pace = Pace(daemon.check_web_every)
        self.schedule = Schedule(self.agenda, full_every=daemon.full_check_every)
        self._control = ControlServer(
            SocketEngine(self), self.settings.state_file, self.environ, config=self.settings.source
        )

    def _read_ignored(self) -> None:
        """What the watcher need not look at; a list that cannot be read is the cycle's to complain about."""
        with suppress(SyncdError):
            self._ignored = IgnoreRules.load(self.settings.media_dir, self.settings.ignore)

    # --- life -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Live; ends with whatever interrupts it.

        Raises:
            SyncdError: it could not begin: the configuration is wrong, the state is in other hands, or cannot be used.
        """
        self.interruption.install()
        self.turns.open()
        try:
            self._start()
            self.standing.supervisor.ready(self.standing.line())
            while True:
                self._turn(self.agenda.wait(self._patience()))
        finally:
            self.standing.supervisor.stopping("ending")
            self._stop()
            self.turns.close()

    def reload(self) -> None:
        """Read the configuration again; may be called in a signal's handler."""
        self.agenda.post(Due(reload=True))

    def _start(self) -> None:
        self.pause.read(self.turns.rooms.state)
        self.watcher.start()
        self._control.start()
        self.schedule.start()
        self._plan_check()
        self._wanted |= Due(whole="the start", full=True, tidy=True)
        self.agenda.poke()

    def _stop(self) -> None:
        """End all threads; who waits for a run hears first that there will be none."""
        for job in self.agenda.wait(0).jobs:
            job.end(None, _ended())
        for end in (self._control.stop, self.schedule.stop, self.watcher.stop):
            try:
                end()
            except Exception:
                log.debug("a part of the daemon did not end cleanly", exc_info=True)

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at, whatever is told."""
        watchdog = self.standing.supervisor.watchdog
        waits = [self._check_by + LATE_SECONDS - steady(), watchdog / 2 if watchdog else inf]
        if self.pause.is_on:
            waits.append(self.pause.left())
        else:
            soon = [wait for wait in (self.watcher.due_in(), self.turns.later.due_in()) if wait is not None]
            if self._wanted != NOTHING or self._changes:
                soon.append(0.0)
            if soon:
                waits.append(max(min(soon), self.pace.blocked()))
        wait = min(waits)
        return None if wait == inf else max(0.0, wait)

    # --- a turn ---------------------------------------------------------------------------------------------------

    def _turn(self, due: Due) -> None:
        """Do what is due."""
        self.standing.supervisor.alive()
        if self.aside.is_wanted:
            self._stand_aside()
        if due.reload:
            self._reload()
        for job in due.jobs:
            self._do_job(job)
        self._wanted |= due.without_jobs()
        if due.at_once:
            self.pace.at_once()
            self.turns.later.at_once()
        if self.pause.ended():
            self._wanted |= Due(whole="the pause is over")
        if due.check or steady() > self._check_by + LATE_SECONDS:
            self._regular_check(planned=due.check)
        if self.pause.is_on:
            self.interruption.clear(self.pause)
            self.standing.now(Doing.PAUSED)
            return
        self._take_hints()
        if self._wanted == NOTHING and not self._changes:
            return
        if self.pace.blocked() == 0:
            self._work()

    def _take_hints(self) -> None:
        """Take in what the watcher told, without what the daemon wrote itself."""
        hint = self.watcher.take()
        if hint.scan is not None:
            self._wanted |= Due(whole=hint.scan)
            if self.standing.doing is Doing.STOPPED:  # the folder may be back
                self.pace.at_once()
        if IGNORE_FILE in hint.paths:
            self._wanted |= Due(whole="the list of ignored names changed")
        if hint.paths and self._wanted.whole is None:
            paths = news(self.settings.media_dir, hint.paths, self.turns.rooms.state, self._ignored)
            self._changes |= Changes(paths)
        self._changes |= self.turns.later.take()

    def _regular_check(self, *, planned: bool) -> None:
        """See that everything is where it was, and plan the next check."""
        self._wanted |= Due(check=True)
        if not planned:
            self.schedule.clock_was_set()
        self.watcher.check()
        self._control.ensure()
        if not self.turns.folder_is_there():
            self._wanted |= Due(whole="the media folder is not where it was")
        if self.turns.desktop_changed():
            self._wanted |= Due(whole="Gramps Desktop's family tree changed")
        self._plan_check()

    def _plan_check(self, *, sooner: bool = False) -> None:
        """Plan the next check; with `sooner` only if that is before the one that is planned."""
        seconds = self.pace.next_check()
        if sooner and steady() + seconds >= self._check_by:
            return
        self._check_by = steady() + seconds
        self.schedule.check_in(seconds)

    def _work(self) -> None:
        """Do what is wanted; what came to no end stays wanted."""
        wanted, changes = self._wanted, self._changes
        self._wanted, self._changes = NOTHING, Changes()
        try:
            outcome = self._look(wanted, changes)
        except BrokenOff:
            self._keep(wanted, changes)
        except SyncdError as error:
            self._keep(wanted, changes)
            self._failed(error)
        except Exception as error:
            self._keep(Due(whole="a defect") | wanted, changes)
            self._defect(error)
        else:
            self._ended(outcome, wanted, changes)

    def _keep(self, wanted: Due, changes: Changes) -> None:
        self._wanted |= wanted
        self._changes |= changes

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
        self._begin_work()
        with alive_while_working(self.standing):
            return self.turns.near(changes)

    def _whole(self, *, full: bool = False, tidy: bool = False) -> Outcome:
        self._begin_work()
        self._read_ignored()
        with alive_while_working(self.standing):
            return self.turns.whole(full=full, tidy=tidy)

    def _begin_work(self) -> None:
        self.standing.now(Doing.WORKING)

    def _ended(self, outcome: Outcome | None, wanted: Due, changes: Changes) -> None:
        """A look came to its end."""
        self._defects = 0
        self._is_proven = True
        if outcome is not None and outcome.stop is not None:
            self._keep(wanted | Due(whole="it was stopped"), changes)
            self.pace.stopped()
            self.standing.now(Doing.STOPPED, outcome.stop.reason, outcome.stop.remedy)
            self._plan_check()
            return
        self.pace.succeeded()
        self.turns.teller.recovered()
        if outcome is not None and (outcome.actions or changes):
            self.pace.changed()
            self._plan_check(sooner=True)
        if wanted.full:
            self.schedule.full_was_done()
        if not self.turns.has_history():
            self._check_by = max(self._check_by, steady() + REST_SHARE * (outcome.seconds if outcome else 0))
            self.schedule.check_in(self._check_by - steady())
        self.standing.now(Doing.IDLE)

    def _failed(self, error: SyncdError) -> None:
        """A server is away, or the state's disk is full: it goes on by itself when that is over.

        Raises:
            ConfigError: at the start; then only a person can mend it.
        """
        if isinstance(error, ConfigError) and not self._is_proven:
            raise error
        self.turns.teller.fail(error)
        self.pace.failed(error)
        self.standing.now(Doing.AWAY, error.reason, error.remedy)
        self._plan_check()

    def _defect(self, error: Exception) -> None:
        """A defect of ours: told, and tried again a few times before the process gives up."""
        self._defects += 1
        where = self.crashed(error)
        log.error("a defect in syncd ended a cycle", error=type(error).__name__, details=where)
        if self._defects >= DEFECTS_AT_MOST:
            raise error
        self.pace.failed(Unreachable("a defect in syncd", f"see {where}"))
        self.standing.now(Doing.AWAY, f"a defect in syncd ({type(error).__name__})", f"see {where}")
        self._plan_check()

    # --- what others ask for --------------------------------------------------------------------------------------

    def _do_job(self, job: Job) -> None:
        """Do a run that somebody waits for, whatever else holds everything still."""
        self._take_hints()
        wanted = self._wanted | Due(full=job.full)
        self._wanted, self._changes = NOTHING, Changes()
        self.interruption.clear(self.pause)
        self.pace.at_once()
        self.turns.progress.follower, self.turns.is_awaited = job.progress, True
        try:
            outcome = self._whole(full=wanted.full, tidy=wanted.tidy)
        except BrokenOff:
            self._wanted |= wanted | Due(whole="it was broken off")
            job.end(None, LockedError("another command came in between", "try again"))
        except SyncdError as error:
            self._wanted |= wanted | Due(whole="it came to no end")
            job.end(None, error)
            self._failed(error)
        except Exception as error:
            self._wanted |= wanted | Due(whole="a defect")
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
                job.end(None, _ended())

    def _stand_aside(self) -> None:
        """Let go of everything until those who asked are done, then look anew: the state may have been bound anew."""
        supervisor = self.standing.supervisor
        self.standing.now(Doing.ASIDE)
        self.turns.close()
        self.aside.wait(supervisor)
        while not self._is_back():
            supervisor.alive()
            time.sleep(RETURN_SECONDS)
        self.pause.read(self.turns.rooms.state)
        self.pace.at_once()
        self._wanted |= Due(whole="another command was at work")

    def _is_back(self) -> bool:
        """Take the state again; False where that is not possible yet: another has it still, or its disk is full."""
        try:
            self.turns.open()
        except LockedError as error:
            log.debug("the state is still in other hands", reason=error.reason)
            return False
        except SyncdError as error:
            self.turns.teller.fail(error)
            self.standing.now(Doing.AWAY, error.reason, error.remedy)
            return False
        return True

    def _reload(self) -> None:
        """Read the configuration; a bad one is reported, and the old one kept."""
        supervisor = self.standing.supervisor
        supervisor.reloading()
        old = self.settings
        try:
            self.settings = self.load()
            if self.settings == old and self.settings.source == old.source:
                log.info("the configuration was read again; nothing in it has changed")
            else:
                self._take_up(old)
        except SyncdError as error:
            self.settings = old
            reason, remedy = error.reason, error.remedy or None
            log.error("the new configuration is not used", reason=reason, remedy=remedy)  # noqa: TRY400  no defect
        supervisor.ready(self.standing.line())

    def _take_up(self, old: Settings) -> None:
        """Begin anew with the settings that were just read; with the old ones where these will not do.

        Raises:
            SyncdError: they will not do.
        """
        new = self.settings
        self._is_proven = True  # a mistake that shows later is reported, and does not end a daemon that worked
        self._stop()
        self.turns.close()
        self._set_up()
        try:
            self.turns.open()
        except SyncdError:
            self.settings = old
            self._set_up()
            self.turns.open()
            self._start()
            raise
        assert self.settings is new
        self._start()
        log.info("the new configuration is in use", media_dir=os.fspath(new.media_dir))


def _ended() -> Unreachable:
    return Unreachable("the daemon ended before the run did", "run it again")
