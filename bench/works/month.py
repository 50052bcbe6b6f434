"""What S3 costs in an ordinary month: requests counted at the server, and multiplied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from bench.arena import Arena, arena
from bench.comparing import Result, figure, judged
from bench.photos import thumbnails
from bench.works.resting import settled
from lab.s3 import S3Request

DAYS, CHANGES, FULL_CHECKS = 30, 20, 4
"""Days a month, changes a day, looks at everything a day (`daemon.full_check_every` is 6 h)."""

PRICES: Mapping[str, float] = {
    "PUT": 5e-6,
    "LIST": 5e-6,
    "MULTIPART": 5e-6,
    "GET": 0.4e-6,
    "HEAD": 0.4e-6,
    "DELETE": 0.0,
}
"""Dollars a request: S3 Standard in us-east-1, as AWS lists them."""


def price(requests: Mapping[str, float]) -> float:
    """Cents for so many requests of each kind."""
    return 100 * sum(PRICES[kind] * number for kind, number in requests.items())


def month(full: Mapping[str, int], change: Mapping[str, float]) -> dict[str, float]:
    """The requests of a month, by kind, of what one look at everything and one change take."""
    kinds = {*full, *change}
    return {
        kind: DAYS * (FULL_CHECKS * full.get(kind, 0) + CHANGES * change.get(kind, 0))
        for kind in sorted(kinds)
    }


def ordinary_month(_rounds: int, files: int = 10_000) -> Result:
    """A tree of 10,000 files, each with a content of its own, and 20 changes a day."""
    with arena(lambda folder: thumbnails(folder, files, shared=1), keys_for="24h") as here:
        settled(here)
        full = _counted(here, lambda: here.syncd("--once", "--full"))
        rest = _counted(here, lambda: here.syncd("--once"))
        added = _counted(here, lambda: _save(here, "new {}.jpg", CHANGES // 2))
        edited = _counted(here, lambda: _save(here, "new {}.jpg", CHANGES // 2))
        change = {kind: (added[kind] + edited[kind]) / CHANGES for kind in {*added, *edited}}
    requests = month(full, change)
    figures = {
        **{f"{kind} of a look at everything": float(number) for kind, number in full.items()},
        **{f"{kind} of a run with nothing to do": float(number) for kind, number in rest.items()},
        **{f"{kind} a change": number for kind, number in change.items()},
        **{f"{kind} a month": number for kind, number in requests.items()},
        "cents a month": price(requests),
    }
    result = Result(
        "month",
        f"S3 requests of a month: {files:,} files, {CHANGES} changes a day, {FULL_CHECKS} looks at everything a day",
        {},
        figures,
        notes="counted at the server: one look at everything, ten files added and the same ten edited one by one; the rest is arithmetic",
    )
    return judged(result, [figure("cents a month", 1, "cents")])


def _save(here: Arena, name: str, number: int) -> None:
    """Write files one by one, with a run after each."""
    for one in range(number):
        path = here.folder / name.format(one)
        path.write_bytes(b"\xff\xd8\xff\xe0 %d %d" % (one, path.exists()))
        here.syncd("--once")


def _counted(here: Arena, run: Callable[[], object]) -> Counter[str]:
    """The requests of whatever runs, by kind."""
    position = here.s3.log_position()
    run()
    requests: list[S3Request] = here.s3.requests_since(position)
    return Counter(request.operation for request in requests)
