"""The family tree of `[desktop]`: what its media objects mean in the media folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.config.mistakes import printable
from syncd.desktop.database import Contents, UnreadableError, read_contents, read_forms
from syncd.desktop.meaning import Reader, base_folder, unknown_variables
from syncd.desktop.places import DATABASE, FamilyTree, find_tree
from syncd.logger import Logger
from syncd.model import DesktopObject, DesktopSnapshot, PathRules, Problem

log = Logger(__name__)

UNREADABLE = DesktopSnapshot(readable=False)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a readable tree found.

    Args:
        tree: the tree.
        contents: its rows.
        reader: reads its paths.
        snapshot: its media objects by the files that they mean.
        problems: what is odd about it.
    """

    tree: FamilyTree
    contents: Contents
    reader: Reader
    snapshot: DesktopSnapshot
    problems: tuple[Problem, ...]

    @property
    def files(self) -> int:
        """How many media objects mean a file of the media folder."""
        return sum(len(items) for items in self.snapshot.objects.values())


def look_at(tree: FamilyTree, media_dir: Path, rules: PathRules) -> Look:
    """Read a tree and find out what its media objects mean.

    Raises:
        UnreadableError: it cannot be read.
    """
    contents = read_contents(tree.folder)
    base = base_folder(contents.media_path, tree)
    reader = Reader(base, media_dir, rules)
    objects: dict[str, tuple[DesktopObject, ...]] = {}
    for row in contents.media:
        path = reader.file_of(row.path)
        if path is not None:
            item = DesktopObject(row.handle, row.checksum, row.change)
            objects[path.key] = (*objects.get(path.key, ()), item)
    return Look(tree, contents, reader, DesktopSnapshot(objects), tuple(_oddities(tree, contents, base)))


def _oddities(tree: FamilyTree, contents: Contents, base: str | None) -> list[Problem]:
    title, found = printable(tree.title), []
    if base is None and contents.media_path is not None:
        names = unknown_variables(contents.media_path, tree.installation.variables)
        unknown = printable(", ".join(f"{{{name}}}" for name in names))
        found.append(
            Problem(
                f"the base media path of the family tree '{title}' holds {unknown}, which syncd does not know",
                "in Gramps, choose Edit, Preferences, and set the base media path to a plain folder",
            )
        )
    if contents.odd:
        objects = "1 media object" if contents.odd == 1 else f"{contents.odd} media objects"
        found.append(
            Problem(
                f"{objects} of the family tree '{title}' without a proper handle or path",
                "in Gramps, run Tools, Family Tree Repair, Check and Repair Database",
            )
        )
    return found


@dataclass(slots=True)
class ConfiguredTree:
    """The tree that `desktop.tree` names. Nothing raises: a tree that cannot be read is a problem of its own."""

    named: str
    environ: Mapping[str, str]
    media_dir: Path
    rules: PathRules
    _tree: FamilyTree | None = field(default=None, init=False)

    def look(self) -> tuple[DesktopSnapshot, Sequence[Problem]]:
        """Its media objects, and why it could not be read or what is odd about it."""
        found = self.examine()
        if isinstance(found, Problem):
            log.warning("Gramps Desktop's family tree cannot be read", tree=self.named, reason=found.reason)
            return UNREADABLE, (found,)
        log.info(
            "looked at Gramps Desktop's family tree",
            tree=found.tree.title,
            folder=str(found.tree.folder),
            objects=len(found.contents.media),
            files=found.files,
        )
        return found.snapshot, found.problems

    def stamp(self) -> object:
        """What changes when somebody writes to it; None while it is not known which it is."""
        tree = self._tree
        if tree is None:
            return None
        try:
            status = (tree.folder / DATABASE).stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def examine(self) -> Look | Problem:
        """All that is known of the tree, or why nothing is."""
        tree = find_tree(self.named, self.environ)
        if isinstance(tree, Problem):
            return tree
        self._tree = tree
        try:
            return look_at(tree, self.media_dir, self.rules)
        except UnreadableError as error:
            return error.as_problem(printable(tree.title))

    def forms(self, handles: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Its media objects of these handles in Gramps' raw form, as far as they are there and readable."""
        tree = self._tree or find_tree(self.named, self.environ)
        if isinstance(tree, Problem) or not handles:
            return {}
        try:
            return read_forms(tree.folder, handles)
        except UnreadableError as error:
            log.warning("Gramps Desktop's media objects cannot be read", tree=tree.title, reason=error.reason)
            return {}


@dataclass(frozen=True, slots=True)
class UnreadableTrees:
    """Trees that nobody chose and that cannot be read, so that nobody knows whether a choice is due."""

    problems: tuple[Problem, ...]

    def look(self) -> tuple[DesktopSnapshot, Sequence[Problem]]:
        """Nothing, and why."""
        return UNREADABLE, self.problems

    def stamp(self) -> object:
        """Nothing that changes."""
        return None

    def forms(self, _handles: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Nothing."""
        return {}
