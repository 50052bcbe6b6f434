"""What a person was told before, so that `-q` tells only what is new: kept in the state by whoever holds it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from syncd.state import State

_TOLD_FAILURE = "told-failure"
"""The state's note of the failure that was told last."""


def remember_told(
    state: State, fingerprints: AbstractSet[str], held: AbstractSet[int]
) -> tuple[AbstractSet[str], AbstractSet[int]]:
    """Note what of a finished run a person is being told, and return what of it is new to them.

    Whatever was told before and is not among `fingerprints` is over, and will be news when it comes back. A held set is
    news again when it grew.
    """
    with state.batch():
        state.set_meta(_TOLD_FAILURE, None)
        news = state.news(fingerprints)
        untold = {one.id for one in state.untold()} & held
        state.told(untold)
        return news, untold


def has_told(state: State) -> bool:
    """Whether anything that was told may be over by now."""
    return state.meta(_TOLD_FAILURE) is not None or state.has_told()


def remember_failure(state: State, fingerprint: str) -> bool:
    """Note the failure that a person is being told, and return whether it is new.

    What earlier runs told stays told: an outage over night does not make old problems news in the morning.
    """
    known = state.meta(_TOLD_FAILURE)
    if known != fingerprint:
        state.set_meta(_TOLD_FAILURE, fingerprint)
    return known != fingerprint
