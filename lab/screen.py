"""How a script ends: with its code, and quietly where nobody reads any more what it prints (`| head`)."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

CLOSED = 141
"""Exit code of a process that SIGPIPE ended, as shells tell it."""


def code_of(main: Callable[[], int]) -> int:
    """Run a script's `main`; its exit code, or `CLOSED`.

    SIGPIPE itself would end the script also where a server hangs up.

    Raises:
        BrokenPipeError: from elsewhere than the script's own output.
    """
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_read_by_nobody(sys.stdout.fileno()):
            raise
        # What is left of it would be told of when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED


def _is_read_by_nobody(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
