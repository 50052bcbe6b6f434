"""What was seen on each side, and their common ancestor.

All values are plain and frozen; building them is the business of the scanner, the Gramps Web client, the
bucket and the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.paths import MediaPath
from syncd.model.values import Checksum, Problem, parse_checksum


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What the file system says of a file without reading it: when all of it is equal, so are the bytes.

    Sizes in bytes, times in Unix nanoseconds.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A regular file of the media folder, read to the end at least once."""

    path: MediaPath
    stamp: FileStamp
    checksum: Checksum

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stamp.size


class Occupant(StrEnum):
    """What stands at a name when it is no file that syncd carries."""

    FOLDER = "folder"
    SYMLINK = "symbolic link"
    SPECIAL = "pipe, socket or device"
    IGNORED = "ignored file"
    BUSY = "file that is being written"
    UNREADABLE = "unreadable file or folder"
    OTHER = "another file"
    """A file that was not looked at: only its name matters to those that were."""


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """The media folder as a scan saw it.

    Args:
        files: the files, by `MediaPath.key`.
        occupied: what else stands in the folder, by key. What lies at or below an `UNREADABLE` one, and
            a `BUSY` file itself, is unknown: it is neither the same nor changed nor gone.
        problems: what the scan could not use (names that are not text, unreadable files …).
    """

    files: Mapping[str, FolderFile]
    occupied: Mapping[str, Occupant] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def at(self, path: MediaPath) -> FolderFile | None:
        """The file at a path."""
        return self.files.get(path.key)

    def is_unknown(self, path: MediaPath) -> bool:
        """Whether the scan cannot tell what is at this path, so that absence means nothing."""
        if self.occupied.get(path.key) in (Occupant.BUSY, Occupant.UNREADABLE):
            return True
        return any(self.occupied.get(above) is Occupant.UNREADABLE for above in path.ancestors())


@dataclass(frozen=True, slots=True)
class MediaObject:
    """A media object as Gramps Web has it; `path` and `checksum` are raw, `change` is in Unix seconds."""

    handle: str
    path: str
    checksum: str
    mime: str = ""
    change: int = 0

    @property
    def digest(self) -> Checksum | None:
        """The checksum, or None when the object's is empty or no MD5."""
        return parse_checksum(self.checksum)


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """All media objects of the tree, by handle."""

    objects: Mapping[str, MediaObject]


@dataclass(frozen=True, slots=True)
class DesktopObject:
    """A media object of the family tree in Gramps Desktop, `checksum` raw; `change` in Unix seconds."""

    handle: str
    checksum: str
    change: int = 0

    @property
    def digest(self) -> Checksum | None:
        """The checksum, or None when the object's is empty or no MD5."""
        return parse_checksum(self.checksum)


@dataclass(frozen=True, slots=True)
class DesktopSnapshot:
    """The family tree of a Gramps Desktop on this machine: another way by which objects reach Gramps Web.

    Args:
        objects: its media objects by the `MediaPath.key` of the file they mean, oldest first; those that mean no
            file of the media folder are left out.
        readable: False when it could not be read just now, so that nobody knows what it holds.
    """

    objects: Mapping[str, tuple[DesktopObject, ...]] = field(default_factory=dict)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class BucketSnapshot:
    """What the store holds, looked at after the catalog was read: a bucket, or the server's own disk.

    On a disk a file is found by its object alone, so that `lacking` and `wrong` say of which objects the server serves
    what. Both are empty where there is a bucket. A handle is in one of them at most, and only while its object has a
    checksum and a path: without these nobody can say what ought to be there. All other objects' files are there.

    Args:
        sizes: the sizes, in bytes, of the contents that are there, by checksum: a bucket's keys; on a disk what at
            least one object's file has (0 where nobody has asked for the size yet).
        lacking: handles of the objects for which the server has no file at their path: `Upload` with that handle
            puts it there, object unchanged.
        wrong: handles of the objects for which the server was seen to serve other bytes than their checksum names.
            Nothing can be put there any more: the object wants another path first, one that was never used. (Or
            its checksum is what is wrong; nobody on this side can tell.) They stay in here while path and checksum
            are what they were then. Such an object does not make `holds` true.
        unnamed: by the handles of objects without a checksum whose file the server has: that file's checksum, or None
            where it is no content of the media folder's.
    """

    sizes: Mapping[Checksum, int]
    lacking: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    unnamed: Mapping[str, Checksum | None] = field(default_factory=dict)

    def holds(self, checksum: Checksum) -> bool:
        """Whether the store has bytes of this checksum; on a disk, at some object's path."""
        return checksum in self.sizes


class Proof(StrEnum):
    """How sure it is that a server serves an object's bytes."""

    LACKING = "lacking"
    """There is no file at the object's path."""
    THERE = "there"
    """There is one, which somebody else stored."""
    READ = "read"
    """Its bytes have been hashed: read back, or taken from us by the server, which hashes them too."""
    WRONG = "wrong"
    """It has other bytes than the object's checksum says."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server with media on its own disk was seen to serve for an object.

    It holds while the object has that path and checksum, as far as nobody works on the server's disk.

    Args:
        handle: the object's.
        path: its path then, raw.
        checksum: its checksum then.
        proof: how sure it is.
        size: bytes; 0 where it is not known.
        modified: the file's `Last-Modified` as the server wrote it, "" where it is not known.
    """

    handle: str
    path: str
    checksum: Checksum
    proof: Proof
    size: int = 0
    modified: str = ""

    def is_of(self, item: MediaObject) -> bool:
        """Whether it still says something about the object."""
        return (self.handle, self.path, self.checksum) == (item.handle, item.path, item.digest)


class Detached(StrEnum):
    """A link that is kept although one of its ends is gone, so that the other is not new again."""

    FILE_GONE = "file-gone"
    """The file was deleted, the object stays (`on_web = "never"`)."""
    OBJECT_GONE = "object-gone"
    """The object was deleted, the file stays (`in_folder = "never"`)."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object that was deleted a short while ago: when its file comes back, so does the object.

    Args:
        handle: the object's.
        path: where its file was.
        checksum: what that held.
        named: the object's path in Gramps Web, raw; "" where nobody noted it.
        in_web: it was deleted in Gramps Web, and its file trashed; else in the folder, and its object deleted.
    """

    handle: str
    path: MediaPath
    checksum: Checksum
    named: str = ""
    in_web: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the ancestor: this object, named so, and this file held this checksum when they last agreed.

    Args:
        handle: the media object's; unique among links.
        named: the object's path as it stood in Gramps Web, raw.
        path: the file's path in the folder. Several links may share it (same checksum).
        checksum: what both held.
        inode: the file's, 0 if unknown; it only breaks ties between files of equal checksum.
        detached: set when one end is gone and this is accepted.
        restore: a person asked to bring back the end that is missing.
        asleep: the path was ignored when it was looked at last, so what happened on either side since is not known.
        moved_to: where the file is by now, while its object has to wait for that name: the object that bears it is
            to be deleted, and a person has not decided yet. Whatever else looks for its file there has lost it.
    """

    handle: str
    named: str
    path: MediaPath
    checksum: Checksum
    inode: int = 0
    detached: Detached | None = None
    restore: bool = False
    asleep: bool = False
    moved_to: MediaPath | None = None

    @property
    def place(self) -> MediaPath:
        """Where the file is looked for."""
        return self.moved_to or self.path
