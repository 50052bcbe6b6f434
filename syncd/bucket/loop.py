"""An event loop in a thread of its own, so that a transfer that blocks a worker can be cancelled from another.

obstore's plain calls cannot be interrupted; its futures can. What they stand for runs in obstore's own threads, and nobody is
told when it ended there after its future was cancelled: hence a loop that may still be told things when it is closed.
Single requests of which there are thousands need no loop between threads: `run_directly`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from syncd.bucket.direct import Direct
from syncd.bucket.failures import Abandoned
from syncd.shield import shield
from syncd.workers import awaited

T = TypeVar("T")
Told = TypeVarTuple("Told")


class DeafLoop(asyncio.SelectorEventLoop):
    """Drops what others tell it once it is closed.

    A thread of obstore or boto3 looks whether its future was cancelled, and then tells the loop what came of it. In between
    the future may be cancelled and the loop closed; any other loop raises then, and the thread prints a traceback.
    Nobody waits for that result any more: all futures of a loop are cancelled before it is closed.
    """

    def call_soon_threadsafe(
        self, callback: Callable[[*Told], object], *args: *Told, context: Context | None = None
    ) -> asyncio.Handle:
        """As of any loop, but a closed one takes it and does nothing."""
        try:
            return super().call_soon_threadsafe(callback, *args, context=context)
        except RuntimeError:
            if not self.is_closed():
                raise
            dropped = asyncio.Handle(callback, args, self, context)
            dropped.cancel()
            return dropped


class Loop:
    """Runs coroutines for threads that wait. Starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: set[concurrent.futures.Future[Any]] = set()
        self._direct: set[Direct] = set()
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it and wait for it.

        Raises:
            Abandoned: `close` was called before it was done.
        """
        with shield, self._lock:
            if self._closed:
                coroutine.close()
                raise Abandoned
            future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
            self._running.add(future)
        try:
            return awaited(future)
        except concurrent.futures.CancelledError:
            raise Abandoned from None
        except BaseException:
            future.cancel()  # also when it is this thread that is interrupted
            raise
        finally:
            with self._lock:
                self._running.discard(future)

    def run_directly(self, begin: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """Begin one call of obstore and wait for it in this thread: `Direct`.

        Raises:
            Abandoned: `close` was called before it was done.
            TimeoutError: it took longer.
        """
        direct = Direct()
        try:
            with self._lock:
                if self._closed:
                    raise Abandoned
                self._direct.add(direct)
            return direct.run(begin, seconds)
        finally:
            with self._lock:
                self._direct.discard(direct)

    def close(self) -> None:
        """Cancel what runs, end the thread. May be called again."""
        with self._lock:
            self._closed = True
            running, direct = list(self._running), list(self._direct)
            loop, thread = self._loop, self._thread
        for future in running:
            future.cancel()
        for one in direct:
            one.abandon()
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = DeafLoop()
            self._thread = threading.Thread(
                target=self._serve, args=(self._loop,), name="syncd-bucket", daemon=True
            )
            self._thread.start()
        return self._loop

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=3))
        loop.close()
