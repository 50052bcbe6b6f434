"""`syncd install-service`: let systemd run syncd for this account, all the time or every five minutes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli import document
from syncd.cli.exits import Ending
from syncd.cli.hints import with_config
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session
from syncd.errors import ExitCode

if TYPE_CHECKING:
    from syncd.installing import Installed, Manager, Order


def check_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """See that a name can be one of a unit."""
    from syncd.installing.units import INSTANCE  # noqa: PLC0415  (only where it is needed)

    if value is not None and not INSTANCE.fullmatch(value):
        raise click.UsageError("--name takes letters, digits, - and _")
    return value


@click.command("install-service")
@click.option("--timer", is_flag=True, help="Sync every five minutes instead of staying in the background.")
@click.option(
    "--name",
    metavar="NAME",
    callback=check_name,
    help="One of several services; without --config it is for NAME.toml, beside syncd.toml.",
)
@common_options
@pass_session
def command(session: Session, *, timer: bool, name: str | None) -> Ending:
    """Let systemd run syncd for you, from now on and whenever you log in.

    The units are written to ~/.config/systemd/user, enabled and started, and it is seen that they come up. One that
    you changed is not overwritten: put changes into a drop-in (systemctl --user edit syncd).
    """
    from syncd.installing import install  # noqa: PLC0415  (only where it is needed)

    manager, order = approach(session, name, timer=timer)
    done = install(order, manager, os.environ)
    if not session.quiet and (session.wants_report or not done.up):
        _tell(session, done, timer=timer)
    return _ending(session, done)


def approach(session: Session, name: str | None, *, timer: bool = False) -> tuple[Manager, Order]:
    """The systemd of this account, and what is asked of it.

    Raises:
        ConfigError: there is none.
    """
    from syncd.installing import Manager, Order  # noqa: PLC0415  (only where they are needed)

    program = _program()
    words = [str(program), "--once", "-q"]
    if session.config is not None:
        words += ["--config", os.path.abspath(session.config)]  # noqa: PTH100  (see _program)
    cron_line = f"*/5 * * * *  {shlex.join(words)}"
    manager = Manager.find(os.environ, cron_line)
    return manager, Order(program, session.config, name, timer=timer)


def _program() -> Path:
    """`syncd` as it was called: links on the way stay, for they may lead elsewhere after an upgrade."""
    called = Path(sys.argv[0])
    if called.name == "syncd":
        found = called if called.exists() else Path(shutil.which("syncd") or "")
        if found.is_file():
            return Path(os.path.abspath(found))  # noqa: PTH100  (Path.resolve would follow links)
    return Path(sys.executable).with_name("syncd")


def _tell(session: Session, done: Installed, *, timer: bool) -> None:
    paper = session.report
    for path in done.before.files:
        paper.line(f"removed {path}: one of the two is enough")
    for path in done.before.kept:
        paper.line(f"stopped {path.name}, which you wrote or changed yourself; its file stays")
    for path in done.files if done.changed else ():
        paper.line(f"wrote {path}")
    if not done.up:
        return
    if done.reloaded:
        paper.line("it ran already, and reads its configuration again")
    what = "is enabled; it syncs every five minutes" if timer else "is enabled and runs"
    status = f": {done.standing.status}" if done.standing.status.strip() else ""
    paper.line(f"{done.unit} {what}{status}")
    if done.unseen:
        paper.line(
            f"It does not see what your shell sets ({', '.join(done.unseen)}): write it into the configuration."
        )
    if not done.lingers:
        paper.line("It runs while you are logged in. To sync at other times, too: loginctl enable-linger")
    status = with_config("syncd status", done.config if session.config is None else None)
    paper.line(f"What it does: {status}, and journalctl --user --user-unit={_service_of(done.unit)}")


def _service_of(unit: str) -> str:
    return unit.removesuffix(".timer").removesuffix(".service")


def _ending(session: Session, done: Installed) -> Ending:
    found: Mapping[str, Any] = {
        "service": {
            "unit": done.unit,
            "files": [str(path) for path in done.files],
            "changed": done.changed,
            "reloaded": done.reloaded,
            "active": done.standing.active,
            "enabled": done.standing.enabled,
            "status": done.standing.status,
            "lingers": done.lingers,
            "removed": [str(path) for path in done.before.files],
            "kept": [str(path) for path in done.before.kept],
        }
    }
    if done.up:
        return Ending(document=found)
    ended = f"exit code {done.standing.exit_code}" if done.standing.exit_code else done.standing.result
    reason = f"{done.unit} was written and enabled, but does not come up ({done.standing.active}, {ended})"
    service = _service_of(done.unit)
    instance = service.partition("@")[2]
    remedy = (
        f"see journalctl --user --user-unit={service}; systemctl --user restart {done.unit} tries again, "
        f"syncd uninstall-service{f' --name {instance}' if instance else ''} takes it away"
    )
    session.err.line(f"syncd: {reason}", style="bold red")
    for line in done.last_words:
        session.err.line(f"  | {line}")
    session.err.line(f"  {remedy}")
    return Ending(ExitCode.PROBLEMS, {**found, **document.of_error(reason, remedy)})
