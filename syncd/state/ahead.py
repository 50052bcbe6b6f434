"""A look at a large state file that begins before anybody needs it.

SQLite checks the whole file, and needs no interpreter for that, while a run still imports what it is made of. Nothing rests on
it: where the file is not as it was looked at, or the look failed, it is looked at again.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from syncd.shield import shield
from syncd.state.looking import Found, Seen, look, seen, signature

LARGE = 4 << 20
"""Bytes; a smaller file is checked in a few milliseconds."""

_begun: dict[Path, SimpleQueue[Seen | None]] = {}
"""What a thread will tell of a file; None: nothing that could be used."""


def look_ahead(path: Path) -> None:
    """Begin to look at the state file in a thread, if it is large."""
    path = Path(os.path.realpath(path))
    try:
        if path.stat().st_size < LARGE or path in _begun:
            return
    except OSError:
        return  # who opens it says what is wrong
    told: SimpleQueue[Seen | None] = SimpleQueue()

    def work() -> None:
        found: Seen | None = None
        with suppress(Exception):  # who opens the file meets it again
            found = seen(path, None, in_place=True)
        told.put(found)

    with shield:
        threading.Thread(target=work, name="look", daemon=True).start()
        _begun[path] = told


def looked(path: Path) -> Found | None:
    """What is at `path`, its links resolved: see `look`; by the look that was begun, if the file is still as it was then.

    Raises:
        StateError: as `look`.
    """
    told = _begun.pop(path, None)
    found = None if told is None else told.get()
    if found is not None and signature(path) == found.signature:
        return found.found
    return look(path, None)
