"""Looks at everything: the folder is walked, the objects come from the feed or are listed, the bucket is remembered or listed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncd.belonging import find_inner_stop
from syncd.errors import ServerError
from syncd.guard import find_listing_stop, raise_stop
from syncd.ignore import IgnoreRules
from syncd.merge.orphans import LEAST_AGE_DAYS, named_by
from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    FolderSnapshot,
    MediaObject,
    MediaPath,
    Occupant,
    Problem,
)
from syncd.model.plan import Done, Notice
from syncd.model.rot import KnownRot
from syncd.model.values import DAY_SECONDS
from syncd.observer.arrival import Arrival
from syncd.observer.contents import Contents
from syncd.observer.observed import Observed
from syncd.ports import Cursor, DesktopTree, FileServer, Phase, Progress
from syncd.scanner import Scan, scan, trouble
from syncd.settling import has_unsettled_additions, settle_additions, settle_changes, settle_deletions
from syncd.state import State

TRUSTED_FOR = LEAST_AGE_DAYS * DAY_SECONDS
"""Seconds for which what was listed is believed at most: nothing younger is collected from the bucket."""


@dataclass
class Observer:
    """Observes for one run; the passes after the first look only at what changed.

    Args:
        arrival: knows folder, server and bucket.
        contents: looks into the bucket.
        keep: whether what was seen may be written to the state (no, in a dry run).
        full: list everything, whatever the feed says.
        full_check_every: seconds after which everything is listed anyway.
        threads: how many files are hashed at once.
        desktop: the family tree of Gramps Desktop, if there is one to mind.
        unsettled: says which paths are being written at this moment, where somebody watches.
        settle: says for how many seconds after a change another one may follow.
    """

    arrival: Arrival
    contents: Contents
    ignored: IgnoreRules
    progress: Progress
    keep: bool
    full: bool
    full_check_every: float
    threads: int = 4
    desktop: DesktopTree | None = None
    unsettled: Callable[[], Collection[str]] = frozenset
    settle: Callable[[], float] = float

    walked: Walked = field(default_factory=lambda: Walked())  # noqa: PLW0108  defined below
    _looked: bool = False
    _listed: bool = False
    _seen: CatalogSnapshot | None = None
    _cursor: Cursor | None = None
    _stored: dict[Checksum, int] | None = None
    _settled: list[Done] = field(default_factory=list)

    @property
    def media_dir(self) -> Path:
        """The media folder."""
        return self.arrival.media_dir

    @property
    def cursor(self) -> Cursor | None:
        """Up to where Gramps Web was seen."""
        return self._cursor

    @property
    def has_listed(self) -> bool:
        """Whether everything was listed in this run."""
        return self._listed

    def observe(self) -> Observed:
        """Look at folder, Gramps Web and bucket.

        Raises:
            StopError: a listing cannot be trusted.
            ServerError: a server cannot be reached.
        """
        state = self.arrival.state
        self._settled.clear()
        catalog = self._look_at_web()
        if self.keep:
            self._settled += settle_changes(state, catalog)
            self._settled += settle_deletions(state, catalog)
        if self.arrival.store is None:
            self.arrival.find_place(catalog.objects.values())
        folder = self._look_at_folder()
        bucket = self._look_at_bucket(folder, catalog)
        desktop, problems = self._look_at_desktop()
        notices = _notices_of(self.arrival.files)
        links = tuple(state.links())
        settled = tuple(self._settled)
        return Observed(
            links, folder, catalog, bucket, desktop, problems, notices, settled, all_links=len(links)
        )

    def _look_at_desktop(self) -> tuple[DesktopSnapshot | None, tuple[Problem, ...]]:
        """What Gramps Desktop has: looked at after the folder, so that it is never older than a file found there."""
        if self.desktop is None:
            return None, ()
        self.progress.phase(Phase("Looking at Gramps Desktop's family tree"))
        snapshot, problems = self.desktop.look()
        return snapshot, tuple(problems)

    def _look_at_folder(self) -> FolderSnapshot:
        self.progress.phase(Phase("Looking at the media folder"))
        state = self.arrival.state
        known = state.stamps()
        begun = time.monotonic()
        found = scan(
            self.media_dir,
            known,
            self.ignored,
            now_ns=time.time_ns(),
            progress=self.progress,
            threads=self.threads,
            unrest=self.arrival.unrest(self.unsettled(), self.settle()),
            rot=KnownRot(state.rot()),
        )
        self.walked.take(found, time.monotonic() - begun)
        raise_stop(find_inner_stop(self.media_dir, found.inner))
        if self.keep and (found.fresh or found.vanished):
            with state.batch():
                state.drop_stamps(found.vanished)
                state.put_stamps(found.fresh)
        return self._with_parked(found.snapshot)

    def _with_parked(self, folder: FolderSnapshot) -> FolderSnapshot:
        """The folder, and in it what an interruption left under a name of ours: it is not gone."""
        keys = {MediaPath.of(text).key for text in self.arrival.media.parked()} - folder.files.keys()
        if not keys:
            return folder
        return replace(
            folder,
            occupied={**folder.occupied, **dict.fromkeys(keys, Occupant.UNREADABLE)},
            problems=(*folder.problems, *map(trouble.left_half_way, sorted(keys))),
        )

    def _look_at_web(self) -> CatalogSnapshot:
        """All objects as they are now: from the feed where it suffices, else listed."""
        self.progress.phase(Phase("Asking Gramps Web"))
        state = self.arrival.state
        must_list = not self._listed and (self.full or is_full_due(state, self.full_check_every))
        seen, cursor = self._known_objects(must_list=must_list)
        gone: frozenset[str] = frozenset()
        # An answer to an addition may be lost in a tree that had no history before it: then all of it tells.
        since = cursor or (Cursor(0, 0.0) if has_unsettled_additions(self.arrival.state) else None)
        if since is not None:
            feed = self.arrival.catalog.changes(since)
            gone = frozenset(handle for handle, item in feed.changed.items() if item is None)
            if self.keep:
                self._settled += settle_additions(self.arrival.state, feed.added)
            if seen is not None and feed.complete and not must_list:
                return self._remember_changes(seen, feed.changed, feed.cursor or since)
        expected = self._expected_objects()
        seen = self._seen = None  # a large tree's objects need not be there twice
        snapshot, cursor = self.arrival.catalog.list()
        raise_stop(find_listing_stop(len(snapshot.objects), len(expected - gone)))
        if not self._listed:
            self._stored = None  # the bucket is listed, too; once a run
        self._seen, self._cursor, self._listed = snapshot, cursor, True
        if self.keep:
            self.arrival.state.replace_objects(snapshot.objects.values())
        return snapshot

    def _known_objects(self, *, must_list: bool) -> tuple[CatalogSnapshot | None, Cursor | None]:
        """What is known, unless all will be listed; and up to where."""
        if self._seen is not None:
            return self._seen, self._cursor
        cursor = self.arrival.state.cursor()
        if cursor is None or must_list:
            return None, cursor
        return CatalogSnapshot(self.arrival.state.objects()), cursor

    def _expected_objects(self) -> set[str]:
        """The handles of the objects that a listing should have, or tell of as deleted."""
        state = self.arrival.state
        if self._seen is not None:
            return set(self._seen.objects)
        if state.cursor() is not None:
            return state.object_handles()
        return {link.handle for link in state.links() if link.detached is None}

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
        if self.keep and changed:
            self.arrival.state.change_objects(changed)
        return seen

    def _look_at_bucket(self, folder: FolderSnapshot, catalog: CatalogSnapshot) -> BucketSnapshot:
        """Which of the keys that matter the bucket has; asked after Gramps Web was read."""
        arrival = self.arrival
        if arrival.store is None:
            arrival.state.set_looked()  # nothing was there: whatever there will be came later, and is read back
            return BucketSnapshot({})
        if arrival.files is not None:
            return self._look_for_files(arrival.files, folder, catalog)
        self.progress.phase(Phase("Looking into the bucket"))
        named = named_by(catalog.objects.values())
        if not self._listed or (self._stored is not None and self.keep):
            self._stored = dict(arrival.state.stored())  # with what earlier passes stored, or mended
        found: BucketSnapshot | None = None
        if self._stored is not None:
            known = {key: size for key, size in self._stored.items() if key in named}
            wanted = named | {file.checksum for file in folder.files.values()}
            found = self.contents.ask(known, wanted, named)
        if found is None:
            found = self.contents.list_all(named)
        self._stored = {key: size for key, size in found.sizes.items() if key in named}
        return found

    def _look_for_files(
        self, files: FileServer, folder: FolderSnapshot, catalog: CatalogSnapshot
    ) -> BucketSnapshot:
        """Which objects' files a server with its own disk has; all of them once in a run that lists everything."""
        self.progress.phase(Phase("Looking for the files in Gramps Web"))
        at_hand = {file.checksum: file.size for file in folder.files.values()}
        is_first = self._listed and not self._looked
        linked = {link.handle for link in self.arrival.state.links()}
        found = files.look(
            catalog.objects, at_hand, linked=linked, everything=is_first, closely=is_first and self.full
        )
        self._looked = True
        return found

    def finished(self) -> None:
        """Note up to where Gramps Web was seen, and that everything was listed, if it was: all of it was seen to.

        Where a run breaks off, the next one is told of the same changes again.
        """
        state = self.arrival.state
        if self.keep and self._cursor != state.cursor():
            state.set_cursor(self._cursor)
        if self.keep and self._listed:
            is_first = state.last_full() is None  # nothing of ours can be days old
            state.set_last_full(time.time())
            if self.arrival.store is not None and not is_first:
                with suppress(ServerError):  # leftovers cost a little space; some keys may not list them
                    self.arrival.store.abort_stale_uploads()


def is_full_due(state: State, every: float) -> bool:
    """Whether everything was listed last longer ago than so many seconds, or than what was listed is believed at all."""
    last = state.last_full()
    return last is None or not 0 <= time.time() - last < min(every, TRUSTED_FOR)


@dataclass(slots=True)
class Walked:
    """What the last walk through the folder tells a daemon, beside what stands where.

    Args:
        folders: the keys of the folders that were walked.
        busy: the keys of files that were being written.
        unsure: the keys of files that were read in the very moment in which they changed.
        young: the keys of files that had changed too lately to be read.
        seconds: how long the walk took; 0 where there was none.
        has_mounts: whether other file systems are mounted inside.
    """

    folders: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    young: frozenset[str] = frozenset()
    seconds: float = 0.0
    has_mounts: bool = False

    def take(self, found: Scan, seconds: float) -> None:
        """Note a walk."""
        occupied = found.snapshot.occupied
        self.folders = frozenset(key for key, what in occupied.items() if what is Occupant.FOLDER)
        self.busy = frozenset(key for key, what in occupied.items() if what is Occupant.BUSY)
        self.unsure, self.young = found.unsure, found.young
        self.seconds = seconds
        self.has_mounts = bool(found.mounts)


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
