"""What `approve` and `restore` share: finding the sets that a person names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from syncd.cli.paper import Paper
from syncd.cli.report import tell_held
from syncd.model.numbers import NumberKind
from syncd.model.plan import HeldSet

if TYPE_CHECKING:
    from syncd.state import State


def waiting(sets: Iterable[HeldSet]) -> list[HeldSet]:
    """The sets that nobody has approved yet."""
    return [held for held in sets if not held.approved]


def named(sets: Sequence[HeldSet], numbers: Sequence[int], *, approved: bool) -> list[HeldSet]:
    """The sets of these numbers.

    Args:
        sets: all that there are.
        numbers: of some.
        approved: whether those that were approved are meant, too.

    Raises:
        click.UsageError: nothing waits under one of them; nothing was done.
    """
    known = {held.id: held for held in sets}
    for number in numbers:
        if number not in known:
            others = ", ".join(NumberKind.WAITING.written(held.id) for held in waiting(sets)) or "nothing"
            raise click.UsageError(
                f"nothing waits under number {NumberKind.WAITING.written(number)} (waiting: {others})"
            )
        if known[number].approved and not approved:
            written = NumberKind.WAITING.written(number)
            raise click.UsageError(
                f"number {written} is approved already; the next run (syncd --once) carries it out, "
                f"and syncd restore {written} takes it back"
            )
    return [known[number] for number in dict.fromkeys(numbers)]


def tell_waiting(paper: Paper, sets: Sequence[HeldSet], nothing: str = "Nothing waits for you.") -> None:
    """Write all that waits and how to let it go, and what was approved and can be taken back.

    Args:
        paper: where to.
        sets: what there is.
        nothing: said where nothing waits.
    """
    found = waiting(sets)
    if not found:
        paper.line(nothing)
    for held in found:
        tell_held(paper, held)
    for held in sets:
        if held.approved:
            paper.line(f"Number {NumberKind.WAITING.written(held.id)} is approved: {what_follows(held)}.")


def what_follows(held: HeldSet) -> str:
    """What becomes of a set that was approved, and what a person can still do about it."""
    return f"the next run carries it out; until then, syncd restore {NumberKind.WAITING.written(held.id)} takes it back"


def left_of(held: HeldSet, state: State) -> HeldSet:
    """A set without the deletions that a run has carried out before it was broken off."""
    linked = {link.handle for link in state.links_of([item.handle for item in held.items])}
    left = (item for item in held.items if item.action not in ("delete", "trash") or item.handle in linked)
    return replace(held, items=tuple(left))
