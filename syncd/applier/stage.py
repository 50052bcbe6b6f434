"""Bytes that have arrived but stand under no name of the person's yet: verified, on the disk, ready to be placed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from syncd.applier import notes, renames, syscalls
from syncd.applier.failures import rotten, translate, translated, unreadable
from syncd.applier.ground import PART, TMP, Ground, Spot, changed, random_name
from syncd.applier.room import Claim, free_space, require
from syncd.errors import Unexpected
from syncd.model import Checksum, FileStamp
from syncd.scanner.hashing import CHUNK, checksum_of, looks_as_read, stamp_of

READY = ".ready"


@dataclass(slots=True)
class Ready:
    """A verified file in `.syncd/tmp`. As a context manager it takes itself away, unless it was placed.

    Args:
        rel: its path relative to the media folder.
        checksum: of its bytes.
        stamp: as it lies there.
    """

    ground: Ground = field(repr=False)
    rel: str
    checksum: Checksum
    stamp: FileStamp
    moved: bool = False
    """It has another name now, and nothing took its place."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stamp.size

    def discard(self) -> None:
        """Remove it, if it is still there. After an exchange a person's file may lie there: that stays."""
        if self.moved:
            return
        try:
            with self.ground.at(self.rel) as spot:
                now = spot.stamp()
                if now is not None and now.inode == self.stamp.inode:
                    syscalls.unlink(spot.folder, spot.name)
        except OSError:
            return  # `recover` takes it away

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


class _Target(io.RawIOBase):
    """What a download writes to: hashes on the way, writes all of what it is given, translates the disk's errors.

    It goes forward only, or back to its beginning, to be written anew: `seek(0)`, then `truncate()`.
    """

    def __init__(self, ground: Ground, descriptor: int, claim: Claim) -> None:
        super().__init__()
        self._ground = ground
        self._descriptor = descriptor
        self._claim = claim
        self._digest = hashlib.md5(usedforsecurity=False)

    def checksum(self) -> Checksum:
        """See `syncd.ports.Hashing`."""
        return Checksum(self._digest.hexdigest())

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        """Write all of it.

        Raises:
            FolderError: the disk is full or gone.
        """
        view = memoryview(content).cast("B")
        with translated(self._ground.root, "a new file"):
            self._claim.check(len(view))
            syscalls.write(self._descriptor, view)
        self._claim.spend(len(view))
        self._digest.update(view)
        return len(view)

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if (offset, whence) != (0, os.SEEK_SET):
            raise io.UnsupportedOperation("only back to the beginning")
        return os.lseek(self._descriptor, 0, os.SEEK_SET)

    def truncate(self, _size: int | None = None, /) -> int:
        """Forget what was written from the beginning on, where it has to stand."""
        if self.tell():
            raise io.UnsupportedOperation("only at the beginning")
        with translated(self._ground.root, "a new file"):
            os.ftruncate(self._descriptor, 0)
        self._digest = hashlib.md5(usedforsecurity=False)
        return 0


class Incoming:
    """A file that is being received. As a context manager it leaves nothing behind unless it was finished.

    `file` is what to write to, from the first byte to the last.
    """

    def __init__(self, ground: Ground, checksum: Checksum, size: int) -> None:
        self._ground = ground
        self._checksum = checksum
        self._name = random_name()
        with translated(ground.root, "a new file"), ground.at(f"{TMP}/{self._name}{PART}") as spot:
            self._claim = ground.room.claim(spot.folder, size)
            try:
                # Nobody else can enter .syncd: the final mode may as well be there from the beginning.
                self._descriptor = syscalls.create(spot.folder, spot.name, 0o666)
            except BaseException:
                self._claim.release()
                raise
            self._claim.descriptor = self._descriptor
        self._target = _Target(ground, self._descriptor, self._claim)
        self._open = True

    @property
    def file(self) -> BinaryIO:
        """What to write to."""
        return cast("BinaryIO", self._target)

    @property
    def descriptor(self) -> int:
        """The open file; what is written past `file` is read again by `finish`."""
        return self._descriptor

    def finish(self, *, read_again: bool = False) -> Ready:
        """Verify, have it on the disk, and give it its name.

        Args:
            read_again: hash what lies on the disk, because not all was written through `file`.

        Raises:
            Unexpected: the bytes do not have the checksum.
            Unreadable: what lies on the disk cannot be read.
            FolderError: the disk is full or gone.
        """
        rel = f"{TMP}/{self._checksum}.{self._name}{READY}"
        with translated(self._ground.root, "a new file"):
            found = self._read_again() if read_again else self._target.checksum()
            if found != self._checksum:
                raise Unexpected(
                    f"the bytes that arrived do not have the checksum {self._checksum}",
                    "syncd tries again next time",
                )
            syscalls.sync_file(self._descriptor)
            with self._ground.at(rel) as spot:
                renames.move_inside(self._ground, spot.beside(self._name + PART), spot)
            stamp = stamp_of(os.fstat(self._descriptor))
        self._close()
        return Ready(self._ground, rel, self._checksum, stamp)

    def _read_again(self) -> Checksum:
        try:
            return checksum_of(self._descriptor)
        except OSError as error:
            raise unreadable(error, "the copy of the file") from error

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._claim.release()
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        self._close()
        try:
            with self._ground.at(f"{TMP}/{self._name}{PART}") as spot:
                syscalls.unlink(spot.folder, spot.name)
        except OSError:
            pass  # `recover` takes it away
        if isinstance(error, OSError) and error.errno in (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EROFS,
            errno.EFBIG,
        ):
            raise translate(error, self._ground.root, "a new file") from error


