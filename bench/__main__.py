"""The command: `script/bench [NAME…]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping

from bench import records
from bench.comparing import ROUNDS, Result
from bench.works import growth, living, month, resting, scanning, transfers
from lab.screen import code_of

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
    "one-saved-file": living.one_saved_file,
    "rename": living.rename,
    "growth": growth.growth,
    "month": month.ordinary_month,
}
"""All works, by name; each is given the number of rounds."""

QUICK: Mapping[str, Run] = {
    "upload-missing": lambda rounds: transfers.upload_missing(rounds, 60),
    "download": lambda rounds: transfers.download(rounds, 60),
    "nothing-changed": lambda rounds: resting.nothing_changed(rounds, 200),
}
"""Small ones, for `--check`."""

QUICK_ROUNDS = 2


def asked_for() -> argparse.Namespace:
    """What the command line asks for; ends with 2 where that cannot be."""
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
    if (options.list or options.draw) and len(sys.argv) > 2:
        parser.error("--list and --draw stand alone")
    if options.check and options.rounds != ROUNDS:
        parser.error("--check has its own number of rounds")
    known = QUICK if options.check else WORKS
    unknown = [name for name in options.names if name not in known]
    if unknown:
        kind = "small work" if options.check else "work"
        parser.error(f"there is no {kind} {', '.join(unknown)}; there are: {', '.join(known)}")
    if options.rounds < 1:
        parser.error(f"a work of {options.rounds} rounds measures nothing")
    return options


def main() -> int:
    """Measure what is asked for; tell, and with `--record` write down, what was found."""
    options = asked_for()
    if options.list:
        print("\n".join(WORKS))
    elif options.draw:
        records.draw()
    elif options.check:
        _check(options.names or QUICK, record=options.record)
    else:
        for name in options.names or WORKS:
            result = WORKS[name](options.rounds)
            print(records.table({name: records.of_result(result)}), flush=True)
            if options.record:  # one by one: a long series may be broken off
                records.write([result])
                records.draw()
    return 0


def _check(names: Iterable[str], *, record: bool) -> None:
    """Do small works, and tell how their ratios compare with those of the same small works as recorded."""
    results = [QUICK[name](QUICK_ROUNDS) for name in names]
    print("Small works, beside the same small works when recorded; those of docs/performance.md are larger:")
    print("\n".join(records.changes(results)))
    if record:
        records.write(results, section=records.CHECKS)


if __name__ == "__main__":
    sys.exit(code_of(main))
