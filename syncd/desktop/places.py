"""Where Gramps Desktop keeps its family trees on this machine, by its own rules (`gramps/gen/const.py`).

A family tree is a folder of `grampsdb`: `name.txt` has its title, `database.txt` its kind of database, `sqlite.db` the
rest. Only listings and small text files are looked at here, and a tree that is half there is listed all the same.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from syncd.config.mistakes import nearest, printable
from syncd.config.sources import absolute, home, read_small_file, xdg_folder
from syncd.model import Problem
from syncd.model.paths import can_be_asked_for

DATABASE = "sqlite.db"
FLATPAK = ".var/app/org.gramps_project.Gramps"
"""Where Flatpak puts what Gramps takes for the XDG folders."""

LARGEST_INI = 256 * 1024
LARGEST_NAME = 64 * 1024
"""Bytes."""

_TITLES_SHOWN = 20
_VERSION = re.compile(r"gramps(\d+)")


@dataclass(frozen=True, slots=True)
class Installation:
    """One Gramps as this person has it.

    Args:
        settings: the folder with a folder for each version (`gramps60/gramps.ini`).
        trees: the folder of the family trees.
        pictures: where media are when a tree has no base folder of its own.
        variables: what may stand in braces in a base folder: `{HOME}`, `{USER_DATA}` …
    """

    settings: Path
    trees: Path
    pictures: Path
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FamilyTree:
    """A family tree: its title, its folder, and whose it is."""

    title: str
    folder: Path
    installation: Installation

    @property
    def database(self) -> Path:
        """Its SQLite file, which may be missing."""
        return self.folder / DATABASE


def find_installations(environ: Mapping[str, str]) -> list[Installation]:
    """Every place where this person's Gramps may keep trees; none for an account without a home folder."""
    there = home(environ)
    if there is None:
        return []
    pictures = _pictures(environ, there)
    named = environ.get("GRAMPSHOME")
    if named:
        base = Path(absolute(named, there, environ))
        return [_installation(environ, base, base / "gramps", base / "gramps", pictures)]
    data = xdg_folder(environ, "XDG_DATA_HOME", ".local/share")
    settings = xdg_folder(environ, "XDG_CONFIG_HOME", ".config")
    assert data is not None
    assert settings is not None
    data, settings, old = data / "gramps", settings / "gramps", there / ".gramps"
    if not (data.exists() or settings.exists()) and old.exists():
        data = settings = old  # Gramps 5, or 6 before its first start
    found = [_installation(environ, there, data, settings, pictures)]
    box = there / FLATPAK
    if box.exists():
        found.append(
            _installation(environ, there, box / "data" / "gramps", box / "config" / "gramps", pictures)
        )
    return found


def _installation(
    environ: Mapping[str, str], user_home: Path, data: Path, settings: Path, pictures: Path | None
) -> Installation:
    trees = _configured_trees(settings)
    variables = {
        "GRAMPSHOME": str(user_home),
        **environ,
        "USER_HOME": str(user_home),
        "USER_DATA": str(data),
        "USER_CONFIG": str(settings),
    }
    return Installation(
        settings=settings,
        trees=Path(absolute(trees, user_home, environ)) if trees else data / "grampsdb",
        pictures=pictures or data,
        variables=variables,
    )


def _configured_trees(settings: Path) -> str | None:
    """`database.path` of the newest version's gramps.ini; None where it is missing, the default, or no text."""
    versions = [
        (int(match[1]), name)
        for name in _listed(settings)
        if (match := _VERSION.fullmatch(name)) and (settings / name / "gramps.ini").exists()
    ]
    if not versions:
        return None
    # Gramps writes `key=repr(value)`, and puts ;; before what is the default.
    parser = configparser.RawConfigParser(strict=False)
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError, configparser.Error):
        parser.read_string(read_small_file(settings / max(versions)[1] / "gramps.ini", LARGEST_INI)[0])
        value = ast.literal_eval(parser.get("database", "path"))
        if isinstance(value, str) and value and "\0" not in value:
            return value
    return None


