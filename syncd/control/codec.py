"""What goes over the wire as JSON, and back: outcomes, errors, what the daemon is about.

To write them takes no more than to take them apart. To read them takes pydantic's adapters, which are made when they are
first needed: a run that finds no daemon never does.
"""
# ruff: noqa: PLC0415  (see above)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from syncd import errors
from syncd.control.wire import Message, WireError
from syncd.errors import ExitCode, StopError, SyncdError
from syncd.model.plan import Outcome

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from syncd.control.contract import Live

Value = TypeVar("Value")

_BY_CODE: Mapping[int, type[SyncdError]] = {
    ExitCode.USAGE: errors.ConfigError,
    ExitCode.STATE: errors.StateError,
    ExitCode.LOCKED: errors.LockedError,
    ExitCode.UNREACHABLE: errors.ServerError,
    ExitCode.PERSON_NEEDED: errors.FolderError,
}
"""What stands in for a class that only the other end knows."""


def dump_outcome(outcome: Outcome) -> Message:
    """An outcome as JSON has it."""
    dumped: Message = _plain(outcome)
    return dumped


def load_outcome(raw: Any) -> Outcome:
    """The reverse of `dump_outcome`; sequences become tuples.

    Raises:
        WireError: it is none.
    """
    outcome = _loaded(_outcomes(), raw)
    return replace(
        outcome,
        actions=tuple(outcome.actions),
        conflicts=tuple(outcome.conflicts),
        problems=tuple(outcome.problems),
        waiting=tuple(outcome.waiting),
        notices=tuple(outcome.notices),
        held=tuple(outcome.held),
        phases=tuple(outcome.phases),
    )


def dump_live(live: Live) -> Message:
    """What the daemon is about, as JSON has it."""
    dumped: Message = _plain(live)
    return dumped


def load_live(raw: Any) -> Live:
    """The reverse of `dump_live`.

    Raises:
        WireError: it is nothing of the kind.
    """
    return _loaded(_lives(), raw)


def dump_error(error: Exception) -> Message:
    """An error as JSON has it. One that is not ours is a defect, of which the daemon's log knows more."""
    if not isinstance(error, SyncdError):
        error = SyncdError(
            f"a defect in the daemon ended this ({type(error).__name__}); its details are in the daemon's log",
            "look there (journalctl --user -u syncd), and please open an issue with the project",
        )
    return {
        "class": type(error).__name__,
        "exit_code": int(error.exit_code),
        "reason": error.reason,
        "remedy": error.remedy,
        "begun": isinstance(error, StopError) and error.begun,
        "part": dump_outcome(error.part) if isinstance(error.part, Outcome) else None,
    }


def load_error(raw: Any) -> SyncdError:
    """The reverse of `dump_error`. Of a class that nobody here knows, the exit code stays.

    Raises:
        WireError: it is none.
    """
    if not isinstance(raw, Mapping):
        raise WireError("the other end says what is no error")
    reason, remedy = str(raw.get("reason", "")), str(raw.get("remedy", ""))
    kind = getattr(errors, str(raw.get("class")), None)
    if not isinstance(kind, type) or not issubclass(kind, SyncdError):
        code = raw.get("exit_code")
        kind = _BY_CODE.get(code, SyncdError) if isinstance(code, int) else SyncdError
    begun = {"begun": raw.get("begun") is True} if kind is StopError else {}
    error = kind(reason, remedy, **begun)
    if raw.get("part") is not None:
        error.part = load_outcome(raw["part"])
    return error


def _plain(value: Any) -> Any:
    """A value with mappings for what has fields; enumerations of text stay, JSON knows them."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


@cache
def _outcomes() -> TypeAdapter[Outcome]:
    from pydantic import TypeAdapter

    return TypeAdapter(Outcome)


@cache
def _lives() -> TypeAdapter[Live]:
    from pydantic import TypeAdapter

    from syncd.control.contract import Live

    return TypeAdapter(Live)


def _loaded(adapter: TypeAdapter[Value], raw: Any) -> Value:
    from pydantic import ValidationError

    try:
        return adapter.validate_python(raw)
    except (ValidationError, RecursionError) as error:
        raise WireError("the other end says what this version does not understand") from error
