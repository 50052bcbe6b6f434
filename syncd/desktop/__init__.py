"""The family trees of a Gramps Desktop on this machine: found, and read without disturbing it.

Invariants:

- nothing is ever written: no lock, no journal, no recovery; what a crashed Gramps left is Gramps' to mend;
- a database that is busy means *try again later*, never *no media objects*;
- nothing is unpickled, and whatever a tree holds is data: one odd row costs that row.
"""

from syncd.desktop.choice import Undecided, choice_error, find_undecided
from syncd.desktop.tree import ConfiguredTree, Look, UnreadableTrees

__all__ = ["ConfiguredTree", "Look", "Undecided", "UnreadableTrees", "choice_error", "find_undecided"]
