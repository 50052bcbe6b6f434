"""Putting back what a sync did: `undo` takes one event of the history back, on the side from which the next run carries it over.

Invariants:
- Nothing is done unless file and object are still as syncd left them: what a person did since is never undone with it.
- Nothing is overwritten: what makes room goes to the trash, what was deleted keeps its undo.
- It lasts: it changes what a person could have changed, so that the next run takes it for an edit, a move or a deletion.
"""

from syncd.undoing.returning import bring_back_object, is_changed, restore_file, without_bytes
from syncd.undoing.undo import Undone, undo

__all__ = ["Undone", "bring_back_object", "is_changed", "restore_file", "undo", "without_bytes"]
