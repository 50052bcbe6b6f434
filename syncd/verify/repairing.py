"""Healing what a good copy can heal: a key or a server's missing file from the folder, a rotten file from the store.

RACE: between the last look at a key and its overwriting, somebody else may store the same bytes there: the right ones, as
these are. What has other bytes under that name was put there by nobody who knows what the name means.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.bound import Bound
from syncd.errors import MovedOn, SyncdError
from syncd.gramps.mime import mime_of
from syncd.merge.findings import Fault, Finding, Reads
from syncd.model import Checksum, FolderFile, MediaPath
from syncd.model.plan import NOTHING_BEFORE, Before, Done, Why
from syncd.ports import Phase, Progress
from syncd.scanner import can_vouch, checksum_of
from syncd.state import Deed, Hashing
from syncd.verify.looking import Seen, look
from syncd.verify.reading import recall

STORED: Mapping[Fault, Why] = {
    Fault.MISSING_BYTES: Why.MISSING_BYTES,
    Fault.OTHER_SIZE: Why.DAMAGED_BYTES,
    Fault.DAMAGED_BYTES: Why.WRONG_BYTES,
}
"""What the folder's good copy heals, and what the history says of it."""


@dataclass(slots=True)
class Repaired:
    """What was done.

    Args:
        healed: what is right again.
        failed: what could not be healed, each with the reason and what to do.
        seen: the look that it began with.
        reads: what was read, as far as it was still so then.
    """

    seen: Seen
    reads: Reads
    healed: list[Finding] = field(default_factory=list)
    failed: dict[Finding, Finding] = field(default_factory=dict)

    @property
    def left(self) -> list[Finding]:
        """What is wrong still."""
        findings = self.seen.audit(self.reads).findings
        return [self.failed.get(one, one) for one in findings if one not in self.healed]


def is_repairable(finding: Finding) -> bool:
    """Whether a good copy may heal it."""
    return finding.fault in STORED or finding.fault is Fault.ROTTEN_FILE


def repair(rooms: Bound, read: Sequence[Hashing], progress: Progress) -> Repaired:
    """Look anew, and heal.

    Args:
        rooms: what is open, for writing.
        read: what was read before; what is no longer as it was then is left alone.
        progress: told of what is done.

    Raises:
        SyncdError: what there is cannot be looked at.
    """
    seen = look(rooms, progress)
    done = Repaired(seen, recall(seen, read))
    findings = [one for one in seen.audit(done.reads).findings if is_repairable(one)]
    progress.phase(Phase("Repairing", len(findings)))
    surgeon = _Surgeon(rooms, seen, done.reads)
    for finding in findings:
        try:
            if surgeon.heal(finding):
                done.healed.append(finding)
        except SyncdError as error:
            reason = f"{finding.reason}; it could not be healed: {error.reason}"
            done.failed[finding] = replace(finding, reason=reason, remedy=error.remedy)
        progress.advance(files=1)
    return done


class _Surgeon:
    def __init__(self, rooms: Bound, seen: Seen, reads: Reads) -> None:
        self._rooms = rooms
        self._seen = seen
        self._reads = reads

    def heal(self, finding: Finding) -> bool:
        """Heal one thing; False where no good copy is at hand."""
        checksum = finding.checksum
        assert checksum is not None
        if finding.fault is Fault.ROTTEN_FILE:
            return self._heal_file(finding, checksum)
        if self._rooms.disk is not None and finding.fault is Fault.DAMAGED_BYTES:
            # Nothing is overwritten on a server's disk. It is noted, so that a sync leads the object to another path.
            self._rooms.disk.examine(self._seen.objects[finding.handle or ""])
            return False
        file = self._good_file(checksum)
        if file is None or not self._is_still_so(finding, checksum):
            return False
        self._store(file, finding)
        self._rooms.state.add_stored({checksum: file.size})
        self._record(finding, file.size, STORED[finding.fault])
        return True

    def _good_file(self, checksum: Checksum) -> FolderFile | None:
        files = self._seen.inputs.files_by_checksum.get(checksum, ())
        return next((file for file in files if self._content(file) == checksum), None)

    def _content(self, file: FolderFile) -> Checksum:
        return self._reads.files.get(file.path.key, file.checksum)

    def _is_still_so(self, finding: Finding, checksum: Checksum) -> bool:
        """Whether a key is as bad as it was found; nobody overwrites what somebody mended meanwhile."""
        upkeep = self._rooms.upkeep
        if upkeep is None:
            return True  # a server takes a file only where it has none
        was, now = self._seen.keys.get(checksum), upkeep.look(self._rooms.binding.prefix + checksum)
        if finding.fault is Fault.MISSING_BYTES:
            return now is None
        return was is not None and now is not None and was.is_same(now)

    def _store(self, file: FolderFile, finding: Finding) -> None:
        """Read the copy to its end, send it if it is good, and see that it arrived.

        Raises:
            MovedOn: the copy is not as good as it seemed: nothing was stored.
        """
        store, upkeep = self._rooms.store, self._rooms.upkeep
        with self._rooms.media.open_verified(file) as source:
            if checksum_of(source.fileno()) != file.checksum:
                raise MovedOn(
                    f"the bytes of '{file.path}' in the media folder are not the right ones either",
                    "put a good copy from a backup in its place, and look after the disk",
                )
            handle = finding.handle if upkeep is None else None
            store.put(source, file.checksum, file.size, mime_of(file.path.name), handle=handle)
        if upkeep is None:
            return
        now = upkeep.look(self._rooms.binding.prefix + file.checksum)
        if now is None or (now.etag != file.checksum and upkeep.digest(now) != file.checksum):
            raise MovedOn("the bucket took the file, but has other bytes still", "ask the storage provider")

    def _heal_file(self, finding: Finding, checksum: Checksum) -> bool:
        """Exchange a rotten file for the store's good copy; the rotten bytes go to the trash."""
        rooms = self._rooms
        file = self._rotten(finding)
        if file is None or checksum not in rooms.store.sizes([checksum]):
            return False
        size = self._seen.inputs.bucket.sizes.get(checksum, 0)
        with rooms.media.incoming(checksum, size) as part:
            rooms.store.get(checksum, part.file)
            ready = part.finish()
        with ready:
            placed = rooms.media.place(
                ready, file.path, replaces=file, reason=Why.ROTTEN, handle=finding.handle
            )
        if placed.trashed is not None:
            rooms.state.add_trash(placed.trashed)
        links = [
            replace(link, inode=placed.file.stamp.inode)
            for link in self._seen.inputs.links
            if link.place == file.path and link.checksum == checksum
        ]
        with rooms.state.batch():
            rooms.state.put_links(links)
            rooms.state.drop_rot(file.path.key, file.stamp, file.checksum)
            if can_vouch(placed.file.stamp, time.time_ns()):
                rooms.state.put_stamps([placed.file])
            kept_as = None if placed.trashed is None else placed.trashed.kept_as
            self._record(
                finding, placed.file.size, Why.ROTTEN, Before(checksum=file.checksum, kept_as=kept_as)
            )
        return True

    def _rotten(self, finding: Finding) -> FolderFile | None:
        """The rotten file with the checksum that it really has."""
        file = self._seen.folder.at(MediaPath.of(finding.path))
        return None if file is None else replace(file, checksum=self._content(file))

    def _record(self, finding: Finding, size: int, why: Why, before: Before = NOTHING_BEFORE) -> None:
        done = Done("repaired", finding.path, finding.handle, finding.checksum, size, why)
        self._rooms.state.record([Deed(done, before)], cycle="verify", at=time.time())
