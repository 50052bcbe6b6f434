"""Which names of the media folder are nobody's media: rubbish of systems and programs, and what the person lists.

Three lists in gitignore's language, the later over the earlier: the built-in one, `ignore` in the
configuration, `.syncdignore` in the media folder. A later `!pattern` takes a name back in, except below an
ignored folder (as in git) and except syncd's own.

The built-in list compares without regard to case (a memory card says `THUMBS.DB`), the others as git does. All
compare by the NFC form. Nothing that a person may have made by hand is in the built-in list.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.errors import ConfigError, FolderError
from syncd.model import MediaPath
from syncd.model.paths import INTERNAL_NAME

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

IGNORE_FILE = ".syncdignore"
"""The person's own list, at the top of the media folder."""

_TEMPORARY = ".syncd-"
"""How the names of syncd's own intermediate files begin."""

_MAX_FILE_BYTES = 1 << 20

_MOST_PATTERNS = 2_000
"""Every name is compared with every pattern."""

_LONGEST_PATTERN = 4_096
"""Characters; no path is longer."""

_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""A class of characters, or an escaped character, in an expression of pathspec's."""
_NO_SLASH = "(?!/)"
_STAR, _FOLDERS, _ANYWHERE = "[^/]*", "(?:/.+)?", "^(?:.+/)?"
"""What pathspec makes of `*`, of `/**` in the middle, and of a pattern that may match in any folder."""

BUILT_IN: tuple[tuple[str, str], ...] = (
    # Ours
    (IGNORE_FILE, "the list of ignored names itself"),
    (f"{_TEMPORARY}*", "syncd's intermediate files on another file system inside the folder"),
    # Written by operating systems
    (".DS_Store", "macOS: how a Finder window looks"),
    ("._*", "macOS: a file's other half on foreign disks"),
    (".AppleDouble", "macOS: the same on file servers"),
    (".AppleDB", "macOS: file server's index"),
    (".AppleDesktop", "macOS: file server's index"),
    (".Spotlight-V100", "macOS: search index"),
    (".fseventsd", "macOS: change log of a disk"),
    (".TemporaryItems", "macOS: temporary files of a disk"),
    (".DocumentRevisions-V100", "macOS: versions kept by the system"),
    (".apdisk", "macOS: file server's record"),
    ("Icon\r", "macOS: a folder's own icon"),
    ("Thumbs.db", "Windows: thumbnails"),
    ("ehthumbs.db", "Windows Media Center: thumbnails"),
    ("ehthumbs_vista.db", "Windows Media Center: thumbnails"),
    ("desktop.ini", "Windows: how a folder looks"),
    ("$RECYCLE.BIN", "Windows: recycle bin of a disk"),
    ("System Volume Information", "Windows: records of a disk"),
    (".directory", "KDE: how a folder looks"),
    (".thumbnails", "thumbnails of older desktops and of Android"),
    (".nomedia", "Android: a mark for galleries"),
    (".Trash*", "wastebaskets of Linux desktops and macOS"),
    ("lost+found", "fragments found when a Linux disk was checked"),
    (".fuse_hidden*", "deleted but still open, on FUSE"),
    (".nfs*", "deleted but still open, on NFS"),
    # Written by file servers and their apps
    ("@eaDir", "Synology: thumbnails and indexes"),
    ("#recycle", "Synology: recycle bin"),
    ("#snapshot", "Synology: snapshots"),
    ("@Recycle", "QNAP: recycle bin"),
    (".@__thumb", "QNAP: thumbnails"),
    ("@Recently-Snapshot", "QNAP: snapshots"),
    # Unfinished
    ("*.part", "a download or copy under way"),
    ("*.partial", "a download or copy under way"),
    ("*.crdownload", "a download under way in Chrome"),
    ("*.download", "a download under way in Safari"),
    ("*.tmp", "a temporary file"),
    (".goutputstream-*", "a file being saved by a GNOME program"),
    # Written by programs while a file is open, and when it is saved
    (".~lock*", "LibreOffice: somebody has the file open"),
    ("~$*", "Microsoft Office: somebody has the file open"),
    (".#*", "Emacs: somebody has the file open"),
    ("*.swp", "Vim: somebody has the file open"),
    ("*~", "an editor's backup copy"),
    # Written by picture and genealogy programs
    (".picasa.ini", "Picasa: notes on the pictures of a folder"),
    ("Picasa.ini", "Picasa: notes on the pictures of a folder"),
    ("*.xmp", "a picture program's notes on the picture beside it"),
    ("digikam4.db", "digiKam: its database"),
    ("thumbnails-digikam.db", "digiKam: thumbnails"),
    ("recognition.db", "digiKam: faces"),
    ("similarity.db", "digiKam: likenesses"),
    ("*.gramps", "a family tree's export, not its media"),
    ("*.gpkg", "a family tree's export together with its media"),
    # Written by programs that keep or carry folders
    (".git", "a Git repository's own files"),
    (".hg", "a Mercurial repository's own files"),
    (".svn", "a Subversion working copy's own files"),
    (".stfolder", "Syncthing: its marker"),
    (".stversions", "Syncthing: older versions"),
    (".stignore", "Syncthing: its own list of ignored names"),
    (".dropbox", "Dropbox: its record"),
    (".dropbox.attr", "Dropbox: its record"),
    (".dropbox.cache", "Dropbox: its temporary files"),
    (".sync_*", "Nextcloud: its database"),
    (".nextcloudsync.log", "Nextcloud: its log"),
    (".owncloudsync.log", "ownCloud: its log"),
)
"""Name patterns, each with its reason. A star stands at one end only, so that they cost next to nothing."""

