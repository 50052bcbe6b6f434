"""Moving orphans to the quarantine and deleting them there at last, without ever leaving an object without its bytes.

The order, for each small number of keys: written down in the state; copied, and the copies proven; Gramps Web asked once
more; the originals deleted, if they are still what was listed; Gramps Web asked again, and what got an object meanwhile
put back. A kill anywhere leaves a key at its place, in quarantine or at both, and the next command goes on from there.

RACE: another computer may find a key, which we move away, and make its object after we asked the last time. It looks
for the key once more when the object is made (`Observer`), and brings it back from the quarantine.
RACE: between the last question and a deletion from the quarantine, an object may be brought back in Gramps Web that
named the checksum more than two months ago. It then has no bytes but those that a folder has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from syncd.bucket.quarantine import bring_back, quarantine_key
from syncd.bucket.stored import StoredKey
from syncd.bucket.verdicts import NOT_LET
from syncd.errors import Denied, MovedOn, ServerError, StopError
from syncd.logger import Logger
from syncd.merge.orphans import Fate, Orphan, Resident, Standing, named_by
from syncd.model import Checksum, MediaObject, Problem
from syncd.orphans.finding import Found
from syncd.orphans.rooms import Rooms
from syncd.ports import Cursor
from syncd.state import Departure
from syncd.workers import in_order

log = Logger(__name__)

BATCH = 200
_COPIES_AT_ONCE = 8
_AGAIN = "run the command again later"
_LACKS_RIGHT = "S3 does not let this login delete: it lacks the right s3:DeleteObject"
_RIGHT = "give the S3 user that right on the bucket's content for as long as you collect; nothing was deleted"


@dataclass(slots=True)
class Collected:
    """What was done.

    Args:
        moved: keys that are in quarantine now.
        deleted: keys that were deleted from the quarantine.
        back: keys that were put back to their place.
        problems: what could not be done.
    """

    moved: dict[Checksum, int] = field(default_factory=dict)
    deleted: dict[Checksum, int] = field(default_factory=dict)
    back: dict[Checksum, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def foreseen(found: Found) -> Collected:
    """What `collect` would do now."""
    plan = Collected()
    plan.moved = {one.seen.checksum: one.seen.size for one in found.orphans if one.standing is Standing.READY}
    plan.deleted = {one.checksum: one.size for one, fate in found.quarantine if fate is Fate.OVER}
    plan.back = {one.checksum: one.size for one, fate in found.quarantine if fate is Fate.BACK}
    return plan


def collect(rooms: Rooms, found: Found, *, now: float, only_tree: bool) -> Collected:
    """Put back what has an object again, delete what was in quarantine long enough, and move what is ready there.

    Args:
        rooms: what is open, for writing.
        found: what a look found just now.
        now: Unix seconds.
        only_tree: a person says that no other tree keeps its media at this place.

    Raises:
        StopError: another tree may keep its media at this place.
        Denied: the right to delete is missing.
    """
    refuse_shared(rooms, only_tree=only_tree)
    return _Collector(rooms, found, now).run()


def refuse_shared(rooms: Rooms, *, only_tree: bool) -> None:
    """Refuse where the keys of this tree cannot be told from those of another one.

    Raises:
        StopError: they cannot.
    """
    if rooms.has_own_prefix:
        return
    own = 'let Gramps Web keep each tree\'s media below a prefix of its own (MEDIA_PREFIX_TREE="true", then: syncd migrate-prefix)'
    try:
        tenants = rooms.upkeep.find_tenants(rooms.prefix, rooms.binding.tree_id)
    except Denied as error:
        raise StopError(
            "this login may not look through the whole bucket, so nobody knows whether other trees use it, too",
            own,
        ) from error
    if tenants:
        raise StopError(
            f"other trees use this bucket, too, and what is theirs cannot be told from this tree's: {'; '.join(tenants.evidence)}",
            own,
        )
    if not only_tree:
        raise StopError(
            "the media lie in the bucket without the tree's prefix: another tree that does the same cannot be told from this one",
            f"{own}; or add --only-tree if you are sure that no other tree ever kept media there",
        )


class _Collector:
    """One collection."""

    def __init__(self, rooms: Rooms, found: Found, now: float) -> None:
        self._rooms = rooms
        self._found = found
        self._now = now
        self._objects: dict[str, MediaObject] = dict(found.objects)
        self._cursor: Cursor | None = found.cursor
        self.done = Collected()

    def run(self) -> Collected:
        """All three steps; what has an object comes first."""
        back = [one.checksum for one, fate in self._found.quarantine if fate is Fate.BACK]
        self._put_back(back)
        self._delete([one for one, fate in self._found.quarantine if fate is Fate.OVER])
        ready = [one for one in self._found.orphans if one.standing is Standing.READY]
        for batch in _batches(ready):
            self._move(batch)
        return self.done

    # --- steps ----------------------------------------------------------------------------------------------------

    def _move(self, batch: Sequence[Orphan]) -> None:
        named = self._named()
        orphans = [one.seen.checksum for one in batch if one.seen.checksum not in named]
        day = datetime.fromtimestamp(self._now, UTC).date()
        targets = {one: quarantine_key(self._rooms.prefix, day, one) for one in orphans}
        self._rooms.state.add_departures(
            Departure(one, target, self._found.keys[one].size, self._now) for one, target in targets.items()
        )
        copied = self._copy(targets)
        named = self._named()
        sources = [self._found.keys[one] for one in copied if one not in named]
        failed = self._delete_keys(sources)
        gone = {Checksum(source.name): source.size for source in sources if source.key not in failed}
        self.done.moved |= gone
        self._put_back(sorted(gone.keys() & self._named()))
        self._tell(failed)

    def _copy(self, targets: dict[Checksum, str]) -> list[Checksum]:
        """Copy; returns what is proven to be in quarantine now."""

        def one(checksum: Checksum) -> ServerError | None:
            try:
                self._rooms.upkeep.copy(self._found.keys[checksum], targets[checksum])
            except ServerError as error:
                return error
            return None

        copied = in_order(one, targets, threads=_COPIES_AT_ONCE, name="syncd-collect")
        answers = list(zip(targets, copied, strict=True))
        for checksum, error in answers:
            if isinstance(error, MovedOn):
                log.info("changed_meanwhile", checksum=checksum)
            elif error is not None:
                self._problem(self._rooms.prefix + checksum, error.reason, error.remedy)
        return [checksum for checksum, error in answers if error is None]

    def _delete(self, over: Sequence[Resident]) -> None:
        """Delete for good, in small numbers; what got an object meanwhile goes back instead."""
        for start in range(0, len(over), BATCH):
            named = self._named()
            batch = over[start : start + BATCH]
            lost = [one for one in batch if one.checksum in named and one.checksum not in self._found.keys]
            self._put_back([one.checksum for one in lost])
            keys = [self._found.kept[one.key] for one in batch if one not in lost]
            failed = self._delete_keys(keys)
            for one in batch:
                if one not in lost and one.key not in failed:
                    self.done.deleted[one.checksum] = one.size
            self._rooms.state.drop_departures(key.key for key in keys if key.key not in failed)
            self._tell(failed)

    def _delete_keys(self, keys: Sequence[StoredKey]) -> Mapping[str, str]:
        """Delete; returns what could not be, and why.

        Raises:
            Denied: the right is missing.
        """
        try:
            failed = self._rooms.upkeep.delete(keys)
        except Denied as error:
            raise Denied(_LACKS_RIGHT, _RIGHT) from error
        if any(reason.startswith(NOT_LET) for reason in failed.values()):
            raise Denied(_LACKS_RIGHT, _RIGHT)
        return failed

    def _put_back(self, checksums: Sequence[Checksum]) -> None:
        if not checksums:
            return
        for checksum, size in bring_back(self._rooms.upkeep, self._rooms.prefix, checksums).items():
            self.done.back[checksum] = size
            self.done.moved.pop(checksum, None)

    # --- looking again --------------------------------------------------------------------------------------------

    def _named(self) -> frozenset[Checksum]:
        """What objects name at this moment."""
        feed = self._rooms.catalog.changes(self._cursor) if self._cursor is not None else None
        if feed is None or not feed.complete:
            snapshot, self._cursor = self._rooms.catalog.list()
            self._objects = dict(snapshot.objects)
        else:
            self._cursor = feed.cursor or self._cursor
            for handle, item in feed.changed.items():
                if item is None:
                    self._objects.pop(handle, None)
                else:
                    self._objects[handle] = item
        return named_by(self._objects.values())

    def _tell(self, failed: Mapping[str, str]) -> None:
        """Turn what could not be deleted into problems."""
        for key, reason in failed.items():
            self._problem(key, reason, _AGAIN)

    def _problem(self, key: str, reason: str, remedy: str) -> None:
        self.done.problems.append(Problem(f"{reason} (key {key})", remedy))


def put_back(
    rooms: Rooms, found: Found, chosen: Callable[[Checksum], bool], *, really: bool = True
) -> Collected:
    """Put keys from the quarantine back to their place, and take them out of it where the rights permit."""
    done = Collected()
    wanted = {one.checksum for one, _fate in found.quarantine if chosen(one.checksum)}
    absent = wanted - found.keys.keys()
    done.back = bring_back(rooms.upkeep, rooms.prefix, absent, really=really)
    if really:
        safe = (wanted & found.keys.keys()) | done.back.keys()
        copies = [
            found.kept[one.key]
            for one, _fate in found.quarantine
            if one.checksum in safe
            and (one.checksum in done.back or found.keys[one.checksum].size == one.size)
        ]
        failed = rooms.upkeep.delete(copies)
        rooms.state.drop_departures(key.key for key in copies if key.key not in failed)
    return done


def _batches(orphans: Sequence[Orphan]) -> Iterator[Sequence[Orphan]]:
    """One alone first: a missing right shows before much is copied."""
    if orphans:
        yield orphans[:1]
    for start in range(1, len(orphans), BATCH):
        yield orphans[start : start + BATCH]
