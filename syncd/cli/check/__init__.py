"""`syncd check`: look whether everything is fit for a sync; change nothing, anywhere.

One failed check does not stop those that do not build on it. The state is looked at in a copy; the right to write
into the bucket is proved by an upload that is begun and called off.
"""

from __future__ import annotations

import click

from syncd.cli.check.finding import Finding, Verdict
from syncd.cli.exits import Ending, first_that_applies
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.session import Session
from syncd.errors import ExitCode

STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red"}


@click.command("check")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """Look whether everything is fit for a sync; change nothing.

    Each line says ok, warning or failed, and what to do about it.
    """
    from syncd.cli.check.examination import examine  # noqa: PLC0415  (slow to import)

    findings = []
    for finding in examine(session):
        findings.append(finding)
        if session.wants_report and not (session.quiet and finding.verdict is Verdict.OK):
            _tell(session.report, finding)
    code = first_that_applies([finding.code for finding in findings])
    failed = next((finding for finding in findings if finding.code is code and code is not ExitCode.OK), None)
    return Ending(
        code,
        {
            "error": None if failed is None else {"reason": failed.text, "remedy": failed.remedy},
            "checks": [
                {
                    "name": finding.name,
                    "verdict": str(finding.verdict),
                    "text": finding.text,
                    "remedy": finding.remedy,
                }
                for finding in findings
            ],
        },
    )


def _tell(paper: Paper, finding: Finding) -> None:
    first, *others = finding.text.splitlines() or [""]
    paper.line(f"{finding.verdict:<8} {finding.name}: {first}", style=STYLES[finding.verdict])
    for line in (*others, *finding.remedy.splitlines()):
        paper.line(f"         {line}".rstrip())
