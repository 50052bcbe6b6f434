"""Reads a family tree that Gramps exported as Gramps XML: which media objects it has, and where their files are.

The file may come from anybody, so it is read as a stream and distrusted:

- nothing that it names is opened here, no entity is declared or fetched, no DTD is read;
- what is held is bounded, whatever the file grows to when it is unpacked, and however deep or long its parts are.

The form is that of `gramps/plugins/export/exportxml.py`: `<header><mediapath>` and, for each media object,
`<object handle="_…"><file src="…" mime="…" checksum="…"/></object>`; the checksum is left out where Gramps has none.
"""

from __future__ import annotations

import gzip
import os
import shlex
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol
from xml.parsers import expat

from syncd.config.mistakes import printable
from syncd.desktop.database import MediaRow
from syncd.errors import ConfigError

NAMESPACE = "http://gramps-project.org/xml/"
"""How that of every version begins; `1.7.1/` or the like follows."""

LARGEST_EXPORT = 8 << 30
"""Bytes when unpacked: ten times what a tree of a million people takes."""

MOST_OBJECTS = 2_000_000
LONGEST_PIECE = 4 << 20
"""Bytes of one tag or comment; the parser holds a piece until it is whole."""

LONGEST_PATH = 32_768
"""Characters; more than any system knows."""

DEEPEST = 64
"""Elements within elements; Gramps writes seven."""

_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"
_EXPORT = "in Gramps, choose Family Trees, Export, Gramps XML, and name the file that it writes"
_AGAIN = "export it again, or copy it again"
_SEPARATOR = " "


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Export:
    """What an export tells of media.

    Args:
        media_path: the base folder of relative paths as written; None where Gramps' default applies.
        media: its media objects, in the order of the file.
        odd: how many objects had no proper handle or path.
    """

    media_path: str | None
    media: tuple[MediaRow, ...]
    odd: int = 0


