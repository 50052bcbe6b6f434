"""`syncd verify`: whether folder, Gramps Web and bucket have what they should, and what heals it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncd.cli.conflicts import local_time, utc_time
from syncd.cli.exits import Ending
from syncd.cli.once import progress_for
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import ROWS, count, size_in_words
from syncd.cli.session import Session
from syncd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.merge.findings import Finding
    from syncd.verify import Verified


def _rate(_context: click.Context, _option: click.Parameter, value: str | None) -> int:
    """A rate as the configuration takes it, in bytes a second; 0: none was given."""
    from syncd.config.rates import parse_rate  # noqa: PLC0415  (--help must not wait for pydantic)

    try:
        return 0 if value is None else parse_rate(value)
    except ValueError as error:
        raise click.BadParameter(f"{value} {error}") from error


@click.command("verify")
@click.option(
    "--deep", is_flag=True, help="Read every byte, on both sides; broken off, it goes on next time."
)
@click.option(
    "--limit",
    metavar="RATE",
    callback=_rate,
    help="With --deep: read so much a second ('2 MB'); else limit_down holds.",
)
@click.option("--repair", is_flag=True, help="Heal what a good copy can heal.")
@click.option("--all", "everything", is_flag=True, help=f"List all, not only {ROWS}.")
@common_options
@pass_session
def command(session: Session, *, deep: bool, limit: int, repair: bool, everything: bool) -> Ending:
    """Look whether the media folder, Gramps Web and the bucket have what they should.

    Without --deep nothing is read: listings tell, and where a file's checksum is the bucket's own word for its bytes,
    that proves them. With --repair a good copy in the folder heals the bucket, and a good copy in the bucket heals a
    file that rotted on the disk; nothing else is changed.
    """
    if limit and not deep:
        raise click.UsageError("--limit goes with --deep")
    session.minds_bucket = repair
    session.settings()
    with progress_for(session) as progress:
        verified = session.verify(progress, deep=deep, limit=limit, repair=repair)
    if session.wants_report and not (session.quiet and not verified.findings and not verified.healed):
        _tell(session.report, verified, everything=everything)
    code = ExitCode.PROBLEMS if verified.findings else ExitCode.OK
    return Ending(code, _document(verified))


def _tell(paper: Paper, verified: Verified, *, everything: bool) -> None:
    seen, audit = verified.seen, verified.audit
    paper.line(
        f"Compared: {count(len(seen.objects), 'media object')} and {count(len(seen.folder.files), 'file')}."
    )
    paper.line(f"  {count(len(audit.proven), 'content')} proven to be where Gramps Web keeps its media")
    if audit.size_only:
        paper.line(
            f"  {count(len(audit.size_only), 'content')} there, by size only (syncd verify --deep reads)"
        )
        if everything:
            paper.table(("file", "checksum"), [(path, one) for one, path in sorted(audit.size_only.items())])
    if seen.unnamed:
        paper.line(f"  {count(seen.unnamed, 'file')} that no media object names: syncd orphans")
    _tell_reading(paper, verified)
    if verified.healed:
        paper.line(f"Healed: {count(len(verified.healed), 'file')}", style="bold")
        _tell_findings(paper, verified.healed, everything=everything, healed=True)
    findings = verified.findings
    if not findings:
        paper.line("All is as it should be.")
        return
    paper.line(f"Not as it should be: {len(findings):,}", style="bold red")
    _tell_findings(paper, findings, everything=everything)


def _tell_reading(paper: Paper, verified: Verified) -> None:
    reading = verified.reading
    if reading is not None:
        before = f", {reading.recalled:,} of them by an earlier run" if reading.recalled else ""
        paper.line(
            f"  {reading.done:,} of {reading.items:,} read to the end{before} ({size_in_words(reading.size)} now)"
        )
    elif verified.last_read is not None:
        paper.line(f"  the last whole reading of every byte ended on {local_time(verified.last_read)}")


def _tell_findings(
    paper: Paper, findings: Sequence[Finding], *, everything: bool, healed: bool = False
) -> None:
    shown = findings if everything else findings[:ROWS]
    for one in shown:
        said = one.healed if healed else one.reason
        paper.line(f"  {one.path}: {said}" if one.path else f"  {said}")
        if one.remedy and not healed:
            paper.line(f"      {one.remedy}")
    if len(shown) < len(findings):
        paper.line(f"  … and {len(findings) - len(shown):,} more (syncd verify --all)")


def _document(verified: Verified) -> dict[str, object]:
    reading = verified.reading
    return {
        "problems": [
            {"path": one.path or None, "handle": one.handle, "reason": one.reason, "remedy": one.remedy}
            for one in verified.findings
        ],
        "verify": {
            "objects": len(verified.seen.objects),
            "files": len(verified.seen.folder.files),
            "proven": len(verified.audit.proven),
            "size_only": [
                {"path": path, "checksum": one} for one, path in sorted(verified.audit.size_only.items())
            ],
            "unnamed": verified.seen.unnamed,
            "findings": [_finding(one) for one in verified.findings],
            "healed": [_finding(one) for one in verified.healed],
            "last_read": None if verified.last_read is None else utc_time(verified.last_read),
            "deep": None
            if reading is None
            else {
                "since": utc_time(reading.since),
                "items": reading.items,
                "done": reading.done,
                "recalled": reading.recalled,
                "bytes": reading.size,
            },
        },
    }


def _finding(one: Finding) -> dict[str, object]:
    return {"kind": str(one.fault), "path": one.path, "handle": one.handle, "checksum": one.checksum}
