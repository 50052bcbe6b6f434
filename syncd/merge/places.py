"""Which names of the media folder may be written, with all that stands there and all that this pass will put there."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from syncd.merge.draft import Inputs
from syncd.model.paths import MediaPath, Refusal, free_name, refuse_to_write
from syncd.model.plan import MoveFile
from syncd.model.snapshots import FolderFile, Occupant

_RENAME = "rename one of them in Gramps Web"


class Places:
    """The names in use. Built when the first file is to be created, which most cycles never do."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._promised: dict[str, MediaPath] = {}
        self._promised_keys: set[str] = set()
        self._leaving: set[str] = set()

    @cached_property
    def _present(self) -> dict[str, str]:
        """Every name in the folder, files and others: folded key to key."""
        folder = self._inputs.folder
        present = {MediaPath.of(key).fold: key for key in folder.occupied}
        present.update({file.path.fold: key for key, file in folder.files.items()})
        return present

    @cached_property
    def _folders(self) -> dict[str, str]:
        """Every folder that holds a file: folded key to key."""
        found = {
            above.casefold(): above
            for file in self._inputs.folder.files.values()
            for above in file.path.ancestors()
        }
        found.update(
            {
                key.casefold(): key
                for key, what in self._inputs.folder.occupied.items()
                if what is Occupant.FOLDER
            }
        )
        return found

    def spelt(self, path: MediaPath) -> MediaPath:
        """The same path with its folders spelt as they are on disk (NFD on some systems)."""
        for above in path.ancestors():
            on_disk = self._inputs.folder.spelt.get(above)
            if on_disk is not None:
                rest = path.key[len(above) :]
                return MediaPath.of(on_disk + rest)
        return path

    def refuse(self, path: MediaPath, *, own: FolderFile | None = None) -> Refusal | None:
        """Say why a file cannot be put at a path.

        Args:
            path: where the file is to go.
            own: the file that is to move or to be replaced there: its own name is no obstacle.
        """
        return refuse_to_write(path) or self._refuse_parents(path) or self._refuse_taken(path, own)

    def _refuse_parents(self, path: MediaPath) -> Refusal | None:
        folder = self._inputs.folder
        for above in path.ancestors():
            what = folder.occupied.get(above)
            if above in folder.files or above in self._promised_keys:
                return Refusal(f"a file named '{above}' stands where a folder is needed", _RENAME)
            if what is Occupant.SYMLINK:
                return Refusal(
                    f"'{above}' is a symbolic link, and syncd never writes through links",
                    "make it a real folder, or change the object's path in Gramps Web",
                )
            if what not in (None, Occupant.FOLDER):
                return Refusal(
                    f"'{above}' is no folder that can be written: {what}", "move it out of the way"
                )
            other = self._folders.get(above.casefold())
            if other is not None and other != above:
                return Refusal(
                    f"the folder '{above}' differs from '{other}' only in upper and lower case", _RENAME
                )
        return None

    def _refuse_taken(self, path: MediaPath, own: FolderFile | None) -> Refusal | None:
        promised = self._promised.get(path.fold)
        if promised is not None:
            return Refusal(f"two objects in Gramps Web want the name '{promised}'", _RENAME)
        key = self._present.get(path.fold)
        if key is None or (own is not None and key == own.path.key) or key in self._leaving:
            return None
        what = self._inputs.folder.occupied.get(key)
        if key != path.key:
            return Refusal(f"the name differs from '{key}' only in upper and lower case", _RENAME)
        if what is not None:
            return Refusal(f"something else stands at that name: {what}", "move it out of the way")
        return Refusal("another file has that name already", _RENAME)

    def promise(self, path: MediaPath) -> None:
        """Reserve a name for a file that this pass creates."""
        self._promised[path.fold] = path
        self._promised_keys.add(path.key)

    def taken(self) -> set[str]:
        """All folded names that a new name must avoid."""
        return set(self._present) | set(self._promised)

    def free(self, path: MediaPath) -> MediaPath:
        """The path, or a numbered one beside it, that nothing has."""
        return free_name(path, self.taken())

    def settle_moves(
        self, wishes: Iterable[MoveFile]
    ) -> tuple[list[MoveFile], list[tuple[MoveFile, Refusal]]]:
        """Decide which of the wished moves can be made together, and reserve their names.

        A move may go to a name that another move of the same pass leaves: chains and circles work. A refused
        move keeps its name, which may refuse others in turn.
        """
        possible = list(wishes)
        refused: list[tuple[MoveFile, Refusal]] = []
        promised, promised_keys = dict(self._promised), set(self._promised_keys)
        while True:
            self._promised, self._promised_keys = dict(promised), set(promised_keys)
            self._leaving = {move.file.path.key for move in possible}
            kept: list[MoveFile] = []
            for move in possible:
                refusal = self.refuse(move.to, own=move.file)
                if refusal is None:
                    self.promise(move.to)
                    kept.append(move)
                else:
                    refused.append((move, refusal))
            if len(kept) == len(possible):
                return possible, refused
            possible = kept