def read_export(path: Path) -> Export:
    """Read an export, packed with gzip or not.

    Raises:
        ConfigError: it cannot be read, is something else, or is damaged.
    """
    try:
        # Not blocking: opening a pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        what = os.strerror(error.errno or 0).lower() if isinstance(error, OSError) else "it is no file name"
        _refuse(path, f"cannot be read: {what}", "correct the name")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        _refuse(path, "is no file", _EXPORT)
    with os.fdopen(descriptor, "rb") as file:
        try:
            packed = file.read(2) == _GZIP
            file.seek(0)
            if not packed:
                return _parsed(path, file)
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                return _parsed(path, unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _refusal(path, "is cut short or damaged", _AGAIN) from error
        except OSError as error:
            raise _refusal(
                path, f"cannot be read: {os.strerror(error.errno or 0).lower()}", "check the disk"
            ) from error


def _parsed(path: Path, file: _Readable) -> Export:
    first = file.read(_CHUNK)
    _refuse_other_kinds(path, first)
    reader = _Reader()
    try:
        reader.read(first, file)
    except expat.ExpatError as error:
        if not reader.is_gramps:
            raise _refusal(path, "is no Gramps XML", _EXPORT) from error
        what = expat.ErrorString(error.code) or "damaged"
        raise _refusal(path, f"is cut short or damaged (line {error.lineno}: {what})", _AGAIN) from error
    except _SuspectError as error:
        raise _refusal(path, str(error), _EXPORT) from error
    return Export(reader.media_path, tuple(reader.media), reader.odd)


def _refuse_other_kinds(path: Path, first: bytes) -> None:
    """Say of what people have besides what to do with it."""
    if first[257:262] == b"ustar":
        here, to = shlex.quote(str(path)), shlex.quote(f"{path.stem}-unpacked")
        _refuse(
            path,
            "is a Gramps package, which has the media files in it; syncd reads it unpacked",
            f"run: mkdir {to} && tar -xf {here} -C {to} && syncd upload --tree-file {to}/data.gramps --media-dir {to}",
        )
    if first.startswith(b"PK\x03\x04"):
        here, to = shlex.quote(str(path)), shlex.quote(f"{path.stem}-unpacked")
        _refuse(
            path,
            "is a zip archive; a Gramps package in it has to be unpacked first",
            f"run: python3 -m zipfile -e {here} {to} && syncd upload --tree-file {to}/data.gramps --media-dir {to}",
        )
    if first.removeprefix(b"\xef\xbb\xbf").lstrip()[:6] == b"0 HEAD":
        _refuse(path, "is GEDCOM, which knows no checksums", _EXPORT)
    if first.startswith(b"SQLite format 3\0"):
        _refuse(
            path, "is a database of Gramps", "give the family tree's title instead: syncd upload --desktop"
        )
    if not first.strip():
        _refuse(path, "is empty", _EXPORT)


class _SuspectError(Exception):
    """The file holds what no export holds; the message begins with a verb."""


class _Reader:
    """What the parser tells, as it comes."""

    def __init__(self) -> None:
        self.is_gramps = False
        self.media_path: str | None = None
        self.media: list[MediaRow] = []
        self.odd = 0
        self._open: list[str] = []
        self._text: list[str] | None = None
        self._object: Mapping[str, str] = {}
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text
        # A document type is declared in every export; entities are in none.
        parser.EntityDeclHandler = _refuse_entity
        parser.ExternalEntityRefHandler = _refuse_entity
        self._parser = parser

    def read(self, first: bytes, file: _Readable) -> None:
        """Read to the end."""
        parser, size, chunk = self._parser, 0, first
        while chunk:
            size += len(chunk)
            parser.Parse(chunk, False)
            if size > LARGEST_EXPORT:
                raise _SuspectError(f"grows to more than {LARGEST_EXPORT >> 30} GB when it is unpacked")
            if size - parser.CurrentByteIndex > LONGEST_PIECE:
                raise _SuspectError(f"holds a piece of more than {LONGEST_PIECE >> 20} MB")
            chunk = file.read(_CHUNK)
        parser.Parse(b"", True)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(_SEPARATOR)
        if not self._open:
            if local != "database" or not namespace.startswith(NAMESPACE):
                raise _SuspectError("is no Gramps XML")
            self.is_gramps = True
        self._open.append(local)
        if len(self._open) > DEEPEST:
            raise _SuspectError("holds elements within elements without end")
        match self._open[1:]:
            case ["header", "mediapath"]:
                self._text = []
            case ["objects", "object"]:
                self._object = attributes
            case ["objects", "object", "file"]:
                self._take(attributes)

    def _take(self, file: Mapping[str, str]) -> None:
        handle = self._object.get("handle", "").removeprefix("_")
        src, change = file.get("src", ""), self._object.get("change", "")
        if not handle or len(handle) > LONGEST_PATH or not src or len(src) > LONGEST_PATH:
            self.odd += 1
            return
        if len(self.media) >= MOST_OBJECTS:
            raise _SuspectError(f"holds more than {MOST_OBJECTS:,} media objects")
        # Longer ones say nothing, and would be kept.
        checksum, mime = file.get("checksum", "")[:64], file.get("mime", "")[:255]
        number = int(change) if change.isascii() and change.isdigit() and len(change) < 18 else 0
        self.media.append(MediaRow(handle, src, checksum, number, mime))

    def _add_text(self, text: str) -> None:
        if self._text is not None and len(self._text) < LONGEST_PATH:
            self._text.append(text)

    def _end(self, _name: str) -> None:
        self._open.pop()
        if self._text is not None and self._open[1:] == ["header"]:
            self.media_path = "".join(self._text).strip()[:LONGEST_PATH] or None
            self._text = None


def _refuse_entity(*_arguments: object) -> int:
    raise _SuspectError("declares entities, which no export of Gramps does")


def _refusal(path: Path, what: str, remedy: str) -> ConfigError:
    return ConfigError(f"--tree-file: {printable(str(path))} {what}", remedy)


def _refuse(path: Path, what: str, remedy: str) -> NoReturn:
    raise _refusal(path, what, remedy)
