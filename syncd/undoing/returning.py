"""What was deleted comes back: a file from the trash with its object, an object with all that refers to it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from syncd.applier.disk import MediaFolder
from syncd.errors import FolderError, MovedOn, Refused
from syncd.model import FolderFile, Link, MediaPath
from syncd.model.paths import free_name
from syncd.model.plan import Why
from syncd.model.values import look_for_copy
from syncd.ports import Catalog
from syncd.state import State, TrashEntry, Undo


def restore_file(state: State, media: MediaFolder, entry: TrashEntry, wanted: MediaPath) -> FolderFile:
    """Bring a file back from the trash, and have the next run bring back its object; returns the file as it is now.

    Args:
        state: open for writing.
        media: the media folder.
        entry: the file.
        wanted: where it shall be; a free name beside it where that is taken.

    Raises:
        FolderError: the trash does not hold it any more, or the folder cannot be used.
    """
    try:
        file = media.restore(entry.kept_as, free_name(wanted, folds_beside(media.root, wanted)))
    except MovedOn as error:
        raise FolderError(
            f"the trash no longer holds '{entry.path}'", f"look for it in {media.root / '.syncd' / 'trash'}"
        ) from error
    with state.batch():
        state.drop_trash([entry.id])
        _ask_object_back(state, entry, file.path)
    return file


def is_changed(entry: TrashEntry, file: FolderFile) -> bool:
    """Whether a file has other bytes than went to the trash: a program still wrote to it, or the disk damaged it."""
    return entry.checksum is not None and entry.checksum != file.checksum


def _ask_object_back(state: State, entry: TrashEntry, path: MediaPath) -> None:
    """Let the next run bring back the object whose deletion put the file into the trash, references and all.

    Without this the file would be new, and get an object that nothing refers to.
    """
    if entry.handle is None or entry.checksum is None or entry.reason != Why.DELETED_OBJECT:
        return
    if not state.links_of({entry.handle}):
        # At another place than before, the object gets the name that the file has now.
        named = entry.path.key if path.key == entry.path.key else ""
        state.put_links([Link(entry.handle, named, path, entry.checksum, restore=True)])


def folds_beside(root: Path, path: MediaPath) -> Collection[str]:
    """The names that are taken beside a path of the media folder; case and normal form count as the same name.

    RACE: somebody may take a name before a file arrives there; whoever places it looks once more.

    Raises:
        FolderError: nobody can tell.
    """
    try:
        return {path.beside(entry.name).fold for entry in (root / path.parent).iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise FolderError(
            f"the folder {root / path.parent} cannot be read ({error.strerror})", "see to its rights"
        ) from error


def without_bytes(undo: Undo) -> str:
    """What to do about an object that came back when nobody has its bytes."""
    return (
        f"nobody here has its bytes any more: {look_for_copy(undo.checksum)}, and put it into the media folder as"
        f" '{undo.path}'"
    )


def bring_back_object(catalog: Catalog, handle: str, answer: str) -> None:
    """Have Gramps Web bring back an object by its answer to the deletion, or by its history where that was lost.

    Nothing is done when it is there.

    Raises:
        ServerError: it will not, or cannot be asked.
    """
    if answer:
        catalog.undo(answer)
    else:
        catalog.restore(handle)
    if catalog.get(handle) is None:
        raise Refused("Gramps Web did not bring it back", "try again later")
