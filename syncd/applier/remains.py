"""Whether the bytes of what is deleted are anywhere still: what is said of a deletion must not promise them otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from syncd.applier.disk import MediaFolder
from syncd.errors import SyncdError
from syncd.model import Checksum, MediaPath
from syncd.ports import Store
from syncd.state import State


@dataclass(frozen=True, slots=True)
class Remains:
    """Looks for contents.

    Args:
        state: knows the folder's files and its trash.
        folder: the media folder.
        store: where Gramps Web keeps its media.
        tree_id: the tree, for what the bucket has elsewhere.
        sizes: what that has, as far as it told; in bytes.
        asks: it is asked anew, since it may have lost what it told of; a server's own disk was asked just now, and might read
            whole files for an answer.
    """

    state: State
    folder: MediaFolder
    store: Store
    tree_id: str
    sizes: Mapping[Checksum, int]
    asks: bool

    def lost(self, checksums: Collection[Checksum]) -> AbstractSet[Checksum]:
        """Those of these that nobody has; none where that cannot be told."""
        try:
            return self._lost(set(checksums))
        except SyncdError:
            return frozenset()

    def _lost(self, checksums: set[Checksum]) -> AbstractSet[Checksum]:
        if not checksums:
            return checksums
        lost = checksums - (self.store.sizes(sorted(checksums)) if self.asks else self.sizes).keys()
        if not lost:
            return lost
        lost -= {checksum for _stamp, checksum in self.state.stamps_with(lost).values()}
        lost -= in_trash(self.state, self.folder).keys()
        return lost - self.store.bring_back(lost, tree_id=self.tree_id, really=False).keys()


def in_trash(state: State, folder: MediaFolder) -> Mapping[Checksum, int]:
    """The contents that the trash of the folder has, each with the number of the newest file.

    Raises:
        FolderError: nobody can tell.
    """
    return {
        entry.checksum: entry.id
        for entry in state.trash()
        if entry.checksum is not None and folder.exists(MediaPath.of(entry.kept_as))
    }
