"""`syncd undo`: put back what a sync did to a file."""

from __future__ import annotations

import time

import click

from syncd.cli import once
from syncd.cli.exits import Ending
from syncd.cli.history import document_of
from syncd.cli.numbers import event_number
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session
from syncd.model.numbers import NumberKind


@click.command("undo")
@click.argument("number", metavar="ID", type=event_number)
@click.option("--now", is_flag=True, help="Sync once right away.")
@common_options
@pass_session
def command(session: Session, *, number: int, now: bool) -> Ending:
    """Put back what a sync did: by its number in the history.

    A file that was replaced, moved or put into the trash, a media object that was changed, added or deleted: as long
    as nobody has changed it since, and for as many days as the trash keeps files.
    """
    from syncd.bound import open_bound  # noqa: PLC0415  (--help must not wait for an HTTP client)
    from syncd.undoing import undo  # noqa: PLC0415

    with session.aside(), open_bound(session.settings(), keep=True) as rooms:
        event = rooms.state.event(number)
        if event is None:
            raise click.UsageError(
                f"nothing is known under number {NumberKind.EVENT.written(number)}; syncd history FILE shows what there is"
            )
        undone = undo(rooms, event, now=time.time())
        event = rooms.state.event(number) or event
    if session.wants_report:
        session.report.line(undone.text)
        if undone.follows and not now:
            session.report.line(session.what_follows(undone.follows))
    own = {"undone": document_of(event)}
    if not now:
        return Ending(document=own)
    ending = once.run(session, full=False, dry_run=False)
    return Ending(ending.code, {**ending.document, **own})
