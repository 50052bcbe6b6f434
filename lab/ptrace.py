"""A process all of whose threads stop at every call that matters: ptrace(2), with a filter that lets the harmless calls pass.

The process asks for it: `lab.traced` stops once, for whoever started it to take hold, and sets the filter itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether the numbers of `lab.calls` are those of this machine."""
KILLED = 137
"""What `run` returns after a kill."""

_CONT, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 7, 24, 0x4200, 0x420E
_FORK, _VFORK, _CLONE, _EXEC, _SECCOMP = 1, 2, 3, 4, 7
_EXITKILL = 1 << 20
_OPTIONS = 1 | sum(1 << event for event in (_FORK, _VFORK, _CLONE, _EXEC, _SECCOMP)) | _EXITKILL
_WALL = 0x40000000
_INFO = struct.Struct("<B3xIQQQ6Q")
"""`struct ptrace_syscall_info`: what the stop is, architecture, two addresses, then number or result, and the arguments."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long

Entered = Callable[[int, int, tuple[int, ...]], bool]
"""Told before a call: thread, number of the call, arguments. Says whether to be told of its result."""
Left = Callable[[int, int], None]
"""Told after a call: thread, result (negative: an error)."""


class Watched:
    """One process; one thread of ours looks at all of its threads in turn."""

    def __init__(self, entered: Entered, left: Left) -> None:
        self._entered = entered
        self._left = left
        self._pid = 0
        self._memory = -1

    def run(self, command: Sequence[str | Path]) -> int:
        """Run to the end; returns the exit code, or `KILLED`."""
        process = subprocess.Popen(command)
        self._pid = process.pid
        _, status = os.waitpid(self._pid, 0)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        self._memory = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY)
        _ptrace(_SETOPTIONS, self._pid, _OPTIONS)
        _ptrace(_CONT, self._pid, 0)
        while True:
            tid, status = os.waitpid(-1, _WALL)
            if os.WIFSTOPPED(status):
                self._stopped(tid, status)
            elif tid == self._pid:
                process.returncode = code = os.waitstatus_to_exitcode(status)
                os.close(self._memory)
                return KILLED if code == -signal.SIGKILL else code

    def kill(self) -> None:
        """End it; a call before which a thread stands is not made."""
        os.kill(self._pid, signal.SIGKILL)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its memory."""
        return os.pread(self._memory, size, address) if size else b""

    def _stopped(self, tid: int, status: int) -> None:
        number, event = os.WSTOPSIG(status), status >> 16
        how, signum = _CONT, 0
        if event == _SECCOMP:
            info = _info(tid)
            if info and self._entered(tid, info[4], info[5:]):
                how = _SYSCALL
        elif number in (signal.SIGTRAP, signal.SIGTRAP | 0x80) and not event:
            info = _info(tid)
            if info:
                self._left(tid, info[4] - (1 << 64) if info[4] >> 63 else info[4])
        elif not event and number != signal.SIGSTOP:
            signum = number
        _ptrace(how, tid, signum)


def _ptrace(request: int, tid: int, value: int) -> None:
    if _libc.ptrace(request, tid, None, value) < 0 and ctypes.get_errno() != errno.ESRCH:
        raise OSError(ctypes.get_errno(), "ptrace")


def _info(tid: int) -> tuple[int, ...]:
    """What a stop is about; empty when the thread is gone."""
    buffer = ctypes.create_string_buffer(_INFO.size)
    if _libc.ptrace(_GET_SYSCALL_INFO, tid, _INFO.size, buffer) < 0:
        return ()
    return _INFO.unpack(buffer.raw)
