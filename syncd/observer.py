"""Looks at both sides and the bucket, and stops where what it finds is not what was synced before.

The order matters. The folder's marker is looked at before anything else is; the server's identity before its
objects; the objects before the bucket, so that "nobody has these bytes" is never said of bytes that arrived in
between.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from syncd.applier.disk import Marker, MediaFolder
from syncd.belonging import find_inner_stop, find_stop, identity_of
from syncd.bucket import BucketMissing
from syncd.errors import Denied, MovedOn, Refused, ServerError, StopError
from syncd.guard import (
    NEEDED_PERMISSIONS,
    Identity,
    find_history_stop,
    find_listing_stop,
    find_server_stop,
)
from syncd.ignore import IgnoreRules
from syncd.merge.orphans import DAY_SECONDS, LEAST_AGE_DAYS, named_by
from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    Problem,
    Stop,
)
from syncd.model.plan import Notice
from syncd.ports import (
    Catalog,
    Cursor,
    DesktopTree,
    FileServer,
    MediaLocation,
    NewObject,
    Phase,
    Progress,
    ServerInfo,
    Store,
)
from syncd.scanner import scan
from syncd.settling import has_unsettled_additions, settle_additions, settle_changes, settle_deletions
from syncd.state import Binding, State

log = structlog.get_logger(__name__)

LOOK_UP_AT_MOST = 500
"""Keys that are looked up one by one; for more, the bucket is listed."""

TRUSTED_FOR = LEAST_AGE_DAYS * DAY_SECONDS
"""Seconds for which what was listed is believed at most: nothing younger is collected from the bucket."""

ASK_AT_MOST = 5
"""Objects that are asked where their file is, before giving up (they may be deleted just now)."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a pass rests on; what `reconcile` and `hold` are given."""

    links: tuple[Link, ...]
    folder: FolderSnapshot
    catalog: CatalogSnapshot
    bucket: BucketSnapshot
    desktop: DesktopSnapshot | None = None
    problems: tuple[Problem, ...] = ()
    """What could not be looked at properly, and is none of the folder's own problems."""
    notices: tuple[Notice, ...] = ()


