"""What a check answers: one line, with a verdict and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from syncd.errors import ExitCode, SyncdError
from syncd.model import Stop


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer.

    Args:
        name: what was looked at.
        text: what was found, in plain words.
        remedy: what to do, unless all is well.
        code: the exit code that this alone would have.
    """

    name: str
    text: str
    verdict: Verdict = Verdict.OK
    remedy: str = ""
    code: ExitCode = ExitCode.OK


def warning(name: str, text: str, remedy: str, code: ExitCode = ExitCode.OK) -> Finding:
    """What a person should know; the exit code tells of it only when one is given."""
    return Finding(name, text, Verdict.WARNING, remedy, code)


def stopped(name: str, stop: Stop) -> Finding:
    """What a run would stop at."""
    return Finding(name, stop.reason, Verdict.FAILED, stop.remedy, ExitCode.PERSON_NEEDED)


def failed(name: str, error: SyncdError) -> Finding:
    """What cannot be used, in the words of the error."""
    return Finding(name, error.reason, Verdict.FAILED, error.remedy, error.exit_code)


def guarded(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of one part; what ends it becomes a finding."""
    try:
        yield from look()
    except SyncdError as error:
        yield failed(name, error)
