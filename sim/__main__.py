"""`python -m sim --seeds A-B`: run simulations; a failing seed is made smaller and prints how to replay it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from multiprocessing import Pool

from sim.scenario import Result, run, shrink


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="script/simulate")
    parser.add_argument("--seeds", default="1-200")
    parser.add_argument("--keep", help="only these steps, such as 0,3,7")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", action="store_true", help="print the log")
    parser.add_argument("--no-shrink", action="store_true")
    wanted = parser.parse_args()
    first, _, last = wanted.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    keep = [int(number) for number in wanted.keep.split(",")] if wanted.keep else None
    begun = time.perf_counter()
    hits: Counter[str] = Counter()
    failed: list[Result] = []
    events = rounds = 0
    with Pool(wanted.jobs) as pool:
        results = (
            pool.imap_unordered(run, seeds, chunksize=4)
            if wanted.jobs > 1
            else (run(seed, keep) for seed in seeds)
        )
        for result in results:
            hits += result.hits
            events += result.events
            rounds = max(rounds, result.rounds)
            if wanted.log:
                print("\n".join(result.log))
            if result.violation is not None:
                print(f"seed {result.seed}: {result.violation}", flush=True)
                failed.append(result)
    seconds = time.perf_counter() - begun
    print(f"{len(seeds)} seeds, {len(seeds) / seconds:.1f} a second, {events / len(seeds):.0f} events a seed, at most {rounds} rounds, {len(failed)} failed")
    for what, count in sorted(hits.items()):
        print(f"{count:8} {what}")
    for result in failed[:3]:
        if not wanted.no_shrink:
            kept, best = shrink(result)
            print(f"replay: script/simulate --seeds {result.seed} --keep {','.join(map(str, kept))} --log   # {best.violation}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
