"""Which events can be put back, by what, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.bound import Bound
from syncd.errors import NotUndone
from syncd.model import MediaPath
from syncd.model.numbers import NumberKind
from syncd.model.plan import Done
from syncd.model.values import DAY_SECONDS
from syncd.state import Deed, Event
from syncd.undoing import files, objects
from syncd.undoing.done import Undone

__all__ = ["Undone", "undo"]

_CYCLE = "undo"
"""What the history names in place of a cycle."""

_NOTHING_LOST: Mapping[str, tuple[str, str]] = {
    "uploaded": (
        "this only put a copy into the bucket, where nothing was replaced",
        "what no media object names is listed by: syncd orphans",
    ),
    "linked": ("this only noted that both sides have the same file", "nothing needs to be put back"),
    "restored": (
        "this brought a media object back, which was deleted in Gramps Web before",
        "delete it there once more, if it is to go",
    ),
    "repaired": (
        "this healed bytes that were missing or damaged",
        "nothing needs to be put back; what a file held while it was damaged is in the trash",
    ),
    "returned": ("this brought a file back from the trash", "delete it once more, if it is to go"),
    "conflict": ("both versions are in the media folder", "choose between them; see: syncd conflicts"),
}


def undo(rooms: Bound, event: Event, *, now: float) -> Undone:
    """Put one thing back that was done.

    Args:
        rooms: what is open, for writing.
        event: what was done.
        now: Unix seconds.

    Returns:
        What was done, in words, and what the next run does about it.

    Raises:
        NotUndone: it cannot be put back (any more); nothing was changed.
        ServerError, FolderError: something refuses.
    """
    days = rooms.settings.deletions.trash_days
    if event.undone is not None:
        raise NotUndone("it was put back already", "what was done since is shown by: syncd history FILE")
    if event.at < now - days * DAY_SECONDS:
        raise NotUndone(
            f"it is more than {days} days ago",
            "what is older cannot be put back (deletions.trash_days); look for a copy in your backup",
        )
    way_back = _way_back(event)
    _see_that_it_counts(rooms, event)
    undone = way_back(rooms, event)
    why = f"number {NumberKind.EVENT.written(event.id)} was undone{undone.note}"
    done = Done("undone", undone.path, event.handle, undone.checksum, undone.size, why)
    state = rooms.state
    with state.batch():
        state.record([Deed(done, undone.before)], cycle=_CYCLE, at=now)
        state.mark_undone(event.id, now)
    return undone


def _way_back(event: Event) -> Callable[[Bound, Event], Undone]:
    """What puts an event back.

    Raises:
        NotUndone: nothing does.
    """
    before = event.before
    if event.kind in ("fetched", "copied", "undone") and before.kept_as is not None:
        return files.put_former_back
    if event.kind in ("moved", "undone") and before.path is not None:
        return files.move_back
    known: Mapping[str, Callable[[Bound, Event], Undone]] = {
        "trashed": files.bring_back,
        "deleted": objects.bring_back,
        "added": objects.take_away,
        "updated": objects.change_back,
    }
    if event.kind in known:
        return known[event.kind]
    raise NotUndone(*_NOTHING_LOST.get(event.kind, _unknown(event)))


def _see_that_it_counts(rooms: Bound, event: Event) -> None:
    """See that the next run will see the file where it is to be.

    At an ignored place it is out of sight: one that is moved there counts as deleted, and its object would go.

    Raises:
        NotUndone: it is ignored there.
    """
    back = MediaPath.of(event.path if event.before.path is None else event.before.path)
    if rooms.ignored.matches(back):
        raise NotUndone(
            f"'{back}' is ignored now: syncd does not look at files there",
            "take the pattern out of `ignore` in the configuration or .syncdignore first, then try again",
        )


def _unknown(event: Event) -> tuple[str, str]:
    if event.kind in ("fetched", "copied"):
        return (
            "this file was new here, so there is nothing to put back in its place",
            "delete the file, or its media object in Gramps Web, if it is to go",
        )
    if event.kind == "moved":
        return (
            "the file kept its name here: only a name that Gramps Web had made of the checksum was replaced",
            "nothing needs to be put back",
        )
    return (
        "this was itself an undo",
        "what the next run made of it has a number of its own: syncd history FILE",
    )
