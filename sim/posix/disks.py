"""The system calls on the disks, as far as the engine makes them. One that is not here fails loudly."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import random
import stat
from typing import Any

from sim.posix.inode import Change, Descriptor, Entry, Inode, Listing, failure
from sim.posix.tree import Tree
from syncd.applier import syscalls
from syncd.applier.failures import unreadable


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

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._disk.lseek(self._descriptor, offset, whence)

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


class _Outgoing(_Raw):
    """As `syncd.applier.outgoing` has it: what the disk refuses to give is `Unreadable`."""

    def __init__(self, disk: Disks, descriptor: int, path: str) -> None:
        super().__init__(disk, descriptor)
        self._path = path

    def readinto(self, buffer: Any, /) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise unreadable(error, f"'{self._path}'") from error


class Disks(Tree):
    """See `Tree`; and what the kernel does."""

    # --- the system calls -------------------------------------------------------------------------------------------

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """open(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("create" if flags & os.O_CREAT else "open", text)
        folder, name, text = self._look_up(path, dir_fd)
        inode = folder if not name else folder.entries.get(name)
        if inode is None:
            if not flags & os.O_CREAT:
                raise failure(errno.ENOENT, text)
            if folder.links < 0:
                raise failure(errno.ENOENT, text)
            inode = self._new(stat.S_IFREG, mode & 0o755, folder.device)
            inode.durable = b""
            self._set(folder, name, inode)
        elif flags & os.O_EXCL and flags & os.O_CREAT:
            raise failure(errno.EEXIST, text)
        if inode.kind == stat.S_IFLNK:
            raise failure(errno.ELOOP, text)
        if flags & os.O_DIRECTORY and not inode.is_folder:
            raise failure(errno.ENOTDIR, text)
        if inode.is_folder and flags & (os.O_WRONLY | os.O_RDWR):
            raise failure(errno.EISDIR, text)
        return self._hold(Descriptor(inode, text, flags, self.owner))

    def close(self, descriptor: int) -> None:
        """close(2). What is left of a process that was killed closes nothing: all that it had is closed."""
        if self._went_with_its_process(descriptor):
            return
        if descriptor not in self._open:
            raise failure(errno.EBADF)
        self._drop(descriptor)

    def dup(self, descriptor: int) -> int:
        """dup(2)."""
        held = self._held(descriptor)
        return self._hold(Descriptor(held.inode, held.path, held.flags, held.owner))

    def _held(self, descriptor: int) -> Descriptor:
        try:
            return self._open[descriptor]
        except KeyError:
            raise failure(errno.EBADF) from None

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
        return Listing([Entry(name, held.entries[name], f"{text}/{name}") for name in self._listed(held)])

    def listdir(self, path: Any = ".") -> list[str]:
        """The names in a folder."""
        held, text = self._folder(path)
        self._tell("scandir", text)
        return self._listed(held)

    def _listed(self, folder: Inode) -> list[str]:
        """The names in a folder, in an order that is the disk's: the same each time, or another one."""
        names = sorted(folder.entries)
        (random.Random(folder.number) if self.steady else self._choices).shuffle(names)
        return names

    def _folder(self, path: Any) -> tuple[Inode, str]:
        if isinstance(path, int):
            held = self._held(path)
            inode, text = held.inode, held.path
        else:
            text = os.fspath(path)
            inode = self._at(text)
        if not inode.is_folder:
            raise failure(errno.ENOTDIR, text)
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
            raise failure(errno.ENOSPC, held.path)
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
            raise failure(errno.EEXIST, text)
        self._set(folder, name, self._new(stat.S_IFDIR, mode & 0o755, folder.device))

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """rmdir(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("rmdir", text)
        inode = self._found(folder, name, text)
        if not inode.is_folder:
            raise failure(errno.ENOTDIR, text)
        if inode.entries:
            raise failure(errno.ENOTEMPTY, text)
        self._set(folder, name, None)
        inode.links = -1  # whoever holds it open cannot make anything in it

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        """unlink(2)."""
        folder, name, text = self._look_up(path, dir_fd)
        self._tell("unlink", text)
        if self._found(folder, name, text).is_folder:
            raise failure(errno.EISDIR, text)
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
            raise failure(errno.ENOENT, to)
        if before is inode:
            return
        if before is not None and before.is_folder != inode.is_folder:
            raise failure(errno.EISDIR if before.is_folder else errno.ENOTDIR, to)
        if before is not None and before.entries:
            raise failure(errno.ENOTEMPTY, to)
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
            raise failure(errno.EEXIST, to)
        if into.links < 0:
            raise failure(errno.ENOENT, to)
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
                raise failure(errno.EEXIST, to)
            if into.links < 0:
                raise failure(errno.ENOENT, to)
            self._set(folder, name, None, keep=True)
            self._set(into, new, inode)
            return
        if there is None:
            raise failure(errno.ENOENT, to)
        self._unsynced += [Change(folder, name, inode), Change(into, new, there)]
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

    def outgoing(self, descriptor: int, path: str) -> io.RawIOBase:
        """A file of the folder that somebody else reads."""
        return _Outgoing(self, descriptor, path)

    def open_file(self, path: Any, mode: str = "r", buffering: int = -1, *_: Any, **options: Any) -> Any:
        """The builtin `open`."""
        flags = os.O_RDONLY if "r" in mode else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = self.fdopen(self.open(path, flags), mode, buffering)
        if "b" in mode:
            return opened
        return io.TextIOWrapper(
            opened, **{key: options[key] for key in ("encoding", "errors") if key in options}
        )
