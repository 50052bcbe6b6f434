"""What a watched run of syncd did to its disk and its servers, call by call, and the points at which it can be killed."""

from __future__ import annotations

import os
import pickle
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.calls import Kind

INDEX = "-shm"
"""SQLite's index of its log: whoever opens the state next makes it anew. Its writes count as one point."""
DATABASE = ("state/state.sqlite", "state/state.sqlite-wal", "state/state.sqlite-journal")
"""The state and its logs. What is written there until the next sync is one point: SQLite takes it as a whole or not at all."""

_REQUEST = re.compile(rb"(GET|PUT|POST|DELETE|HEAD) (\S+) HTTP/1\.1\r\n")
_RANDOM = re.compile(r"(?<![0-9a-z])(?![0-9a-f]{32}(?![0-9a-z]))[0-9a-f]{12,}(?:-[0-9a-f]{4,12})*")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=/)[0-9a-f]{33,}")


@dataclass(frozen=True, slots=True)
class Event:
    """One call.

    Args:
        number: its place in the recording.
        call: the name of the system call.
        kind: what it does.
        paths: what it is about: `media/…`, `state/…`, or an absolute path elsewhere.
        inodes: the `identity` of what each path names before the call (of what was opened: after it); 0 for none.
        flags: of a rename or an opening.
        offset: in bytes.
        data: what was written.
        size: bytes asked for, or the new size; of an answer its HTTP status, 0 where it was not seen.
        result: what the call returned; negative where it failed.
        place: the line of syncd that asked for a sync.
        request: what was asked of a server, such as `PUT s3/<checksum>`.
        made: whether an opening made the file.
        point: the name of the point; empty where there is none.
    """

    number: int
    call: str
    kind: Kind
    paths: tuple[str, ...] = ()
    inodes: tuple[int, ...] = ()
    flags: int = 0
    offset: int = 0
    data: bytes = b""
    size: int = 0
    result: int = 0
    place: str = ""
    request: str = ""
    made: bool = False
    point: str = ""


def load(path: Path) -> list[Event]:
    """The events of a recording, in their order; of a run that was killed, those until then."""

    def read() -> Iterator[Event]:
        with path.open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)
                except (EOFError, pickle.UnpicklingError):
                    return

    return list(read())


def identity(status: os.stat_result) -> int:
    """The number of an inode and its disk, in one."""
    return status.st_dev << 64 | status.st_ino


def plain(path: str) -> str:
    """A path without what is random in it."""
    return _RANDOM.sub("*", path)


@dataclass
class Numbering:
    """Gives each point of a run a name that it has in every run of the same scenario.

    The name is the kind, what it is about without what is random in it, and how many of these there were: whatever order
    several threads work in, the same points are there.
    """

    _seen: Counter[str] = field(default_factory=Counter)
    _last_read: str = ""
    _written: set[str] = field(default_factory=set)
    """The databases that were written to since they were last synced."""
    _asked: dict[str, str] = field(default_factory=dict)
    """Sockets with a request on its way, and which."""
    _stage: dict[str, Kind | None] = field(default_factory=dict)

    def at_call(self, kind: Kind, call: str, paths: tuple[str, ...]) -> str:
        """The point before a call on files; empty where a kill would leave the same as at the point before."""
        about = " → ".join(plain(path) for path in paths)
        if about.endswith(INDEX):
            return "" if self._seen[f"{kind} {about}"] else self._numbered(f"{kind} {about}")
        if kind is Kind.READ:
            if about == self._last_read:
                return ""
            self._last_read = about
        else:
            self._last_read = ""
        if about in DATABASE and kind is Kind.WRITE:
            if about in self._written:
                return ""
            self._written.add(about)
        elif kind is Kind.COMMIT:
            self._written.discard(about)
        return self._numbered(
            f"{kind} {about}" if kind in (Kind.READ, Kind.OPEN, Kind.WRITE) else f"{kind} {call} {about}"
        )

    def connecting(self, peer: str) -> str:
        """The point before a connection; the pools decide how many there are."""
        name = f"{Kind.CONNECT} {peer}"
        return "" if self._seen[name] else self._numbered(name)

    def sending(self, socket: str, peer: str, data: bytes) -> tuple[str, str]:
        """The point before something is sent, and the request that it is of."""
        self._last_read = ""
        found = _REQUEST.match(data)
        if found:
            path = _ID.sub("*", found[2].decode(errors="replace").partition("?")[0])
            self._asked[socket] = f"{found[1].decode()} {peer}{path}"
            self._stage[socket] = Kind.SEND
            return self._numbered(f"{Kind.SEND} {self._asked[socket]}"), self._asked[socket]
        asked = self._asked.get(socket, "")
        if not asked or self._stage[socket] is not Kind.SEND:
            return "", asked
        self._stage[socket] = Kind.WRITE
        return self._numbered(f"{Kind.SEND} {asked} (its body)"), asked

    def awaiting(self, socket: str) -> str:
        """The point before the first look for an answer."""
        if self._stage.get(socket) not in (Kind.SEND, Kind.WRITE):
            return ""
        self._stage[socket] = Kind.AWAIT
        return self._numbered(f"{Kind.AWAIT} {self._asked[socket]}")

    def received(self, socket: str) -> tuple[str, str]:
        """The point after the first of an answer, and the request that it answers."""
        if self._stage.get(socket) in (None, Kind.RECEIVE):
            return "", ""
        self._stage[socket] = Kind.RECEIVE
        return self._numbered(f"{Kind.RECEIVE} {self._asked[socket]}"), self._asked[socket]

    def _numbered(self, name: str) -> str:
        self._seen[name] += 1
        return f"{name} #{self._seen[name]}"


def points_of(events: Sequence[Event]) -> list[str]:
    """The names of all points of a recording, sorted: whatever order threads worked in."""
    return sorted({event.point for event in events if event.point}, key=_in_order)


def _in_order(point: str) -> tuple[str, int]:
    name, _, number = point.rpartition(" #")
    return name, int(number)


def kind_of(point: str) -> str:
    """What a kill falls on, such as `send`."""
    return point.partition(" ")[0]


def by_kind(points: Sequence[str]) -> dict[str, list[str]]:
    """The points of each kind."""
    found: dict[str, list[str]] = defaultdict(list)
    for point in points:
        found[kind_of(point)].append(point)
    return dict(sorted(found.items()))


def sample(points: Sequence[str], number: int, seed: int) -> list[str]:
    """So many points, chosen by a seed: of every kind in turn."""
    choices = random.Random(seed)
    decks = list(by_kind(points).values())
    for deck in decks:
        choices.shuffle(deck)
    choices.shuffle(decks)
    chosen: list[str] = []
    while len(chosen) < min(number, len(points)):
        for deck in decks:
            if deck and len(chosen) < number:
                chosen.append(deck.pop())
    return chosen
