"""The system calls that change the media folder, each in one place, so that tests can end the world at any of them.

What moves files without overwriting any is in `renames`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat

NOREPLACE = 1
"""For `renameat2`: fail when the target exists."""
EXCHANGE = 2
"""For `renameat2`: swap the two names."""
_UNSUPPORTED = frozenset([errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
_FICLONE = 0x40049409

_libc = ctypes.CDLL(None, use_errno=True)
_rename = getattr(_libc, "renameat2", None)


class UnsupportedError(Exception):
    """This file system (or C library) has no such rename."""


def renameat2(source_fd: int, source: str, target_fd: int, target: str, flags: int) -> None:
    """Linux's rename with flags. Not every disk heeds them: `renames` finds that out.

    Raises:
        UnsupportedError: not here.
        OSError: as rename(2) does.
    """
    if _rename is None:
        raise UnsupportedError
    if _rename(source_fd, os.fsencode(source), target_fd, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            raise UnsupportedError
        raise OSError(code, os.strerror(code), target)


def is_there(folder: int, name: str, *, or_folder: bool = True) -> bool:
    """Whether the name is taken by anything, even a dead link; `or_folder` says whether by a folder, too."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return or_folder or not stat.S_ISDIR(status.st_mode)


def rename(source_fd: int, source: str, target_fd: int, target: str) -> None:
    """Rename; an existing target is replaced, so callers know that there is none (or that it is theirs)."""
    os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)


def link(source_fd: int, source: str, target_fd: int, target: str) -> None:
    """Make a hard link; fails when the target exists."""
    os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)


def unlink(folder: int, name: str) -> None:
    """Remove a name of a file."""
    os.unlink(name, dir_fd=folder)


def make_folder(folder: int, name: str, mode: int) -> None:
    """Make a folder."""
    os.mkdir(name, mode, dir_fd=folder)


def remove_folder(folder: int, name: str) -> None:
    """Remove a folder; fails when anything is in it."""
    os.rmdir(name, dir_fd=folder)


def create(folder: int, name: str, mode: int) -> int:
    """Create a file that must not exist, open for reading and writing."""
    return os.open(
        name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder
    )


def write(descriptor: int, content: bytes | bytearray | memoryview) -> None:
    """Write all of it."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def clone(source: int, target: int) -> bool:
    """Let one file share another's blocks, where the file system can; says whether it did."""
    try:
        import fcntl  # noqa: PLC0415 - Linux has it, and nothing else here needs it

        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def sync_file(descriptor: int) -> None:
    """Have a file's bytes on the disk."""
    os.fsync(descriptor)


def sync_folder(descriptor: int) -> None:
    """Have a folder's names on the disk; some network and FUSE file systems do so by themselves and say EINVAL."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF, errno.ENOSYS):
            raise
