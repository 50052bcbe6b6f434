"""Looks at what changed and at what bears on it, at a cost that does not grow with the tree.

Nothing is listed: neither the folder nor Gramps Web nor the bucket. What changed in the folder is told by its watcher (a
hint, no more), what changed in Gramps Web by the history; the rest is remembered and found by index. Wherever that does
not suffice to decide as a look at everything would, `TooWide` is raised, and everything is looked at (`whole`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from syncd.ignore import IgnoreRules
from syncd.merge.neighbourhood import LARGEST, Neighbourhood, missing_file
from syncd.merge.orphans import named_by
from syncd.model import (
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    FileStamp,
    FolderSnapshot,
    MediaObject,
    MediaPath,
    Occupant,
    PathRules,
    Problem,
)
from syncd.model.paths import is_text
from syncd.model.plan import HoldKind
from syncd.model.rot import KnownRot
from syncd.observer.arrival import ASK_AT_MOST, Arrival
from syncd.observer.contents import Contents
from syncd.observer.observed import Observed
from syncd.ports import Cursor, DesktopTree, Phase, Progress
from syncd.scanner import Glance, TooWide
from syncd.scanner.glance import is_inside

UNLINKED_AT_MOST = 2000
"""Objects without a link that are compared with what changed; with more, everything is looked at."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What may have changed.

    Args:
        paths: in the folder, relative and as named on the disk; what is below a folder may have changed, too.
        handles: in Gramps Web, beyond what its history tells.
    """

    paths: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()

    def __or__(self, other: Changes) -> Changes:
        return Changes(self.paths | other.paths, self.handles | other.handles)

    def __bool__(self) -> bool:
        return bool(self.paths or self.handles)


@dataclass
class Near:
    """Observes the neighbourhood of some changes, in each pass anew.

    Args:
        arrival: knows folder, server and bucket.
        contents: looks into the bucket.
        changes: what may have changed.
        tree_id, rules: how new objects get their handles, and what paths in Gramps Web mean here.
        unsettled: says which paths are being written at this moment.
        settle: says for how many seconds after a change another one may follow.
        threads: how many files are hashed at once.
        desktop: the family tree of Gramps Desktop, if there is one to mind.
    """

    arrival: Arrival
    contents: Contents
    ignored: IgnoreRules
    progress: Progress
    changes: Changes
    tree_id: str
    rules: PathRules
    unsettled: Callable[[], Collection[str]] = frozenset
    settle: Callable[[], float] = float
    threads: int = 4
    desktop: DesktopTree | None = None

    busy: set[str] = field(default_factory=set)
    """Keys of files that were being written."""
    unsure: set[str] = field(default_factory=set)
    """Keys of files that were read in the very moment in which they changed."""
    young: set[str] = field(default_factory=set)
    """Keys of files that had changed too lately to be read."""
    _changed: set[str] = field(default_factory=set)
    _former: list[MediaObject] = field(default_factory=list)
    """The changed objects as they were: what waited for one of their names is concerned, too."""
    _cursor: Cursor | None = None

    @property
    def cursor(self) -> Cursor | None:
        """Up to where Gramps Web was seen."""
        return self._cursor

    def observe(self) -> Observed:
        """Look at the neighbourhood.

        Raises:
            TooWide: everything must be looked at; says why.
            StopError, ServerError: as `Observer.observe`.
        """
        self._check_fit()
        self._look_at_web()
        arrival, state = self.arrival, self.arrival.state
        if arrival.store is None:
            arrival.find_place(state.some_objects(ASK_AT_MOST))
        if arrival.store is None or arrival.files is not None:
            raise TooWide("Gramps Web keeps its media on its own disk")
        unlinked = state.unlinked(UNLINKED_AT_MOST)
        if unlinked is None:
            raise TooWide("many media objects have no file here")
        desktop, problems = self._look_at_desktop()
        neighbours = Neighbourhood(
            state, unlinked, self.tree_id, self.rules, desktop, {gone.handle for gone in state.deleted()}
        )
        folder = self._look_at_folder(neighbours)
        missing = missing_file(neighbours.links.values(), folder)
        if missing is not None:
            raise TooWide(f"a file is gone from its place: {missing.place}")
        self.progress.phase(Phase("Looking into the bucket"))
        named = named_by(neighbours.objects.values())
        wanted = named | {file.checksum for file in folder.files.values()}
        bucket = self.contents.ask(state.stored_of(named), wanted, named)
        if bucket is None:
            raise TooWide("many contents have to be looked for in the bucket")
        return Observed(
            tuple(sorted(neighbours.links.values(), key=lambda link: link.handle)),
            folder,
            CatalogSnapshot(neighbours.objects),
            bucket,
            desktop,
            problems,
            scope=neighbours.links.keys() | neighbours.objects.keys(),
            all_links=state.count_links(),
        )

    def _check_fit(self) -> None:
        """Leave to the wide look what needs all."""
        state = self.arrival.state
        binding = state.binding()
        if binding is None or binding.first_contact:
            raise TooWide("the two sides have not met yet")
        if state.open_intents():
            raise TooWide("something was begun and not finished")
        if self.arrival.media.parked():
            raise TooWide("an interruption has left files half-way")
        if any(held.approved or held.kind is HoldKind.FIRST_SYNC for held in state.held()):
            raise TooWide("something that waited was approved")

    def _look_at_web(self) -> None:
        """Take in what the history tells."""
        self.progress.phase(Phase("Asking Gramps Web"))
        state = self.arrival.state
        since = self._cursor or state.cursor()
        if since is None:
            raise TooWide("Gramps Web has no history yet")
        feed = self.arrival.catalog.changes(since)
        if not feed.complete:
            raise TooWide("the history of Gramps Web does not tell all")
        self._cursor = feed.cursor or since
        self._changed |= feed.changed.keys()
        self._former += state.objects_of(feed.changed.keys()).values()
        if feed.changed:
            state.change_objects(feed.changed)

    def finished(self) -> None:
        """Note up to where Gramps Web was seen: all of it was seen to. Where a run breaks off, the next one sees it again."""
        if self._cursor is not None and self._cursor != self.arrival.state.cursor():
            self.arrival.state.set_cursor(self._cursor)

    def _look_at_desktop(self) -> tuple[DesktopSnapshot | None, tuple[Problem, ...]]:
        if self.desktop is None:
            return None, ()
        snapshot, problems = self.desktop.look()
        return snapshot, tuple(problems)

    def _look_at_folder(self, neighbours: Neighbourhood) -> FolderSnapshot:
        """Look at the files of the neighbourhood, which grows by what is found."""
        self.progress.phase(Phase("Looking at the media folder"))
        state = self.arrival.state
        now_ns = time.time_ns()
        unrest = self.arrival.unrest(self.unsettled(), self.settle())
        known: dict[str, tuple[FileStamp, Checksum]] = {}
        changed = _paths_of(self.changes)
        for path in changed:
            below = state.stamps_below(path.key)
            known |= below
            neighbours.see([path, *map(MediaPath.of, below)])
            neighbours.see(link.place for link in state.links_below(path.fold))
            _check_size(neighbours)
        deep = {path.key for path in changed}
        neighbours.see(handles=self.changes.handles | self._changed)
        neighbours.see_former(self._former)
        asked: set[Checksum] = set()
        with Glance(
            self.arrival.media_dir,
            self.ignored,
            progress=self.progress,
            threads=self.threads,
            rot=KnownRot(state.rot()),
        ) as glance:
            try:
                while neighbours.grow():
                    _check_size(neighbours)
                    stamps = state.stamps_with(neighbours.checksums - asked)
                    asked |= neighbours.checksums
                    neighbours.see(map(MediaPath.of, stamps))
                    stamps |= state.stamps_of(neighbours.paths.keys() - known.keys())
                    known |= stamps
                    glance.look([*neighbours.paths.values()], known, unrest, deep=deep)
                    neighbours.see(file.path for file in glance.files.values())
                    neighbours.see_files(glance.files)
            finally:
                if vouched := glance.vouched(now_ns):
                    state.put_stamps(vouched)  # what was read need not be read again, whatever follows
            found = glance.scan(now_ns)
        for key, device in glance.empty.items():
            if any(stamp.device != device for stamp, _checksum in state.stamps_below(key).values()):
                raise TooWide("a folder is empty that another disk was mounted on")
        snapshot = found.snapshot
        gone = [
            key
            for key in known.keys() - snapshot.files.keys()
            if not snapshot.is_unknown(MediaPath(key, key))
        ]
        self.busy = {key for key, what in snapshot.occupied.items() if what is Occupant.BUSY}
        self.unsure, self.young = set(found.unsure), set(found.young)
        if missing_file(neighbours.links.values(), snapshot) is None and (
            found.fresh or found.vanished or gone
        ):
            with state.batch():
                state.drop_stamps([*found.vanished, *gone])
                state.put_stamps(found.fresh)
        return snapshot


def _paths_of(changes: Changes) -> list[MediaPath]:
    """The changed paths. What is told of an object may be a path as Gramps Web has it, which is none of the folder's."""
    if not all(map(is_text, changes.paths)):
        raise TooWide("a name is not in UTF-8")
    return [path for path in map(MediaPath.of, sorted(changes.paths)) if is_inside(path)]


def _check_size(neighbours: Neighbourhood) -> None:
    if len(neighbours) > LARGEST:
        raise TooWide("too much changed at once")
