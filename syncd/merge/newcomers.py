"""Files that no object has: they come back after they were deleted, or are new in the folder.

Where a Gramps Desktop works on the same tree, its objects reach Gramps Web by another way, too. A file that it knows
gets the desktop's object, under the desktop's handle, so that whichever way is first the other finds it there; only
files that nobody knows are subject to `new_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.merge.draft import Draft
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.merge.portable import Portability
from syncd.merge.returning import find_returned
from syncd.model.paths import MediaPath, handle_for
from syncd.model.plan import AddObject, Notice, RestoreObject, Why
from syncd.model.policy import NewFiles
from syncd.model.snapshots import Deleted, DesktopObject, FolderFile, Link


class Newcomers:
    """Adds new files to a draft, as the rules and Gramps Desktop will have it."""

    def __init__(self, draft: Draft, places: Places, disk: DiskNames) -> None:
        self._draft = draft
        self._disk = disk
        self._places = places
        self._inputs = draft.inputs
        self._portability = Portability(draft.inputs.folder, draft.inputs.policy.rules)
        self._returning: set[str] = set()
        """Handles of objects that come back in this pass."""
        self._deleted = {deleted.handle for deleted in draft.inputs.deleted}
        """Handles of objects that can still be brought back: another file that takes the name must not take these."""
        self._has_no_place = False
        """Whether a new file was met that is to be sent, but has no place in Gramps Web without an object."""

    def merge(self, files: Sequence[FolderFile]) -> None:
        """See to all files that have no object."""
        desktop = self._inputs.desktop
        returned = find_returned(self._inputs, files)
        self._returning = {deleted.handle for deleted in returned.values()}
        for file in files:
            if self._places.is_left_behind(file.path):
                obstacle = self._places.still_borne(file.path) or "another object lets go of it first"
                self._draft.wait(f"its name is not free yet: {obstacle}", str(file.path))
                continue
            if file.path.key in returned:
                self._returned(file, returned[file.path.key])
                continue
            known = desktop.objects.get(file.path.key, ()) if desktop is not None else ()
            if known:
                self._known(file, known)
            else:
                self._unknown(file, unsure=desktop is not None and not desktop.readable)
        if self._has_no_place:
            self._draft.notices.append(
                Notice(
                    'new files were not sent: new_files = "upload-only" sends nothing to a Gramps Web that keeps media on its'
                    " own disk, where a file has no place without a media object",
                    "",
                    lasts=True,
                )
            )

    def _returned(self, file: FolderFile, deleted: Deleted) -> None:
        """A deleted file came back: so does its object, under the file's name if the two names agreed."""
        self._draft.store(file, Why.CAME_BACK, deleted.handle)
        named = deleted.named or deleted.path.key
        follow = file.path != deleted.path and self._inputs.target(named) == deleted.path
        link = replace(_link(deleted.handle, file), named=named)
        path = file.path.key if follow and not self._inputs.policy.found_by_path else None
        self._draft.do(RestoreObject(file, link, Why.CAME_BACK, path))

    def _known(self, file: FolderFile, known: tuple[DesktopObject, ...]) -> None:
        """Gramps Desktop has objects of the file: the one that suits it best and is free becomes its object."""
        self._draft.store(file, Why.NEW_FILE)
        free = [item for item in known if not self._is_used(item.handle)]
        if free:
            best = min(free, key=lambda item: item.digest != file.checksum)  # the first of those: the oldest
            self._add(AddObject(file, self._new_link(best.handle, file), from_desktop=True))
            return
        living = [item.handle for item in known if item.handle in self._inputs.catalog.objects]
        if living:
            theirs = self._inputs.catalog.objects[living[0]].path
            self._draft.notice(
                f"Gramps Desktop names this file for an object that has another file in Gramps Web ('{theirs}'); "
                "it was only uploaded",
                str(file.path),
                living[0],
            )
        else:
            self._draft.wait(
                "the object that Gramps Desktop names this file for must be settled first",
                str(file.path),
                known[0].handle,
            )

    def _unknown(self, file: FolderFile, *, unsure: bool) -> None:
        """Nobody has an object of the file: the policy says what becomes of it.

        Args:
            file: the file.
            unsure: Gramps Desktop cannot be asked just now, and may know it.
        """
        mode = self._inputs.policy.new_files
        if file.path.key in self._inputs.conflict_copies:
            mode = NewFiles.ADD
        if mode is not NewFiles.IGNORE:
            self._draft.store(file, Why.NEW_FILE)
        if unsure:
            self._draft.wait("Gramps Desktop's family tree cannot be read just now", str(file.path))
        elif mode is NewFiles.UPLOAD_ONLY:
            self._has_no_place |= self._inputs.policy.found_by_path
        elif mode is NewFiles.ADD:
            self._add(AddObject(file, self._new_link(self._free_handle(file.path), file)))

    def _add(self, action: AddObject) -> None:
        """Have the object made, and tell of a name that will not arrive everywhere."""
        self._draft.do(action)
        trouble = self._portability.trouble(action.file.path)
        if trouble is not None:
            self._draft.notice(
                f"other desktops cannot take this name: {trouble}; rename it here, see: syncd paths",
                str(action.file.path),
                action.link.handle,
            )

    def _new_link(self, handle: str, file: FolderFile) -> Link:
        """The link of a file whose object is made now."""
        return replace(_link(handle, file), named=self._disk.for_new(file, handle))

    def _is_used(self, handle: str) -> bool:
        return (
            handle in self._inputs.catalog.objects
            or handle in self._inputs.linked_handles
            or handle in self._returning
            or handle in self._deleted
        )

    def _free_handle(self, path: MediaPath) -> str:
        """The first handle of this path that nothing uses: the same on every desktop."""
        number = 0
        while self._is_used(handle := handle_for(self._inputs.tree_id, path, number)):
            number += 1
        return handle


def _link(handle: str, file: FolderFile) -> Link:
    """The link of a file whose object is yet to be made."""
    return Link(handle, file.path.key, file.path, file.checksum, file.stamp.inode)
