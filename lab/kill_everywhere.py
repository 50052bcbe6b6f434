"""`script/kill-everywhere`: several workers, each with servers of its own, share the points among them."""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.queues import Queue
from pathlib import Path

from lab import eventful
from lab.copies import Moment
from lab.gramps_web import GrampsWeb
from lab.killing import Killing, Verdict
from lab.outcomes import Outcome
from lab.recording import by_kind, points_of, sample
from lab.screen import code_of
from lab.servers import gramps_web_over_s3
from lab.world import World

Job = tuple[int | None, str]
"""Which disk a power failure leaves (None: the process is killed, no more), and the point."""


def prepare(server: GrampsWeb, base: Path) -> Moment:
    """The world of the eventful day, kept in the moment before its run."""
    world = World.on(server, base / "original", "empty")
    eventful.the_day_before(world)
    eventful.happen(world)
    moment = Moment.of(world, base / "kept")
    world.close()
    return moment


def work(
    base: Path, moment: Moment, expected: Outcome, jobs: Queue[Job | None], verdicts: Queue[Verdict]
) -> None:
    """Kill at one point after another, until there are no more."""
    with gramps_web_over_s3(base) as server:
        killing = Killing(server, moment, base)
        while (job := jobs.get()) is not None:
            try:
                verdict = killing.kill(job[1], expected, power=job[0])
            except Exception as error:
                verdict = Verdict(job[1], reached=True, runs=0, locked=0, failures=[repr(error)], seconds=0)
            verdicts.put(verdict)


def kill_all(
    base: Path,
    moment: Moment,
    expected: Outcome,
    points: Sequence[str],
    *,
    workers: int,
    power: int | None = None,
) -> list[Verdict]:
    """Kill at each of the points; tells of each failure at once, with the command that repeats it."""
    context = multiprocessing.get_context("spawn")
    jobs, verdicts = context.Queue(), context.Queue()
    for job in [*((power, point) for point in points), *[None] * workers]:
        jobs.put(job)
    processes = [
        context.Process(target=work, args=(base / f"worker-{number}", moment, expected, jobs, verdicts))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        return _collect(len(points), verdicts, power)
    except BaseException:  # nobody wants to know the rest
        jobs.cancel_join_thread()
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


def _collect(wanted: int, verdicts: Queue[Verdict], power: int | None) -> list[Verdict]:
    """Take verdicts in until there are so many, and tell of them."""
    found: list[Verdict] = []
    while len(found) < wanted:
        verdict = verdicts.get()
        found.append(verdict)
        if verdict.failures:
            print(f"FAILED {verdict.point}", *verdict.failures, sep="\n    ", flush=True)
            again = f"--point {shlex.quote(verdict.point)}" + ("" if power is None else f" --power {power}")
            print(f"    again: script/kill-everywhere {again}", flush=True)
        if len(found) % 50 == 0:
            print(f"{len(found)} of {wanted}", flush=True)
    return found


def numbers(text: str) -> slice:
    """What `A-B`, `A-` or `A` takes of a list whose first is number 1."""
    first, dash, last = text.partition("-")
    return slice(int(first) - 1, int(last or first) if last or not dash else None)


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(prog="script/kill-everywhere", description=__doc__)
    parser.add_argument(
        "--points", type=numbers, default=slice(None), metavar="A-B", help="these numbers of the list"
    )
    parser.add_argument("--point", action="append", default=[], help="this one")
    parser.add_argument("--sample", type=int, default=0, help="so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--power", type=int, help="the power fails as well: a seed for what is left of the disk"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="only name them")
    return parser.parse_args()


def main() -> int:
    """Record, choose, kill, and sum up; 1 when anything failed."""
    options = asked_for()
    begun = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="kill-everywhere-"))
    try:
        with gramps_web_over_s3(base / "first") as server:
            moment = prepare(server, base)
            events, expected = Killing(server, moment, base / "first").record(base / "recording")
        points = points_of(events)
        if options.list:
            print(*(f"{number:4} {point}" for number, point in enumerate(points, 1)), sep="\n")
        print(
            f"{len(points)} points:",
            ", ".join(f"{len(some)} {kind}" for kind, some in by_kind(points).items()),
        )
        chosen = _chosen(points, options)
        verdicts = (
            []
            if options.list
            else kill_all(base, moment, expected, chosen, workers=options.workers, power=options.power)
        )
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return _sum_up(verdicts, time.monotonic() - begun)


def _chosen(points: Sequence[str], options: argparse.Namespace) -> Sequence[str]:
    if options.point:
        return list(options.point)
    if options.sample:
        return sample(points, options.sample, options.seed)
    chosen: slice = options.points
    return points[chosen]


def _sum_up(verdicts: Sequence[Verdict], seconds: float) -> int:
    failed = [verdict for verdict in verdicts if verdict.failures]
    locked = [verdict.locked for verdict in verdicts if verdict.locked > 1]
    print(
        f"{len(verdicts)} kills in {seconds:.0f} s: {len(failed)} failed;"
        f" {sum(not verdict.reached for verdict in verdicts)} points were not reached (the run ended before);"
        f" Gramps Web was locked after {len(locked)} (for {max(locked, default=0):.0f} s at most);"
        f" runs until at rest: {max((verdict.runs for verdict in verdicts), default=0)} at most"
    )
    for verdict in verdicts:
        if not verdict.reached:
            print(f"not reached: {verdict.point}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(code_of(main))
