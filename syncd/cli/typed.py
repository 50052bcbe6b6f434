"""Paths as people type them: relative to the media folder, or to the folder in which they stand, or absolute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from syncd.model import MediaPath, PathRules
from syncd.model.catalog_path import parse_catalog_path


def paths_meant(typed: str, folder: Path) -> Sequence[MediaPath]:
    """The paths of the media folder that somebody may mean, the likeliest first: what is relative to it comes first.

    Args:
        typed: the path of a file or a folder, with a slash at its end or without; it need not exist.
        folder: the media folder, absolute. As a path it is the empty one.
    """
    return tuple(dict.fromkeys((*_as_in_gramps_web(typed, folder), *_from_here(typed, folder))))


def _as_in_gramps_web(typed: str, folder: Path) -> Iterator[MediaPath]:
    """What it means as the path of an object; or literally, as a name here may hold what separates names on Windows."""
    name = typed.rstrip("/")
    parsed = parse_catalog_path(name, PathRules(str(folder)))
    if isinstance(parsed, MediaPath):
        yield parsed
    if {"", ".", ".."}.isdisjoint(name.split("/")):
        yield MediaPath.of(name)


def _from_here(typed: str, folder: Path) -> Iterator[MediaPath]:
    """What it leads to as the system reads it: also over symbolic links that lead into the media folder."""
    try:
        spot, top = Path.cwd() / typed, folder.resolve()
        # A symbolic link as the last name is what is meant itself; but what it leads to may be the media folder.
        ways = [spot.resolve()] if spot.name == ".." else [spot.parent.resolve() / spot.name, spot.resolve()]
    except (OSError, RuntimeError, ValueError):  # no current folder, links in a circle, a NUL
        return
    for way in ways:
        if way.is_relative_to(top):
            yield MediaPath.of("" if way == top else way.relative_to(top).as_posix())
