"""Durations as people write them: `30s`, `5m`, `6h`, `2d`, `1h30m`, or a plain number of seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(
    r"(?:(?P<d>\d{1,9})d)?\s*(?:(?P<h>\d{1,9})h)?\s*(?:(?P<m>\d{1,9})m)?\s*(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)s)?",
    re.ASCII | re.IGNORECASE,
)
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)

HOW = 'write a duration such as "30s", "5m", "1h30m" or "2d"'


def parse_duration(written: object) -> float:
    """Read a duration.

    Returns:
        Seconds, finite and not negative.

    Raises:
        ValueError: the text is none; the message says how to write one.
    """
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        raise ValueError(f"is no duration; {HOW}")  # noqa: TRY004 - pydantic reports ValueErrors
    if isinstance(written, str):
        return _parse_text(written.strip())
    # False for NaN too; and an integer may be too large for a float.
    if not 0 <= written < 1e12:
        raise ValueError(f"is no duration; {HOW}")
    return float(written)


def _parse_text(text: str) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _WRITTEN.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"is no duration; {HOW}")
    return float(sum(float(amount) * _UNITS[unit] for unit, amount in match.groupdict().items() if amount))


def format_duration(seconds: float) -> str:
    """Write a duration so that `parse_duration` reads it again: whole milliseconds at most."""
    rest = round(seconds * 1000)
    written = ""
    for unit, size in _UNITS.items():
        amount, rest = divmod(rest, size * 1000)
        if unit == "s" and rest:
            written += f"{amount}.{rest:03d}".rstrip("0") + "s"
        elif amount:
            written += f"{amount}{unit}"
    return written or "0s"


Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A field that is written as a duration and read as seconds."""
