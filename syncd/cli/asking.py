"""A question on the terminal that is answered with yes or no."""

from __future__ import annotations

import sys

from syncd.cli.exits import Interrupted
from syncd.cli.session import Session


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
