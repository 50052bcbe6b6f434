"""`syncd adopt`: bind this desktop anew to a folder, a tree or a bucket, after a person looked at both."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session

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
    server, location = session.look_at_server()
    with session.both_locks(), session.state(write=True, locked=True) as state:
        rows = _rows(session, state.binding(), server, location)
        if session.wants_report or not yes:
            paper = session.report
            paper.line(
                "This desktop would be bound anew:" if not yes else "This desktop is bound anew:",
                style="bold",
            )
            if paper.is_terminal:
                paper.table(("", "until now", "from now on"), rows)
            else:
                for what, before, now in rows:
                    paper.line(
                        f"  {what}: {now}" if before == now else f"  {what}: {now} (until now: {before})"
                    )
            paper.line("The next run compares everything from the beginning; it deletes nothing.")
        if not yes and not _agreed(session):
            session.report.line("Nothing was changed.")
            return Ending(document={"adopted": False})
        session.adopt(state)
    if session.wants_report:
        session.report.line("Done. Go on with: syncd --once --dry-run")
    return Ending(document={"adopted": True})


def _rows(
    session: Session, binding: Binding | None, server: ServerInfo, location: MediaLocation | None
) -> Sequence[tuple[str, str, str]]:
    nothing = "nothing"
    return [
        (
            "media folder",
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
            place(location.bucket, location.prefix) if location else "known with the first file",
        ),
    ]


def place(bucket: str | None, prefix: str) -> str:
    """Where a Gramps Web keeps its media, in words."""
    return "the server's own disk" if bucket is None else f"the bucket s3://{bucket}/{prefix}".rstrip("/")


def _agreed(session: Session) -> bool:
    """Ask, where there is somebody to ask.

    Raises:
        click.UsageError: there is nobody.
    """
    if session.json or not (sys.stdin and sys.stdin.isatty() and session.out.is_terminal):
        raise click.UsageError("nobody is there to be asked: say --yes; nothing was changed")
    session.report.stream.write("Bind anew? [y/N] ")
    session.report.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
