"""`syncd adopt`: bind this desktop anew to a folder, a tree or a bucket, after a person looked at both."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.asking import agrees, see_that_somebody_is_there
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session
from syncd.errors import FolderError
from syncd.model.paths import INTERNAL_NAME

if TYPE_CHECKING:
    from syncd.ports import MediaLocation, ServerInfo
    from syncd.state import Binding


@click.command("adopt")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
@pass_session
def command(session: Session, *, yes: bool) -> Ending:
    """Bind this desktop anew to a folder, a tree or a bucket.

    For when a sync stopped because something is not what it was, and you meant it. The next run compares the media
    folder and Gramps Web from the beginning; it deletes nothing.
    """
    root = session.settings().media_dir
    if not yes:
        see_that_somebody_is_there(session)
    if not _is_folder(root):
        from syncd.guard import missing_folder_stop  # noqa: PLC0415  (only where it is missing)

        stop = missing_folder_stop(root)
        raise FolderError(stop.reason, stop.remedy)
    server, location = session.look_at_server()
    # The question is put before the locks are taken: they leave files behind, and a person may take an hour.
    with session.state() as state:
        binding = state.binding()
    if session.wants_report or not yes:
        _tell(session, yes=yes, binding=binding, server=server, location=location)
    if not yes and not agrees(session, "Bind anew?"):
        session.report.line("Nothing was changed.")
        return Ending(document={"adopted": False})
    with session.both_locks(), session.state(write=True, locked=True) as state:
        session.adopt(state)
    if session.wants_report:
        session.report.line(
            "Done. Go on with: syncd --once --dry-run"
            if session.stood_aside is None
            else f"Done. {session.what_follows('compares everything from the beginning')}"
        )
    return Ending(document={"adopted": True})


def _is_folder(root: Path) -> bool:
    """Whether the media folder is there.

    Raises:
        FolderError: it cannot be known.
    """
    try:
        return stat.S_ISDIR(root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise FolderError(
            f"the media folder {root} cannot be looked at: {os.strerror(error.errno or 0).lower()}",
            "each folder on the way to it must let this user through: setfacl -m u:$USER:x FOLDER, for each of them",
        ) from error


def _tell(
    session: Session,
    *,
    yes: bool,
    binding: Binding | None,
    server: ServerInfo,
    location: MediaLocation | None,
) -> None:
    """What would be another than it was, and what that means."""
    paper = session.report
    paper.line("This desktop is bound anew." if yes else "This desktop would be bound anew.", style="bold")
    rows = [row for row in _rows(session, binding, server, location) if row[1] != row[2]]
    for what, before, now in rows:
        paper.line(f"  {what}: {before} → {now}")
    if not rows:
        paper.line("  Folder, Gramps Web and the place of the media are those that were synced.")
    for line in _about_the_folder(session, binding):
        paper.line(line, style="yellow")
    paper.line("The next run compares everything from the beginning; it deletes nothing.")


def _about_the_folder(session: Session, binding: Binding | None) -> Iterator[str]:
    """What a person should know of the media folder before they say yes."""
    root = session.settings().media_dir
    names: list[str] = []
    with suppress(PermissionError):  # what writes there will say so
        names = [name for name in os.listdir(root) if name != INTERNAL_NAME]  # noqa: PTH208
    missing = binding is not None and not os.path.lexists(root / INTERNAL_NAME / "folder.json")
    if missing:
        yield f"{root} misses the marker of a folder that was synced. Is the drive not mounted?"
    if not names:
        yield f"{root} is empty.{'' if missing else ' Is the drive not mounted?'}"
    if missing or not names:
        yield "If you go on, everything in Gramps Web that is not in this folder is fetched into it."


def _rows(
    session: Session, binding: Binding | None, server: ServerInfo, location: MediaLocation | None
) -> Sequence[tuple[str, str, str]]:
    nothing = "nothing"
    return [
        (
            "folder",
            binding.media_dir if binding else nothing,
            str(session.settings().media_dir),
        ),
        (
            "Gramps Web",
            f"{binding.title} ({binding.tree_id}) at {binding.server_url}" if binding else nothing,
            f"{server.title} ({server.tree_id}) at {server.url}",
        ),
        (
            "media kept in",
            place(binding.bucket, binding.prefix) if binding else nothing,
            _new_place(binding, location),
        ),
    ]


def place(bucket: str | None, prefix: str) -> str:
    """Where a Gramps Web keeps its media, in words."""
    return "the server's own disk" if bucket is None else f"the bucket s3://{bucket}/{prefix}".rstrip("/")


def _new_place(binding: Binding | None, location: MediaLocation | None) -> str:
    """Where the media are from now on; an emptied tree keeps them where it did, as far as anybody knows."""
    if location is not None:
        return place(location.bucket, location.prefix)
    return place(binding.bucket, binding.prefix) if binding else "known with the first file"
