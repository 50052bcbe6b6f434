"""What was begun in Gramps Web and never written down, because the answer was lost or the process killed.

The intents in the journal tell what that may be, the next look at Gramps Web what became of it. It must be settled before
anything is concluded from that look: otherwise one's own deed is taken for somebody else's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from syncd.model import CatalogSnapshot, Checksum, Link, MediaObject, MediaPath
from syncd.model.plan import Before, Done, Why
from syncd.state import Deed, Intent, State

_CYCLE = "settled"
"""In the history: nobody knows in which cycle it was done."""


def has_unsettled_additions(state: State) -> bool:
    """Whether objects may have been made that are not known here."""
    return bool(_begun(state, "add"))


def settle_additions(state: State, added: Mapping[str, MediaObject]) -> list[Done]:
    """Settle additions whose answer never came: what was made as we asked is linked, whatever happened since.

    So a deletion, a move or an edit after a crash is what it is, on either side. It must be done before the
    cursor moves on: the next look would no longer see what was made.

    Args:
        state: the state.
        added: the objects that were made since the last look, as they were then, by handle.

    Returns:
        What was made, of which nobody was told yet.
    """
    intents = _begun(state, "add")
    if not intents:
        return []
    made: list[Link] = []
    for intent in intents:
        named = intent.detail.get("named", intent.path)
        item = added.get(intent.handle or "")
        if item and intent.path and intent.checksum and (item.path, item.digest) == (named, intent.checksum):
            made.append(Link(item.handle, item.path, MediaPath.of(intent.path), intent.checksum))
    done = [Done("added", link.path.text, link.handle, link.checksum, None, Why.NEW_FILE) for link in made]
    with state.batch():
        state.put_links(made)
        state.record(map(Deed, done), cycle=_CYCLE, at=time.time())
        state.finish([intent.id for intent in intents])
    return done


def settle_changes(state: State, catalog: CatalogSnapshot) -> list[Done]:
    """Settle changes whose answer was never written down: an object that is as we wanted it was changed by us.

    So an edit or a move that the person takes back after a crash is news, and not what Gramps Web shows by now.

    Returns:
        What was changed, of which nobody was told yet.
    """
    intents = _begun(state, "update")
    if not intents:
        return []
    links = {link.handle: link for link in state.links()}
    made: list[Link] = []
    deeds: list[Deed] = []
    for intent in intents:
        item = catalog.objects.get(intent.handle or "")
        after = intent.detail
        if (
            item is not None
            and intent.path
            and intent.checksum
            and (item.path, item.checksum) == (after.get("path"), after.get("checksum"))
        ):
            path, named = MediaPath.of(intent.path), after.get("named", item.path)
            before = links.get(item.handle) or Link(item.handle, named, path, intent.checksum)
            made.append(_changed(before, named, path, intent.checksum))
            deeds.append(_deed(before, made[-1]))
    with state.batch():
        state.put_links(made)
        state.record(deeds, cycle=_CYCLE, at=time.time())
        state.finish([intent.id for intent in intents])
    return [deed.done for deed in deeds]


def _changed(link: Link, named: str, path: MediaPath, checksum: Checksum) -> Link:
    """A link after a change of its object that succeeded."""
    moved_to = None if link.moved_to == path else link.moved_to
    return replace(
        link, named=named, path=path, checksum=checksum, restore=False, asleep=False, moved_to=moved_to
    )


def _deed(before: Link, after: Link) -> Deed:
    """What was done to an object whose link was, and is, so."""
    moved = before.checksum == after.checksum
    kind, why = ("moved", Why.MOVED_FILE) if moved else ("updated", Why.EDITED_FILE)
    return Deed(
        Done(kind, after.path.text, after.handle, after.checksum, None, why),
        Before(
            path=before.path.text if before.path != after.path else None,
            named=before.named if before.named != after.named else None,
            checksum=None if moved else before.checksum,
        ),
    )


def settle_deletions(state: State, catalog: CatalogSnapshot) -> list[Done]:
    """Settle deletions whose answer was never written down: what is gone is gone by our hand.

    Its link goes, too: a file that is put back meanwhile is one that comes back, not one whose object somebody deleted.

    Returns:
        What was deleted, of which nobody was told yet.
    """
    intents = _begun(state, "delete")
    if not intents:
        return []
    told: list[Done] = []
    with state.batch():
        for intent in intents:
            if intent.handle is not None and intent.handle not in catalog.objects:
                told += _note_deletion(state, intent.handle, intent)
        state.finish([intent.id for intent in intents])
    return told


def _note_deletion(state: State, handle: str, intent: Intent) -> list[Done]:
    """Write down a deletion of ours, if it is not: it counts, and the history of Gramps Web can take it back."""
    path, now = intent.path or "", time.time()
    told: list[Done] = []
    if state.undo_for(handle) is None:
        state.add_undo(handle, path, intent.checksum, "", now, named=intent.detail.get("named", ""))
        done = Done("deleted", path, handle, intent.checksum, None, Why.DELETED_FILE)
        state.record([Deed(done, Before(named=intent.detail.get("named")))], cycle=_CYCLE, at=now)
        told.append(done)
    state.drop_links([handle])
    return told


def _begun(state: State, kind: str) -> list[Intent]:
    """The open intents of one kind, oldest first."""
    return [intent for intent in state.open_intents() if intent.kind == kind]
