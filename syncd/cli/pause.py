"""`syncd pause`: let the daemon do nothing by itself, for a while or until `syncd resume`."""

from __future__ import annotations

import click

from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.running import document_of, tell_live, the_daemon
from syncd.cli.session import Session

LONGEST_DAYS = 366


def _seconds(context: click.Context, parameter: click.Parameter, written: str | None) -> float | None:
    """A duration as in the configuration, in seconds."""
    if written is None:
        return None
    from syncd.config.durations import parse_duration  # noqa: PLC0415  (pydantic is slow to import)

    try:
        seconds = parse_duration(written)
    except ValueError as error:
        raise click.BadParameter(f"'{written}' {error}", context, parameter) from error
    if not 0 < seconds <= LONGEST_DAYS * 86_400:
        raise click.BadParameter(
            f"'{written}' is no time to pause for: more than nothing, and at most {LONGEST_DAYS} days",
            context,
            parameter,
        )
    return seconds


@click.command("pause")
@click.option(
    "--for",
    "seconds",
    metavar="DURATION",
    callback=_seconds,
    help="Go on by itself after so long: 30m, 2h, 1d.",
)
@common_options
@pass_session
def command(session: Session, *, seconds: float | None) -> Ending:
    """Have the running daemon do nothing by itself, for a while or until resume.

    What is under way is broken off cleanly. What is asked for (syncd sync, syncd --once) is done all the same.
    """
    session.needs_secrets = False
    with the_daemon(session) as daemon:
        live = daemon.pause(seconds)
    if session.wants_report:
        tell_live(session.report, live)
    return Ending(document={"daemon": document_of(live)})
