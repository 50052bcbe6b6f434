"""A world in memory whose Gramps Web keeps media on its own disk, with all the traps of the real one.

A file is found by its object's path and by nothing else. Nothing is ever deleted there. A file that stands is not written
over: an upload for an object is refused when anything is at its path, whatever that holds. Whether what is there is what
the object's checksum names is only found out by reading it.

Two desktops are two worlds that share `objects`, `deleted` and `disk`; what each has read is its own.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

from syncd.model import BucketSnapshot, Checksum, MediaObject
from syncd.model.plan import Upload
from tests.core import md5, word
from tests.core_world import World

Ident = tuple[str, str, str]


def on_server(raw: str) -> str | None:
    """The file on the server's disk that an object's path means; None where the server serves none."""
    path = posixpath.normpath(raw)
    return None if not raw or path in (".", "..") or path.startswith(("/", "../")) else path


@dataclass
class DiskWorld(World):
    """A world without a bucket.

    Args:
        disk: what stands on the server's disk, by path.
        read: of objects as they were then: whether the bytes were the right ones.
    """

    disk: dict[str, str] = field(default_factory=dict)
    read: dict[Ident, bool] = field(default_factory=dict)

    def contents(self) -> set[str]:
        """Every content that stands somewhere."""
        return {content for content, _inode in self.files.values()} | self.trash | set(self.disk.values())

    def served(self, item: MediaObject) -> str | None:
        """What Gramps Web shows for an object."""
        return self.disk.get(on_server(item.path) or "")

    def keep(self, item: MediaObject, content: str) -> bool:
        """A person gives an object bytes: refused where something else stands already."""
        path = on_server(item.path)
        return path is not None and self.disk.setdefault(path, content) == content

    def look_at_store(self) -> BucketSnapshot:
        """What Gramps Web serves; what is here anyway is compared with it, all else is believed until it is fetched."""
        here = {md5(content) for content, _inode in self.files.values()}
        sizes: dict[Checksum, int] = {}
        lacking: set[str] = set()
        wrong: set[str] = set()
        unnamed: dict[str, Checksum | None] = {}
        for item in self.objects.values():
            digest, content = item.digest, self.served(item)
            if digest is None and item.path and content is not None:
                unnamed[item.handle] = md5(content)
            if digest is None or not item.path:
                continue
            if content is None:
                lacking.add(item.handle)
                continue
            if digest in here and _ident(item) not in self.read:
                self.read[_ident(item)] = md5(content) == digest
            if self.read.get(_ident(item), True):
                sizes[digest] = len(content)
            else:
                wrong.add(item.handle)
        return BucketSnapshot(sizes, frozenset(lacking), frozenset(wrong), unnamed)

    def may_name(self, _checksum: Checksum) -> bool:
        """Names come before bytes."""
        return True

    def serves(self, item: MediaObject, checksum: Checksum) -> bool:
        """Fetch the bytes from this object, or from another one that has them, and compare them."""
        now = self.objects.get(item.handle)
        return any(self._reads(other, checksum) for other in self._providers(now, checksum))

    def _providers(self, item: MediaObject | None, checksum: Checksum) -> Iterable[MediaObject]:
        candidates = [item, *self.objects.values()] if item is not None else list(self.objects.values())
        return [one for one in candidates if one.digest == checksum and self.served(one) is not None]

    def _reads(self, item: MediaObject, checksum: Checksum) -> bool:
        content = self.served(item)
        self.read[_ident(item)] = right = content is not None and md5(content) == checksum
        return right

    def put(self, upload: Upload) -> None:
        """Bytes arrive for an object that still names them; what is there already is read."""
        item = self.objects.get(upload.handle or "")
        if item is None or item.checksum != upload.file.checksum:
            return
        path = on_server(item.path)
        assert path is not None, "bytes are sent to where the server takes none"
        self.disk.setdefault(path, word(upload.file.checksum))
        self._reads(item, upload.file.checksum)


def _ident(item: MediaObject) -> Ident:
    return (item.handle, item.path, item.checksum)
