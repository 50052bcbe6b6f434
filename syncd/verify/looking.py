"""The look of a verification: listings, and what was known before.

No key is read, and of the files only the doubtful ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from syncd.applier.remains import in_trash
from syncd.bound import Bound, check_place
from syncd.bucket.stored import StoredKey
from syncd.gramps.served import HAVE
from syncd.merge.audit import audit
from syncd.merge.findings import Audit, Reads
from syncd.merge.orphans import named_by
from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    FileStamp,
    FolderSnapshot,
    MediaObject,
    Proof,
    Served,
    parse_checksum,
)
from syncd.model.policy import Moment
from syncd.observer.arrival import ASK_AT_MOST
from syncd.ports import Phase, Progress
from syncd.reconciler import Inputs
from syncd.scanner import look as look_at_folder
from syncd.verify.doubtful import read_doubtful


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen.

    Args:
        inputs: as the merge takes them; the checksums of the folder's files are those that the stat cache vouches for.
        proven: the contents of which a listing proves that the store has them.
        vouched: by key, what the files held that have the size and time now that they had when they were read last.
        read: by key, what the files hold that were read in this look.
        keys: the bucket's keys that objects name.
        served: what a server with its own disk was seen to have, by handle.
        unnamed: how many keys no object names.
        in_trash: what the trash of the folder has: a number for each content.
    """

    inputs: Inputs
    proven: frozenset[Checksum]
    vouched: Mapping[str, Checksum]
    read: Mapping[str, Checksum] = field(default_factory=dict)
    keys: Mapping[Checksum, StoredKey] = field(default_factory=dict)
    served: Mapping[str, Served] = field(default_factory=dict)
    unnamed: int = 0
    in_trash: Mapping[Checksum, int] = field(default_factory=dict)

    def audit(self, reads: Reads) -> Audit:
        """Judge it, together with what was read."""
        return audit(self.inputs, self.proven, self.vouched, reads, self.in_trash)

    @property
    def folder(self) -> FolderSnapshot:
        """The media folder."""
        return self.inputs.folder

    @property
    def objects(self) -> Mapping[str, MediaObject]:
        """The media objects, by handle."""
        return self.inputs.catalog.objects


def look(rooms: Bound, progress: Progress) -> Seen:
    """List folder, Gramps Web and store, in this order: bytes come before the objects that name them.

    Raises:
        StopError: Gramps Web keeps its media elsewhere.
        SyncdError: something cannot be listed to the end.
    """
    progress.phase(Phase("Looking at the media folder"))
    stamps = rooms.state.stamps()
    links = tuple(rooms.state.links())
    folder = look_at_folder(rooms.settings.media_dir, stamps, rooms.ignored)
    progress.phase(Phase("Asking Gramps Web"))
    catalog = rooms.catalog.list()[0]
    with_checksum = (handle for handle, item in catalog.objects.items() if item.digest)
    some = list(islice(with_checksum, ASK_AT_MOST))
    if some:
        check_place(rooms.catalog, rooms.binding, some)
    progress.phase(Phase(f"Looking into {'the bucket' if rooms.upkeep else 'the files of Gramps Web'}"))
    seen = _look_into_bucket(rooms, catalog) if rooms.upkeep else _look_for_files(rooms, catalog, folder)
    doubtful = read_doubtful(rooms, folder, links, seen.bucket.sizes)
    inputs = Inputs(
        tree_id=rooms.binding.tree_id,
        links=links,
        folder=doubtful.folder,
        catalog=catalog,
        bucket=seen.bucket,
        policy=rooms.policy,
        moment=Moment(0, "", ""),
    )
    return Seen(
        inputs,
        seen.proven,
        _vouched(inputs.folder, stamps),
        doubtful.read,
        seen.keys,
        seen.served,
        seen.unnamed,
        in_trash(rooms.state, rooms.media),
    )


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store has; see `Seen`."""

    bucket: BucketSnapshot
    proven: frozenset[Checksum]
    keys: Mapping[Checksum, StoredKey] = field(default_factory=dict)
    served: Mapping[str, Served] = field(default_factory=dict)
    unnamed: int = 0


def _look_into_bucket(rooms: Bound, catalog: CatalogSnapshot) -> _Stored:
    assert rooms.upkeep is not None
    prefix, named = rooms.binding.prefix, named_by(catalog.objects.values())
    keys: dict[Checksum, StoredKey] = {}
    unnamed = 0
    for key in rooms.upkeep.walk(prefix, deep=False):
        checksum = parse_checksum(key.name)
        if checksum is None or key.key != prefix + checksum:
            continue
        if checksum in named:
            keys[checksum] = key
        else:
            unnamed += 1
    proven = frozenset(checksum for checksum, key in keys.items() if key.etag == checksum)
    return _Stored(
        BucketSnapshot({one: key.size for one, key in keys.items()}), proven, keys, unnamed=unnamed
    )


def _look_for_files(rooms: Bound, catalog: CatalogSnapshot, folder: FolderSnapshot) -> _Stored:
    """Size and time of each file are asked for; what is not as it was seen last is read."""
    assert rooms.disk is not None
    at_hand = {file.checksum: file.size for file in folder.files.values() if file.checksum}
    found = rooms.disk.look(catalog.objects, at_hand, everything=True, closely=True)
    served = {
        handle: one
        for handle, one in rooms.state.served().items()
        if handle in catalog.objects and one.is_of(catalog.objects[handle]) and one.proof in HAVE
    }
    proven = frozenset(one.checksum for one in served.values() if one.proof is Proof.READ)
    return _Stored(found, proven, served=served)


def _looks(stamp: FileStamp) -> tuple[int, int, int]:
    return stamp.size, stamp.mtime_ns, stamp.ctime_ns


def _vouched(
    folder: FolderSnapshot, stamps: Mapping[str, tuple[FileStamp, Checksum]]
) -> Mapping[str, Checksum]:
    """What the files held that look as they did when they were read.

    A program that keeps size and modification time, as one that writes into a photo what it shows, still sets the change
    time: what it did is an edit, and no damage.
    """
    found: dict[str, Checksum] = {}
    for key, file in folder.files.items():
        row = stamps.get(key)
        if row is not None and _looks(row[0]) == _looks(file.stamp):
            found[key] = row[1]
        elif file.checksum:
            found[key] = file.checksum
    return found
