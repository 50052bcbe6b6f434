"""What is done around a run: what a crash left is put in its place before, and what has had its time is tidied after."""

from __future__ import annotations

import time
from contextlib import suppress

from syncd.applier.disk import MediaFolder
from syncd.applier.failures import Unreadable
from syncd.applier.ground import TRASH
from syncd.errors import MovedOn, SyncdError
from syncd.model import MediaPath
from syncd.model.plan import Notice
from syncd.model.values import DAY_SECONDS
from syncd.ports import Store
from syncd.state import State, TrashEntry

HISTORY_DAYS = 400
"""How long the record of what was done is kept at least: more than a year, so that last summer can be looked up."""


def recover(media: MediaFolder, state: State, *, look_into_trash: bool = True) -> list[Notice]:
    """Put in its place what a crash, or an interruption, left under a name of ours; says what was found.

    To be called before each look: a file that is parked under such a name would look deleted.

    Args:
        media: the media folder, under its lock.
        state: where the trash is listed.
        look_into_trash: whether it may hold more than is listed.
    """
    notices = []
    for found in media.recover():
        if found.trashed is not None:
            state.add_trash(found.trashed)
            notices.append(Notice("left by an interrupted run; it is in the trash now", str(found.path)))
        elif found.stands_at is not None:
            notices.append(
                Notice("left by an interrupted run; it is back in the folder", str(found.stands_at))
            )
    unlisted = media.unlisted_trash({entry.kept_as for entry in state.trash()}) if look_into_trash else []
    for entry in unlisted:
        state.add_trash(entry)
    if unlisted:
        notices.append(
            Notice(
                f"files in the trash that were not listed any more: {len(unlisted)}; syncd trash list shows them again",
                TRASH,
            )
        )
    return notices


def keep_house(media: MediaFolder, state: State, store: Store | None, *, trash_days: int) -> None:
    """Empty the trash of what is old and safe, and close conflicts that a person has settled.

    Args:
        media: the media folder.
        state: where trash and conflicts are listed.
        store: the bucket; without it nothing is deleted.
        trash_days: days that the trash keeps a file at least.
    """
    now = time.time()
    settled = [
        conflict.id
        for conflict in state.conflicts()
        if conflict.kept_as is None or not media.exists(conflict.kept_as)
    ]
    if settled:
        state.resolve_conflicts(settled)
    horizon = now - trash_days * DAY_SECONDS
    old = [entry for entry in state.trash() if entry.at < horizon]
    if old and store is not None:
        _purge(media, state, store, old)
    _forget_restored(media, state)
    forgotten = [undo.handle for undo in state.undos() if undo.at < horizon]
    if forgotten:
        state.drop_undos(forgotten)
    state.forget_events(now - max(HISTORY_DAYS, trash_days) * DAY_SECONDS)


def _forget_restored(media: MediaFolder, state: State) -> None:
    """Take off the list what a person took out of the trash by hand, once its object has a file again."""
    missing = [
        entry
        for entry in state.trash()
        if entry.handle is not None and not media.exists(MediaPath.of(entry.kept_as))
    ]
    if missing:
        linked = {link.handle for link in state.links()}
        state.drop_trash([entry.id for entry in missing if entry.handle in linked])


def _purge(media: MediaFolder, state: State, store: Store, old: list[TrashEntry]) -> None:
    """Delete for good what is old, and only what the bucket says at this moment that it holds whole."""
    with suppress(SyncdError):  # it keeps; the next run tries again
        held = store.sizes(sorted({entry.checksum for entry in old if entry.checksum is not None}))
        for entry in old:
            if entry.checksum is not None and held.get(entry.checksum) == entry.size:
                # It stays if something wrote to it in the trash, or nobody can tell.
                with suppress(MovedOn, Unreadable):
                    media.purge(entry.kept_as, entry.checksum)
                    state.drop_trash([entry.id])
