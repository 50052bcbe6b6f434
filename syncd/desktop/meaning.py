"""Which file of the media folder a media object of Gramps Desktop means.

Gramps joins a relative path to the tree's base folder and takes an absolute one as it is (`gramps/gen/utils/file.py`).
The folder is then compared as the disk has it, so that symbolic links to the media folder, or in the way to it, do not
matter; the file itself is not followed, as the scan does not follow it either. What lies on another machine is read by
`path_map`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncd.desktop.places import FamilyTree
from syncd.model import MediaPath, PathRules, Refusal
from syncd.model.catalog_path import parse_catalog_path, take_apart

_VARIABLE = re.compile(r"\{(\w*)\}")


def base_folder(media_path: str | None, tree: FamilyTree) -> str | None:
    """The folder to which a tree's relative paths belong.

    Args:
        media_path: as it is written in the tree; None for Gramps' default.
        tree: the tree.

    Returns:
        An absolute path, perhaps of another machine; None when a variable in it is not known here.
    """
    if media_path is None:
        return str(tree.installation.pictures)
    variables = tree.installation.variables
    if any(name not in variables for name in _VARIABLE.findall(media_path)):
        return None
    written = _VARIABLE.sub(lambda match: variables[match[1]], media_path)
    place = take_apart(written)
    return written if place is not None and place.is_absolute else f"{tree.folder}/{written}"


@dataclass(slots=True)
class Reader:
    """Reads paths of one family tree.

    Args:
        base: see `base_folder`.
        media_dir: the media folder.
        rules: how paths of other machines are read.
    """

    base: str | None
    media_dir: Path
    rules: PathRules
    _media_real: str = field(init=False)
    _real: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._media_real = _normal(os.path.realpath(self.media_dir))

    @property
    def has_base(self) -> bool:
        """Whether the base folder is the media folder itself."""
        return (
            self.base is not None
            and self.base.startswith("/")
            and "\0" not in self.base
            and _normal(os.path.realpath(self.base)) == self._media_real
        )

    def file_of(self, raw: str) -> MediaPath | None:
        """The file that a path means; None when it is none of the media folder's."""
        place = take_apart(raw)
        if place is None or not raw.strip():
            return None
        full = raw
        if not place.is_absolute:
            if self.base is None:
                return None
            full = f"{self.base}/{raw}"
        found = self._below_media_dir(full.replace("\\", "/"))
        if found is None:
            mapped = parse_catalog_path(full, self.rules)
            found = None if isinstance(mapped, Refusal) else mapped
        return found

    def _below_media_dir(self, full: str) -> MediaPath | None:
        """The path as this machine's disk has it."""
        folder, _, name = full.rpartition("/")
        if not full.startswith("/") or name in ("", ".", "..") or "\0" in full:
            return None
        if folder not in self._real:
            self._real[folder] = _normal(os.path.realpath(folder or "/"))
        real = self._real[folder]
        if real != self._media_real and not real.startswith(self._media_real + "/"):
            return None
        below = real[len(self._media_real) :].lstrip("/")
        return MediaPath.of(f"{below}/{name}" if below else name)


def _normal(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def unknown_variables(media_path: str, variables: Mapping[str, str]) -> list[str]:
    """What stands in braces in a base folder and is known to Gramps' process alone."""
    return [name for name in _VARIABLE.findall(media_path) if name not in variables]
