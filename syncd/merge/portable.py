"""Names of the folder that other desktops cannot take: a file is told of where it comes from, not only where it fails.

Such a file is synced like any other. But another desktop refuses to create it, and whoever reads that there cannot
mend it as easily as the person who has the file.
"""

from __future__ import annotations

from functools import cached_property

from syncd.model.catalog_path import PathRules, means_itself
from syncd.model.paths import MediaPath, refuse_to_write
from syncd.model.snapshots import FolderSnapshot, Occupant


class Portability:
    """Says of files of a folder why another desktop could not take them. Cheap until it is first asked."""

    def __init__(self, folder: FolderSnapshot, rules: PathRules) -> None:
        self._folder = folder
        self._rules = rules

    @cached_property
    def _alike(self) -> dict[str, str]:
        """Files and folders of which another differs only by case: the key of each, and that of another."""
        seen: dict[str, str] = {}
        found: dict[str, str] = {}
        folders = {above for file in self._folder.files.values() for above in file.path.ancestors()}
        folders.update(key for key, what in self._folder.occupied.items() if what is Occupant.FOLDER)
        for key in sorted(folders | self._folder.files.keys()):
            other = seen.setdefault(key.casefold(), key)
            if other != key:
                found[key] = other
                found.setdefault(other, key)
        return found

    def trouble(self, path: MediaPath) -> str | None:
        """Why a file of the folder could not be created on another desktop; None where it could."""
        refusal = refuse_to_write(path)
        if refusal is not None:
            return refusal.reason.replace("the path in Gramps Web", "its path")
        if not means_itself(path, self._rules):
            return "a backslash, or a letter with a colon, makes its path read as another one"
        for key in (path.key, *path.ancestors()):
            other = self._alike.get(key)
            if other is not None:
                return f"'{key}' differs from '{other}' only in upper and lower case"
        return None
