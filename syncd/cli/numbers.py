"""Numbers as arguments: one of another kind is refused with what it is, and which command takes it."""

from __future__ import annotations

import click

from syncd.model.numbers import NumberKind, parse_number


def event_number(typed: str) -> int:
    """The number of an event, with its letter or without.

    Raises:
        click.BadParameter: it is none, or of another kind.
    """
    return _number(typed, NumberKind.EVENT, "syncd history FILE")


def waiting_number(typed: str) -> int:
    """The number of a set that waits; likewise."""
    return _number(typed, NumberKind.WAITING, "syncd approve")


def _number(typed: str, wanted: NumberKind, shown_by: str) -> int:
    found = parse_number(typed)
    if found is None:
        raise click.BadParameter(f"'{typed}' is no number; {shown_by} shows what there is")
    if found.kind not in (None, wanted):
        raise click.BadParameter(found.refused())
    return found.number
