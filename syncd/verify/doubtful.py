"""The few files that every verification reads: those of which only their bytes tell what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from syncd.bound import Bound
from syncd.model import Checksum, FolderFile, FolderSnapshot, Link
from syncd.model.rot import KnownRot
from syncd.scanner.hashing import Reader, Unsettled
from syncd.scanner.scan import opened_folder


@dataclass(frozen=True, slots=True)
class Doubtful:
    """What reading them told.

    Args:
        folder: the folder with them; what is known to have rotted counts as what it held before.
        read: by key, what they hold.
    """

    folder: FolderSnapshot
    read: Mapping[str, Checksum]


def read_doubtful(
    rooms: Bound, folder: FolderSnapshot, links: Sequence[Link], sizes: Mapping[Checksum, int]
) -> Doubtful:
    """Read what the stat cache cannot vouch for, if it has the size that it should have; and what had rotted.

    One that changed in the very moment in which it was synced is among them, as is one that was only copied back.

    Args:
        rooms: what is open.
        folder: as it was listed; a file that was not read since it changed has the empty text as its checksum.
        links: what was agreed.
        sizes: of what the store has.
    """
    rot = KnownRot(rooms.state.rot())
    linked = {link.place.key: link.checksum for link in links}

    def is_doubtful(key: str, file: FolderFile) -> bool:
        if file.checksum or key not in linked:
            return rot.may_be(key, file.stamp)
        return sizes.get(linked[key], file.size) == file.size

    doubtful = [file for key, file in folder.files.items() if is_doubtful(key, file)]
    if not doubtful:
        return Doubtful(folder, {})
    read, files = dict[str, Checksum](), dict(folder.files)
    with opened_folder(rooms.settings.media_dir) as root:
        reader = Reader.at(root)
        for file in doubtful:
            key = file.path.key
            with suppress(Unsettled, OSError):
                read[key] = found = reader.checksum(file.path.text, file.stamp)
                if not file.checksum:
                    files[key] = replace(file, checksum=rot.good(key, file.stamp, found) or found)
    return Doubtful(replace(folder, files=files), read)
