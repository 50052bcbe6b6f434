"""Names of objects whose files a Gramps Web keeps on its own disk, where a file is found by its object's path alone.

Names come before bytes there. A path that any content ever had is given to no other one: new bytes get a fresh path, and
the next pass, which sees that the server lacks them, sends them. Where the server has other bytes at an object's path
than its checksum names (somebody swapped two paths, or gave an object the name of a file that was left behind), nothing
is written over them: the object gets a fresh path, too.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import cached_property

from syncd.merge.draft import Inputs
from syncd.model.fresh import (
    LENGTHS,
    digits_of,
    fresh_path,
    is_fresh_path,
    seems_fresh_path,
    without_digits,
)
from syncd.model.paths import MediaPath, Refusal, is_server_name
from syncd.model.snapshots import FolderFile, Link, MediaObject
from syncd.model.values import Checksum, parse_checksum


class DiskNames:
    """Which paths the server's files have, which are fresh, and which of them are a person's wish."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._objects = inputs.catalog.objects
        self._bucket = inputs.bucket

    @property
    def matter(self) -> bool:
        """Whether the server finds a file by its path at all."""
        return self._inputs.policy.found_by_path

    def shows_another(self, item: MediaObject, file: FolderFile, agreed: Checksum | None = None) -> bool:
        """Whether an object without a checksum has a file on the server which is another than the folder's.

        That is told: with the folder's checksum the object would lose the only way to the other one. What both sides
        agreed on before (`agreed`) is no other: the folder's file is a newer version of it.
        """
        unnamed = self._bucket.unnamed
        return (
            item.digest is None
            and item.handle in unnamed
            and unnamed[item.handle] not in (file.checksum, agreed or file.checksum)
        )

    # --- which names are free -------------------------------------------------------------------------------------

    @cached_property
    def _bearers(self) -> Mapping[str, list[MediaObject]]:
        """The objects of each file on the server's disk."""
        found: dict[str, list[MediaObject]] = {}
        for item in self._objects.values():
            found.setdefault(on_server(item.path), []).append(item)
        return found

    @cached_property
    def _former(self) -> Mapping[str, set[Checksum | None]]:
        """What lies, or may lie, at names that objects had before, as far as anybody here knows; None: who knows what."""
        found: dict[str, set[Checksum | None]] = {}
        for link in self._inputs.links:
            if link.handle not in self._objects or self._objects[link.handle].path != link.named:
                found.setdefault(on_server(link.named), set()).add(link.checksum)
        for gone in self._inputs.deleted:
            found.setdefault(on_server(gone.named or gone.path.key), set()).add(gone.checksum)
        for item in self._objects.values():
            path = self._inputs.target(item.path)
            if isinstance(path, MediaPath) and digits_of(path, item.digest):
                found.setdefault(on_server(without_digits(path, item.digest).key), set()).add(None)
        return found

    @cached_property
    def _folders(self) -> frozenset[str]:
        """What is a folder on the server's disk, and so cannot be a file, as far as anybody here knows."""
        found: set[str] = set()
        for key in (*self._bearers, *self._former):
            above = posixpath.dirname(key)
            while above not in found and above.strip("/"):
                found.add(above)
                above = posixpath.dirname(above)
        return frozenset(found)

    def _is_used(self, path: MediaPath, checksum: Checksum, handle: str) -> bool:
        """Whether a folder or other bytes than these are known to be there, or named."""
        key = on_server(path.key)
        if key in self._folders:
            return True
        named = (item for item in self._bearers.get(key, ()) if item.handle != handle)
        return any(item.digest != checksum for item in named) or bool(
            self._former.get(key, set()) - {checksum}
        )

    def for_new(self, file: FolderFile, handle: str) -> str:
        """The path of the object of a new file: the file's own, unless that had other bytes before."""
        if not self.matter or not self._is_used(file.path, file.checksum, handle):
            return file.path.key
        return self._fresh(MediaPath.of(file.path.key), file.checksum, handle, above=0) or file.path.key

    def for_edit(self, link: Link, item: MediaObject | None, checksum: Checksum) -> str | None:
        """A path that an object can have with this content; None when all that there are have other bytes.

        Args:
            link: the object's link.
            item: the object; None when it is to be brought back.
            checksum: the content.
        """
        raw = item.path if item is not None else link.named
        digest = item.digest if item is not None else link.checksum
        path = self._inputs.target(raw)
        above = 0
        if isinstance(path, Refusal) or is_server_name(raw, digest):
            base = MediaPath.of(link.path.key)
        else:
            base = MediaPath.of(without_digits(path, digest, link.checksum).key)
            above = digits_of(path, checksum)
        return self._fresh(base, checksum, link.handle, above=above)

    def _fresh(self, base: MediaPath, checksum: Checksum, handle: str, *, above: int) -> str | None:
        """A path of more than so many digits that no other bytes have."""
        for digits in LENGTHS:
            path = fresh_path(base, checksum, digits)
            if digits > above and not self._is_used(path, checksum, handle):
                return path.key
        return None

    def is_astray(self, item: MediaObject) -> bool:
        """Whether the bytes that an object names can never be at its path: others are there, or will be."""
        if not self.matter or item.handle in self._bucket.wrong:
            return self.matter
        if item.handle not in self._bucket.lacking:
            return False
        rivals = [other for other in self._bearers[on_server(item.path)] if other.digest != item.digest]
        return any(other.handle < item.handle for other in rivals)

    # --- what a name means ----------------------------------------------------------------------------------------

    def had_agreed(self, link: Link, was: MediaPath | Refusal) -> bool:
        """Whether a link's two names mean the same but for what syncd or the server made of the one in Gramps Web."""
        if not isinstance(was, MediaPath):
            return False
        changed = self.matter and (seems_fresh_path(was, link.path) or _may_be_servers(link.named))
        return was == link.path or changed

    def is_nobodys(self, link: Link, item: MediaObject) -> bool:
        """Whether an object has its path because its content needed a fresh one, here or on another desktop."""
        path = self._inputs.target(item.path)
        if not self.matter or not isinstance(path, MediaPath):
            return False
        return any(is_fresh_path(path, item.digest, base) for base in self._names_of(link))

    def _names_of(self, link: Link) -> Iterator[MediaPath]:
        yield link.path
        was = self._inputs.target(link.named)
        if isinstance(was, MediaPath):
            yield was

    def meant(self, item: MediaObject, *, but: MediaPath | None = None) -> MediaPath | Refusal:
        """The file of the folder that an object's path means: without digits that only the server's disk needs.

        Args:
            item: the object.
            but: a path that is the object's file as it stands, digits and all.
        """
        path = self._inputs.target(item.path)
        if not self.matter or isinstance(path, Refusal) or path == but:
            return path
        plain = without_digits(path, item.digest)
        others = self._means.get(plain.key, set()) - {item.handle}
        return path if others else plain

    @cached_property
    def _means(self) -> Mapping[str, set[str]]:
        """The objects that mean a path of the folder, with or without digits."""
        found: dict[str, set[str]] = {}
        for item in self._objects.values():
            path = self._inputs.target(item.path)
            if isinstance(path, MediaPath):
                found.setdefault(without_digits(path, item.digest).key, set()).add(item.handle)
        return found


def on_server(raw: str) -> str:
    """What tells one file on the server's disk from another; a backslash is a letter there."""
    return posixpath.normpath(raw)


def _may_be_servers(raw: str) -> bool:
    """Whether a path is `<some checksum>.<ext>`."""
    return is_server_name(raw, parse_checksum(raw.split(".", maxsplit=1)[0]))
