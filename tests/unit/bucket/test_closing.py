"""A store that is closed while its threads are just about to say what came of their requests."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.bucket.direct import Direct
from syncd.bucket.failures import Abandoned
from syncd.bucket.loop import DeafLoop
from syncd.pacing import UNLIMITED, Limits, Line
from tests.unit.bucket.small_s3 import SmallS3
from tests.unit.bucket.stub import Make, Stub
from tests.unit.bucket.test_transfers import put

SOON = 30.0
"""Nobody ever waits for so long here."""


class Gate:
    """Holds up the thread of a library that tells a loop something.

    Args:
        is_foreign: tells such threads.
        limits: what makes a store upload by that library.
    """

    def __init__(self, is_foreign: Callable[[threading.Thread], bool], limits: Limits) -> None:
        self.is_foreign = is_foreign
        self.limits = limits
        self.reached, self.opened, self.passed = threading.Event(), threading.Event(), threading.Event()
        self.raised: list[Exception] = []

    def through(self, tell: Callable[..., Any]) -> Callable[..., Any]:
        """`call_soon_threadsafe` with the gate before it."""

        def told(loop: asyncio.AbstractEventLoop, *args: Any, **options: Any) -> Any:
            if not self.is_foreign(threading.current_thread()):
                return tell(loop, *args, **options)
            self.reached.set()
            assert self.opened.wait(SOON)
            try:
                return tell(loop, *args, **options)
            except Exception as error:
                self.raised.append(error)
                raise
            finally:
                self.passed.set()

        return told


LIBRARIES: dict[str, tuple[Callable[[threading.Thread], bool], Limits]] = {
    "obstore": (lambda thread: isinstance(thread, threading._DummyThread), UNLIMITED),
    "boto3": (lambda thread: thread.name.startswith("syncd-boto"), Limits(Line(1_000_000), None)),
}


@pytest.fixture(params=LIBRARIES)
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Before the threads of a library."""
    one = Gate(*LIBRARIES[request.param])
    for loop in (DeafLoop, Direct):
        monkeypatch.setattr(loop, "call_soon_threadsafe", one.through(loop.call_soon_threadsafe))
    yield one
    one.opened.set()


def test_an_answer_that_comes_when_the_store_is_closed(gate: Gate, stub: Stub, make: Make) -> None:
    """The upload is over, and the thread that brings its answer is not told off: it would print a traceback."""
    stub.script = SmallS3()
    store, ends = make(stub.url, limits=gate.limits), list[BaseException]()
    content = os.urandom(300_000)

    def upload() -> None:
        try:
            put(store, content)
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    assert gate.reached.wait(SOON)
    store.close()
    thread.join(SOON)
    gate.opened.set()
    assert gate.passed.wait(SOON)
    assert [type(error) for error in ends] == [Abandoned]
    assert gate.raised == []


def test_a_loop_that_is_closed_takes_what_it_is_told() -> None:
    """And does nothing with it."""
    told: list[int] = []
    loop = DeafLoop()
    loop.call_soon_threadsafe(told.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert loop.call_soon_threadsafe(told.append, 2).cancelled()
    assert told == [1]
