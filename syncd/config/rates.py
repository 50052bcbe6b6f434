"""Rates as people write them: `500 kB`, `2 MB`, `1 MiB`, or a plain number of bytes a second."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_WRITTEN = re.compile(r"(\d+(?:_\d+)*(?:\.\d{1,9})?)\s*([kmg]i?)?\s*b?(?:/s)?", re.ASCII | re.IGNORECASE)

LEAST = 1024
"""Bytes a second. Whoever writes less means kilobytes."""

HOW = 'write bytes a second, such as 500_000, "500 kB" or "2 MB"; 0 sets no limit'


def parse_rate(written: object) -> int:
    """Read a rate.

    Returns:
        Bytes a second; 0 for none.

    Raises:
        ValueError: the text is none, or far too little; the message says how to write one.
    """
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        raise ValueError(f"is no rate; {HOW}")  # noqa: TRY004 - pydantic reports ValueErrors
    if isinstance(written, str):
        match = _WRITTEN.fullmatch(written.strip())
        if match is None:
            raise ValueError(f"is no rate; {HOW}")
        amount = float(match[1]) * _UNITS[(match[2] or "").lower()]
    else:
        amount = written
    # False for NaN too; and an integer may be too large for a float.
    if not 0 <= amount < 1e15:
        raise ValueError(f"is no rate; {HOW}")
    if 0 < amount < LEAST:
        raise ValueError(f"is less than {LEAST} bytes a second, at which no file would get through; {HOW}")
    return int(amount)


Rate = Annotated[int, BeforeValidator(parse_rate)]
"""A field that is written as a rate and read as bytes a second."""
