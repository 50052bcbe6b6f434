"""What S3 costs in an ordinary month: requests counted at the server, and multiplied.

Counted are everybody's: after each raw transaction Gramps Web lists the bucket to know how much it holds, whoever sent it.
What it asks when a bare client writes the same is counted by itself, so that the sum tells whose requests they are.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean

from bench.arena import Arena, arena
from bench.comparing import Result, figure, judged
from bench.daemon import has, rests
from bench.photos import thumbnails
from bench.works.resting import settled
from lab.daemon import RunningDaemon
from lab.process import LabError, wait_until
from lab.world import md5
from syncd.gramps import forms

Requests = Mapping[str, float]
"""How many, by kind."""

DAYS, CHANGES, FULL_CHECKS = 30, 20, 4
"""Days a month, changes a day (half of them new files, half edited ones), looks at everything a day (`daemon.full_check_every`
is 6 h)."""
SAMPLE = 10
"""Files that are added, and then edited, to know what a change takes."""
MINUTES = 2.0
"""At rest, to know what a minute takes."""
PAGE = 1000
"""Keys a LIST request tells at most."""

FULL, TIDY, ADDED, EDITED, MINUTE = (
    "full look",
    "look of the daily tidying",
    "new file",
    "edited file",
    "minute at rest",
)
CHANGED: Mapping[str, float] = {ADDED: CHANGES / 2, EDITED: CHANGES / 2}
DAEMON: Mapping[str, float] = {FULL: FULL_CHECKS, TIDY: 1, **CHANGED, MINUTE: 24 * 60}
"""How often a day for a daemon that always runs."""
CRON: Mapping[str, float] = {FULL: FULL_CHECKS, **CHANGED}
"""How often a day for an hourly `syncd --once`: each run looks at everything (every 6 h by itself), or finds one change."""

PRICES: Requests = {
    "PUT": 5e-6,
    "LIST": 5e-6,
    "MULTIPART": 5e-6,
    "GET": 0.4e-6,
    "HEAD": 0.4e-6,
    "DELETE": 0.0,
}
"""Dollars a request: S3 Standard in us-east-1, as AWS lists them."""


def price(requests: Requests) -> float:
    """Cents for so many requests of each kind."""
    return 100 * sum(PRICES[kind] * number for kind, number in requests.items())


def month(parts: Mapping[str, Requests], a_day: Mapping[str, float]) -> dict[str, float]:
    """The requests of a month, by kind, of what each part of a day takes and how often a day has it."""
    kinds = sorted({kind for part in a_day for kind in parts[part]})
    return {
        kind: DAYS * sum(times * parts[part].get(kind, 0) for part, times in a_day.items()) for kind in kinds
    }


def ordinary_month(_rounds: int, files: int = 10_000, minutes: float = MINUTES) -> Result:
    """A tree of so many files, each with a content of its own, and 20 changes a day."""
    with arena(lambda folder: thumbnails(folder, files, shared=1), keys_for="24h") as here:
        settled(here)
        ways = {
            "daemon": (_of_daemon(here, files, minutes), DAEMON),
            "hourly `--once`": (_of_cron(here, files), CRON),
        }
        servers_own = month(_of_gramps_web(here), CHANGED)
    figures: dict[str, float] = {}
    for who, (parts, a_day) in ways.items():
        for part in parts:
            figures |= {f"{who}, {part}: {kind}": number for kind, number in parts[part].items()}
        requests = month(parts, a_day)
        figures |= {f"{who}, month: {kind}": number for kind, number in requests.items()}
        figures[f"{who}: cents a month"] = price(requests)
        figures[f"{who}: cents a month, without Gramps Web's own"] = price(requests) - price(servers_own)
    figures["Gramps Web's own: cents a month"] = price(servers_own)
    result = Result(
        "month",
        f"S3 requests of a month: {files:,} files, {CHANGES} changes a day, {FULL_CHECKS} full looks a day",
        {},
        figures,
        notes=f"counted at the S3 server: one look of each kind, {SAMPLE} files added one by one and then edited, {minutes:g} minutes at "
        f"rest; the rest is arithmetic. The daemon always runs; an hourly job looks at everything {FULL_CHECKS} times a day and "
        "finds one change in each of its other runs. Gramps Web's own: what it asks when a bare client writes the same objects",
    )
    return judged(result, [figure(f"{who}: cents a month", 1, "cents") for who in ways])


def _of_cron(here: Arena, files: int) -> dict[str, Requests]:
    """What runs of `syncd --once` take."""

    def save(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        document = json.loads(here.syncd("--once", "--json").out)
        if document["counts"]["uploaded"] != 1:
            raise LabError(f"the change did not arrive: {document['counts']}")

    rest = _counted(here, lambda: here.syncd("--once"))
    if rest:
        raise LabError(f"a run with nothing to do, which the day has no room for, takes requests: {rest}")
    full = _counted(here, lambda: here.syncd("--once", "--full"))
    return {FULL: _whole(full, files), **_of_changes(here, "by cron", save)}


def _of_daemon(here: Arena, files: int, minutes: float) -> dict[str, Requests]:
    """What a daemon takes at its defaults."""
    daemon = RunningDaemon(here.world.desktop, verbose=False)

    def save(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        wait_until(lambda: bool(has(here.world, content)), "it is in Gramps Web", 900)
        daemon.wait(rests, "it rests", 900)

    daemon.start(until=rests, seconds=900)
    with daemon:
        # Handed over, they are the looks that its schedule makes.
        full = _counted(here, lambda: here.syncd("--once", "--full"))
        tidy = _counted(here, lambda: here.syncd("--once"))
        changes = _of_changes(here, "by daemon", save)
        rest = _counted(here, lambda: time.sleep(60 * minutes))
    per_minute = {kind: number / minutes for kind, number in rest.items()}
    return {FULL: _whole(full, files), TIDY: tidy, **changes, MINUTE: per_minute}


def _of_gramps_web(here: Arena) -> dict[str, Requests]:
    """What Gramps Web asks the bucket when a client without syncd makes an object, and changes one."""
    api = here.world.api
    old = forms.to_raw(api.media()[0])
    if old is None:
        raise LabError("no raw form of an object")
    made = {"_class": "Media", "handle": "bare", "path": "bare.jpg", "mime": "image/jpeg", "desc": "bare"}
    made["checksum"] = old["checksum"]  # its bytes are there, as they are before syncd makes an object
    change = {"type": "update", "_class": "Media", "handle": old["handle"], "old": old}
    return {
        ADDED: _counted(here, lambda: api.json("POST", "/objects/", 201, json=[made])),
        EDITED: _counted(
            here,
            lambda: api.json("POST", "/transactions/", json=[{**change, "new": {**old, "desc": "bare"}}]),
        ),
    }


def _of_changes(here: Arena, name: str, save: Callable[[Path, bytes], None]) -> dict[str, Requests]:
    """What one change takes on average, of files that are added one by one, and then edited.

    Args:
        here: where.
        name: of these files.
        save: writes a file and has it synced.
    """
    found: dict[str, Requests] = {}
    for deed in (ADDED, EDITED):
        each = []
        for number in range(SAMPLE):
            content = b"\xff\xd8\xff\xe0 %s %d" % (deed.encode(), time.time_ns())
            path = here.folder / f"{name} {number}.jpg"
            each.append(_counted(here, partial(save, path, content)))
            if not (here.keys / md5(content)).exists():
                raise LabError(f"{md5(content)} is not in the bucket")
        found[deed] = {kind: fmean(one[kind] for one in each) for kind in sorted(set().union(*each))}
    return found


def _whole(requests: Requests, files: int) -> Requests:
    """Those of a look at everything, once it is sure that it was one."""
    if requests.get("LIST", 0) < files / PAGE:
        raise LabError(f"that was no listing of {files} keys: {dict(requests)}")
    return requests


def _counted(here: Arena, run: Callable[[], object]) -> Counter[str]:
    """The requests of whatever runs, by kind."""
    position = here.s3.log_position()
    run()
    return Counter(request.operation for request in here.s3.requests_since(position))
