"""Every way in which the process ends: exit codes, signals, and the last words about a defect of ours."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import mkstemp
from types import FrameType
from typing import TYPE_CHECKING, Any

from syncd import __version__
from syncd.cli.waking import Waker
from syncd.errors import ExitCode, StopError, SyncdError
from syncd.shield import shield

if TYPE_CHECKING:
    from syncd.model.plan import Outcome

MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.USAGE: "wrong usage or configuration; the message names the key",
    ExitCode.STATE: "the state file cannot be used (newer schema, not writable); untouched",
    ExitCode.LOCKED: "another `syncd` holds this state file or folder, and would not take the job over",
    ExitCode.UNREACHABLE: "Gramps Web or the bucket cannot be reached, refuses the login or the rights, "
    "or has a version that syncd is not tested with",
    ExitCode.PERSON_NEEDED: "a person is needed: a stop, or items that wait (the rest was done)",
    ExitCode.PROBLEMS: "done, but some items have problems (each listed with its reason and remedy)",
    ExitCode.OK: "everything is in sync, or waits only for time",
    ExitCode.DEFECT: "a defect of ours: one line says where the details are and how to report it",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
    ExitCode.TERMINATED: "ended by a termination signal",
}
"""What the documentation says of each code, in the order in which the first that applies wins."""

CRASH_FILES_KEPT = 10
"""A defect in a run that cron starts every minute must not fill the disk."""

ANSWERING_SECONDS = 5.0
"""For how long a process that is to end may still be writing what came of its command."""

AT_ONCE_SECONDS = 0.05
"""Within which a second signal ends the process."""

_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: its exit code, and the keys that it fills in the JSON document."""

    code: ExitCode = ExitCode.OK
    document: Mapping[str, Any] = field(default_factory=dict)


class Interrupted(BaseException):
    """A signal asked the process to end. No `Exception`, so that nothing that survives errors survives this."""

    def __init__(self, exit_code: ExitCode) -> None:
        super().__init__(exit_code.name)
        self.exit_code = exit_code


def code_of(outcome: Outcome) -> ExitCode:
    """The exit code of a run that came to its end."""
    if outcome.stop is not None or any(not held.approved for held in outcome.held):
        return ExitCode.PERSON_NEEDED
    return ExitCode.PROBLEMS if outcome.problems else ExitCode.OK


def first_that_applies(codes: Iterator[ExitCode] | list[ExitCode]) -> ExitCode:
    """The code that wins among several, by the order of the contract."""
    order = list(MEANINGS)
    return min(codes, key=order.index, default=ExitCode.OK)


def is_stop(error: SyncdError) -> bool:
    """Whether an error means that nothing may be done until a person looks."""
    return isinstance(error, StopError)


@dataclass(slots=True)
class Watch:
    """How far the command is.

    Args:
        over: the work is done, or was interrupted: a signal has nothing to interrupt, and ends the process at once.
        answering: what came of it is being written: a signal lets it be, but not for long.
    """

    over: bool = False
    answering: bool = False


@contextmanager
def signals(
    last_words: Callable[[ExitCode], None],
    *,
    seconds: Callable[[], float],
    restore: bool = True,
) -> Iterator[Watch]:
    """Turn the first SIGINT or SIGTERM into `Interrupted` in the main thread; a second one ends at once.

    Args:
        last_words: called before the process ends at once; has to be quick.
        seconds: how long after the first one a process of our own may go on at most, whatever hangs; that end is as after
            a power cut.
        restore: put the former handlers back. Not when the process ends next: while its threads are being
            joined, a second Ctrl-C must not become a traceback.

    A signal that was ignored from the start (`nohup`, a background job) stays ignored. In a process of our own SIGIO is
    ignored, so that the scanner may ask whether a file is being written (`scanner/manners.py`): by default it kills.
    """
    watch = Watch()
    given: SimpleQueue[tuple[ExitCode, float]] = SimpleQueue()

    def end_in_time() -> None:
        """Wait for the first signal, and then for the earliest time that one of them allows."""
        code, left = given.get()
        end = time.monotonic() + left
        with suppress(Empty):
            while True:
                code, left = given.get(timeout=max(0, end - time.monotonic()))
                end = min(end, time.monotonic() + left)
        # In a thread: whoever reads may not read on.
        speaking = threading.Thread(target=speak, args=(code,), daemon=True)
        speaking.start()
        speaking.join(ANSWERING_SECONDS)
        os._exit(code)

    def speak(code: ExitCode) -> None:
        with suppress(BaseException):
            last_words(code)

    def handle(number: int, _frame: FrameType | None) -> None:
        code = _SIGNALS[signal.Signals(number)]
        if watch.answering:
            given.put((code, ANSWERING_SECONDS))
        elif watch.over:
            given.put((code, AT_ONCE_SECONDS))  # not from here: the main thread may be writing just then
        else:
            watch.over = True
            given.put((code, seconds()))
            shield.interrupt(Interrupted(code))

    if threading.current_thread() is not threading.main_thread():
        yield watch
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, handle)
        if not restore:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            Waker()
            # Not from the handler: the main thread may be starting one itself just then.
            threading.Thread(target=end_in_time, name="end", daemon=True).start()
        yield watch
    finally:
        if restore:
            for number, handler in before.items():
                signal.signal(number, handler)


def write_crash(error: BaseException, folder: Path | None, redact: Callable[[str], str]) -> Path | None:
    """Write what a defect left behind to a file that only its owner can read.

    Args:
        error: the exception.
        folder: the state's folder; None, or one that cannot be written, falls back to the temporary folder.
        redact: takes secrets out of a text.

    Returns:
        The file, or None when nowhere could be written.
    """
    text = redact(
        f"syncd {__version__}, Python {sys.version}\n"
        f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n\n" + "".join(traceback.format_exception(error))
    )
    raw = text.encode(errors="backslashreplace")
    stamp = time.strftime("%Y%m%dT%H%M%S")
    if folder is not None:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"crash-{stamp}-{os.getpid()}.txt"
            _fill(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), raw)
            _drop_old_crashes(folder)
            return path
    with suppress(OSError):
        descriptor, name = mkstemp(prefix="syncd-crash-", suffix=".txt")
        _fill(descriptor, raw)
        return Path(name)
    return None


def _fill(descriptor: int, raw: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)


def _drop_old_crashes(folder: Path) -> None:
    for old in sorted(folder.glob("crash-*.txt"))[:-CRASH_FILES_KEPT]:
        with suppress(OSError):
            old.unlink()
