"""Signals that come to the main thread at any moment, while a test runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def signalled(handler: Callable[[], object], *, after: float, every: float | None = None) -> Iterator[None]:
    """Send a signal whose handler does this: once, or again and again until the block ends.

    Args:
        handler: what is done in the main thread.
        after: seconds until the first one.
        every: seconds between two.
    """
    over = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def send() -> None:
        pause = after
        while not over.wait(pause):
            signal.pthread_kill(main, signal.SIGUSR2)
            if every is None:
                return
            pause = every

    before = signal.signal(signal.SIGUSR2, lambda *_: handler())
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()
        signal.signal(signal.SIGUSR2, before)
