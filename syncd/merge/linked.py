"""The three-way merge of what is linked: existence, then content, then name, each for itself.

One item gets one action a pass. Content goes before name, and the link that an action records changes only
in what that action settled, so that the rest is seen again, unharmed, in the next pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.merge.draft import Draft
from syncd.merge.moves import At, Located
from syncd.merge.places import Places
from syncd.model.paths import MediaPath, Refusal, conflict_name, is_server_name
from syncd.model.plan import (
    Conflict,
    DeleteObject,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Why,
)
from syncd.model.policy import Conflicts, InFolder, OnWeb
from syncd.model.snapshots import Detached, FolderFile, Link, MediaObject
from syncd.model.values import Checksum


class LinkedMerge:
    """Merges every located link into a draft."""

    def __init__(self, draft: Draft, places: Places) -> None:
        self._draft = draft
        self._inputs = draft.inputs
        self._policy = draft.inputs.policy
        self._objects = draft.inputs.catalog.objects
        self._places = places
        self._moves: list[MoveFile] = []

    def merge(self, located: Sequence[Located]) -> None:
        """Merge all, and settle the moves of files together at the end."""
        for group in located:
            self._group(group)
        self._settle_moves()

    def _group(self, group: Located) -> None:
        """Merge the links of one file."""
        if group.at in (At.UNKNOWN, At.ASLEEP):
            self._draft.unchanged += len(group.links)
            return
        living = [link for link in group.links if link.handle in self._objects]
        bereft = [link for link in group.links if link.handle not in self._objects]
        if bereft:
            self._without_object(group, bereft, shared=bool(living))
        for link in living:
            item = self._objects[link.handle]
            if group.file is None:
                self._without_file(link, item)
            elif link.detached is Detached.OBJECT_GONE or link.detached is Detached.FILE_GONE:
                self._reunite(group, link)
            elif not self._content(group, link, item, group.file):
                self._name(group, link, item, group.file)

    # --- existence ------------------------------------------------------------------------------------------------

    def _without_object(self, group: Located, links: Sequence[Link], *, shared: bool) -> None:
        """The objects of these links are gone from Gramps Web."""
        file = group.file
        if file is None:
            self._draft.do(*(Forget(link) for link in links))
            return
        wanted = [link for link in links if link.restore]
        if wanted or group.at is At.EDITED:
            self._restore(file, links, edited=group.at is At.EDITED)
            return
        attached = [link for link in links if link.detached is None]
        for link in set(links) - set(attached):
            self._without_object_detached(group, link, file)
        if not attached:
            return
        if shared or self._named_anew(file):
            self._draft.do(*(Forget(link) for link in attached))
        elif self._policy.in_folder is InFolder.NEVER:
            self._draft.do(
                *(Record(replace(link, detached=Detached.OBJECT_GONE), new=False) for link in attached)
            )
        elif self._draft.claim(file):
            self._draft.do(TrashFile(file, tuple(attached)))

    def _without_object_detached(self, group: Located, link: Link, file: FolderFile) -> None:
        """A file that stays although its object is gone: only its place is kept up to date."""
        if link.detached is Detached.FILE_GONE:
            self._draft.do(Forget(link))
        elif group.at is At.MOVED:
            self._draft.do(Record(replace(link, path=file.path, inode=file.stamp.inode), new=False))
        else:
            self._draft.unchanged += 1

    def _named_anew(self, file: FolderFile) -> bool:
        """Whether another object, not linked yet, names this very file: then it does not go."""
        return any(
            item.digest == file.checksum for item in self._inputs.unlinked_by_path.get(file.path.key, ())
        )

    def _restore(self, file: FolderFile, links: Sequence[Link], *, edited: bool) -> None:
        """Edit beats delete: the object comes back. A detached file that was edited is simply new."""
        for link in links:
            if link.detached is not None and not link.restore:
                self._draft.do(Forget(link))
                continue
            self._draft.store(file, Why.EDIT_BEATS_DELETE, link.handle)
            after = replace(
                link,
                path=file.path,
                checksum=file.checksum,
                inode=file.stamp.inode,
                detached=None,
                restore=False,
            )
            why = Why.RESTORED if link.restore else Why.EDIT_BEATS_DELETE
            self._draft.do(RestoreObject(file, after, why))
            if edited and not link.restore:
                self._draft.notice(
                    "was deleted in Gramps Web but changed in the folder; it is brought back in Gramps Web",
                    str(file.path),
                    link.handle,
                )

    def _without_file(self, link: Link, item: MediaObject) -> None:
        """The file is gone from the folder, the object is there."""
        changed = item.digest is not None and item.digest != link.checksum
        if link.restore or changed:
            self._fetch_again(link, item, item.digest or link.checksum)
        elif link.detached is not None:
            self._draft.unchanged += 1
        elif self._policy.on_web is OnWeb.NEVER:
            self._draft.do(Record(replace(link, detached=Detached.FILE_GONE), new=False))
        else:
            self._draft.do(DeleteObject(item, link))

    def _fetch_again(self, link: Link, item: MediaObject, checksum: Checksum) -> None:
        """The file comes back into the folder."""
        if not self._inputs.has_bytes(checksum):
            self._draft.await_bytes(item)
            return
        refusal = self._places.refuse(link.path)
        path = self._places.free(link.path) if refusal else link.path
        self._places.promise(path)
        after = replace(link, path=path, checksum=checksum, inode=0, detached=None, restore=False)
        why = Why.RESTORED if link.restore else Why.EDIT_BEATS_DELETE
        self._draft.do(Fetch(item, checksum, path, after, why, source=self._inputs.copy_of(checksum)))
        if not link.restore:
            self._draft.notice(
                "was deleted in the folder but changed in Gramps Web; it is fetched again",
                str(path),
                link.handle,
            )

    def _reunite(self, group: Located, link: Link) -> None:
        """Both ends of a detached link are there again: as they were, attach; otherwise meet anew."""
        item, file = self._objects[link.handle], group.file
        if file is not None and item.digest == file.checksum == link.checksum:
            self._draft.do(
                Record(replace(link, detached=None, restore=False, inode=file.stamp.inode), new=False)
            )
        else:
            self._draft.do(Forget(link))

    # --- content --------------------------------------------------------------------------------------------------

    def _content(self, group: Located, link: Link, item: MediaObject, file: FolderFile) -> bool:
        """Merge the content; True when that took this pass's action (or the item waits)."""
        ours, theirs = file.checksum, item.digest
        if theirs is None:
            return self._send(link, item, file, Why.STALE_CHECKSUM)
        if theirs == ours:
            self._draft.store(file, Why.MISSING_BYTES, link.handle)
            if item.checksum != theirs:
                return self._send(link, item, file, Why.STALE_CHECKSUM)
            return False
        if theirs == link.checksum:
            return self._send(link, item, file, Why.EDITED_FILE)
        if not self._inputs.has_bytes(theirs):
            if ours != link.checksum and not self._inputs.is_fresh(item):
                return self._send(link, item, file, Why.STALE_CHECKSUM)
            self._draft.await_bytes(item)
            return True
        if ours == link.checksum:
            return self._receive(group, link, item, file, theirs)
        return self._conflict(link, item, file, theirs)

    def _send(self, link: Link, item: MediaObject, file: FolderFile, why: Why) -> bool:
        """The folder's content goes to Gramps Web."""
        self._draft.store(file, why, link.handle)
        after = replace(link, checksum=file.checksum, inode=file.stamp.inode, restore=False)
        self._draft.do(UpdateObject(item, item.path, file.checksum, file, after, why))
        return True

    def _receive(
        self, group: Located, link: Link, item: MediaObject, file: FolderFile, theirs: Checksum
    ) -> bool:
        """Gramps Web's content comes to the folder; a file that other objects still name stays for them."""
        others = [other for other in group.links if other.handle != link.handle]
        stay = [other for other in others if self._still_names(other, theirs) is False]
        source = self._inputs.copy_of(theirs)
        if stay:
            path = self._places.free(file.path)
            self._places.promise(path)
            after = replace(link, path=path, checksum=theirs, inode=0, restore=False)
            self._draft.do(Fetch(item, theirs, path, after, Why.EDITED_OBJECT, source=source))
        elif self._draft.claim(file):
            # The link keeps the path it had: a move in the folder is still to be told to Gramps Web.
            after = replace(link, checksum=theirs, inode=0, restore=False)
            self._draft.do(
                Fetch(item, theirs, file.path, after, Why.EDITED_OBJECT, replaces=file, source=source)
            )
        return True

    def _still_names(self, link: Link, theirs: Checksum) -> bool | None:
        """Whether another object of the same file moved to the same new content; None when it is gone."""
        item = self._objects.get(link.handle)
        return None if item is None else item.digest == theirs

    def _conflict(self, link: Link, item: MediaObject, file: FolderFile, theirs: Checksum) -> bool:
        """Both sides changed the content."""
        if not self._draft.claim(file):
            return True
        settle_conflict(self._draft, self._places, link, item, file, theirs)
        return True

    # --- name -----------------------------------------------------------------------------------------------------

    def _name(self, group: Located, link: Link, item: MediaObject, file: FolderFile) -> None:
        """Merge the names; record what changed without one."""
        after = replace(link, checksum=file.checksum, inode=file.stamp.inode, restore=False)
        was = self._inputs.target(link.named)
        agreed = isinstance(was, MediaPath) and was == link.path
        moved_here = file.path != link.path
        if item.path != link.named and is_server_name(item.path, item.digest):
            self._undo_server_name(link, item, file, after, follow=agreed and moved_here)
        elif item.path != link.named:
            self._moved_in_web(group, link, item, file, after, agreed=agreed, moved_here=moved_here)
        elif moved_here and agreed and not self._policy.found_by_path:
            self._rename_object(item, file, replace(after, path=file.path), Why.MOVED_FILE, file.path.key)
        else:
            self._record(link, replace(after, path=file.path))

    def _record(self, link: Link, after: Link) -> None:
        """Write a link down if anything but the inode changed."""
        if replace(link, inode=0) == replace(after, inode=0):
            self._draft.unchanged += 1
        else:
            self._draft.do(Record(after, new=False))

    def _rename_object(self, item: MediaObject, file: FolderFile, after: Link, why: Why, path: str) -> None:
        """The object's path follows; handle and references stay."""
        self._draft.do(UpdateObject(item, path, file.checksum, file, replace(after, named=path), why))

    def _undo_server_name(
        self, link: Link, item: MediaObject, file: FolderFile, after: Link, *, follow: bool
    ) -> None:
        """A replacement on the web page named the object by its checksum: the person's name comes back."""
        if self._policy.found_by_path:
            self._record(link, replace(after, named=item.path, path=file.path))
            return
        name = file.path.key if follow or not link.named else link.named
        self._rename_object(item, file, replace(after, path=file.path), Why.SERVER_NAME, name)

    def _moved_in_web(
        self,
        group: Located,
        link: Link,
        item: MediaObject,
        file: FolderFile,
        after: Link,
        *,
        agreed: bool,
        moved_here: bool,
    ) -> None:
        """A person gave the object another path."""
        to = self._inputs.target(item.path)
        here = replace(after, named=item.path, path=file.path)
        if (not agreed) or to == file.path:
            self._draft.do(Record(here, new=False))
        elif isinstance(to, Refusal):
            if not to.silent:
                self._draft.problems.append(to.as_problem(path=item.path, handle=item.handle))
        elif self._policy.ignored(to):
            self._draft.unchanged += 1
        else:
            to = self._places.spelt(to)
            moved = replace(after, named=item.path, path=to)
            if len(group.links) > 1:
                self._copy_out(item, file, moved, to)
            elif self._draft.claim(file):
                self._moves.append(MoveFile(file, to, moved))
                if moved_here:
                    self._draft.notice(
                        "was moved on both sides; Gramps Web's name was kept", str(to), link.handle
                    )

    def _copy_out(self, item: MediaObject, file: FolderFile, after: Link, to: MediaPath) -> None:
        """One of several objects of a file was moved: it gets a file of its own."""
        refusal = self._places.refuse(to)
        if refusal:
            self._draft.problems.append(refusal.as_problem(path=item.path, handle=item.handle))
            return
        self._places.promise(to)
        self._draft.do(Fetch(item, file.checksum, to, after, Why.MOVED_OBJECT, source=file))

    def _settle_moves(self) -> None:
        """Decide all moves of files together: they may need one another's names."""
        possible, refused = self._places.settle_moves(self._moves)
        self._draft.do(*possible)
        for move, refusal in refused:
            self._draft.problems.append(refusal.as_problem(path=move.to.text, handle=move.link.handle))