_EXACT = frozenset(pattern.casefold() for pattern, _ in BUILT_IN if "*" not in pattern)
_STARTS = tuple(pattern[:-1].casefold() for pattern, _ in BUILT_IN if pattern.endswith("*"))
_ENDS = tuple(pattern[1:].casefold() for pattern, _ in BUILT_IN if pattern.startswith("*"))


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules as they stood when they were loaded; asking them reads nothing.

    Args:
        own: the person's patterns as (expression, whether it ignores), the last one first.
    """

    own: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def load(cls, media_dir: Path, extra: Sequence[str]) -> IgnoreRules:
        """Read all lists.

        Args:
            media_dir: the media folder; a missing `.syncdignore` is fine.
            extra: the configuration's `ignore`.

        Raises:
            ConfigError: a pattern of the configuration makes no sense.
            FolderError: `.syncdignore` cannot be read or makes no sense. Going on without it would upload what
                the person meant to keep out.
        """
        for pattern in extra:
            if not _makes_sense(pattern, comments=False):
                raise ConfigError(
                    f"ignore: '{pattern}' is no pattern",
                    "write patterns as in .gitignore, e.g. '*.psd', 'drafts/' or '\\\\#name'",
                )
        lines = _read(media_dir / IGNORE_FILE)
        if len(lines) > _MOST_PATTERNS:
            raise FolderError(
                f"{IGNORE_FILE} in the media folder has more than {_MOST_PATTERNS:,} lines",
                "write fewer patterns, each for more names",
            )
        for number, line in enumerate(lines, 1):
            if not _makes_sense(line, comments=True):
                raise FolderError(
                    f"line {number} of {IGNORE_FILE} in the media folder is no pattern: '{line}'",
                    "correct or delete the line; patterns are written as in .gitignore",
                )
        if not extra and not lines:
            return cls()
        patterns = _patterns(unicodedata.normalize("NFC", line) for line in (*extra, *lines))
        return cls(
            tuple(
                (_linear(pattern.regex), pattern.include)
                for pattern in reversed(patterns)
                if pattern.regex is not None and pattern.include is not None
            )
        )

    def matches(self, path: MediaPath) -> bool:
        """Whether a file is out of scope, by its own name or by that of a folder above it."""
        parts = path.key.split("/")
        return self.matches_text(path.key, is_dir=False) or any(
            self.matches_text("/".join(parts[:end]), is_dir=True) for end in range(1, len(parts))
        )

    def matches_text(self, rel: str, *, is_dir: bool) -> bool:
        """Whether one entry is ignored, by its own name; the folders above are known not to be.

        Args:
            rel: the path relative to the media folder, in NFC.
            is_dir: whether it is a folder.
        """
        name = rel[rel.rfind("/") + 1 :].casefold()
        if name in (INTERNAL_NAME, IGNORE_FILE) or name.startswith(_TEMPORARY):
            return True
        if self.own:
            entry = f"{rel}/" if is_dir else rel
            for pattern, include in self.own:
                if pattern.search(entry) and _says(pattern, entry):
                    return include
        return name in _EXACT or name.startswith(_STARTS) or name.endswith(_ENDS)


def is_ours(path: MediaPath) -> bool:
    """Whether a path lies in syncd's own folder: an object that names such a place is no rubbish, but a problem."""
    return any(part.casefold() == INTERNAL_NAME for part in path.key.split("/"))


