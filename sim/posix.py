"""A POSIX file system in memory, put under the real engine: below `/sim/`, `os` and `fcntl` speak to it.

Everything outside `/sim/` goes to the real system as before. Whatever the engine would ask the kernel for and this
does not know fails loudly: the real kernel has no `/sim/`.

The model: directories map names to inodes, a descriptor holds an inode whatever becomes of its names, times are those
of the kernel's last tick (4 ms), inode numbers of deleted files are given out again. What is not synced may be gone
after the power failed: a suffix of the changes of names, and contents that were written since.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from unittest import mock

from syncd.applier import syscalls

ROOT = "/sim"
FIRST_DESCRIPTOR = 1 << 20
TICK_NS = 4_000_000
_ENTRY = os.stat_result

Hook = Callable[[str, str], None]
"""Called before each system call with its name and the path it is about; may raise, or let other people work."""


@dataclass(eq=False, slots=True)
class Inode:
    """A file, a folder or a symbolic link."""

    number: int
    kind: int
    mode: int
    device: int
    mtime_ns: int = 0
    ctime_ns: int = 0
    content: bytearray = field(default_factory=bytearray)
    durable: bytes | None = None
    entries: dict[str, Inode] = field(default_factory=dict)
    target: str = ""
    links: int = 0
    open: int = 0
    locked_by: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == stat.S_IFDIR

    def status(self) -> os.stat_result:
        """What `stat` says."""
        size = len(self.target) if self.kind == stat.S_IFLNK else len(self.content)
        seconds = (self.mtime_ns // 10**9, self.mtime_ns // 10**9, self.ctime_ns // 10**9)
        nano = {
            "st_atime_ns": self.mtime_ns,
            "st_mtime_ns": self.mtime_ns,
            "st_ctime_ns": self.ctime_ns,
        }
        return _ENTRY(
            (self.kind | self.mode, self.number, self.device, max(1, self.links), 1000, 1000, size, *seconds),
            nano,
        )


@dataclass(slots=True)
class Descriptor:
    """An open file description."""

    inode: Inode
    path: str
    flags: int
    owner: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of a name that the disk may not have yet: what stood there before."""

    folder: Inode
    name: str
    before: Inode | None


class Entry:
    """What `scandir` gives."""

    __slots__ = ("_inode", "name", "path")

    def __init__(self, name: str, inode: Inode, path: str) -> None:
        self.name = name
        self.path = path
        self._inode = inode

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return self._inode.is_folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return self._inode.kind == stat.S_IFREG

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._inode.kind == stat.S_IFLNK

    def inode(self) -> int:
        """Its number."""
        return self._inode.number

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """What `lstat` says."""
        return self._inode.status()


