"""`syncd approve`: let waiting items go ahead; without a number, list what waits."""

from __future__ import annotations

import click

from syncd.cli import document, once
from syncd.cli.exits import Ending
from syncd.cli.held import named, tell_waiting, waiting
from syncd.cli.numbers import waiting_number
from syncd.cli.options import common_options, pass_session
from syncd.cli.report import count, files_of
from syncd.cli.session import Session
from syncd.model.numbers import NumberKind


@click.command("approve")
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=waiting_number)
@click.option("--all", "everything", is_flag=True, help="Approve all that waits.")
@click.option("--now", is_flag=True, help="Sync once right away.")
@common_options
@pass_session
def command(session: Session, *, numbers: tuple[int, ...], everything: bool, now: bool) -> Ending:
    """Let waiting items go ahead; without an ID, list what waits.

    The approval is of the items as they are now: what joins them later waits for its own.
    """
    if everything and numbers:
        raise click.UsageError("name the numbers, or say --all")
    session.needs_secrets = now
    session.check_pair()
    if not everything and not numbers:
        if now:
            raise click.UsageError("--now goes with a number or --all")
        return _list(session)
    with session.state(write=True) as state:
        known = state.held()
        sets = waiting(known)
        chosen = sets if everything else named(known, numbers, approved=False)
        for held in chosen:
            state.approve(held.id)
    if session.wants_report:
        for held in chosen:
            session.report.line(
                f"Approved number {NumberKind.WAITING.written(held.id)}: {count(files_of(held), 'file')}."
            )
        if not chosen:
            session.report.line("Nothing waits for you.")
        elif not now:
            session.report.line(session.what_follows("carries this out"))
    own = {"approved": [held.id for held in chosen]}
    if not now:
        return Ending(document={**own, "held": document.of_held(held for held in sets if held not in chosen)})
    ending = once.run(session, full=False, dry_run=False)
    return Ending(ending.code, {**ending.document, **own})


def _list(session: Session) -> Ending:
    with session.state() as state:
        sets = state.held()
    if session.wants_report:
        tell_waiting(session.report, sets)
    return Ending(document={"approved": [], "held": document.of_held(sets)})