def _says(pattern: re.Pattern[str], entry: str) -> bool:
    """Whether a pattern that matches is about this very entry, not merely about a folder above it.

    pathspec's expressions match what lies below a folder too, and mark the slash after the folder `ps_d`.
    """
    if "ps_d" not in pattern.groupindex:
        return True
    return any(found.end("ps_d") in (-1, len(entry)) for found in pattern.finditer(entry))


def _linear(regex: re.Pattern[str]) -> re.Pattern[str]:
    """The same expression, so that no name takes long to compare.

    As pathspec writes it, `*a*a*a*b` tries all ways to divide a name among the stars, and `**` likewise with folders. The
    first place where a part fits is as good as any later one for all parts but the last, so nothing is tried again.
    """
    written = _CLASS.sub(_without_slash, regex.pattern)
    blocks = [_with_hasty_stars(block) for block in written.split(_FOLDERS)]
    first, last = blocks[0], blocks[-1]
    if len(blocks) == 1:
        return re.compile(first)
    if first.startswith(_ANYWHERE):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_ANYWHERE)}(?=/))"
    hasty = "".join(f"(?>(?:/.+?)??{block}(?=/))" for block in blocks[1:-1])
    return re.compile(f"{first}{hasty}{_FOLDERS}{last}")


def _without_slash(token: re.Match[str]) -> str:
    """A class of characters as git means it: `[!a]` is no slash, which pathspec lets it be."""
    text = token.group()
    return text if text.startswith("\\") or text == "[^/]" else f"{_NO_SLASH}{text}"


def _with_hasty_stars(block: str) -> str:
    """Each star takes as little as it can, for good, but for the last one of a name."""
    first, *rest = block.split(_STAR)
    found = first
    for number, part in enumerate(rest):
        is_last = number == len(rest) - 1 or "/" in part.replace("[^/]", "").replace(_NO_SLASH, "")
        if part or is_last:
            found += f"{_STAR}{part}" if is_last else f"(?>{_STAR}?{part})"
    return found


def _makes_sense(pattern: str, *, comments: bool) -> bool:
    """Whether the pattern says something; a broken one must not silently match nothing (or everything)."""
    text = pattern.strip()
    if not text:
        return True
    if text.startswith("#"):
        return comments
    if "\0" in text or "\n" in text or text == "!/" or len(text) > _LONGEST_PATTERN:
        return False
    try:
        (read,) = _patterns([pattern])
    except (ValueError, re.error):
        return False
    return read.include is not None


def _patterns(lines: Iterable[str]) -> list[GitIgnoreSpecPattern]:
    """What each line says.

    Raises:
        ValueError: one is no pattern.
        re.error: likewise.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  (most people have no patterns, and need not wait for it)

    return [*GitIgnoreSpec.from_lines(lines).patterns]


def _read(path: Path) -> list[str]:
    """The lines of the person's list, none when there is no such file."""
    remedy = f"make {path} a readable text file in UTF-8, or delete it"
    try:
        # Without O_NONBLOCK a pipe of that name would keep us waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if path.is_symlink():
            raise FolderError(f"{IGNORE_FILE} in the media folder points nowhere", remedy) from None
        return []
    except OSError as error:
        raise FolderError(
            f"{IGNORE_FILE} in the media folder cannot be read: {error.strerror}", remedy
        ) from error
    try:
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_FILE_BYTES:
                raise FolderError(f"{IGNORE_FILE} in the media folder is no plain list of names", remedy)
            return file.read(_MAX_FILE_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"{IGNORE_FILE} in the media folder cannot be read", remedy) from error
