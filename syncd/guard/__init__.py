"""The guard: what is too strange to do at all, and what waits for a person. Pure, like the reconciler.

A stop (`stops`) compares what this state was bound to with what was found; nothing whatever is done, in either direction.
`hold` (`holds`, with `first_contact` and the `sieve`) takes the few items out of a plan that a person should see first
and lets the rest go on.
"""

from syncd.guard.first_contact import FIRST_ADDS
from syncd.guard.holds import describe_references, hold
from syncd.guard.sieve import Circumstances
from syncd.guard.stops import (
    NEEDED_PERMISSIONS,
    Identity,
    copied_folder_stop,
    find_folder_stop,
    find_history_stop,
    find_listing_stop,
    find_server_stop,
    inner_folder_stop,
    missing_folder_stop,
    outer_folder_stop,
    raise_stop,
    shared_state_stop,
)

__all__ = [
    "FIRST_ADDS",
    "NEEDED_PERMISSIONS",
    "Circumstances",
    "Identity",
    "copied_folder_stop",
    "describe_references",
    "find_folder_stop",
    "find_history_stop",
    "find_listing_stop",
    "find_server_stop",
    "hold",
    "inner_folder_stop",
    "missing_folder_stop",
    "outer_folder_stop",
    "raise_stop",
    "shared_state_stop",
]
