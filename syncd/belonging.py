"""Whether the media folder is that of this state, and nobody else's: asked before anything else is looked at.

A configuration is one pair of folder and tree, with a state of its own. Several on one machine are several pairs, which
must not share a state file or a file of the folder: what one of them does would be news, or a deletion, to the other.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from syncd.applier.disk import Marker, MediaFolder
from syncd.applier.marker import NAME
from syncd.errors import FolderError
from syncd.guard import (
    Identity,
    copied_folder_stop,
    find_folder_stop,
    inner_folder_stop,
    outer_folder_stop,
    shared_state_stop,
)
from syncd.model import Stop
from syncd.ports import ServerInfo
from syncd.state import Binding


def owner(state_file: Path) -> str:
    """How a folder's marker names a state file: `<host>:<absolute path>`."""
    return f"{socket.gethostname()}:{os.path.realpath(state_file)}"


def identity_of(binding: Binding, links: int = 0) -> Identity:
    """A binding, and how many files were in step, as the guard compares it."""
    return Identity(
        binding.tree_id,
        binding.title,
        binding.bucket,
        binding.prefix,
        binding.folder_id,
        None,
        frozenset(binding.permissions),
        binding.server_url,
        links,
    )


def identity_at(
    server: ServerInfo,
    bucket: str | None,
    prefix: str,
    *,
    folder_id: str | None = None,
    state_name: str | None = None,
) -> Identity:
    """What a server said of itself as the guard compares it, with a place for the media and the folder's marker."""
    return Identity(
        server.tree_id,
        server.title,
        bucket,
        prefix,
        folder_id,
        state_name,
        server.permissions,
        server.url,
        server.media,
    )


def is_another_pair(marker: Marker | None, binding: Binding, media_dir: Path) -> bool:
    """Whether a state was made for another folder than this one, so that it says nothing of this one's tree either."""
    return not _is_same(Path(binding.media_dir), media_dir) and (
        marker is None or marker.id != binding.folder_id
    )


def find_stop(
    marker: Marker | None, binding: Binding | None, *, media_dir: Path, state_file: Path, source: Path | None
) -> Stop | None:
    """Say why the media folder must not be touched.

    Args:
        marker: the folder's.
        binding: what the state is bound to; None at first contact.
        media_dir: the media folder.
        state_file: this state.
        source: the configuration file, for the message; None where all came from the environment.
    """
    outer = _media_folder_above(media_dir)
    if outer is not None:
        return outer_folder_stop(media_dir, outer)
    if binding is not None and not _is_same(Path(binding.media_dir), media_dir):
        if is_another_pair(marker, binding, media_dir):
            return shared_state_stop(
                state_file,
                (binding.media_dir, binding.title),
                media_dir,
                _way_to_a_state(marker, state_file, media_dir, source),
            )
        if _bears(Path(binding.media_dir), binding.folder_id):
            return copied_folder_stop(binding.media_dir, media_dir)
    return find_folder_stop(
        None if binding is None else identity_of(binding),
        marker.id if marker else None,
        marker.state if marker else None,
        owner(state_file),
    )


def find_inner_stop(media_dir: Path, inner: Sequence[str]) -> Stop | None:
    """Say why nothing must be done where a folder of the media folder is synced by itself.

    Args:
        media_dir: the media folder.
        inner: folders below it that bear a marker, as the scanner found them.
    """
    return inner_folder_stop(media_dir, min(inner)) if inner else None


def _media_folder_above(media_dir: Path) -> Path | None:
    """The nearest folder above that is a media folder, too."""
    for folder in Path(os.path.realpath(media_dir)).parents:
        with suppress(OSError):
            (folder / NAME).lstat()
            return folder
    return None


def _is_same(former: Path, now: Path) -> bool:
    """Whether both names lead to one folder."""
    if former == now:
        return True
    try:
        return former.samefile(now)
    except OSError:
        return False


def _bears(folder: Path, folder_id: str) -> bool:
    """Whether a folder is there and has this marker."""
    try:
        with MediaFolder(folder) as found:
            marker = found.marker()
    except (OSError, FolderError):
        return False
    return marker is not None and marker.id == folder_id


def _way_to_a_state(marker: Marker | None, state_file: Path, media_dir: Path, source: Path | None) -> str:
    """The setting that gives a pair a state of its own: the one that its folder names, or a free one."""
    host, _, known = marker.state.partition(":") if marker is not None else ("", "", "")
    if known and host == socket.gethostname() and Path(known) != Path(os.path.realpath(state_file)):
        wanted = Path(known).parent
    else:
        own = source.stem if source is not None and source.stem != "syncd" else media_dir.name
        wanted = state_file.parent.with_name(f"{state_file.parent.name}-{own}")
    if source is None:
        return f"set SYNCD_STATE_DIR={wanted}"
    return f'put this line into {source}, above its first [section]: state_dir = "{wanted}"'
