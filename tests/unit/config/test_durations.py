"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("6h", 21_600),
        ("2d", 172_800),
        ("1h30m", 5_400),
        ("1h 30m", 5_400),
        (" 2S ", 2),
        ("0.5s", 0.5),
        ("90", 90),
        (90, 90),
        (1.5, 1.5),
        (0, 0),
    ],
)
def test_reads(written: object, seconds: float) -> None:
    """Units may be combined from large to small; a plain number is seconds."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", " ", "s", "3 weeks", "30m1h", "-5s", "1e3", "½h", "٣s", "nan", "inf", True, None, [], -1, float("nan"),
     float("inf"), 10**400, "9" * 400],
)  # fmt: skip
def test_refuses(written: object) -> None:
    """Anything else is refused, with a hint how to write one."""
    with pytest.raises(ValueError, match="write a duration such as"):
        parse_duration(written)


@given(st.integers(min_value=0, max_value=10**10))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    """Formatting and parsing are inverse, to the millisecond."""
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.text())
def test_any_text_is_a_duration_or_a_plain_error(text: str) -> None:
    """No text raises anything but ValueError."""
    try:
        assert parse_duration(text) >= 0
    except ValueError as error:
        assert "write a duration" in str(error)  # noqa: PT017 - both outcomes are right
