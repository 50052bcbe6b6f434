"""`syncd trash`: what was deleted on either side, and the way back.

Files that left the media folder lie in its trash. Of an object that syncd deleted in Gramps Web, the state keeps the server's
answer, which brings it back; its bytes never left the bucket, unless somebody else took them out of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import ROWS, size_in_words
from syncd.cli.session import Session
from syncd.cli.typed import paths_meant
from syncd.errors import Refused
from syncd.model import MediaPath, PathRules, Refusal
from syncd.model.catalog_path import parse_catalog_path
from syncd.model.numbers import NumberKind, TypedNumber, parse_number
from syncd.model.paths import refuse_to_write
from syncd.model.plan import Done, Why

if TYPE_CHECKING:
    from syncd.state import State, TrashEntry, Undo

_CYCLE = "trash"
"""What the history names in place of a cycle."""


@click.group("trash", invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> Ending | None:
    """See what was deleted on either side, and bring it back.

    The trash holds what left the media folder because of a change in Gramps Web. It lies in the hidden folder
    .syncd/trash of the media folder. What syncd deleted in Gramps Web, mostly because its file was deleted in the media
    folder, is listed with it. Without a command, list both.
    """
    if context.invoked_subcommand is not None:
        return None
    ending: Ending = context.invoke(list_, everything=False)
    return ending


@command.command("list")
@click.option("--all", "everything", is_flag=True, help=f"List all, not only the newest {ROWS}.")
@common_options
@pass_session
def list_(session: Session, *, everything: bool) -> Ending:
    """List what can be brought back, newest first."""
    with session.state() as state:
        entries = sorted(state.trash(), key=lambda entry: (entry.at, entry.id), reverse=True)
        undos = state.undos()
    if session.wants_report:
        paper = session.report
        if not entries and not undos:
            paper.line("The trash is empty, and nothing was deleted in Gramps Web.")
        if entries:
            paper.line("In the trash of the media folder:", style="bold")
            files = [_row_of_file(entry) for entry in entries]
            _tell(paper, ("file", "number", "since", "size", "why"), files, everything=everything)
        if undos:
            paper.line("Deleted in Gramps Web by syncd:", style="bold")
            objects = [_row_of_object(undo) for undo in undos]
            _tell(paper, ("file", "number", "since", "why"), objects, everything=everything)
        if entries or undos:
            paper.line("Bring one back with: syncd trash restore NUMBER")
        if any(undo.is_lost for undo in undos):
            paper.line(
                "What is gone there, too, comes back without its file: nobody here has its bytes any more."
            )
    return Ending(document=_document(entries, undos))


def _row_of_file(entry: TrashEntry) -> tuple[str, ...]:
    number = f"number {NumberKind.TRASHED.written(entry.id)}"
    return str(entry.path), number, local_time(entry.at), size_in_words(entry.size), entry.reason


def _row_of_object(undo: Undo) -> tuple[str, ...]:
    return _path(undo), f"number {NumberKind.DELETED.written(undo.id)}", local_time(undo.at), undo.why


def _tell(paper: Paper, columns: Sequence[str], rows: Sequence[tuple[str, ...]], *, everything: bool) -> None:
    shown = rows if everything else rows[:ROWS]
    paper.table(columns, shown)
    if len(shown) < len(rows):
        paper.line(f"  … and {len(rows) - len(shown):,} more (syncd trash list --all)")


@command.command("restore")
@click.argument("which", metavar="NUMBER|PATH")
@click.option("--to", "target", metavar="PATH", help="Put it there, below the media folder.")
@common_options
@pass_session
def restore(session: Session, *, which: str, target: str | None) -> Ending:
    """Bring back a file from the trash, or what was deleted in Gramps Web.

    Of several with one name the newest comes back. No file is overwritten: where the name is taken, the file gets a
    free one. What was deleted in Gramps Web comes back there with its description, attributes and references; the
    next run fetches its file.
    """
    from syncd.undoing import is_changed, restore_file  # noqa: PLC0415  (--help must not wait for an HTTP client)

    folder = session.settings().media_dir
    with session.state(write=True) as state:
        entry, undo = _find(state, which, folder)
        if undo is not None:
            if target is not None:
                raise click.UsageError(
                    "--to goes with a file of the trash; this one comes back under its own name"
                )
            return _undo(session, state, undo)
        assert entry is not None
        wanted = entry.path if target is None else _target(target, folder)
        with session.folder() as media:
            file = restore_file(state, media, entry, wanted)
        _note(state, Done("returned", str(file.path), entry.handle, file.checksum, file.size, Why.RESTORED))
    path = file.path
    if session.wants_report:
        session.report.line(f"Brought back: {path}")
        if path.key != wanted.key:
            session.report.line(f"  The name {wanted} is taken, so it got a free one.")
        if is_changed(entry, file):
            session.report.line("  Its bytes changed in the trash: see whether it is all right.")
        session.report.line(session.what_follows("brings it into Gramps Web"))
    return Ending(document={**_document([entry], []), "restored_to": str(path)})


def _undo(session: Session, state: State, undo: Undo) -> Ending:
    """Bring back an object that was deleted because its file was."""
    from syncd.undoing import without_bytes  # noqa: PLC0415  (--help must not wait for an HTTP client)

    binding = state.binding()
    try:
        session.undo_deletion(undo.handle, undo.undo, binding.tree_id if binding else None)
    except Refused as error:
        raise Refused(
            f"'{_path(undo)}' cannot be brought back in Gramps Web: {error.reason}",
            error.remedy or "nothing was changed; its file is still in the bucket",
        ) from error
    with state.batch():
        state.drop_undos([undo.handle])
        _note(state, Done("restored", _path(undo), undo.handle, undo.checksum, None, Why.RESTORED))
    if session.wants_report:
        session.report.line(
            f"Brought back in Gramps Web: {_path(undo)}, with its description, attributes and references"
        )
        if undo.is_lost:
            session.report.line(f"  But {without_bytes(undo)}.")
        elif state.links_of([undo.handle]):  # only the object had gone
            session.report.line("  Its file is in the media folder still.")
        else:
            session.report.line(session.what_follows("fetches its file into the media folder"))
    return Ending(document={**_document([], [undo]), "restored_to": None})


def _note(state: State, done: Done) -> None:
    from syncd.state import Deed  # noqa: PLC0415  (--help must not wait for the state)

    state.record([Deed(done)], cycle=_CYCLE, at=time.time())


_Found = tuple["TrashEntry | None", "Undo | None"]
"""Either a file of the trash, or a deletion in Gramps Web, or neither."""


def _find(state: State, which: str, folder: Path) -> _Found:
    """The entry of a number, or the newest one of a path: a file of the trash, or else a deletion in Gramps Web.

    Raises:
        click.UsageError: there is neither.
    """
    typed = parse_number(which)
    ways = [] if typed is None else [_numbered(state, typed)]
    ways += [_newest(state, path) for path in paths_meant(which, folder)]
    for entry, undo in ways:
        if entry is not None or undo is not None:
            return entry, undo
    if typed is not None and typed.kind in (NumberKind.EVENT, NumberKind.WAITING):
        raise click.UsageError(typed.refused())
    raise click.UsageError(f"nothing deleted is known as '{which}'; syncd trash list shows what there is")


def _numbered(state: State, typed: TypedNumber) -> _Found:
    if typed.kind is NumberKind.DELETED:
        return None, next((one for one in state.undos() if one.id == typed.number), None)
    return (state.trash_entry(typed.number) if typed.kind in (None, NumberKind.TRASHED) else None), None


def _newest(state: State, path: MediaPath) -> _Found:
    """What was deleted last of what had a path."""
    files = [one for one in state.trash() if one.path == path]
    entry = max(files, key=lambda one: (one.at, one.id), default=None)
    undo = next((one for one in state.undos() if MediaPath.of(one.path) == path), None)  # newest first
    if entry is not None and undo is not None:
        return (entry, None) if entry.at > undo.at else (None, undo)
    return entry, undo


def _path(undo: Undo) -> str:
    return str(MediaPath.of(undo.path))


def _target(text: str, folder: Path) -> MediaPath:
    """Where a file shall go, as a person named it."""
    path = parse_catalog_path(text, PathRules(str(folder)))
    refusal = path if isinstance(path, Refusal) else refuse_to_write(path)
    if isinstance(path, Refusal) or refusal is not None:
        reason = refusal.reason if refusal else ""
        raise click.BadParameter(reason.replace(" in Gramps Web", ""), param_hint="'--to'")
    return path


def _document(entries: Sequence[TrashEntry], undos: Sequence[Undo]) -> dict[str, object]:
    return {
        "trash": [_entry(entry) for entry in entries],
        "deleted_in_web": [
            {
                "id": NumberKind.DELETED.written(undo.id),
                "path": _path(undo),
                "handle": undo.handle,
                "checksum": undo.checksum,
                "since": utc_time(undo.at),
                "reason": undo.why,
            }
            for undo in undos
        ],
    }


def _entry(entry: TrashEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "path": str(entry.path),
        "kept_as": entry.kept_as,
        "checksum": entry.checksum,
        "size": entry.size,
        "since": utc_time(entry.at),
        "reason": entry.reason,
    }
