"""`syncd migrate-prefix`: bring a tree's files to another place in the bucket, when the server's setting changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncd.cli.exits import Ending
from syncd.cli.once import progress_for
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import ROWS, count, size_in_words
from syncd.cli.session import Session
from syncd.errors import ExitCode

if TYPE_CHECKING:
    from syncd.migration import Migration


@click.command("migrate-prefix")
@click.option("--out", is_flag=True, help="Out of the tree's prefix, not into it.")
@click.option("--from", "source", metavar="S3-URL", help="From this place, instead of the one found out.")
@click.option("--to", "target", metavar="S3-URL", help="To this place, instead of the one found out.")
@click.option("--delete-old", is_flag=True, help="Delete the old files that are proven at the new place.")
@click.option(
    "--no-other-tree-needs-them",
    "alone",
    is_flag=True,
    help="With --delete-old: although others may share it. If a tree does that was not migrated yet, its files are lost.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, do nothing.")
@common_options
@pass_session
def command(
    session: Session,
    *,
    out: bool,
    source: str | None,
    target: str | None,
    delete_old: bool,
    alone: bool,
    dry_run: bool,
) -> Ending:
    """Bring a tree's files to another place in the bucket.

    For when MEDIA_PREFIX_TREE of Gramps Web is switched on (or off: --out), before it or after it. Files are copied
    within the bucket and proven; nothing is deleted unless --delete-old is given.
    """
    from syncd.migration.route import Request  # noqa: PLC0415  (--help must not wait for it)

    if alone and not delete_old:
        raise click.UsageError("--no-other-tree-needs-them goes with --delete-old")
    session.dry_run = dry_run
    session.minds_bucket = True
    session.settings()
    request = Request(out, source, target, delete_old, alone, dry_run)
    with progress_for(session) as progress:
        migration = session.migrate(request, progress)
    if session.wants_report:
        _tell(session.report, migration, dry_run=dry_run)
    return Ending(
        ExitCode.PROBLEMS if migration.problems else ExitCode.OK, _document(migration, dry_run=dry_run)
    )


def _tell(paper: Paper, migration: Migration, *, dry_run: bool) -> None:
    route = migration.route
    if route is None:
        paper.line(f"The tree '{migration.title}' has no files yet: there is nothing to bring anywhere.")
        return
    paper.line(
        f"Files of the tree '{migration.title}', from {route.name(route.source)} to {route.name(route.target)}:",
        style="bold",
    )
    would = "would be copied" if dry_run else "copied and proven"
    paper.line(f"  {count(migration.copied, 'file')} {would} ({size_in_words(migration.bytes_copied)})")
    paper.line(f"  {count(migration.there, 'file')} there already{'' if dry_run else ', proven'}")
    if migration.kept:
        paper.line(
            f"  (of these, {count(migration.kept, 'file')} only for what was deleted and can be brought back)"
        )
    if migration.missing:
        paper.line(
            f"  {count(len(migration.missing), 'file')} at neither place; "
            "the next syncd --once sends what the media folder has"
        )
    if migration.deleted:
        paper.line(f"  {count(migration.deleted, 'old file')} {'would be ' if dry_run else ''}deleted")
    if migration.left:
        paper.line(
            f"  {count(migration.left, 'file')} in {route.name(route.source)} that no object of this tree names: left alone"
        )
    for problem in migration.problems[:ROWS]:
        paper.line(f"  {problem.path or ''}".rstrip() or "  In the bucket:", style="red")
        paper.line(f"    {problem.reason}")
        paper.line(f"    {problem.remedy}")
    if len(migration.problems) > ROWS:
        paper.line(f"  … and {len(migration.problems) - ROWS:,} more (--json lists all)")
    if migration.bound:
        paper.line(f"This desktop goes on from {route.name(route.target)}; nothing is compared anew.")
    for notice in migration.notices:
        paper.line(notice, style="yellow")
    if migration.steps:
        paper.line("Next:", style="bold")
        for number, step in enumerate(migration.steps, 1):
            paper.line(f"  {number}. {step}")


def _document(migration: Migration, *, dry_run: bool) -> dict[str, object]:
    route = migration.route
    return {
        "dry_run": dry_run,
        "migration": {
            "from": None if route is None else route.name(route.source),
            "to": None if route is None else route.name(route.target),
            "served_from": None if route is None else route.name(route.served),
            "named": migration.named,
            "kept": migration.kept,
            "there": migration.there,
            "copied": migration.copied,
            "bytes_copied": migration.bytes_copied,
            "missing": list(migration.missing),
            "deleted": migration.deleted,
            "left": migration.left,
            "bound": migration.bound,
            "next": list(migration.steps),
        },
        "notices": [{"path": "", "handle": None, "text": notice} for notice in migration.notices],
        "problems": [
            {
                "path": problem.path,
                "handle": problem.handle,
                "reason": problem.reason,
                "remedy": problem.remedy,
            }
            for problem in migration.problems
        ],
    }
