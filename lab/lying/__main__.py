"""Runs syncd through a network that lies, about each call that it makes and in each way; see `script/lying-network`."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from lab.gramps_web import GrampsWeb
from lab.lying.arena import Arena, Result, network_before
from lab.lying.cases import Case, matrix
from lab.screen import code_of
from lab.servers import gramps_web_over_s3


def main() -> int:
    """Run the cases that are asked for; 1 when one failed."""
    options = asked_for()
    cases: list[Case] = options.cases
    if options.list:
        print(*cases, sep="\n")
        return 0
    begin = time.monotonic()
    results = _run(cases, options.workers, told=options.told)
    failed = [result for result in results if result.wrong]
    calls = {(case.kind, case.lie.side, case.lie.call) for case in cases}
    lies = {case.lie.fault for case in cases}
    print(
        f"{len(calls)} calls x {len(lies)} lies: {len(results)} cases of {len(cases)}, {len(failed)} failed,"
        f" {time.monotonic() - begin:.0f} s"
    )
    return 1 if failed or len(results) < len(cases) else 0


def part(text: str) -> slice:
    """What `N/M` takes of a list: every M-th, beginning with the N-th."""
    first, _, step = text.partition("/")
    if not 1 <= int(first) <= int(step):
        raise ValueError(text)
    return slice(int(first) - 1, None, int(step))


def asked_for() -> argparse.Namespace:
    """What the command line asks for, with its `cases`; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(prog="script/lying-network", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORDS", help="cases whose names have all of these"
    )
    parser.add_argument("--list", action="store_true", help="only name them")
    parser.add_argument(
        "--part",
        type=part,
        default=slice(None),
        metavar="N/M",
        help="every M-th case, beginning with the N-th",
    )
    parser.add_argument("--told", action="store_true", help="for each case also what people are told")
    parser.add_argument(
        "--workers", type=int, default=3, metavar="N", help="networks at a time; much is waiting"
    )
    options = parser.parse_args()
    options.cases = list(matrix(options.only))[options.part]
    if not options.cases:
        parser.error(f"no case has all of these words: {', '.join(options.only)}")
    return options


def _run(cases: Sequence[Case], workers: int, *, told: bool) -> list[Result]:
    """Go through the cases, several at a time; what came of those that the lab itself did not break at."""
    results: list[Result] = []
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lying-network-")))
        web = stack.enter_context(gramps_web_over_s3(base))
        disk = stack.enter_context(GrampsWeb(base / "disk", s3=None))
        arenas = [
            stack.enter_context(
                Arena(
                    {False: web, True: disk},
                    stack.enter_context(network_before(base / f"network-{number}", web, disk)),
                    base / f"arena-{number}",
                )
            )
            for number in range(min(workers, len(cases)))
        ]

        mine = threading.local()

        def go_through(case: Case) -> Result | str:
            arena: Arena = mine.arena
            try:
                return arena.go_through(case)
            except Exception as error:  # the lab's own
                arena.drop(case.kind)
                return f"BROKEN {case}: {error!r}"

        pool = ThreadPoolExecutor(len(arenas), initializer=lambda: setattr(mine, "arena", arenas.pop()))
        stack.callback(pool.shutdown, cancel_futures=True)
        for done in as_completed([pool.submit(go_through, case) for case in cases]):
            result = done.result()
            if isinstance(result, str):
                print(result, flush=True)
            else:
                results.append(result)
                _tell(result, told=told)
    return results


def _tell(result: Result, *, told: bool) -> None:
    case, run = result.case, result.run
    print(
        f"{'FAILED' if result.wrong else 'ok'} {case}: exit {run.code}, {run.seconds:.1f} of {result.seconds:.1f} s"
    )
    if told or result.wrong:
        print("   ", run.out.strip()[:1500])
    if result.wrong:
        print(*(f"    wrong: {fault}" for fault in result.wrong), sep="\n")
        words = " ".join(f"--only {shlex.quote(part)}" for part in str(case).split(", "))
        print(f"    again: script/lying-network {words}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(code_of(main))
