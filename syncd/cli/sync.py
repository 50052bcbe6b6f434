"""`syncd sync`: what `syncd --once` does, made by the daemon that runs, or not at all."""

from __future__ import annotations

import click

from syncd.cli import once
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.running import the_daemon
from syncd.cli.session import Session


@click.command("sync")
@click.option("--full", is_flag=True, help="Look at everything, trust no shortcut.")
@common_options
@pass_session
def command(session: Session, *, full: bool) -> Ending:
    """Have the running daemon sync now, and look on.

    Report and exit code are those of syncd --once. Where no daemon runs nothing is done.
    """
    session.needs_secrets = False
    return once.hand_over(session, the_daemon(session, "; or sync without it: syncd --once"), full=full)
