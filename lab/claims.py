"""What a disk says for itself: what its state claims, and what its media folder holds once syncd has tidied up after a crash."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.disk import Image
from lab.world import md5
from syncd.applier.disk import MediaFolder
from syncd.applier.marker import Marker
from syncd.errors import SyncdError
from syncd.state import State

TRASH = ".syncd/trash/"
LinkRow = tuple[str, str, str, str | None]
"""Where its file is looked for, its object's path, the checksum, and which end is detached."""
StampRow = tuple[int, int, str]
"""Size in bytes, `identity` of the inode, and checksum."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a state says.

    Args:
        damage: why it could not be used; None where it could.
        bound: the marker that the folder must bear; None where the state is not bound.
        links: by handle.
        stamps: by path.
        trash: name in the trash → checksum.
        stored: the keys that the bucket is believed to hold.
    """

    damage: str | None = None
    bound: Marker | None = None
    links: Mapping[str, LinkRow] = field(default_factory=dict)
    stamps: Mapping[str, StampRow] = field(default_factory=dict)
    trash: Mapping[str, str] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()

    @classmethod
    def of(cls, files: Mapping[str, bytes], folder: Path) -> Claims | None:
        """Open the state whose files these are, in an empty folder; None where there is no state."""
        if "state.sqlite" not in files:
            return None
        for path, content in files.items():
            (folder / path).write_bytes(content)
        try:
            with State.open(folder / "state.sqlite") as state:
                return cls._read(state)
        except SyncdError as error:
            return cls(damage=error.reason)

    @classmethod
    def _read(cls, state: State) -> Claims:
        if state.damage:
            return cls(damage=state.damage)
        damage = "; ".join(state.integrity()) or None
        binding = state.binding()
        return cls(
            damage=damage,
            bound=None if binding is None else Marker(binding.folder_id, ""),
            links={
                link.handle: (link.place.text, link.named, link.checksum, link.detached)
                for link in state.links()
                if not link.restore
            },
            stamps={
                path: (size, device << 64 | inode, checksum)
                for path, size, device, inode, checksum in state._rows(  # noqa: SLF001
                    "SELECT path, size, device, inode, checksum FROM stamps"
                )
            },
            trash={entry.kept_as: entry.checksum or "" for entry in state.trash()},
            stored=frozenset(row[0] for row in state._rows("SELECT checksum FROM stored")),  # noqa: SLF001
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """What a media folder holds, once syncd has put in its place what lay in between.

    Args:
        files: path → checksum of the person's files.
        trash: name in the trash → checksum.
        about: what of syncd's own lies about.
        marker: the folder's.
        trouble: what the recovery stumbled over; empty where all went well.
    """

    files: Mapping[str, str]
    trash: Mapping[str, str]
    about: Sequence[str] = ()
    marker: Marker | None = None
    trouble: str = ""

    @classmethod
    def of(cls, image: Image, folder: Path) -> Folder:
        """Put it on a real disk, in an empty folder, and recover."""
        image.write({"media": folder, "state": folder.parent / "unused"})
        marker, trouble = None, ""
        with MediaFolder(folder) as media:
            try:
                media.recover()
                trouble = f"a second recovery found {media.recover()}".removesuffix(
                    "a second recovery found []"
                )
                marker = media.marker()
            except SyncdError as error:
                trouble = error.reason
        files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        own = {path for path in files if path.startswith(".syncd/") or "/.syncd-" in f"/{path}"}
        trash = {path for path in own if path.startswith(TRASH)}
        return cls(
            files={path: md5(files[path].read_bytes()) for path in files.keys() - own},
            trash={path: md5(files[path].read_bytes()) for path in trash},
            about=sorted(
                path
                for path in own - trash
                if ("/tmp/" in path or "/.syncd-" in f"/{path}") and not _waits_for_disk(folder, files[path])
            ),
            marker=marker,
            trouble=trouble,
        )

    @property
    def contents(self) -> set[str]:
        """The checksums of the person's files."""
        return set(self.files.values())


def _waits_for_disk(folder: Path, file: Path) -> bool:
    """Whether it is a note about a folder that is missing or empty, as that of a disk which is not mounted."""
    if file.suffix != ".note":
        return False
    where = (folder / json.loads(file.read_bytes())["slot"]).parent
    return not where.is_dir() or not any(where.iterdir())
