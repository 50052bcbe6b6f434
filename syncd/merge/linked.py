"""The three-way merge of what is linked: existence here, content and name in chapters of their own.

One item gets one action a pass. Content goes before name, and the link that an action records changes only
in what that action settled, so that the rest is seen again, unharmed, in the next pass. Only a file that was moved
here gets its name settled first: it was found by its content, which must not change before its link is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.merge.content import ContentMerge
from syncd.merge.draft import Draft
from syncd.merge.moves import At, Holders, Located
from syncd.merge.names import NameMerge
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.merge.sleep import fall_asleep, wake_up
from syncd.model.paths import Refusal
from syncd.model.plan import DeleteObject, Fetch, Forget, Record, RestoreObject, TrashFile, Why
from syncd.model.policy import InFolder, OnWeb
from syncd.model.snapshots import Detached, FolderFile, Link, MediaObject
from syncd.model.values import Checksum


class LinkedMerge:
    """Merges every located link into a draft."""

    def __init__(self, draft: Draft, places: Places, holders: Holders, disk: DiskNames) -> None:
        self._draft = draft
        self._inputs = draft.inputs
        self._policy = draft.inputs.policy
        self._objects = draft.inputs.catalog.objects
        self._places = places
        self._holders = holders
        self._disk = disk
        self._content = ContentMerge(draft, places, holders, disk)
        self._names = NameMerge(draft, places, holders, disk)

    def merge(self, located: Sequence[Located]) -> None:
        """Merge all, and settle the moves of files together at the end."""
        for group in located:
            self._group(group)
        self._names.settle_moves()

    def _group(self, group: Located) -> None:
        """Merge the links of one file."""
        if group.at is At.ASLEEP:
            fall_asleep(self._draft, group.links)
            return
        if group.at is At.UNKNOWN:
            self._draft.unchanged += len(group.links)
            return
        if group.at is At.SAME and self._is_unchanged(group.links[0], group.file) and len(group.links) == 1:
            self._draft.unchanged += 1
            return
        links = wake_up(self._draft, group)
        bereft = [link for link in links if link.handle not in self._objects]
        if bereft:
            self._without_object(group, bereft)
        for link in links:
            item = self._objects.get(link.handle)
            if item is None:
                continue
            if group.file is None:
                self._without_file(link, item)
            elif link.detached is not None:
                self._reunite(link, group.file)
            elif group.at is At.MOVED or not self._content.merge(link, item, group.file):
                self._names.merge(link, item, group.file)

    def _is_unchanged(self, link: Link, file: FolderFile | None) -> bool:
        """Whether an attached link's object and bytes are as they were. Most links end here: it saves looking closer."""
        item = self._objects.get(link.handle)
        return (
            item is not None
            and file is not None
            and item.path == link.named
            and item.checksum == link.checksum
            and link.detached is None
            and not link.restore
            and not link.asleep
            and link.moved_to is None
            and self._inputs.is_stored(file, link.handle)
        )

    # --- the object is gone ---------------------------------------------------------------------------------------

    def _without_object(self, group: Located, links: Sequence[Link]) -> None:
        """The objects of these links are gone from Gramps Web."""
        file = group.file
        if file is None:
            self._draft.do(*(Forget(link) for link in links))
            for link in links:
                if link.restore:
                    self._draft.notice(
                        f"was to be brought back, but is gone from both sides by now; {self._way_back(link.checksum)}",
                        str(link.path),
                        link.handle,
                    )
            return
        kept = (
            bool(self._holders.others(links[0], file))
            or any(link.restore for link in links)
            or self._is_named_anew(file)
        )
        leaving: list[Link] = []
        for link in links:
            if link.restore:
                self._restore(link, file, Why.RESTORED)
            elif link.detached is Detached.FILE_GONE:
                self._draft.do(Forget(link))
            elif link.detached is Detached.OBJECT_GONE:
                self._stay_detached(group, link, file)
            elif kept:  # another object has the file, and takes an edit of it
                self._draft.do(Forget(link))
            elif group.at is At.EDITED:
                self._restore(link, file, Why.EDIT_BEATS_DELETE)
            elif self._policy.in_folder is InFolder.NEVER:
                self._draft.do(Record(replace(link, detached=Detached.OBJECT_GONE), new=False))
            else:
                leaving.append(link)
        if leaving and self._draft.claim(file):
            self._draft.do(TrashFile(file, tuple(leaving)))

    def _way_back(self, checksum: Checksum) -> str:
        """What a person can do about a file that neither side has any more."""
        if self._inputs.bucket.holds(checksum) and not self._disk.matter:
            return f"the bucket still holds its bytes, as {checksum}"
        return "put it into the folder again"

    def _stay_detached(self, group: Located, link: Link, file: FolderFile) -> None:
        """A file that stays although its object is gone: only its place is kept up to date. Edited, it is new."""
        if group.at is At.EDITED:
            self._draft.do(Forget(link))
        elif group.at is At.MOVED:
            after = replace(link, path=file.path, inode=file.stamp.inode, moved_to=None)
            self._draft.do(Record(after, new=False))
        else:
            self._draft.unchanged += 1

    def _is_named_anew(self, file: FolderFile) -> bool:
        """Whether another object, not linked yet, names this very file: then it does not go."""
        return any(
            item.digest == file.checksum for item in self._inputs.unlinked_by_path.get(file.path.key, ())
        )

    def _restore(self, link: Link, file: FolderFile, why: Why) -> None:
        """The object comes back, with the file's bytes; a name that changed meanwhile follows in the next pass."""
        if not self._draft.claim(file) and self._draft.claimed_for(file) != file.checksum:
            return
        self._draft.store(file, why, link.handle)
        after = replace(
            link, checksum=file.checksum, inode=file.stamp.inode, detached=None, restore=False, asleep=False
        )
        path = None if link.named else file.path.key
        if self._disk.matter and file.checksum != link.checksum:
            path = self._disk.for_edit(link, None, file.checksum)
        self._draft.do(RestoreObject(file, after, why, path))
        if why is Why.EDIT_BEATS_DELETE:
            self._draft.notice(
                "was deleted in Gramps Web but changed in the folder; it is brought back in Gramps Web",
                str(file.path),
                link.handle,
            )

    # --- the file is gone -----------------------------------------------------------------------------------------

    def _without_file(self, link: Link, item: MediaObject) -> None:
        """The file is gone from the folder, the object is there."""
        changed = item.digest is not None and item.digest != link.checksum
        if link.restore or changed:
            self._fetch_again(link, item, item.digest or link.checksum)
        elif link.detached is Detached.OBJECT_GONE:
            self._draft.do(Forget(link))  # the object came back, the file went: it is new in Gramps Web
        elif link.detached is Detached.FILE_GONE:
            self._draft.unchanged += 1
        elif link.moved_to is not None and self._holders.has(link.moved_to.key):
            # Its place has its first owner's file again: what is written there from now on is an edit of that.
            self._draft.do(Record(replace(link, moved_to=None), new=False))
        elif self._inputs.is_something_busy:
            self._draft.wait(
                "is gone from the folder, but may be the file that is being written elsewhere",
                str(link.path),
                link.handle,
            )
        elif self._policy.on_web is OnWeb.NEVER:
            self._draft.do(Record(replace(link, detached=Detached.FILE_GONE, moved_to=None), new=False))
        else:
            self._draft.do(DeleteObject(item, link, holder=self._inputs.folder.at(link.place)))

    def _fetch_again(self, link: Link, item: MediaObject, checksum: Checksum) -> None:
        """The file comes back into the folder."""
        if not self._inputs.has_bytes(checksum):
            self._draft.await_bytes(item)
            return
        after = replace(
            link, checksum=checksum, inode=0, detached=None, restore=False, asleep=False, moved_to=None
        )
        place = self._places.at_or_beside(link.path, after)
        if isinstance(place, Refusal):
            self._draft.problems.append(place.as_problem(path=str(link.path), handle=link.handle))
            return
        why = Why.RESTORED if link.restore else Why.EDIT_BEATS_DELETE
        source = self._draft.source(checksum, link.handle)
        self._draft.do(Fetch(item, checksum, place, replace(after, path=place), why, source=source))
        if not link.restore:
            self._draft.notice(
                "was deleted in the folder but changed in Gramps Web; it is fetched again",
                str(place),
                link.handle,
            )

    def _reunite(self, link: Link, file: FolderFile) -> None:
        """Both ends of a detached link are there again. With the file as it was, go on from there; otherwise meet anew.

        Another file at the name of one that was deleted may be another picture: no edit.
        """
        if file.checksum == link.checksum:
            after = replace(link, detached=None, restore=False, asleep=False, inode=file.stamp.inode)
            self._draft.do(Record(after, new=False))
        else:
            self._draft.do(Forget(link))
