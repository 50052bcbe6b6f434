"""The content of what is linked: who has new bytes, and where they go."""

from __future__ import annotations

from dataclasses import replace

from syncd.merge.draft import Draft
from syncd.merge.moves import Holders
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.model.paths import MediaPath, Refusal, conflict_name, is_conflict_copy, is_server_name
from syncd.model.plan import Conflict, Fetch, KeepLoser, UpdateObject, Why
from syncd.model.policy import Conflicts
from syncd.model.snapshots import FolderFile, Link, MediaObject
from syncd.model.values import Checksum


class ContentMerge:
    """Merges the content of an object and a file."""

    def __init__(self, draft: Draft, places: Places, holders: Holders, disk: DiskNames) -> None:
        self._draft = draft
        self._disk = disk
        self._inputs = draft.inputs
        self._objects = draft.inputs.catalog.objects
        self._places = places
        self._holders = holders

    def merge(self, link: Link, item: MediaObject, file: FolderFile) -> bool:
        """Merge one item's content; True when that took this pass's action (or the item waits)."""
        ours, theirs = file.checksum, item.digest
        if theirs == ours:
            if item.checksum == theirs and self._disk.is_astray(item):
                self._lead_back(link, item, file)
                return True
            self._draft.store(file, Why.MISSING_BYTES, link.handle)
            if item.checksum != theirs:  # in capitals, say: the bucket's key is not
                self._send(link, item, file, Why.STALE_CHECKSUM)
                return True
            return False
        if self._disk.shows_another(item, file, link.checksum):
            self._draft.tell_unnamed(item, file)
        elif theirs is None:
            self._send(link, item, file, Why.STALE_CHECKSUM)
        elif theirs == link.checksum:
            self._send(link, item, file, Why.EDITED_FILE)
        elif self._inputs.has_bytes(theirs):
            self._receive(link, item, file, theirs)
        elif ours != link.checksum and not self._inputs.is_unsettled(item):
            self._send(link, item, file, Why.STALE_CHECKSUM)
        else:
            self._draft.await_bytes(item, file)
        return True

    def _send(self, link: Link, item: MediaObject, file: FolderFile, why: Why) -> None:
        """The folder's content goes to Gramps Web."""
        self._draft.store(file, why, link.handle)
        update_object(self._draft, self._disk, link, item, file, why)

    def _lead_back(self, link: Link, item: MediaObject, file: FolderFile) -> None:
        """The server has other bytes at the object's path, and the folder the right ones: a fresh path for them."""
        path = self._disk.for_edit(link, item, file.checksum)
        if path is None:
            _no_path(self._draft, item)
            return
        after = replace(link, named=_named_since(link, item, path))
        self._draft.do(UpdateObject(item, path, file.checksum, file, after, Why.OTHER_BYTES))

    def _receive(self, link: Link, item: MediaObject, file: FolderFile, theirs: Checksum) -> None:
        """Gramps Web's content comes to the folder: in place of the file, or beside it if others keep the file."""
        edited = file.checksum != link.checksum
        if edited and self._inputs.policy.conflicts is Conflicts.PREFER_FOLDER:
            settle_conflict(self._draft, self._places, self._disk, link, item, file)
        elif any(self._keeps(other, file) for other in self._holders.others(link, file)):
            self._own_file(link, item, file, theirs)
        elif self._draft.claim(file, theirs):
            if edited:
                settle_conflict(self._draft, self._places, self._disk, link, item, file)
                return
            after = replace(link, checksum=theirs, inode=0, restore=False, asleep=False)
            source = self._draft.source(theirs, link.handle)
            self._draft.do(
                Fetch(item, theirs, file.path, after, Why.EDITED_OBJECT, replaces=file, source=source)
            )
        elif self._draft.claimed_for(file) != theirs:
            self._own_file(link, item, file, theirs)

    def _keeps(self, other: Link, file: FolderFile) -> bool:
        """Whether another object of the same file goes on with the file's content."""
        digest = self._objects[other.handle].digest
        return (
            digest is None or digest in (other.checksum, file.checksum) or not self._inputs.has_bytes(digest)
        )

    def _own_file(self, link: Link, item: MediaObject, file: FolderFile, theirs: Checksum) -> None:
        """Objects that shared a file part: this one's content gets a file of its own."""
        after = replace(link, checksum=theirs, inode=0, restore=False, asleep=False, moved_to=None)
        path = self._places.beside(file.path, after)
        if isinstance(path, Refusal):
            self._draft.problems.append(path.as_problem(path=item.path, handle=item.handle))
            return
        source = self._draft.source(theirs, link.handle)
        self._draft.do(Fetch(item, theirs, path, replace(after, path=path), Why.EDITED_OBJECT, source=source))
        self._draft.notice(
            f"several objects in Gramps Web had the file '{file.path}'; this one's new content "
            "was fetched under another name",
            str(path),
            item.handle,
        )


