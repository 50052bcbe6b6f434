"""Binding anew: what `syncd adopt` does to the state and to the media folder.

Afterwards the next run is first contact: it compares both sides and deletes nothing.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from syncd.config import Settings
from syncd.errors import FolderError
from syncd.model.paths import INTERNAL_NAME
from syncd.state import State

MARKER_NAME = "folder.json"
MARKER_VERSION = 1


@dataclass(frozen=True, slots=True)
class Marker:
    """What proves that this is the folder which the state knows, and that nobody else syncs it.

    Args:
        id: the folder's, random.
        state: `<host>:<absolute state file>`.
    """

    id: str
    state: str


def marker_file(media_dir: Path) -> Path:
    """Where the marker is."""
    return media_dir / INTERNAL_NAME / MARKER_NAME


def owner(state_file: Path) -> str:
    """How a marker names a state file."""
    return f"{socket.gethostname()}:{os.path.realpath(state_file)}"


def read_marker(media_dir: Path) -> Marker | None:
    """The marker, or None when there is none that can be understood.

    Raises:
        FolderError: there is one, but it cannot be read.
    """
    path = marker_file(media_dir)
    try:
        found = json.loads(path.read_text())
        return Marker(str(found["id"]), str(found["state"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FolderError(f"{path} cannot be read ({error.strerror})", "see to its rights") from error
    except (ValueError, KeyError, TypeError):
        return None


def write_marker(media_dir: Path, marker: Marker) -> None:
    """Write the marker: complete and on the disk, or not at all.

    Raises:
        FolderError: the folder is missing or cannot be written.
    """
    path = marker_file(media_dir)
    content = json.dumps({"version": MARKER_VERSION, "id": marker.id, "state": marker.state}) + "\n"
    temporary = path.with_name(f"{MARKER_NAME}.{uuid.uuid4().hex}.new")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with temporary.open("x", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FolderError(
            f"the media folder {media_dir} cannot be used ({error.strerror})",
            "plug in its drive, correct media_dir, or see to its rights",
        ) from error


def adopt(settings: Settings, state: State) -> Marker:
    """Forget what the state was bound to and make the media folder its own.

    Called under both locks. The marker comes first: should the second step fail, the old binding finds
    another marker and stops, and `adopt` can be repeated.
    """
    marker = Marker(uuid.uuid4().hex, owner(settings.state_file))
    write_marker(settings.media_dir, marker)
    state.unbind()
    return marker
