"""The names of what is linked, once the content agrees: who moved, and who follows."""

from __future__ import annotations

from dataclasses import replace

from syncd.merge.draft import Draft
from syncd.merge.moves import Holders
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.model.paths import MediaPath, Refusal, is_server_name
from syncd.model.plan import Fetch, MoveFile, Record, UpdateObject, Why
from syncd.model.snapshots import FolderFile, Link, MediaObject


class NameMerge:
    """Merges the names of objects and files; `settle_moves` comes last, for moves may need one another's names."""

    def __init__(self, draft: Draft, places: Places, holders: Holders, disk: DiskNames) -> None:
        self._draft = draft
        self._disk = disk
        self._inputs = draft.inputs
        self._policy = draft.inputs.policy
        self._objects = draft.inputs.catalog.objects
        self._places = places
        self._holders = holders
        self._moves: list[MoveFile] = []
        self._links: dict[str, Link] = {}
        """The link as it was, of each object whose file is to move."""

    def merge(self, link: Link, item: MediaObject, file: FolderFile) -> None:
        """Merge one item's names; record what changed without an action."""
        # A file that was moved and edited: what both agree about is still the old content, the next pass sends the new.
        checksum = file.checksum if item.digest == file.checksum else link.checksum
        after = replace(
            link, checksum=checksum, inode=file.stamp.inode, restore=False, asleep=False, moved_to=None
        )
        moved_here = file.path != link.path
        if not moved_here and item.path == link.named:
            self._record(link, after)
            return
        obstacle = self._places.still_borne(file.path) if moved_here else None
        if obstacle is not None:
            self._record(link, replace(after, moved_to=file.path))
            self._draft.wait(f"its new name is not free yet: {obstacle}", str(file.path), link.handle)
            return
        # Gramps Web may have been given a name that reads as another one, with a backslash in it: it is this file's.
        was = link.path if link.named == link.path.key else self._inputs.target(link.named)
        to = self._disk.meant(item, but=link.path)
        agreed = self._disk.had_agreed(link, was)
        if item.path != link.named and self._is_nobodys(link, item):
            self._undo_server_name(link, item, file, after, follow=agreed and moved_here)
        elif item.path == link.named or (agreed and to == was):
            if moved_here and agreed and not self._policy.found_by_path:
                self._rename_object(item, file, replace(after, path=file.path), Why.MOVED_FILE, file.path.key)
            else:
                # On a server's disk nothing follows a file that moved: there all is as it was.
                self._draft.unchanged += moved_here and self._policy.found_by_path
                self._record(link, replace(after, named=item.path, path=file.path))
        elif not agreed or to == file.path:
            self._record(link, replace(after, named=item.path, path=file.path))
        else:
            self._moved_in_web(link, item, file, after, to)

    def _is_nobodys(self, link: Link, item: MediaObject) -> bool:
        """Whether an object has a path that no person gave it."""
        return is_server_name(item.path, item.digest) or self._disk.is_nobodys(link, item)

    def _record(self, link: Link, after: Link) -> None:
        """Write a link down if anything but the inode changed."""
        if replace(link, inode=0) == replace(after, inode=0):
            self._draft.unchanged += 1
        else:
            self._draft.do(Record(after, new=False))

    def _rename_object(self, item: MediaObject, file: FolderFile, after: Link, why: Why, path: str) -> None:
        """The object's path follows; handle and references stay, and so does content that is still to be fetched."""
        checksum = item.digest or file.checksum
        if checksum == file.checksum:
            self._draft.store(file, Why.MISSING_BYTES, item.handle)
            after = replace(after, checksum=checksum)
        self._draft.do(UpdateObject(item, path, checksum, file, replace(after, named=path), why))

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
        self, link: Link, item: MediaObject, file: FolderFile, after: Link, to: MediaPath | Refusal
    ) -> None:
        """A person gave the object another path: the file follows, or gets a copy there if others share it."""
        if isinstance(to, Refusal):
            self._draft.refused(to, item)
            self._stay(link, file, after)
            return
        if self._policy.ignored(to):
            self._stay(link, file, after)
            return
        moved = replace(after, named=item.path, path=to)
        others = self._holders.others(link, file)
        if all(self._disk.meant(self._objects[other.handle]) == to for other in others):
            if self._draft.claim(file):
                self._moves.append(MoveFile(file, to, moved))
                self._links[link.handle] = link
        else:
            self._part(link, item, file, moved)

    def _part(self, link: Link, item: MediaObject, file: FolderFile, moved: Link) -> None:
        """One of several objects of a file was moved: it gets a file of its own. One such step a pass."""
        there = self._inputs.folder.at(moved.path)
        if there is not None and there.checksum == file.checksum:
            if self._draft.claimed_for(there) is None and not self._holders.is_ahead(there):
                self._draft.do(Record(replace(moved, inode=there.stamp.inode), new=False))
            return
        refusal = self._places.refuse(moved.path, moved)
        if refusal is not None:
            self._draft.problems.append(refusal.as_problem(path=item.path, handle=item.handle))
            self._stay(link, file, replace(moved, named=link.named, path=link.path))
        elif self._draft.claim(file):
            self._places.promise(moved.path)
            self._draft.store(file, Why.MISSING_BYTES, item.handle)
            self._draft.do(
                Fetch(item, file.checksum, moved.path, replace(moved, inode=0), Why.MOVED_OBJECT, source=file)
            )

    def _stay(self, link: Link, file: FolderFile, after: Link) -> None:
        """The file cannot follow its object.

        When it was moved here as well, that is recorded as if Gramps Web had agreed to it before: so the file is
        found again, and the object's name still counts as the news.
        """
        if file.path == link.path:
            self._record(link, after)
        else:
            self._draft.do(Record(replace(after, path=file.path, named=file.path.key), new=False))

    def settle_moves(self) -> None:
        """Decide all moves of files together: they may need one another's names."""
        possible, refused = self._places.settle_moves(self._moves)
        self._draft.do(*possible)
        for move in possible:
            if self._links[move.link.handle].path != move.file.path:
                self._draft.notice(
                    "was moved on both sides; Gramps Web's name was kept", str(move.to), move.link.handle
                )
        for move, refusal in refused:
            link = self._links[move.link.handle]
            self._draft.release(move.file)
            self._draft.problems.append(refusal.as_problem(path=move.to.text, handle=link.handle))
            self._stay(link, move.file, replace(move.link, named=link.named, path=link.path))
