"""What the arguments of a call mean: names, bytes and addresses, read from the process that makes it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.calls import Call
from lab.recording import identity

Args = tuple[int, ...]
_AT_HERE = -100
_INET = (2, 10)


class Arguments:
    """Reads arguments.

    Args:
        read: bytes of the process, by address and size.
        roots: `media` and `state`, and where they are.
        peers: ports, and what listens there.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], roots: Mapping[str, Path], peers: Mapping[int, str]
    ) -> None:
        self.read = read
        self._roots = {name: str(path.resolve()) for name, path in roots.items()}
        self._peers = peers

    def content(self, call: Call, args: Args) -> bytes:
        """What a call writes or sends."""
        if "writev" in call.name:
            return self._vector(args[1], args[2])
        if call.name == "sendmsg":
            _, _, _, vector, count = struct.unpack("<QIIQQ", self.read(args[1], 32))
            return self._vector(vector, count)
        return self.read(args[1], args[2])

    def _vector(self, address: int, count: int) -> bytes:
        table = struct.unpack(f"<{2 * count}Q", self.read(address, 16 * count))
        return b"".join(self.read(table[at], table[at + 1]) for at in range(0, 2 * count, 2))

    def path(self, tid: int, args: Args, position: int, relative_to: int | None) -> str:
        """The absolute path that a name means.

        Args:
            tid: the thread.
            args: the arguments.
            position: of the name among them.
            relative_to: the position of the folder's descriptor; None where there is none.
        """
        name = os.fsdecode(self.read(args[position], 4096).split(b"\0", 1)[0])
        fd = _AT_HERE if relative_to is None else _signed(args[relative_to])
        link = Path(f"/proc/{tid}/cwd" if fd == _AT_HERE else f"/proc/{tid}/fd/{fd}")
        return os.path.normpath(name if name.startswith("/") else f"{link.readlink()}/{name}")

    def label(self, path: str) -> str:
        """A path as recordings have it: `media/…`, `state/…`, or as it is."""
        for name, root in self._roots.items():
            if path == root or path.startswith(f"{root}/"):
                return name + path[len(root) :]
        return path

    def is_ours(self, label: str) -> bool:
        """Whether it is in the media folder or the state folder."""
        return label.partition("/")[0] in self._roots

    def inode(self, label: str) -> int:
        """What stands there now; 0 for nothing."""
        name, slash, rest = label.partition("/")
        try:
            return identity(Path(self._roots[name] + slash + rest if name in self._roots else label).lstat())
        except OSError:
            return 0

    def peer(self, args: Args) -> str:
        """Whom a connection goes to; empty where that is nobody on the network."""
        address = self.read(args[1], args[2])
        if int.from_bytes(address[:2], "little") not in _INET:
            return ""
        port = int.from_bytes(address[2:4], "big")
        return self._peers.get(port, f"port {port}")


def link_of(tid: int, fd: int) -> Path:
    """Where the kernel shows an open descriptor."""
    return Path(f"/proc/{tid}/fd/{fd & 0xFFFFFFFF}")


def position(tid: int, fd: int) -> int:
    """Where in an open file a descriptor stands, in bytes."""
    lines = Path(f"/proc/{tid}/fdinfo/{fd & 0xFFFFFFFF}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("pos:"))


def _signed(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
