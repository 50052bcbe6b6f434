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
from pathlib import Path

from syncd import __version__
from syncd.config import Settings, find_credentials
from syncd.control.contract import Doing
from syncd.control.server import ControlServer
from syncd.errors import LockedError, SyncdError
from syncd.ignore import IGNORE_FILE, IgnoreRules
from syncd.logger import Logger
from syncd.observer import Changes
from syncd.scanner.trouble import shown
from syncd.service.agenda import NOTHING, Agenda, Due
from syncd.service.aside import Aside
from syncd.service.checks import Checks
from syncd.service.echo import news
from syncd.service.engine import SocketEngine
from syncd.service.interruption import Interruption
from syncd.service.notify import Supervisor
from syncd.service.pace import Pace
from syncd.service.pause import Pause
from syncd.service.schedule import Schedule
from syncd.service.standing import Standing
from syncd.service.turns import Turns
from syncd.service.work import Work, ended
from syncd.watcher import Watcher

log = Logger(__name__)

RETURN_SECONDS = 0.5
"""How often it is tried to take the state again after others had it."""
HAND_OVER_SECONDS = 1.0
"""Whoever had the state may hand over a run at once (`approve --now`), and wants to see what comes of it."""


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

    _work: Work = field(init=False)
    _checks: Checks = field(init=False)
    _control: ControlServer | None = None
    _listens_at: tuple[Path, Path | None] | None = None
    _rejected: Settings | None = None
    """Settings that would not do."""
    _ignored: IgnoreRules = field(default_factory=IgnoreRules)

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
        pace = Pace(daemon.check_web_every)
        self.schedule = Schedule(self.agenda, full_every=daemon.full_check_every)
        self._checks = Checks(self.schedule, pace)
        self._work = Work(
            self.turns, pace, self._checks, self.standing, self.crashed, before_whole=self._read_ignored
        )

    def _listen(self) -> None:
        """Be reached where the configuration says; whoever is connected already stays so where that is the same place."""
        settings, control = self.settings, self._control
        place = (settings.state_file, settings.source)
        if control is not None and self._listens_at != place:
            control.stop()
            control = None
        if control is None:
            self._listens_at = place
            control = self._control = ControlServer(
                SocketEngine(self), settings.state_file, self.environ, config=settings.source
            )
        control.ensure()

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
            log.info(
                "syncd begins",
                version=__version__,
                media_dir=os.fspath(self.settings.media_dir),
                gramps_web=self.settings.gramps.url,
            )
            self.standing.supervisor.ready(self.standing.line())
            while True:
                self._turn(self.agenda.wait(self._patience()))
                self.turns.teller.watched(self.watcher.health)
                self.turns.rest()
        finally:
            self.standing.supervisor.stopping("ending")
            self._stop()
            self.turns.close()
            log.info("syncd ends")

    def reload(self) -> None:
        """Read the configuration again; may be called in a signal's handler."""
        self.agenda.post(Due(reload=True))

    def _start(self) -> None:
        self.pause.read(self.turns.rooms.state)
        self.watcher.start()
        self._listen()
        self.schedule.start()
        self._checks.plan()
        self._work.want(Due(whole="the start", full=True, tidy=True))
        if self.pause.is_on:
            log.info("still paused", remedy="go on with: syncd resume")
        self.agenda.poke()

    def _stop(self) -> None:
        """End all threads; who waits for a run hears first that there will be none."""
        for job in self.agenda.wait(0).jobs:
            job.end(None, ended())
        if self._control is not None:
            _end(self._control.stop)
        self._stand_still()

    def _stand_still(self) -> None:
        """End the threads that tell of what is due."""
        _end(self.schedule.stop)
        _end(self.watcher.stop)

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at, whatever is told."""
        watchdog = self.standing.supervisor.watchdog
        waits = [self._checks.late_in(), watchdog / 2 if watchdog else inf]
        if self.pause.is_on:
            waits.append(self.pause.left())
        else:
            soon = [wait for wait in (self.watcher.due_in(), self.turns.later.due_in()) if wait is not None]
            if self._work.is_wanted:
                soon.append(0.0)
            if soon:
                waits.append(max(min(soon), self._work.pace.blocked()))
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
        elif self.standing.doing in (Doing.STOPPED, Doing.AWAY) and (due.jobs or self._is_next_try()):
            self._read_again(asked=False)  # what is wrong may have been corrected there
        for job in due.jobs:
            with self._work.guarded():
                self._take_hints()
            self.interruption.clear(self.pause)
            self._work.do_for(job)
        self._work.want(due.without_jobs())
        if due.at_once:
            self._work.pace.at_once()
            self.turns.later.at_once()
        if self.pause.ended():
            self._work.want(Due(whole="the pause is over"))
        if due.check or self._checks.is_late():
            with self._work.guarded():
                self._regular_check(planned=due.check)
        if self.pause.is_on:
            self.interruption.clear(self.pause)
            self.standing.now(Doing.PAUSED)
            return
        with self._work.guarded():
            self._take_hints()
        if self._is_next_try():
            self._work.do()

    def _is_next_try(self) -> bool:
        return self._work.is_wanted and self._work.pace.blocked() == 0 and not self.pause.is_on

    def _take_hints(self) -> None:
        """Take in what the watcher told, without what the daemon wrote itself."""
        hint, work = self.watcher.take(), self._work
        if hint.scan is not None:
            work.want(Due(whole=hint.scan))
            if self.standing.doing is Doing.STOPPED:  # the folder may be back
                work.pace.at_once()
        if IGNORE_FILE in hint.paths:
            work.want(Due(whole="the list of ignored names changed"))
            if self.standing.doing is Doing.STOPPED:
                work.pace.at_once()
        self.turns.later.hurry({shown(path) for path in hint.paths})
        if self.turns.later.take_crowd():
            work.want(Due(whole="many items wait"))
        if hint.paths and work.wanted.whole is None:
            paths = news(self.settings.media_dir, hint.paths, self.turns.rooms.state, self._ignored)
            work.want(NOTHING, Changes(paths))
        work.want(NOTHING, self.turns.later.take())

    def _regular_check(self, *, planned: bool) -> None:
        """See that everything is where it was, and plan the next check."""
        self._work.want(Due(check=True))
        if not planned:
            self.schedule.clock_was_set()
        self.watcher.check()
        self._listen()
        if not self.turns.folder_is_there():
            self._work.want(Due(whole="the media folder is not where it was"))
        if self.turns.desktop_changed():
            self._work.want(Due(whole="Gramps Desktop's family tree changed"))
        self._checks.plan()

    # --- what others ask for --------------------------------------------------------------------------------------

    def _stand_aside(self) -> None:
        """Let go of everything until those who asked are done, then look anew: the state may have been bound anew."""
        self.turns.close()
        self._be_aside()
        self._open_in_time()
        self.pause.read(self.turns.rooms.state)
        self._work.pace.at_once()
        self._work.pace.hold(HAND_OVER_SECONDS)
        self._work.want(Due(whole="another command was at work"))

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
        self._read_again(asked=True)
        supervisor.ready(self.standing.line())

    def _read_again(self, *, asked: bool) -> None:
        """Take up what is new in the configuration; unless somebody asked for it, only that is worth a word."""
        try:
            new = self.load()
        except SyncdError as error:
            if asked:
                self._tell_rejected(error)
            else:  # whoever is at it has it told by a command
                log.debug("the new configuration is not used", reason=error.reason)
            return
        if _are_same(new, self.settings):
            if asked:
                remedy = "secrets of systemd's own are new after a restart" if self._has_systemd_s() else None
                log.info("the configuration was read again; nothing in it has changed", remedy=remedy)
        elif (not asked and _are_same(new, self._rejected)) or not self._take_up(new):
            return
        self.standing.rejected = ""
        for warning in new.warnings if asked else ():
            log.warning(warning)

    def _tell_rejected(self, error: SyncdError) -> None:
        reason, remedy = error.reason, error.remedy.partition("\n")[0].rstrip(":") or None
        log.error("the new configuration is not used", reason=reason, remedy=remedy)
        self.standing.rejected = " ".join(reason.split())

    def _has_systemd_s(self) -> bool:
        """Whether systemd handed over secrets: copies, made when it started this process."""
        return find_credentials(None, self.environ) is not None

    def _take_up(self, new: Settings) -> bool:
        """Begin anew with other settings; with the old ones where these will not do. Whether they do."""
        old, self.settings = self.settings, new
        self._stand_still()
        self.turns.close()
        self._set_up_anew()
        try:
            self.turns.open()
        except SyncdError as error:
            if not (isinstance(error, LockedError) and new.state_file == old.state_file):
                self._tell_rejected(error)
                self._rejected, self.settings = new, old
                self._set_up_anew()
            # Another run may have come in between, or the old ones will not do any more either.
            self._open_in_time(self._look_for_others)
        else:
            self._rejected = None
        self._start()
        if _are_same(self.settings, old):
            return False
        log.info("the new configuration is in use", media_dir=os.fspath(self.settings.media_dir))
        return True

    def _set_up_anew(self) -> None:
        self._set_up()
        # A mistake that shows later is reported, and does not end a daemon that worked.
        self._work.is_proven = True

    def _be_aside(self) -> None:
        """Be out of the way for as long as anybody asks, with everything let go of."""
        self.standing.now(Doing.ASIDE)
        self.aside.wait(self.standing.supervisor)

    def _open_in_time(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Take the state as soon as that is possible; `meanwhile` is called between two tries."""
        while not self._is_back():
            if self.aside.is_wanted:
                self._be_aside()
            self.standing.supervisor.alive()
            time.sleep(RETURN_SECONDS)
            meanwhile()

    def _look_for_others(self) -> None:
        """Go on with whatever the configuration says by now, unless that would not do before."""
        with suppress(SyncdError):
            settings = self.load()
            if not (_are_same(settings, self.settings) or _are_same(settings, self._rejected)):
                self.settings = settings
                self.standing.rejected = ""
                self._set_up_anew()


def _are_same(one: Settings, other: Settings | None) -> bool:
    """Whether two configurations say the same; that something is said which would be so anyway counts, too."""
    return (
        other is not None
        and one == other
        and (one.source, one.model_fields_set) == (other.source, other.model_fields_set)
    )


def _end(end: Callable[[], None]) -> None:
    try:
        end()
    except Exception:
        log.debug("a part of the daemon did not end cleanly", exc_info=True)