class Listing:
    """What `scandir` returns: an iterator and a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Entry]:
        return self._entries

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def close(self) -> None:
        """Nothing to close."""


class _Raw(io.RawIOBase):
    """A Python file over a descriptor."""

    def __init__(self, disk: Disks, descriptor: int) -> None:
        super().__init__()
        self._disk = disk
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: Any, /) -> int:
        return self._disk.readv(self._descriptor, [buffer])

    def write(self, content: Any, /) -> int:
        return self._disk.write(self._descriptor, content)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._disk.close(self._descriptor)


def _error(code: int, path: object = None) -> OSError:
    return OSError(code, os.strerror(code), path)


class Disks:
    """All that stands below `/sim/`.

    Args:
        choices: decides in which order folders are listed, and what a power failure leaves.
        now_ns: the time.
        hook: told of each call of the engine.
    """

    def __init__(self, choices: random.Random, now_ns: Callable[[], int], hook: Hook) -> None:
        self._choices = choices
        self._now_ns = now_ns
        self._hook = hook
        self._numbers = 1000
        self._free_numbers: list[int] = []
        self._open: dict[int, Descriptor] = {}
        self._next = FIRST_DESCRIPTOR
        self._unsynced: list[_Change] = []
        self.owner = ""
        self.free = 1 << 30
        """Bytes that may still be written."""
        self.quiet = 0
        """More than 0: a person or the judge is at work; nobody is told of the calls."""
        self.exchange = True
        """Whether there are renames with flags."""
        self.root = self._new(stat.S_IFDIR, 0o755, 1)

    # --- people, and those who judge ------------------------------------------------------------------------------

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """What is done now is no call of the engine. People's work is on the disk, and all names given before it, too."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1
            self._unsynced.clear()

    def files(self, top: str) -> dict[str, bytes]:
        """All regular files below a folder: path relative to it → content."""
        found: dict[str, bytes] = {}
        stack = [("", self._at(top))]
        while stack:
            rel, folder = stack.pop()
            for name, inode in folder.entries.items():
                path = f"{rel}{name}"
                if inode.is_folder:
                    stack.append((f"{path}/", inode))
                elif inode.kind == stat.S_IFREG:
                    found[path] = bytes(inode.content)
        return dict(sorted(found.items()))

    def write_file(self, path: str, content: bytes, *, in_place: bool = False) -> None:
        """A person writes a file: into the old one, or a new one in its place."""
        folder, name = self._parent(path, make=True)
        standing = folder.entries.get(name)
        if standing is not None and in_place:
            standing.content[:] = content
            standing.durable = content
            self._touch(standing)
            return
        inode = self._new(stat.S_IFREG, 0o644, folder.device)
        inode.content[:] = content
        inode.durable = content
        self._set(folder, name, inode)

    def move(self, path: str, to: str) -> None:
        """A person moves a file or a folder, over what stands there."""
        folder, name = self._parent(path)
        inode = folder.entries[name]
        target, new = self._parent(to, make=True)
        self._set(folder, name, None, keep=True)
        self._set(target, new, inode)

    def swap(self, one: str, other: str) -> None:
        """Two files change places."""
        first, a = self._parent(one)
        second, b = self._parent(other)
        first.entries[a], second.entries[b] = second.entries[b], first.entries[a]
        self._touch(first.entries[a], content=False)
        self._touch(second.entries[b], content=False)

    def remove(self, path: str) -> None:
        """A person deletes a file, or a folder with all that is in it."""
        folder, name = self._parent(path)
        self._set(folder, name, None)

    def exists(self, path: str) -> bool:
        """Whether anything stands there."""
        try:
            folder, name = self._parent(path)
        except OSError:
            return False
        return name in folder.entries

    def is_folder(self, path: str) -> bool:
        """Whether a folder stands there."""
        try:
            return self._at(path).is_folder
        except OSError:
            return False

    def make_folders(self, path: str, device: int | None = None) -> None:
        """Make a folder and those above it."""
        folder, name = self._parent(path, make=True)
        if name not in folder.entries:
            self._set(folder, name, self._new(stat.S_IFDIR, 0o755, device or folder.device))

    def detach(self, path: str) -> Inode:
        """Take a folder away, to be put back later: a disk that is unmounted."""
        folder, name = self._parent(path)
        return folder.entries.pop(name)

    def attach(self, path: str, inode: Inode) -> Inode | None:
        """Put it there again; returns what stood there meanwhile."""
        folder, name = self._parent(path)
        before = folder.entries.get(name)
        folder.entries[name] = inode
        return before

    def copy_tree(self, inode: Inode) -> Inode:
        """A copy of a folder, as a backup program makes it."""
        copy = self._new(inode.kind, inode.mode, inode.device)
        copy.content[:] = inode.content
        copy.target = inode.target
        for name, below in inode.entries.items():
            copy.entries[name] = self.copy_tree(below)
            copy.entries[name].links = 1
        return copy

    def at(self, path: str) -> Inode:
        """What stands at a path."""
        return self._at(path)

    # --- how a process, or the machine, ends ------------------------------------------------------------------------

    def process_ended(self, owner: str) -> None:
        """All that a process had open is closed, its locks are gone."""
        for number in [number for number, one in self._open.items() if one.owner == owner]:
            self._drop(number)

    def power_failed(self) -> int:
        """What was not synced may be gone; returns how many changes of names are."""
        kept = self._choices.randint(0, len(self._unsynced))
        lost = self._unsynced[kept:]
        for change in reversed(lost):
            if change.before is None:
                change.folder.entries.pop(change.name, None)
            else:
                change.folder.entries[change.name] = change.before
        self._unsynced.clear()
        stack = [self.root]
        while stack:
            for inode in stack.pop().entries.values():
                if inode.is_folder:
                    stack.append(inode)
                elif inode.durable is not None and bytes(inode.content) != inode.durable:
                    inode.content[:] = self._choices.choice(
                        [inode.durable, bytes(inode.content), bytes(len(inode.content))]
                    )
                    inode.durable = bytes(inode.content)
        return len(lost)

    def synced(self) -> None:
        """Everything is on the disk: what people do is not what is tested."""
        self._unsynced.clear()
        stack = [self.root]
        while stack:
            for inode in stack.pop().entries.values():
                if inode.is_folder:
                    stack.append(inode)
                else:
                    inode.durable = bytes(inode.content)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _new(self, kind: int, mode: int, device: int) -> Inode:
        if self._free_numbers:
            number = self._free_numbers.pop()
        else:
            self._numbers += 1
            number = self._numbers
        now = self._now()
        return Inode(number, kind, mode, device, now, now)

    def _now(self) -> int:
        now = self._now_ns()
        return now - now % TICK_NS + 1

    def _touch(self, inode: Inode, *, content: bool = True) -> None:
        inode.ctime_ns = self._now()
        if content:
            inode.mtime_ns = inode.ctime_ns

    def _set(self, folder: Inode, name: str, inode: Inode | None, *, keep: bool = False) -> None:
        """Let a name mean something else; what it meant loses a link (`keep`: it gets another name at once)."""
        before = folder.entries.get(name)
        self._unsynced.append(_Change(folder, name, before))
        if inode is None:
            folder.entries.pop(name, None)
        else:
            folder.entries[name] = inode
            inode.links += 0 if before is inode else 1
            self._touch(inode, content=False)
        self._touch(folder)
        if before is not None and before is not inode:
            before.links -= 1
            if before.links == 0 and not keep:
                self._touch(before, content=False)
                self._release(before)

    def _release(self, inode: Inode) -> None:
        if inode.links <= 0 and not inode.open and not inode.is_folder:
            self._free_numbers.append(inode.number)

    def _at(self, path: str) -> Inode:
        folder, name = self._parent(path)
        if not name:
            return folder
        try:
            return folder.entries[name]
        except KeyError:
            raise _error(errno.ENOENT, path) from None

    def _parent(self, path: str, start: Inode | None = None, *, make: bool = False) -> tuple[Inode, str]:
        """The folder that a path's last name is in."""
        if start is None:
            assert path == ROOT or path.startswith(f"{ROOT}/"), path
            path = path.removeprefix(ROOT)
        *above, name = [part for part in path.split("/") if part and part != "."] or [""]
        folder = start or self.root
        for part in above:
            below = folder.entries.get(part)
            if below is None and make:
                below = self._new(stat.S_IFDIR, 0o755, folder.device)
                self._set(folder, part, below)
            if below is None:
                raise _error(errno.ENOENT, path)
            if not below.is_folder:
                raise _error(errno.ENOTDIR, path)
            folder = below
        return folder, name

    def _look_up(self, path: Any, dir_fd: int | None) -> tuple[Inode, str, str]:
        """Folder, name, and the path for the records."""
        text = os.fspath(path)
        if isinstance(text, bytes):
            text = os.fsdecode(text)
        if "\0" in text:
            raise ValueError("embedded null byte")
        if dir_fd is None:
            folder, name = self._parent(text)
            return folder, name, text
        held = self._open[dir_fd]
        if not held.inode.is_folder:
            raise _error(errno.ENOTDIR, text)
        folder, name = self._parent(text, held.inode)
        return folder, name, f"{held.path}/{text}"

    def _found(self, folder: Inode, name: str, path: str) -> Inode:
        if not name:
            return folder
        try:
            return folder.entries[name]
        except KeyError:
            raise _error(errno.ENOENT, path) from None

    def _tell(self, call: str, path: str) -> None:
        if not self.quiet:
            self._hook(call, path)

    def _drop(self, number: int) -> None:
        held = self._open.pop(number)
        held.inode.open -= 1
        if held.inode.locked_by == number:
            held.inode.locked_by = None
        self._release(held.inode)

    # --- the system calls -------------------------------------------------------------------------------------------

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """open(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("create" if flags & os.O_CREAT else "open", text)
        folder, name, text = self._look_up(path, dir_fd)
        inode = folder if not name else folder.entries.get(name)
        if inode is None:
            if not flags & os.O_CREAT:
                raise _error(errno.ENOENT, text)
            if folder.links < 0:
                raise _error(errno.ENOENT, text)
            inode = self._new(stat.S_IFREG, mode & 0o755, folder.device)
            inode.durable = b""
            self._set(folder, name, inode)
        elif flags & os.O_EXCL and flags & os.O_CREAT:
            raise _error(errno.EEXIST, text)
        if inode.kind == stat.S_IFLNK:
            raise _error(errno.ELOOP, text)
        if flags & os.O_DIRECTORY and not inode.is_folder:
            raise _error(errno.ENOTDIR, text)
        if inode.is_folder and flags & (os.O_WRONLY | os.O_RDWR):
            raise _error(errno.EISDIR, text)
        self._next += 1
        inode.open += 1
        self._open[self._next] = Descriptor(inode, text, flags, self.owner)
        return self._next

    def close(self, descriptor: int) -> None:
        """close(2)."""
        if descriptor not in self._open:
            raise _error(errno.EBADF)
        self._drop(descriptor)

    def dup(self, descriptor: int) -> int:
        """dup(2)."""
        held = self._held(descriptor)
        self._next += 1
        held.inode.open += 1
        self._open[self._next] = Descriptor(held.inode, held.path, held.flags, held.owner)
        return self._next

    def _held(self, descriptor: int) -> Descriptor:
        try:
            return self._open[descriptor]
        except KeyError:
            raise _error(errno.EBADF) from None

    def fstat(self, descriptor: int) -> os.stat_result:
        """fstat(2)."""
        held = self._held(descriptor)
        self._tell("fstat", held.path)
        return held.inode.status()

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        """stat(2) and lstat(2)."""
        if isinstance(path, int):
            return self.fstat(path)
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("stat", text)
        return self._found(folder, name, text).status()

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
        """lstat(2)."""
        return self.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def scandir(self, path: Any = ".") -> Listing:
        """opendir(3) and readdir(3), in the disk's order."""
        held, text = self._folder(path)
        self._tell("scandir", text)
        entries = [Entry(name, inode, f"{text}/{name}") for name, inode in sorted(held.entries.items())]
        self._choices.shuffle(entries)
        return Listing(entries)

    def listdir(self, path: Any = ".") -> list[str]:
        """The names in a folder."""
        held, text = self._folder(path)
        self._tell("scandir", text)
        names = sorted(held.entries)
        self._choices.shuffle(names)
        return names

    def _folder(self, path: Any) -> tuple[Inode, str]:
        if isinstance(path, int):
            held = self._held(path)
            inode, text = held.inode, held.path
        else:
            text = os.fspath(path)
            inode = self._at(text)
        if not inode.is_folder:
            raise _error(errno.ENOTDIR, text)
        return inode, text

    def read(self, descriptor: int, size: int) -> bytes:
        """read(2)."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readv(descriptor, [buffer])])

    def readv(self, descriptor: int, buffers: list[Any]) -> int:
        """readv(2)."""
        held = self._held(descriptor)
        count = self.preadv(descriptor, buffers, held.offset)
        held.offset += count
        return count

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """pread(2)."""
        buffer = bytearray(size)
        return bytes(buffer[: self.preadv(descriptor, [buffer], offset)])

    def preadv(self, descriptor: int, buffers: list[Any], offset: int, _flags: int = 0) -> int:
        """preadv(2)."""
        held = self._held(descriptor)
        self._tell("read", held.path)
        (buffer,) = buffers
        view = memoryview(buffer).cast("B")
        found = held.inode.content[offset : offset + len(view)]
        view[: len(found)] = found
        return len(found)

    def write(self, descriptor: int, content: Any) -> int:
        """write(2)."""
        held = self._held(descriptor)
        count = self.pwrite(descriptor, content, held.offset)
        held.offset += count
        return count

    def pwrite(self, descriptor: int, content: Any, offset: int) -> int:
        """pwrite(2)."""
        held = self._held(descriptor)
        self._tell("write", held.path)
        view = bytes(memoryview(content).cast("B"))
        if len(view) > self.free:
            raise _error(errno.ENOSPC, held.path)
        held.inode.content[offset : offset + len(view)] = view
        self._touch(held.inode)
        return len(view)

    def lseek(self, descriptor: int, offset: int, whence: int) -> int:
        """lseek(2)."""
        held = self._held(descriptor)
        base = {os.SEEK_SET: 0, os.SEEK_CUR: held.offset, os.SEEK_END: len(held.inode.content)}[whence]
        held.offset = base + offset
        return held.offset

    def ftruncate(self, descriptor: int, size: int) -> None:
        """ftruncate(2)."""
        held = self._held(descriptor)
        self._tell("truncate", held.path)
        del held.inode.content[size:]
        self._touch(held.inode)

    def fsync(self, descriptor: int) -> None:
        """fsync(2): of a file its bytes, of a folder all changes of names up to its last one."""
        held = self._held(descriptor)
        self._tell("fsync", held.path)
        inode = held.inode
        if not inode.is_folder:
            inode.durable = bytes(inode.content)
            return
        last = max((at for at, one in enumerate(self._unsynced) if one.folder is inode), default=-1)
        del self._unsynced[: last + 1]

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """mkdir(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("mkdir", text)
        folder, name, text = self._look_up(path, dir_fd)
        if not name or name in folder.entries:
            raise _error(errno.EEXIST, text)
        self._set(folder, name, self._new(stat.S_IFDIR, mode & 0o755, folder.device))

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """rmdir(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("rmdir", text)
        inode = self._found(folder, name, text)
        if not inode.is_folder:
            raise _error(errno.ENOTDIR, text)
        if inode.entries:
            raise _error(errno.ENOTEMPTY, text)
        self._set(folder, name, None)
        inode.links = -1  # whoever holds it open cannot make anything in it

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        """unlink(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("unlink", text)
        if self._found(folder, name, text).is_folder:
            raise _error(errno.EISDIR, text)
        self._set(folder, name, None)

    def rename(
        self, source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        """rename(2)."""
        folder, name, text = self._look_up(source, src_dir_fd)
        into, new, to = self._look_up(target, dst_dir_fd)
        self._tell("rename", f"{text} → {to}")
        inode = self._found(folder, name, text)
        before = into.entries.get(new)
        if into.links < 0:
            raise _error(errno.ENOENT, to)
        if before is inode:
            return
        if before is not None and before.is_folder != inode.is_folder:
            raise _error(errno.EISDIR if before.is_folder else errno.ENOTDIR, to)
        if before is not None and before.entries:
            raise _error(errno.ENOTEMPTY, to)
        self._set(folder, name, None, keep=True)
        self._set(into, new, inode)

    replace = rename

    def link(
        self,
        source: Any,
        target: Any,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        """link(2)."""
        folder, name, text = self._look_up(source, src_dir_fd)
        into, new, to = self._look_up(target, dst_dir_fd)
        self._tell("link", f"{text} → {to}")
        inode = self._found(folder, name, text)
        if new in into.entries:
            raise _error(errno.EEXIST, to)
        if into.links < 0:
            raise _error(errno.ENOENT, to)
        self._set(into, new, inode)

    def renameat2(self, source_fd: int, source: str, target_fd: int, target: str, flags: int) -> None:
        """Linux's rename with flags."""
        if not self.exchange:
            raise syscalls.UnsupportedError
        folder, name, text = self._look_up(source, source_fd)
        into, new, to = self._look_up(target, target_fd)
        self._tell("exchange" if flags == 2 else "move", f"{text} → {to}")
        inode = self._found(folder, name, text)
        there = into.entries.get(new)
        if flags == 1:
            if there is not None:
                raise _error(errno.EEXIST, to)
            if into.links < 0:
                raise _error(errno.ENOENT, to)
            self._set(folder, name, None, keep=True)
            self._set(into, new, inode)
            return
        if there is None:
            raise _error(errno.ENOENT, to)
        self._unsynced += [_Change(folder, name, inode), _Change(into, new, there)]
        folder.entries[name], into.entries[new] = there, inode
        self._touch(inode, content=False)
        self._touch(there, content=False)

    def fchmod(self, descriptor: int, mode: int) -> None:
        """fchmod(2)."""
        held = self._held(descriptor)
        self._tell("chmod", held.path)
        held.inode.mode = mode & 0o7777
        self._touch(held.inode, content=False)

    def fchown(self, descriptor: int, _user: int, _group: int) -> None:
        """fchown(2)."""
        held = self._held(descriptor)
        self._tell("chown", held.path)
        self._touch(held.inode, content=False)

    def access(self, path: Any, _mode: int, *, dir_fd: int | None = None, **_options: Any) -> bool:
        """access(2)."""
        try:
            self.stat(path, dir_fd=dir_fd)
        except OSError:
            return False
        return True

    def statvfs(self, _path: Any) -> os.statvfs_result:
        """statvfs(2) and fstatvfs(2)."""
        blocks = self.free // 4096
        return os.statvfs_result((4096, 4096, blocks, blocks, blocks, 9999, 9999, 9999, 0, 255))

    def flock(self, descriptor: int, operation: int) -> None:
        """flock(2)."""
        held = self._held(descriptor)
        if operation & fcntl.LOCK_UN:
            held.inode.locked_by = None
        elif held.inode.locked_by not in (None, descriptor):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        else:
            held.inode.locked_by = descriptor

    def fdopen(self, descriptor: int, mode: str = "r", buffering: int = -1, *_: Any, **__: Any) -> Any:
        """A Python file over a descriptor."""
        raw = _Raw(self, descriptor)
        if buffering == 0:
            return raw
        return io.BufferedReader(raw) if "r" in mode else io.BufferedWriter(raw)

    def open_file(self, path: Any, mode: str = "r", buffering: int = -1, *_: Any, **options: Any) -> Any:
        """The builtin `open`."""
        flags = os.O_RDONLY if "r" in mode else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = self.fdopen(self.open(path, flags), mode, buffering)
        if "b" in mode:
            return opened
        return io.TextIOWrapper(opened, **{key: options[key] for key in ("encoding", "errors") if key in options})


class Installed:
    """While in use, what the engine asks of the kernel about `/sim/` is answered by these disks."""

    def __init__(self, disks: Disks) -> None:
        self._disks = disks
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        by_path = ["open", "stat", "lstat", "mkdir", "rmdir", "unlink", "access", "scandir", "listdir", "statvfs"]
        by_descriptor = [
            "close", "dup", "fstat", "read", "readv", "pread", "preadv", "write", "pwrite", "lseek", "ftruncate",
            "fsync", "fchmod", "fchown", "fdopen",
        ]  # fmt: skip
        for name in by_path:
            self._patch(os, name, getattr(self._disks, name))
        for name in by_descriptor:
            self._patch(os, name, getattr(self._disks, name))
        for name in ("rename", "replace", "link"):
            self._patch(os, name, getattr(self._disks, name))
        self._patch(os, "fstatvfs", self._disks.statvfs)
        self._patch(os, "posix_fadvise", lambda *_: None)
        self._patch(fcntl, "flock", self._disks.flock)
        self._patch(fcntl, "ioctl", _no_ioctl)
        self._patch(io, "open", self._disks.open_file)
        self._patch(builtins, "open", self._disks.open_file)
        self._patches.enter_context(mock.patch.object(syscalls, "renameat2", self._disks.renameat2))
        return self

    def _patch(self, module: Any, name: str, ours: Callable[..., Any]) -> None:
        real = getattr(module, name)

        def dispatch(*arguments: Any, **options: Any) -> Any:
            if _is_ours(arguments, options):
                return ours(*arguments, **options)
            return real(*arguments, **options)

        self._patches.enter_context(mock.patch.object(module, name, dispatch))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patches.close()


def _is_ours(arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    for name in ("dir_fd", "src_dir_fd", "dst_dir_fd"):
        found = options.get(name)
        if found is not None:
            return bool(found >= FIRST_DESCRIPTOR)
    first = arguments[0] if arguments else None
    if isinstance(first, int):
        return first >= FIRST_DESCRIPTOR
    if isinstance(first, str):
        return first == ROOT or first.startswith(f"{ROOT}/")
    if isinstance(first, os.PathLike):
        text = os.fspath(first)
        return isinstance(text, str) and (text == ROOT or text.startswith(f"{ROOT}/"))
    return False


def _no_ioctl(*_: Any) -> None:
    raise _error(errno.EOPNOTSUPP)
