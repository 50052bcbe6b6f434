"""A question on the terminal that is answered with yes or no."""

from __future__ import annotations

import sys

import click

from syncd.cli.exits import Interrupted
from syncd.cli.session import Session


def see_that_somebody_is_there(session: Session) -> None:
    """Refuse to ask into the void.

    Raises:
        click.UsageError: there is nobody.
    """
    if session.json or not (sys.stdin and sys.stdin.isatty() and session.out.is_terminal):
        raise click.UsageError("nobody is there to be asked: say --yes; nothing was changed")


def agrees(session: Session, question: str) -> bool:
    """Ask; Ctrl-C is a no, and ends as it does everywhere."""
    session.report.stream.write(f"{question} [y/N] ")
    session.report.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except Interrupted:
        session.report.line("")
        session.report.line("Nothing was changed.")
        session.told = True
        raise
