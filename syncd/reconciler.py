"""The merge: what the folder and Gramps Web have become since they last agreed, and what follows from it.

`reconcile` is a pure function of its inputs: no clock, no disk, no network, no database. The folder and the media
objects are the two sides, the links their common ancestor; the bucket has no opinion, it only must hold every
checksum that an object names.

    folder ↓  Gramps Web →   same            new content           moved              gone
    same                     –               fetch                 move the file      trash the file
    new content              send            equal: agree,         both               edit beats delete:
                                             else a conflict                          the object is restored
    moved                    move the object both                  equal: agree, else trash the file
                                                                   Gramps Web's name
    gone                     delete object   edit beats delete:    as "same"          forget the link
                             (the guard may  fetched again
                             hold it)

Invariants:

- What was not seen is never taken for gone: an unreadable folder, a busy file, an ignored path.
- A link whose path is ignored sleeps; what was deleted meanwhile on one side is not deleted on the other when it wakes.
- Only a link lets anything be deleted. Without links (first contact) the plan is a union.
- Bytes that nobody can have are waited for; they are never the reason to delete or overwrite others.
- A new file with the content of a recent deletion takes that back, and each deletion is taken back once; what lives in
  Gramps Web under any handle comes first.
- A name that a link still bears is given to nothing else before that link has let go of it (its object deleted, its
  move told): otherwise a deletion that is held would be taken for an edit, and one object get another's bytes.
- A file that moved while its object has to wait for the name is that object's at its new place, whatever is written
  there; nothing else is linked with it until the object has the name.
- A server that keeps media on its own disk finds a file by its object's path alone: no path is given to other bytes than
  it ever had, names come before bytes, and the folder's moves stay in the folder.
- An item gets at most one action a pass, content before name (a file that was moved here: name before content), and
  the link recorded with it changes only in what the action settled. The service repeats passes until a plan is empty.
"""

from __future__ import annotations

from syncd.merge.draft import Draft, Inputs
from syncd.merge.linked import LinkedMerge
from syncd.merge.moves import Holders, locate
from syncd.merge.on_disk import DiskNames
from syncd.merge.places import Places
from syncd.merge.unlinked import UnlinkedMerge
from syncd.model.plan import Plan
from syncd.model.snapshots import Occupant


def reconcile(inputs: Inputs) -> Plan:
    """Merge folder and Gramps Web three-way.

    Args:
        inputs: links, both snapshots, the bucket's keys (looked at after Gramps Web was read), rules and moment.

    Returns:
        What to do, and what not to do and why. Never raises for bad data: a bad item is a problem of the plan.
    """
    draft = Draft(inputs)
    draft.problems.extend(inputs.folder.problems)
    for key, what in inputs.folder.occupied.items():
        if what is Occupant.BUSY:
            draft.wait("the file is being written", key)
    located = locate(inputs)
    places = Places(inputs, located)
    holders = Holders(located, inputs.catalog.objects)
    disk = DiskNames(inputs)
    LinkedMerge(draft, places, holders, disk).merge(located)
    UnlinkedMerge(draft, places, holders, disk).merge()
    return draft.plan()


__all__ = ["Inputs", "reconcile"]
