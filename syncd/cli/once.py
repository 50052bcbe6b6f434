"""`syncd --once`: one run, its progress, its report; made by the daemon where one is at work on the state.

Under `-q` a stop, a held set, a problem or a failure is told once: the state remembers what was told until it is
gone. What happens only once by its nature (a conflict, most notices) is always told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from syncd.cli import document
from syncd.cli.exits import Ending, Interrupted, code_of
from syncd.cli.report import Selection, tell, tell_part, tell_stop
from syncd.cli.session import Session
from syncd.errors import LockedError, StopError, SyncdError
from syncd.model.plan import Notice, Outcome
from syncd.model.values import Problem, Stop
from syncd.ports import Progress, SilentProgress

if TYPE_CHECKING:
    from syncd.control.client import Daemon

LONG_RUN = 86_400
"""Seconds after which a run that keeps others out is worth a mail."""


class Memory(Protocol):
    """What was told before: in the state, or with the daemon that holds it."""

    def remember_told(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """Note what of a finished run is being told, and return what of it is new."""

    def remember_failure(self, fingerprint: str) -> bool:
        """Note the failure that is being told, and return whether it is new."""


def run(session: Session, *, full: bool, dry_run: bool) -> Ending:
    """Sync once and report."""
    session.settings()
    daemon = None if dry_run else _find_daemon(session)
    if daemon is not None:
        return hand_over(session, daemon, full=full)
    try:
        with progress_for(session) as progress:
            outcome = session.run_once(full=full, dry_run=dry_run, progress=progress)
    except SyncdError as error:
        session.told = not dry_run and _is_told(session, error) and session.quiet
        raise
    outcome = replace(outcome, dry_run=dry_run)  # a stop comes before that is known
    return _ended(session, outcome, session)


def hand_over(session: Session, daemon: Daemon, *, full: bool) -> Ending:
    """Have the daemon make the run, look on, and report it as one of our own."""
    with daemon:
        if daemon.config != session.settings().source and not session.quiet:
            other = "no configuration file" if daemon.config is None else f"the configuration {daemon.config}"
            session.err.line(f"syncd: the daemon works with {other}, and so does this run", style="yellow")
        try:
            with progress_for(session) as progress:
                outcome = daemon.sync(full=full, progress=progress)
        except Interrupted:
            session.told = True
            session.err.line("syncd: interrupted", style="bold red")
            session.err.line("  the daemon goes on with the run; see: syncd status")
            raise
        except SyncdError as error:
            session.told = _is_told(session, error, daemon) and session.quiet
            part = error.part
            if isinstance(part, Outcome):
                session.begin(lambda: part)
            raise
        return _ended(session, outcome, daemon)


def _find_daemon(session: Session) -> Daemon | None:
    """The daemon to hand over to, if there is one."""
    try:
        return session.daemon()
    except LockedError as error:
        session.told = _is_told(session, error) and session.quiet
        raise


@contextmanager
def progress_for(session: Session) -> Iterator[Progress]:
    """A bar for a person who looks on, silence for everybody else."""
    if session.quiet or not session.err.is_terminal or session.err.is_dumb:
        yield SilentProgress()
        return
    from syncd.cli.progress import shown  # noqa: PLC0415  (rich is slow to import and not needed by cron)

    with shown(session.err) as progress:
        yield progress


def _ended(session: Session, outcome: Outcome, memory: Memory) -> Ending:
    _report(session, outcome, memory)
    return Ending(code_of(outcome), document.of_outcome(outcome))


def _report(session: Session, outcome: Outcome, memory: Memory) -> None:
    if not session.wants_report and outcome.stop is None:
        return
    waiting = [held for held in outcome.held if not held.approved]
    chosen = Selection(problems=outcome.problems, held=waiting, notices=outcome.notices)
    if not outcome.dry_run:
        chosen = _remember(session, outcome, chosen, memory)
    if outcome.stop is not None:
        if session.wants_report:
            tell_part(session.report, outcome, verbose=session.verbosity > 0, quiet=session.quiet)
        if chosen.stop:
            begun = bool(outcome.actions)
            tell_stop(session.err, outcome.stop.reason, outcome.stop.remedy, begun=begun)
    else:
        tell(session.report, outcome, chosen, verbose=session.verbosity > 0)


def _remember(session: Session, outcome: Outcome, everything: Selection, memory: Memory) -> Selection:
    """Note what is told now, so that `-q` does not tell it again; under `-q`, choose what is new."""
    if outcome.stop is not None:
        return Selection(stop=memory.remember_failure(_of_stop(outcome.stop)) or not session.quiet)
    lasting = {_of_notice(notice) for notice in everything.notices if notice.lasts}
    fingerprints = {_of_problem(problem) for problem in everything.problems} | lasting
    news: AbstractSet[str] = frozenset()
    untold: AbstractSet[int] = frozenset()
    if not outcome.is_quiet:  # else nothing was told before, and nothing of that kind is to be told
        news, untold = memory.remember_told(fingerprints, {held.id for held in everything.held})
    if not session.quiet:
        return everything
    problems = [problem for problem in everything.problems if _of_problem(problem) in news]
    held = [one for one in everything.held if one.id in untold]
    notices = [one for one in everything.notices if not one.lasts or _of_notice(one) in news]
    something = bool(problems or held or outcome.conflicts or notices)
    return Selection(summary=something, deeds=False, problems=problems, held=held, notices=notices)


def _is_told(session: Session, error: SyncdError, daemon: Daemon | None = None) -> bool:
    """Whether a failure is nothing new.

    That an earlier run is still at work, or that a daemon does not answer, is no news to anybody before the locks have
    been held for a day.
    """
    if isinstance(error, LockedError) and (daemon is None or not daemon.answers):
        return session.locked_for() < LONG_RUN
    memory: Memory = session if daemon is None else daemon
    return not memory.remember_failure(_of_error(error))


def _of_problem(problem: Problem) -> str:
    return _fingerprint("problem", problem.path or "", problem.handle or "", problem.reason)


def _of_notice(notice: Notice) -> str:
    return _fingerprint("notice", notice.path, notice.text)


def _of_stop(stop: Stop | StopError) -> str:
    return _fingerprint("stop", stop.reason)


def _of_error(error: SyncdError) -> str:
    if isinstance(error, StopError):
        return _of_stop(error)
    # Not by its reason: that of one and the same outage changes from run to run.
    return _fingerprint("error", type(error).__name__)


def _fingerprint(kind: str, *parts: str) -> str:
    text = "\0".join(parts).encode(errors="surrogateescape")
    return f"{kind}:{hashlib.sha256(text).hexdigest()[:32]}"
