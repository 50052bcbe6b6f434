"""Objects of Gramps Web that are put back: deleted ones, changed ones, and added ones, which go again.

The next run takes it for what a person did there, and carries it over.
"""

from __future__ import annotations

import time
from dataclasses import replace

from syncd.bound import Bound
from syncd.errors import NotUndone, Refused
from syncd.model import Checksum, Detached, Link, MediaObject, parse_checksum
from syncd.model.plan import Why
from syncd.model.values import look_for_copy
from syncd.ports import Changed, Deletion, ObjectChange, Rejected
from syncd.state import Event, Undo
from syncd.undoing.done import Undone
from syncd.undoing.files import standing
from syncd.undoing.returning import bring_back_object, without_bytes

_SEE = (
    "undo first what came after it, newest first, with syncd --once in between: syncd history FILE lists it"
)
_CHANGED = "the media object is not as this left it: it was changed since"


def bring_back(rooms: Bound, event: Event) -> Undone:
    """Bring back an object that was deleted because its file was, with all that refers to it."""
    handle = event.handle or ""
    if rooms.catalog.get(handle) is not None:
        raise NotUndone(
            f"'{event.path}' is in Gramps Web again", "the next run fetches its file: syncd --once"
        )
    kept = rooms.state.undo_for(handle)
    if kept is None:
        raise NotUndone(
            "what Gramps Web answered to the deletion is not kept any more",
            "undo the deletion in Gramps Web, in the history of the tree",
        )
    try:
        bring_back_object(rooms.catalog, handle, kept.undo)
    except Refused as error:
        raise NotUndone(
            f"Gramps Web does not bring it back: {error.reason}",
            error.remedy or "nothing was changed; its file is still where Gramps Web keeps its media",
        ) from error
    rooms.state.drop_undos([handle])
    text = f"Brought back in Gramps Web: '{event.path}', with its description, attributes and references"
    has_bytes = _has_bytes(rooms, kept)
    return Undone(
        text if has_bytes else f"{text}; {without_bytes(kept)}",
        event.path,
        event.checksum,
        event.size,
        "fetches its file into the media folder" if has_bytes else "",
        note="" if has_bytes else ", but nobody has its bytes",
    )


def _has_bytes(rooms: Bound, kept: Undo) -> bool:
    """Whether the next run can fetch the file of an object that came back, as far as anybody knows."""
    if rooms.bucket is None or kept.checksum is None:
        return not kept.is_lost
    wanted = [kept.checksum]
    tree_id = rooms.binding.tree_id
    return bool(rooms.bucket.sizes(wanted) or rooms.bucket.bring_back(wanted, tree_id=tree_id))


def change_back(rooms: Bound, event: Event) -> Undone:
    """Have an object name the content again that it named before; the next run fetches that."""
    former = parse_checksum(event.before.checksum or "")
    if former is None:
        raise NotUndone(
            "the media object had no checksum before, or only another path", "nothing needs to be put back"
        )
    item, link = _as_left(rooms, event)
    change = ObjectChange(item, checksum=former)
    if rooms.bucket is not None:
        _see_that_it_is_stored(rooms, former)
    elif event.before.named is not None:
        # On a server's own disk the former content is at the former path, and nowhere else.
        change = replace(change, path=event.before.named)
    (answer,) = rooms.catalog.update([change])
    if isinstance(answer, Changed):
        raise NotUndone(_CHANGED, _SEE)
    if isinstance(answer, Rejected):
        raise NotUndone(
            f"Gramps Web does not take the change: {answer.problem.reason}", answer.problem.remedy
        )
    _see_that_it_is_served(rooms, answer.object, item)
    return Undone(
        f"Put back in Gramps Web: what '{link.path}' held before",
        link.path.text,
        former,
        None,
        "fetches that into the media folder; what the file holds until then goes to the trash",
    )


