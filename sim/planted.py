"""Defects that are planted on purpose, one at a time: a judge who finds none of them would be worth nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest import mock

from sim.bucket import SimStore
from syncd import rest
from syncd.merge import neighbourhood, newcomers, unlinked
from syncd.state import State

Plant = Callable[[ExitStack], None]


def _handles_by_chance(stack: ExitStack) -> None:
    """New objects get a handle by chance: an answer that was lost makes two of one file."""
    chance = random.Random(0)
    for room in (newcomers, unlinked, neighbourhood):
        stack.enter_context(
            mock.patch.object(room, "handle_for", side_effect=lambda *_: chance.randbytes(16).hex())
        )


def _sends_nothing(stack: ExitStack) -> None:
    """Objects are made although nothing was sent."""
    stack.enter_context(mock.patch.object(SimStore, "put", return_value=None))


def _remembers_nothing(stack: ExitStack) -> None:
    """What was in step is forgotten: whatever somebody deleted on one side comes back from the other."""
    stack.enter_context(mock.patch.object(State, "links", return_value=()))


def _trusts_any_seal(stack: ExitStack) -> None:
    """A folder counts as unchanged once a run found nothing in it."""
    stack.enter_context(mock.patch.object(rest, "sealed", return_value=mock.ANY))


DEFECTS: Mapping[str, Plant] = {
    "handles-by-chance": _handles_by_chance,
    "sends-nothing": _sends_nothing,
    "remembers-nothing": _remembers_nothing,
    "trusts-any-seal": _trusts_any_seal,
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """While in use, the engine has this defect; None: none."""
    with ExitStack() as stack:
        if name is not None:
            DEFECTS[name](stack)
        yield
