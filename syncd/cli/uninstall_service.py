"""`syncd uninstall-service`: take back what `syncd install-service` did."""

from __future__ import annotations

import os

import click

from syncd.cli.exits import Ending
from syncd.cli.install_service import approach, check_name
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session


@click.command("uninstall-service")
@click.option("--name", metavar="NAME", callback=check_name, help="One of several services.")
@common_options
@pass_session
def command(session: Session, *, name: str | None) -> Ending:
    """Stop what install-service started, and remove the units that it wrote.

    Configuration, state, trash and photos stay as they are. A unit that you changed is stopped, but not removed.
    """
    from syncd.installing import uninstall  # noqa: PLC0415  (only where it is needed)

    manager, order = approach(session, name)
    done = uninstall(order, manager, os.environ)
    if session.wants_report and not session.quiet:
        paper = session.report
        if not done.stopped:
            paper.line("There is nothing to uninstall.")
        for unit in done.stopped:
            paper.line(f"stopped and disabled {unit}")
        for path in done.files:
            paper.line(f"removed {path}")
        for path in done.kept:
            paper.line(f"{path} stays: you wrote or changed it yourself")
        if done.others:
            listed = ", ".join(f"--name {one}" for one in done.others)
            paper.line(f"Still installed: {listed}")
    return Ending(
        document={
            "service": {
                "stopped": list(done.stopped),
                "removed": [str(path) for path in done.files],
                "kept": [str(path) for path in done.kept],
                "others": list(done.others),
            }
        }
    )
