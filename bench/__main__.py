"""The command: `script/bench [NAME…]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from bench import records
from bench.comparing import ROUNDS, Result
from bench.works import resting, scanning, transfers

Run = Callable[[int], Result]

WORKS: Mapping[str, Run] = {
    "upload-missing": transfers.upload_missing,
    "download": transfers.download,
    "to-bucket": transfers.to_bucket,
    "from-bucket": transfers.from_bucket,
    "nothing-changed": resting.nothing_changed,
    "handed-over": resting.handed_over,
    "nothing-changed-100k": resting.nothing_changed_100k,
    "first-scan": scanning.first_scan,
}
"""All works, by name; each is given the number of rounds."""

QUICK: Mapping[str, Run] = {
    "upload-missing": lambda rounds: transfers.upload_missing(rounds, 60),
    "download": lambda rounds: transfers.download(rounds, 60),
    "nothing-changed": lambda rounds: resting.nothing_changed(rounds, 200),
}
"""Small ones, for `--check`."""

QUICK_ROUNDS = 2


def main() -> int:
    """Measure what is asked for; tell, and with `--record` write down, what was found."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a work; default: all of them")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each contender does it")
    parser.add_argument("--list", action="store_true", help="name the works")
    parser.add_argument(
        "--record", action="store_true", help="write down the results, and draw the page's table"
    )
    parser.add_argument("--draw", action="store_true", help="draw the page's table from what is recorded")
    parser.add_argument(
        "--check",
        action="store_true",
        help="small works, whose ratios are compared with the recorded ones; nothing is judged",
    )
    options = parser.parse_args()
    if options.list:
        print("\n".join(WORKS))
        return 0
    if options.draw:
        records.draw()
        return 0
    unknown = [name for name in options.names if name not in WORKS]
    if unknown:
        print(
            f"script/bench: there is no work {', '.join(unknown)}; see script/bench --list", file=sys.stderr
        )
        return 2
    if options.check:
        chosen = {name: run for name, run in QUICK.items() if not options.names or name in options.names}
        results = [run(QUICK_ROUNDS) for run in chosen.values()]
        print("\n".join(records.changes(results)))
        return 0
    for name in options.names or WORKS:
        result = WORKS[name](options.rounds)
        print(records.table({name: records.of_result(result)}), flush=True)
        if options.record:  # one by one: a long series may be broken off
            records.write([result])
            records.draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
