"""What syncd remembers: `State` (state.sqlite) and the locks that keep two runs apart."""

from syncd.state.hashed import Hashing
from syncd.state.locks import Lock, hold_lock
from syncd.state.orphans import Departure
from syncd.state.records import Binding, Deed, Event, Intent, KnownConflict, TrashEntry, Undo
from syncd.state.store import State

__all__ = [
    "Binding",
    "Deed",
    "Departure",
    "Event",
    "Hashing",
    "Intent",
    "KnownConflict",
    "Lock",
    "State",
    "TrashEntry",
    "Undo",
    "hold_lock",
]
