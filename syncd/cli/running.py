"""A running daemon, in words: what it is doing, since when, and what it will do next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncd import __version__
from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.paper import Paper
from syncd.cli.report import count, size_in_words
from syncd.cli.session import Session
from syncd.control.contract import Doing, Live
from syncd.errors import NoDaemon
from syncd.supervised import how_to_restart

if TYPE_CHECKING:
    from syncd.control.client import Daemon

STYLES = {
    Doing.IDLE: "green",
    Doing.WORKING: "green",
    Doing.STOPPED: "bold red",
    Doing.AWAY: "yellow",
    Doing.PAUSED: "yellow",
}

_TIMES = ("since", "started", "next_check", "next_full", "paused_until")


def the_daemon(session: Session, otherwise: str = "") -> Daemon:
    """The running daemon, for a command that is for nobody else.

    Args:
        session: whose.
        otherwise: what can be done without one, after a `; `.

    Raises:
        NoDaemon: there is none.
        LockedError: it does not answer.
    """
    daemon = session.daemon()
    if daemon is None:
        raise NoDaemon(
            f"no daemon is at work on the state file {session.settings().state_file}",
            f"{session.how_to_start()}{otherwise}",
        )
    return daemon


def document_of(live: Live) -> dict[str, Any]:
    """As scripts read it: times in UTC."""
    found = asdict(live)
    for name in _TIMES:
        found[name] = None if found[name] is None else utc_time(found[name])
    return {**found, "doing": str(live.doing)}


def tell_live(paper: Paper, live: Live) -> None:
    """Write what the daemon is doing, and whatever a person should know of it."""
    paper.line(f"The daemon {headline(live)}.", style=STYLES.get(live.doing, ""))
    for line in _details(live):
        paper.line(f"  {line}")
    if live.watching:
        folders = f" ({count(live.folders, 'folder')})" if live.folders and not live.unwatched else ""
        paper.line(
            f"  Changes in the folder are noticed by {live.watching}{folders}.",
            style="yellow" if live.unwatched else "",
        )
    for line in _warnings(live):
        paper.line(f"  {line}", style="yellow")


def headline(live: Live) -> str:
    """`is in step since 14:02`, `works since 14:02: Sending files, 3 of 40 files, 12.0 MB of 1.2 GB`."""
    since = f"since {clock(live.since)}"
    match live.doing:
        case Doing.STARTING:
            return f"is starting, {since}"
        case Doing.IDLE:
            return f"is in step {since}"
        case Doing.WORKING:
            return f"is at work {since}{_how_far(live)}"
        case Doing.PAUSED:
            if live.paused_until is None:
                return f"is paused {since}, until you say: syncd resume"
            return f"is paused until {clock(live.paused_until)}"
        case Doing.STOPPED:
            return f"is stopped {since}: nothing is done until a person has looked"
        case Doing.AWAY:
            return f"waits {since}, and tries again by itself"
        case Doing.ASIDE:
            return f"stands aside {since}: another syncd command is at work"


def clock(at: float) -> str:
    """Unix seconds as people say them: `14:02` today, else with the date."""
    written = local_time(at)
    day, _, hour = written.partition(" ")
    return hour if day == datetime.fromtimestamp(time.time()).astimezone().date().isoformat() else written


def _how_far(live: Live) -> str:
    if not live.phase:
        return ""
    parts = [live.phase]
    if live.all_files is not None:
        parts.append(f"{live.files:,} of {count(live.all_files, 'file')}")
    elif live.files:
        parts.append(count(live.files, "file"))
    if live.all_size:
        parts.append(f"{size_in_words(live.size)} of {size_in_words(live.all_size)}")
    return f": {', '.join(parts)}"


def _details(live: Live) -> Iterator[str]:
    if live.reason:
        yield f"Why:        {' '.join(live.reason.splitlines())}"
    if live.remedy:
        yield f"What to do: {' '.join(live.remedy.splitlines())}"
    if live.pending:
        yield f"{count(live.pending, 'item')} will be looked at soon, or once more"
    if live.doing not in (Doing.PAUSED, Doing.ASIDE):
        yield from _plans(live)


def _plans(live: Live) -> Iterator[str]:
    if live.next_check is not None:
        verb = "asks Gramps Web" if live.doing in (Doing.IDLE, Doing.WORKING) else "tries"
        yield f"It {verb} again at {clock(live.next_check)}."
    if live.next_full is not None:
        yield f"Everything is compared again at {clock(live.next_full)}."


def _warnings(live: Live) -> Iterator[str]:
    if live.version != __version__:
        yield f"It is still version {live.version}, and this is {__version__}."
        remedy = how_to_restart(live.pid)
        yield f"{remedy[0].upper()}{remedy[1:]}"
