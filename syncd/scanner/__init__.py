"""The media folder as it is now: names by listing, contents by the stat cache or by reading.

Invariants:

- *Absent means gone.* A name is missing from the snapshot only when the folder above it was listed to the end and
  did not have it. Whatever could not be looked at is marked, and what lies below does not count as deleted.
- A checksum belongs to its stamp: the file had this stamp before the first byte was read and after the last.
- Nothing is followed that leads elsewhere (symbolic links), nothing is changed, not even access times where
  the system lets us.
"""

from syncd.scanner.glance import Glance, TooWide
from syncd.scanner.hashing import can_vouch, checksum_of
from syncd.scanner.scan import Scan, find_inner, look, scan
from syncd.scanner.swift import UNREAD, differing, sealed
from syncd.scanner.walk import Unrest

__all__ = [
    "UNREAD",
    "Glance",
    "Scan",
    "TooWide",
    "Unrest",
    "can_vouch",
    "checksum_of",
    "differing",
    "find_inner",
    "look",
    "scan",
    "sealed",
]
