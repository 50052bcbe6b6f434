"""`syncd upload`: every media file of a family tree into the bucket, without a sync.

What it needs is an export of the tree (or Gramps Desktop on this machine) and a bucket: the configuration may consist of
`[s3]` alone. With `[gramps]`, Gramps Web is asked where it looks for the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
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
    from syncd.upload.files import Trouble
    from syncd.upload.job import Uploaded
    from syncd.upload.run import Failed

_TITLES = {
    "missing": "Not on this computer",
    "edited": "Edited after they were added to the tree",
    "no-checksum": "Without a checksum in the tree",
    "other-computer": "With a path of another computer",
    "not-a-file": "No proper files",
    "unreadable": "Not to be read",
    "changing": "Being written just now",
    "damaged-in-bucket": "Damaged in the bucket",
    "refused": "Refused by the bucket",
    "odd-object": "In the tree itself",
}
"""A heading for each kind of problem."""


@click.command("upload")
@click.option(
    "--tree-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The tree, as Gramps exports it: Gramps XML, packed or not.",
)
@click.option(
    "--desktop",
    metavar="NAME",
    help="Instead: a family tree of Gramps Desktop on this machine, by its title or the path of its folder.",
)
@click.option(
    "--media-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The media folder, where it is not where the tree says.",
)
@click.option("--tree-id", metavar="ID", help="Keys go below this id, which the tree has in Gramps Web.")
@click.option("--no-tree-id", is_flag=True, help="Keys go right below the url under [s3].")
@click.option("--create-bucket", is_flag=True, help="Make the bucket if there is none.")
@click.option("--dry-run", is_flag=True, help="Look and read, say what would be sent, send nothing.")
@common_options
@pass_session
def command(
    session: Session,
    *,
    tree_file: Path | None,
    desktop: str | None,
    media_dir: Path | None,
    tree_id: str | None,
    no_tree_id: bool,
    create_bucket: bool,
    dry_run: bool,
) -> Ending:
    """Send every media file of a family tree to the bucket.

    Each file is stored under its checksum, where Gramps Web looks for it. What is there already is skipped, nothing
    is ever overwritten or deleted, and after an interruption the same command sends the rest.
    """
    if (tree_file is None) == (desktop is None):
        raise click.UsageError("give the tree: either --tree-file FILE or --desktop NAME")
    session.dry_run = dry_run
    from syncd.upload.job import Order  # noqa: PLC0415  (the help must not wait for what uploads)
    from syncd.upload.target import Wanted  # noqa: PLC0415

    wanted = Wanted(tree_id, no_tree_id)
    with progress_for(session) as progress:
        done = session.upload(Order(tree_file, desktop, media_dir, wanted, create_bucket, dry_run), progress)
    if session.wants_report:
        _tell(session, done, dry_run=dry_run)
    code = ExitCode.PROBLEMS if done.report.failed else ExitCode.OK
    return Ending(code, _document(done, dry_run=dry_run))


def _tell(session: Session, done: Uploaded, *, dry_run: bool) -> None:
    paper, report = session.report, done.report
    if session.quiet and not report.failed:
        return
    paper.line(_summary(done, session.seconds(), dry_run=dry_run))
    if session.quiet:
        _tell_problems(paper, report.failed)
        return
    where = f"s3://{done.location.bucket}/{done.location.prefix}"
    made = (
        {True: "would make the bucket; ", False: "made the bucket; "}[dry_run] if report.made_bucket else ""
    )
    paper.line(f"  Tree:   {done.tree.title} ({count(report.objects, 'media object')})")
    if done.folders.base is not None:
        paper.line(f"  Files:  {done.folders.base}")
    paper.line(f"  Bucket: {made}{where}")
    if (dry_run or session.verbosity) and report.sent:
        paper.line()
        paper.line("This would be sent:" if dry_run else "Sent:", style="bold")
        shown = report.sent[:ROWS] if paper.is_terminal and dry_run else report.sent
        paper.table(("file", "size"), [(one.path, size_in_words(one.size or 0)) for one in shown])
        if len(shown) < len(report.sent):
            paper.line(f"  … and {len(report.sent) - len(shown):,} more (--json lists all)")
    _tell_problems(paper, report.failed)
    for notice in done.notices:
        paper.line()
        paper.line(notice)


def _summary(done: Uploaded, seconds: float, *, dry_run: bool) -> str:
    """One line: `12 files sent (34.5 MB); 5 there already; 2 problems (1.2 s)`."""
    report = done.report
    parts = []
    if report.sent:
        files, size = count(len(report.sent), "file"), size_in_words(report.bytes_sent)
        parts.append(f"would send {files} ({size})" if dry_run else f"{files} sent ({size})")
    else:
        parts.append("would send nothing" if dry_run else "nothing sent")
    if report.there:
        parts.append(f"{report.there:,} there already")
    if report.addresses:
        addresses = "web address" if report.addresses == 1 else "web addresses"
        parts.append(f"{report.addresses:,} {addresses} left out")
    if report.failed:
        parts.append(count(len(report.failed), "problem"))
    return f"{'; '.join(parts)} ({seconds:,.1f} s)"


def _tell_problems(paper: Paper, failed: Iterable[Failed]) -> None:
    """Problems by kind, each kind with its remedy once."""
    for trouble, group in groupby(failed, key=lambda one: one.trouble):
        _tell_group(paper, trouble, list(group))


def _tell_group(paper: Paper, trouble: Trouble, group: list[Failed]) -> None:
    paper.line()
    paper.line(f"{_TITLES[trouble]}: {len(group):,}", style="bold red")
    remedies = dict.fromkeys(one.problem.remedy for one in group)
    rows = [(one.problem.path or "the tree", one.problem.reason) for one in group[:ROWS]]
    paper.table(("file", "why"), rows)
    if len(group) > ROWS:
        paper.line(f"  … and {len(group) - ROWS:,} more (syncd upload --json lists all)")
    for remedy in list(remedies)[:3]:
        paper.line(f"  What to do: {remedy}")


def _document(done: Uploaded, *, dry_run: bool) -> dict[str, object]:
    report = done.report
    kinds: dict[str, int] = {}
    for one in report.failed:
        kinds[str(one.trouble)] = kinds.get(str(one.trouble), 0) + 1
    return {
        "dry_run": dry_run,
        "counts": done.counts(),
        "bytes_up": 0 if dry_run else report.bytes_sent,
        "actions": [asdict(one) for one in report.sent],
        "problems": [
            {
                "path": one.problem.path,
                "handle": one.problem.handle,
                "reason": one.problem.reason,
                "remedy": one.problem.remedy,
            }
            for one in report.failed
        ],
        "notices": [{"path": "", "handle": None, "text": notice} for notice in done.notices],
        "upload": {
            "tree": done.tree.title,
            "objects": report.objects,
            "web_addresses": report.addresses,
            "media_dir": None if done.folders.base is None else str(done.folders.base),
            "bucket": done.location.bucket,
            "prefix": done.location.prefix,
            "made_bucket": report.made_bucket,
            "troubles": kinds,
        },
    }
