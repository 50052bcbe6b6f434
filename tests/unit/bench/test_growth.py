"""What says whether memory grows linearly with the tree."""

from __future__ import annotations

import pytest

from bench.works import growth


def test_memory_a_file() -> None:
    """In kB, of what the larger tree takes beyond the smaller one: what syncd takes without any file is not in it."""
    assert growth.kilobytes_a_file(1_000, 80.0, 10_000, 89.0) == pytest.approx(1.0)


def test_linear_is_once_as_much() -> None:
    """Twice as much a file among many is told as twice; less is less."""
    assert growth.steeper([1.5, 1.5]) == 1.0
    assert growth.steeper([1.0, 1.2, 2.0]) == 2.0
    assert growth.steeper([2.0, 1.0]) == 0.5


def test_too_little_to_compare_with() -> None:
    """A small tree that takes hardly anything, or less than a smaller one, excuses no growth among many."""
    for smallest in (0.0, -0.5, 0.05):
        assert growth.steeper([smallest, 1.0]) == pytest.approx(10.0)
