"""A world in memory in which plans are carried out, for tests of the merge: folder, catalog, bucket, links, trash.

It does what the applier does, in its order, and re-checks what it re-checks: bytes before names, fetches before
the trash, deletions last; what is no longer as the plan expected it is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    FileStamp,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    MediaPath,
    parse_checksum,
)
from syncd.model.plan import (
    Action,
    AddObject,
    DeleteObject,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
)
from syncd.model.policy import Moment, Policy
from syncd.reconciler import Inputs, reconcile
from tests.core import md5, word

NOW = 2_000_000_000

_ORDER: tuple[type, ...] = (
    Forget, Upload, KeepLoser, MoveFile, RestoreObject, AddObject, UpdateObject, Record, Fetch, TrashFile, DeleteObject,
)  # fmt: skip


@dataclass
class World:
    """Everything that there is. Contents are words; files map a path to (word, inode)."""

    policy: Policy
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    objects: dict[str, MediaObject] = field(default_factory=dict)
    deleted: dict[str, MediaObject] = field(default_factory=dict)
    bucket: set[Checksum] = field(default_factory=set)
    links: dict[str, Link] = field(default_factory=dict)
    trash: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    desktop: DesktopSnapshot | None = None
    inodes: int = 1000

    def inode(self) -> int:
        """A fresh inode."""
        self.inodes += 1
        return self.inodes

    def contents(self) -> set[str]:
        """Every content that stands somewhere."""
        return {content for content, _inode in self.files.values()} | self.trash | set(map(word, self.bucket))

    def plan(self) -> Plan:
        """What the merge makes of it."""
        files = {
            path: FolderFile(MediaPath.of(path), FileStamp(len(content), 1, 1, inode, 1), md5(content))
            for path, (content, inode) in self.files.items()
            if not self.policy.ignored(MediaPath.of(path))
        }
        return reconcile(
            Inputs(
                tree_id="tree",
                links=tuple(self.links.values()),
                folder=FolderSnapshot(files),
                catalog=CatalogSnapshot(dict(self.objects)),
                bucket=BucketSnapshot({checksum: len(word(checksum)) for checksum in self.bucket}),
                policy=self.policy,
                moment=Moment(NOW, "2026-11-22", "desk"),
                conflict_copies=frozenset(self.copies),
                desktop=self.desktop,
            )
        )

    def apply(self, plan: Plan, skipped: Iterable[int] = ()) -> None:
        """Carry a plan out, except for the actions at the given places of its safe order (they failed)."""
        failed = set(skipped)
        moves: list[MoveFile] = []
        for place, action in enumerate(sorted(plan.actions, key=lambda action: _ORDER.index(type(action)))):
            if moves and not isinstance(action, MoveFile):
                self._move(moves)
                moves = []
            if place in failed:
                continue
            if isinstance(action, MoveFile):
                moves.append(action)
            else:
                self._do(action)
        self._move(moves)

    def settle(self, passes: int = 10) -> int:
        """Make passes until a plan does nothing; returns how many did something."""
        for count in range(passes):
            plan = self.plan()
            if not plan.actions:
                return count
            self.apply(plan)
        raise AssertionError(f"still busy after {passes} passes: {self.plan().actions}")

    def _is(self, file: FolderFile) -> bool:
        there = self.files.get(file.path.key)
        return there is not None and md5(there[0]) == file.checksum

    def _record(self, link: Link) -> None:
        self.links[link.handle] = link

    def _move(self, moves: list[MoveFile]) -> None:
        """Moves are made together: all names are left, then all are taken; what finds its name taken goes back."""
        lifted = [(move, self.files.pop(move.file.path.key)) for move in moves if self._is(move.file)]
        while barred := [pair for pair in lifted if pair[0].to.key in self.files]:
            for move, what in barred:
                self.files[move.file.path.key] = what
            lifted = [pair for pair in lifted if pair not in barred]
        for move, what in lifted:
            assert move.to.key not in self.files
            self.files[move.to.key] = what
            self._record(move.link)

    def _do(self, action: Action) -> None:
        match action:
            case Record(link=link):
                self._record(link)
            case Forget(link=link):
                self.links.pop(link.handle, None)
            case Upload(file=file):
                if self._is(file):
                    self.bucket.add(file.checksum)
            case AddObject(file=file, link=link):
                assert link.handle not in self.objects
                if self._is(file) and file.checksum in self.bucket:
                    self.objects[link.handle] = MediaObject(
                        link.handle, link.named, link.checksum, "", NOW - 10
                    )
                    self._record(link)
            case UpdateObject(expected=item, path=path, checksum=checksum, file=file, link=link):
                changed = replace(item, path=path, checksum=checksum)
                if (
                    self.objects.get(item.handle) == item
                    and self._is(file)
                    and (parse_checksum(item.checksum) == checksum or checksum in self.bucket)
                ):
                    self.objects[item.handle] = changed
                    self._record(link)
            case Fetch():
                self._fetch(action)
            case KeepLoser(checksum=checksum):
                if checksum in self.bucket:
                    self.trash.add(word(checksum))
            case TrashFile(file=file, links=links):
                if self._is(file) and not any(link.handle in self.objects for link in links):
                    self.trash.add(self.files.pop(file.path.key)[0])
                    for link in links:
                        self.links.pop(link.handle, None)
            case DeleteObject(expected=item, link=link, holder=holder):
                absent = link.path.key not in self.files or (holder is not None and self._is(holder))
                if absent and self.objects.get(item.handle) == item:
                    self.deleted[item.handle] = self.objects.pop(item.handle)
                    self.links.pop(link.handle, None)
            case RestoreObject(file=file, link=link):
                if self._is(file) and file.checksum in self.bucket:
                    self.objects[link.handle] = MediaObject(
                        link.handle, link.named, file.checksum, "", NOW - 10
                    )
                    self._record(link)
            case MoveFile():
                raise AssertionError

    def _fetch(self, fetch: Fetch) -> None:
        """Bytes come from the bucket or a file of the folder; an old file is moved away, never overwritten."""
        copied = fetch.source is not None and self._is(fetch.source)
        if (
            not (copied or fetch.checksum in self.bucket)
            or self.objects.get(fetch.object.handle) != fetch.object
        ):
            return
        key = fetch.path.key
        if fetch.replaces is not None:
            if not self._is(fetch.replaces):
                return
            old = self.files.pop(fetch.replaces.path.key)
            if fetch.aside is None:
                self.trash.add(old[0])
            else:
                assert fetch.aside.key not in self.files
                self.files[fetch.aside.key] = old
                self.copies.add(fetch.aside.key)
        if key in self.files:
            return
        self.files[key] = (word(fetch.checksum), self.inode())
        self._record(replace(fetch.link, inode=self.inodes))
