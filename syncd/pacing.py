"""How fast files travel: `limit_up` and `limit_down`, each one line that all transfers of the process share.

Invariants:
- A line hands out its bytes in the order in which they are asked for, evenly: a transfer asks for a piece at a time, so
  that large files and small ones get on beside each other.
- Where there is no limit there is no line (None), and nothing to ask.
- Nobody waits for a line when the transfer is to end: each wait names the event that ends it. Who comes back looks at it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

_IDLE = 0.1
"""Seconds for which a line that stood idle may make up; what was left unused before is lost."""
_BURST = 0.25
"""Seconds' worth of bytes that may go at once: a photo in one request instead of piece by piece."""
_PIECES = 32
"""Pieces a second, …"""
_SMALLEST, _LARGEST = 1024, 256 * 1024
"""… but none below or above these bytes."""
_REQUESTS = 4
"""Requests a second in which a file is fetched, …"""
_LEAST, _MOST = 32 * 1024, 2 * 1024 * 1024
"""… each for at least and at most these bytes."""
_SHARE = 32 * 1024
"""Bytes a second that each file should get, as long as at least `_TURNS` are under way: on a slow line sixteen at once would
each last so long that a server, or a login, would not wait for the end."""
_TURNS = 3
_PART_SECONDS = 60
_NAP = 0.005
"""Seconds not worth sleeping for: the next wait makes up for them."""


class Line:
    """One direction. Threads share it.

    Args:
        rate: bytes a second; may be set anew at any time.
        clock: monotonic seconds; for tests.
    """

    def __init__(self, rate: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._taken_until = 0.0
        """When the last byte that was asked for may go."""
        self._turns_lock = threading.RLock()
        self._turns = threading.Condition(self._turns_lock)
        self._waiting: deque[object] = deque()
        self._under_way = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rate})"

    @property
    def piece(self) -> int:
        """Bytes to ask for at a time."""
        return min(max(self.rate // _PIECES, _SMALLEST), _LARGEST)

    @property
    def request(self) -> int:
        """Bytes to ask a server for at a time: it sends them at once, into the buffers on the way."""
        return min(max(self.rate // _REQUESTS, _LEAST), _MOST)

    @property
    def burst(self) -> int:
        """Bytes that may go at once."""
        return int(self.rate * _BURST)

    @property
    def at_once(self) -> int:
        """How many files may be on their way together."""
        return max(self.rate // _SHARE, _TURNS)

    def part(self, least: int, most: int) -> int:
        """Bytes of one request within these bounds, so that one lasts no longer than a minute if that can be."""
        return min(max(self.rate * _PART_SECONDS, least), most)

    def take(self, size: int, stop: threading.Event) -> None:
        """Wait until so many bytes may go, or until `stop` is set."""
        with self._lock:
            now = self._clock()
            start = max(self._taken_until, now - _IDLE)
            self._taken_until = start + size / self.rate
        if start - now > _NAP:
            stop.wait(start - now)

    def settle(self, more: int) -> None:
        """So many bytes more (or, below 0, fewer) travelled than were asked for: those who come next wait for them."""
        with self._lock:
            self._taken_until += more / self.rate

    def send(self, chunks: Iterable[bytes], stop: threading.Event) -> Iterator[bytes]:
        """Chunks in pieces, each when it may go; none after `stop` is set."""
        for chunk in chunks:
            step = self.piece
            for start in range(0, len(chunk), step):
                piece = chunk[start : start + step]
                self.take(len(piece), stop)
                if stop.is_set():
                    return
                yield piece

    def receive(self, chunks: Iterator[bytes], stop: threading.Event) -> Iterator[bytes]:
        """Chunks as they come, each asked for when a piece of this line may travel."""
        while True:
            step = self.piece
            self.take(step, stop)
            chunk = next(chunks, None)
            self.settle((0 if chunk is None else len(chunk)) - step)
            if chunk is None:
                return
            yield chunk

    @contextmanager
    def turn(self, stop: threading.Event) -> Iterator[None]:
        """Wait until one more file may be on its way, in order; it is until the block ends. `stop` ends the waiting."""
        me = object()
        with self._turns_lock:
            self._waiting.append(me)
            self._turns.wait_for(
                lambda: stop.is_set() or (self._waiting[0] is me and self._under_way < self.at_once)
            )
            self._waiting.remove(me)
            self._under_way += 1
            self._turns.notify_all()
        try:
            yield
        finally:
            with self._turns_lock:
                self._under_way -= 1
                self._turns.notify_all()

    def wake(self) -> None:
        """Let those who wait for their turn look whether they are to stop."""
        with self._turns_lock:
            self._turns.notify_all()


@dataclass(frozen=True, slots=True)
class Limits:
    """The lines of both directions; None where there is no limit."""

    up: Line | None = None
    down: Line | None = None

    def wake(self) -> None:
        """See `Line.wake`."""
        for line in (self.up, self.down):
            if line is not None:
                line.wake()


UNLIMITED = Limits()


def turn(line: Line | None, stop: threading.Event) -> AbstractContextManager[None]:
    """`Line.turn`; nothing where there is no limit."""
    return nullcontext() if line is None else line.turn(stop)


_lines: dict[str, Line] = {}
_lock = threading.Lock()


def shared(up: int, down: int) -> Limits:
    """The lines of this process, from now on with these rates.

    Args:
        up: bytes a second; 0 for no limit.
        down: likewise.
    """
    return Limits(_shared("up", up), _shared("down", down))


def _shared(direction: str, rate: int) -> Line | None:
    if not rate:
        return None
    with _lock:
        line = _lines.setdefault(direction, Line(rate))
        line.rate = rate
        return line
