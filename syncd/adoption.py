"""Binding anew: what `syncd adopt` does to the state and to the media folder.

Afterwards the next run is first contact: it compares both sides and deletes nothing.
"""

from __future__ import annotations

import uuid

from syncd.applier.disk import Marker, MediaFolder
from syncd.belonging import owner
from syncd.state import State

__all__ = ["adopt", "owner"]


def adopt(state: State, folder: MediaFolder) -> Marker:
    """Forget what the state was bound to and make the media folder its own.

    Called under both locks. The marker comes first: should the second step fail, the old binding finds
    another marker and stops, and `adopt` can be repeated.

    Raises:
        FolderError: the folder cannot be written.
    """
    marker = Marker(uuid.uuid4().hex, owner(state.path))
    folder.write_marker(marker)
    state.unbind()
    return marker
