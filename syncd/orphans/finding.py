"""Looking for orphans: the bucket first, then Gramps Web, then what still relies on a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from syncd.bound import check_place
from syncd.bucket.quarantine import residents
from syncd.bucket.stored import StoredKey
from syncd.errors import StopError
from syncd.merge.orphans import (
    LEAST_AGE_DAYS,
    Fate,
    Orphan,
    Resident,
    Sighting,
    judge,
    judge_quarantine,
    named_by,
)
from syncd.model import Checksum, MediaObject, parse_checksum
from syncd.model.values import DAY_SECONDS
from syncd.observer.arrival import ASK_AT_MOST
from syncd.orphans.needs import needed
from syncd.orphans.rooms import Rooms
from syncd.ports import Cursor


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found.

    Args:
        orphans: the keys that no object names, with their standing.
        quarantine: what lies in quarantine, and what becomes of it.
        keys: the tree's keys at their usual place.
        kept: the keys in quarantine, by their whole name.
        objects: the media objects, by handle.
        cursor: up to where Gramps Web was seen.
        needed: what is relied on, and by what.
    """

    orphans: list[Orphan]
    quarantine: list[tuple[Resident, Fate]]
    keys: Mapping[Checksum, StoredKey]
    kept: Mapping[str, StoredKey]
    objects: Mapping[str, MediaObject]
    cursor: Cursor | None
    needed: Mapping[Checksum, str]


def find(rooms: Rooms, *, now: float, min_age: float) -> Found:
    """Look.

    Args:
        rooms: what is open; the state notes what is an orphan.
        now: Unix seconds.
        min_age: seconds for which an orphan must be known before it may be collected.

    Raises:
        StopError: Gramps Web lists no media, or keeps them elsewhere.
        Unexpected: a listing is not complete.
    """
    prefix = rooms.prefix
    listed = list(rooms.upkeep.walk(prefix))
    snapshot, cursor = rooms.catalog.list()
    objects = snapshot.objects
    named = named_by(objects.values())
    if not named:
        raise StopError(
            "Gramps Web lists no media object with a file, so that all files would look like nobody's",
            "look into Gramps Web whether the tree was emptied on purpose",
        )
    handles = list(islice((h for h, item in objects.items() if item.digest), ASK_AT_MOST))
    check_place(rooms.catalog, rooms.binding, handles)
    keys = {
        checksum: key
        for key in listed
        # Nothing but lower-case digits right below the prefix is a key of this tree's media.
        if (checksum := parse_checksum(key.key[len(prefix) :])) is not None and key.key == prefix + checksum
    }
    seen = rooms.state.see_orphans(keys.keys() - named, now)
    relied = needed(rooms, now, now - max(min_age, LEAST_AGE_DAYS * DAY_SECONDS))
    kept = dict(residents(listed, prefix))
    there = {key.key for key in kept}
    rooms.state.drop_departures(one.kept_as for one in rooms.state.departures() if one.kept_as not in there)
    return Found(
        orphans=judge(
            (
                Sighting(checksum, keys[checksum].size, keys[checksum].modified.timestamp(), first_seen)
                for checksum, first_seen in seen.items()
            ),
            named,
            relied,
            now=now,
            min_age=min_age,
        ),
        quarantine=judge_quarantine(
            kept.values(), named, relied, {one: key.size for one, key in keys.items()}, now=now
        ),
        keys=keys,
        kept={key.key: key for key in kept},
        objects=objects,
        cursor=cursor,
        needed=relied,
    )
