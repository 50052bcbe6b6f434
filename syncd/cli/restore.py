"""`syncd restore`: say no to a deletion that waits, and have the missing end brought back."""

from __future__ import annotations

import click

from syncd.cli import document, once
from syncd.cli.exits import Ending
from syncd.cli.held import left_of, named, tell_waiting
from syncd.cli.numbers import waiting_number
from syncd.cli.options import common_options, pass_session
from syncd.cli.report import count
from syncd.cli.session import Session
from syncd.model.numbers import NumberKind
from syncd.model.plan import HeldSet, HoldKind


@click.command("restore")
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=waiting_number)
@click.option("--now", is_flag=True, help="Sync once right away.")
@common_options
@pass_session
def command(session: Session, *, numbers: tuple[int, ...], now: bool) -> Ending:
    """Bring back files whose deletion waits; without an ID, list them.

    What was deleted in the media folder is fetched again, what was deleted in Gramps Web is brought back there. An approval
    that no run has carried out yet is taken back.
    """
    session.needs_secrets = now
    session.check_pair()
    if not numbers:
        if now:
            raise click.UsageError("--now goes with a number")
        with session.state() as state:
            sets = [held for held in state.held() if held.approved or held.kind is not HoldKind.FIRST_SYNC]
        if session.wants_report:
            tell_waiting(session.report, sets, "No deletion waits for you.")
        return Ending(document={"restored": [], "held": document.of_held(sets)})
    with session.state(write=True) as state:
        sets = state.held()
        chosen = named(sets, numbers, approved=True)
        _refuse_first_sync(chosen)
        left = [left_of(held, state) for held in chosen]
        with state.batch():
            for held in left:
                if held.kind is HoldKind.FIRST_SYNC:
                    state.disapprove(held.id)
                else:
                    state.ask_restore(item.handle for item in held.items)
                    state.drop_held(held.id)
    if session.wants_report:
        _tell(session, chosen, left, now=now)
    own = {"restored": [held.id for held in chosen]}
    if not now:
        return Ending(document={**own, "held": document.of_held(held for held in sets if held not in chosen)})
    ending = once.run(session, full=False, dry_run=False)
    return Ending(ending.code, {**ending.document, **own})


def _refuse_first_sync(chosen: list[HeldSet]) -> None:
    for held in chosen:
        if held.kind is HoldKind.FIRST_SYNC and not held.approved:
            raise click.UsageError(
                f"number {NumberKind.WAITING.written(held.id)} is a first sync: nothing is deleted there; "
                f"syncd approve {NumberKind.WAITING.written(held.id)} goes ahead, leaving it alone changes nothing"
            )


def _tell(session: Session, chosen: list[HeldSet], left: list[HeldSet], *, now: bool) -> None:
    """Say what comes back; of an approval that was carried out in part, only what is `left`."""
    for held in chosen:
        if held.kind is HoldKind.FIRST_SYNC:
            session.report.line(f"Number {NumberKind.WAITING.written(held.id)} waits for you again.")
    actions = [item.action for held in left for item in held.items]
    if gone := sum(len(held.items) for held in chosen) - len(actions):
        session.report.line(
            f"{count(gone, 'file')} of these {'was' if gone == 1 else 'were'} deleted already: see syncd trash list"
        )
    to_folder, to_web = actions.count("delete"), actions.count("trash")
    for number, where in ((to_folder, "the media folder"), (to_web, "Gramps Web")):
        deed = f"brings {count(number, 'file')} back into {where}"
        if number and session.stood_aside is not None and not now:
            session.report.line(session.what_follows(deed))
        elif number:
            session.report.line(f"{'Now' if now else 'The next run (syncd --once)'} {deed}.")
