"""Threads for one that waits: in order, a few at a time, and whoever waits may be interrupted at any instant."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from syncd.bucket.loop import Loop
from syncd.control.relay import Relay
from syncd.pacing import Line
from syncd.shield import shield
from syncd.workers import Workers, each, in_order, result_of, share


class Stopped(BaseException):
    """What the handler raises."""


@contextmanager
def signalled(after: float) -> Iterator[None]:
    """A signal comes so many seconds after the beginning, wherever this thread is then; not after the block."""
    over = threading.Event()

    def send() -> None:
        if not over.wait(after):
            os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, lambda _number, _frame: shield.interrupt(Stopped()))
    thread = threading.Thread(target=send)
    try:
        with shield:
            thread.start()
        yield
    finally:
        with shield, suppress(Stopped):
            over.set()
            thread.join()
        signal.signal(signal.SIGUSR2, before)


def hammered(work: Callable[[], None], *, times: int = 300) -> int:
    """Interrupt `work` again and again, each time somewhere else; how often it was."""
    chance, count = random.Random(7), 0
    for _ in range(times):
        try:
            with signalled(chance.uniform(0.0, 0.012)):
                work()
        except Stopped:
            count += 1
    return count


@pytest.mark.timeout(120)
def test_an_interruption_at_any_instant_leaves_no_lock_behind() -> None:
    """Many small items, so that this thread is nearly always within the library: it never hangs."""
    given_up = 0

    def give_up() -> None:
        nonlocal given_up
        given_up += 1

    def work() -> None:
        each(range(100_000), lambda _item: time.sleep(0.0001), threads=8, name="small", give_up=give_up)

    count = hammered(work)
    assert count > 200
    assert given_up <= count
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("small")]


@pytest.mark.timeout(120)
def test_a_wait_for_the_loop_can_be_interrupted_at_any_instant() -> None:
    """As above, for requests to the bucket; the loop goes on working."""
    loop = Loop()

    async def quick() -> int:
        await asyncio.sleep(0)
        return 1

    def work() -> None:
        for _ in range(100_000):
            loop.run(quick())

    assert hammered(work, times=200) > 100
    assert loop.run(quick()) == 1
    loop.close()


@pytest.mark.timeout(120)
def test_a_wait_for_a_request_can_be_interrupted_at_any_instant() -> None:
    """As above, where the thread waits for the request itself; each that was begun is over or cancelled."""
    loop, begun = Loop(), list[asyncio.Future[int]]()

    def answer(future: asyncio.Future[int]) -> None:
        if not future.cancelled():
            future.set_result(1)

    def begin() -> asyncio.Future[int]:
        own = asyncio.get_running_loop()
        begun[:] = [future for future in begun if not future.done()]
        begun.append(own.create_future())
        own.call_soon_threadsafe(answer, begun[-1])
        return begun[-1]

    def work() -> None:
        for _ in range(1_000_000):
            loop.run_directly(begin, 30)

    assert hammered(work, times=200) > 100
    assert all(future.done() for future in begun)
    assert loop.run_directly(begin, 30) == 1
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    loop.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["progress", "turns"])
def test_what_others_wait_for_stays_free(what: str) -> None:
    """Whoever looks on at a run, or waits for a turn on the line, is let in after any number of interruptions."""
    relay, line = Relay(), Line(1_000_000)

    def work() -> None:
        for _ in range(10_000_000):
            if what == "progress":
                relay.advance(size=1)
            else:
                line.wake()

    assert hammered(work, times=600) > 400
    stop = threading.Event()

    def come() -> None:
        relay.line()
        with line.turn(stop):
            pass

    other = threading.Thread(target=come, daemon=True)
    other.start()
    other.join(10)
    assert not other.is_alive()


def test_an_interruption_behind_the_shield_comes_at_its_end() -> None:
    """Also through several shields, and only once."""
    steps = []

    def stand() -> None:
        with shield:
            with shield:
                shield.interrupt(Stopped())
                steps.append("inner")
            steps.append("outer")
        steps.append("never")

    with pytest.raises(Stopped):
        stand()
    assert steps == ["inner", "outer"]
    with shield:
        pass


def test_a_shield_of_another_thread_shields_nothing_here() -> None:
    """Interruptions are this thread's."""
    up, down = threading.Event(), threading.Event()

    def stand() -> None:
        with shield:
            up.set()
            down.wait(10)

    thread = threading.Thread(target=stand)
    thread.start()
    up.wait(10)
    with pytest.raises(Stopped):
        shield.interrupt(Stopped())
    down.set()
    thread.join()


def test_results_come_in_order() -> None:
    """Whatever is done first."""

    def work(item: int) -> int:
        if not item:
            time.sleep(0.02)
        return 2 * item

    assert in_order(work, range(20), threads=4, name="t") == [2 * item for item in range(20)]
    assert in_order(str, [], threads=4, name="t") == []


def test_an_error_ends_it() -> None:
    """What was not begun is left, the first error is raised, and who must know is told."""
    begun: list[int] = []
    told: list[str] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise ValueError("three")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="three"):
        each(range(1000), work, threads=2, name="t", give_up=lambda: told.append("given up"))
    assert told == ["given up"]
    assert len(begun) < 20


def test_only_a_few_are_asked_for_at_a_time() -> None:
    """So that thousands of items do not wait in memory; and nothing more once it is over."""
    asked: list[int] = []
    done: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            assert item - len(done) <= 8
            asked.append(item)
            yield item

    each(
        items(),
        lambda item: item,
        threads=4,
        name="t",
        settled=lambda item, _result: done.append(item),
        is_over=lambda: len(asked) > 50,
    )
    assert len(asked) == 51
    assert sorted(done) == list(range(50))


def test_each_result_is_handed_out_once() -> None:
    """And an error where its result is asked for."""
    with Workers(2, "t") as workers:
        started = [workers.start(lambda item: 1 // item, item) for item in (1, 0)]
        done = {workers.next(), workers.next()}
        assert done == set(started)
        assert result_of(started[0]) == 1
        with pytest.raises(ZeroDivisionError):
            result_of(started[1])


@pytest.mark.parametrize("number", [0, 1, 3, 200])
def test_threads_share_items(number: int) -> None:
    """Each item is taken once, by no more threads than there are items."""
    taken: list[int] = []
    threads: list[int] = []

    def go_on(items: Iterator[int]) -> None:
        threads.append(1)
        taken.extend(items)

    share(range(number), go_on, threads=4, name="t")
    assert sorted(taken) == list(range(number))
    assert len(threads) == min(4, number)


def test_an_error_leaves_what_was_not_begun() -> None:
    """The thread that waits gives up, and raises what the other raised."""
    begun: list[int] = []
    given_up: list[bool] = []

    def go_on(items: Iterator[int]) -> None:
        for item in items:
            begun.append(item)
            raise ValueError("the first one")

    with pytest.raises(ValueError, match="the first one"):
        share(range(100), go_on, threads=2, name="t", give_up=lambda: given_up.append(True))
    assert len(begun) <= 2
    assert given_up == [True]