def settle_conflict(
    draft: Draft, places: Places, link: Link, item: MediaObject, file: FolderFile, theirs: Checksum
) -> None:
    """Settle a file that differs on both sides, as the strategy says. The file must have been claimed.

    `link` is the link as it is (or, at first contact, as it would be).
    """
    inputs = draft.inputs
    source = inputs.copy_of(theirs)
    if inputs.policy.conflicts is Conflicts.PREFER_FOLDER:
        draft.store(file, Why.CONFLICT, item.handle)
        after = replace(link, checksum=file.checksum, inode=file.stamp.inode, restore=False)
        draft.do(KeepLoser(item, theirs, file.path))
        draft.do(UpdateObject(item, item.path, file.checksum, file, after, Why.CONFLICT))
        draft.conflicts.append(Conflict(file.path, item.handle, None))
        return
    after = replace(link, checksum=theirs, inode=0, restore=False)
    aside = None
    if inputs.policy.conflicts is Conflicts.KEEP_BOTH:
        aside = conflict_name(file.path, inputs.moment.date, inputs.moment.host, places.taken())
        places.promise(aside)
    else:
        draft.store(file, Why.CONFLICT, item.handle)
    draft.do(Fetch(item, theirs, file.path, after, Why.CONFLICT, replaces=file, aside=aside, source=source))
    draft.conflicts.append(Conflict(file.path, item.handle, aside))
