"""`State`: all that syncd remembers between two runs, in one SQLite file.

Invariants:
- The state never claims what the disk lacks: a transaction is on the disk (`synchronous = FULL`) when its method
  returns, and is there as a whole or not at all.
- It holds no secret.
- Losing it is first contact, which deletes nothing.

Each method is a transaction of its own, unless it is called within `with state.batch():`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from syncd.state.ancestor import Ancestor
from syncd.state.caches import Caches
from syncd.state.events import Events
from syncd.state.hashed import Hashed
from syncd.state.held import Held
from syncd.state.journal import Journal
from syncd.state.kept import Kept
from syncd.state.neighbours import Neighbours
from syncd.state.opening import Opened, open_beside, open_copy, open_file
from syncd.state.orphans import Orphans
from syncd.state.pending import Pending
from syncd.state.resting import Resting


class State(Ancestor, Caches, Journal, Events, Kept, Held, Pending, Orphans, Neighbours, Hashed, Resting):
    """The open state; made by `State.open`, used as a context manager, shared by threads.

    Attributes:
        path: the state file.
        read_only: this is a copy in memory: what is written to it ends with it.
        set_aside: where a damaged state file was moved when this one was opened in its place. The caller tells
            the person; what follows is first contact.
        damage: what was wrong with that file. With `read_only` the file is still where it was.
    """

    def __init__(self, opened: Opened, path: Path, *, read_only: bool) -> None:
        super().__init__(opened.connection, path)
        self.read_only = read_only
        self.set_aside = opened.set_aside
        self.damage = opened.damage

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, at_rest: bool = False) -> State:
        """Open the state file, making it (mode 0600, in a folder of mode 0700) when it is missing.

        Args:
            path: the state file. Opened for writing only by who holds the state's lock (for the first time at
                least: a damaged file is set aside).
            read_only: work on a copy in memory and leave everything at `path` as it is, even missing.
            at_rest: what will be written decides nothing in the next run, so the note of rest stays where it is.

        Raises:
            StateError: it is a newer syncd's or another program's, or cannot be read, made or written. It was
                left untouched.
        """
        path = Path(os.path.realpath(path))  # SQLite keeps the log beside the real file
        opened = open_copy(path) if read_only else open_file(path)
        state = cls(opened, path, read_only=read_only)
        if not (read_only or at_rest):
            try:
                state.take_rest()
            except BaseException:
                state.close()
                raise
        return state

    @classmethod
    def join(cls, path: Path) -> State:
        """Open the state beside who holds its lock, for what that one never writes: see `Hashed`.

        A daemon need not stand aside for hours while files are read. The file is neither made nor set aside, nor brought
        to another schema.

        Raises:
            StateError: there is none, it is damaged, or another syncd's.
        """
        path = Path(os.path.realpath(path))
        return cls(open_beside(path), path, read_only=False)

    def __enter__(self) -> Self:
        return self
