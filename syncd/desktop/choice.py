"""Whether a person has to say how new files reach Gramps Web, because Gramps Desktop brings them, too.

The Sync addon of Gramps Desktop adds the desktop's media objects to Gramps Web under their own handles. Where syncd adds
the same files by itself, each picture ends up there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.config import Settings
from syncd.config.mistakes import printable
from syncd.desktop.database import Kind, UnreadableError
from syncd.desktop.places import list_trees
from syncd.desktop.tree import Look, look_at
from syncd.errors import ConfigError
from syncd.model import PathRules, Problem


@dataclass(frozen=True, slots=True)
class Undecided:
    """What was found where nobody has chosen.

    Args:
        beside: trees that have their media in the media folder.
        unreadable: trees that may.
    """

    beside: tuple[Look, ...] = ()
    unreadable: tuple[Problem, ...] = ()


def find_undecided(environ: Mapping[str, str], media_dir: Path, rules: PathRules) -> Undecided:
    """Look for family trees on this machine that have their media where syncd's are."""
    beside, unreadable = [], []
    for tree in list_trees(environ):
        try:
            look = look_at(tree, media_dir, rules)
        except UnreadableError as error:
            if error.kind is not Kind.EMPTY:
                unreadable.append(_may_be_beside(error, printable(tree.title)))
            continue
        if look.reader.has_base or look.files:
            beside.append(look)
    return Undecided(tuple(beside), tuple(unreadable))


def _may_be_beside(error: UnreadableError, title: str) -> Problem:
    problem = error.as_problem(title)
    return Problem(
        f"{problem.reason}, so it is not known whether it has its media in the media folder; "
        "new files were uploaded, and get no media objects for now",
        f'{problem.remedy}; or choose in the configuration: new_files = "add" if no Gramps Desktop syncs with '
        'this Gramps Web, else new_files = "upload-only"',
    )


def choice_error(settings: Settings, beside: Sequence[Look]) -> ConfigError:
    """What asks for the choice: both ways spelled out, as they stand in the file."""
    first = beside[0].tree
    where = printable(str(settings.source)) if settings.source else "the configuration"
    named, *others = _names(beside)
    lines = [
        f"either add to {where}, at its end (a file that Gramps Desktop knows gets the media object",
        "that it has there; other new files are only uploaded):",
        "",
        "[desktop]",
        f"tree = {named}",
        *(f"# or: tree = {other}" for other in others),
        "",
        "or, above its first [section] (if the Sync addon is not used: syncd makes all media objects):",
        "",
        'new_files = "add"',
        "",
        'or there new_files = "upload-only" (media objects come by the Sync addon alone).',
    ]
    if settings.source is None:
        lines.append("As variables: SYNCD_DESKTOP__TREE and SYNCD_NEW_FILES.")
    return ConfigError(
        f"new_files: choose how new files get their media objects: the family tree '{printable(first.title)}' of "
        f"Gramps Desktop ({printable(str(first.folder))}) has its media in {printable(str(settings.media_dir))} too, "
        "and its Sync addon would bring to Gramps Web a second object of each file that syncd adds there",
        "\n".join(lines),
    )


def _names(beside: Sequence[Look]) -> list[str]:
    """What `desktop.tree` would say for each tree: the title, or the path where the title would not do."""
    titles = Counter(look.tree.title for look in beside)
    return [
        _toml_text(title if titles[title] == 1 and title.isprintable() else str(look.tree.folder))
        for look in beside
        for title in [look.tree.title]
    ]


def _toml_text(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"'
        + "".join(f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char for char in escaped)
        + '"'
    )
