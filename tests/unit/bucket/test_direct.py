"""Requests that are waited for by the thread that makes them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from syncd.bucket.direct import Direct
from syncd.bucket.failures import Abandoned
from syncd.bucket.loop import Loop

SOON = 30.0
"""Nobody ever waits for so long here."""


class Request:
    """A request as obstore makes one: a future of the running loop, and another thread that tells that loop.

    Args:
        told: what is called with the future, in the loop; None: there is never an answer.
    """

    def __init__(self, told: Callable[[asyncio.Future[int]], None] | None = None) -> None:
        self.told = told
        self.begun = threading.Event()
        self.was_cancelled: list[bool] = []
        self.future: weakref.ref[asyncio.Future[Any]] | None = None

    def __call__(self) -> asyncio.Future[int]:
        """Begin it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        future.add_done_callback(lambda done: self.was_cancelled.append(done.cancelled()))
        self.future = weakref.ref(future)
        if self.told is not None:
            threading.Timer(0.02, loop.call_soon_threadsafe, (self.told, future)).start()
        self.begun.set()
        return future


def test_an_answer_is_given_to_the_thread_that_waits() -> None:
    """As a result or as an error, by a loop that is no thread's any more afterwards."""
    assert Direct().run(Request(lambda future: future.set_result(7)), SOON) == 7
    with pytest.raises(FileNotFoundError):
        Direct().run(Request(lambda future: future.set_exception(FileNotFoundError())), SOON)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_what_takes_too_long_is_cancelled() -> None:
    """And obstore is told, so that it does not go on sending; an answer that comes later harms nobody."""
    request, loops = Request(), list[asyncio.AbstractEventLoop]()

    def begin() -> asyncio.Future[int]:
        loops.append(asyncio.get_running_loop())
        return request()

    with pytest.raises(TimeoutError):
        Direct().run(begin, 0.05)
    assert request.was_cancelled == [True]
    loops[0].call_soon_threadsafe(print)


def test_a_request_that_is_abandoned_ends_at_once() -> None:
    """Whoever waits in another thread is told so, and obstore too; a closed loop begins nothing."""
    loop, request, ends = Loop(), Request(), list[BaseException]()

    def wait() -> None:
        try:
            loop.run_directly(request, SOON)
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert request.begun.wait(SOON)
    start = time.monotonic()
    loop.close()
    thread.join(SOON)
    assert time.monotonic() - start < SOON / 2
    assert [type(error) for error in ends] == [Abandoned]
    assert request.was_cancelled == [True]
    late = Request()
    with pytest.raises(Abandoned):
        loop.run_directly(late, SOON)
    assert not late.begun.is_set()


def test_a_request_leaves_nothing_behind() -> None:
    """Its answer goes with who asked for it, without a search for cyclic garbage: there are thousands of them."""
    request = Request(lambda future: future.set_result(7))
    gc.disable()
    try:
        assert Direct().run(request, SOON) == 7
        end = time.monotonic() + SOON
        # The thread that told of it may still hold it.
        while request.future is not None and request.future() is not None and time.monotonic() < end:
            time.sleep(0.001)
        assert request.future is not None
        assert request.future() is None
    finally:
        gc.enable()
