"""One run, as `syncd --once` makes it: open the rooms, run the cycle, tidy up, close."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from syncd import doorstep
from syncd.adoption import owner
from syncd.applier.apply import Applier
from syncd.applier.disk import MediaFolder
from syncd.applier.family import FamilyObjects
from syncd.applier.files import FileChanges
from syncd.applier.ledger import Ledger
from syncd.applier.rivals import Rivals
from syncd.applier.transfers import Transfers
from syncd.applier.web import NewObjects, WebChanges, new_object
from syncd.config import Settings, check_media_dir
from syncd.cycle import Cycle
from syncd.errors import StopError
from syncd.guard import missing_folder_stop
from syncd.housekeeping import keep_house, recover
from syncd.ignore import IgnoreRules, is_ours
from syncd.model import Checksum, FolderFile, Stop
from syncd.model.plan import Guarded, Notice, Outcome
from syncd.model.policy import Moment, Policy
from syncd.observer import Observer
from syncd.ports import Catalog, FileServer, MediaLocation, NewObject, Progress, ServerInfo, Store
from syncd.state import State


def run_once(settings: Settings, *, full: bool, dry_run: bool, progress: Progress) -> Outcome:
    """Bring folder, Gramps Web and bucket in step, once.

    Args:
        settings: the configuration.
        full: list everything, whatever the history says.
        dry_run: only find out what would be done; not a byte is written anywhere.
        progress: told what is going on.

    Returns:
        What was done (or would be) and what is left; a stop is part of it.

    Raises:
        SyncdError: the run could not begin or not go on; what was done until then is recorded.
    """
    begun = time.monotonic()
    try:
        with _opened(settings, full=full, dry_run=dry_run, progress=progress) as (cycle, notices):
            outcome = cycle.run()
    except StopError as error:
        outcome, notices = Outcome(dry_run=dry_run, stop=Stop(error.reason, error.remedy)), []
    return replace(outcome, notices=(*notices, *outcome.notices), seconds=time.monotonic() - begun)


@contextmanager
def _opened(
    settings: Settings, *, full: bool, dry_run: bool, progress: Progress
) -> Iterator[tuple[Cycle, list[Notice]]]:
    """Open everything in the order in which it may be refused, and close it again, tidied up."""
    with ExitStack() as rooms:
        desktop = doorstep.open_desktop(settings, os.environ)
        if not dry_run:
            rooms.enter_context(doorstep.lock_state(settings))
        state = rooms.enter_context(State.open(settings.state_file, read_only=dry_run))
        notices = _told_of_damage(state)
        if state.binding() is None:
            check_media_dir(settings)
        media = rooms.enter_context(_media_folder(settings))
        ignored = IgnoreRules.load(settings.media_dir, settings.ignore)
        catalog = doorstep.open_catalog(settings)
        rooms.callback(catalog.close)
        observer = Observer(
            media_dir=settings.media_dir,
            media=media,
            state=state,
            state_name=owner(settings.state_file),
            catalog=catalog,
            open_store=lambda location: _bucket(settings, location, rooms),
            open_files=lambda location: _files(settings, location, catalog, state, rooms),
            ignored=ignored,
            progress=progress,
            keep=not dry_run,
            full=full,
            full_check_every=settings.daemon.full_check_every,
            make_bucket=settings.s3 is not None and settings.s3.create_bucket,
            new_object=lambda file: _first_object(settings, catalog, file),
            desktop=desktop,
            config_file=settings.source,
        )
        observer.check_folder()
        if not dry_run:
            rooms.enter_context(doorstep.lock_folder(settings))
            observer.check_folder()  # again: another state's first run may have come in between
            notices += recover(media, state)
        server = observer.check_server()
        notices += _told_of_version(server)
        opened = _Rooms(settings, state, media, catalog, observer, progress)
        yield (
            opened.cycle(
                settings.policy(lambda path: not is_ours(path) and ignored.matches(path)),
                server.tree_id,
                dry_run=dry_run,
            ),
            notices,
        )
        if not dry_run:
            keep_house(media, state, observer.store, trash_days=settings.deletions.trash_days)


@contextmanager
def _media_folder(settings: Settings) -> Iterator[MediaFolder]:
    """The folder, or a stop where it is missing though it was synced before."""
    if not settings.media_dir.is_dir():
        stop = missing_folder_stop(settings.media_dir)
        raise StopError(stop.reason, stop.remedy)
    with MediaFolder(settings.media_dir) as media:
        yield media


def _bucket(settings: Settings, location: MediaLocation, rooms: ExitStack) -> Store:
    """Open the bucket where Gramps Web says it is."""
    store = doorstep.open_store(settings, location)
    rooms.callback(store.close)
    return store


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


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What is open during a run."""

    settings: Settings
    state: State
    media: MediaFolder
    catalog: Catalog
    observer: Observer
    progress: Progress

    def cycle(self, policy: Policy, tree_id: str, *, dry_run: bool) -> Cycle:
        """The cycle of this run."""
        return Cycle(
            state=self.state,
            observer=self.observer,
            catalog=self.catalog,
            policy=policy,
            tree_id=tree_id,
            applier=self.applier,
            web=self.web,
            moment=_moment,
            dry_run=dry_run,
        )

    def applier(self, guarded: Guarded, ledger: Ledger, sizes: Mapping[Checksum, int]) -> Applier:
        """What carries a guarded plan out."""
        store, settings = self.observer.store, self.settings
        assert store is not None
        return Applier(
            files=FileChanges(folder=self.media, catalog=self.catalog, ledger=ledger, progress=self.progress),
            transfers=Transfers(
                folder=self.media,
                store=store,
                ledger=ledger,
                progress=self.progress,
                threads=settings.s3.transfers if settings.s3 else 4,
                sizes=sizes,
            ),
            web=self.web(guarded, ledger),
            ledger=ledger,
            progress=self.progress,
            sizes=sizes,
        )

    def web(self, guarded: Guarded, ledger: Ledger) -> WebChanges:
        """What changes Gramps Web."""
        settings = self.settings
        return WebChanges(
            catalog=self.catalog,
            rivals=Rivals(self.catalog, self.observer.cursor),
            folder=self.media,
            ledger=ledger,
            progress=self.progress,
            family=FamilyObjects(self.catalog, self.observer.desktop, ledger),
            new_objects=NewObjects(settings.new_objects.private, settings.new_objects.tag),
            on_web=settings.deletions.on_web,
            may_strip=guarded.may_strip,
        )


def _moment() -> Moment:
    """Now and here."""
    now = datetime.now().astimezone()
    return Moment(int(now.timestamp()), now.date().isoformat(), socket.gethostname())
