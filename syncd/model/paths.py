"""Paths of media files: one type, made in one place.

A `MediaPath` is relative to the media folder, with forward slashes. It keeps the text as the file system
spells it and compares by its NFC form, so a name typed on macOS (NFD) and the same name in Gramps Web (NFC)
are one path.

Two questions are kept apart. `catalog_path.parse_catalog_path` asks *which file does this object mean?* and
`refuse_to_write` asks *may a file be created there?* A file that is already at an awkward name is
linked without a murmur; only creating such a name is refused.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.values import Checksum, Problem

MAX_COMPONENT_BYTES = 255
"""Longest file name on every common file system (ext4, XFS, APFS, NTFS count differently but not less)."""

MAX_PATH_BYTES = 3072
"""Longest relative path that is created: `PATH_MAX` is 4096 with the media folder in front."""

_MAX_SUFFIX_BYTES = 64
"""A longer "extension" is part of a sentence with a full stop in it."""

INTERNAL_NAME = ".syncd"
"""The folder, in the media folder, that belongs to syncd."""
MARKER_FILE = "folder.json"
"""The file there that says whose the media folder is."""

_DISGUISES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Characters that let a name be read as another one: they turn text round, or begin a line. Marks that only say how
letters join (in Persian, in an emoji) or which way a word runs are part of ordinary names."""

_DEVICE_NAMES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"]
)


@dataclass(frozen=True, slots=True)
class MediaPath:
    """A path relative to the media folder; equal and hashed by its NFC form `key`."""

    text: str = field(compare=False)
    key: str

    @classmethod
    def of(cls, text: str) -> MediaPath:
        """Wrap a relative path with forward slashes that is known to be clean (a scanned name, a stored one)."""
        return cls(text, text if text.isascii() else unicodedata.normalize("NFC", text))

    @property
    def name(self) -> str:
        """The last component, as spelt on disk."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """Everything before the last slash, `""` at the top."""
        return self.text.rpartition("/")[0]

    @property
    def stem(self) -> str:
        """The name without its extension; a leading dot is no extension."""
        return split_name(self.name)[0]

    @property
    def suffix(self) -> str:
        """The extension with its dot, or `""`."""
        return split_name(self.name)[1]

    @property
    def fold(self) -> str:
        """What a file system that ignores case would compare."""
        return self.key.casefold()

    def ancestors(self) -> list[str]:
        """The keys of the folders above, nearest first."""
        parts = self.key.split("/")
        return ["/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]

    def beside(self, name: str) -> MediaPath:
        """The path of another name in the same folder."""
        return MediaPath.of(f"{self.parent}/{name}" if self.parent else name)

    def __str__(self) -> str:
        return self.text


def is_text(name: str) -> bool:
    """Whether a name, as the file system gives it, is proper Unicode: only then anything can be known by it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def can_be_asked_for(path: str) -> bool:
    """Whether the system can be asked for such a path at all; what a state, a note or a person writes need not be one."""
    try:
        return b"\0" not in path.encode(sys.getfilesystemencoding(), "surrogateescape")
    except UnicodeEncodeError:
        return False


class Trouble(StrEnum):
    """What is the matter with a path, in one word for scripts."""

    OUTSIDE = "outside"
    CLIMBS = "climbs-out"
    CONTROL = "control-characters"
    NAMELESS = "no-name"
    FOLDER = "folder"
    RESERVED = "reserved-name"
    ENDING = "dot-or-space-at-the-end"
    DISGUISED = "disguised-name"
    HOME = "home-folder"
    INTERNAL = "syncd-folder"
    LONG = "too-long"
    LINK = "symbolic-link"
    CASE = "differs-only-by-case"
    TAKEN = "name-taken"
    ADDRESS = "web-address"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a path cannot be used here; `silent` where that is no problem (an URL is not a file)."""

    reason: str
    remedy: str
    silent: bool = False
    kind: Trouble = Trouble.TAKEN

    def as_problem(self, *, path: str, handle: str | None = None) -> Problem:
        """The problem to report for one item."""
        return Problem(reason=self.reason, remedy=self.remedy, path=path, handle=handle)


def split_name(name: str) -> tuple[str, str]:
    """Split `photo.jpg` into `("photo", ".jpg")`; `.hidden` has no extension."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if dot and stem.strip(".") else (name, "")


