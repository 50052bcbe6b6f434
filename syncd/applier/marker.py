"""The marker `.syncd/folder.json`: proof that this is the folder which a state file knows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from syncd.applier import syscalls
from syncd.applier.ground import Ground, random_name
from syncd.errors import FolderError
from syncd.model.paths import INTERNAL_NAME, MARKER_FILE

NAME = f"{INTERNAL_NAME}/{MARKER_FILE}"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Marker:
    """What the folder says of itself.

    Args:
        id: the folder's, random hex digits.
        state: the state file that syncs it, `<host>:<absolute path>`.
    """

    id: str
    state: str


def read(ground: Ground) -> Marker | None:
    """The marker; None when there is none.

    Raises:
        FolderError: there is one, but it makes no sense.
        OSError: it cannot be read.
    """
    try:
        with ground.at(NAME) as spot:
            if spot.stamp() is None:
                if not syscalls.is_there(spot.folder, spot.name):
                    return None
                raise _senseless(ground)
            with os.fdopen(spot.open(), "rb") as file:
                content = file.read(1 << 16)
    except FileNotFoundError:
        return None
    try:
        found = json.loads(content)
        if found["version"] != VERSION or not (
            isinstance(found["id"], str) and isinstance(found["state"], str)
        ):
            raise _senseless(ground)
        return Marker(found["id"], found["state"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _senseless(ground) from error


def write(ground: Ground, marker: Marker) -> None:
    """Write the marker: complete and on the disk, or not at all."""
    content = json.dumps({"version": VERSION, "id": marker.id, "state": marker.state}) + "\n"
    with ground.at(NAME) as spot:
        new = f"{random_name()}.new"
        descriptor = syscalls.create(spot.folder, new, 0o600)
        try:
            syscalls.write(descriptor, content.encode())
            syscalls.sync_file(descriptor)
        except OSError:
            syscalls.unlink(spot.folder, new)
            raise
        finally:
            os.close(descriptor)
        syscalls.rename(spot.folder, new, spot.folder, spot.name)
        syscalls.sync_folder(spot.folder)


def _senseless(ground: Ground) -> FolderError:
    return FolderError(
        f"{ground.root / NAME} makes no sense", "if this is the right folder, bind it anew with: syncd adopt"
    )
