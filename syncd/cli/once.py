"""`syncd --once`: one run, its progress, its report.

Under `-q` a stop, a held set, a problem or a failure is told once: the state remembers what was told until it is
gone. What happens only once by its nature (a conflict, most notices) is always told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from syncd.cli import document
from syncd.cli.exits import Ending, code_of
from syncd.cli.report import Selection, tell, tell_stop
from syncd.cli.session import Session
from syncd.errors import LockedError, StopError, SyncdError
from syncd.model.plan import Notice, Outcome
from syncd.model.values import Problem, Stop
from syncd.ports import Progress, SilentProgress

LONG_RUN = 86_400
"""Seconds after which a run that keeps others out is worth a mail."""


def run(session: Session, *, full: bool, dry_run: bool) -> Ending:
    """Sync once and report."""
    session.settings()
    try:
        with progress_for(session) as progress:
            outcome = session.run_once(full=full, dry_run=dry_run, progress=progress)
    except SyncdError as error:
        session.told = not dry_run and _is_told(session, error) and session.quiet
        raise
    outcome = replace(outcome, dry_run=dry_run)  # a stop comes before that is known
    _report(session, outcome)
    return Ending(code_of(outcome), document.of_outcome(outcome))


@contextmanager
def progress_for(session: Session) -> Iterator[Progress]:
    """A bar for a person who looks on, silence for everybody else."""
    if session.quiet or not session.err.is_terminal or session.err.is_dumb:
        yield SilentProgress()
        return
    from syncd.cli.progress import shown  # noqa: PLC0415  (rich is slow to import and not needed by cron)

    with shown(session.err) as progress:
        yield progress


def _report(session: Session, outcome: Outcome) -> None:
    if not session.wants_report and outcome.stop is None:
        return
    waiting = [held for held in outcome.held if not held.approved]
    chosen = Selection(problems=outcome.problems, held=waiting, notices=outcome.notices)
    if not outcome.dry_run:
        chosen = _remember(session, outcome, chosen)
    if outcome.stop is not None:
        if chosen.stop:
            tell_stop(session.err, outcome.stop.reason, outcome.stop.remedy)
    else:
        tell(session.report, outcome, chosen, verbose=session.verbosity > 0)


def _remember(session: Session, outcome: Outcome, everything: Selection) -> Selection:
    """Note what is told now, so that `-q` does not tell it again; under `-q`, choose what is new."""
    if outcome.stop is not None:
        return Selection(stop=session.remember_failure(_of_stop(outcome.stop)) or not session.quiet)
    lasting = {_of_notice(notice) for notice in everything.notices if notice.lasts}
    fingerprints = {_of_problem(problem) for problem in everything.problems} | lasting
    news, untold = session.remember_told(fingerprints, {held.id for held in everything.held})
    if not session.quiet:
        return everything
    problems = [problem for problem in everything.problems if _of_problem(problem) in news]
    held = [one for one in everything.held if one.id in untold]
    notices = [one for one in everything.notices if not one.lasts or _of_notice(one) in news]
    something = bool(problems or held or outcome.conflicts or notices)
    return Selection(summary=something, deeds=False, problems=problems, held=held, notices=notices)


def _is_told(session: Session, error: SyncdError) -> bool:
    """Whether a failure is nothing new.

    That an earlier run is still at work is no news to anybody before it lasted a day.
    """
    if isinstance(error, LockedError):
        return session.locked_for() < LONG_RUN
    return not session.remember_failure(_of_error(error))


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
