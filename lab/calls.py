"""The system calls of Linux on x86-64, as far as they matter to who watches a program: what each is about, and which are harmless.

A call that stands in neither table is stopped at as well, and told of as one that nobody knows: so nothing that touches
a disk or a network goes by unseen because somebody forgot it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a call does."""

    READ = "read"
    WRITE = "write"
    OPEN = "open"
    NAME = "name"
    SYNC = "sync"
    COMMIT = "commit"
    """A sync of the state's log or file: what SQLite wrote is there for good."""
    SIZE = "size"
    RIGHTS = "rights"
    SHARE = "share"
    """A file gets another's blocks."""
    CONNECT = "connect"
    SEND = "send"
    AWAIT = "await"
    """A request is out, and nothing of its answer has been read."""
    RECEIVE = "receive"
    """The first of an answer was read; nothing came of it yet."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call.

    Args:
        name: as in the manual.
        kind: what it does.
        fds: the positions of its descriptors, that of what it changes first.
        names: the positions of its names, each with that of the descriptor it is relative to (None: of none).
    """

    name: str
    kind: Kind
    fds: tuple[int, ...] = ()
    names: tuple[tuple[int, int | None], ...] = ()


def _of(kind: Kind, *numbered: tuple[int, str], fd: int = 0) -> dict[int, Call]:
    return {number: Call(name, kind, (fd,)) for number, name in numbered}


CALLS: Mapping[int, Call] = {
    **_of(Kind.READ, (0, "read"), (17, "pread64"), (19, "readv"), (295, "preadv"), (327, "preadv2"), (217, "getdents64")),
    **_of(Kind.RECEIVE, (45, "recvfrom"), (47, "recvmsg")),
    **_of(Kind.WRITE, (1, "write"), (18, "pwrite64"), (20, "writev"), (296, "pwritev"), (328, "pwritev2")),
    **_of(Kind.SEND, (44, "sendto"), (46, "sendmsg")),
    **_of(Kind.SYNC, (74, "fsync"), (75, "fdatasync"), (277, "sync_file_range"), (306, "syncfs")),
    **_of(Kind.SIZE, (77, "ftruncate"), (285, "fallocate")),
    **_of(Kind.RIGHTS, (91, "fchmod"), (93, "fchown"), (190, "fsetxattr"), (199, "fremovexattr")),
    **_of(Kind.CONNECT, (42, "connect")),
    **_of(Kind.SHARE, (16, "ioctl")),
    9: Call("mmap", Kind.SHARE, (4,)),
    40: Call("sendfile", Kind.SHARE, (0, 1)),
    326: Call("copy_file_range", Kind.SHARE, (2, 0)),
    2: Call("open", Kind.OPEN, names=((0, None),)),
    85: Call("creat", Kind.OPEN, names=((0, None),)),
    257: Call("openat", Kind.OPEN, names=((1, 0),)),
    437: Call("openat2", Kind.OPEN, names=((1, 0),)),
    82: Call("rename", Kind.NAME, names=((0, None), (1, None))),
    264: Call("renameat", Kind.NAME, names=((1, 0), (3, 2))),
    316: Call("renameat2", Kind.NAME, names=((1, 0), (3, 2))),
    86: Call("link", Kind.NAME, names=((0, None), (1, None))),
    265: Call("linkat", Kind.NAME, names=((1, 0), (3, 2))),
    88: Call("symlink", Kind.NAME, names=((1, None),)),
    266: Call("symlinkat", Kind.NAME, names=((2, 1),)),
    87: Call("unlink", Kind.NAME, names=((0, None),)),
    263: Call("unlinkat", Kind.NAME, names=((1, 0),)),
    83: Call("mkdir", Kind.NAME, names=((0, None),)),
    258: Call("mkdirat", Kind.NAME, names=((1, 0),)),
    84: Call("rmdir", Kind.NAME, names=((0, None),)),
    76: Call("truncate", Kind.SIZE, names=((0, None),)),
    90: Call("chmod", Kind.RIGHTS, names=((0, None),)),
    92: Call("chown", Kind.RIGHTS, names=((0, None),)),
    94: Call("lchown", Kind.RIGHTS, names=((0, None),)),
    260: Call("fchownat", Kind.RIGHTS, names=((1, 0),)),
    268: Call("fchmodat", Kind.RIGHTS, names=((1, 0),)),
    280: Call("utimensat", Kind.RIGHTS, names=((1, 0),)),
}  # fmt: skip

HARMLESS: Mapping[str, tuple[int, ...]] = {
    # why: numbers
    "looks at names and inodes; what stood before stands after": (
        4, 5, 6, 21, 72, 79, 80, 81, 89, 137, 138, 191, 192, 193, 262, 267, 269, 332, 334, 439,
    ),
    "goes from place to place in an open file, or closes it": (3, 8, 32, 33, 292, 436, 221, 73),
    "memory": (10, 11, 12, 25, 26, 27, 28, 149, 324),
    "waits, for others or for time": (
        7, 23, 34, 35, 202, 213, 230, 232, 233, 270, 271, 281, 283, 284, 286, 287, 290, 291, 441, 449,
    ),
    "signals and threads": (13, 14, 15, 24, 56, 60, 61, 131, 158, 186, 200, 218, 219, 231, 234, 273, 274, 435, 203, 204),
    "who and where we are": (
        39, 63, 95, 96, 97, 98, 99, 100, 102, 104, 107, 108, 110, 111, 112, 115, 118, 120, 121, 124, 140, 157, 201, 228, 229, 251, 252, 302, 309, 318,
    ),
    "makes or asks about a socket or a pipe, through which nothing goes yet": (22, 293, 41, 48, 51, 52, 53, 54, 55, 49),
}  # fmt: skip
