"""What a verification needs open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from syncd import doorstep
from syncd.applier.disk import MediaFolder
from syncd.bound import check_bound, check_folder_is_there
from syncd.bucket.upkeep import Upkeep
from syncd.config import Settings
from syncd.errors import StopError
from syncd.gramps.client import GrampsWeb
from syncd.housekeeping import recover
from syncd.ignore import IgnoreRules, is_ours
from syncd.model.policy import Policy
from syncd.ports import FileServer, MediaLocation, Store
from syncd.state import Binding, State


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is open.

    Args:
        settings: the configuration.
        state: locked, or a copy in memory.
        binding: what the state belongs to; the server was found to be that.
        catalog: connected.
        media: the media folder; locked together with the state.
        ignored: what stays out of it.
        store: the bytes.
        upkeep: the bucket's keys; None where there is no bucket.
        files: the store of a server with its own disk; None where there is a bucket.
    """

    settings: Settings
    state: State
    binding: Binding
    catalog: GrampsWeb
    media: MediaFolder
    ignored: IgnoreRules
    store: Store
    upkeep: Upkeep | None
    files: FileServer | None

    @property
    def policy(self) -> Policy:
        """The rules of the merge."""
        return self.settings.policy(lambda path: not is_ours(path) and self.ignored.matches(path))


@contextmanager
def open_rooms(settings: Settings, *, keep: bool) -> Iterator[Rooms]:
    """Open state, folder, Gramps Web and the place of the media, once all that stops a sync was looked at.

    Args:
        settings: the configuration.
        keep: take both locks and write; else nothing is written anywhere.

    Raises:
        ConfigError: `[s3]` names another bucket than was synced.
        StopError: what is found is not what was synced, or nothing was synced yet.
    """
    with ExitStack() as stack:
        if keep:
            stack.enter_context(doorstep.lock_state(settings))
        state = stack.enter_context(State.open(settings.state_file, read_only=not keep))
        binding = state.binding()
        if binding is None:
            raise StopError(
                "this computer was not synced yet, so there is nothing to compare with", "run: syncd --once"
            )
        check_folder_is_there(settings)
        media = stack.enter_context(MediaFolder(settings.media_dir))
        catalog = doorstep.open_catalog(settings)
        stack.callback(catalog.close)
        check_bound(settings, state, catalog, media)
        if keep:
            stack.enter_context(doorstep.lock_folder(settings))
            recover(media, state)
        ignored = IgnoreRules.load(settings.media_dir, settings.ignore)
        location = MediaLocation(binding.bucket, binding.prefix)
        store: Store
        upkeep, files = None, None
        if binding.bucket is None:
            store = files = doorstep.open_files(settings, location, catalog, state)
        else:
            store = bucket = doorstep.open_store(settings, location)
            upkeep = bucket.upkeep()
        stack.callback(store.close)
        yield Rooms(settings, state, binding, catalog, media, ignored, store, upkeep, files)