def _see_that_it_is_stored(rooms: Bound, former: Checksum) -> None:
    """See that the bucket has the former content, back from the quarantine if it must be, and byte for byte."""
    upkeep, name = rooms.upkeep, rooms.binding.prefix + former
    assert upkeep is not None
    key = upkeep.look(name)
    if key is None and rooms.store.bring_back([former], tree_id=rooms.binding.tree_id):
        key = upkeep.look(name)
    if key is None:
        raise NotUndone("the bucket does not hold the former content any more", look_for_copy(former))
    if key.etag != former and upkeep.digest(key) != former:
        raise NotUndone("the bucket's copy of the former content is damaged", look_for_copy(former))


def _see_that_it_is_served(rooms: Bound, item: MediaObject, was: MediaObject) -> None:
    """See that a server with its own disk has the former content at the former path; else take the change back.

    Only by an object that has the path can be asked what is there.
    """
    if rooms.disk is None:
        return
    served = None
    try:
        served = rooms.disk.examine(item)
    finally:
        if served != item.digest:
            rooms.catalog.update([ObjectChange(item, path=was.path, checksum=was.digest)])
    if served != item.digest:
        raise NotUndone(
            "Gramps Web does not have the former content any more",
            look_for_copy(item.checksum),
        )


def take_away(rooms: Bound, event: Event) -> Undone:
    """Delete an object that was made of a file; the file stays, and is not added again unless it is changed."""
    item, link = _as_left(rooms, event)
    if not rooms.catalog.is_as_made(item):
        # The first object of a tree gets its path by a change of ours: not every change was somebody's.
        raise NotUndone(
            "the media object is no longer as it was when it was made",
            "delete it in Gramps Web, if it is to go with all that was written about it",
        )
    if any(rooms.catalog.references(item.handle).values()):
        raise _referred_to()
    state = rooms.state
    # Before it is deleted: killed in between, the next run must not take the file for one that somebody wants deleted.
    state.put_links([replace(link, detached=Detached.OBJECT_GONE)])
    try:
        answer = _delete(rooms, item)
    except BaseException:
        state.put_links([link])  # should it be gone after all, its file goes to the trash, which keeps it
        raise
    state.add_undo(
        item.handle,
        link.path.text,
        link.checksum,
        answer.undo,
        time.time(),
        named=item.path,
        why=Why.ADDITION_UNDONE,
    )
    return Undone(
        f"Deleted in Gramps Web: '{link.path}'; the file stays in the media folder, and is added again once it is changed",
        link.path.text,
        link.checksum,
        event.size,
        note=": its media object was deleted again, and the file stayed",
    )


def _delete(rooms: Bound, item: MediaObject) -> Deletion:
    answer = rooms.catalog.delete(item)
    if isinstance(answer, Changed):
        raise NotUndone(_CHANGED, _SEE)
    if answer.touched:
        rooms.catalog.undo(answer.undo)
        raise _referred_to()
    return answer


def _referred_to() -> NotUndone:
    return NotUndone(
        "people, events or other records refer to the media object by now",
        "take it out of their galleries first, or delete it in Gramps Web",
    )


def _as_left(rooms: Bound, event: Event) -> tuple[MediaObject, Link]:
    """The object and its link, if object and file are as the event left them.

    Raises:
        NotUndone: they are not.
    """
    handle = event.handle or ""
    item = rooms.catalog.get(handle)
    if item is None:
        raise NotUndone("the media object is not in Gramps Web any more", _SEE)
    link = next(iter(rooms.state.links_of({handle})), None)
    if link is None or link.detached is not None or (item.digest, item.path) != (event.checksum, link.named):
        raise NotUndone(_CHANGED, _SEE)
    file = standing(rooms.media, link.place)
    if file is None or file.checksum != event.checksum:
        raise NotUndone(
            f"the file '{link.place}' is not as it was then: it was changed, moved or deleted since", _SEE
        )
    return item, link
