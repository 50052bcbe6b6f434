"""What `approve` and `restore` share: finding the sets that a person names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from syncd.cli.paper import Paper
from syncd.cli.report import tell_held
from syncd.model.numbers import NumberKind
from syncd.model.plan import HeldSet


def waiting(sets: Iterable[HeldSet]) -> list[HeldSet]:
    """The sets that nobody has approved yet."""
    return [held for held in sets if not held.approved]


def named(sets: Sequence[HeldSet], numbers: Sequence[int]) -> list[HeldSet]:
    """The sets of these numbers.

    Raises:
        click.UsageError: nothing waits under one of them; nothing was done.
    """
    known = {held.id: held for held in sets}
    for number in numbers:
        if number not in known:
            others = ", ".join(map(NumberKind.WAITING.written, sorted(known))) or "nothing"
            raise click.UsageError(
                f"nothing waits under number {NumberKind.WAITING.written(number)} (waiting: {others})"
            )
    return [known[number] for number in dict.fromkeys(numbers)]


def tell_waiting(paper: Paper, sets: Sequence[HeldSet]) -> None:
    """Write all that waits, and how to let it go."""
    if not sets:
        paper.line("Nothing waits for you.")
    for held in sets:
        tell_held(paper, held)
