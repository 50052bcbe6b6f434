"""Reading an object's path as Gramps Web has it: which file of the media folder does it mean here?

Such a path may have been written on another machine: with backslashes, absolute, below a folder that has another name
here, as a `file:` address. Whatever it says, the answer is a path below the media folder or a reason why there is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from syncd.model.paths import MAX_COMPONENT_BYTES, MediaPath, Refusal, Trouble

_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_FILE_URI = re.compile(r"^file:(?://(?P<host>[^/]*))?(?P<path>/.*)$", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_BEHIND_SLASH = re.compile(r"^/[A-Za-z]:(/|$)")

_SEE_PATHS = (
    "run `syncd paths`: it shows the path_map line for the configuration that mends this; "
    "or make the path relative in Gramps Web"
)

_ROOT = "/"
"""Stands before the components of an absolute path that has no drive."""


@dataclass(frozen=True, slots=True)
class PathRules:
    """How an object's path is read on this desktop.

    Args:
        media_dir: the media folder as an absolute path with forward slashes.
        path_map: pairs of (prefix as it stands in Gramps Web, folder below the media folder or `.`). Of several that
            fit, the longest decides.
        other_names: other absolute paths of the media folder, where links lead to it.
    """

    media_dir: str
    path_map: tuple[tuple[str, str], ...] = ()
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    r"""A path of any machine, taken apart.

    Args:
        parts: its components; an absolute one begins with `/` or a drive.
        ignores_case: Windows wrote it (a drive, or `\\server\share`).
    """

    parts: tuple[str, ...]
    ignores_case: bool = False

    @property
    def is_absolute(self) -> bool:
        """Whether it means a place on some machine, not one below the media folder."""
        return bool(self.parts) and (self.parts[0] == _ROOT or _DRIVE.fullmatch(self.parts[0]) is not None)

    def below(self, prefix: Place) -> tuple[str, ...] | None:
        """The components that follow a prefix; None where the path does not begin with it."""
        end = len(prefix.parts)
        ignores_case = prefix.ignores_case
        if _key(self.parts[:end], ignores_case=ignores_case) != _key(prefix.parts, ignores_case=ignores_case):
            return None
        return self.parts[end:]


def _key(parts: Sequence[str], *, ignores_case: bool) -> list[str]:
    keys = [part if part.isascii() else unicodedata.normalize("NFC", part) for part in parts]
    return [key.casefold() for key in keys] if ignores_case else keys


def take_apart(raw: str) -> Place | None:
    """A path's components, `.` and empty ones left out; None for a web address."""
    path = raw
    if uri := _FILE_URI.match(raw):
        host = (uri["host"] or "").casefold()
        path = unquote(uri["path"], errors="surrogateescape")
        if host not in ("", "localhost"):
            path = f"//{uri['host']}{path}"
        elif _BEHIND_SLASH.match(path.replace("\\", "/")):
            path = path[1:]
    elif _URL.match(raw):
        return None
    path = path.replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if path.startswith("/"):
        return Place((_ROOT, *parts), path.startswith("//"))
    # `C:x` is a name: only with a slash does a letter and a colon mean a drive.
    is_drive = _DRIVE.match(path) is not None and path[2:3] in ("", "/")
    return Place(parts, is_drive)


def parse_catalog_path(raw: str, rules: PathRules) -> MediaPath | Refusal:
    """Read an object's path as Gramps Web has it.

    Backslashes become slashes, `./` is dropped, `path_map` is applied, an absolute path below the media
    folder becomes relative; so does the path of a `file:` address.

    Returns:
        The path it means in the media folder, or why it means none.
    """
    if not raw.strip():
        return Refusal(
            "the object in Gramps Web names no file",
            "give the object a path in Gramps Web",
            kind=Trouble.NAMELESS,
        )
    place = take_apart(raw)
    if place is None:
        return Refusal(
            "the object is a web address, not a file", "nothing to do", silent=True, kind=Trouble.ADDRESS
        )
    if not (raw.isprintable() and "%" not in raw) and _holds_control(raw, *place.parts):
        return Refusal(
            "the path in Gramps Web holds a control character or is not proper text",
            "rename the object's path in Gramps Web",
            kind=Trouble.CONTROL,
        )
    parts = _relative(place, rules)
    if isinstance(parts, Refusal):
        return parts
    if ".." in parts:
        return Refusal(
            "the path in Gramps Web climbs out with '..'",
            "correct the object's path in Gramps Web",
            kind=Trouble.CLIMBS,
        )
    if not parts or raw.endswith(("/", "\\")):
        return Refusal(
            "the object in Gramps Web names a folder, not a file",
            "correct the object's path in Gramps Web",
            kind=Trouble.FOLDER,
        )
    path = MediaPath.of("/".join(parts))
    if any(len(part.encode()) > MAX_COMPONENT_BYTES for part in parts):
        return MediaPath.of(path.key)  # accents stored apart take more bytes; composed the name may fit
    return path


def means_itself(path: MediaPath, rules: PathRules) -> bool:
    """Whether a file's path, written into Gramps Web, is read as this very file again."""
    return parse_catalog_path(path.key, rules) == path


def _holds_control(*texts: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for text in texts for char in text)


def _relative(place: Place, rules: PathRules) -> tuple[str, ...] | Refusal:
    """Strip a mapped prefix or the media folder from a path."""
    for prefix, replacement in _prefixes(rules):
        rest = place.below(prefix)
        if rest is not None:
            return (*replacement, *rest) if rest else ()
    if place.parts[:1] == ("~",) and len(place.parts) > 1:
        return Refusal(
            "the path in Gramps Web begins with '~', which means somebody's home folder",
            _SEE_PATHS,
            kind=Trouble.HOME,
        )
    if not place.is_absolute:
        return place.parts
    for name in dict.fromkeys((rules.media_dir, *rules.other_names)):
        folder = take_apart(name)
        rest = place.below(folder) if folder is not None else None
        if rest is not None:
            return rest
    return Refusal(
        "the path in Gramps Web lies outside the media folder",
        _SEE_PATHS,
        kind=Trouble.OUTSIDE,
    )


@lru_cache(maxsize=8)
def _prefixes(rules: PathRules) -> tuple[tuple[Place, tuple[str, ...]], ...]:
    """The map's prefixes, the most particular first, and the components that stand for them."""
    found = []
    for prefix, replacement in rules.path_map:
        place, folder = take_apart(prefix), take_apart(replacement)
        if place is not None and folder is not None:
            found.append((place, folder.parts))
    return tuple(sorted(found, key=lambda pair: len(pair[0].parts), reverse=True))
