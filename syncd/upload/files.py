"""Which file of this computer a media object means, and reading it without being taken in by what is there.

Gramps joins a relative path to the tree's base folder and takes an absolute one as it is. Trees come from other
computers, so a base folder may be named on the command line, `path_map` of the configuration applies, and a name is
looked for in each spelling that systems give it (accents composed or not, backslashes).
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from pathlib import Path

from syncd.config.mistakes import printable
from syncd.desktop.database import MediaRow
from syncd.errors import ConfigError
from syncd.model import MediaPath, PathRules
from syncd.model.catalog_path import parse_catalog_path, take_apart
from syncd.upload.tree import MediaTree

_NOT_THERE = frozenset([errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG])
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Trouble(StrEnum):
    """Why the bytes of a media object did not get into the bucket, in a word for scripts."""

    MISSING = "missing"
    EDITED = "edited"
    NO_CHECKSUM = "no-checksum"
    ELSEWHERE = "other-computer"
    NOT_A_FILE = "not-a-file"
    UNREADABLE = "unreadable"
    CHANGING = "changing"
    DAMAGED = "damaged-in-bucket"
    REFUSED = "refused"
    ODD = "odd-object"


class FileError(Exception):
    """A media object's file cannot be had."""

    def __init__(self, trouble: Trouble, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the files of a tree are on this computer.

    Args:
        base: the folder of relative paths; None where no object has one.
        rules: reads paths of other computers; None where there is nothing to read them by.
        former: the tree's own base folder where `base` stands in for it, and `rules` know that.
    """

    base: Path | None
    rules: PathRules | None = None
    former: str | None = None

    def places(self, raw: str) -> Iterator[str]:
        """Where the file of a path may be, the most likely place first; nothing for a path of another computer."""
        place = take_apart(raw)
        if place is None:
            return
        path = "/".join(place.parts).replace("//", "/", 1) if raw.lower().startswith("file:") else raw
        known = place.is_absolute or self.former is not None
        full = path if place.is_absolute else f"{self.former}/{path}"
        mapped = parse_catalog_path(full, self.rules) if known and self.rules is not None else None
        if self.rules is not None and isinstance(mapped, MediaPath):
            yield from _spellings(f"{self.rules.media_dir}/{mapped}")
        if path.startswith("/"):
            yield from _spellings(path)
        elif not place.is_absolute and self.base is not None:
            yield from _spellings(f"{self.base}/{path}")

    def status(self, row: MediaRow) -> os.stat_result | None:
        """What a look at an object's file says; None when there is no regular file to be seen."""
        for path in self.places(row.path):
            try:
                status = Path(path).lstat()
            except (OSError, ValueError):
                continue
            return status if stat.S_ISREG(status.st_mode) else None
        return None

    def open(self, row: MediaRow) -> FileIO:
        """An object's file, open for reading.

        Raises:
            FileError: it is missing, no regular file, or cannot be read.
        """
        tried = ""
        for path in self.places(row.path):
            tried = tried or path
            try:
                descriptor = os.open(path, _FLAGS)
            except ValueError:
                continue
            except OSError as error:
                if error.errno in _NOT_THERE:
                    continue
                raise _unreadable(error) from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise FileError(
                    Trouble.NOT_A_FILE,
                    "it is a folder, a device or a pipe, not a file",
                    "put the file there, or correct the path in Gramps",
                )
            return FileIO(descriptor, "rb")
        if not tried:
            raise FileError(
                Trouble.ELSEWHERE,
                "the path was written on another computer",
                "say in path_map of the configuration where that folder is here, or make the path relative in Gramps",
            )
        raise FileError(
            Trouble.MISSING,
            f"there is no such file ({printable(tried)})",
            "put the files back, or say with --media-dir where the media folder is now; then upload again",
        )


def _unreadable(error: OSError) -> FileError:
    if error.errno == errno.ELOOP:
        return FileError(
            Trouble.NOT_A_FILE,
            "it is a symbolic link, which syncd does not follow",
            "put the file itself there",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return FileError(
            Trouble.UNREADABLE,
            "it cannot be read: permission denied",
            "give the user that runs syncd the right to read it",
        )
    what = os.strerror(error.errno or 0).lower()
    return FileError(Trouble.UNREADABLE, f"it cannot be read: {what}", "check the disk; then upload again")


def _spellings(path: str) -> Iterator[str]:
    """A path as it stands, and as other systems may have written it."""
    forms = (path, path.replace("\\", "/"))
    yield from dict.fromkeys(
        spelt
        for form in forms
        for spelt in (form, unicodedata.normalize("NFC", form), unicodedata.normalize("NFD", form))
    )


def find_folders(
    tree: MediaTree,
    *,
    media_dir: Path | None,
    configured: Path | None,
    path_map: tuple[tuple[str, str], ...],
) -> Folders:
    """Find the folder to which relative paths belong here.

    Args:
        tree: the tree.
        media_dir: the folder that the command line names.
        configured: `media_dir` of the configuration, to which `path_map` leads.
        path_map: pairs of it.

    Raises:
        ConfigError: a folder is needed, and is not there.
    """
    if media_dir is not None:
        chosen = Path(os.path.abspath(media_dir))  # noqa: PTH100 - Path.resolve would follow links
        if not chosen.is_dir():
            raise ConfigError(
                f"--media-dir: {printable(str(chosen))} is no folder",
                "correct it, or plug in its drive",
            )
        return _standing_in(chosen, tree, path_map)
    base = tree.base
    if base is not None and base.startswith("/") and "\0" not in base and Path(base).is_dir():
        return Folders(Path(base), PathRules(str(configured or base), path_map) if path_map else None)
    if configured is not None and configured.is_dir():
        return _standing_in(configured, tree, path_map)
    if any(_is_relative(row.path) for row in tree.media):
        written = tree.written_base if tree.written_base is not None else base
        named = f" ({printable(written)})" if written else ""
        raise ConfigError(
            f"the media folder of the tree '{printable(tree.title)}'{named} is not on this computer",
            "say with --media-dir where it is; or plug in its drive",
        )
    return Folders(None)


def _standing_in(chosen: Path, tree: MediaTree, path_map: tuple[tuple[str, str], ...]) -> Folders:
    """A folder in the place of the tree's own, for absolute paths below that one, too."""
    former = tree.base or tree.written_base
    own = ((former, "."),) if former and former.strip("/\\. ") else ()
    return Folders(chosen, PathRules(str(chosen), (*path_map, *own)), former if own else None)


def _is_relative(path: str) -> bool:
    place = take_apart(path)
    return place is not None and not place.is_absolute
