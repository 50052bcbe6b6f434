"""A world in memory in which plans are carried out, for tests of the merge: folder, catalog, bucket, links, trash.

It does what the applier does, in its order, and re-checks what it re-checks: bytes before names, fetches before
the trash, deletions last; what is no longer as the plan expected it is skipped. A plan may be carried out long after it
was made, with people and other desktops at work in between.

Two desktops are two worlds that share `objects`, `deleted` and `bucket`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    Deleted,
    DesktopSnapshot,
    FileStamp,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    MediaPath,
    Occupant,
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
    Why,
)
from syncd.model.policy import Moment, Policy
from syncd.reconciler import Inputs, reconcile
from tests.core import md5, word

NOW = 2_000_000_000

_ORDER: tuple[type, ...] = (
    Record, Forget, Upload, KeepLoser, MoveFile, AddObject, UpdateObject, RestoreObject, Fetch, TrashFile, DeleteObject,
)  # fmt: skip


@dataclass
class World:
    """Everything that there is. Contents are words; files map a path to (word, inode).

    Args:
        ignored: what is out of scope: names of files, and of folders with a slash at the end.
        now: the time on Gramps Web's clock.
        skew: how many seconds this desktop's clock is ahead.
        intents: objects that were made, but not recorded: the journal knows of them.
    """

    policy: Policy
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    objects: dict[str, MediaObject] = field(default_factory=dict)
    deleted: dict[str, MediaObject] = field(default_factory=dict)
    bucket: set[Checksum] = field(default_factory=set)
    links: dict[str, Link] = field(default_factory=dict)
    trash: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    desktop: DesktopSnapshot | None = None
    deletions: list[Deleted] = field(default_factory=list)
    """What may be taken back, newest first."""
    inodes: int = 1000
    host: str = "desk"
    now: int = NOW
    skew: int = 0
    ignored: frozenset[str] = frozenset()
    intents: list[Link] = field(default_factory=list)
    _forgetful: bool = False

    def inode(self) -> int:
        """A fresh inode."""
        self.inodes += 1
        return self.inodes

    def contents(self) -> set[str]:
        """Every content that stands somewhere."""
        return {content for content, _inode in self.files.values()} | self.trash | set(map(word, self.bucket))

    def cannot_stand(self, path: MediaPath, but: str = "") -> bool:
        """Whether a file system could not hold a file there: a folder is there, or a file where a folder is needed.

        Args:
            path: the path.
            but: a file that leaves.
        """
        others = self.files.keys() - {but}
        return any(above in others for above in path.ancestors()) or any(
            key.startswith(path.key + "/") for key in others
        )

    def is_ignored(self, path: MediaPath) -> bool:
        """Whether a path is out of scope."""
        listed = path.key in self.ignored or any(f"{above}/" in self.ignored for above in path.ancestors())
        return listed or self.policy.ignored(path)

    def inputs(self) -> Inputs:
        """What a pass sees now."""
        paths = {path: MediaPath.of(path) for path in self.files}
        files = {
            path: FolderFile(paths[path], FileStamp(len(content), 1, 1, inode, 1), md5(content))
            for path, (content, inode) in self.files.items()
            if not self.is_ignored(paths[path])
        }
        occupied = {
            next(
                (above for above in paths[path].ancestors() if f"{above}/" in self.ignored), path
            ): Occupant.IGNORED
            for path in self.files
            if path not in files
        }
        for intent in self.intents:  # as `Cycle` settles its journal
            if intent.handle in self.deleted and intent.handle not in self.objects:
                self.links[intent.handle] = intent
        self.intents.clear()
        return Inputs(
            tree_id="tree",
            links=tuple(self.links.values()),
            folder=FolderSnapshot(files, occupied),
            catalog=CatalogSnapshot(dict(self.objects)),
            bucket=self.look_at_store(),
            policy=replace(self.policy, ignored=self.is_ignored),
            moment=Moment(self.now + self.skew, "2026-11-22", self.host),
            conflict_copies=frozenset(self.copies),
            desktop=self.desktop,
            deleted=tuple(self.deletions),
        )

    def look_at_store(self) -> BucketSnapshot:
        """What the store holds."""
        return BucketSnapshot({checksum: len(word(checksum)) for checksum in self.bucket})

    def may_name(self, checksum: Checksum) -> bool:
        """Whether an object may name a content: bytes come before names."""
        return checksum in self.bucket

    def serves(self, _item: MediaObject, checksum: Checksum) -> bool:
        """Whether the bytes of an object can be fetched."""
        return checksum in self.bucket

    def put(self, upload: Upload) -> None:
        """Bytes arrive in the store."""
        self.bucket.add(upload.file.checksum)

    def plan(self) -> Plan:
        """What the merge makes of it."""
        return reconcile(self.inputs())

    def apply(self, plan: Plan, skipped: Iterable[int] = (), unrecorded: Collection[int] = ()) -> None:
        """Carry a plan out.

        Args:
            plan: the plan, made some time ago.
            skipped: places, in its safe order, of actions that failed.
            unrecorded: places of actions that were done, but syncd was killed before it could write that down.
        """
        failed = set(skipped)
        moves: list[MoveFile] = []
        missing: set[Checksum] = set()
        lost: set[str] = set()
        for place, action in enumerate(sorted(plan.actions, key=lambda action: _ORDER.index(type(action)))):
            if moves and not isinstance(action, MoveFile):
                self._move(moves)
                moves = []
            if isinstance(action, Upload) and (place in failed or not self._is(action.file)):
                missing.add(action.file.checksum)
            elif isinstance(action, KeepLoser) and (
                place in failed
                or not (
                    (action.source is not None and self._is(action.source))
                    or self.serves(action.object, action.checksum)
                )
            ):
                lost.add(action.object.handle)
            elif place in failed or self._waits(action, missing, lost):
                continue
            elif isinstance(action, MoveFile):
                moves.append(action)
            else:
                self._forgetful = place in unrecorded
                self._do(action)
                self._forgetful = False
        self._move(moves)

    def settle(self, passes: int = 10) -> int:
        """Make passes until a plan does nothing; returns how many did something."""
        for count in range(passes):
            plan = self.plan()
            if not plan.actions:
                return count
            self.apply(plan)
        raise AssertionError(f"still busy after {passes} passes: {self.plan().actions}")

    def _waits(self, action: Action, missing: Collection[Checksum], lost: Collection[str]) -> bool:
        """Whether something has to be done first that failed: bytes before names, the loser before the winner."""
        match action:
            case AddObject(file=file) | RestoreObject(file=file):
                return file.checksum in missing
            case UpdateObject(expected=item, checksum=checksum):
                return checksum in missing or item.handle in lost
            case Fetch(replaces=FolderFile(checksum=checksum)):
                return checksum in missing
            case _:
                return False

    def _is(self, file: FolderFile) -> bool:
        there = self.files.get(file.path.key)
        return there is not None and md5(there[0]) == file.checksum

    def _is_still(self, item: MediaObject) -> bool:
        there = self.objects.get(item.handle)
        return there is not None and (there.path, there.checksum) == (item.path, item.checksum)

    def _record(self, link: Link) -> None:
        if not self._forgetful:
            self.links[link.handle] = link

    def _drop(self, *links: Link) -> None:
        if not self._forgetful:
            for link in links:
                self.links.pop(link.handle, None)

    def _is_blocked(self, path: MediaPath) -> bool:
        """Whether no file can be put there without another giving way."""
        return path.key in self.files or self.cannot_stand(path)

    def _move(self, moves: list[MoveFile]) -> None:
        """Moves are made together: all names are left, then all are taken; what finds its name taken goes back."""
        lifted = [(move, self.files.pop(move.file.path.key)) for move in moves if self._is(move.file)]
        while barred := [pair for pair in lifted if self._is_blocked(pair[0].to)]:
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
                self._drop(link)
            case Upload():
                self.put(action)
            case AddObject():
                self._add(action)
            case UpdateObject(expected=item, path=path, checksum=checksum, link=link):
                done = self._is_still(replace(item, path=path, checksum=checksum))
                bytes_first = parse_checksum(item.checksum) == checksum or self.may_name(checksum)
                if done or (self._is_still(item) and bytes_first):
                    self.objects[item.handle] = replace(item, path=path, checksum=checksum, change=self.now)
                    self._record(link)
            case Fetch():
                self._fetch(action)
            case KeepLoser(checksum=checksum):
                self.trash.add(word(checksum))
            case TrashFile(file=file, links=links):
                if self._is(file) and not any(link.handle in self.objects for link in links):
                    self.trash.add(self.files.pop(file.path.key)[0])
                    self.deletions.insert(0, Deleted(links[0].handle, file.path, file.checksum, in_web=True))
                    self._drop(*links)
            case DeleteObject(expected=item, link=link, holder=holder):
                absent = link.place.key not in self.files or (holder is not None and self._is(holder))
                if absent and self._is_still(item):
                    self.deleted[item.handle] = self.objects.pop(item.handle)
                    self.deletions.insert(0, Deleted(link.handle, link.path, link.checksum, item.path))
                    self._drop(link)
            case RestoreObject():
                self._restore(action)
            case MoveFile():
                raise AssertionError

    def _add(self, add: AddObject) -> None:
        """Make an object, journaled; one that is there already and is the same was made by us."""
        link = add.link
        if not self.may_name(add.file.checksum):
            return
        there = self.objects.get(link.handle)
        if there is None:
            self.objects[link.handle] = MediaObject(link.handle, link.named, link.checksum, "", self.now)
            self._forget_deletion(link.handle)
        elif (there.path, there.digest) != (link.named, link.checksum):
            return
        self._record(link)
        if self._forgetful:
            self.intents.append(link)

    def _restore(self, restore: RestoreObject) -> None:
        """Bring an object back by the history, or anew; somebody else may have done so already."""
        file, link = restore.file, restore.link
        if not self.may_name(file.checksum):
            return
        if restore.why is Why.CAME_BACK:
            self.links[link.handle] = replace(link, restore=True)
        made = MediaObject(link.handle, link.named or file.path.key, file.checksum, "", self.now)
        item = self.objects.get(link.handle) or self.deleted.get(link.handle) or made
        path = restore.path or item.path
        self.objects[link.handle] = replace(item, path=path, checksum=file.checksum)
        self._forget_deletion(link.handle)
        self._record(replace(link, named=path))

    def _forget_deletion(self, handle: str) -> None:
        self.deletions = [gone for gone in self.deletions if gone.in_web or gone.handle != handle]

    def _fetch(self, fetch: Fetch) -> None:
        """Bytes come from the bucket or a file of the folder; an old file is moved away, never overwritten."""
        copied = fetch.source is not None and self._is(fetch.source)
        if not (copied or self.serves(fetch.object, fetch.checksum)):
            return
        key = fetch.path.key
        if fetch.replaces is not None:
            if not self._is(fetch.replaces) or (
                key != fetch.replaces.path.key and self._is_blocked(fetch.path)
            ):
                return
            old = self.files.pop(fetch.replaces.path.key)
            if fetch.aside is None:
                self.trash.add(old[0])
            else:
                aside = fetch.aside
                while self._is_blocked(aside):
                    aside = aside.beside(f"again {aside.name}")
                self.files[aside.key] = old
                self.copies.add(aside.key)
        if self._is_blocked(fetch.path):
            return
        self.files[key] = (word(fetch.checksum), self.inode())
        self._record(replace(fetch.link, inode=self.inodes))
