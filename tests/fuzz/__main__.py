"""Feeds the parsers of foreign input with made-up input for longer than the tests do; see `script/fuzz`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from lab.screen import code_of
from tests.fuzz.hunt import Hunt, hunt, keep, quiet
from tests.fuzz.parser import Parser
from tests.fuzz.registry import PARSERS

SLICE = 20.0
"""Seconds for one parser in one round."""


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help="only these; by default all")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    parser.add_argument("--list", action="store_true", help="only name them, with the modules they exercise")
    given = parser.parse_args()
    if unknown := set(given.parsers) - PARSERS.keys():
        parser.error(f"no parser is called {', '.join(sorted(unknown))}; --list names them")
    return given


def main() -> int:
    """Hunt, and say what came of it."""
    given = asked_for()
    chosen = [PARSERS[name] for name in given.parsers] or list(PARSERS.values())
    if given.list:
        for parser in chosen:
            print(f"{parser.name:20} {', '.join(parser.modules)}")
        return 0
    quiet()
    return go(chosen, 60 * given.minutes)


def go(chosen: list[Parser], seconds: float) -> int:
    """Round after round, until the time is over; a parser with a finding is left out from then on."""
    end = time.monotonic() + seconds
    share = min(SLICE, seconds / len(chosen))
    examples = dict.fromkeys((parser.name for parser in chosen), 0)
    findings = 0
    while chosen and time.monotonic() < end - share / 2:
        for parser in list(chosen):
            if time.monotonic() >= end:
                break
            found = hunt(parser, seconds=share)
            examples[parser.name] += found.examples
            if found.failure is not None:
                findings += 1
                chosen.remove(parser)
                tell(parser, found)
    for name, number in examples.items():
        print(f"{name:20} {number:>9,} examples")
    print(f"{sum(examples.values()):,} examples, {findings} findings")
    return 1 if findings else 0


def tell(parser: Parser, found: Hunt) -> None:
    """Print a finding, and where it was put."""
    where = "nowhere" if found.finding is None else keep(parser, found.finding)
    print(f"FOUND by {parser.name}, kept as {where}: {(found.finding or b'')[:300]!r}")
    assert found.failure is not None
    print("".join(traceback.format_exception(found.failure)[-12:]), flush=True)


if __name__ == "__main__":
    sys.exit(code_of(main))
