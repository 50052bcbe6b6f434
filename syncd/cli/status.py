"""`syncd status`: one page on how things are, from the running daemon and the state file, or from the state file alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import document
from syncd.cli.adopt import place
from syncd.cli.conflicts import local_time, unsettled, utc_time
from syncd.cli.exits import Ending, first_that_applies
from syncd.cli.held import left_of, waiting, what_follows
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import count, files_of, size_in_words, summary
from syncd.cli.running import document_of, tell_live
from syncd.cli.session import Session
from syncd.control.contract import Doing, Live
from syncd.errors import ExitCode, LockedError
from syncd.model import Detached
from syncd.model.numbers import NumberKind
from syncd.model.plan import HeldSet

if TYPE_CHECKING:
    from syncd.control.last import Failure, Last
    from syncd.state import Binding, KnownConflict

ROWS = 5
"""How many rows of a list are shown; the commands that a list names show all."""

_LASTING = (
    ExitCode.USAGE,
    ExitCode.STATE,
    ExitCode.LOCKED,
    ExitCode.UNREACHABLE,
    ExitCode.PERSON_NEEDED,
)


@dataclass(frozen=True, slots=True)
class OneSided:
    """How many files are on one side only.

    Args:
        waiting: they were deleted on one side, and that waits for an answer.
        approved: the answer was yes, and the next run carries it out.
        returning: the next run brings back what is missing.
        folder_only: their media objects are gone, and they are to stay.
        web_only: the other way round.
    """

    waiting: int = 0
    approved: int = 0
    returning: int = 0
    folder_only: int = 0
    web_only: int = 0

    def in_words(self) -> str:
        """`1 file, whose deletion waits; 2 files, left in the media folder on purpose`; empty where there is none."""
        parts = (
            (self.waiting, "whose deletion waits"),
            (self.approved, "whose deletion you approved"),
            (self.returning, "to be brought back by the next run"),
            (self.folder_only, "left in the media folder on purpose"),
            (self.web_only, "left in Gramps Web on purpose"),
        )
        return "; ".join(f"{count(number, 'file')}, {what}" for number, what in parts if number)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are.

    Args:
        live: what the daemon says; None: none runs, or it does not answer.
        mute: why it does not answer.
        binding: what the state belongs to; None before the first sync.
        links: how many files are in step with a media object.
        one_sided: how many are on one side only.
        held: what waits for a person.
        approved: what a person let go ahead, and no run has carried out yet.
        conflicts: those that wait for a person to choose.
        last: how the last runs ended.
        last_full: when everything was compared last, in Unix seconds.
        trash: how many files the trash holds, and their bytes.
        rotten: how many files were found to have rotted, and were not healed since.
    """

    live: Live | None
    mute: LockedError | None
    binding: Binding | None
    links: int
    one_sided: OneSided
    held: Sequence[HeldSet]
    approved: Sequence[HeldSet]
    conflicts: Sequence[KnownConflict]
    last: Last
    last_full: float | None
    trash: tuple[int, int]
    rotten: int

    @property
    def code(self) -> ExitCode:
        """What a script is to know of it."""
        codes = [ExitCode.OK]
        if self.mute is not None:
            codes.append(self.mute.exit_code)
        if self.live is not None and self.live.doing is Doing.AWAY:
            codes.append(ExitCode.UNREACHABLE)
        if self.held or (self.live is not None and self.live.doing is Doing.STOPPED):
            codes.append(ExitCode.PERSON_NEEDED)
        if self.last.problems:
            codes.append(ExitCode.PROBLEMS)
        if self.last.failure is not None:
            # A defect is over when its run is; that it kept the run from its end is not.
            code = self.last.failure.exit_code
            codes.append(ExitCode(code) if code in _LASTING else ExitCode.PROBLEMS)
        return first_that_applies(codes)


