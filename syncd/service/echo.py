"""Paths of which the watcher told, and where everything is as the last look found it: mostly the daemon's own writes.

A look at them would find nothing, but would ask Gramps Web and the bucket about it.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from syncd.ignore import IgnoreRules
from syncd.model import MediaPath
from syncd.model.paths import is_text
from syncd.scanner.hashing import same_content
from syncd.state import State

ENTRIES_AT_MOST = 2000
"""Entries of folders that are compared; for more, the look itself is as cheap."""


def news(media_dir: Path, paths: Collection[str], state: State, ignored: IgnoreRules) -> frozenset[str]:
    """Those of the paths where something is not as it was.

    Args:
        media_dir: the media folder.
        paths: relative to it.
        state: its stat cache says how everything was.
        ignored: what does not count.
    """
    compared = _Comparison(media_dir, state, ignored)
    return frozenset(path for path in paths if compared.differs(path))


class _Comparison:
    def __init__(self, media_dir: Path, state: State, ignored: IgnoreRules) -> None:
        self._media_dir = media_dir
        self._state = state
        self._ignored = ignored
        self._left = ENTRIES_AT_MOST

    def differs(self, path: str) -> bool:
        """Whether a file, or anything below a folder, is not as it was."""
        if not is_text(path):
            return True  # nothing is known of such names; the look at everything tells of them
        try:
            status = os.lstat(self._media_dir / path)
        except OSError:
            return self._was_there(path)
        if (status.st_mode & 0o170000) == 0o040000:
            of = MediaPath.of(path)
            if self._state.stamps_of([of.key]) or self._state.links_at([of.fold]):
                return True  # it was a file
            try:
                return self._folder_differs(path)
            except OSError:
                return True  # something in it has just gone, or it cannot be listed
        key = MediaPath.of(path).key
        if self._ignored.matches(MediaPath.of(path)):
            return False
        known = self._state.stamps_of([key]).get(key)
        return known is None or not same_content(known[0], status)

    def _was_there(self, path: str) -> bool:
        """Whether something was known where nothing is any more."""
        of = MediaPath.of(path)
        state = self._state
        return bool(
            state.stamps_of([of.key])
            or state.stamps_below(of.key)
            or state.links_at([of.fold])
            or state.links_below(of.fold)
        )

    def _folder_differs(self, path: str) -> bool:
        of_folder = MediaPath.of(path)
        known = dict(self._state.stamps_below(of_folder.key))
        if len(known) > self._left:
            return True
        if any(link.place.key not in known for link in self._state.links_below(of_folder.fold)):
            return True  # something else stood in the place of its file
        stack = [path]
        while stack:
            folder = stack.pop()
            with os.scandir(self._media_dir / folder) as listing:
                entries = list(listing)
            self._left -= len(entries)
            if self._left < 0:
                return True
            for entry in entries:
                rel = f"{folder}/{entry.name}"
                if not is_text(rel):
                    return True
                of = MediaPath.of(rel)
                is_folder = entry.is_dir(follow_symlinks=False)
                if self._ignored.matches_text(of.key, is_dir=is_folder):
                    continue
                if is_folder:
                    stack.append(rel)
                    continue
                before = known.pop(of.key, None)
                if before is None or not same_content(before[0], entry.stat(follow_symlinks=False)):
                    return True
        return bool(known)
