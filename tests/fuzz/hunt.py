"""Looking for an input at which a parser does what it must not."""

from __future__ import annotations

import hashlib
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, given, settings

from syncd.logger import prepare
from tests.fuzz.parser import Parser
from tests.fuzz.registry import CORPUS


@dataclass(slots=True)
class Hunt:
    """What came of it.

    Args:
        examples: how many inputs were read.
        finding: the smallest input that is a finding; None: there was none.
        failure: what it does.
    """

    examples: int = 0
    finding: bytes | None = None
    failure: BaseException | None = None


def hunt(
    parser: Parser, *, seconds: float | None = None, examples: int = 1_000_000_000, seed: int | None = None
) -> Hunt:
    """Read made-up inputs until the time or the number of examples is over; a failure is made as small as can be.

    Args:
        parser: what reads them.
        seconds: for so long.
        examples: so many at most.
        seed: the same inputs each time; None: others.
    """
    found = Hunt()
    end = None if seconds is None else time.monotonic() + seconds

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is not None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
    )
    @given(parser.inputs)
    def read(given: bytes) -> None:
        if end is not None and time.monotonic() > end and found.finding is None:
            raise KeyboardInterrupt
        found.examples += 1
        try:
            parser.check(given)
        except Exception as error:
            if found.finding is None or len(given) <= len(found.finding):
                found.finding, found.failure = given, error
            raise

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read()
        except KeyboardInterrupt:
            if end is None or time.monotonic() < end:
                raise
        except Exception as error:
            found.failure = found.failure or error
    return found


def keep(parser: Parser, finding: bytes) -> Path:
    """Put an input into the corpus."""
    path = CORPUS / parser.name / hashlib.sha256(finding).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finding)
    return path


def quiet() -> None:
    """Let syncd say nothing of what it reads."""
    prepare(lambda: structlog.configure(logger_factory=structlog.ReturnLoggerFactory()))