@click.command("status")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """Show what the daemon is doing, what was done last and what waits for you.

    Where no daemon runs, all that the state file knows.
    """
    session.needs_secrets = False
    standing = _look(session)
    if session.wants_report:
        _tell(session, standing)
    return Ending(standing.code, _document(standing))


def _look(session: Session) -> Standing:
    from syncd.control.last import read_last  # noqa: PLC0415  (--help must not wait for the state)

    live, mute = None, None
    try:
        daemon = session.daemon()
        if daemon is not None:
            with daemon:
                live = daemon.live()
    except LockedError as error:
        mute = error
    with session.state() as state:
        trash = state.trash()
        sets = state.held()
        asked, agreed, returning, left = state.count_apart()
        gone = left.get(Detached.OBJECT_GONE, 0), left.get(Detached.FILE_GONE, 0)
        return Standing(
            live=live,
            mute=mute,
            binding=state.binding(),
            links=state.count_links() - asked - agreed - returning - sum(left.values()),
            one_sided=OneSided(asked, agreed, returning, *gone),
            held=waiting(sets),
            approved=[left_of(held, state) for held in sets if held.approved],
            conflicts=unsettled(state, session.settings().media_dir),
            last=read_last(state),
            last_full=state.last_full(),
            trash=(len(trash), sum(entry.size for entry in trash)),
            rotten=state.count_rot(),
        )


# --- for people ----------------------------------------------------------------------------------------------------


def _tell(session: Session, standing: Standing) -> None:
    paper = session.report
    if standing.live is not None:
        tell_live(paper, standing.live)
    elif standing.mute is not None:
        paper.line(f"Not known: {standing.mute.reason}", style="bold red")
        paper.line(f"  {standing.mute.remedy}")
    else:
        paper.line("No daemon is running.", style="bold")
        found = session.unit()
        if found is not None and found[0].is_timer:
            paper.line(f"  {found[0].unit} syncs every five minutes: systemctl --user list-timers")
        elif found is not None:
            paper.line(f"  Start it with: {found[1]}")
    paper.line()
    for what, text in _facts(session, standing):
        paper.line(f"{what + ':':<16}{text}")
    _tell_what_waits(paper, standing)
    _tell_problems(paper, standing.last)


def _facts(session: Session, standing: Standing) -> Iterator[tuple[str, str]]:
    binding = standing.binding
    if binding is None:
        yield "Media folder", f"{session.settings().media_dir} (not synced yet; look first with: syncd check)"
    else:
        yield "Media folder", binding.media_dir
        yield "Gramps Web", f"'{binding.title}' at {binding.server_url}"
        yield "Media kept in", place(binding.bucket, binding.prefix)
        first = "; both sides were not compared to the end yet" if binding.first_contact else ""
        yield "In both", f"{count(standing.links, 'file')}{first}"
        if apart := standing.one_sided.in_words():
            yield "On one side", apart
        if standing.rotten:
            yield (
                "Rotten",
                f"{count(standing.rotten, 'file')}, found by syncd verify; syncd verify --repair heals them",
            )
    yield from _about_runs(standing)
    for held in standing.approved:
        number, files = NumberKind.WAITING.written(held.id), count(files_of(held), "file")
        yield "Approved", f"number {number}, {files}: {what_follows(held)}"
    if standing.trash[0]:
        yield "Trash", f"{count(standing.trash[0], 'file')}, {size_in_words(standing.trash[1])}"


def _about_runs(standing: Standing) -> Iterator[tuple[str, str]]:
    last = standing.last
    if last.at is not None and last.outcome is not None:
        # What waits is kept by itself; what was approved since waited then.
        waited = [replace(held, approved=False) for held in (*standing.held, *standing.approved)]
        outcome = replace(last.outcome, held=waited)
        yield "Last run", f"{local_time(last.at)}: {summary(outcome)}"
    failure = last.failure
    told_by_daemon = standing.live is not None and standing.live.reason
    if failure is not None and not told_by_daemon:
        yield _how_it_failed(failure), f"{local_time(failure.at)}: {failure.reason}"
        if failure.remedy:
            yield "What to do", " ".join(failure.remedy.splitlines())
    if standing.last_full is not None:
        yield "All compared", local_time(standing.last_full)


