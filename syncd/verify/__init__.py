"""`syncd verify`: do folder, Gramps Web and the store of bytes have what they should?

`looking` lists, `reading` reads every byte, `repairing` heals what a good copy can heal. What is judged is judged in
`syncd.merge.audit`.

Invariants:
- Looking and reading change nothing, take no lock and let a daemon work; only what was read is noted, in a table that
  nobody else touches.
- A repair holds both locks, looks anew at each item just before, and hashes the good copy on its way: a bad one heals
  nothing. The bytes of a file that rotted go to the trash.
"""

from syncd.verify.run import Order, Verified, verify

__all__ = ["Order", "Verified", "verify"]
