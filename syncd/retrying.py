"""Trying again, with the library that knows how; nearly all is well at the first try, and then nobody waits for its import."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from syncd.logger import ready

Result = TypeVar("Result")


def retry(
    attempt: Callable[[], Result],
    on: type[Exception],
    *,
    may_pass: Callable[[Exception], bool | float] | None = None,
    attempts: int | None,
    seconds: float = 45.0,
    first_pause: float = 0.1,
    longest_pause: float,
) -> Result:
    """Call until it succeeds; what it raises in the end comes through.

    Args:
        attempt: what is called.
        on: what may pass; all else comes through at once.
        may_pass: asked of each of these: whether it is worth another try, or after how many seconds; None: it is.
        attempts: how many there are at most; None: any number.
        seconds: after which a failure is the last one.
        first_pause: seconds before the second attempt; the others are longer, and all a little by chance.
        longest_pause: seconds.
    """
    begun = time.monotonic()
    try:
        return attempt()
    except on as error:
        first: Exception | None = error
        left = begun + seconds - time.monotonic()
        if left <= 0:
            raise
    ready()  # stamina says by itself, through structlog, that it waits
    import stamina  # noqa: PLC0415  see above

    for context in stamina.retry_context(
        on=on if may_pass is None else may_pass,
        attempts=attempts,
        timeout=left,
        wait_initial=first_pause,
        wait_max=longest_pause,
    ):
        with context:
            if first is not None:  # as if it had been made here
                failed, first = first, None
                raise failed
            return attempt()
    raise AssertionError("stamina ends with a result or an exception")
