"""`syncd paths`: which paths cannot be used, sorted by what is the matter with them, and what mends each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from syncd.cli.exits import Ending
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import count
from syncd.cli.session import Session
from syncd.errors import ExitCode

if TYPE_CHECKING:
    from syncd.merge.survey import Group, Kind, Survey

EXAMPLES = 3
"""Paths of each kind that are shown."""

_IN_WEB = "rename them in Gramps Web"

_SAID: Mapping[str, tuple[str, str, str]] = {
    "outside": (
        "In {prefix}, outside the media folder",
        "these paths were written on another computer, or mean other files than those of the media folder",
        "make them relative in Gramps Web",
    ),
    "climbs-out": (
        "Climbing out of the media folder with '..'",
        "such a path may mean any file of the computer, so it is never followed",
        "correct their paths in Gramps Web",
    ),
    "control-characters": (
        "With a control character (a line break, say), or not proper text",
        "no file is created under such a name",
        _IN_WEB,
    ),
    "no-name": (
        "Without a path",
        "they name no file",
        "give them a path in Gramps Web, or delete them there",
    ),
    "folder": (
        "Naming a folder, not a file",
        "there is nothing to sync",
        "correct their paths in Gramps Web",
    ),
    "reserved-name": (
        "With a name that Windows keeps for devices (CON, AUX, …)",
        "a file of that name would be lost on Windows, so none is created",
        _IN_WEB,
    ),
    "dot-or-space-at-the-end": (
        "With a name that ends with a dot or a space",
        "Windows drops it, and then the file is another one",
        _IN_WEB,
    ),
    "disguised-name": (
        "With an invisible character that makes the name look like another",
        "such a character turns text round, so that a program can look like a photo",
        _IN_WEB,
    ),
    "syncd-folder": ("In .syncd", "that folder belongs to syncd", _IN_WEB),
    "too-long": (
        "Too long",
        "a name has at most 255 bytes (an umlaut takes two), a path 3,072",
        "shorten them in Gramps Web",
    ),
    "symbolic-link": (
        "Behind a symbolic link of the media folder",
        "syncd never writes through links: what is behind one may not be meant",
        "make it a real folder, or change the paths in Gramps Web",
    ),
    "differs-only-by-case": (
        "Different from another name only in upper and lower case",
        "on Windows and macOS the two are one file",
        "rename one of each in Gramps Web",
    ),
    "name-taken": (
        "With a name that something else has in the media folder",
        "nothing is ever written over something else",
        "rename one of the two",
    ),
    "web-address": ("Web addresses", "they are not files: nothing to sync", "nothing to do"),
    "ignored": (
        "Left out by the ignore rules",
        "they stay as they are, in Gramps Web and here",
        "nothing to do; to sync them, change ignore in the configuration, or .syncdignore in the media folder",
    ),
    "one-path-several-objects": (
        "With a path that several objects have",
        "of equal content they share the file; of different content the later ones get a name of their own here",
        "nothing to do; to tidy up, merge or rename them in Gramps Web",
    ),
    "unusable-here": (
        "In the media folder, but not to be synced",
        "each says why",
        "rename or repair them; see: syncd --once",
    ),
    "not-for-other-desktops": (
        "In the media folder, under a name that other desktops cannot take",
        "they are in Gramps Web, but another computer with syncd will refuse to create them",
        "rename them here: their objects in Gramps Web follow",
    ),
}
"""For each kind: a heading, what it means, what mends it."""


@click.command("paths")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """List paths that cannot be used, and what mends them; change nothing.

    Objects whose paths were written on another computer are sorted by folder, each with what to write into path_map
    of the configuration.
    """
    found = session.survey_paths()
    settings = session.settings()
    mapped = {**settings.path_map, **proposed(found.groups)}
    ascii_only = session.report.stream.encoding == "ascii"
    if session.wants_report:
        paper = session.report
        _tell_numbers(paper, found)
        for group in found.groups:
            if group.is_problem or not session.quiet:
                _tell(paper, group)
        if proposed(found.groups):
            source = settings.source
            where = f"into {source}, above its first [section]" if source else "into the configuration file"
            paper.line()
            paper.line(f"Put this line {where}, instead of a path_map that it may have:")
            paper.line(toml_line(mapped, ascii_only=ascii_only))
            paper.line("Then look again: syncd paths, and: syncd --once --dry-run")
    return Ending(
        ExitCode.PROBLEMS if any(group.is_problem for group in found.groups) else ExitCode.OK,
        {
            "paths": {
                "objects": found.objects,
                "fine": found.fine,
                "path_map": toml_line(mapped, ascii_only=True) if proposed(found.groups) else None,
                "groups": [_document(group) for group in found.groups],
            }
        },
    )


def proposed(groups: Sequence[Group]) -> dict[str, str]:
    """What is to be added to path_map."""
    return {group.mapping.prefix: group.mapping.folder for group in groups if group.mapping is not None}


def toml_line(path_map: Mapping[str, str], *, ascii_only: bool) -> str:
    """The configuration's line, as valid TOML."""
    pairs = ", ".join(
        f"{_string(prefix, ascii_only=ascii_only)} = {_string(folder, ascii_only=ascii_only)}"
        for prefix, folder in path_map.items()
    )
    return f"path_map = {{ {pairs} }}"


