"""The tree whose media are wanted: from an export of Gramps, or from Gramps Desktop on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.config.mistakes import printable
from syncd.desktop.database import MediaRow, UnreadableError, read_contents
from syncd.desktop.exported import read_export
from syncd.desktop.meaning import base_folder
from syncd.desktop.places import FamilyTree, find_installations, find_tree
from syncd.errors import ConfigError
from syncd.model import Problem


@dataclass(frozen=True, slots=True)
class MediaTree:
    """A tree as far as its media go.

    Args:
        title: what it is called.
        base: the folder of relative paths, absolute, perhaps on another machine; None where that is not known.
        written_base: the same as it stands in the tree.
        media: its media objects.
        odd: how many were left out because they have no proper handle or path.
    """

    title: str
    base: str | None
    written_base: str | None
    media: tuple[MediaRow, ...]
    odd: int = 0


def tree_of_file(path: Path, environ: Mapping[str, str]) -> MediaTree:
    """The tree of an export.

    Raises:
        ConfigError: it cannot be read.
    """
    export = read_export(path)
    base = None
    installations = find_installations(environ)
    if installations:
        # A relative base belongs to the tree's database; beside the export is the next best place.
        folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - Path.resolve would follow links
        base = base_folder(export.media_path, FamilyTree(path.stem, folder, installations[0]))
    return MediaTree(path.name, base, export.media_path, export.media, export.odd)


def tree_of_desktop(named: str, environ: Mapping[str, str]) -> MediaTree:
    """A tree of Gramps Desktop on this machine, which may be open meanwhile.

    Raises:
        ConfigError: there is none of that name, or it cannot be read (now).
    """
    tree = find_tree(named, environ, asked_by="--desktop")
    if isinstance(tree, Problem):
        raise ConfigError(tree.reason, tree.remedy)
    try:
        contents = read_contents(tree.folder)
    except UnreadableError as error:
        problem = error.as_problem(printable(tree.title))
        raise ConfigError(problem.reason, problem.remedy) from error
    base = base_folder(contents.media_path, tree)
    return MediaTree(tree.title, base, contents.media_path, contents.media, contents.odd)
