"""Requests for threads that wait: through obstore or boto3, ended when the store is closed, errors translated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from syncd.bucket.body import NotWanted
from syncd.bucket.failures import Abandoned, S3Error, understand
from syncd.bucket.loop import Loop
from syncd.bucket.session import Session
from syncd.bucket.verdicts import translate

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Store as Transport

T = TypeVar("T")


class Asking:
    """Makes requests to one bucket. Threads share it.

    Args:
        session: makes the clients.
        at_once: requests of boto3 under way together.
    """

    def __init__(self, session: Session, at_once: int) -> None:
        self._session = session
        self._loop = Loop()
        self._boto_threads = ThreadPoolExecutor(at_once, "syncd-boto")

    def ask(self, request: Callable[[Transport], Coroutine[Any, Any, T]]) -> T:
        """Run a request, once more if the bucket turns out to be in another region; translate errors."""
        return self._ask(lambda transport: self._loop.run(request(transport)), sends=False)

    def send(self, request: Callable[[Transport], Awaitable[T]], seconds: float) -> T:
        """As `ask`, of one call of obstore that sends bytes, without a change of thread; ended after so many seconds."""
        return self._ask(
            lambda transport: self._loop.run_directly(lambda: request(transport), seconds), sends=True
        )

    def receive(self, request: Callable[[Transport], Awaitable[T]]) -> T:
        """As `ask`, of one call of obstore that sends none, without a change of thread."""
        return self._ask(lambda transport: self._loop.run_directly(lambda: request(transport)), sends=False)

    def _ask(self, run: Callable[[Transport], T], *, sends: bool) -> T:
        session = self._session
        for last in (False, True):
            region = session.region
            try:
                return self._understood(lambda: run(session.transport(sends=sends)))
            except S3Error as failure:
                if last or not failure.is_wrong_region or not session.region_was_wrong(failure, region):
                    raise translate(failure, session.place) from failure
        raise AssertionError

    def ask_boto(self, request: Callable[[S3Client], T]) -> T:
        """As `ask`, of boto3, in a thread that nobody waits for when the store is closed."""

        def begin(_transport: Transport) -> Coroutine[Any, Any, T]:
            client = self._session.client()

            def make() -> T:
                try:
                    return request(client)
                except NotWanted:
                    raise Abandoned from None

            async def wait() -> T:
                return await asyncio.get_running_loop().run_in_executor(self._boto_threads, make)

            return wait()

        return self.ask(begin)

    def wait(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Wait for one call of obstore, without a change of thread.

        Raises:
            S3Error: it failed.
            StopAsyncIteration: what it was to answer with has come to its end.
            Abandoned: the store was closed.
        """
        return self._understood(lambda: self._loop.run_directly(begin))

    def _understood(self, run: Callable[[], T]) -> T:
        try:
            return run()
        except (Abandoned, StopAsyncIteration):
            raise
        except Exception as error:
            raise self._session.explain(understand(error)) from None

    def close(self) -> None:
        """End what runs, and whatever waits for it. May be called again."""
        self._loop.close()
        self._boto_threads.shutdown(wait=False, cancel_futures=True)
