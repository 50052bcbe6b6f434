"""Files of the folder that are put back: content that was replaced, names that were changed, files that went to the trash.

The next run takes it for what a person did, and carries it over.
"""

from __future__ import annotations

from contextlib import suppress

from syncd.applier.disk import MediaFolder, Ready
from syncd.bound import Bound
from syncd.errors import MovedOn, NotUndone, Unexpected
from syncd.model import Checksum, FolderFile, MediaPath, parse_checksum
from syncd.model.numbers import NumberKind
from syncd.model.plan import Before
from syncd.model.values import look_for_copy
from syncd.state import Event, TrashEntry
from syncd.undoing.done import Undone
from syncd.undoing.returning import folds_beside, is_changed, restore_file

_SEE = "see what it went through since: syncd history FILE"
_SYNC = "run syncd --once first, then look again: syncd history FILE"
_REASON = "replaced by syncd undo"


def put_former_back(rooms: Bound, event: Event) -> Undone:
    """Put the content back that a file had; what it has now goes to the trash."""
    path, former = MediaPath.of(event.path), parse_checksum(event.before.checksum or "")
    file = standing(rooms.media, path)
    if former is None or file is None or file.checksum != event.checksum:
        raise NotUndone(
            f"'{path}' is not as it was then: it was changed, moved or deleted since",
            f"{_SEE}; the former file can be put beside it with: syncd trash restore",
        )
    with _former(rooms, event, former) as ready:
        size = ready.size
        try:
            placed = rooms.media.place(ready, path, replaces=file, reason=_REASON, handle=event.handle)
        except MovedOn as error:
            raise NotUndone(f"'{path}' changes just now", "try again") from error
    trashed = placed.trashed
    if trashed is not None:
        rooms.state.add_trash(trashed)
    return Undone(
        f"Put back: what '{path}' held before; what it held until now is in the trash",
        path.text,
        former,
        size,
        "brings it into Gramps Web",
        Before(checksum=file.checksum, kept_as=trashed.kept_as if trashed is not None else None),
    )


def _former(rooms: Bound, event: Event, former: Checksum) -> Ready:
    """The former content, verified: from the trash, which keeps it, or else from where Gramps Web keeps its media."""
    kept_as = event.before.kept_as
    if kept_as is not None and any(entry.kept_as == kept_as for entry in rooms.state.trash()):
        with suppress(MovedOn):
            return rooms.media.copy_from_trash(kept_as, former)
    store = rooms.store
    store.bring_back([former], tree_id=rooms.binding.tree_id)
    try:
        with rooms.media.incoming(former) as part:
            store.get(former, part.file)
            return part.finish()
    except (MovedOn, Unexpected) as error:  # it is not there, or has other bytes
        raise NotUndone(
            "the former content is neither in the trash nor where Gramps Web keeps its media",
            look_for_copy(former),
        ) from error


def move_back(rooms: Bound, event: Event) -> Undone:
    """Give a file the name that it had."""
    path, former = MediaPath.of(event.path), MediaPath.of(event.before.path or "")
    links = rooms.state.links_of({event.handle or ""})
    if not links or links[0].place != path:
        raise NotUndone(f"the file is not called '{path}' any more", _SEE)
    file = standing(rooms.media, path)
    if file is None or file.checksum != links[0].checksum:
        raise NotUndone(f"'{path}' was changed or moved, and that is not synced yet", _SYNC)
    item = rooms.catalog.get(links[0].handle)
    if item is None or item.path != links[0].named:
        raise NotUndone(f"'{path}' was moved or deleted in Gramps Web, and that is not synced yet", _SYNC)
    if former.fold != path.fold and former.fold in folds_beside(rooms.media.root, former):
        raise NotUndone(
            f"another file is called '{former}' now", "give that one another name first, then try again"
        )
    try:
        moved = rooms.media.move(file, former, prune=True)
    except MovedOn as error:
        raise NotUndone(f"'{path}' cannot be called '{former}': {error.reason}", "try again") from error
    return Undone(
        f"Moved back: '{path}' is called '{former}' again",
        former.text,
        moved.checksum,
        moved.size,
        "gives it that name in Gramps Web, too" if rooms.bucket is not None else "",
        Before(path=path.text),
    )


def bring_back(rooms: Bound, event: Event) -> Undone:
    """Bring a file back from the trash; the next run brings back the object whose deletion put it there."""
    path = MediaPath.of(event.path)
    entry = _entry(rooms, event)
    if entry is None:
        raise NotUndone(
            f"the trash does not hold '{path}' any more: it was brought back, or taken out by hand", _SEE
        )
    if path.fold in folds_beside(rooms.media.root, path):
        raise NotUndone(
            f"another file is called '{path}' now",
            f"bring it back under another name: syncd trash restore {NumberKind.TRASHED.written(entry.id)} --to PATH",
        )
    file = restore_file(rooms.state, rooms.media, entry, path)
    changed = (
        "; its bytes changed in the trash: see whether it is all right" if is_changed(entry, file) else ""
    )
    return Undone(
        f"Brought back: '{file.path}'{changed}",
        file.path.text,
        file.checksum,
        file.size,
        "brings it back in Gramps Web, with its description, attributes and references",
    )


def _entry(rooms: Bound, event: Event) -> TrashEntry | None:
    """The file in the trash; by what it belonged to, where the history does not say where it was put."""
    for entry in reversed(rooms.state.trash()):
        if entry.kept_as == event.before.kept_as:
            return entry
        unnamed = event.before.kept_as is None and event.handle is not None
        if unnamed and (entry.handle, entry.checksum) == (event.handle, event.checksum):
            return entry
    return None


def standing(media: MediaFolder, path: MediaPath) -> FolderFile | None:
    """The file at a path as it is now, read to its end.

    Raises:
        NotUndone: somebody is writing it.
    """
    try:
        return media.look_at(path)
    except MovedOn as error:
        raise NotUndone(f"'{path}' is being written just now", "try again when that is done") from error
