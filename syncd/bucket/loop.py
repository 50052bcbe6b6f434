"""An event loop in a thread of its own, so that a transfer that blocks a worker can be cancelled from another.

obstore's plain calls cannot be interrupted; its futures can.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from syncd.bucket.failures import Abandoned
from syncd.shield import shield
from syncd.workers import awaited

T = TypeVar("T")


class Loop:
    """Runs coroutines for threads that wait. Starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: set[concurrent.futures.Future[Any]] = set()
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

    def close(self) -> None:
        """Cancel what runs, end the thread. May be called again."""
        with self._lock:
            self._closed = True
            running = list(self._running)
            loop, thread = self._loop, self._thread
        for future in running:
            future.cancel()
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
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
