"""Keys of the bucket that no object names: listed, put into quarantine, deleted at last, or put back.

`find` looks, `collect` and `put_back` change the bucket. What is decided is decided in `syncd.merge.orphans`.

Invariants:
- Nothing is moved or deleted unless folder, state, tree, bucket and rights are those that were synced.
- The bucket is listed first, Gramps Web after it: an object that was made in between is seen.
- A key leaves its place only when its copy in quarantine is proven; whatever its object turns up for afterwards goes
  back, at the end of the same command, of the next one, or at the next sync of any computer.
"""

from syncd.orphans.collecting import Collected, collect, foreseen, put_back, refuse_shared
from syncd.orphans.finding import Found, find
from syncd.orphans.rooms import Rooms, open_rooms

__all__ = [
    "Collected",
    "Found",
    "Rooms",
    "collect",
    "find",
    "foreseen",
    "open_rooms",
    "put_back",
    "refuse_shared",
]
