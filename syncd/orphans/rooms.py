"""What collecting needs open, and the reasons for which it does not even begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

from syncd import doorstep
from syncd.bound import check
from syncd.bucket.upkeep import Upkeep
from syncd.config import Settings
from syncd.errors import ServerError, StopError
from syncd.gramps.client import GrampsWeb
from syncd.ports import MediaLocation
from syncd.state import Binding, State


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is open.

    Args:
        settings: the configuration.
        state: locked, or a copy in memory.
        binding: what the state belongs to; the server was found to be that.
        catalog: connected.
        upkeep: the bucket's keys.
    """

    settings: Settings
    state: State
    binding: Binding
    catalog: GrampsWeb
    upkeep: Upkeep

    @property
    def prefix(self) -> str:
        """What stands before the checksum in this tree's keys."""
        return self.binding.prefix

    @property
    def has_own_prefix(self) -> bool:
        """Whether Gramps Web puts the tree's id before its keys, so that they are nobody else's."""
        return f"/{self.binding.prefix}".endswith(f"/{self.binding.tree_id}/")


@contextmanager
def open_rooms(settings: Settings, *, keep: bool) -> Iterator[Rooms]:
    """Open state, Gramps Web and bucket, once all that stops a sync was looked at.

    Args:
        settings: the configuration.
        keep: take the state's lock and write to it; else nothing is written anywhere on this computer.

    Raises:
        ConfigError: `[s3]` names another bucket than was synced.
        StopError: there is no bucket, what is found is not what was synced, or nothing was synced yet.
        Denied: the login may not see private objects.
    """
    with ExitStack() as stack:
        if keep:
            stack.enter_context(doorstep.lock_state(settings))
        state = stack.enter_context(State.open(settings.state_file, read_only=not keep))
        binding = state.binding()
        if binding is not None and binding.bucket is None:
            raise _own_disk(settings)
        if binding is None or binding.first_contact:
            if settings.s3 is not None and _keeps_on_disk(settings):
                raise _own_disk(settings)
            raise StopError(
                "this computer was not synced to the end yet, so nobody knows which files belong to its tree",
                "run: syncd --once",
            )
        catalog = doorstep.open_catalog(settings)
        stack.callback(catalog.close)
        check(settings, state, catalog, stack)
        store = doorstep.open_store(settings, MediaLocation(binding.bucket, binding.prefix))
        stack.callback(store.close)
        yield Rooms(settings, state, binding, catalog, store.upkeep())


def _own_disk(settings: Settings) -> StopError:
    """Why nothing can be looked through on a server without a bucket."""
    ask = "ask who runs Gramps Web to look for files that no media object names"
    left = "" if settings.s3 is None else "; and take the section [s3] out of the configuration"
    return StopError(
        "Gramps Web keeps its media on its own disk, and only a bucket can be looked through from here",
        ask + left,
    )


def _keeps_on_disk(settings: Settings) -> bool:
    """Whether the server, of which this state knows nothing yet, says that it has no bucket."""
    with suppress(ServerError), closing(doorstep.open_catalog(settings)) as catalog:
        catalog.connect()
        objects = catalog.list()[0].objects
        for handle in islice((h for h, item in objects.items() if item.digest), 1):
            return catalog.location(handle).bucket is None
    return False
