"""The quarantine: where keys that no object names wait before they are deleted for good.

It lies below the tree's own prefix, `<prefix>syncd-quarantine/<date>/<checksum>.orphan`. Nothing that looks for media
sees it: neither Gramps Web, which asks for `<prefix><checksum>`, nor a listing of 32 hex digits, whatever its prefix is.

Whoever misses bytes that an object names looks here before saying that nobody has them; and where the tree's files lay
before the server's setting for tree prefixes was switched, for not all of them need have come along.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime

from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import QUARANTINE, Upkeep
from syncd.errors import MovedOn
from syncd.logger import Logger
from syncd.merge.orphans import Resident
from syncd.model import Checksum
from syncd.workers import in_order

log = Logger(__name__)

_NAME = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)/(?P<checksum>[0-9a-f]{32})\.orphan")


_LOOK_AT_MOST = 50
"""Keys that are looked up one by one; for more, the place is listed."""
_AT_ONCE = 8


def quarantine_key(prefix: str, day: date, checksum: Checksum) -> str:
    """Where a key goes that is moved away on this day."""
    return f"{prefix}{QUARANTINE}{day.isoformat()}/{checksum}.orphan"


def residents(keys: Iterable[StoredKey], prefix: str) -> Iterator[tuple[StoredKey, Resident]]:
    """Those of these keys that lie in the quarantine of a tree; what is not of our making is left out."""
    place = prefix + QUARANTINE
    for key in keys:
        match = _NAME.fullmatch(key.key[len(place) :]) if key.key.startswith(place) else None
        if match is None:
            continue
        try:
            day = datetime.fromisoformat(match["day"]).replace(tzinfo=UTC)
        except ValueError:
            continue
        since = max(day.timestamp(), key.modified.timestamp())
        yield key, Resident(key.key, Checksum(match["checksum"]), key.size, since)


def bring_back(
    upkeep: Upkeep, prefix: str, checksums: Collection[Checksum], *, really: bool = True
) -> dict[Checksum, int]:
    """Copy keys back to their place; those that the quarantine does not have are left out of the answer.

    The copies in quarantine stay until their time is over: nothing is deleted here.

    Args:
        upkeep: the bucket.
        prefix: what stands before the checksum in the tree's keys.
        checksums: which to bring back.
        really: only say what is there, when False.

    Returns:
        The sizes in bytes.
    """
    newest: dict[Checksum, tuple[StoredKey, Resident]] = {}
    for key, resident in residents(upkeep.walk(prefix + QUARANTINE), prefix):
        known = newest.get(resident.checksum)
        if resident.checksum in checksums and (known is None or known[1].since < resident.since):
            newest[resident.checksum] = (key, resident)
    found: dict[Checksum, int] = {}
    for checksum, (key, resident) in newest.items():
        if really:
            try:
                upkeep.copy(key, prefix + checksum)
            except MovedOn:  # its time was over just now; another copy may be there at the next run
                continue
            log.info("brought_back_from_quarantine", checksum=checksum, key=key.key)
        found[checksum] = resident.size
    return found


def other_place(prefix: str, tree_id: str) -> str:
    """Where a tree's files lie when the server's setting for tree prefixes is the other one."""
    own = f"{tree_id}/"
    return prefix.removesuffix(own) if f"/{prefix}".endswith(f"/{own}") else prefix + own


def bring_along(
    upkeep: Upkeep, source: str, prefix: str, checksums: Collection[Checksum], *, really: bool = True
) -> dict[Checksum, int]:
    """Copy keys from another place of the tree, or from the quarantine there; what has other bytes is left where it is.

    Nothing is deleted: the other place may be another tree's, too.

    Args:
        upkeep: the bucket.
        source: the other place.
        prefix: what stands before the checksum in the tree's keys.
        checksums: which to look for.
        really: only say what is there, when False.

    Returns:
        The sizes in bytes.
    """
    found: dict[Checksum, list[StoredKey]] = {}
    if len(checksums) <= _LOOK_AT_MOST:
        seen = [upkeep.look(source + one) for one in sorted(checksums)]
    else:
        seen = [key for key in upkeep.walk(source, deep=False) if key.name in checksums]
    for key in seen:
        if key is not None and key.key == source + key.name:
            found.setdefault(Checksum(key.name), []).append(key)
    for key, resident in sorted(
        residents(upkeep.walk(source + QUARANTINE), source), key=lambda pair: -pair[1].since
    ):
        if resident.checksum in checksums:
            found.setdefault(resident.checksum, []).append(key)

    def bring(checksum: Checksum) -> int | None:
        for key in found[checksum]:
            try:
                if key.etag != checksum and upkeep.digest(key) != checksum:
                    continue
                if really:
                    upkeep.copy(key, prefix + checksum)
                    log.info("brought_along", checksum=checksum, key=key.key)
            except MovedOn:
                continue
            return key.size
        return None

    sizes = zip(found, in_order(bring, found, threads=_AT_ONCE, name="syncd-along"), strict=True)
    return {checksum: size for checksum, size in sizes if size is not None}
