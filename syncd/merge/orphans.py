"""Which keys of a bucket nobody needs any more: pure decisions, on what was seen.

A key is an *orphan* when no object names its checksum. It is *ready* for the quarantine only when it is old in every
respect: its bytes were stored long ago, and this state saw it without an object long ago and ever since. What
anything here still relies on is *needed*, whatever its age.

Invariants:
- What an object names is no orphan, however the object writes its checksum.
- What waits in quarantine is only deleted when its time is over, no object names it, and nothing relies on it. A key
  that an object names and that is nowhere else goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from syncd.model import Checksum, MediaObject
from syncd.model.values import DAY_SECONDS

LEAST_AGE_DAYS = 7
"""No orphan is younger, whatever a person says: so long may another computer believe what it saw of the bucket."""
USUAL_AGE_DAYS = 30
"""The trash of every computer keeps as long, unless it is told otherwise."""
QUARANTINE_DAYS = 30


class Standing(StrEnum):
    """What is to become of an orphan."""

    YOUNG = "young"
    """It waits for its time."""
    NEEDED = "needed"
    """Something relies on it."""
    READY = "ready"
    """It may go to the quarantine."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A key as it was listed, without an object. Sizes in bytes, times in Unix seconds.

    Args:
        modified: when the bucket says that its bytes were stored.
        first_seen: when this state saw it without an object first.
    """

    checksum: Checksum
    size: int
    modified: float
    first_seen: float


@dataclass(frozen=True, slots=True)
class Orphan:
    """An orphan and its standing.

    Args:
        reason: why it is not ready, `""` when it is.
        ready_at: when its time comes, in Unix seconds; None where it is not a matter of time alone.
    """

    seen: Sighting
    standing: Standing
    reason: str = ""
    ready_at: float | None = None


class Fate(StrEnum):
    """What is to become of a key in quarantine."""

    WAITS = "waits"
    NEEDED = "needed"
    """It is kept past its time, because something relies on it."""
    BACK = "back"
    """An object names it and nothing else holds its bytes."""
    OVER = "over"
    """Its time is over: it is deleted for good."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A key in quarantine; `since` is the later of what its name and the bucket say, in Unix seconds."""

    key: str
    checksum: Checksum
    size: int
    since: float


def named_by(objects: Iterable[MediaObject]) -> frozenset[Checksum]:
    """The checksums that objects name. A checksum in capitals names the same key; an empty or a foreign one names none."""
    return frozenset(item.digest for item in objects if item.digest is not None)


def judge(
    sightings: Iterable[Sighting],
    named: AbstractSet[Checksum],
    needed: Mapping[Checksum, str],
    *,
    now: float,
    min_age: float,
) -> list[Orphan]:
    """Give each key that no object names its standing, largest first.

    Args:
        sightings: the keys below the tree's own prefix.
        named: what objects name, read after the keys were listed.
        needed: what something else relies on, and what that is.
        now: Unix seconds.
        min_age: seconds; less than the least counts as the least.
    """
    age = max(min_age, LEAST_AGE_DAYS * DAY_SECONDS)
    orphans = [_judge(one, needed, now, age) for one in sightings if one.checksum not in named]
    return sorted(orphans, key=lambda orphan: (-orphan.seen.size, orphan.seen.checksum))


def _judge(one: Sighting, needed: Mapping[Checksum, str], now: float, age: float) -> Orphan:
    horizon = now - age
    ready_at = max(one.modified, one.first_seen) + age
    if one.checksum in needed:
        return Orphan(one, Standing.NEEDED, needed[one.checksum])
    if one.modified > horizon:
        return Orphan(one, Standing.YOUNG, "it was stored a short time ago", ready_at)
    if one.first_seen > horizon:
        return Orphan(
            one, Standing.YOUNG, "it was seen without an object a short time ago for the first time", ready_at
        )
    return Orphan(one, Standing.READY)


def judge_quarantine(
    residents: Collection[Resident],
    named: AbstractSet[Checksum],
    needed: Mapping[Checksum, str],
    present: Mapping[Checksum, int],
    *,
    now: float,
) -> list[tuple[Resident, Fate]]:
    """Say what becomes of each key in quarantine, oldest first.

    Args:
        residents: what lies there.
        named: what objects name, read after the quarantine was listed.
        needed: what something else relies on.
        present: the sizes of the tree's keys at their usual place, in bytes.
        now: Unix seconds.
    """
    horizon = now - QUARANTINE_DAYS * DAY_SECONDS
    newest: dict[Checksum, Resident] = {}
    for one in residents:
        if one.checksum not in newest or one.since > newest[one.checksum].since:
            newest[one.checksum] = one
    found = []
    for one in sorted(residents, key=lambda one: (one.since, one.key)):
        is_back = present.get(one.checksum) == one.size
        if one.checksum in named and not is_back:
            # Of several with one content the newest goes back; the others wait until that is done.
            missing = one.checksum not in present and newest[one.checksum] is one
            fate = Fate.BACK if missing else Fate.NEEDED
        elif one.checksum in needed and not is_back:
            fate = Fate.NEEDED
        else:
            fate = Fate.OVER if one.since <= horizon else Fate.WAITS
        found.append((one, fate))
    return found