def _string(text: str, *, ascii_only: bool) -> str:
    """A basic string of TOML: what cannot be seen, or would not arrive as it is, is escaped."""
    return '"' + "".join(_character(char, ascii_only=ascii_only) for char in text) + '"'


def _character(char: str, *, ascii_only: bool) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable() and (char.isascii() or not ascii_only):
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _tell_numbers(paper: Paper, found: Survey) -> None:
    fine = (
        f"{count(found.fine, 'object')} {'is' if found.fine == 1 else 'are'} fine"
        if found.fine != found.objects or not found.objects
        else f"{count(found.objects, 'object')}: all paths are fine"
    )
    paper.line(f"{fine}." if any(group.is_problem for group in found.groups) else f"{fine}; nothing to mend.")


def _tell(paper: Paper, group: Group) -> None:
    title, meaning, remedy = explained(group)
    number = len(group.entries)
    noun = "file" if _is_of_files(group.kind) else "object"
    paper.line()
    paper.line(f"{title}: {count(number, noun)}", style="bold red" if group.is_problem else "bold")
    for entry in group.entries[:EXAMPLES]:
        same = entry.reason == group.entries[0].reason
        paper.line(f"  {entry.path}" + ("" if same and group.mapping else f"  ({entry.reason})"))
    if number > EXAMPLES:
        paper.line(f"  … and {number - EXAMPLES:,} more (syncd paths --json lists all)")
    in_step = sum(entry.in_step for entry in group.entries)
    if in_step and noun == "object":
        paper.line(
            f"  {in_step:,} of them {'is' if in_step == 1 else 'are'} in step with a file all the same."
        )
    paper.line(f"  What it means: {meaning}")
    paper.line(f"  What to do:    {remedy}")


def explained(group: Group) -> tuple[str, str, str]:
    """A heading, what it means, what mends it."""
    title, meaning, remedy = _SAID[group.kind]
    mapping = group.mapping
    if mapping is None:
        return title.format(prefix="no folder at all"), meaning, remedy
    pair = f"{_string(mapping.prefix, ascii_only=False)} = {_string(mapping.folder, ascii_only=False)}"
    here = f"{mapping.found:,} of {len(group.entries):,} have their file here then"
    none = "no file here has such a name yet; correct the '.' where the folder is below the media folder"
    return (
        title.format(prefix=mapping.prefix),
        meaning,
        f"add to path_map: {pair} ({here if mapping.found else none})",
    )


def _is_of_files(kind: Kind) -> bool:
    return kind in ("unusable-here", "not-for-other-desktops")


def _document(group: Group) -> dict[str, object]:
    _title, meaning, remedy = explained(group)
    mapping = group.mapping
    return {
        "kind": str(group.kind),
        "problem": group.is_problem,
        "count": len(group.entries),
        "meaning": meaning,
        "remedy": remedy,
        "mapping": None
        if mapping is None
        else {"from": mapping.prefix, "to": mapping.folder, "found": mapping.found},
        "items": [
            {
                "path": entry.path,
                "handle": entry.handle,
                "reason": entry.reason,
                "in_step": entry.in_step,
            }
            for entry in group.entries
        ],
    }
