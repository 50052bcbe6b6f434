"""A media folder, a state, and a Gramps Web with its bucket that count what they are asked; nothing may be listed unless told.

Contents are words, as in `tests.core`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from syncd.applier.disk import Marker, MediaFolder
from syncd.errors import Unreachable
from syncd.ignore import IgnoreRules
from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    FolderFile,
    Link,
    MediaObject,
    MediaPath,
    PathRules,
    Problem,
)
from syncd.model.plan import Plan
from syncd.observer import Arrival, Changes, Near, Observed, Observer
from syncd.observer.contents import Contents
from syncd.ports import Catalog, Cursor, Feed, MediaLocation, ServerInfo, SilentProgress, Store
from syncd.reconciler import Inputs, reconcile
from syncd.scanner.hashing import stamp_of
from syncd.state import Binding, State
from tests.core import MOMENT, POLICY, md5

TREE = "tree"
PLACE = MediaLocation("family")
RIGHTS = frozenset({"ViewPrivate", "AddObject", "EditObject", "DeleteObject"})


@dataclass
class Web:
    """A Gramps Web of a history: each entry is a transaction with its changes; None: it tells nothing of them."""

    objects: dict[str, MediaObject] = field(default_factory=dict)
    history: list[dict[str, MediaObject | None] | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    may_list: bool = False
    location_of: MediaLocation = PLACE

    def put(self, *items: MediaObject) -> None:
        """Somebody makes or changes objects."""
        self.objects.update({item.handle: item for item in items})
        self.history.append({item.handle: item for item in items})

    def drop(self, handle: str) -> None:
        """Somebody deletes an object."""
        del self.objects[handle]
        self.history.append({handle: None})

    @property
    def cursor(self) -> Cursor:
        """The newest transaction."""
        return Cursor(len(self.history), float(len(self.history)))

    def changes(self, since: Cursor) -> Feed:
        """As `Catalog.changes`."""
        self.asked.append("changes")
        news = self.history[since.transaction :]
        changed: dict[str, MediaObject | None] = {}
        for one in news:
            changed |= one or {}
        changed = {handle: self.objects.get(handle) for handle in changed}
        return Feed(changed, self.cursor if news else None, complete=None not in news)

    def list(self) -> tuple[CatalogSnapshot, Cursor]:
        """As `Catalog.list`."""
        assert self.may_list, "all objects were listed"
        self.asked.append("list")
        return CatalogSnapshot(dict(self.objects)), self.cursor

    def location(self, handle: str) -> MediaLocation:
        """As `Catalog.location`."""
        self.asked.append("location")
        return self.location_of


@dataclass
class Bucket:
    """Sizes by checksum."""

    keys: dict[Checksum, int] = field(default_factory=dict)
    heads: list[Checksum] = field(default_factory=list)
    may_list: bool = False
    is_away: bool = False

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """As `Store.sizes`."""
        if self.is_away:
            raise Unreachable("the bucket does not answer", "try later")
        self.heads += checksums
        return {key: self.keys[key] for key in checksums if key in self.keys}

    def list(self) -> BucketSnapshot:
        """As `Store.list`."""
        assert self.may_list, "the bucket was listed"
        if self.is_away:
            raise Unreachable("the bucket does not answer", "try later")
        return BucketSnapshot(dict(self.keys))

    def abort_stale_uploads(self) -> int:
        """As `Store.abort_stale_uploads`."""
        return 0

    def bring_back(self, checksums: Collection[Checksum], **_: Any) -> Mapping[Checksum, int]:
        """As `Store.bring_back`."""
        return {}


@dataclass
class Desk:
    """The family tree of a Gramps Desktop."""

    snapshot: DesktopSnapshot = field(default_factory=DesktopSnapshot)

    def look(self) -> tuple[DesktopSnapshot, Sequence[Problem]]:
        """As `DesktopTree.look`."""
        return self.snapshot, ()


class Unparked:
    """A folder in which nothing was left under a name of syncd's own."""

    def parked(self) -> set[str]:
        """Nothing."""
        return set()


