"""A run after one that left folder and Gramps Web at rest: what differs from the stat cache is all that has to be looked at.

A look at everything finds nothing in such a tree, and its cost grows with the tree. So a run that ends at rest leaves a note
in the state (`syncd.state.resting`), with what the next run's decisions would rest on beside folder and servers: the
configuration and the ignored names. Where the note still holds, the next run compares the folder with the stat cache and looks
near what differs ([ADR 15](../docs/adr/0015-a-run-goes-by-how-the-last-one-left-things.md)); wherever that does not
suffice, it looks at everything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from threading import Event

from syncd import __version__
from syncd.config import Settings
from syncd.ignore import IgnoreRules
from syncd.observer import Arrival, Changes
from syncd.observer.near import UNLINKED_AT_MOST
from syncd.observer.whole import is_full_due
from syncd.scanner import UNREAD, differing, sealed
from syncd.shield import shield
from syncd.state import State

_ELSEWHERE = {"gramps", "s3", "daemon"}
"""Settings that decide nothing about a file, or are compared with the server in each run."""


@dataclass(slots=True)
class Rest:
    """What the note of a run says, and whether the one before it still holds.

    Args:
        settings, ignored: of this run.
        state: open; what note there was is in its hands.
    """

    settings: Settings
    ignored: IgnoreRules
    state: State
    _given_up: Event = field(default_factory=Event)
    _seal: str | None = None
    """Of the folder, in which nothing differed."""

    def give_up(self) -> None:
        """Nobody waits for `changes` any more."""
        with shield:
            self._given_up.set()

    def changes(self) -> Changes | None:
        """What in the folder differs from how the last run left it; None where everything has to be looked at."""
        state, settings = self.state, self.settings
        words, _, seal = (state.rest or "").partition(" ")
        if words != self._words():
            return None
        if is_full_due(state, settings.daemon.full_check_every) or not self._is_plain():
            return None
        if seal and sealed(settings.media_dir, self.ignored, given_up=self._given_up) == seal:
            self._seal = seal
            return Changes(frozenset())
        known = state.stamp_rows()
        known.update(dict.fromkeys(state.unstamped(), UNREAD))
        found = differing(settings.media_dir, known, self.ignored, given_up=self._given_up)
        self._seal = found.seal if found.paths == [] else None
        return None if found.paths is None else Changes(frozenset(found.paths))

    def note(self, arrival: Arrival, *, is_untouched: bool) -> bool:
        """Note that a run ended at rest, if the next one can go by that.

        Args:
            arrival: whom the run was about.
            is_untouched: the run did nothing to either side, so the folder's seal still stands for what the state knows.

        Returns:
            Whether it can.
        """
        state, binding = self.state, self.state.binding()
        if (
            binding is None
            or binding.first_contact
            or arrival.store is None
            or arrival.files is not None  # nothing that lies on a server's own disk is decided near
            or state.cursor() is None  # without a history of Gramps Web nobody can say what changed there
            or not self._is_plain()
            or state.unlinked(UNLINKED_AT_MOST) is None
        ):
            return False
        seal = self._seal if is_untouched else None
        state.note_rest(f"{self._words()} {seal or ''}".rstrip())
        return True

    def _is_plain(self) -> bool:
        """Whether nothing waits in the state or elsewhere that only a look at everything minds."""
        state = self.state
        return (
            self.settings.desktop is None
            and not state.open_intents()
            and not state.held()
            and not state.rot()
            and not state.pending_references()
        )

    def _words(self) -> str:
        """A hash of what decides beside folder and servers."""
        patterns = [(pattern.pattern, include) for pattern, include in self.ignored.own]
        told = (__version__, self.settings.model_dump_json(exclude=_ELSEWHERE), patterns)
        return hashlib.sha256(repr(told).encode(errors="surrogateescape")).hexdigest()