def refuse_to_write(path: MediaPath) -> Refusal | None:
    """Say why a file must not be created at this name, looking at the name alone."""
    if len(path.text.encode()) > MAX_PATH_BYTES:
        return Refusal("the path is too long", "shorten the object's path in Gramps Web", kind=Trouble.LONG)
    for part in path.text.split("/"):
        refusal = _refuse_component(part)
        if refusal is not None:
            return refusal
    return None


def _refuse_component(part: str) -> Refusal | None:
    """Say why one component of a path must not be created."""
    rename = "rename it in Gramps Web"
    if part.casefold() == INTERNAL_NAME:
        return Refusal(f"the name {INTERNAL_NAME} belongs to syncd", rename, kind=Trouble.INTERNAL)
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        return Refusal(
            f"a name in the path is longer than {MAX_COMPONENT_BYTES} bytes", rename, kind=Trouble.LONG
        )
    if part.split(".", maxsplit=1)[0].strip().casefold() in _DEVICE_NAMES:
        return Refusal(
            f"the name '{part}' is reserved on Windows and would be lost there", rename, kind=Trouble.RESERVED
        )
    if part != part.rstrip(". "):
        return Refusal(
            "a name in the path ends with a dot or a space, which Windows drops", rename, kind=Trouble.ENDING
        )
    if not part.isprintable() and not _DISGUISES.isdisjoint(part):
        return Refusal(
            "a name in the path holds an invisible character that makes it look like another name",
            rename,
            kind=Trouble.DISGUISED,
        )
    return None


def is_server_name(raw: str, checksum: Checksum | None) -> bool:
    """Whether an object's path is `<its own checksum>.<ext>`: the server's doing, never a person's move."""
    if checksum is None or "/" in raw or "\\" in raw:
        return False
    return raw.split(".", maxsplit=1)[0].lower() == checksum and raw.count(".") <= 1


def conflict_name(path: MediaPath, date: str, host: str, taken: Container[str]) -> MediaPath:
    """The free name `stem (conflict <date> <host>).ext` beside a file.

    Args:
        path: the file that both sides changed.
        date: ISO date of the conflict.
        host: this machine's name.
        taken: folded keys (`MediaPath.fold`) that are in use.
    """
    host = re.sub(r"[^\w.-]+", "-", host).strip("-.")[:64] or "here"
    return _free_name(path, f" (conflict {date} {host}", ")", taken)


def free_name(path: MediaPath, taken: Container[str]) -> MediaPath:
    """The path itself, or `stem (2).ext`, `stem (3).ext` … beside it, whichever is free first."""
    return path if path.fold not in taken else _free_name(path, " (", ")", taken, start=2)


def _free_name(
    path: MediaPath, opening: str, closing: str, taken: Container[str], start: int = 1
) -> MediaPath:
    counter = start
    stem, suffix = path.stem, path.suffix
    if len(suffix.encode()) > _MAX_SUFFIX_BYTES:
        stem, suffix = path.name, ""
    while True:
        number = "" if counter == 1 else (str(counter) if opening == " (" else f" {counter}")
        tail = f"{opening}{number}{closing}{suffix}"
        room = MAX_COMPONENT_BYTES - len(tail.encode())
        found = path.beside(cut_to_fit(stem, room) + tail)
        if found.fold not in taken:
            return found
        counter += 1


def is_conflict_copy(path: MediaPath, of: MediaPath) -> bool:
    """Whether a path is a name that `conflict_name` gives to the loser of a conflict about another path."""
    before, mark, _rest = path.key.rpartition(" (conflict ")
    return bool(mark and before) and of.key.startswith(before) and "/" not in of.key[len(before) :]


def cut_to_fit(text: str, size: int) -> str:
    """The longest start of `text` that fits `size` bytes, cut between characters, never inside a cluster."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    cut = encoded[: max(size, 0)].decode(errors="ignore")
    rest = text[len(cut) :]
    while (
        cut and rest and (unicodedata.combining(rest[0]) or rest[0] in "\u200d\ufe0f" or cut[-1] == "\u200d")
    ):
        cut, rest = cut[:-1], cut[-1] + rest
    return cut.rstrip()


def handle_for(tree_id: str, path: MediaPath, number: int) -> str:
    """The handle under which a file of the folder is added: the same on every desktop, so never two objects.

    Gramps handles are opaque text; its own have 20 or more hex digits.
    """
    digest = hashlib.sha256("\0".join((tree_id, path.key, str(number))).encode()).hexdigest()
    return digest[:32]