def settle_conflict(  # noqa: PLR0917 - what both callers have
    draft: Draft, places: Places, disk: DiskNames, link: Link, item: MediaObject, file: FolderFile
) -> None:
    """Settle a file that differs on both sides, as the strategy says. The file must have been claimed.

    `link` is the link as it is (or, at first contact, as it would be).
    """
    inputs, theirs = draft.inputs, item.digest
    if theirs is None:
        return
    source = draft.source(theirs, item.handle)
    if inputs.policy.conflicts is Conflicts.PREFER_FOLDER:
        draft.store(file, Why.CONFLICT, item.handle)
        draft.do(KeepLoser(item, theirs, file.path, source))
        update_object(draft, disk, link, item, file, Why.CONFLICT)
        draft.conflicts.append(Conflict(file.path, item.handle, None))
        return
    after = replace(link, checksum=theirs, inode=0, restore=False, asleep=False)
    aside = None
    kept = _kept_already(draft, item, file)
    if inputs.policy.conflicts is Conflicts.KEEP_BOTH and kept is None:
        aside = conflict_name(file.path, inputs.moment.date, inputs.moment.host, places)
        places.promise(aside)
    else:
        draft.store(file, Why.CONFLICT, item.handle)
    draft.do(Fetch(item, theirs, file.path, after, Why.CONFLICT, replaces=file, aside=aside, source=source))
    draft.conflicts.append(Conflict(file.path, item.handle, aside or kept))


def _kept_already(draft: Draft, item: MediaObject, file: FolderFile) -> MediaPath | None:
    """Where another computer has put the same bytes aside in the same conflict: one copy of them is enough."""
    inputs = draft.inputs
    if inputs.policy.conflicts is not Conflicts.KEEP_BOTH:
        return None
    for other in inputs.catalog.objects.values():
        if other.digest != file.checksum or other.handle == item.handle:
            continue
        target = inputs.target(other.path)
        if not isinstance(target, MediaPath) or not is_conflict_copy(target, file.path):
            continue
        there = inputs.folder.at(target)
        arrives = there is None and other.handle not in inputs.linked_handles
        if arrives or (there is not None and there.checksum == file.checksum):
            return target
    return None


def update_object(  # noqa: PLR0917 - a link, its two ends, and why
    draft: Draft, disk: DiskNames, link: Link, item: MediaObject, file: FolderFile, why: Why
) -> None:
    """Give an object the content of its file; on a server's disk other content wants a fresh path."""
    after = replace(link, checksum=file.checksum, inode=file.stamp.inode, restore=False, asleep=False)
    # An empty checksum alone is no reason to take other bytes for granted.
    known = item.digest or link.checksum
    path: str | None = _persons_name(draft, link, item)
    if disk.matter and known != file.checksum:
        path = disk.for_edit(link, item, file.checksum)
    if path is None:
        _no_path(draft, item)
        return
    if disk.matter and path != item.path:
        after = replace(after, named=_named_since(link, item, path))
    draft.do(UpdateObject(item, path, file.checksum, file, after, why))


def _named_since(link: Link, item: MediaObject, fresh: str) -> str:
    """How a link names an object that got a fresh path. Where a person moved it as well, that stays news."""
    is_news = item.path != link.named and not is_server_name(item.path, item.digest)
    return link.named if is_news else fresh


def _no_path(draft: Draft, item: MediaObject) -> None:
    draft.problem(
        "Gramps Web's disk has other files under every name that this one could get",
        "give the object another path in Gramps Web",
        item.path,
        item.handle,
    )


def _persons_name(draft: Draft, link: Link, item: MediaObject) -> str:
    """The name that an object has when it gets the folder's content.

    A replacement on the web page named it by its checksum. With another checksum nobody could tell that name from
    a person's any more, so the person's comes back in the same step.
    """
    if link.named and not draft.inputs.policy.found_by_path and is_server_name(item.path, item.digest):
        return link.named
    return item.path