def _pictures(environ: Mapping[str, str], there: Path) -> Path | None:
    """The pictures folder as `user-dirs.dirs` has it, which is where GLib looks; None without such a line."""
    settings = xdg_folder(environ, "XDG_CONFIG_HOME", ".config")
    assert settings is not None
    try:
        text, _mode = read_small_file(settings / "user-dirs.dirs", LARGEST_INI)
    except ValueError:
        return None
    lines = re.findall(r'^\s*XDG_PICTURES_DIR\s*=\s*"((?:[^"\\]|\\.)*)"', text, re.MULTILINE)
    if not lines:
        return None
    written = re.sub(r"\\(.)", r"\1", lines[-1])
    if written == "$HOME" or written.startswith("$HOME/"):
        return Path(str(there) + written.removeprefix("$HOME"))
    return Path(written) if written.startswith("/") else None


def _listed(folder: Path) -> Sequence[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (OSError, ValueError):
        return ()


def list_trees(environ: Mapping[str, str]) -> list[FamilyTree]:
    """Every family tree of this person, by title."""
    found: dict[str, FamilyTree] = {}
    for installation in find_installations(environ):
        for name in _listed(installation.trees):
            folder = installation.trees / name
            if (folder / "name.txt").is_file():
                tree = FamilyTree(_title(folder), folder, installation)
                found.setdefault(os.path.realpath(folder), tree)
    return sorted(found.values(), key=lambda tree: (tree.title, str(tree.folder)))


def _title(folder: Path) -> str:
    """The first line of `name.txt`, as Gramps shows it; the folder's name where there is none."""
    try:
        text, _mode = read_small_file(folder / "name.txt", LARGEST_NAME)
    except ValueError:
        return folder.name
    return text.partition("\n")[0].strip() or folder.name


def find_tree(
    named: str, environ: Mapping[str, str], *, asked_by: str = "desktop.tree"
) -> FamilyTree | Problem:
    """The tree that a person names by its title, or by the path of its folder or database.

    Args:
        named: what the person wrote.
        environ: tells where this person's Gramps keeps its trees.
        asked_by: where the person wrote it.

    Returns:
        The tree, or why none or more than one is meant.
    """
    trees = list_trees(environ)
    wanted = unicodedata.normalize("NFC", named.strip())
    titled = [tree for tree in trees if unicodedata.normalize("NFC", tree.title) == wanted]
    if len(titled) > 1:
        places = ", ".join(printable(str(tree.folder)) for tree in titled)
        return Problem(
            f"{len(titled)} family trees of Gramps Desktop have the title '{printable(named)}'",
            f"set {asked_by} to the path of the one that is meant: {places}",
        )
    if titled:
        return titled[0]
    there = home(environ) or Path("/")
    if wanted.startswith(("/", "~")) and can_be_asked_for(named):
        return _at(Path(absolute(named.strip(), there, environ)), trees, environ, asked_by)
    return Problem(
        f"Gramps Desktop has no family tree with the title '{printable(named)}' on this machine",
        _which_titles(trees, named, environ, asked_by),
    )


def _at(
    path: Path, trees: Sequence[FamilyTree], environ: Mapping[str, str], asked_by: str
) -> FamilyTree | Problem:
    """The tree at a path, also where Gramps itself would not look for it."""
    folder = path.parent if path.name == DATABASE else path
    real = os.path.realpath(folder)
    for tree in trees:
        if os.path.realpath(tree.folder) == real:
            return tree
    installations = find_installations(environ)
    if installations and any((folder / name).exists() for name in (DATABASE, "database.txt", "name.txt")):
        return FamilyTree(_title(folder), folder, installations[0])
    return Problem(
        f"{asked_by} names {printable(str(path))}, where no family tree of Gramps Desktop can be seen",
        _which_titles(trees, "", environ, asked_by),
    )


def _which_titles(trees: Sequence[FamilyTree], named: str, environ: Mapping[str, str], asked_by: str) -> str:
    """The remedy for a name that fits no tree: the titles that there are."""
    if not trees:
        places = (
            ", ".join(printable(str(one.trees)) for one in find_installations(environ)) or "no home folder"
        )
        without = ", or take [desktop] out of the configuration" if asked_by == "desktop.tree" else ""
        return (
            f"Gramps keeps no family tree where syncd looks ({places}); set {asked_by} to the path of its "
            f"folder{without}"
        )
    titles = [printable(title) for title in dict.fromkeys(tree.title for tree in trees)]
    near = nearest(named, titles)
    hint = f"did you mean '{near}'? " if near else ""
    shown = ", ".join(f"'{title}'" for title in titles[:_TITLES_SHOWN])
    more = f" and {len(titles) - _TITLES_SHOWN} more" if len(titles) > _TITLES_SHOWN else ""
    return f"{hint}set {asked_by} to one of: {shown}{more}"
