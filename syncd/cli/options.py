"""The options that every command takes, before its name or after it, wherever people put them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from syncd.cli.session import Session

LOG_FORMATS = ("auto", "console", "json", "journal")

Function = TypeVar("Function", bound=Callable[..., Any])

pass_session = click.make_pass_decorator(Session)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put an option into the session; given twice, the later one wins, and `-v` adds up."""
    if value is None or value is False or value == 0:
        return
    session = context.find_object(Session)
    if session is None:  # completion and documentation look at commands without running one
        return
    if parameter.name == "verbosity":
        session.verbosity += value
    else:
        setattr(session, str(parameter.name), value)
    if parameter.name == "config":
        session.out.config = session.err.config = value


def common_options(function: Function) -> Function:
    """Add `--config`, `--json`, `-v`, `-q` and `--log-format`; they end in the session, not in the arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_remember,
        expose_value=False,
        help="Read this configuration file.",
    ),
    click.option(
        "--json",
        is_flag=True,
        callback=_remember,
        expose_value=False,
        help="Print one JSON document on standard output, whatever happens.",
    ),
    click.option(
        "-v",
        "--verbose",
        "verbosity",
        count=True,
        callback=_remember,
        expose_value=False,
        help="Log more; -vv logs everything.",
    ),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        callback=_remember,
        expose_value=False,
        help="Say only what is new and needs somebody.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(LOG_FORMATS),
        callback=_remember,
        expose_value=False,
        help="How log lines look; auto suits the reader: a person or systemd's journal.",
    ),
)
