"""How the last run left things: at rest, if nothing has touched the state since.

The note is taken away from the state file whenever it is opened for writing (but for notes of what a person was told), and
written again by a run that ends at rest. So neither a run that was broken off nor any other command that may have changed
something leaves one.
"""

from __future__ import annotations

from syncd.model import MediaPath
from syncd.state.database import Database

_REST = "rest"


class Resting(Database):
    """The note of rest, and what who goes by it has to know beside the stat cache."""

    rest: str | None = None
    """What it said when this state was opened; None: there was none. What it means: `syncd.rest`."""

    def take_rest(self) -> None:
        """Take it away from the file."""
        self.rest = self.meta(_REST)
        if self.rest is not None:
            self.set_meta(_REST, None)

    def note_rest(self, text: str) -> None:
        """Leave a note of rest for who opens the state next."""
        self.set_meta(_REST, text)

    def unstamped(self) -> set[str]:
        """The files with a link that the stat cache has nothing of, by `MediaPath.key`.

        Those are files that were written so lately that an equal stamp would prove nothing (`syncd.scanner.can_vouch`).
        """
        rows = self._rows(
            "SELECT coalesce(moved_to, path) AS place FROM links WHERE detached IS NOT 'file-gone'"
            " AND NOT EXISTS (SELECT 1 FROM stamps WHERE stamps.path = place)"
        )
        # Links have names as the disk has them, stamps have keys.
        keys = {MediaPath.of(text).key for (text,) in rows}
        known = self._rows_in("SELECT path FROM stamps WHERE path IN", keys)
        return keys - {path for (path,) in known}
