"""`syncd history`: what happened to a file, a line an event, each with the number by which `syncd undo` knows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session
from syncd.cli.typed import paths_meant
from syncd.model import Link, MediaPath, parse_checksum
from syncd.model.numbers import NumberKind
from syncd.model.paths import is_text

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state import Event, State

LAST = 50
"""How many events are told without a file."""

_WORDS: Mapping[str, str] = {
    "uploaded": "sent to Gramps Web",
    "fetched": "fetched from Gramps Web",
    "copied": "copied within the media folder",
    "added": "added to Gramps Web",
    "updated": "updated in Gramps Web",
    "moved": "moved",
    "linked": "paired",
    "trashed": "put into the trash",
    "deleted": "deleted in Gramps Web",
    "restored": "brought back in Gramps Web",
    "conflict": "fetched, and the folder's version kept beside it",
    "returned": "brought back from the trash",
    "undone": "put back",
    "repaired": "healed by syncd verify",
}


@click.command("history")
@click.argument("file", metavar="[FILE]", required=False)
@common_options
@pass_session
def command(session: Session, *, file: str | None) -> Ending:
    """Tell what happened to a file, when and why.

    FILE is its path (also one that it had before), the handle of its media object, or its MD5 checksum. A path is
    relative to the media folder, or to where you are, or absolute; of a folder, all is told that happened below it.
    Without FILE, what happened last is told. The oldest comes first; what is older than 400 days is forgotten.
    """
    session.needs_secrets = False
    session.check_pair()
    with session.state() as state:
        events = (
            state.recent(LAST)[::-1] if file is None else _find(state, file, session.settings().media_dir)
        )
    if session.wants_report:
        for event in events:
            session.report.line(in_words(event))
        if file is None:
            session.report.line(f"  (the last {LAST} events at most; syncd history . tells all)")
        elif not events:
            session.report.line("It is in step, and nothing happened to it within the last 400 days.")
    return Ending(document={"history": [document_of(event) for event in events]})


def _find(state: State, file: str, folder: Path) -> Sequence[Event]:
    """The events of whatever a person means.

    Raises:
        click.UsageError: nothing is known by that name.
    """
    checksum = parse_checksum(file)
    checksums = set() if checksum is None else {checksum}
    meant = [*state.links_of({file}), *state.links_with(checksums)] if is_text(file) else []
    for path in paths_meant(file, folder):
        links, below = [*meant, *_links_at(state, path)], _links_below(state, path)
        events = {
            event.id: event
            for event in (
                *state.life_of({path.text}, {file, *(link.handle for link in links)}, checksums),
                *state.life_below(path.text),
            )
        }
        if events or links or below:
            return [events[number] for number in sorted(events)]
        if os.path.lexists(folder / path.text):
            break
    raise click.UsageError(f"nothing is known of '{file}': no path, handle or checksum of a synced file")


def _links_at(state: State, path: MediaPath) -> Sequence[Link]:
    """The links at a path; what is no text is never synced."""
    return state.links_at({path.fold}) if is_text(path.text) else ()


def _links_below(state: State, path: MediaPath) -> Sequence[Link]:
    if not path.text:
        return state.links()
    return state.links_below(path.fold) if is_text(path.text) else ()


def in_words(event: Event) -> str:
    """One line: `number H12  2026-11-22 15:04  moved: old.jpg → new.jpg (moved in Gramps Web; cycle 1f2e3d4c)`."""
    before = event.before
    name = event.path if before.path is None else f"{before.path} → {event.path}"
    kept = "" if before.kept_as is None else f"; the former one is {before.kept_as}"
    undone = "" if event.undone is None else f"; put back {local_time(event.undone)}"
    why = f"{event.why}; " if event.why else ""
    return (
        f"number {NumberKind.EVENT.written(event.id)}  {local_time(event.at)}  {_WORDS.get(event.kind, event.kind)}: {name} "
        f"({why}cycle {event.cycle}{kept}{undone})"
    )


def document_of(event: Event) -> dict[str, Any]:
    """As scripts read it: times in UTC."""
    before = event.before
    return {
        "id": event.id,
        "at": utc_time(event.at),
        "cycle": event.cycle,
        "kind": event.kind,
        "path": event.path,
        "handle": event.handle,
        "checksum": event.checksum,
        "size": event.size,
        "why": event.why,
        "before": {"path": before.path, "named": before.named, "checksum": before.checksum},
        "kept_as": before.kept_as,
        "undone": None if event.undone is None else utc_time(event.undone),
    }
