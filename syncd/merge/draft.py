"""What the chapters of the reconciler share: the inputs, look-ups over them, and the plan as it grows."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from syncd.model.catalog_path import parse_catalog_path
from syncd.model.paths import MediaPath, Refusal
from syncd.model.plan import Action, Conflict, Notice, Plan, Upload, Waiting, Why
from syncd.model.policy import Moment, Policy
from syncd.model.snapshots import (
    BucketSnapshot,
    CatalogSnapshot,
    Deleted,
    DesktopSnapshot,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    Occupant,
)
from syncd.model.values import Checksum, Problem

GRACE_SECONDS = 24 * 3600
"""How long an object may name bytes that nobody has before its checksum counts as stale: long enough for another
desktop to finish an upload over a slow line."""


@dataclass(frozen=True)
class Inputs:
    """Everything a decision rests on.

    Args:
        tree_id: the tree's id; part of the handles of new objects.
        links: the common ancestor.
        conflict_copies: keys of files that are conflict copies; they are added whatever `new_files` says.
        desktop: the family tree of Gramps Desktop; None where none is configured.
        deleted: the deletions of the last weeks that may be taken back, newest first.
        first_contact: whether the two sides meet for the first time (or anew), so that equal files and objects that
            are called differently may well be one and the same.
    """

    tree_id: str
    links: Sequence[Link]
    folder: FolderSnapshot
    catalog: CatalogSnapshot
    bucket: BucketSnapshot
    policy: Policy
    moment: Moment
    conflict_copies: frozenset[str] = frozenset()
    desktop: DesktopSnapshot | None = None
    deleted: Sequence[Deleted] = ()
    first_contact: bool = True

    @cached_property
    def files_by_checksum(self) -> Mapping[Checksum, list[FolderFile]]:
        """The folder's files by content, each list in path order."""
        found: dict[Checksum, list[FolderFile]] = {}
        for _key, file in sorted(self.folder.files.items()):
            found.setdefault(file.checksum, []).append(file)
        return found

    @cached_property
    def links_by_path(self) -> Mapping[str, list[Link]]:
        """The links by the key of their path."""
        found: dict[str, list[Link]] = {}
        for link in self.links:
            found.setdefault(link.path.key, []).append(link)
        return found

    @cached_property
    def linked_handles(self) -> frozenset[str]:
        """The handles that have a link."""
        return frozenset(link.handle for link in self.links)

    @cached_property
    def desktop_keys(self) -> Mapping[str, str]:
        """The key of the file that Gramps Desktop names for an object, by handle."""
        known = self.desktop.objects if self.desktop is not None else {}
        return {item.handle: key for key, items in known.items() for item in items}

    @cached_property
    def unlinked_by_path(self) -> Mapping[str, list[MediaObject]]:
        """The objects without a link that mean a path of the folder, by its key, in order of age."""
        found: dict[str, list[MediaObject]] = {}
        for item in self.unlinked:
            target = self.target(item.path)
            if isinstance(target, MediaPath):
                found.setdefault(target.key, []).append(item)
        return found

    @cached_property
    def unlinked(self) -> Sequence[MediaObject]:
        """The objects without a link, in order of age."""
        linked = self.linked_handles
        found = [item for handle, item in self.catalog.objects.items() if handle not in linked]
        return sorted(found, key=lambda item: (item.change, item.handle))

    @cached_property
    def is_something_busy(self) -> bool:
        """Whether a file is being written, so that it cannot be told yet what it holds."""
        return Occupant.BUSY in self.folder.occupied.values()

    @property
    def store(self) -> str:
        """What people call the place where Gramps Web keeps its media."""
        return "Gramps Web's disk" if self.policy.found_by_path else "the bucket"

    def target(self, raw: str) -> MediaPath | Refusal:
        """The folder path that a path of Gramps Web means here."""
        return parse_catalog_path(raw, self.policy.rules)

    def copy_of(self, checksum: Checksum) -> FolderFile | None:
        """A file of the folder with this content."""
        files = self.files_by_checksum.get(checksum)
        return files[0] if files else None

    def has_bytes(self, checksum: Checksum) -> bool:
        """Whether the bytes can be had: from the bucket, or from the folder itself."""
        return self.bucket.holds(checksum) or checksum in self.files_by_checksum

    def is_stored(self, file: FolderFile, handle: str) -> bool:
        """Whether the store has a file's bytes for this object."""
        if self.policy.found_by_path:
            return handle not in self.bucket.lacking and handle not in self.bucket.wrong
        return self.bucket.sizes.get(file.checksum) == file.size

    def is_unsettled(self, item: MediaObject) -> bool:
        """Whether nobody can say that an object's checksum is out of date: its bytes may come, or others are there."""
        return item.handle in self.bucket.wrong or self.is_fresh(item)

    def is_fresh(self, item: MediaObject) -> bool:
        """Whether an object changed so lately that its bytes may still be under way (or a clock is wrong)."""
        return self.moment.now - item.change <= GRACE_SECONDS