def _how_it_failed(failure: Failure) -> str:
    if failure.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
        return "Broken off"
    return "Stopped" if failure.is_stop else "Failed"


def _tell_what_waits(paper: Paper, standing: Standing) -> None:
    if standing.held or standing.conflicts:
        paper.line()
        paper.line("Waiting for you:", style="bold yellow")
    for held in standing.held[:ROWS]:
        number = files_of(held)
        paper.line(f"  number {NumberKind.WAITING.written(held.id)}: {count(number, 'file')}: {held.reason}")
    if standing.held:
        more = len(standing.held) - ROWS
        others = f"{more:,} more, and " if more > 0 else ""
        paper.line(f"    {others}what each is about, and what you can do: syncd approve")
    if standing.conflicts:
        number = len(standing.conflicts)
        paper.line(f"  {count(number, 'file')} with two versions, to choose from: syncd conflicts")


def _tell_problems(paper: Paper, last: Last) -> None:
    if not last.problems:
        return
    paper.line()
    paper.line(f"{count(last.problems, 'problem')}:", style="bold red")
    problems = () if last.outcome is None else last.outcome.problems
    why, do = ("", "") if paper.is_terminal else ("why: ", "to do: ")
    paper.table(
        ("file", "why", "what to do"),
        [(one.path or "(no name)", why + one.reason, do + one.remedy) for one in problems[:ROWS]],
    )
    shown = min(ROWS, len(problems))
    if last.problems > shown:
        paper.line(f"  … and {last.problems - shown:,} more (syncd --once --json lists all)")


# --- for scripts ---------------------------------------------------------------------------------------------------


def _document(standing: Standing) -> dict[str, Any]:
    binding, last = standing.binding, standing.last
    return {
        "daemon": None if standing.live is None else document_of(standing.live),
        "binding": None
        if binding is None
        else {
            "media_dir": binding.media_dir,
            "tree_id": binding.tree_id,
            "title": binding.title,
            "server": binding.server_url,
            "bucket": binding.bucket,
            "prefix": binding.prefix,
            "first_contact": binding.first_contact,
        },
        "links": standing.links,
        "one_sided": asdict(standing.one_sided),
        "rotten": standing.rotten,
        "last": _document_of_last(last),
        "last_full": None if standing.last_full is None else utc_time(standing.last_full),
        "trash_size": {"files": standing.trash[0], "bytes": standing.trash[1]},
        "conflicts": [document.of_conflict(one) for one in standing.conflicts],
        "held": document.of_held(standing.held),
        "approved": [held.id for held in standing.approved],
        "problems": [] if last.outcome is None else document.of_outcome(last.outcome)["problems"],
        **_document_of_trouble(standing),
    }


def _document_of_last(last: Last) -> dict[str, Any] | None:
    if last.at is None or last.outcome is None:
        return None
    told = document.of_outcome(last.outcome)
    return {
        "at": utc_time(last.at),
        "kind": str(last.kind),
        "problems": last.problems,
        **{name: told[name] for name in ("counts", "bytes_up", "bytes_down", "seconds")},
    }


def _document_of_trouble(standing: Standing) -> dict[str, Any]:
    """Why nothing is done, in the document's own keys."""
    live, failure = standing.live, standing.last.failure
    if standing.mute is not None:
        return document.of_exception(standing.mute, stop=False)
    if live is not None and live.doing in (Doing.AWAY, Doing.STOPPED):
        return document.of_error(live.reason, live.remedy, stop=live.doing is Doing.STOPPED)
    if failure is not None:
        return document.of_error(failure.reason, failure.remedy, stop=failure.is_stop)
    return {}
