"""The rooms of a run, opened in the order in which they may be refused.

A single run opens them, makes a cycle and closes them. A daemon keeps the state (under its lock), the login and the bucket
open from cycle to cycle; the media folder is open for the time of a cycle only, so that its disk can be unmounted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from syncd import doorstep
from syncd.adoption import owner
from syncd.applier.disk import MediaFolder
from syncd.applier.family import FamilyObjects
from syncd.applier.ledger import Ledger
from syncd.applier.rivals import Rivals
from syncd.applier.web import NewObjects, WebChanges, new_object
from syncd.config import Settings, check_media_dir
from syncd.cycle import Cycle
from syncd.errors import SyncdError
from syncd.guard import missing_folder_stop, raise_stop
from syncd.housekeeping import keep_house, recover
from syncd.ignore import IgnoreRules, is_ours
from syncd.model import Checksum, FolderFile
from syncd.model.plan import Guarded, Notice
from syncd.model.policy import Moment
from syncd.observer import Arrival, Changes, Near, Observer
from syncd.observer.contents import Contents
from syncd.observer.whole import is_full_due
from syncd.opened_later import OpenedLater
from syncd.ports import (
    Catalog,
    DesktopTree,
    FileServer,
    MediaLocation,
    NewObject,
    Progress,
    ServerInfo,
    Store,
)
from syncd.rest import Rest
from syncd.state import State
from syncd.workers import beside

if TYPE_CHECKING:
    from syncd.applier.apply import Applier

PATIENCE = 60.0
"""Seconds for which a single run, that nobody starts again at once, tries a request that fails."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a cycle is to look at.

    Args:
        full: list everything, whatever the history says.
        near: look only at what changed, as long as that suffices; None: at everything.
        lightly: the same with what differs from how the last run left things, if it left them at rest.
        tidy: look for what the trash holds and nobody has listed, before; and tidy up what has had its time, after.
    """

    full: bool = False
    near: Changes | None = None
    lightly: bool = False
    tidy: bool = True


@dataclass
class Rooms:
    """What is open; used in a `with` block, and a `with rooms.cycle(…)` block for each cycle.

    Args:
        settings: the configuration.
        dry_run: not a byte is written anywhere; the state is a copy.
        unsettled: says which paths are being written at this moment, where somebody watches.
        settle: says for how many seconds after a change another one may follow, where nobody waits.
        patience: seconds for which a request that fails is tried again, before the run gives up.

    Raises:
        SyncdError: the state is in other hands, or cannot be used.
    """

    settings: Settings
    dry_run: bool = False
    unsettled: Callable[[], Collection[str]] = frozenset
    settle: Callable[[], float] = float
    patience: float = PATIENCE

    _open: ExitStack = field(default_factory=ExitStack)
    _state: State | None = None
    _catalog: Catalog | None = None
    _stores: dict[MediaLocation, Store] = field(default_factory=dict)
    _ignored: IgnoreRules | None = None
    _desktop: DesktopTree | None = None
    _notices: list[Notice] = field(default_factory=list)
    _arrival: Arrival = field(init=False)
    _rest: Rest = field(init=False)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._desktop = doorstep.open_desktop(self.settings, os.environ)
            if not self.dry_run:
                opening.enter_context(doorstep.lock_state(self.settings))
            self._state = opening.enter_context(State.open(self.settings.state_file, read_only=self.dry_run))
            self._notices = _told_of_damage(self._state)
            opening.callback(self.hang_up)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def state(self) -> State:
        """The state."""
        assert self._state is not None
        return self._state

    @property
    def catalog(self) -> Catalog:
        """Gramps Web; logged in when it is first asked for something."""
        if self._catalog is None:
            self._catalog = doorstep.open_catalog(self.settings, patience=self.patience)
        return self._catalog

    def hang_up(self) -> None:
        """Close all connections; the next cycle opens them anew."""
        stores, catalog = list(self._stores.values()), self._catalog
        self._stores.clear()
        self._catalog = None
        for store in stores:
            with suppress(SyncdError):
                store.close()
        if catalog is not None:
            catalog.close()

    @contextmanager
    def cycle(self, task: Task, progress: Progress) -> Iterator[tuple[Cycle, list[Notice]]]:
        """Open the folder, check whom this is about, and make a cycle; what was told on the way comes with it.

        Raises:
            SyncdError: something is refused; a `StopError` where a person is needed.
        """
        try:
            with ExitStack() as rooms:
                yield self._cycle(task, progress, rooms)
                arrival = self._arrival
                if task.tidy and not self.dry_run:
                    keep_house(
                        arrival.media,
                        self.state,
                        arrival.store,
                        trash_days=self.settings.deletions.trash_days,
                    )
        except BaseException:
            self.hang_up()  # whatever was interrupted may be half-way through an answer
            raise

    def _cycle(self, task: Task, progress: Progress, rooms: ExitStack) -> tuple[Cycle, list[Notice]]:
        settings, state = self.settings, self.state
        if task.near is None and self._ignored is not None:
            self._desktop = doorstep.open_desktop(settings, os.environ)
        if state.binding() is None:
            check_media_dir(settings)
        media = rooms.enter_context(_media_folder(settings))
        ignored = IgnoreRules.load(settings.media_dir, settings.ignore)
        same_rules, self._ignored = ignored == self._ignored, ignored
        self._rest = Rest(settings, ignored, state)
        self._arrival = arrival = self._new_arrival(media, rooms)
        arrival.check_folder()
        if not self.dry_run:
            rooms.enter_context(doorstep.lock_folder(settings))
            arrival.check_folder()  # again: another state's first run may have come in between
            self._notices += recover(media, state, look_into_trash=task.tidy)
        near = task.near if same_rules else None
        if task.full or (near is None and is_full_due(state, settings.daemon.full_check_every)):
            doorstep.expect_bucket(settings)
        if task.lightly and not task.full:
            near, server = self._look_lightly()
        else:
            server = arrival.check_server()
        notices, self._notices = [*self._notices, *_told_of_version(server)], []
        return _Builder(self, arrival, ignored, progress).build(task, near, server), notices

    def _look_lightly(self) -> tuple[Changes | None, ServerInfo]:
        """See what differs in the folder, in a thread, while Gramps Web is asked who it is."""
        return beside(self._rest.changes, self._arrival.check_server, name="rest", give_up=self._rest.give_up)

    def note_rest(self, cycle: Cycle) -> bool:
        """Where a cycle ended at rest, note that for the next run; says whether there is such a note now."""
        return cycle.is_settled and self._rest.note(self._arrival, is_untouched=cycle.is_untouched)

    def _new_arrival(self, media: MediaFolder, rooms: ExitStack) -> Arrival:
        settings, catalog = self.settings, self.catalog
        return Arrival(
            media_dir=settings.media_dir,
            media=media,
            state=self.state,
            state_name=owner(settings.state_file),
            catalog=catalog,
            open_store=self._open_store,
            open_files=lambda location: _files(settings, location, catalog, self.state, rooms),
            keep=not self.dry_run,
            new_object=lambda file: _first_object(settings, catalog, file),
            config_file=settings.source,
        )

    def _open_store(self, location: MediaLocation) -> Store:
        """The bucket where Gramps Web says it is, if the settings say so, too; opened once something is asked of it."""
        if location not in self._stores:
            settings = self.settings
            doorstep.see_that_they_agree(settings, location)
            self._stores[location] = OpenedLater(lambda: doorstep.open_store(settings, location))
        return self._stores[location]

    @property
    def desktop(self) -> DesktopTree | None:
        """The family tree of Gramps Desktop, if there is one to mind."""
        return self._desktop


@dataclass(frozen=True, slots=True)
class _Builder:
    """Puts a cycle together."""

    rooms: Rooms
    arrival: Arrival
    ignored: IgnoreRules
    progress: Progress

    def build(self, task: Task, near: Changes | None, server: ServerInfo) -> Cycle:
        """The cycle of a task."""
        rooms, settings, ignored = self.rooms, self.rooms.settings, self.ignored
        keep = not rooms.dry_run
        contents = Contents(
            self.arrival, keep=keep, make_bucket=settings.s3 is not None and settings.s3.create_bucket
        )
        policy = settings.policy(lambda path: not is_ours(path) and ignored.matches(path))
        cycle = Cycle(
            state=rooms.state,
            observer=Observer(
                arrival=self.arrival,
                contents=contents,
                ignored=ignored,
                progress=self.progress,
                keep=keep,
                full=task.full,
                full_check_every=settings.daemon.full_check_every,
                desktop=rooms.desktop,
                unsettled=rooms.unsettled,
                settle=rooms.settle,
            ),
            near=None
            if near is None
            else Near(
                arrival=self.arrival,
                contents=contents,
                ignored=ignored,
                progress=self.progress,
                changes=near,
                tree_id=server.tree_id,
                rules=policy.rules,
                unsettled=rooms.unsettled,
                settle=rooms.settle,
                desktop=rooms.desktop,
            ),
            catalog=rooms.catalog,
            policy=policy,
            tree_id=server.tree_id,
            applier=lambda guarded, ledger, sizes: self._applier(cycle, guarded, ledger, sizes),
            web=lambda guarded, ledger: self._web(cycle, guarded, ledger),
            moment=_moment,
            dry_run=rooms.dry_run,
            rested=task.lightly and near is not None,
        )
        return cycle

    def _applier(
        self, cycle: Cycle, guarded: Guarded, ledger: Ledger, sizes: Mapping[Checksum, int]
    ) -> Applier:
        """What carries a guarded plan out; imported once there is one."""
        from syncd.applier.apply import Applier  # noqa: PLC0415
        from syncd.applier.files import FileChanges  # noqa: PLC0415
        from syncd.applier.remains import Remains  # noqa: PLC0415
        from syncd.applier.transfers import Transfers  # noqa: PLC0415

        store, settings, media = self.arrival.store, self.rooms.settings, self.arrival.media
        assert store is not None
        return Applier(
            files=FileChanges(
                folder=media, catalog=self.rooms.catalog, ledger=ledger, progress=self.progress
            ),
            transfers=Transfers(
                folder=media,
                store=store,
                ledger=ledger,
                progress=self.progress,
                threads=settings.s3.transfers if settings.s3 else 4,
                sizes=sizes,
            ),
            web=self._web(cycle, guarded, ledger),
            ledger=ledger,
            progress=self.progress,
            sizes=sizes,
            remains=Remains(
                self.rooms.state,
                media,
                store,
                cycle.tree_id,
                sizes,
                asks=self.arrival.files is None,
            ),
        )

    def _web(self, cycle: Cycle, guarded: Guarded, ledger: Ledger) -> WebChanges:
        """What changes Gramps Web."""
        rooms, settings = self.rooms, self.rooms.settings
        return WebChanges(
            catalog=rooms.catalog,
            rivals=Rivals(rooms.catalog, cycle.cursor),
            folder=self.arrival.media,
            ledger=ledger,
            progress=self.progress,
            family=FamilyObjects(rooms.catalog, rooms.desktop, ledger),
            new_objects=NewObjects(settings.new_objects.private, settings.new_objects.tag),
            on_web=settings.deletions.on_web,
            may_strip=guarded.may_strip,
        )


@contextmanager
def _media_folder(settings: Settings) -> Iterator[MediaFolder]:
    """The folder, or a stop where it is missing though it was synced before."""
    if not settings.media_dir.is_dir():
        raise_stop(missing_folder_stop(settings.media_dir))
    with MediaFolder(settings.media_dir) as media:
        yield media


def _files(
    settings: Settings, location: MediaLocation, catalog: Catalog, state: State, rooms: ExitStack
) -> FileServer:
    """Open the files of a Gramps Web that keeps them on its own disk."""
    files = doorstep.open_files(settings, location, catalog, state)
    rooms.callback(files.close)
    return files


def _first_object(settings: Settings, catalog: Catalog, file: FolderFile) -> NewObject:
    """How the first object of an empty tree looks: as every new one."""
    new = settings.new_objects
    tags = (catalog.tag(new.tag),) if new.tag else ()
    return new_object(file, "", file.path.key, private=new.private, tags=tags)


def _told_of_damage(state: State) -> list[Notice]:
    """Say that a damaged state file was set aside."""
    if state.set_aside is None:
        return []
    return [
        Notice(
            f"the state file was damaged ({state.damage}) and was set aside; everything is compared anew, "
            "and nothing is deleted",
            str(state.set_aside),
        )
    ]


def _told_of_version(server: ServerInfo) -> list[Notice]:
    """Say that this syncd is not tested with the server's version."""
    return [Notice(server.untested, "", lasts=True)] if server.untested else []


def _moment() -> Moment:
    """Now and here."""
    now = datetime.now().astimezone()
    return Moment(int(now.timestamp()), now.date().isoformat(), socket.gethostname())
