"""Each parser gives a value or the one error that it declares, whatever it reads: the corpus, and a few new inputs.

`script/fuzz` looks for longer, and adds what it finds to the corpus.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.hunt import hunt, quiet
from tests.fuzz.parser import Parser
from tests.fuzz.registry import CORPUS, PARSERS

EXAMPLES = int(os.environ.get("SYNCD_EXAMPLES", "1")) * 10
SMALL, LARGE = 2_000, 16_000
"""Bytes of an input that grows."""
NOTHING = 0.05, 4 << 20
"""Seconds and bytes that may be spent on any input without a reason being asked for."""

kept = sorted(path for path in CORPUS.glob("*/*"))
grown = [(parser, name) for parser in PARSERS.values() for name in parser.growths]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> None:
    quiet()


@pytest.mark.parametrize("path", kept, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once(path: Path) -> None:
    """What was a finding once is none any more."""
    PARSERS[path.parent.name].check(path.read_bytes())


@pytest.mark.parametrize("parser", PARSERS.values(), ids=lambda parser: parser.name)
def test_new_inputs(parser: Parser) -> None:
    """A few inputs of the right form with something odd in them, others each time."""
    found = hunt(parser, examples=EXAMPLES)
    assert found.failure is None, f"script/fuzz {parser.name} keeps it: {found.finding!r}"


@pytest.mark.parametrize(("parser", "name"), grown, ids=lambda value: getattr(value, "name", value))
def test_cost_follows_the_length(parser: Parser, name: str) -> None:
    """Eight times the input takes no more than some eight times the time and memory."""
    grow = parser.growths[name]
    seconds, size = _cost(parser, grow, SMALL)
    more_seconds, more_size = _cost(parser, grow, LARGE)
    assert more_seconds < max(24 * seconds, NOTHING[0] * 8), (seconds, more_seconds)
    assert more_size < max(24 * size, NOTHING[1] * 8), (size, more_size)


def _cost(parser: Parser, grow: Callable[[int], bytes], size: int) -> tuple[float, int]:
    """Seconds of this thread, and bytes at their peak; the better of two times."""
    given = grow(size)
    times = []
    for _ in range(2):
        begun = time.thread_time()
        parser.check(given)
        times.append(time.thread_time() - begun)
    tracemalloc.start()
    try:
        parser.check(given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return min(times), peak
