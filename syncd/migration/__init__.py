"""`syncd migrate-prefix`: a tree's files to another place in its bucket, for a server whose setting changes.

    route ──▶ compare ──▶ copy and prove ──▶ bind ──▶ delete (only when asked, and only what is proven)

Invariants:
- Nothing is deleted that this tree's objects do not name, that was not proven at the new place in this very run, or that
  is not what was listed. A further run begins anew and believes no earlier one.
- Source and target differ, and only keys of the form prefix + 32 hex digits are read, written or deleted: neither
  archives nor what lies below another prefix.
- The server decides: nothing is deleted where it still looks for files, and the state is only bound to where it looks.
"""

from syncd.migration.route import Request, Route
from syncd.migration.run import Migration, migrate

__all__ = ["Migration", "Request", "Route", "migrate"]
