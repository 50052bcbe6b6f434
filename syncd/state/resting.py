"""How the last run left things: at rest, if nothing has touched the state since.

The note is taken away from the state file whenever it is opened for writing (but for notes of what a person was told), and
written again by a run that ends at rest. So neither a run that was broken off nor any other command that may have changed
something leaves one.
"""

from __future__ import annotations

from syncd.state.database import Database

_REST = "rest"


class Resting(Database):
    """The note of rest."""

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
