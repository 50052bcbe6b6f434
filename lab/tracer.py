"""Watches a run of syncd call by call, writes down what it does, and kills it at a point.

    python -m lab.tracer --into FILE --media FOLDER --state FOLDER --peer gramps=PORT [--kill POINT] -- ARGUMENTS OF SYNCD

Exits as syncd did; 137 after a kill, 99 when it made a call that nobody knows. Not strace: that injects a signal at the
n-th call of *each thread*, and which thread of a pool does what is chance. Here a point is one call of the process, and a
kill falls before it (after it, where an answer was received).
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lab.arguments import Args, Arguments, link_of, position
from lab.calls import CALLS, HARMLESS, Call, Kind
from lab.process import ROOT
from lab.ptrace import Watched
from lab.recording import DATABASE, INDEX, Event, Numbering, identity
from lab.traced import NOTE_FD

UNKNOWN = 99
"""The exit code after a call that nobody knows."""
_FLAGS = {"open": 1, "openat": 2, "renameat2": 4, "unlinkat": 2}
"""Where calls have their flags."""
_FICLONE = (0x40049409, 0x4020940D)
_NO_FD, _SHARED, _WRITABLE = 0xFFFFFFFF, 1, 2


@dataclass(slots=True)
class Pending:
    """A call that was entered and not left; `socket` and `buffer` where an answer may come."""

    event: Event
    socket: str = ""
    buffer: int = 0


class Tracer:
    """Writes down what one process does.

    Args:
        into: where events go.
        roots: `media` and `state`, and where they are.
        peers: ports, and what listens there.
        kill: the point at which the process is killed; empty for never.
    """

    def __init__(
        self, into: BinaryIO, roots: Mapping[str, Path], peers: Mapping[int, str], kill: str
    ) -> None:
        self.process = Watched(self._entered, self._left)
        self.unknown: set[str] = set()
        self._into = into
        self._kill = kill
        self._arguments = Arguments(self.process.read, roots, peers)
        self._numbering = Numbering()
        self._pending: dict[int, Pending] = {}
        self._sockets: dict[str, str] = {}
        self._place: dict[int, str] = {}
        self._number = 0

    # --- the moment before a call ---------------------------------------------------------------------------------

    def _entered(self, tid: int, number: int, args: Args) -> bool:
        call = CALLS.get(number)
        if call is None:
            self.unknown.add(f"system call {number}")
            return False
        try:
            pending = self._described(tid, call, args)
        except OSError:
            return False  # a descriptor that nobody has, memory that is not there: the call fails as well
        if pending is None:
            return False
        if pending.event.point and pending.event.point == self._kill:
            self._end()
            return False
        if pending.event.kind in (Kind.SYNC, Kind.COMMIT):
            # What another thread does while it goes on may be too late for it.
            self._write(pending.event)
            return False
        self._pending[tid] = pending
        return True

    def _end(self) -> None:
        self._into.flush()
        self.process.kill()

    def _described(self, tid: int, call: Call, args: Args) -> Pending | None:
        if call.names:
            return self._on_names(tid, call, args)
        if call.name == "write" and args[0] == NOTE_FD:
            self._place[tid] = self.process.read(args[1], args[2]).decode()
            return None
        fd = args[call.fds[0]] & _NO_FD
        if call.name == "mmap" and (fd == _NO_FD or not args[2] & _WRITABLE or not args[3] & _SHARED):
            return None
        if call.name == "ioctl" and args[1] & 0xFFFFFFFF not in _FICLONE:
            return None
        target = os.fspath(link_of(tid, fd).readlink())
        if target.startswith("socket:"):
            return self._on_socket(call, args, target)
        label = self._arguments.label(target.removesuffix(" (deleted)"))
        if call.kind is Kind.SHARE and call.name != "ioctl":
            return self._on_copying(tid, call, args, label)
        return self._on_file(tid, call, args, label) if self._arguments.is_ours(label) else None

    def _on_names(self, tid: int, call: Call, args: Args) -> Pending | None:
        labels = tuple(self._arguments.label(self._arguments.path(tid, args, *place)) for place in call.names)
        if not any(self._arguments.is_ours(label) for label in labels):
            return None
        flags = args[_FLAGS[call.name]] if call.name in _FLAGS else 0
        if call.kind is Kind.OPEN and not flags & (os.O_CREAT | os.O_TRUNC):
            return None  # a reading shows as reads, a writing as writes
        inodes = tuple(self._arguments.inode(label) for label in labels)
        point = self._numbering.at_call(call.kind, call.name, labels)
        made = call.kind is Kind.OPEN and not inodes[0]
        return Pending(Event(0, call.name, call.kind, labels, inodes, flags, made=made, point=point))

    def _on_file(self, tid: int, call: Call, args: Args, label: str) -> Pending:
        kind = Kind.COMMIT if call.kind is Kind.SYNC and label in DATABASE else call.kind
        point = self._numbering.at_call(kind, call.name, (label,))
        inode = identity(link_of(tid, args[0]).stat())
        event = Event(0, call.name, kind, (label,), (inode,), point=point)
        if kind in (Kind.SYNC, Kind.COMMIT):
            event = replace(event, place=self._place.pop(tid, ""))
        elif kind is Kind.WRITE:
            data = self._arguments.content(call, args)
            at = args[3] if call.name.startswith("pwrite") else position(tid, args[0])
            event = replace(event, data=data, offset=at, size=len(data))
        elif kind is Kind.SIZE:
            event = replace(event, size=args[1])
        elif kind is Kind.SHARE:
            event = replace(event, inodes=(inode, identity(link_of(tid, args[2]).stat())))
        return Pending(event)

    def _on_copying(self, tid: int, call: Call, args: Args, label: str) -> Pending | None:
        """The kernel copies, or a file is written as memory: nobody sees what, so only reading is let pass."""
        if self._arguments.is_ours(label) and not label.endswith(INDEX):
            self.unknown.add(f"{call.name} into {label}")
        if len(call.fds) == 1:
            return None
        source = self._arguments.label(os.fspath(link_of(tid, args[call.fds[1]]).readlink()))
        if not self._arguments.is_ours(source):
            return None
        point = self._numbering.at_call(Kind.READ, call.name, (source,))
        return Pending(Event(0, call.name, Kind.READ, (source,), point=point))

    def _on_socket(self, call: Call, args: Args, socket: str) -> Pending | None:
        if call.kind is Kind.CONNECT:
            peer = self._arguments.peer(args)
            if not peer:
                return None
            self._sockets[socket] = peer
            point = self._numbering.connecting(peer)
            return Pending(Event(0, call.name, Kind.CONNECT, request=peer, point=point))
        if socket not in self._sockets:
            return None
        if call.kind in (Kind.WRITE, Kind.SEND):
            content = self._arguments.content(call, args)
            point, request = self._numbering.sending(socket, self._sockets[socket], content)
            return Pending(Event(0, call.name, Kind.SEND, request=request, point=point))
        point = self._numbering.awaiting(socket)
        return Pending(Event(0, call.name, Kind.AWAIT, point=point), socket, args[1])

    # --- the moment after -----------------------------------------------------------------------------------------

    def _left(self, tid: int, result: int) -> None:
        pending = self._pending.pop(tid, None)
        if pending is None:
            return
        event = replace(pending.event, result=result)
        if pending.socket:
            self._answered(event, pending)
            return
        if event.kind is Kind.OPEN and result >= 0:
            event = replace(event, inodes=(identity(link_of(tid, result).stat()),))
        elif event.call.startswith("mkdir") and result == 0:
            event = replace(event, inodes=(self._arguments.inode(event.paths[0]),))
        self._write(event)

    def _answered(self, event: Event, pending: Pending) -> None:
        if event.point:
            self._write(event)
        if event.result <= 0:
            return
        point, request = self._numbering.received(pending.socket)
        if not point:
            return
        start = self.process.read(pending.buffer, 16).split() if event.call in ("read", "recvfrom") else []
        status = int(start[1]) if len(start) > 1 and start[1].isdigit() else 0
        self._write(replace(event, kind=Kind.RECEIVE, point=point, request=request, size=status))
        if point == self._kill:
            self._end()

    def _write(self, event: Event) -> None:
        self._number += 1
        pickle.dump(replace(event, number=self._number), self._into)


def main() -> int:
    """Read the arguments, run, and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--kill", default="")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    peers = {int(port): name for name, _, port in (peer.partition("=") for peer in options.peer)}
    harmless = ",".join(str(number) for numbers in HARMLESS.values() for number in numbers)
    with options.into.open("wb") as into:
        tracer = Tracer(into, {"media": options.media, "state": options.state}, peers, options.kill)
        code = tracer.process.run([sys.executable, ROOT / "lab" / "traced.py", harmless, *options.arguments])
    if tracer.unknown:
        print(f"nobody knows {sorted(tracer.unknown)}", file=sys.stderr)
        return UNKNOWN
    return code


if __name__ == "__main__":
    sys.exit(main())
