"""`syncd orphans`: what lies in the bucket though no media object names it, and how it leaves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from syncd.cli.asking import agrees, see_that_somebody_is_there
from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.report import ROWS, size_in_words
from syncd.cli.session import Session
from syncd.errors import ExitCode
from syncd.model.values import DAY_SECONDS

if TYPE_CHECKING:
    from syncd.merge.orphans import Orphan
    from syncd.model import Checksum
    from syncd.orphans import Collected, Found, Rooms
    from syncd.state import State

LEAST_AGE_DAYS = 7


@click.command("orphans")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option(
    "--collect", is_flag=True, help="Move them to the quarantine, and delete what lay there for 30 days."
)
@click.option(
    "--restore",
    is_flag=True,
    help="Put these keys (checksums, as --all lists them; or --all) back from the quarantine.",
)
@click.option(
    "--all", "everything", is_flag=True, help=f"List all, not only {ROWS}; with --restore: put all back."
)
@click.option(
    "--min-age",
    metavar="DAYS",
    type=click.IntRange(min=LEAST_AGE_DAYS, max=36_500),
    help="Leave alone what is younger: 30 days, or trash_days where that is more; at least 7.",
)
@click.option(
    "--only-tree", is_flag=True, help="No other tree ever kept media in this bucket (without tree prefixes)."
)
@click.option(
    "--dry-run", is_flag=True, help="With --collect or --restore: show what would be done, do nothing."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
@pass_session
def command(
    session: Session,
    *,
    keys: Sequence[str],
    collect: bool,
    restore: bool,
    everything: bool,
    min_age: int | None,
    only_tree: bool,
    dry_run: bool,
    yes: bool,
) -> Ending:
    """List files in the bucket that no media object names, and collect them.

    Gramps Web never deletes a file from its bucket. With --collect, what no media object has named for 30 days goes
    to the quarantine, from where it comes back by itself when an object names it again; what lay there for 30 days
    is deleted.
    """
    _check_usage(keys, collect=collect, restore=restore, everything=everything, dry_run=dry_run)
    session.dry_run = dry_run
    session.minds_bucket = True
    changes = (collect or restore) and not dry_run
    if changes and not yes:
        see_that_somebody_is_there(session)
    from syncd.orphans import find, open_rooms  # noqa: PLC0415  (--help must not wait for an HTTP client)

    age = DAY_SECONDS * (min_age or max(30, session.settings().deletions.trash_days))
    with (
        session.aside(needed=not dry_run),
        open_rooms(session.settings(), keep=not dry_run) as rooms,
    ):
        found = find(rooms, now=time.time(), min_age=age)
        if collect:
            return _collect(session, rooms, found, only_tree=only_tree, dry_run=dry_run, yes=yes)
        if restore:
            return _restore(session, rooms, found, keys, dry_run=dry_run, yes=yes)
        if session.wants_report:
            _tell(session, rooms, found, everything=everything)
        return Ending(document={"orphans": _document(rooms, found)})


def _check_usage(
    keys: Sequence[str], *, collect: bool, restore: bool, everything: bool, dry_run: bool
) -> None:
    if collect and restore:
        raise click.UsageError("--collect and --restore do not go together")
    if keys and not restore:
        raise click.UsageError("keys go with --restore")
    if restore and bool(keys) == everything:
        raise click.UsageError("--restore wants keys, or --all")
    if dry_run and not (collect or restore):
        raise click.UsageError("--dry-run goes with --collect or --restore; without them nothing is changed")


# --- what is done --------------------------------------------------------------------------------------------------


def _collect(
    session: Session, rooms: Rooms, found: Found, *, only_tree: bool, dry_run: bool, yes: bool
) -> Ending:
    from syncd.orphans import collect, foreseen, refuse_shared  # noqa: PLC0415

    refuse_shared(rooms, only_tree=only_tree)
    plan = foreseen(found)
    if dry_run or not (plan.moved or plan.deleted or plan.back):
        return _ending(session, rooms, found, plan, "would be ")
    if not yes and not _agreed(session, plan):
        session.report.line("Nothing was changed.")
        return Ending(document={"orphans": _document(rooms, found)})
    return _ending(session, rooms, found, collect(rooms, found, now=time.time(), only_tree=only_tree), "")


def _restore(
    session: Session, rooms: Rooms, found: Found, keys: Sequence[str], *, dry_run: bool, yes: bool
) -> Ending:
    from syncd.orphans import put_back  # noqa: PLC0415

    kept = {one.checksum: one.size for one, _fate in found.quarantine}
    wanted = {key.rpartition("/")[2].removesuffix(".orphan").lower() for key in keys} or set(kept)
    unknown = sorted(wanted - kept.keys())
    if unknown:
        raise click.UsageError(f"not in quarantine: {', '.join(unknown)}; syncd orphans --all shows what is")

    def chosen(checksum: Checksum) -> bool:
        return checksum in wanted

    plan = put_back(rooms, found, chosen, really=False)
    if not dry_run:
        if not yes and not _agreed(session, plan):
            session.report.line("Nothing was changed.")
            return Ending(document={"orphans": _document(rooms, found)})
        plan = put_back(rooms, found, chosen)
    return _ending(session, rooms, found, plan, "would be " if dry_run else "")


def _agreed(session: Session, plan: Collected) -> bool:
    """Say what would be done, and ask; Ctrl-C is a no, and ends as it does everywhere."""
    for line in _lines(plan, "would be "):
        session.report.line(line)
    return agrees(session, "Go ahead?")


def _ending(session: Session, rooms: Rooms, found: Found, done: Collected, mood: str) -> Ending:
    if session.wants_report:
        for line in _lines(done, mood):
            session.report.line(line)
        for problem in done.problems:
            session.report.line(f"{problem.reason}; {problem.remedy}", style="yellow")
    document = {
        **_document(rooms, found),
        "moved": sorted(done.moved),
        "deleted": sorted(done.deleted),
        "put_back": sorted(done.back),
    }
    problems = [
        {"path": None, "handle": None, "reason": one.reason, "remedy": one.remedy} for one in done.problems
    ]
    code = ExitCode.PROBLEMS if problems else ExitCode.OK
    return Ending(code, {"orphans": document, "problems": problems, "dry_run": session.dry_run})


def _lines(done: Collected, mood: str) -> Iterable[str]:
    said = False
    for keys, deed in (
        (done.back, "put back to their place"),
        (done.moved, "moved to the quarantine"),
        (done.deleted, "deleted for good, after 30 days in quarantine"),
    ):
        if keys:
            said = True
            line = f"{mood}{deed}: {_files(keys)}"
            yield line[:1].upper() + line[1:]
    if done.moved and not mood:
        yield "An object that names one of them again brings it back by itself, at the next sync."
        yield "Put them back by hand with: syncd orphans --restore --all"
    if not said:
        yield "Nothing to do yet." if mood else "Nothing was changed."


# --- what is said --------------------------------------------------------------------------------------------------


def _tell(session: Session, rooms: Rooms, found: Found, *, everything: bool) -> None:
    from syncd.merge.orphans import Fate  # noqa: PLC0415  (--help must not wait for the model)

    paper = session.report

    def label(word: str) -> str:
        """Off a terminal a table has no head."""
        return "" if paper.is_terminal else word

    if not found.orphans:
        paper.line(f"Every media file in {_place(rooms)} belongs to a media object.")
    else:
        sizes = {one.seen.checksum: one.seen.size for one in found.orphans}
        paper.line(f"In the bucket, though no media object names them: {_files(sizes)}", style="bold")
        shown = found.orphans if everything else found.orphans[:ROWS]
        paper.table(
            ("key", "size", "stored", "without object", "may go"),
            [
                (
                    rooms.prefix + one.seen.checksum,
                    size_in_words(one.seen.size),
                    f"{label('stored ')}{local_time(one.seen.modified)}",
                    f"{label('without object ')}at least since {local_time(one.seen.first_seen)}",
                    label("may go: ") + _when(one),
                )
                for one in shown
            ],
        )
        if len(shown) < len(found.orphans):
            paper.line(f"  … and {len(found.orphans) - len(shown):,} more (syncd orphans --all)")
        ready = {one.seen.checksum: one.seen.size for one in found.orphans if not one.reason}
        paper.line(f"Of these may go: {_files(ready)}")
        if ready:
            paper.line("Move them to the quarantine with: syncd orphans --collect")
    if found.quarantine:
        sizes = {one.checksum: one.size for one, _fate in found.quarantine}
        oldest = min(one.since for one, _fate in found.quarantine)
        over = sum(1 for _one, fate in found.quarantine if fate is Fate.OVER)
        paper.line(
            f"In quarantine: {_files(sizes)}, the first since {local_time(oldest)}; "
            f"`syncd orphans --collect` would now delete {over:,} of them for good",
        )
        if everything:
            names = _names(rooms.state)
            paper.table(
                ("key for --restore", "size", "since", "file"),
                [
                    (
                        one.checksum,
                        size_in_words(one.size),
                        f"{label('in quarantine since ')}{local_time(one.since)}",
                        names.get(one.checksum, ""),
                    )
                    for one, _fate in found.quarantine
                ],
            )
        else:
            paper.line("List them, with the keys for --restore, with: syncd orphans --all")


def _when(one: Orphan) -> str:
    if not one.reason:
        return "yes"
    if one.ready_at is None:
        return f"not yet: {one.reason}"
    return f"not yet, from {local_time(one.ready_at)} on: {one.reason}"


def _names(state: State) -> Mapping[Checksum, str]:
    """How files were called, as far as this state remembers."""
    named = {one.checksum: one.path for one in state.undos() if one.checksum is not None}
    named |= {one.checksum: str(one.path) for one in state.trash() if one.checksum is not None}
    return named


def _place(rooms: Rooms) -> str:
    return f"s3://{rooms.binding.bucket}/{rooms.prefix}".removesuffix("/")


def _files(sizes: Mapping[Checksum, int]) -> str:
    noun = "file" if len(sizes) == 1 else "files"
    return f"{len(sizes):,} {noun}, {size_in_words(sum(sizes.values()))}"


def _document(rooms: Rooms, found: Found) -> dict[str, object]:
    ready = [one for one in found.orphans if not one.reason]
    return {
        "bucket": rooms.binding.bucket,
        "prefix": rooms.prefix,
        "count": len(found.orphans),
        "bytes": _bytes(found.orphans),
        "ready_count": len(ready),
        "ready_bytes": _bytes(ready),
        "keys": [
            {
                "key": rooms.prefix + one.seen.checksum,
                "size": one.seen.size,
                "stored": utc_time(one.seen.modified),
                "without_object_since": utc_time(one.seen.first_seen),
                "standing": str(one.standing),
                "reason": one.reason,
            }
            for one in found.orphans
        ],
        "quarantine": [
            {
                "key": one.key,
                "checksum": one.checksum,
                "size": one.size,
                "since": utc_time(one.since),
                "fate": str(fate),
            }
            for one, fate in found.quarantine
        ],
    }


def _bytes(orphans: Iterable[Orphan]) -> int:
    return sum(one.seen.size for one in orphans)
