"""Reading beside people who work: their programs come first, and a file that somebody is still writing waits.

Nothing here is needed for a right result, and each of it does nothing where the system does not let us.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import signal
import sys
from contextlib import suppress
from pathlib import Path

_WHO_PROCESS = 1
_LOWEST = (2 << 13) | 7
"""Of ioprio_set(2): best effort, level 7. Not "idle", with which a disk that is never idle would never be read."""

_IOPRIO_SET_64 = {
    "x86_64": 251,
    "aarch64": 30,
    "riscv64": 30,
    "loongarch64": 30,
    "ppc64le": 273,
    "s390x": 282,
}
"""The system call's number; the C library has no name for it."""
_IOPRIO_SET_32 = {"armv6l": 314, "armv7l": 314, "armv8l": 314, "aarch64": 314, "i686": 289, "x86_64": 289}

_ASKS_ITS_SERVER = frozenset(["nfs", "nfs4", "cifs", "smb3", "smbfs"])
"""There a lease is also refused because the server has not promised us anything: that says nothing of other programs."""


def give_way() -> None:
    """Let this thread's reading come after that of other programs. For threads that do nothing but read for checksums.

    Where the disk's scheduler knows priorities (BFQ, which desktops have for hard disks): other disks are quick enough.
    """
    numbers = _IOPRIO_SET_64 if sys.maxsize > 2**32 else _IOPRIO_SET_32
    number = numbers.get(platform.machine())
    if number is not None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(ctypes.c_long(number), _WHO_PROCESS, 0, _LOWEST)


def announce_reading(descriptor: int) -> None:
    """Tell the system that a file will be read from beginning to end: it reads further ahead, in fewer moves of a disk.

    That it is not needed afterwards (`POSIX_FADV_DONTNEED`) is not told. A new file is read again, to be sent; and what a
    person's programs had in memory before would go as well.
    """
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)


def is_being_written(descriptor: int) -> bool:
    """Whether some program has a file open for writing; False where the system does not tell.

    The kernel refuses a read lease then. It tells only of files that are ours (or to root), and only of this computer's
    programs. A lease that is given is given back within microseconds. Whoever opens the file for writing in between waits
    as long; and we get a SIGIO, which would end a process that does not ignore it: there it is not asked for.

    Args:
        descriptor: of a regular file, open for reading only.
    """
    if signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        # EACCES: another user's file. EINVAL: a file system without leases.
        return error.errno == errno.EAGAIN and _kind(descriptor) not in _ASKS_ITS_SERVER
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _kind(descriptor: int) -> str:
    """The file system that a file is in, such as `ext4`; `""` when that cannot be told."""
    device = os.fstat(descriptor).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            mount, _, source = line.partition(" - ")
            if mount.split(" ", 3)[2] == wanted:
                return source.split(" ", 1)[0]
    return ""
