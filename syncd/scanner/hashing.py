"""Reading files for their checksums."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import dataclass

from syncd.model import Checksum, FileStamp
from syncd.ports import Advance, no_progress
from syncd.scanner.manners import announce_reading, is_being_written
from syncd.scanner.way import way_to

CHUNK = 1 << 20
"""Bytes read at a time; one such buffer per thread is all the memory that a file takes, whatever its size."""

COARSE_NS = 10_000_000
"""exFAT's times step by 10 ms, FAT's by 2 s, those of some others by 1 s; all are multiples of this."""

_COARSEST_NS = 2_000_000_000
"""FAT: the coarsest file system in use."""

_TICK_NS = 20_000_000
"""Elsewhere a time is that of the kernel's last tick, 10 ms old at most; with room to spare."""

_NO_LONGER_A_FILE = frozenset([errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO])
"""Gone, or something else has taken its place since it was listed."""

_IN_USE = frozenset([errno.EAGAIN])
"""A file server of this machine has promised the file to somebody (a lease), and is giving it back now."""

_UNFINISHED_NS = 60_000_000_000
"""For so long after its last change a file that is open for writing is not finished; a program may keep it open for days."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_NOATIME", 0)


def stamp_of(status: os.stat_result) -> FileStamp:
    """What a `stat` says, as a value."""
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def same_content(stamp: FileStamp, status: os.stat_result) -> bool:
    """Whether two looks at a file tell that its bytes are the same.

    The device is left out: the kernel numbers btrfs, NFS and USB disks anew at every start, and the media folder's
    marker already tells one disk from another.
    """
    return (
        stamp.mtime_ns == status.st_mtime_ns
        and stamp.ctime_ns == status.st_ctime_ns
        and stamp.inode == status.st_ino
        and stamp.size == status.st_size
    )


def can_vouch(stamp: FileStamp, now_ns: int) -> bool:
    """Whether an equal stamp will prove equal bytes later on, when the file was read no earlier than `now_ns`.

    As git's "racily clean": a file changed in the very grain of time in which it was read would look the same
    afterwards. The change time decides, for it cannot be set by hand: a photo of a camera whose clock runs ahead
    is not read anew for years. Only where there is none, the modification time. A time that is a multiple of the
    coarse step is taken for one of a coarse clock.

    RACE: a file server's clock may be behind ours by more than the grain of its times; a change within that grain
    right after the reading is then seen at the file's next change only.
    """
    changed = stamp.ctime_ns or stamp.mtime_ns
    return changed <= now_ns - (_TICK_NS if changed % COARSE_NS else _COARSEST_NS)


def looks_as_read(descriptor: int, stamp: FileStamp) -> bool:
    """Whether an open file looks as it did when it was read, so that other bytes are no person's doing."""
    return can_vouch(stamp, time.time_ns()) and stamp_of(os.fstat(descriptor)) == stamp


def is_unfinished(descriptor: int, stamp: FileStamp) -> bool:
    """Whether somebody is still writing a file: it has just changed, and is open for writing."""
    changed = stamp.ctime_ns or stamp.mtime_ns
    return abs(time.time_ns() - changed) < _UNFINISHED_NS and is_being_written(descriptor)


class Unsettled(Exception):  # noqa: N818 - no failure, a finding
    """The file changed while it was read, is no longer the one that was listed, or is still being written."""


@dataclass(slots=True)
class Reader:
    """Reads files one after the other with one buffer; each thread has its own.

    Args:
        root: a descriptor of the folder that paths are relative to.
        advance: told of the bytes that were read, while they are: a large film takes long.
    """

    root: int
    _buffer: memoryview
    advance: Advance = no_progress

    @classmethod
    def at(cls, root: int, advance: Advance = no_progress) -> Reader:
        """A reader with a new buffer."""
        return cls(root, memoryview(bytearray(CHUNK)), advance)

    def checksum(self, rel: str, expected: FileStamp) -> Checksum:
        """The checksum of a regular file that has the expected stamp before and after reading.

        Raises:
            Unsettled: it has another stamp, is gone, or is still being written.
            OSError: it cannot be read.
        """
        try:
            descriptor = _open(rel, self.root)
        except OSError as error:
            if error.errno in _NO_LONGER_A_FILE | _IN_USE:
                raise Unsettled from error
            raise
        try:
            if stamp_of(os.fstat(descriptor)) != expected or is_unfinished(descriptor, expected):
                raise Unsettled
            if expected.size > CHUNK:
                announce_reading(descriptor)
            digest = hashlib.md5(usedforsecurity=False)
            read = 0
            while count := os.readv(descriptor, [self._buffer]):
                digest.update(self._buffer[:count])
                read += count
                self.advance(count)
                if read > expected.size:
                    break  # it grows; a log that is written faster than we read would never end
            if read != expected.size or stamp_of(os.fstat(descriptor)) != expected:
                raise Unsettled
            # Opened since, and written to within the grain of its times.
            if is_unfinished(descriptor, expected):
                raise Unsettled
            return Checksum(digest.hexdigest())
        finally:
            os.close(descriptor)


def _open(rel: str, root: int) -> int:
    """Open without following any link, without waiting for a pipe, and without leaving a trace where allowed."""
    with way_to(root, rel) as (folder, name):
        try:
            return os.open(name, _FLAGS, dir_fd=folder)
        except PermissionError:
            # O_NOATIME is for the owner of a file only.
            return os.open(name, _FLAGS & ~getattr(os, "O_NOATIME", 0), dir_fd=folder)


def checksum_of(descriptor: int) -> Checksum:
    """The checksum of an open file from its beginning; the descriptor stays open."""
    buffer = memoryview(bytearray(CHUNK))
    digest = hashlib.md5(usedforsecurity=False)
    offset = 0
    while count := os.preadv(descriptor, [buffer], offset):
        digest.update(buffer[:count])
        offset += count
    return Checksum(digest.hexdigest())
