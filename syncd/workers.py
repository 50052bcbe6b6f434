"""Threads that work for one that waits, which a signal may interrupt at any instant (`shield`).

The standard library's futures take locks of their own, `concurrent.futures.wait` those of all its futures at once: a run
that was interrupted some hundred times while it sent small files hung. So the main thread touches them behind the shield
only; and where it has to wait itself, it is for a `SimpleQueue`, which leaves no lock behind.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from syncd.shield import shield

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")


class Inbox:
    """What threads leave for the one that waits for them, to be done meanwhile."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Future[Any] | Callable[[], None]] = SimpleQueue()
        self._later: tuple[float, Callable[[], None]] | None = None

    def call(self, action: Callable[[], None]) -> None:
        """Have it called by the thread that waits, soon. What it raises ends the waiting, as an item's error does."""
        self.queue.put(action)

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        """The same after so many seconds, if one still waits by then; for the thread that waits. One thing at a time."""
        self._later = time.monotonic() + seconds, action

    def next(self) -> Future[Any]:
        """Wait for an item that is done, and do meanwhile what there is to do."""
        while True:
            try:
                told = self.queue.get(timeout=self._patience())
            except Empty:
                self.do_due()
                continue
            if isinstance(told, Future):
                return told
            told()

    def do_due(self) -> None:
        """Do what was put off until now."""
        if self._later is not None and self._later[0] <= time.monotonic():
            action, self._later = self._later[1], None
            action()

    def _patience(self) -> float | None:
        """Seconds until something is due."""
        return None if self._later is None else max(0.0, self._later[0] - time.monotonic())


class Workers:
    """Some threads; used in a `with` block, whose end waits for them. After an error, what was not begun is dropped.

    Args:
        threads: how many.
        name: what they are called.
        initializer: called in each of them first.
        inbox: looked into while one waits.
    """

    def __init__(
        self,
        threads: int,
        name: str,
        initializer: Callable[[], None] | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self._inbox = inbox or Inbox()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=initializer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with shield:
            self._pool.shutdown(wait=False, cancel_futures=kind is not None)
        self._pool.shutdown(wait=True)

    def start(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Hand over an item."""
        with shield:
            future = self._pool.submit(work, item)
            future.add_done_callback(self._inbox.queue.put)
        return future

    def next(self) -> Future[Any]:
        """Wait for an item that is done; each is given once, in whatever order they are done.

        Raises:
            Exception: what was done meanwhile raised it.
        """
        return self._inbox.next()


def result_of(future: Future[Result]) -> Result:
    """What came of an item that is done.

    Raises:
        Exception: what its work raised.
    """
    with shield:
        return future.result(0)


def awaited(future: Future[Result]) -> Result:
    """Wait for a single future; what came of it.

    Raises:
        Exception: what its work raised.
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    with shield:
        future.add_done_callback(done.put)
    return result_of(done.get())


def _nothing(_item: object, _result: object) -> None:
    pass


def each(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    threads: int,
    name: str,
    settled: Callable[[Item, Result], None] = _nothing,
    is_over: Callable[[], bool] = bool,
    give_up: Callable[[], None] = lambda: None,
    initializer: Callable[[], None] | None = None,
    inbox: Inbox | None = None,
) -> None:
    """Do all items, several at once. Only a few wait at a time, so that an interruption need not wait for thousands.

    Args:
        items: asked for one by one.
        work: called in a thread with each.
        threads: how many.
        name: what they are called.
        settled: told of each item that is done and what came of it, in this thread.
        is_over: whether nothing more is to be begun.
        give_up: called when an error or an interruption ends this early, before the threads are waited for.
        initializer: called in each thread first.
        inbox: what this thread does meanwhile.

    Raises:
        Exception: the first that `work` raised, or what was done meanwhile.
    """
    with Workers(threads, name, initializer, inbox) as workers:
        under_way: dict[Future[Result], Item] = {}

        def settle() -> None:
            done = workers.next()
            settled(under_way.pop(done), result_of(done))

        try:
            for item in items:
                if is_over():
                    break
                under_way[workers.start(work, item)] = item
                if len(under_way) >= 2 * threads:
                    settle()
            while under_way:
                settle()
        except BaseException:
            give_up()
            raise


def share(
    items: Iterable[Item],
    go_on: Callable[[Iterator[Item]], None],
    *,
    threads: int,
    name: str,
    give_up: Callable[[], None] = lambda: None,
    initializer: Callable[[], None] | None = None,
    inbox: Inbox | None = None,
) -> None:
    """Have threads share items; each takes the next one by itself, so that the thread that waits is not woken for each.

    Args:
        items: all are at hand.
        go_on: called once in each thread, with what gives it one item after the other until none is left.
        threads: how many, at most as many as there are items.
        name: what they are called.
        give_up: called when an error or an interruption ends this early, before the threads are waited for.
        initializer: called in each thread first.
        inbox: what this thread does meanwhile.

    Raises:
        Exception: the first that `go_on` raised, or what was done meanwhile; what was not begun is left.
    """
    left = deque(items)

    def taken() -> Iterator[Item]:
        while True:
            try:
                yield left.popleft()
            except IndexError:
                return

    def stop() -> None:
        left.clear()  # the threads end with the item they are at
        give_up()

    number = min(max(1, threads), len(left))
    if number:
        each(
            range(number),
            lambda _thread: go_on(taken()),
            threads=number,
            name=name,
            give_up=stop,
            initializer=initializer,
            inbox=inbox,
        )


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, name: str
) -> list[Result]:
    """What comes of each item, in their order; they are done several at once.

    Raises:
        Exception: the first that `work` raised; what was not begun is left.
    """
    found: dict[int, Result] = {}

    def note(item: tuple[int, Item], result: Result) -> None:
        found[item[0]] = result

    each(enumerate(items), lambda item: work(item[1]), threads=threads, name=name, settled=note)
    return [found[number] for number in range(len(found))]


def beside(
    work: Callable[[], Result], meanwhile: Callable[[], Other], *, name: str, give_up: Callable[[], None]
) -> tuple[Result, Other]:
    """Do one thing in a thread and another one in this.

    Args:
        work: done in a thread.
        meanwhile: done in this one.
        name: what the thread is called.
        give_up: called when nobody waits for `work` any more, before its thread is waited for.

    Raises:
        Exception: what either raised; if both, what `meanwhile` did.
    """
    with Workers(1, name) as workers:
        workers.start(lambda _: work(), None)
        try:
            other = meanwhile()
            return result_of(workers.next()), other
        except BaseException:
            give_up()
            raise
