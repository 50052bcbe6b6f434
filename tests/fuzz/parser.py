"""What a fuzzed parser is: it takes bytes from a stranger, and gives a value or the one error that it declares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis.strategies import SearchStrategy

SLOWEST = 5.0
"""Seconds that one example may take; the machine may be busy, and no honest one takes a tenth of it."""


class TooSlow(AssertionError):  # noqa: N818 - a finding
    """A small input took long."""


@dataclass(frozen=True, slots=True)
class Parser:
    """One way in for what others wrote.

    Args:
        name: unique; that of its folder in the corpus.
        modules: the modules of syncd whose reading it exercises.
        parse: reads one input and returns whatever; what it writes goes nowhere.
        inputs: makes inputs, mostly of the form that is expected.
        refusals: what it may raise: errors of ours alone.
        growths: inputs that get longer with a number, by name: their cost must not grow faster than they do.
    """

    name: str
    modules: Sequence[str]
    parse: Callable[[bytes], object]
    inputs: SearchStrategy[bytes]
    refusals: tuple[type[Exception], ...]
    growths: Mapping[str, Callable[[int], bytes]] = field(default_factory=dict)

    def check(self, given: bytes) -> None:
        """Read one input.

        Raises:
            Exception: anything but what is declared; a finding.
        """
        begun = time.thread_time()
        with suppress(*self.refusals):
            self.parse(given)
        taken = time.thread_time() - begun
        if taken > SLOWEST:
            raise TooSlow(f"{self.name}: {len(given)} bytes took {taken:.1f} s")
