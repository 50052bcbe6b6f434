"""What is open for a command that works on what was synced: folder, state, Gramps Web and the place of the bytes.

Nothing is opened before all that stops a sync was looked at: whatever stops a sync stops these commands, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from syncd import doorstep
from syncd.adoption import owner
from syncd.applier.disk import MediaFolder
from syncd.belonging import identity_of
from syncd.bucket import S3Store
from syncd.bucket.upkeep import Upkeep
from syncd.config import Settings
from syncd.errors import Denied, Refused, StopError
from syncd.gramps.client import GrampsWeb
from syncd.gramps.disk import DiskStore
from syncd.guard import find_server_stop, missing_folder_stop, raise_stop
from syncd.housekeeping import recover
from syncd.ignore import IgnoreRules, is_ours
from syncd.model import FolderFile
from syncd.model.policy import Policy
from syncd.observer import Arrival
from syncd.ports import FileServer, MediaLocation, NewObject
from syncd.state import Binding, State


@dataclass(frozen=True, slots=True)
class Bound:
    """What is open.

    Args:
        settings: the configuration.
        state: locked, or a copy in memory.
        binding: what the state belongs to; the server was found to be that.
        media: the media folder; it was found to be that, too.
        ignored: what stays out of it.
        catalog: connected.
        bucket: where the bytes are; None where the server keeps them on its own disk.
        upkeep: the bucket's keys.
        disk: the same on the server's own disk.
    """

    settings: Settings
    state: State
    binding: Binding
    media: MediaFolder
    ignored: IgnoreRules
    catalog: GrampsWeb
    bucket: S3Store | None
    upkeep: Upkeep | None
    disk: DiskStore | None

    @property
    def store(self) -> S3Store | DiskStore:
        """Where the bytes are."""
        store = self.bucket or self.disk
        assert store is not None
        return store

    @property
    def policy(self) -> Policy:
        """The rules of the merge."""
        return self.settings.policy(lambda path: not is_ours(path) and self.ignored.matches(path))


@contextmanager
def open_bound(settings: Settings, *, keep: bool) -> Iterator[Bound]:
    """Open everything, once all that stops a sync was looked at.

    Args:
        settings: the configuration.
        keep: take the locks of state and folder, and put in its place what an interruption left; else nothing is written
            anywhere.

    Raises:
        ConfigError: `[s3]` names another place than was synced.
        StopError: what is found is not what was synced, or nothing was synced to the end yet.
        Denied: the login may not see private objects.
    """
    with ExitStack() as stack:
        if keep:
            stack.enter_context(doorstep.lock_state(settings))
        state = stack.enter_context(State.open(settings.state_file, read_only=not keep))
        binding = state.binding()
        if binding is None or binding.first_contact:
            raise StopError("this computer was not synced to the end yet", "run: syncd --once")
        catalog = doorstep.open_catalog(settings)
        stack.callback(catalog.close)
        media = check(settings, state, catalog, stack)
        if keep:
            stack.enter_context(doorstep.lock_folder(settings))
            recover(media, state)
        ignored = IgnoreRules.load(settings.media_dir, settings.ignore)
        location = MediaLocation(binding.bucket, binding.prefix)
        bucket = upkeep = disk = None
        if binding.bucket is None:
            disagreement = doorstep.compare(settings, location)
            if disagreement is not None:
                raise disagreement
            disk = catalog.files(state)
            stack.callback(disk.close)
        else:
            bucket = doorstep.open_store(settings, location)
            stack.callback(bucket.close)
            upkeep = bucket.upkeep()
        yield Bound(settings, state, binding, media, ignored, catalog, bucket, upkeep, disk)


def check(settings: Settings, state: State, catalog: GrampsWeb, stack: ExitStack) -> MediaFolder:
    """See that folder, tree, history and rights are those that were synced; the folder is open from then on.

    Raises:
        StopError: they are not.
        Denied: the login may not see private objects.
    """
    if not settings.media_dir.is_dir():
        raise_stop(missing_folder_stop(settings.media_dir))
    media = stack.enter_context(MediaFolder(settings.media_dir))
    arrival = Arrival(
        media_dir=settings.media_dir,
        media=media,
        state=state,
        state_name=owner(settings.state_file),
        catalog=catalog,
        open_store=_no_store,
        open_files=_no_files,
        keep=False,
        new_object=_no_object,
        config_file=settings.source,
    )
    arrival.check_folder()
    server = arrival.check_server()
    if "ViewPrivate" not in server.permissions:
        raise Denied(
            f"the Gramps Web account '{server.user}' may not see private objects, whose files would look like nobody's",
            "ask who runs Gramps Web to give it the role Editor",
        )
    return media


def check_place(catalog: GrampsWeb, binding: Binding, handles: Sequence[str]) -> None:
    """See that Gramps Web keeps the files of these objects where this state believes.

    Raises:
        StopError: it keeps them elsewhere, or none of the objects tells.
    """
    for handle in handles:
        try:
            found = catalog.location(handle)
        except Refused:
            continue
        if (found.bucket, found.prefix) != (binding.bucket, binding.prefix):
            bound = identity_of(binding)
            # Only the place differs: tree and rights were looked at before.
            raise_stop(find_server_stop(bound, replace(bound, bucket=found.bucket, prefix=found.prefix)))
        return
    raise StopError(
        "Gramps Web does not tell where it keeps its media, so nobody knows whether this is its bucket",
        "look into Gramps Web whether its media objects are as they should be",
    )


def _no_store(location: MediaLocation) -> S3Store:
    raise AssertionError(location)


def _no_files(location: MediaLocation) -> FileServer:
    raise AssertionError(location)


def _no_object(file: FolderFile) -> NewObject:
    raise AssertionError(file)
