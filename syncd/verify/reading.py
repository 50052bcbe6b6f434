"""Reading everything: the files of the folder, and what the store has. Each once in a round, which may be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from syncd.bound import Bound
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.errors import MovedOn, Refused
from syncd.merge.findings import Reads
from syncd.model import Checksum, FileStamp, MediaPath, Problem
from syncd.pacing import Line
from syncd.ports import Phase, Progress
from syncd.scanner.hashing import Reader, Unsettled
from syncd.scanner.manners import give_way
from syncd.scanner.scan import opened_folder
from syncd.scanner.trouble import unreadable
from syncd.state import Hashing, State
from syncd.verify.looking import Seen
from syncd.workers import each

NOTE_EVERY = 2.0
"""Seconds of reading that a kill may lose."""
_DISK_READERS = 2
_STORE_READERS = 4

Place = Literal["folder", "bucket", "server"]


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to be read; see `Hashing`. `read` gives None where it changes just now, or is gone."""

    place: Place
    name: str
    stamp: str
    size: int
    read: Callable[[], Checksum | None]


@dataclass(slots=True)
class Reading:
    """How far a round has come.

    Args:
        since: when it began, in Unix seconds.
        items: how many files and keys there are.
        recalled: how many of them an earlier run of this round has read.
        done: how many were read by now, with those.
        size: the bytes that this run read.
        problems: what could not be read.
    """

    since: float
    items: int = 0
    recalled: int = 0
    done: int = 0
    size: int = 0
    problems: list[Problem] = field(default_factory=list)


def read_everything(
    rooms: Bound, seen: Seen, memory: State, progress: Progress, line: Line | None = None
) -> Reading:
    """Read what was not read in this round yet.

    Args:
        rooms: what is open.
        seen: what there is.
        memory: where what was read is noted while it goes on.
        progress: told of every byte.
        line: how fast files of the folder are read; the bucket's keys go by the limit of the configuration.

    Raises:
        ServerError: the store cannot be read any more; a further run goes on from here.
        FolderError: the media folder cannot be read any more; likewise.
    """
    reading = Reading(memory.begin_hashing(time.time()))
    known = {(one.place, one.name): one for one in memory.hashed()}
    with opened_folder(rooms.settings.media_dir) as root:
        work = _Work(rooms, memory, progress, line, reading, root)
        for name, items, threads in (
            ("Reading the media folder", list(work.files(seen)), _DISK_READERS),
            ("Reading what Gramps Web has", list(work.stored(seen)), _STORE_READERS),
        ):
            reading.items += len(items)
            todo = [item for item in items if not _is_known(known.get((item.place, item.name)), item)]
            reading.recalled += len(items) - len(todo)
            work.read(name, todo, threads)
    if reading.done + reading.recalled >= reading.items:
        memory.end_hashing(time.time())
    reading.done += reading.recalled
    return reading


def recall(seen: Seen, read: Sequence[Hashing]) -> Reads:
    """Of what was read, what still is as it was then; and what the look read itself."""
    files, keys, served = dict(seen.read), dict[Checksum, Checksum](), dict[str, Checksum]()
    for one in read:
        if one.place == "folder":
            file = seen.folder.files.get(one.name)
            if file is not None and _file_stamp(file.stamp) == one.stamp:
                files.setdefault(one.name, one.found)
        elif one.place == "bucket":
            checksum = Checksum(one.name)
            if checksum in seen.keys and _key_stamp(seen, checksum) == one.stamp:
                keys[checksum] = one.found
        elif one.name in seen.objects and _served_stamp(seen, one.name) == one.stamp:
            served[one.name] = one.found
    return Reads(files, keys, served)


def _read_key(upkeep: Upkeep, key: StoredKey) -> Checksum:
    return Checksum(upkeep.digest(key))


def _is_known(known: Hashing | None, item: _Item) -> bool:
    return known is not None and known.stamp == item.stamp


