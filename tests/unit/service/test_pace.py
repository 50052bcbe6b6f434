"""How soon to look again: each pause at its exact length, scattered by a tenth at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Denied, FolderError, Refused, StateError, SyncdError, Unreachable
from syncd.service.pace import (
    AWAY_SECONDS,
    DENIED_SECONDS,
    FAST_SECONDS,
    FASTER,
    JITTER,
    LEAST_SECONDS,
    STOP_SECONDS,
    Pace,
)

EVERY = 30.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At some moment."""
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    """One that scatters nothing."""
    return Pace(EVERY, clock, lambda: 0.5)


def away(kind: type[SyncdError] = Unreachable) -> SyncdError:
    """A look came to no end."""
    return kind("it does not answer", "wait")


def test_while_all_is_well(pace: Pace, clock: Clock) -> None:
    """As configured, for ever."""
    for _ in range(5):
        assert pace.next_check() == EVERY
        assert pace.blocked() == 0
        pace.succeeded()
        clock.now += 10**6


def test_after_a_change_it_looks_more_often_for_a_while(pace: Pace, clock: Clock) -> None:
    """More may follow; each change begins the while anew, and a failure in between does not end it."""
    pace.changed()
    assert pace.next_check() == EVERY / FASTER
    clock.now += FAST_SECONDS - 1
    assert pace.next_check() == EVERY / FASTER
    pace.changed()
    clock.now += 2
    pace.failed(away())
    pace.succeeded()
    assert pace.next_check() == EVERY / FASTER
    clock.now += FAST_SECONDS
    assert pace.next_check() == EVERY


@pytest.mark.parametrize(
    ("every", "fast"),
    [(3600.0, 900.0), (8.0, 2.0), (4.0, LEAST_SECONDS), (2.0, LEAST_SECONDS), (1.0, 1.0), (0.5, 0.5)],
)
def test_it_is_never_faster_than_once_a_second(clock: Clock, every: float, fast: float) -> None:
    """Unless that is what was configured."""
    pace = Pace(every, clock, lambda: 0.5)
    pace.changed()
    assert pace.next_check() == fast


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (away(), AWAY_SECONDS), (away(Refused), AWAY_SECONDS), (away(StateError), AWAY_SECONDS), (away(FolderError), AWAY_SECONDS),
        (away(Denied), DENIED_SECONDS), (None, STOP_SECONDS),
    ],
)  # fmt: skip
def test_more_and_more_slowly_while_it_fails(
    pace: Pace, clock: Clock, error: SyncdError | None, pauses: tuple[float, float]
) -> None:
    """Twice as long each time, up to the longest, for thousands of times; the next check is no earlier than the next try."""
    expected, longest = pauses
    for _ in range(2000):
        if error is None:
            pace.stopped()
        else:
            pace.failed(error)
        assert pace.blocked() == pace.next_check() == expected
        clock.now += expected - 0.5
        assert pace.blocked() == 0.5
        clock.now += 1
        assert pace.blocked() == 0
        expected = min(2 * expected, longest)


@pytest.mark.parametrize("over", ["succeeded", "at_once"])
def test_afterwards_it_is_as_ever(pace: Pace, over: str) -> None:
    """A look that came to its end, and whoever says that it may be tried at once, end the pause, and begin it anew."""
    for _ in range(4):
        pace.failed(away())
    assert pace.blocked() == AWAY_SECONDS[0] * 8
    getattr(pace, over)()
    assert pace.blocked() == 0
    assert pace.next_check() == EVERY
    pace.failed(away())
    assert pace.blocked() == AWAY_SECONDS[0]


def test_a_change_does_not_end_a_pause(pace: Pace) -> None:
    """A refused login is not tried more often because of a saved file: that locks accounts."""
    pace.failed(away(Denied))
    pace.changed()
    assert pace.blocked() == pace.next_check() == DENIED_SECONDS[0]


def test_another_failure_goes_on_from_where_the_first_was(pace: Pace) -> None:
    """Away, then refused, then stopped: the longest of each is kept to."""
    for _ in range(20):
        pace.failed(away())
    pace.stopped()
    assert pace.blocked() == STOP_SECONDS[1]
    pace.failed(away(Denied))
    assert pace.blocked() == DENIED_SECONDS[1]


@given(
    st.floats(0, 1), st.floats(0.5, 10**5), st.booleans(), st.sampled_from(["", "away", "denied", "stopped"])
)
def test_not_all_desktops_ask_at_once(share: float, every: float, changed: bool, failure: str) -> None:
    """Every pause is scattered, by a tenth at most either way."""
    found = []
    for one in (share, 0.5):
        pace = Pace(every, Clock(), lambda one=one: one)  # type: ignore[misc]
        if changed:
            pace.changed()
        if failure == "stopped":
            pace.stopped()
        elif failure:
            pace.failed(away(Denied if failure == "denied" else Unreachable))
        found.append(pace.next_check())
    scattered, plain = found
    assert scattered == pytest.approx(plain * (1 + JITTER * (2 * share - 1)))
    assert plain * (1 - JITTER) * 0.999 <= scattered <= plain * (1 + JITTER) * 1.001


def test_by_default_it_is_scattered_at_random(clock: Clock) -> None:
    """Two desktops do not keep step for ever."""
    pace = Pace(EVERY, clock)
    found = {pace.next_check() for _ in range(20)}
    assert len(found) > 5
    assert all(EVERY * 0.9 <= pause <= EVERY * 1.1 for pause in found)