@dataclass
class Draft:
    """A plan that grows. One file of the folder gets at most one action a pass: see `claim`."""

    inputs: Inputs
    actions: list[Action] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    unchanged: int = 0
    _uploads: dict[str, Upload] = field(default_factory=dict)
    _claimed: dict[str, Checksum] = field(default_factory=dict)
    _unserved: set[str] = field(default_factory=set)
    """Handles of objects whose path is no place on the server's disk: what else is wrong with it matters no more."""

    def do(self, *actions: Action) -> None:
        """Add actions."""
        self.actions.extend(actions)

    def claim(self, file: FolderFile, becomes: Checksum | None = None) -> bool:
        """Take the sole right to move, replace or restore a file in this pass; False when another item has it.

        Args:
            file: the file.
            becomes: the content that its path will have, where that changes.
        """
        if file.path.key in self._claimed:
            return False
        self._claimed[file.path.key] = becomes or file.checksum
        return True

    def claimed_for(self, file: FolderFile) -> Checksum | None:
        """The content for which some action of this pass has claimed the file; None when none did."""
        return self._claimed.get(file.path.key)

    def release(self, file: FolderFile) -> None:
        """Give a claimed file up: what was meant with it cannot be done, so nothing waits for that."""
        self._claimed.pop(file.path.key, None)

    def source(self, checksum: Checksum, handle: str) -> FolderFile | None:
        """A file to copy instead of fetching; the bucket gets its bytes if it lacks them."""
        file = self.inputs.copy_of(checksum)
        if file is not None:
            self.store(file, Why.MISSING_BYTES, handle)
        return file

    def store(self, file: FolderFile, why: Why, handle: str | None = None) -> None:
        """See to it that the bucket holds a file's bytes: at once where it lacks them or has them damaged.

        A server that keeps media on its own disk takes them for an object that names them already, and lacks them.
        """
        if self.inputs.policy.found_by_path:
            item = self.inputs.catalog.objects.get(handle or "")
            if (
                item is not None
                and item.handle in self.inputs.bucket.lacking
                and item.checksum == file.checksum
            ):
                self._supply(item, file, why)
            return
        size = self.inputs.bucket.sizes.get(file.checksum)
        if size == file.size or file.checksum in self._uploads:
            return
        damaged = size is not None
        self._uploads[file.checksum] = Upload(file, Why.DAMAGED_BYTES if damaged else why, handle, damaged)

    def _supply(self, item: MediaObject, file: FolderFile, why: Why) -> None:
        """Send bytes for an object to the server's disk, if that can have a file at its path."""
        path = posixpath.normpath(item.path)
        if path.startswith(("/", "../")) or path in (".", ".."):
            problem = Problem(
                "Gramps Web keeps its media on its own disk and serves no file for this path: it is absolute, or leads out",
                f"give the object a relative path in Gramps Web, such as '{file.path.key}'",
                item.path,
                item.handle,
            )
            if problem not in self.problems:
                self.problems.append(problem)
            self._unserved.add(item.handle)
            return
        self._uploads.setdefault(path, Upload(file, why, item.handle))

    def refused(self, refusal: Refusal, item: MediaObject) -> None:
        """Add what is wrong with an object's path, unless it has to be changed anyway."""
        if not refusal.silent and item.handle not in self._unserved:
            self.problems.append(refusal.as_problem(path=item.path, handle=item.handle))

    def problem(self, reason: str, remedy: str, path: str, handle: str | None = None) -> None:
        """Add a problem."""
        self.problems.append(Problem(reason, remedy, path, handle))

    def wait(self, reason: str, path: str, handle: str | None = None) -> None:
        """Add an item that time settles."""
        self.waiting.append(Waiting(reason, path, handle))

    def notice(self, text: str, path: str, handle: str | None = None) -> None:
        """Add a decision worth telling."""
        self.notices.append(Notice(text, path, handle))

    def tell_unnamed(self, item: MediaObject, file: FolderFile) -> None:
        """Two files, and no checksum that says which one the object means: a person has to."""
        self.problems.append(
            Problem(
                "Gramps Web has another file for this media object than the media folder, and no checksum that says "
                "which of them is meant; nothing was done",
                "download the one in Gramps Web and look which is right: put that into the media folder in place of the "
                "other, or replace it in Gramps Web",
                str(file.path),
                item.handle,
            )
        )

    def await_bytes(self, item: MediaObject, file: FolderFile | None = None) -> None:
        """Report an object whose bytes nobody has: at first as waiting, after the grace time as a problem.

        Args:
            item: the object.
            file: the file that it has here, of other content and as it was: it may be the right one all the same.
        """
        if item.handle in self.inputs.bucket.wrong:
            self.problem(
                "the file that Gramps Web has is not the one that its own record names: somebody changed one of the two "
                "behind its back",
                "look at it in Gramps Web, and upload the right file there as the object's file; nothing was changed, here "
                "or there",
                item.path,
                item.handle,
            )
        elif self.inputs.is_fresh(item):
            self.wait(
                "Gramps Web names a file that has not arrived yet; it may still be under way",
                item.path,
                item.handle,
            )
        elif file is not None:
            self.problem(
                f"missing on both sides: Gramps Web names other content than '{file.path}' has here, and nobody has it",
                "if the file here is the right one, upload it in Gramps Web as the object's file; else put the original "
                "in its place",
                item.path,
                item.handle,
            )
        else:
            self.problem(
                f"missing on both sides: neither the media folder nor {self.inputs.store} has the file that Gramps Web "
                "names",
                "put the original file into the media folder, or upload it in Gramps Web",
                item.path,
                item.handle,
            )

    def plan(self) -> Plan:
        """The finished plan."""
        return Plan(
            actions=(*self._uploads.values(), *self.actions),
            conflicts=tuple(self.conflicts),
            problems=tuple(self.problems),
            waiting=tuple(self.waiting),
            notices=tuple(self.notices),
            unchanged=self.unchanged,
        )