def copy(ground: Ground, source: Spot, stamp: FileStamp, checksum: Checksum) -> Ready:
    """Copy a file of the folder, sharing its blocks where the file system can.

    Raises:
        MovedOn: the source is not, or does not stay, as expected.
        Rotten: it looks as expected, and has other bytes.
        Unreadable: it cannot be read to its end.
        OSError: it cannot be opened.
    """
    descriptor = source.open()
    try:
        if stamp_of(os.fstat(descriptor)) != stamp:
            raise changed(source.text)
        with Incoming(ground, checksum, stamp.size) as part:
            cloned = syscalls.clone(descriptor, part.descriptor)
            if not cloned:
                transfer(descriptor, part.file, source.text)
            if stamp_of(os.fstat(descriptor)) != stamp:
                raise changed(source.text)
            try:
                return part.finish(read_again=cloned)
            except Unexpected as error:
                raise (rotten if looks_as_read(descriptor, stamp) else changed)(source.text) from error
    finally:
        os.close(descriptor)


def copy_near(ground: Ground, source: Spot, near: Spot, checksum: Checksum) -> None:
    """Copy a file to a name of ours beside its target, on the target's disk, where it stands complete or not at all.

    Raises:
        FolderError: that disk has no room for it.
        OSError: it cannot be copied, or does not have the checksum.
    """
    stamp = source.stamp()
    require(ground.root / near.text, free_space(near.folder), 0 if stamp is None else stamp.size)
    part = near.beside(f"{notes.NEAR}{random_name()}{PART}")
    with notes.noted(ground, notes.Note(part.text, near.text, unfinished=True)):
        try:
            _copy_to(source, part, checksum)
            renames.move_inside(ground, part, near)
            syscalls.sync_folder(near.folder)  # before the note goes: nobody would take the first name away
        except Exception:
            if part.stamp() is not None:
                syscalls.unlink(part.folder, part.name)
            raise


def _copy_to(source: Spot, target: Spot, checksum: Checksum) -> None:
    descriptor = source.open()
    try:
        copied = syscalls.create(target.folder, target.name, 0o666)
        with os.fdopen(copied, "wb", buffering=0):
            transfer(descriptor, copied, source.text)
            syscalls.sync_file(copied)
    finally:
        os.close(descriptor)
    if target.checksum() != checksum:
        raise OSError(errno.EIO, os.strerror(errno.EIO), target.text)


def discard_near(near: Spot, checksum: Checksum) -> None:
    """Remove our copy after a failure, if it is ours and not what was swapped out for it."""
    if near.stamp() is not None and near.checksum() == checksum:
        syscalls.unlink(near.folder, near.name)


def transfer(descriptor: int, target: int | BinaryIO, path: str) -> None:
    """Write all of an open file to another.

    Raises:
        Unreadable: it cannot be read to its end; `path` names it.
        OSError: the other cannot be written.
    """
    buffer = memoryview(bytearray(CHUNK))
    offset = 0
    while count := _read(descriptor, buffer, offset, path):
        if isinstance(target, int):
            syscalls.write(target, buffer[:count])
        else:
            target.write(buffer[:count])
        offset += count


def _read(descriptor: int, buffer: memoryview, offset: int, path: str) -> int:
    try:
        return os.preadv(descriptor, [buffer], offset)
    except OSError as error:
        raise unreadable(error, f"'{path}'") from error
