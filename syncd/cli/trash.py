"""`syncd trash`: what was put aside in the media folder, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.report import ROWS, size_in_words
from syncd.cli.session import Session
from syncd.errors import FolderError, MovedOn
from syncd.model import Link, MediaPath, PathRules, Refusal
from syncd.model.paths import free_name, parse_catalog_path, refuse_to_write
from syncd.model.plan import Why

if TYPE_CHECKING:
    from syncd.state import State, TrashEntry


@click.group("trash", invoke_without_command=True)
@common_options
@click.pass_context
def command(context: click.Context) -> Ending | None:
    """Look into the trash, and bring files back from it.

    The trash holds what left the media folder because of a change in Gramps Web. It lies in the hidden folder
    .syncd/trash of the media folder. Without a command, list it.
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
    """List what is in the trash, newest first."""
    with session.state() as state:
        entries = sorted(state.trash(), key=lambda entry: (entry.at, entry.id), reverse=True)
    if session.wants_report:
        paper = session.report
        shown = entries if everything else entries[:ROWS]
        if not entries:
            paper.line("The trash is empty.")
        else:
            paper.table(
                ("file", "number", "since", "size", "why"),
                [
                    (str(e.path), f"number {e.id}", local_time(e.at), size_in_words(e.size), e.reason)
                    for e in shown
                ],
            )
            if len(shown) < len(entries):
                paper.line(f"  … and {len(entries) - len(shown):,} more (syncd trash list --all)")
            paper.line("Bring one back with: syncd trash restore NUMBER")
    return Ending(document={"trash": [_entry(entry) for entry in entries]})


@command.command("restore")
@click.argument("which", metavar="ID|PATH")
@click.option("--to", "target", metavar="PATH", help="Put it there, below the media folder.")
@common_options
@pass_session
def restore(session: Session, *, which: str, target: str | None) -> Ending:
    """Bring a file back from the trash into the media folder.

    Of several files with one name the newest comes back. Nothing is overwritten: where the name is taken, the
    file gets a free one.
    """
    folder = session.settings().media_dir
    with session.state(write=True) as state:
        entry = _find(state, which)
        wanted = entry.path if target is None else _target(target, folder)
        with session.folder() as media:
            try:
                path = media.restore(entry.kept_as, _free(folder, wanted)).path
            except MovedOn as error:
                raise FolderError(
                    f"the trash no longer holds '{entry.path}'",
                    f"look for it in {folder / '.syncd' / 'trash'}",
                ) from error
        with state.batch():
            state.drop_trash([entry.id])
            _ask_object_back(state, entry, path)
    if session.wants_report:
        session.report.line(f"Brought back: {path}")
        if path.key != wanted.key:
            session.report.line(f"  The name {wanted} is taken, so it got a free one.")
        session.report.line("The next run brings it into Gramps Web: syncd --once")
    return Ending(document={"trash": [_entry(entry)], "restored_to": str(path)})


def _ask_object_back(state: State, entry: TrashEntry, path: MediaPath) -> None:
    """Let the next run bring back the object whose deletion put the file into the trash, references and all.

    Without this the file would be new, and get an object that nothing refers to.
    """
    if entry.handle is None or entry.checksum is None or entry.reason != Why.DELETED_OBJECT:
        return
    if all(link.handle != entry.handle for link in state.links()):
        state.put_links([Link(entry.handle, entry.path.key, path, entry.checksum, restore=True)])


def _find(state: State, which: str) -> TrashEntry:
    """The entry of a number, or the newest one of a path."""
    found = state.trash_entry(int(which)) if which.isascii() and which.isdigit() else None
    if found is None:
        wanted = MediaPath.of(which).key
        matching = [entry for entry in state.trash() if entry.path.key == wanted]
        found = max(matching, key=lambda entry: (entry.at, entry.id), default=None)
    if found is None:
        raise click.UsageError(f"the trash holds no '{which}'; syncd trash list shows what it holds")
    return found


def _target(text: str, folder: Path) -> MediaPath:
    """Where a file shall go, as a person named it."""
    path = parse_catalog_path(text, PathRules(str(folder)))
    refusal = path if isinstance(path, Refusal) else refuse_to_write(path)
    if isinstance(path, Refusal) or refusal is not None:
        reason = refusal.reason if refusal else ""
        raise click.BadParameter(reason.replace(" in Gramps Web", ""), param_hint="'--to'")
    return path


def _free(folder: Path, path: MediaPath) -> MediaPath:
    """The path itself, or a free name beside it; case and normal form count as the same name.

    RACE: somebody may take the name before the file arrives there; `restore` then finds another.
    """
    try:
        names = [entry.name for entry in (folder / path.parent).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        names = []
    except OSError as error:
        raise FolderError(
            f"the folder {folder / path.parent} cannot be read ({error.strerror})", "see to its rights"
        ) from error
    return free_name(path, {path.beside(name).fold for name in names})


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
