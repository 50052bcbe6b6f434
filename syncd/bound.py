"""For commands beside the sync: whatever stops a sync stops them, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NoReturn

from syncd.adoption import owner
from syncd.applier.disk import MediaFolder
from syncd.belonging import identity_of
from syncd.config import Settings
from syncd.errors import Refused, StopError
from syncd.guard import find_server_stop, missing_folder_stop
from syncd.observer import Arrival
from syncd.ports import Catalog, MediaLocation, ServerInfo
from syncd.state import Binding, State


def check_folder_is_there(settings: Settings) -> None:
    """See that the media folder is there.

    Raises:
        StopError: it is not.
    """
    if not settings.media_dir.is_dir():
        stop = missing_folder_stop(settings.media_dir)
        raise StopError(stop.reason, stop.remedy)


def check_bound(settings: Settings, state: State, catalog: Catalog, media: MediaFolder) -> ServerInfo:
    """Log in, and see that folder, state, tree and rights are those that were synced.

    Raises:
        StopError: they are not.
    """
    arrival = Arrival(
        media_dir=settings.media_dir,
        media=media,
        state=state,
        state_name=owner(settings.state_file),
        catalog=catalog,
        open_store=_never,
        open_files=_never,
        keep=False,
        new_object=_never,
        config_file=settings.source,
    )
    arrival.check_folder()
    return arrival.check_server()


def check_place(catalog: Catalog, binding: Binding, handles: Iterable[str]) -> None:
    """See that Gramps Web keeps the files of these objects where the state believes.

    Raises:
        StopError: it keeps them elsewhere, or none of the objects tells.
    """
    for handle in handles:
        try:
            found = catalog.location(handle)
        except Refused:
            continue
        if found != MediaLocation(binding.bucket, binding.prefix):
            bound = identity_of(binding)
            # Only the place differs: tree and rights were looked at before.
            stop = find_server_stop(bound, replace(bound, bucket=found.bucket, prefix=found.prefix))
            assert stop is not None
            raise StopError(stop.reason, stop.remedy)
        return
    raise StopError(
        "Gramps Web does not tell where it keeps its media, so nobody knows whether this is its bucket",
        "look into Gramps Web whether its media objects are as they should be",
    )


def _never(wanted: object) -> NoReturn:
    """The place of the media is not opened by the look at whom this is about."""
    raise AssertionError(wanted)
