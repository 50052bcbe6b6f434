"""`syncd conflicts`: the files of which two versions are kept, until a person chooses."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli import document
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.session import Session

if TYPE_CHECKING:
    from syncd.state import KnownConflict, State


@click.command("conflicts")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """List the files that were changed on both sides.

    Both versions are in the media folder and in Gramps Web. To keep the folder's, move the copy over the original;
    to keep that of Gramps Web, delete the copy; to keep both, do nothing or rename the copy.
    """
    session.needs_secrets = False
    session.check_pair()
    folder = session.settings().media_dir
    with session.state() as state:
        found = unsettled(state, folder)
    if session.wants_report:
        paper = session.report
        if not found:
            paper.line("No conflicts.")
        else:
            paper.table(
                ("the version of Gramps Web", "the version of the media folder", "since"),
                [(str(one.path), str(one.kept_as), local_time(one.at)) for one in found],
            )
            paper.line(f"Compare the two, in {folder}")
            move = shlex.join(("mv", str(found[0].kept_as), str(found[0].path)))
            paper.line(f"To keep the media folder's version, move it over the other: {move}")
            paper.line("To keep the version of Gramps Web, delete the media folder's.")
            paper.line("To keep both, do nothing; or rename the media folder's.")
    return Ending(
        document={
            "conflicts": [document.of_conflict(one) for one in found],
            "open": [
                {"path": str(one.path), "kept_as": str(one.kept_as), "since": utc_time(one.at)}
                for one in found
            ],
        }
    )


def unsettled(state: State, folder: Path) -> list[KnownConflict]:
    """The conflicts whose two versions are both in the media folder still, or may be where it is not there itself."""
    return [
        conflict
        for conflict in state.conflicts()
        if conflict.kept_as is not None
        and (not folder.is_dir() or os.path.lexists(folder / conflict.kept_as.text))
    ]


def local_time(at: float) -> str:
    """Unix seconds as people read them: `2026-11-22 15:04`."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def utc_time(at: float) -> str:
    """Unix seconds as scripts read them: `2026-11-22T14:04:05Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