def _file_stamp(stamp: FileStamp) -> str:
    """The device is left out: the kernel numbers disks anew at every start."""
    return f"{stamp.size} {stamp.mtime_ns} {stamp.ctime_ns} {stamp.inode}"


def _key_stamp(seen: Seen, checksum: Checksum) -> str:
    key = seen.keys[checksum]
    return f"{key.size} {key.etag} {key.modified.timestamp()}"


def _served_stamp(seen: Seen, handle: str) -> str:
    item, one = seen.objects[handle], seen.served.get(handle)
    return f"{item.path} {item.checksum} {'' if one is None else f'{one.size} {one.modified}'}"


@dataclass
class _Work:
    rooms: Bound
    memory: State
    progress: Progress
    line: Line | None
    reading: Reading
    root: int
    _closed: threading.Event = field(default_factory=threading.Event)
    _own: threading.local = field(default_factory=threading.local)
    """Each thread's reader, with its buffer."""
    _unwritten: list[Hashing] = field(default_factory=list)
    _written: float = field(default_factory=time.monotonic)

    def files(self, seen: Seen) -> Iterator[_Item]:
        """The files of the folder, in path order, as a disk likes it."""
        for key, file in sorted(seen.folder.files.items()):
            stamp = file.stamp
            read = partial(self._read_file, file.path, stamp)
            yield _Item("folder", key, _file_stamp(stamp), stamp.size, read)

    def stored(self, seen: Seen) -> Iterator[_Item]:
        """What the store has of what objects name."""
        upkeep, files = self.rooms.upkeep, self.rooms.disk
        if upkeep is not None:
            for checksum, key in sorted(seen.keys.items()):
                read = partial(_read_key, upkeep, key)
                yield _Item("bucket", checksum, _key_stamp(seen, checksum), key.size, read)
        elif files is not None:
            for handle, one in sorted(seen.served.items()):
                examine = partial(files.examine, seen.objects[handle])
                yield _Item("server", handle, _served_stamp(seen, handle), one.size, examine)

    def read(self, name: str, items: Sequence[_Item], threads: int) -> None:
        """Read some; what was read by then is noted, whatever happens."""
        self.progress.phase(Phase(name, len(items), sum(item.size for item in items)))
        try:
            each(
                items,
                self._read,
                threads=threads,
                name="verify",
                settled=self._settled,
                give_up=self._give_up,
                initializer=give_way,
            )
        finally:
            self._write()

    def _give_up(self) -> None:
        self._closed.set()
        self.rooms.store.close()

    def _read(self, item: _Item) -> Checksum | None:
        if self._closed.is_set():
            return None
        try:
            return item.read()
        except (MovedOn, Unsettled):
            return None
        except Refused as error:
            self.reading.problems.append(Problem(error.reason, error.remedy, item.name))
            return None

    def _settled(self, item: _Item, found: Checksum | None) -> None:
        self.progress.advance(files=1, size=0 if item.place == "folder" else item.size)
        self.reading.done += 1
        if found is None:
            return
        self.reading.size += item.size
        self._unwritten.append(Hashing(item.place, item.name, item.stamp, found, time.time()))
        if time.monotonic() - self._written > NOTE_EVERY:
            self._write()

    def _write(self) -> None:
        self.memory.put_hashed(self._unwritten)
        self._unwritten, self._written = [], time.monotonic()

    def _read_file(self, path: MediaPath, stamp: FileStamp) -> Checksum | None:
        reader = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = Reader.at(self.root, self._advance)
        try:
            return reader.checksum(path.text, stamp)
        except OSError as error:
            self.reading.problems.append(unreadable(path.text, error, folder=False))
            return None

    def _advance(self, size: int) -> None:
        self.progress.advance(size=size)
        if self.line is not None:
            self.line.take(size, self._closed)
        if self._closed.is_set():
            raise Unsettled
