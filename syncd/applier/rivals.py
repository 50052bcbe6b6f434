"""What others did in Gramps Web since the look that a plan rests on.

Two computers that add the same file ask for the same handle, which the server gives once. Whoever adds it in another
way (the web page, Gramps Desktop) gets another handle, and nothing in the server refuses a second object of one path
or of one content. So the history is asked right before objects are made: it is one short request.

RACE: what is added by others between that answer and our own request is not seen: there are two objects then, each
linked to the file (one path) or with a file of its own (two paths). The window is one request long.
"""

from __future__ import annotations

from syncd.model import Checksum, MediaPath
from syncd.model.plan import AddObject
from syncd.ports import Catalog, Cursor


class Rivals:
    """Objects that were added or changed since a cursor.

    Args:
        catalog: Gramps Web.
        since: up to where the plan's snapshot goes; None: the tree had no history.
    """

    def __init__(self, catalog: Catalog, since: Cursor | None) -> None:
        self._catalog = catalog
        self._since = since or Cursor(0, 0.0)
        self._ours: set[str] = set()
        self._paths: set[str] = set()
        self._contents: set[Checksum] = set()
        self._unknown = False

    def look(self) -> None:
        """Read on in the history."""
        feed = self._catalog.changes(self._since)
        self._since = feed.cursor or self._since
        self._unknown = self._unknown or not feed.complete
        for handle, item in feed.changed.items():
            if item is not None and handle not in self._ours:
                self._paths.add(MediaPath.of(item.path.replace("\\", "/")).fold)
                if item.digest is not None:
                    self._contents.add(item.digest)

    def made(self, handle: str) -> None:
        """An object that we made ourselves; said before the next look."""
        self._ours.add(handle)

    def has(self, action: AddObject) -> bool:
        """Whether somebody may have added this file meanwhile: by its path, or by its content."""
        return (
            self._unknown
            or action.file.checksum in self._contents
            or MediaPath.of(action.link.named).fold in self._paths
        )
