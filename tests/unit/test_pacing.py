"""A line with a limit: as much as it says, evenly, in order, and nobody is kept waiting who is to stop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from syncd import pacing
from syncd.pacing import UNLIMITED, Line, shared, turn

MB = 1_000_000
SOON = 5.0


class Clock(threading.Event):
    """A clock that waiting moves on; also the event that would end the waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        """The time passes."""
        assert timeout is not None
        self.now += timeout
        return False


@pytest.fixture
def clock() -> Clock:
    """A clock to be moved by waiting."""
    return Clock()


@pytest.mark.parametrize("rate", [1024, 50_000, MB, 9_876_543])
@pytest.mark.parametrize("size", [700, 4_000, 65_536, 3 * MB])
def test_the_rate_is_kept_to_within_five_percent_over_ten_seconds(clock: Clock, rate: int, size: int) -> None:
    """Whatever the sizes, ten seconds' worth of bytes takes ten seconds."""
    line, sent = Line(rate, clock=clock), 0
    chunks = iter(lambda: bytes(size), None)
    for piece in line.send(chunks, clock):
        sent += len(piece)
        if clock.now >= 110:
            break
    assert abs(sent - 10 * rate) <= max(0.05 * 10 * rate, 2 * line.piece)


def test_a_second_has_no_more_than_its_share_and_a_little(clock: Clock) -> None:
    """Also after an hour without any work, no second carries much more than its share."""
    line = Line(MB, clock=clock)
    for _ in range(2):
        began, sent = clock.now, 0
        for piece in line.send(iter(lambda: bytes(10_000), None), clock):
            if clock.now >= began + 1:
                break
            sent += len(piece)
        assert 0.95 * MB < sent < 1.2 * MB
        clock.now += 3600


def test_what_came_unasked_is_waited_for_by_the_next(clock: Clock) -> None:
    """A chunk is as long as the network made it: what is more than was asked for delays the next one, what is less speeds it up."""
    line = Line(MB, clock=clock)
    chunks = line.receive(iter([bytes(2 * MB), bytes(100), bytes(100), bytes(100)]), clock)
    next(chunks)
    before = clock.now
    next(chunks)
    assert clock.now - before == pytest.approx(2, abs=0.15)
    before = clock.now
    assert sum(map(len, chunks)) == 200
    assert clock.now - before < 0.1


def test_pieces_are_neither_lost_nor_changed(clock: Clock) -> None:
    """What goes through a line comes out of it, byte by byte, sent or received."""
    content = bytes(range(256)) * 1000
    line = Line(100_000, clock=clock)
    assert b"".join(line.send((content[:1000], b"", content[1000:]), clock)) == content
    assert b"".join(line.receive(iter((content[:1000], b"", content[1000:])), clock)) == content


def take_turns(line: Line, sizes: list[int]) -> list[float]:
    """Send files of these sizes at once, a thread each; the seconds after which each had gone."""
    stop, began = threading.Event(), time.monotonic()

    def send(size: int) -> float:
        for _ in line.send((bytes(size),), stop):
            pass
        return time.monotonic() - began

    with ThreadPoolExecutor(len(sizes)) as pool:
        return list(pool.map(send, sizes))


def test_small_files_get_on_beside_a_large_one() -> None:
    """Fifteen small files and a large one share the line: the small ones have gone long before the large one has."""
    *small, large = take_turns(Line(2 * MB), [20_000] * 15 + [1_700_000])
    assert large == pytest.approx(1.0, abs=0.2)
    assert max(small) < 0.6


def test_many_threads_together_keep_the_rate() -> None:
    """Sixteen threads together are as fast as one alone would be."""
    assert max(take_turns(Line(2 * MB), [125_000] * 16)) == pytest.approx(1.0, abs=0.15)


def test_who_is_to_stop_does_not_wait() -> None:
    """Whoever waits for bytes goes on at once when the event is set, and sends nothing more."""
    line, stop, sent = Line(2000), threading.Event(), list[bytes]()

    def send() -> None:
        sent.extend(line.send((bytes(100_000),), stop))

    thread = threading.Thread(target=send)
    thread.start()
    while not sent and thread.is_alive():
        time.sleep(0.01)
    began = time.monotonic()
    stop.set()
    thread.join(SOON)
    assert time.monotonic() - began < 0.5
    assert sum(map(len, sent)) < 10_000


def test_no_more_files_at_once_than_the_line_can_bear() -> None:
    """A slow line carries three files at a time; the others follow in the order in which they came."""
    line, stop, order = Line(10_000), threading.Event(), list[int]()
    entered = threading.Semaphore(0)

    def come(number: int) -> None:
        with line.turn(stop):
            order.append(number)
            entered.release()

    with ExitStack() as under_way:
        for _ in range(line.at_once):
            under_way.enter_context(line.turn(stop))
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=come, args=(number,)))
            threads[-1].start()
            while len(line._waiting) <= number:
                time.sleep(0.001)
        assert line.at_once == 3
        assert order == []
        under_way.pop_all().close()
    for thread in threads:
        thread.join(SOON)
    assert order == [0, 1, 2, 3, 4]


def test_who_is_to_stop_does_not_wait_for_a_turn() -> None:
    """`wake` lets those go on whose event is set, and only those."""
    line, stop, other = Line(10_000), threading.Event(), threading.Event()
    gone = {event: threading.Event() for event in (stop, other)}

    def come(event: threading.Event) -> None:
        with line.turn(event):
            gone[event].set()

    with ExitStack() as under_way:
        for _ in range(line.at_once):
            under_way.enter_context(line.turn(other))
        threads = [threading.Thread(target=come, args=(event,)) for event in (other, stop)]
        for thread in threads:
            thread.start()
        while len(line._waiting) < 2:
            time.sleep(0.001)
        stop.set()
        line.wake()
        assert gone[stop].wait(SOON)
        assert not gone[other].is_set()
    for thread in threads:
        thread.join(SOON)
    assert gone[other].is_set()


def test_a_request_fits_into_a_minute_where_that_can_be() -> None:
    """Large enough for the server, and no larger than what the line carries in a minute."""
    mib = 1 << 20
    assert Line(10 * MB).part(5 * mib, 8 * mib) == 8 * mib
    assert Line(100_000).part(5 * mib, 8 * mib) == 6_000_000
    assert Line(10_000).part(5 * mib, 8 * mib) == 5 * mib


def test_all_of_a_process_share_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each direction has one line; a new rate goes for all that use it, and no limit means no line."""
    monkeypatch.setattr(pacing, "_lines", {})
    first = shared(1000 * 1000, 0)
    assert first.up is not None
    assert first.down is None
    second = shared(2000, 3000)
    assert second.up is first.up
    assert first.up.rate == 2000
    assert second.down is not None
    assert second.down is not second.up
    assert shared(0, 0) == UNLIMITED


def test_without_a_limit_nothing_is_waited_for() -> None:
    """Where there is no line, everybody has their turn at once."""
    with turn(None, threading.Event()), turn(None, threading.Event()):
        pass
    UNLIMITED.wake()
