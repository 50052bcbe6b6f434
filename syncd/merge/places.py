"""Which names of the media folder may be written, with all that stands there and all that this pass will put there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from syncd.merge.draft import Inputs
from syncd.merge.moves import At, Located
from syncd.model.paths import MediaPath, Refusal, Trouble, free_name, refuse_to_write
from syncd.model.plan import MoveFile
from syncd.model.snapshots import FolderFile, Link, Occupant

_RENAME = "rename one of them in Gramps Web"


class Places:
    """The names in use. Built when the first file is to be created, which most cycles never do."""

    def __init__(self, inputs: Inputs, located: Sequence[Located]) -> None:
        self._inputs = inputs
        self._located = located
        self._promised: dict[str, MediaPath] = {}
        self._promised_folders: dict[str, str] = {}
        self._leaving: set[str] = set()

    @cached_property
    def _present(self) -> dict[str, list[str]]:
        """Every name in the folder, files and others: folded key to keys."""
        present: dict[str, list[str]] = {}
        for key in (*self._inputs.folder.files, *self._inputs.folder.occupied):
            present.setdefault(key.casefold(), []).append(key)
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

    @cached_property
    def _borne(self) -> dict[str, list[Link]]:
        """Names that links of living objects still bear although their file is gone from there, folded.

        Nothing else may take such a name before the link has let go of it: the next pass would take the newcomer
        for an edit of the link's file.
        """
        borne: dict[str, list[Link]] = {}
        for group in self._located:
            for link in group.links:
                left = group.at in (At.GONE, At.MOVED) or link.moved_to is not None
                if left and link.handle in self._inputs.catalog.objects:
                    for fold in {link.path.fold, link.place.fold}:
                        borne.setdefault(fold, []).append(link)
        return borne

    @cached_property
    def _wanted(self) -> set[str]:
        """Names that links have and that objects without a link want, folded: no free name is one of these."""
        wanted = {path.fold for link in self._inputs.links for path in (link.path, link.place)}
        wanted.update(key.casefold() for key in self._inputs.unlinked_by_path)
        return wanted

    @cached_property
    def _bearers(self) -> dict[str, list[tuple[Link, Located]]]:
        """Attached links of living objects whose file is not at its path any more, by the key of that path."""
        bearers: dict[str, list[tuple[Link, Located]]] = {}
        for group in self._located:
            for link in group.links:
                left = group.at in (At.GONE, At.MOVED) or link.moved_to is not None
                if left and link.detached is None and link.handle in self._inputs.catalog.objects:
                    bearers.setdefault(link.path.key, []).append((link, group))
        return bearers

    def still_borne(self, path: MediaPath) -> str | None:
        """Why an object cannot have a name yet: another one bears it, and cannot let go of it in this pass.

        Its file is gone, and its deletion is not done yet; or its own file moved to such a name: it has to wait, and
        keeps its name until then.
        """
        ahead, walked = [path.key], set[str]()
        while ahead:
            key = ahead.pop()
            if key in walked:
                continue
            walked.add(key)
            for link, group in self._bearers.get(key, ()):
                if group.at is At.GONE:
                    return f"it waits until you have decided about the deletion of {link.path}"
                if group.file is None:
                    return f"the file that had it before cannot be read just now: {link.place}"
                ahead.append(group.file.path.key)
        return None

    def is_left_behind(self, path: MediaPath) -> bool:
        """Whether an object bears this name only because it has to wait for its new one."""
        return any(link.moved_to is not None for link, _group in self._bearers.get(path.key, ()))

    def refuse(self, path: MediaPath, link: Link, *, own: FolderFile | None = None) -> Refusal | None:
        """Say why a file cannot be put at a path.

        Args:
            path: where the file is to go.
            link: the link that it will have; names that this very object bears are no obstacle.
            own: the file that is to move there: its own name is no obstacle.
        """
        return (
            refuse_to_write(path)
            or self._refuse_parents(path)
            or self._refuse_taken(path, own)
            or self._refuse_borne(path, link)
        )

    def _refuse_parents(self, path: MediaPath) -> Refusal | None:
        folder = self._inputs.folder
        for above in path.ancestors():
            what = folder.occupied.get(above)
            fold = above.casefold()
            if above in folder.files or fold in self._promised:
                return Refusal(f"a file named '{above}' stands where a folder is needed", _RENAME)
            if what is Occupant.SYMLINK:
                return Refusal(
                    f"'{above}' is a symbolic link, and syncd never writes through links",
                    "make it a real folder, or change the object's path in Gramps Web",
                    kind=Trouble.LINK,
                )
            if what not in (None, Occupant.FOLDER):
                return Refusal(
                    f"'{above}' is no folder that can be written: {what}", "move it out of the way"
                )
            other = self._folders.get(fold) or self._promised_folders.get(fold)
            if other is not None and other != above:
                return Refusal(
                    f"the folder '{above}' differs from '{other}' only in upper and lower case",
                    _RENAME,
                    kind=Trouble.CASE,
                )
        return None

    def _refuse_taken(self, path: MediaPath, own: FolderFile | None) -> Refusal | None:
        fold = path.fold
        promised = self._promised.get(fold)
        if promised is not None:
            kind = Trouble.TAKEN if promised == path else Trouble.CASE
            return Refusal(f"two objects in Gramps Web want the name '{promised}'", _RENAME, kind=kind)
        folder = self._folders.get(fold) or self._promised_folders.get(fold)
        if folder is not None:
            return Refusal(f"a folder has that name: '{folder}'", "rename the object's path in Gramps Web")
        mine = own.path.key if own is not None else None
        there = [key for key in self._present.get(fold, ()) if key != mine and key not in self._leaving]
        if path.key in there:
            what = self._inputs.folder.occupied.get(path.key)
            if what is not None:
                return Refusal(f"something else stands at that name: {what}", "move it out of the way")
            return Refusal("another file has that name already", _RENAME)
        if there:
            return Refusal(
                f"the name differs from '{there[0]}' only in upper and lower case", _RENAME, kind=Trouble.CASE
            )
        return None

    def _refuse_borne(self, path: MediaPath, link: Link) -> Refusal | None:
        for other in self._borne.get(path.fold, ()):
            if other.handle != link.handle and other.checksum != link.checksum:
                return Refusal(
                    "the name still belongs to another object, whose own file was deleted or moved in the folder",
                    "approve or restore that one if it waits for you, or rename one of them in Gramps Web",
                )
        return None

    def promise(self, path: MediaPath) -> None:
        """Reserve a name for a file that this pass creates."""
        self._promised[path.fold] = path
        for above in path.ancestors():
            self._promised_folders.setdefault(above.casefold(), above)

    def is_promised(self, path: MediaPath) -> bool:
        """Whether this pass puts a file at this very path."""
        return self._promised.get(path.fold) == path

    def __contains__(self, fold: object) -> bool:
        """Whether a new name must avoid this folded name."""
        return (
            fold in self._present
            or fold in self._promised
            or fold in self._folders
            or fold in self._promised_folders
            or fold in self._wanted
        )

    def at_or_beside(self, path: MediaPath, link: Link) -> MediaPath | Refusal:
        """The path itself if it is free, else a numbered name beside it; reserved."""
        if self.refuse(path, link) is not None:
            return self.beside(path, link)
        self.promise(path)
        return path

    def beside(self, path: MediaPath, link: Link) -> MediaPath | Refusal:
        """A numbered name beside a path that nothing has, reserved; or why there can be none."""
        found = free_name(path, self)
        refusal = self.refuse(found, link)
        if refusal is not None:
            return refusal
        self.promise(found)
        return found

    def settle_moves(
        self, wishes: Sequence[MoveFile]
    ) -> tuple[list[MoveFile], list[tuple[MoveFile, Refusal]]]:
        """Decide which of the wished moves can be made together, and reserve their names.

        A move may go to a name that another move of the same pass leaves: chains and circles work. A refused
        move keeps its name, which may refuse others in turn.
        """
        self._leaving = {move.file.path.key for move in wishes}
        possible: dict[str, MoveFile] = {}
        to_name: dict[str, MoveFile] = {}
        refused: list[tuple[MoveFile, Refusal]] = []
        stuck: list[MoveFile] = []
        for move in wishes:
            refusal = self.refuse(move.to, move.link, own=move.file)
            if refusal is None:
                possible[move.file.path.key] = move
                to_name[move.to.fold] = move
                self.promise(move.to)
            else:
                refused.append((move, refusal))
                stuck.append(move)
        while stuck:
            kept = stuck.pop().file.path
            self._leaving.discard(kept.key)
            blocked = to_name.pop(kept.fold, None)
            if blocked is not None and blocked.file.path.key in possible:
                del possible[blocked.file.path.key], self._promised[blocked.to.fold]
                refused.append((blocked, Refusal("another file has that name already", _RENAME)))
                stuck.append(blocked)
        return list(possible.values()), refused
