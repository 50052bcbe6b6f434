"""`syncd resume`: let the daemon go on after `syncd pause`."""

from __future__ import annotations

import click

from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.running import document_of, tell_live, the_daemon
from syncd.cli.session import Session


@click.command("resume")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """Have the running daemon go on after a pause.

    It looks at everything that may have changed meanwhile.
    """
    session.needs_secrets = False
    with the_daemon(session) as daemon:
        live = daemon.resume()
    if session.wants_report:
        tell_live(session.report, live)
    return Ending(document={"daemon": document_of(live)})
