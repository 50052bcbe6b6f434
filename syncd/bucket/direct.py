"""One request of obstore, waited for by the thread that makes it: its answer comes straight from obstore's own threads.

obstore's futures can be cancelled, its plain calls cannot; but a future wants an event loop. A loop that many threads share
means two changes of thread more for each request, which cost more than all that Python does for a file: on two cores, sixteen
threads sent 1,000 files of 30 to 800 kB (304 MB; hashed by MD5 and SHA-256) in 1.7 s of processor time, and in 1.4 s without.
So each request has a loop of its own, which knows only what such a future asks of one.
"""

from __future__ import annotations

import asyncio
import time
from asyncio.events import _set_running_loop  # of asyncio's interface for those who write loops
from collections.abc import Awaitable, Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, TypeVarTuple, cast

from syncd.bucket.failures import Abandoned
from syncd.shield import shield

T = TypeVar("T")
Told = TypeVarTuple("Told")


class Direct:
    """The loop of one request. Others may tell it things at any time, also when nobody looks at it any more."""

    def __init__(self) -> None:
        self._told: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._is_abandoned = False

    def run(self, begin: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """Begin a request and wait for its answer.

        Args:
            begin: calls one function of obstore.
            seconds: for how long to wait; None: as long as obstore does.

        Raises:
            Abandoned: `abandon` was called before it was there.
            TimeoutError: it took longer.
        """
        end = None if seconds is None else time.monotonic() + seconds
        future: asyncio.Future[T] | None = None
        try:
            with shield:
                future = self._begun(begin)
            while not future.done():
                if self._is_abandoned:
                    raise Abandoned
                self._told.get(timeout=None if end is None else max(0.0, end - time.monotonic()))()
            return future.result()
        except Empty:
            raise TimeoutError from None
        finally:
            with shield:
                self._let_go(future)

    def abandon(self) -> None:
        """End the waiting; for other threads."""
        self._is_abandoned = True
        self._told.put(lambda: None)

    def _begun(self, begin: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        _set_running_loop(self._as_loop())
        try:
            # obstore calls its functions coroutines; what they return are futures.
            return cast("asyncio.Future[T]", begin())
        finally:
            _set_running_loop(None)

    def _let_go(self, future: asyncio.Future[Any] | None) -> None:
        """Have obstore end the request if it is not over, and keep nothing that refers to it."""
        if future is not None:
            future.cancel()
        while not self._told.empty():
            self._told.get()()

    def _as_loop(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self)

    # --- what a future asks of its loop ---------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """As of any loop."""
        return asyncio.Future(loop=self._as_loop())

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Told], object],
        *args: *Told,
        context: Context | None = None,  # noqa: ARG002
    ) -> None:
        """Have it called by the thread that waits."""
        self._told.put(lambda: callback(*args))

    call_soon = call_soon_threadsafe

    def get_debug(self) -> bool:
        """As of any loop."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nobody waits for what came of a request that was given up."""