@dataclass
class Scene:
    """Everything that a look needs, in step from the beginning."""

    root: Path
    state: State
    web: Web = field(default_factory=Web)
    bucket: Bucket = field(default_factory=Bucket)
    desk: Desk | None = None
    rules: PathRules = field(default_factory=lambda: PathRules("/nowhere"))
    unsettled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        media = MediaFolder(self.root)
        media.write_marker(Marker("folder", "desk:state"))
        media.close()
        self.web.history.append({})
        with self.state.batch():
            self.bind()
            self.state.set_cursor(self.web.cursor)
            self.state.set_last_full(time.time())

    def bind(self, **changed: Any) -> None:
        """Say what the state belongs to."""
        bound = Binding(
            tree_id=TREE,
            bucket=PLACE.bucket,
            prefix=PLACE.prefix,
            folder_id="folder",
            media_dir=str(self.root),
            server_url="https://family.example",
            title="Smith",
            permissions=RIGHTS,
            first_contact=False,
        )
        self.state.bind(replace(bound, **changed))

    # --- what there is --------------------------------------------------------------------------------------------

    def write(self, rel: str, content: str) -> FolderFile:
        """A person writes a file; it is some time ago."""
        path = self.root / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return self.file(rel, content)

    def file(self, rel: str, content: str) -> FolderFile:
        """The file as a scan would see it."""
        return FolderFile(MediaPath.of(rel), stamp_of((self.root / rel).lstat()), md5(content))

    def in_step(self, files: Mapping[str, str]) -> None:
        """Files with their objects, links, stamps and keys; each object is named like its file, by a handle of its path."""
        made = [self.write(rel, content) for rel, content in files.items()]
        self.link_up(made)

    def link_up(self, made: Iterable[FolderFile]) -> None:
        """The other half of `in_step`."""
        made = list(made)
        objects = {handle_of(file): _object(handle_of(file), file) for file in made}
        self.web.objects |= objects
        keys = {file.checksum: file.size for file in made}
        self.bucket.keys |= keys
        with self.state.batch():
            self.state.change_objects(objects)
            self.state.put_stamps(made)
            self.state.put_links(
                Link(handle_of(file), file.path.key, file.path, file.checksum, file.stamp.inode)
                for file in made
            )
            self.state.add_stored(keys)

    # --- looking --------------------------------------------------------------------------------------------------

    def near(self, *paths: str, handles: Collection[str] = ()) -> Near:
        """A look at what changed."""
        arrival = self.arrival()
        return Near(
            arrival=arrival,
            contents=Contents(arrival, keep=True),
            ignored=IgnoreRules.load(self.root, []),
            progress=SilentProgress(),
            changes=Changes(frozenset(paths), frozenset(handles)),
            tree_id=TREE,
            rules=self.rules,
            unsettled=lambda: self.unsettled,
            desktop=cast("Any", self.desk),
        )

    def whole(self) -> Observer:
        """A look at everything, which may list nothing either."""
        arrival = self.arrival()
        return Observer(
            arrival=arrival,
            contents=Contents(arrival, keep=True),
            ignored=IgnoreRules.load(self.root, []),
            progress=SilentProgress(),
            keep=True,
            full=False,
            full_check_every=3600,
            desktop=cast("Any", self.desk),
            unsettled=lambda: self.unsettled,
        )

    def arrival(self) -> Arrival:
        """Whom it is about; of the folder's descriptor a look asks only what is parked."""
        found = Arrival(
            media_dir=self.root,
            media=cast("MediaFolder", Unparked()),
            state=self.state,
            state_name="desk:state",
            catalog=cast("Catalog", self.web),
            open_store=lambda _location: cast("Store", self.bucket),
            open_files=lambda _location: cast("Any", self.bucket),
            keep=True,
            new_object=cast("Any", None),
        )
        found.server = ServerInfo("https://family.example", TREE, "Smith", "3.24.0", "6.0.8", "anna", RIGHTS)
        found._folder_id = "folder"
        return found

    def plan(self, observed: Observed) -> Plan:
        """What the merge makes of a look."""
        return reconcile(
            Inputs(
                tree_id=TREE,
                links=observed.links,
                folder=observed.folder,
                catalog=observed.catalog,
                bucket=observed.bucket,
                policy=replace(POLICY, rules=self.rules),
                moment=replace(MOMENT, now=int(time.time())),
                desktop=observed.desktop,
                deleted=self.state.deleted(),
                first_contact=False,
            )
        )


def handle_of(file: FolderFile) -> str:
    """The handle of a file that was in step from the beginning."""
    return "of_" + file.path.key.replace("/", "_").replace(".", "_")


def _object(handle: str, file: FolderFile) -> MediaObject:
    return MediaObject(handle, file.path.key, file.checksum, "image/jpeg", 1)
