"""What is known so far: the checks follow each other, and a later one builds on what an earlier one found out."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.belonging import identity_of
from syncd.cli.session import Session
from syncd.config import Settings
from syncd.guard import Identity
from syncd.ports import Cursor, MediaLocation
from syncd.state import Binding


@dataclass(slots=True)
class Known:
    """What the checks know of each other.

    Args:
        session: this invocation.
        settings: the configuration.
        binding: what the state is bound to; None: to nothing, or to another pair of folder and tree.
        links: how many files were in step.
        cursor: the last change in Gramps Web that the state has seen.
        state_failed: the state cannot be read: nothing is known of what was synced.
        location: where Gramps Web keeps the media; None: not known, or not where [s3] says.
        without_bucket: Gramps Web said that it has none.
    """

    session: Session
    settings: Settings
    binding: Binding | None = None
    links: int = 0
    cursor: Cursor | None = None
    state_failed: bool = False
    location: MediaLocation | None = None
    without_bucket: bool = False

    def bound(self) -> Identity | None:
        """What the state is bound to, as a run compares it."""
        return None if self.binding is None else identity_of(self.binding, self.links)
