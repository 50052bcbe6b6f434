"""Whether folder, Gramps Web and the store of bytes agree with one another and with what was agreed last: `syncd verify`.

It judges what was seen, changes nothing, and proposes nothing but what heals: what a sync would do is the sync's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from syncd.merge.draft import Inputs
from syncd.merge.findings import Audit, Fault, Finding, Reads
from syncd.model.numbers import NumberKind
from syncd.model.paths import Refusal
from syncd.model.policy import NewFiles
from syncd.model.snapshots import Detached, FolderFile, Link, MediaObject, Occupant
from syncd.model.values import Checksum, look_for_copy

SYNC = "run: syncd --once"
REPAIR = "run: syncd verify --repair"
_FIND = "put it into the media folder, or upload it in Gramps Web"
_NO_TRASH: Mapping[Checksum, int] = MappingProxyType({})


def audit(
    inputs: Inputs,
    proven: Collection[Checksum],
    vouched: Mapping[str, Checksum],
    reads: Reads,
    in_trash: Mapping[Checksum, int] = _NO_TRASH,
) -> Audit:
    """Compare.

    Args:
        inputs: what was seen; a file that was not read since it changed has the empty text as its checksum.
        proven: the contents of which a listing proves that the store has them.
        vouched: by key, what the files held that have the size and time now that they had when they were read last.
        reads: what was read just now.
        in_trash: what the trash of the folder has: a number for each content.
    """
    return _Auditor(inputs, proven, vouched, reads, in_trash).result()


class _Auditor:
    def __init__(
        self,
        inputs: Inputs,
        proven: Collection[Checksum],
        vouched: Mapping[str, Checksum],
        reads: Reads,
        in_trash: Mapping[Checksum, int],
    ) -> None:
        self._inputs = inputs
        self._in_trash = in_trash
        self._vouched = vouched
        self._reads = reads
        self._links = {link.handle: link for link in inputs.links}
        self._listed = proven
        self._proven: set[Checksum] = set()
        self._size_only: dict[Checksum, str] = {}
        self._told: set[Checksum] = set()

    def result(self) -> Audit:
        """All of it."""
        findings = [
            *self._unreadable(),
            *self._rotten(),
            *(one for item in self._objects() for one in self._object(item)),
            *self._gone(),
            *self._new(),
        ]
        findings.sort(key=lambda one: (one.path, one.fault))
        size_only = {one: path for one, path in self._size_only.items() if one not in self._proven}
        return Audit(tuple(findings), frozenset(self._proven), size_only)

    # --- the folder -----------------------------------------------------------------------------------------------

    def _unreadable(self) -> Iterator[Finding]:
        for problem in self._inputs.folder.problems:
            yield Finding(Fault.UNREADABLE, problem.reason, problem.remedy, problem.path or "")

    def _rotten(self) -> Iterator[Finding]:
        for key, file in self._inputs.folder.files.items():
            if self._is_rotten(file):
                good = self._vouched[key]
                handle = next((link.handle for link in self._inputs.links_by_path.get(key, ())), None)
                yield Finding(
                    Fault.ROTTEN_FILE,
                    "its bytes changed, but neither its size nor its time: no program did that, the disk did",
                    f"{REPAIR}; and look after the disk"
                    if self._has_good_copy(good)
                    else "put a good copy from a backup in its place, and look after the disk",
                    str(file.path),
                    handle,
                    good,
                    "its bytes had changed on the disk; it has the right ones again, and the others are in the trash",
                )

    def _is_rotten(self, file: FolderFile) -> bool:
        content = self._content(file)
        return bool(content) and self._vouched.get(file.path.key, content) != content

    def _has_good_copy(self, checksum: Checksum) -> bool:
        read = self._reads.keys.get(checksum, checksum)
        return self._inputs.bucket.holds(checksum) and read == checksum

    def _content(self, file: FolderFile) -> Checksum:
        """What a file holds as far as anybody knows; `""` where it changed and was not read since."""
        return self._reads.files.get(file.path.key, file.checksum)

    def _good_file(self, checksum: Checksum) -> FolderFile | None:
        """A file with this content that nothing speaks against."""
        files = self._inputs.files_by_checksum.get(checksum, ())
        return next((file for file in files if self._content(file) == checksum), None)

    # --- Gramps Web and the store ---------------------------------------------------------------------------------

    def _objects(self) -> Iterator[MediaObject]:
        """The objects in scope, oldest first."""
        for item in sorted(self._inputs.catalog.objects.values(), key=lambda one: (one.change, one.handle)):
            target = self._inputs.target(item.path)
            if isinstance(target, Refusal) and target.silent:
                continue
            link = self._links.get(item.handle)
            place = link.place if link is not None else target
            if isinstance(place, Refusal) or not self._inputs.policy.ignored(place):
                yield item

    def _object(self, item: MediaObject) -> Iterator[Finding]:
        link = self._links.get(item.handle)
        is_lost = item.digest is not None and self._is_lost(item, item.digest, link)
        if item.digest is None:
            yield Finding(
                Fault.NO_CHECKSUM,
                "Gramps Web has no checksum for it, so nobody can tell which file is meant",
                f"{SYNC}; if it stays so, upload the file in Gramps Web",
                item.path,
                item.handle,
            )
        elif is_lost:
            yield self._lost(item, item.digest, link)
        else:
            yield from self._stored(item, item.digest)
        if link is not None and not link.asleep:
            yield from self._linked(item, link, is_lost=is_lost)
        elif link is None and not is_lost:
            yield from self._unlinked(item)

    def _is_lost(self, item: MediaObject, digest: Checksum, link: Link | None) -> bool:
        """Whether neither side has an object's bytes: then what a sync would do comes last of all advice."""
        if self._fault(item, digest) is not Fault.MISSING_BYTES or self._good_file(digest) is not None:
            return False
        return link is None or (link.detached is None and not link.asleep and self._is_gone(link))

    def _lost(self, item: MediaObject, digest: Checksum, link: Link | None) -> Finding:
        path = item.path if link is None else str(link.place)
        remedy = self._find(digest, f"put it into the media folder as '{path}'")
        if link is not None:
            remedy += f"; or, if it was deleted on purpose, {SYNC}, which deletes its media object, too"
        reason = f"neither {self._inputs.store} nor the media folder has its file"
        return Finding(Fault.MISSING_BYTES, reason, remedy, path, item.handle, digest)

    def _find(self, digest: Checksum, use: str) -> str:
        """Where a copy may be of what neither side has, and what to do with it."""
        if digest in self._in_trash:
            number = NumberKind.TRASHED.written(self._in_trash[digest])
            return f"a copy is in the trash; bring it back with: syncd trash restore {number}"
        return f"{look_for_copy(digest)}, and {use}"

    def _stored(self, item: MediaObject, digest: Checksum) -> Iterator[Finding]:
        """Whether the store has an object's bytes; told once for all objects that share them."""
        on_disk = self._inputs.policy.found_by_path
        if not on_disk and digest in self._told:
            return
        self._told.add(digest)
        fault = self._fault(item, digest)
        if fault is None:
            read = self._reads.served.get(item.handle) if on_disk else self._reads.keys.get(digest)
            if read == digest or digest in self._listed:
                self._proven.add(digest)
            else:
                self._size_only.setdefault(digest, item.path)
            return
        store = self._inputs.store
        words = {
            Fault.MISSING_BYTES: ("does not have its file", "did not have its file, and has it again"),
            Fault.OTHER_SIZE: (
                "has something of another size in place of its file",
                "had something of another size in place of its file, and has the file again",
            ),
            Fault.DAMAGED_BYTES: (
                "has other bytes in place of its file",
                "had other bytes in place of its file, and has the right ones again",
            ),
        }
        reason, healed = (f"{store} {said}" for said in words[fault])
        remedy = self._remedy(fault, digest)
        yield Finding(fault, reason, remedy, item.path, item.handle, digest, healed)

    def _fault(self, item: MediaObject, digest: Checksum) -> Fault | None:
        """What is wrong with the store's copy of an object's bytes."""
        if self._inputs.policy.found_by_path:
            return self._served_fault(item, digest)
        return self._stored_fault(digest)

    def _stored_fault(self, digest: Checksum) -> Fault | None:
        size = self._inputs.bucket.sizes.get(digest)
        if size is None:
            return Fault.MISSING_BYTES
        copy = self._good_file(digest)
        if copy is not None and copy.size != size:
            return Fault.OTHER_SIZE
        return Fault.DAMAGED_BYTES if self._reads.keys.get(digest, digest) != digest else None

    def _served_fault(self, item: MediaObject, digest: Checksum) -> Fault | None:
        if item.handle in self._inputs.bucket.lacking:
            return Fault.MISSING_BYTES
        wrong = self._reads.served.get(item.handle, digest) != digest
        return Fault.DAMAGED_BYTES if wrong or item.handle in self._inputs.bucket.wrong else None

    def _remedy(self, fault: Fault, digest: Checksum) -> str:
        if self._good_file(digest) is None:
            return self._find(digest, _FIND)
        if self._inputs.policy.found_by_path and fault is Fault.DAMAGED_BYTES:
            return f"{REPAIR}, then syncd --once: the object gets another path there, and the file anew"
        return REPAIR

    def _unlinked(self, item: MediaObject) -> Iterator[Finding]:
        target = self._inputs.target(item.path)
        if isinstance(target, Refusal):
            yield Finding(Fault.NOT_SYNCED, target.reason, target.remedy, item.path, item.handle)
        else:
            yield Finding(
                Fault.NOT_SYNCED, "is in Gramps Web, but was not synced yet", SYNC, item.path, item.handle
            )

    def _linked(self, item: MediaObject, link: Link, *, is_lost: bool) -> Iterator[Finding]:
        if link.detached is not None:
            return
        path = str(link.place)
        if item.digest is not None and item.digest != link.checksum:
            reason = "Gramps Web names another content than both sides agreed on last"
            yield Finding(Fault.OTHER_CONTENT, reason, SYNC, path, item.handle, item.digest)
        if item.path != link.named:
            reason = f"is called '{item.path}' in Gramps Web now; when both sides agreed last it was '{link.named}'"
            yield Finding(Fault.OTHER_NAME, reason, SYNC, path, item.handle)
        if not is_lost:
            yield from self._file_of(link)

    def _is_gone(self, link: Link) -> bool:
        """Whether a link's file is gone, and not only out of sight."""
        folder, place = self._inputs.folder, link.place
        hidden = folder.occupied.get(place.key) in (Occupant.SYMLINK, Occupant.SPECIAL)
        return folder.at(place) is None and not folder.is_unknown(place) and not hidden

    def _file_of(self, link: Link) -> Iterator[Finding]:
        place = link.place
        file = self._inputs.folder.at(place)
        if self._is_gone(link):
            yield Finding(
                Fault.NO_FILE,
                "is no longer in the media folder",
                f"if it was deleted or moved on purpose, {SYNC}; else put it back first",
                str(place),
                link.handle,
                link.checksum,
            )
        elif file is not None and self._content(file) != link.checksum and not self._is_rotten(file):
            reason = "changed in the media folder since both sides agreed last"
            yield Finding(Fault.CHANGED_FILE, reason, SYNC, str(place), link.handle, link.checksum)

    # --- what only one side has -----------------------------------------------------------------------------------

    def _gone(self) -> Iterator[Finding]:
        for link in self._inputs.links:
            if link.handle in self._inputs.catalog.objects or link.asleep or link.detached is not None:
                continue
            reason = "its media object is gone from Gramps Web"
            yield Finding(Fault.NO_OBJECT, reason, SYNC, str(link.place), link.handle, link.checksum)

    def _new(self) -> Iterator[Finding]:
        if self._inputs.policy.new_files is not NewFiles.ADD:
            return
        held = {
            link.place.key for link in self._inputs.links if link.detached is not Detached.FILE_GONE
        } | self._inputs.unlinked_by_path.keys()
        for key, file in self._inputs.folder.files.items():
            if key not in held:
                reason = "is in the media folder, but was not synced yet"
                yield Finding(Fault.NOT_SYNCED, reason, SYNC, str(file.path))
