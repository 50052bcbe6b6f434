"""Runs syncd in this process under the eyes of `lab.tracer`, which started it: every call that may matter stops it.

Three things differ from the installed command. What it imports is imported before anybody watches. Results are held
back until a step is over, not for half a second: what a kill loses is as much as it can be, and does not hang on the
machine's load. And each sync says which line of syncd asked for it, by a write to a descriptor that nobody has.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE_FD = 987_654
"""Writes to it are words for the tracer."""
LACKING = "LAB_LACKING"
"""In the environment, what the file system lacks: `exchange`, or `flags`: all renames with flags."""

_PTRACE_TRACEME = 0
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def main() -> None:
    """`python lab/traced.py HARMLESS,NUMBERS ARGUMENTS…`: stop once, for the tracer to take hold, then run."""
    harmless = [int(number) for number in sys.argv[1].split(",")]
    sys.argv = ["syncd", *sys.argv[2:]]
    run = _prepared()
    _be_watched(harmless)
    run()


def _prepared() -> Callable[[], object]:
    """Syncd with its differences, imported; what runs it."""
    sys.path[0] = str(ROOT)
    from syncd import once  # noqa: F401, PLC0415 - imported now, so that it is not read later
    from syncd.applier import ledger, renames, syscalls  # noqa: PLC0415
    from syncd.bucket import s3  # noqa: F401, PLC0415
    from syncd.cli import main as cli  # noqa: PLC0415
    from syncd.cli import once as command  # noqa: F401, PLC0415

    ledger.BATCH_SECONDS = 1e9
    lacking = os.environ.get(LACKING)
    if lacking == "flags":
        syscalls._rename = None  # noqa: SLF001
    elif lacking == "exchange":
        renames.exchange = _unsupported  # type: ignore[assignment]
    real = os.fsync

    def fsync(descriptor: int) -> None:
        frame = sys._getframe(1)  # noqa: SLF001
        if frame.f_code.co_filename.endswith("applier/syscalls.py") or frame.f_code.co_name == "_sync_folder":
            frame = frame.f_back or frame
        place = f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}"
        with suppress(OSError):
            os.write(NOTE_FD, place.encode())
        real(descriptor)

    os.fsync = fsync  # type: ignore[assignment]
    return cli.main


def _unsupported(*_: object) -> None:
    from syncd.applier.syscalls import UnsupportedError  # noqa: PLC0415

    raise UnsupportedError


def _be_watched(harmless: list[int]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_TRACEME, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot be traced")
    os.kill(os.getpid(), signal.SIGSTOP)
    code = [struct.pack("HBBI", _LOAD, 0, 0, 0)]
    for number in harmless:
        code += [
            struct.pack("HBBI", _JUMP_IF_EQUAL, 0, 1, number),
            struct.pack("HBBI", _RETURN, 0, 0, _ALLOW),
        ]
    code.append(struct.pack("HBBI", _RETURN, 0, 0, _TRACE))
    program = _Program(len(code), b"".join(code))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the filter cannot be set")


if __name__ == "__main__":
    main()
