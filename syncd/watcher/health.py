"""How well the media folder is watched, in words for people."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Literal

from syncd.config.durations import format_duration

_LEAST_WATCHES = 524_288
"""What larger distributions set by now."""

_LEAST_INSTANCES = 1_024

_LIMITS = Path("/proc/sys/fs/inotify")


@dataclass(frozen=True, slots=True)
class Health:
    """How changes are noticed.

    Args:
        kind: `inotify`: the kernel tells; `polling`: by looking through the folder; `none`: the folder is not there.
        words: the same for people; what follows "noticed by".
        folders: how many folders are watched.
        unwatched: how many are not, although they should.
        remedy: what to do about those; else empty.
    """

    kind: Literal["inotify", "polling", "none"]
    words: str
    folders: int = 0
    unwatched: int = 0
    remedy: str = ""


class Cause(Enum):
    """Why the kernel is not asked to tell."""

    NONE = auto()
    """It is asked."""
    CHOSEN = auto()
    REMOTE = auto()
    MISSING = auto()
    REFUSED = auto()
    LOST = auto()
    """It told, until the folder went away."""


def describe(
    cause: Cause, detail: str, *, error: int | None, folders: int, unwatched: int, every: float | None
) -> Health:
    """Put into words how things are.

    Args:
        cause: why the kernel does not tell, if so.
        detail: of the cause: a type of file system, a reason; of `NONE`: what must be looked through all the same.
        error: the number of the system's error when watches were refused.
        folders: how many folders are watched.
        unwatched: how many should be, too.
        every: seconds between two scans; None: there are none.
    """
    often = "" if every is None else f"every {format_duration(round(every))}"
    looking = f"looking through it {often}"
    match cause:
        case Cause.CHOSEN:
            return Health("polling", f'{looking}, as set with watch = "poll"')
        case Cause.REMOTE:
            return Health(
                "polling", f"{looking}, because it is on a file system that others change, too ({detail})"
            )
        case Cause.MISSING:
            return Health("none", f"looking whether it is back: {detail}")
        case Cause.LOST:
            return Health("none", f"looking what became of it: {detail}")
        case Cause.REFUSED:
            return Health(
                "polling",
                f"{looking}, because the system does not let it be watched ({_reason(error)})",
                unwatched=unwatched,
                remedy=_remedy(error, unwatched),
            )
        case Cause.NONE:
            words = "the system telling of them"
            if unwatched:
                words += (
                    f"; {unwatched} of {folders + unwatched} folders cannot be watched ({_reason(error)}), "
                    f"so all is looked through {often}"
                )
            elif detail:
                words += f"; and by {looking}, because others change {detail}, too"
            remedy = _remedy(error, folders + unwatched) if unwatched else ""
            return Health("inotify", words, folders, unwatched, remedy)


def _reason(error: int | None) -> str:
    if error == errno.ENOSPC:
        return "the limit of watches is reached"
    if error == errno.EMFILE:
        return "too many programs watch folders"
    return "unknown reason" if error is None else os.strerror(error)


def _remedy(error: int | None, needed: int) -> str:
    """What to do about it. The limits count for all programs of a user: whoever took the rest needs it."""
    if error == errno.ENOSPC:
        return _raise("max_user_watches", max(_LEAST_WATCHES, 2 * max(needed, _limit("max_user_watches"))))
    if error == errno.EMFILE:
        return _raise("max_user_instances", max(_LEAST_INSTANCES, 2 * _limit("max_user_instances")))
    return ""


def _limit(name: str) -> int:
    try:
        return int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return 0


def _raise(name: str, number: int) -> str:
    setting = f"fs.inotify.{name}={number}"
    return (
        f"raise the limit as root: sysctl {setting}; "
        f"so that it stays after a restart: echo {setting} > /etc/sysctl.d/60-syncd.conf"
    )
