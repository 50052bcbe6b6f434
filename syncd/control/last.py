"""How the last runs ended, kept in the state for `syncd status`: bounded in size, whatever a run did.

A run that came to its end replaces the one before; a failure or a stop stands beside it until a run comes to its end again. A
delta looks at a few items only, so what it did not look at stays as it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from syncd.control.codec import dump_outcome, load_outcome
from syncd.control.wire import WireError
from syncd.errors import ExitCode, StopError, SyncdError
from syncd.model.plan import Done, Outcome, Waiting
from syncd.model.values import Problem
from syncd.state import State

VERSION = 1

_MOST_BYTES = 1 << 17
_CUTS = (200, 50, 10, 0)
"""How many entries of each list are kept: the first number with which all fits."""


class Kind(StrEnum):
    """What a run looked at."""

    FULL = "full"
    """Everything was listed."""
    WALK = "walk"
    """The folder, if only to see what differs from the stat cache, and what the history of Gramps Web named."""
    DELTA = "delta"
    """A few paths and objects."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not come to its end. `at` in Unix seconds; `is_stop`: nothing is done until a person looks."""

    at: float
    reason: str
    remedy: str
    exit_code: int
    is_stop: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """How the last runs ended.

    Args:
        at: when the last one came to its end, in Unix seconds; None: none did.
        kind: what that one looked at.
        outcome: how it ended, with the first entries of each list, and without held sets, which the state has itself. Its
            problems are those of the runs before, too, as far as these have not been looked at again.
        problems: how many problems there are.
        failure: why a later one did not.
    """

    at: float | None = None
    kind: Kind = Kind.WALK
    outcome: Outcome | None = None
    problems: int = 0
    failure: Failure | None = None


def note_outcome(
    state: State, outcome: Outcome, kind: Kind, at: float, looked_at: AbstractSet[str] = frozenset()
) -> None:
    """Remember how a run ended, in Unix seconds; a stop only stands beside what was.

    Args:
        state: where.
        outcome: how.
        kind: what it looked at.
        at: when.
        looked_at: of a delta, the paths (as they are shown) and handles that it looked at.

    Raises:
        StateError: it cannot be written.
    """
    if outcome.stop is not None:
        stop = outcome.stop
        failure = Failure(at, stop.reason, stop.remedy, ExitCode.PERSON_NEEDED, is_stop=True)
        _write(state, replace(read_last(state), failure=failure))
        return
    problems = list(outcome.problems)
    number = len(problems)
    # Of one that looked at everything, what was before does not matter.
    before = read_last(state) if kind is Kind.DELTA else Last()
    if before.outcome is not None:
        standing = _standing(before.outcome.problems, outcome, looked_at)
        number += before.problems - len(before.outcome.problems) + len(standing)
        problems += standing
    _write(state, Last(at, kind, replace(outcome, problems=problems), number))


def note_near(state: State, outcome: Outcome, looked_at: AbstractSet[str]) -> None:
    """As `note_outcome`, now, of a delta; one that neither did nor found anything is only noted where it ends a problem.

    Raises:
        StateError: it cannot be written.
    """
    is_worth_it = bool(outcome.actions or outcome.problems or outcome.waiting or outcome.stop)
    if not is_worth_it and looked_at:
        before = read_last(state).outcome
        problems = () if before is None else before.problems
        is_worth_it = any(one.path in looked_at or one.handle in looked_at for one in problems)
    if is_worth_it:
        note_outcome(state, outcome, Kind.DELTA, time.time(), looked_at)


def note_whole(state: State, outcome: Outcome, *, is_full: bool) -> None:
    """As `note_outcome`, now, of a run that went through the whole folder; `is_full`: that listed all else, too.

    Raises:
        StateError: it cannot be written.
    """
    note_outcome(state, outcome, Kind.FULL if is_full else Kind.WALK, time.time())


def note_failure(state: State, error: SyncdError, at: float) -> None:
    """Remember why a run did not come to its end, beside how the last one that did so ended.

    Raises:
        StateError: it cannot be written.
    """
    failure = Failure(
        at, error.reason, error.remedy, int(error.exit_code), is_stop=isinstance(error, StopError)
    )
    _write(state, replace(read_last(state), failure=failure))


def note_interruption(state: State, code: ExitCode) -> None:
    """Remember that somebody broke a run off, if it can be written: a disk that is full must not keep anybody from that."""
    failure = Failure(
        time.time(), "interrupted", "nothing is lost; the next run goes on from here", int(code)
    )
    with suppress(SyncdError):
        _write(state, replace(read_last(state), failure=failure))


@contextmanager
def failures_noted(state: State) -> Iterator[None]:
    """Remember what ends the block, if it is one of ours."""
    try:
        yield
    except SyncdError as error:
        with suppress(SyncdError):
            note_failure(state, error, time.time())
        raise


def read_last(state: State) -> Last:
    """How the last runs ended; of what another version wrote, nothing."""
    text = state.last_outcome()
    if text is None:
        return Last()
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, WireError):
        return Last()


def _standing(problems: Sequence[Problem], outcome: Outcome, looked_at: AbstractSet[str]) -> list[Problem]:
    """The problems of before that a delta says nothing about."""
    told: list[Done | Waiting | Problem] = [*outcome.actions, *outcome.waiting, *outcome.problems]
    paths = ({one.path for one in told} | looked_at) - {None, ""}
    handles = ({one.handle for one in told} | looked_at) - {None, ""}
    return [one for one in problems if one.path not in paths and one.handle not in handles]


def _write(state: State, last: Last) -> None:
    text = ""
    for cut in _CUTS:
        text = json.dumps(_dump(last, cut), ensure_ascii=True, separators=(",", ":"))
        if len(text) <= _MOST_BYTES:
            break
    state.set_last_outcome(text)


def _dump(last: Last, cut: int) -> Mapping[str, Any]:
    failure = last.failure
    return {
        "version": VERSION,
        "at": last.at,
        "kind": last.kind,
        "outcome": None if last.outcome is None else dump_outcome(_cut(last.outcome, cut)),
        "problems": last.problems,
        "failure": None
        if failure is None
        else {
            "at": failure.at,
            "reason": failure.reason[:4000],
            "remedy": failure.remedy[:4000],
            "exit_code": failure.exit_code,
            "stop": failure.is_stop,
        },
    }


def _cut(outcome: Outcome, length: int) -> Outcome:
    return replace(
        outcome,
        actions=outcome.actions[:length],
        conflicts=outcome.conflicts[:length],
        problems=outcome.problems[:length],
        waiting=outcome.waiting[:length],
        notices=outcome.notices[:length],
        held=(),
        phases=(),
    )


def _read(raw: Mapping[str, Any]) -> Last:
    if raw["version"] != VERSION:
        return Last()
    failure = raw["failure"]
    return Last(
        at=None if raw["at"] is None else float(raw["at"]),
        kind=Kind(raw["kind"]),
        outcome=None if raw["outcome"] is None else load_outcome(raw["outcome"]),
        problems=int(raw["problems"]),
        failure=None
        if failure is None
        else Failure(
            float(failure["at"]),
            str(failure["reason"]),
            str(failure["remedy"]),
            int(failure["exit_code"]),
            is_stop=bool(failure["stop"]),
        ),
    )
