"""Pairing what is not linked: objects and files that are new, or that meet for the first time.

By path first, then by content; what remains is new on its side. Nothing here deletes anything, so a first contact is
a union.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.merge.content import settle_conflict
from syncd.merge.draft import Draft
from syncd.merge.moves import At, Holders
from syncd.merge.newcomers import Newcomers
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.model.paths import MediaPath, Refusal, handle_for, is_server_name
from syncd.model.plan import Fetch, Forget, Record, UpdateObject, Why
from syncd.model.policy import NewFiles
from syncd.model.snapshots import Detached, FolderFile, Link, MediaObject
from syncd.model.values import Checksum


def _base_name(item: MediaObject) -> str:
    return MediaPath.of(item.path.replace("\\", "/")).key.rpartition("/")[2]


class UnlinkedMerge:
    """Pairs unlinked objects and files into a draft."""

    def __init__(self, draft: Draft, places: Places, holders: Holders, disk: DiskNames) -> None:
        self._draft = draft
        self._disk = disk
        self._inputs = draft.inputs
        self._policy = draft.inputs.policy
        self._places = places
        self._holders = holders
        self._used: set[str] = set()
        """Keys of files that got an object in this pass."""

    def merge(self) -> None:
        """Pair by path, then by content; fetch what is left of the objects, add what is left of the files."""
        rest: list[tuple[MediaObject, MediaPath | Refusal]] = []
        seconds: set[str] = set()
        for item, target in self._exact_first():
            if not isinstance(target, MediaPath) or self._inputs.folder.at(target) is None:
                if not (isinstance(target, MediaPath) and self._is_unseen(item, target)):
                    rest.append((item, target))
            elif not self._by_path(item, target):
                seconds.add(item.handle)
                rest.append((item, target))
        rest = [pair for pair in rest if not self._by_handle(pair[0])]
        apart = [pair for pair in rest if pair[0].handle not in seconds and self._stands_apart(*pair)]
        handles = {item.handle for item, _target in apart}
        for item, target in (
            *apart,
            *self._by_content([pair for pair in rest if pair[0].handle not in handles]),
        ):
            file = self._inputs.folder.at(target) if isinstance(target, MediaPath) else None
            if item.handle in seconds and isinstance(target, MediaPath) and file is not None:
                self._second_object(item, target, file)
            else:
                self._new_object(item, target)
        Newcomers(self._draft, self._places, self._disk).merge(self._new_files())

    def _objects(self) -> Iterable[tuple[MediaObject, MediaPath | Refusal]]:
        """The objects without a link that are in scope, oldest first, with the paths they mean here."""
        for item in self._inputs.unlinked:
            target = self._inputs.target(item.path)
            if isinstance(target, Refusal):
                if not target.silent:
                    yield item, target
            elif not self._policy.ignored(target):
                yield item, target

    def _link(self, item: MediaObject, file: FolderFile) -> Link:
        """The link of an object and a file that agree, each under its own name."""
        return Link(item.handle, item.path, file.path, file.checksum, file.stamp.inode)

    def _is_free(self, file: FolderFile) -> bool:
        """Whether no object has the file: no link, or one that is detached because its object is gone."""
        return all(
            link.detached is Detached.OBJECT_GONE and link.handle not in self._inputs.catalog.objects
            for group in self._holders.groups(file)
            for link in group.links
        )

    def _take(self, file: FolderFile) -> None:
        """A free file gets an object; detached links that it may have had are dropped."""
        self._used.add(file.path.key)
        self._draft.do(*(Forget(link) for group in self._holders.groups(file) for link in group.links))

    # --- the same path --------------------------------------------------------------------------------------------

    def _exact_first(self) -> list[tuple[MediaObject, MediaPath | Refusal]]:
        """The objects in scope; those that equal the file at their path go first: of two with one path, the right one."""

        def differs(pair: tuple[MediaObject, MediaPath | Refusal]) -> bool:
            item, target = pair
            file = self._inputs.folder.at(target) if isinstance(target, MediaPath) else None
            return file is None or item.digest != file.checksum

        return sorted(self._objects(), key=differs)

    def _is_unseen(self, item: MediaObject, target: MediaPath) -> bool:
        """Whether there may be a file at the object's path that cannot be looked at."""
        if not self._inputs.folder.is_unknown(target):
            return False
        self._draft.wait("the file in the folder cannot be read just now", str(target), item.handle)
        return True

    def _by_path(self, item: MediaObject, target: MediaPath) -> bool:
        """Pair an object with the file at its path; False when that is another object's, of other content."""
        file = self._inputs.folder.files[target.key]
        if file.path.key in self._used or not self._is_free(file):
            if item.digest is not None and item.digest != file.checksum:
                return False
            self._second_object(item, target, file)
            return True
        theirs = item.digest
        if theirs == file.checksum and item.checksum == theirs:
            self._take(file)
            self._draft.store(file, Why.MISSING_BYTES, item.handle)
            self._draft.do(Record(self._link(item, file), new=True))
        elif theirs is None or theirs == file.checksum:
            self._correct(item, file)
        elif self._inputs.has_bytes(theirs):
            if self._draft.claim(file, theirs):
                self._take(file)
                settle_conflict(self._draft, self._places, self._disk, self._link(item, file), item, file)
        elif self._inputs.is_unsettled(item):
            self._used.add(file.path.key)
            self._draft.await_bytes(item)
        else:
            self._correct(item, file)
        return True

    def _correct(self, item: MediaObject, file: FolderFile) -> None:
        """The object's checksum is empty or stale, nobody has such bytes: the folder's file is the truth."""
        if self._disk.shows_another(item, file):
            self._used.add(file.path.key)
            self._draft.tell_unnamed(item, file)
            return
        if self._is_free(file) and file.path.key not in self._used:
            self._take(file)
        self._draft.store(file, Why.MISSING_BYTES, item.handle)
        link = self._link(item, file)
        if is_server_name(item.path, file.checksum) and item.path != file.path.key:
            link = replace(link, named="")  # nobody's name: the next pass gives it the folder's
        self._draft.do(UpdateObject(item, item.path, file.checksum, file, link, Why.STALE_CHECKSUM))

    def _second_object(self, item: MediaObject, target: MediaPath, file: FolderFile) -> None:
        """The file at the object's path belongs to another object."""
        moving = any(group.at is not At.SAME for group in self._holders.groups(file))
        if moving or self._holders.is_ahead(file) or self._draft.claimed_for(file) is not None:
            self._draft.wait("the file of that name must be settled first", item.path, item.handle)
            return
        theirs = item.digest
        if theirs == file.checksum and item.checksum == theirs:
            self._draft.store(file, Why.MISSING_BYTES, item.handle)
            self._draft.do(Record(self._link(item, file), new=True))
        elif theirs is None or theirs == file.checksum:
            self._correct(item, file)
        elif self._inputs.has_bytes(theirs):
            path = self._places.beside(target, Link(item.handle, item.path, target, theirs))
            if isinstance(path, Refusal):
                self._draft.problems.append(path.as_problem(path=item.path, handle=item.handle))
                return
            self._fetch(item, path, theirs)
            self._draft.notice(
                f"two objects in Gramps Web have the name '{target}'; the second was fetched under another name",
                str(path),
                item.handle,
            )
        elif self._inputs.is_unsettled(item):
            self._draft.await_bytes(item)
        else:
            self._correct(item, file)

    # --- the same content -----------------------------------------------------------------------------------------

    def _by_handle(self, item: MediaObject) -> bool:
        """Link an object with the new file that it was made of on another computer, and then moved.

        Its handle tells: this file, added here, would have got the same. So the move is Gramps Web's news.
        """
        if self._inputs.first_contact or item.digest is None or item.digest != item.checksum:
            return False
        for file in self._inputs.files_by_checksum.get(item.digest, ()):
            if file.path.key in self._used or self._holders.has(file.path.key):
                continue
            if handle_for(self._inputs.tree_id, file.path, 0) == item.handle:
                self._take(file)
                self._draft.store(file, Why.MISSING_BYTES, item.handle)
                self._draft.do(Record(replace(self._link(item, file), named=file.path.key), new=True))
                return True
        return False

    def _stands_apart(self, item: MediaObject, target: MediaPath | Refusal) -> bool:
        """Whether a new object is not to be taken for a new file of the same content and another name.

        Once two sides have met, both names are news: one person put the photo here, another one there, and each
        gets both. Were they linked as they are, two folders would differ for ever.
        """
        if self._inputs.first_contact or self._policy.new_files is not NewFiles.ADD or item.digest is None:
            return False
        if not isinstance(target, MediaPath) or is_server_name(item.path, item.digest):
            return False
        equal = self._inputs.files_by_checksum.get(item.digest, ())
        if any(self._is_free(file) and self._holders.groups(file) for file in equal):
            return (
                False  # a file whose object was deleted, and which stayed: this may be its object come back
            )
        return self._places.refuse(target, Link(item.handle, item.path, target, item.digest)) is None

    def _by_content(
        self, rest: Sequence[tuple[MediaObject, MediaPath | Refusal]]
    ) -> list[tuple[MediaObject, MediaPath | Refusal]]:
        """Link objects with free files of the same content as they are: by base name, then in order."""
        free, named = self._free_files({item.digest for item, _target in rest if item.digest is not None})
        unpaired = list(rest)
        for same_name in (True, False):
            still: list[tuple[MediaObject, MediaPath | Refusal]] = []
            for item, target in unpaired:
                queue = (
                    named.get((item.digest, _base_name(item)), ()) if same_name else free.get(item.digest, ())
                )
                file = self._next(queue)
                if file is None:
                    still.append((item, target))
                else:
                    self._link_as_is(item, file)
            unpaired = still
        return unpaired

    def _free_files(
        self, wanted: Collection[Checksum]
    ) -> tuple[
        Mapping[Checksum | None, deque[FolderFile]], Mapping[tuple[Checksum | None, str], deque[FolderFile]]
    ]:
        """The free files of the wanted contents, in path order: by content, and by content and base name."""
        free: dict[Checksum | None, deque[FolderFile]] = {}
        named: dict[tuple[Checksum | None, str], deque[FolderFile]] = {}
        for checksum in wanted:
            for file in self._inputs.files_by_checksum.get(checksum, ()):
                if self._is_free(file):
                    free.setdefault(checksum, deque()).append(file)
                    named.setdefault((checksum, file.path.key.rpartition("/")[2]), deque()).append(file)
        return free, named

    def _next(self, queue: deque[FolderFile] | tuple[()]) -> FolderFile | None:
        """The first file of a queue that got no object yet."""
        while queue:
            file = queue.popleft()
            if file.path.key not in self._used:
                return file
        return None

    def _link_as_is(self, item: MediaObject, file: FolderFile) -> None:
        """Nobody's layout is tidied: the names may differ. Only the server's own naming gives way to the folder's."""
        if item.checksum != item.digest:
            self._correct(item, file)
            return
        self._take(file)
        self._draft.store(file, Why.MISSING_BYTES, item.handle)
        link = self._link(item, file)
        if is_server_name(item.path, item.digest) and not self._policy.found_by_path:
            named = file.path.key
            self._draft.do(
                UpdateObject(item, named, file.checksum, file, replace(link, named=named), Why.SERVER_NAME)
            )
        else:
            self._draft.do(Record(link, new=True))

    # --- new on one side ------------------------------------------------------------------------------------------

    def _new_object(self, item: MediaObject, target: MediaPath | Refusal) -> None:
        """Fetch what Gramps Web has and the folder has not."""
        if isinstance(target, Refusal):
            self._draft.problems.append(target.as_problem(path=item.path, handle=item.handle))
            return
        checksum = item.digest
        if checksum is None or not self._inputs.has_bytes(checksum):
            self._draft.await_bytes(item)
            return
        plain = self._disk.meant(item)
        if isinstance(plain, MediaPath) and plain != target and self._is_open(plain, item, checksum):
            target = plain
        if self._places.is_promised(target):
            return  # an older object of that very name comes first, the next pass sees to this one
        refusal = self._places.refuse(target, Link(item.handle, item.path, target, checksum))
        if refusal is not None:
            self._draft.problems.append(refusal.as_problem(path=item.path, handle=item.handle))
            return
        self._places.promise(target)
        self._fetch(item, target, checksum)

    def _is_open(self, path: MediaPath, item: MediaObject, checksum: Checksum) -> bool:
        """Whether a file can be put at a path that its object does not name to the letter."""
        if self._policy.ignored(path) or self._inputs.folder.is_unknown(path):
            return False
        return self._places.refuse(path, Link(item.handle, item.path, path, checksum)) is None

    def _fetch(self, item: MediaObject, path: MediaPath, checksum: Checksum) -> None:
        """Bring an object's bytes to a free path, from the folder itself where it has them."""
        source = self._draft.source(checksum, item.handle)
        link = Link(item.handle, item.path, path, checksum)
        self._draft.do(Fetch(item, checksum, path, link, Why.NEW_OBJECT, source=source))

    def _new_files(self) -> list[FolderFile]:
        """The files that no object has, in path order."""
        return [
            file
            for key, file in sorted(self._inputs.folder.files.items())
            if key not in self._used and not self._holders.has(key)
        ]