@dataclass
class Observer:
    """Observes for one run; the passes after the first look only at what changed.

    Args:
        media_dir: the media folder, absolute.
        state_name: how the folder's marker names this state file.
        open_store: opens the bucket at the place that the server names; raises ConfigError where `[s3]` disagrees.
        open_files: opens the store of a server that keeps media on its own disk; likewise.
        keep: whether what was seen may be written to the state and the folder (no, in a dry run).
        full: list everything, whatever the feed says.
        full_check_every: seconds after which everything is listed anyway.
        new_object: how the object of a new file looks; its handle does not matter.
        make_bucket: make a bucket that has vanished since the first sync, too.
        threads: how many files are hashed at once.
        desktop: the family tree of Gramps Desktop, if there is one to mind.
        config_file: for messages.
    """

    media_dir: Path
    media: MediaFolder
    state: State
    state_name: str
    catalog: Catalog
    open_store: Callable[[MediaLocation], Store]
    open_files: Callable[[MediaLocation], FileServer]
    ignored: IgnoreRules
    progress: Progress
    keep: bool
    full: bool
    full_check_every: float
    new_object: Callable[[FolderFile], NewObject]
    make_bucket: bool = False
    threads: int = 4
    desktop: DesktopTree | None = None
    config_file: Path | None = None

    store: Store | None = None
    _files: FileServer | None = None
    _looked: bool = False
    _server: ServerInfo | None = None
    _folder_id: str | None = None
    _listed: bool = False
    _seen: CatalogSnapshot | None = None
    _cursor: Cursor | None = None
    _stored: dict[Checksum, int] | None = None
    _sought: frozenset[Checksum] = frozenset()

    # --- identity -------------------------------------------------------------------------------------------------

    def check_folder(self) -> None:
        """Look at the folder's marker.

        Raises:
            StopError: when this is not the folder that was synced.
        """
        marker = self.media.marker()
        _raise(
            find_stop(
                marker,
                self.state.binding(),
                media_dir=self.media_dir,
                state_file=self.state.path,
                source=self.config_file,
            )
        )
        self._folder_id = marker.id if marker else None

    def check_server(self) -> ServerInfo:
        """Log in, and compare the server with what this state was bound to.

        Raises:
            StopError: it is another tree, was restored from a backup, or the login lost rights.
            Denied: the login never had the rights that a two-way sync needs.
        """
        self._server = found = self.catalog.connect()
        binding = self.state.binding()
        lacking = sorted(NEEDED_PERMISSIONS - found.permissions)
        if binding is None and lacking:
            raise Denied(
                f"the Gramps Web account '{found.user}' lacks rights that a two-way sync needs: {', '.join(lacking)}",
                "ask who runs Gramps Web to give it the role Editor",
            )
        if binding is not None:
            _raise(find_server_stop(identity_of(binding), self._identity(binding.bucket, binding.prefix)))
        cursor = self.state.cursor()
        if cursor is not None and not self.catalog.still_knows(cursor):
            _raise(find_history_stop())
        return found

    def _identity(self, bucket: str | None, prefix: str) -> Identity:
        """What was found, at a place for the media."""
        found = self._server
        assert found is not None
        return Identity(
            found.tree_id, found.title, bucket, prefix, self._folder_id, self.state_name, found.permissions
        )

    def arrive(self, location: MediaLocation) -> Store:
        """Take note of where the server keeps its media, bind the state at first contact, and open the bucket.

        Raises:
            StopError: the media are not where they were when this state was bound.
            ConfigError: `[s3]` names another place.
        """
        found = self._server
        assert found is not None
        binding = self.state.binding()
        if binding is not None:
            _raise(find_server_stop(identity_of(binding), self._identity(location.bucket, location.prefix)))
        if location.bucket is None:
            self.store = self._files = self.open_files(location)
        else:
            self.store = self.open_store(location)
        if self.keep and (
            binding is None
            or (binding.permissions, binding.title) != (found.permissions, found.title)
            or binding.media_dir != str(self.media_dir)
        ):
            folder_id = self._folder_id or uuid.uuid4().hex
            if self._folder_id is None:
                self.media.write_marker(Marker(folder_id, self.state_name))
                self._folder_id = folder_id
            self.state.bind(
                Binding(
                    tree_id=found.tree_id,
                    bucket=location.bucket,
                    prefix=location.prefix,
                    folder_id=folder_id,
                    media_dir=str(self.media_dir),
                    server_url=found.url,
                    title=found.title,
                    permissions=found.permissions,
                    first_contact=True if binding is None else binding.first_contact,
                )
            )
        return self.store

    def introduce(self, file: FolderFile) -> MediaObject:
        """Give an empty tree its first object, through the API: it then shows where it keeps media."""
        like = self.new_object(file)
        item = self.catalog.upload_first(self.media_dir / file.path.text, file.checksum, like.mime, like)
        self.arrive(self.catalog.location(item.handle))
        return item

    def _find_place(self, objects: CatalogSnapshot) -> None:
        """Ask the server where it keeps its media, by one of its objects; an emptied tree keeps them where it did."""
        # A handle is asked for as part of an address: one like '.' would lead elsewhere.
        candidates = sorted(
            (
                (item.digest is None, item.handle)
                for item in objects.objects.values()
                if item.handle.replace("-", "").replace("_", "").isalnum()
            ),
            key=lambda candidate: candidate[0],  # who has no checksum tells little
        )
        for _, handle in candidates[:ASK_AT_MOST]:
            try:
                self.arrive(self.catalog.location(handle))
            except (MovedOn, Refused):
                continue
            return
        binding = self.state.binding()
        if binding is not None:
            self.arrive(MediaLocation(binding.bucket, binding.prefix))

    # --- looking --------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Look at folder, Gramps Web and bucket.

        Raises:
            StopError: a listing cannot be trusted.
            ServerError: a server cannot be reached.
        """
        catalog = self._look_at_web()
        if self.keep:
            settle_changes(self.state, catalog)
            settle_deletions(self.state, catalog)
        if self.store is None:
            self._find_place(catalog)
        folder = self._look_at_folder()
        bucket = self._look_at_bucket(folder, catalog)
        desktop, problems = self._look_at_desktop()
        notices = _notices_of(self._files)
        return Observed(tuple(self.state.links()), folder, catalog, bucket, desktop, problems, notices)

    def _look_at_desktop(self) -> tuple[DesktopSnapshot | None, tuple[Problem, ...]]:
        """What Gramps Desktop has: looked at after the folder, so that it is never older than a file found there."""
        if self.desktop is None:
            return None, ()
        self.progress.phase(Phase("Looking at Gramps Desktop's family tree"))
        snapshot, problems = self.desktop.look()
        return snapshot, tuple(problems)

    def _look_at_folder(self) -> FolderSnapshot:
        self.progress.phase(Phase("Looking at the media folder"))
        known = self.state.stamps()
        found = scan(
            self.media_dir,
            known,
            self.ignored,
            now_ns=time.time_ns(),
            progress=self.progress,
            threads=self.threads,
        )
        _raise(find_inner_stop(self.media_dir, found.inner))
        if self.keep and (found.fresh or found.vanished):
            with self.state.batch():
                self.state.drop_stamps(found.vanished)
                self.state.put_stamps(found.fresh)
        return found.snapshot

    def _look_at_web(self) -> CatalogSnapshot:
        """All objects as they are now: from the feed where it suffices, else listed."""
        self.progress.phase(Phase("Asking Gramps Web"))
        seen, cursor = self._known_objects()
        gone: frozenset[str] = frozenset()
        must_list = seen is None or self._is_full_due()
        # An answer to an addition may be lost in a tree that had no history before it: then all of it tells.
        since = cursor or (Cursor(0, 0.0) if has_unsettled_additions(self.state) else None)
        if since is not None:
            feed = self.catalog.changes(since)
            gone = frozenset(handle for handle, item in feed.changed.items() if item is None)
            if self.keep:
                settle_additions(self.state, feed.added)
            if seen is not None and feed.complete and not must_list:
                return self._remember_changes(seen, feed.changed, feed.cursor or since)
        snapshot, cursor = self.catalog.list()
        expected = (
            set(seen.objects)
            if seen is not None
            else {link.handle for link in self.state.links() if link.detached is None}
        )
        _raise(find_listing_stop(len(snapshot.objects), len(expected - gone)))
        self._seen, self._cursor, self._listed = snapshot, cursor, True
        self._stored = None
        if self.keep:
            with self.state.batch():
                self.state.replace_objects(snapshot.objects.values())
                self.state.set_cursor(cursor)
        return snapshot

    def _known_objects(self) -> tuple[CatalogSnapshot | None, Cursor | None]:
        if self._seen is not None:
            return self._seen, self._cursor
        cursor = self.state.cursor()
        return (CatalogSnapshot(self.state.objects()) if cursor is not None else None), cursor

    def _is_full_due(self) -> bool:
        if self._listed:
            return False
        last = self.state.last_full()
        trusted_for = min(self.full_check_every, TRUSTED_FOR)
        return self.full or last is None or not 0 <= time.time() - last < trusted_for

    def _remember_changes(
        self, seen: CatalogSnapshot, changed: Mapping[str, MediaObject | None], cursor: Cursor
    ) -> CatalogSnapshot:
        if changed:
            objects = dict(seen.objects)
            for handle, item in changed.items():
                if item is None:
                    objects.pop(handle, None)
                else:
                    objects[handle] = item
            seen = CatalogSnapshot(objects)
        self._seen, self._cursor = seen, cursor
        if self.keep:
            with self.state.batch():
                self.state.change_objects(changed)
                self.state.set_cursor(cursor)
        return seen

    def _look_at_bucket(self, folder: FolderSnapshot, catalog: CatalogSnapshot) -> BucketSnapshot:
        """Which of the keys that matter the bucket has; asked after Gramps Web was read."""
        if self.store is None:
            self.state.set_looked()  # nothing was there: whatever there will be came later, and is read back
            return BucketSnapshot({})
        if self._files is not None:
            return self._look_for_files(self._files, folder, catalog)
        self.progress.phase(Phase("Looking into the bucket"))
        named = named_by(catalog.objects.values())
        if not self._listed or (self._stored is not None and self.keep):
            self._stored = dict(self.state.stored())  # with what earlier passes stored, or mended
        if self._stored is not None:
            # What no object names may be collected: it is asked for again each time, also once more when it has an
            # object at last. So two who use and collect one key at the same moment cannot miss each other.
            known = {key: size for key, size in self._stored.items() if key in named}
            wanted = named | {file.checksum for file in folder.files.values()}
            unsure = sorted(wanted - known.keys())
            if len(unsure) <= LOOK_UP_AT_MOST:
                found = dict(self.store.sizes(unsure)) if unsure else {}
                return self._note_stored({**known, **found}, found, named)
        snapshot = self._list_bucket()
        if self.keep:
            self.state.see_orphans(snapshot.sizes.keys() - named, time.time())
            self.state.replace_stored({key: size for key, size in snapshot.sizes.items() if key in named})
        return self._note_stored(snapshot.sizes, {}, named)

    def _note_stored(
        self, sizes: Mapping[Checksum, int], found: Mapping[Checksum, int], named: AbstractSet[Checksum]
    ) -> BucketSnapshot:
        """Remember what the bucket holds, and bring back what objects name and it lacks, if it is kept anywhere there."""
        missing = named - sizes.keys() - self._sought
        self._sought |= missing
        assert self.store is not None
        tree_id = self._server.tree_id if self._server is not None else ""
        back = self.store.bring_back(missing, tree_id=tree_id, really=self.keep) if missing else {}
        self._stored = {key: size for key, size in {**sizes, **back}.items() if key in named}
        if self.keep and (found or back):
            self.state.add_stored({key: size for key, size in {**found, **back}.items() if key in named})
        return BucketSnapshot({**sizes, **back})

    def _list_bucket(self) -> BucketSnapshot:
        assert self.store is not None
        try:
            return self.store.list()
        except BucketMissing:
            # A bucket that vanishes later is more likely a wrong address, where nothing must be made.
            binding = self.state.binding()
            if not (self.make_bucket or binding is None or binding.first_contact):
                raise
            if self.keep:
                self.store.create_bucket()
            return BucketSnapshot({})

    def _look_for_files(
        self, files: FileServer, folder: FolderSnapshot, catalog: CatalogSnapshot
    ) -> BucketSnapshot:
        """Which objects' files a server with its own disk has; all of them once in a run that lists everything."""
        self.progress.phase(Phase("Looking for the files in Gramps Web"))
        at_hand = {file.checksum: file.size for file in folder.files.values()}
        is_first = self._listed and not self._looked
        linked = {link.handle for link in self.state.links()}
        found = files.look(
            catalog.objects, at_hand, linked=linked, everything=is_first, closely=is_first and self.full
        )
        self._looked = True
        return found

    @property
    def cursor(self) -> Cursor | None:
        """Up to where Gramps Web was seen."""
        return self._cursor

    def finished_full(self) -> None:
        """Note that everything was listed, if it was."""
        if self.keep and self._listed:
            self.state.set_last_full(time.time())
            if self.store is not None:
                with suppress(ServerError):  # leftovers cost a little space; some keys may not list them
                    self.store.abort_stale_uploads()


def _notices_of(files: FileServer | None) -> tuple[Notice, ...]:
    """What a person should know of a server's disk, although it is mended from the folder."""
    gone = len(files.vanished()) if files is not None else 0
    if not gone:
        return ()
    files_have = "1 file has" if gone == 1 else f"{gone} files have"
    return (
        Notice(
            f"{files_have} vanished from Gramps Web's disk; what the media folder has is sent again."
            " If nobody took them away, look at MEDIA_BASE_DIR and MEDIA_PREFIX_TREE on the server",
            "",
        ),
    )


def _raise(stop: Stop | None) -> None:
    if stop is not None:
        raise StopError(stop.reason, stop.remedy)


__all__ = ["Observed", "Observer", "identity_of"]
