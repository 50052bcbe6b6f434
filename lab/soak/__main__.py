"""Random work on both sides of the real thing for hours, with faults, and an audit of every byte every few minutes.

Real Gramps Web, real S3 server (or Gramps Web with a disk of its own), real daemons; people who add, edit, move, swap, copy,
delete and put back; kills, restarts, bad lines, wrong clocks, full disks. Exit code 1 when a promise was not kept: what, when,
and the last deeds about it are printed, and the world is kept for looking where --keep says.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lab.gramps_web import GrampsWeb
from lab.process import LabError
from lab.screen import code_of
from lab.servers import gramps_web_over_s3
from lab.soak.figures import commit, figures
from lab.soak.soak import Pace, Soak
from lab.soak.violation import Kind, Violation
from lab.world import World

TOKENS = {"GRAMPSWEB_JWT_ACCESS_TOKEN_EXPIRES": "25", "GRAMPSWEB_JWT_REFRESH_TOKEN_EXPIRES": "90"}
"""Seconds that logins are good for."""


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(
        prog="script/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=1.0, help="how long")
    parser.add_argument("--seed", type=int, help="of all decisions; by the clock when left out")
    parser.add_argument("--minutes", type=float, default=4.0, help="work between two audits")
    parser.add_argument("--server", choices=("s3", "disk"), default="s3", help="where Gramps Web keeps media")
    parser.add_argument("--desktops", type=int, choices=(1, 2), default=2)
    parser.add_argument("--pace", type=float, default=0.6, help="seconds between two deeds, on average")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the world and its logs there on a violation"
    )
    return parser.parse_args()


def main() -> int:
    """Run a soak; its exit code."""
    options = asked_for()
    if options.seed is None:
        options.seed = int(time.time())
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # servers end, disks go
    tree = commit()
    print(f"seed {options.seed}, tree {tree}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-soak-")))
        world = stack.enter_context(_world(folder, options.server))
        soak = Soak(world, options.seed, options.desktops, pace=Pace(options.pace))
        stack.callback(soak.close)
        violations = _run(soak, options.hours, options.minutes)
        soak.end_daemons()
        if violations and options.keep is not None:
            _keep(folder, soak, options.keep)
        document = json.dumps(figures(soak, options.server, tree, violations), indent=1, ensure_ascii=False)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(document + "\n")
    else:
        print(document)
    return 1 if violations else 0


@contextmanager
def _world(folder: Path, server: str) -> Iterator[World]:
    """Servers of its own, whose logins are limited and soon out of date, with an empty tree."""
    options: dict[str, Any] = {"limit_logins": True, "settings": TOKENS}
    servers = (
        gramps_web_over_s3(folder, **options)
        if server == "s3"
        else GrampsWeb(folder / "gramps-web", s3=None, **options)
    )
    with servers as web:
        world = World.on(web, folder / "world", "empty")
        yield world
        world.api.close()


def _run(soak: Soak, hours: float, minutes: float) -> list[Violation]:
    """Work and audits until the time is over or an audit finds something."""
    end = time.monotonic() + hours * 3600
    while True:
        left = end - time.monotonic()
        try:
            soak.work(min(left, minutes * 60))
            violations = soak.audit()
        except LabError as error:
            violations = [Violation(Kind.ENDED, "the lab could not go on", str(error)[-6000:])]
        _tell(soak, violations)
        if violations or end - time.monotonic() < 30:
            return violations


def _tell(soak: Soak, violations: Sequence[Violation]) -> None:
    """A line for each audit; of violations what, and the last deeds about them."""
    if soak.audits:
        audit = {name: value for name, value in soak.audits[-1].items() if name != "violations"}
        print(f"audit {len(soak.audits)}: {audit}, {len(violations)} violations", flush=True)
    for one in soak.curve[-len(soak.computers) :]:
        print(
            f"  {one.who}: {one.memory / 1e6:.0f} MB, {one.files} open files, {one.threads} threads",
            flush=True,
        )
    for violation in violations:
        print(violation, flush=True)
        for deed in soak.ledger.last(violation.checksums):
            print(f"    {deed}", flush=True)


def _keep(folder: Path, soak: Soak, target: Path) -> None:
    """Copy the world, its logs and the whole story."""
    shutil.copytree(
        folder, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock")
    )
    (target / "story.txt").write_text("\n".join(map(str, soak.ledger.story)) + "\n")


if __name__ == "__main__":
    sys.exit(code_of(main))
