"""The protocols behind which Gramps Web, the bucket and the progress display stand.

The cycle and the applier know these and nothing of HTTP or S3. Every call may raise `ServerError` (its subclasses
say what kind); transient failures have been retried by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, runtime_checkable

from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    DesktopSnapshot,
    MediaObject,
    Problem,
    Served,
)
from syncd.model.references import Record, Reference


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last transaction seen: its id and its time as the server wrote it; both must match to trust it."""

    transaction: int
    timestamp: float


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the server said of itself and of us at login."""

    url: str
    tree_id: str
    title: str
    version: str
    gramps_version: str
    user: str
    permissions: frozenset[str]
    task_queue: bool = False
    many_trees: bool = False
    people: int = 0
    media: int = 0
    untested: str = ""
    """Why this version should not be relied on, in a sentence; empty for one that is fit."""


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """Where the server keeps its media. `bucket` None: on its own disk.

    `prefix` is everything before the checksum in a key: `""`, or ends with a slash (prefix and tree together).
    """

    bucket: str | None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """What changed since a cursor.

    Args:
        changed: the objects as they are now, by handle; None for a deleted one.
        cursor: the newest transaction.
        complete: False when a transaction tells nothing of its changes, so that all must be listed.
        added: the objects that were added, as they were then, whatever became of them since.
    """

    changed: Mapping[str, MediaObject | None]
    cursor: Cursor | None
    complete: bool = True
    added: Mapping[str, MediaObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewObject:
    """A media object to create under a handle of our choosing.

    `fields`, where given, are all other fields of the object in Gramps' raw form (`date`, `attribute_list` …), as
    Gramps Desktop has them; `desc`, `private` and `tags` mean nothing then.
    """

    handle: str
    path: str
    checksum: Checksum
    mime: str
    desc: str
    private: bool = False
    tags: tuple[str, ...] = ()
    """Tag handles."""
    fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The object was made, or changed, and is now so.

    Args:
        object: as it is.
        id_taken: the Gramps ID that it was to have when it was made; another object has it, so that it got a free one.
        left_out: references that it was to get and for which it has no place.
    """

    object: MediaObject
    id_taken: str | None = None
    left_out: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The handle exists already; here is the object that has it."""

    object: MediaObject


@dataclass(frozen=True, slots=True)
class Changed:
    """The object is no longer what was expected; nothing was done. None: it is gone."""

    object: MediaObject | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server will not take this one item."""

    problem: Problem


CreateAnswer = Made | AlreadyThere | Rejected
UpdateAnswer = Made | Changed | Rejected


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """Give an object another path, checksum and/or mime, and further references; all else stays as it is.

    None leaves the field. `expected.path` and `expected.checksum` must still be so. A reference that the object has
    already, or for which it has no place (an attribute that is gone), is left out. They come in the order that they have
    in `like`, the raw form of Gramps Desktop's object, where it is given.
    """

    expected: MediaObject
    path: str | None = None
    checksum: Checksum | None = None
    mime: str | None = None
    references: tuple[Reference, ...] = ()
    like: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The answer to a deletion.

    Args:
        touched: how many records other than the media object it changed (references stripped).
        undo: the server's answer, JSON text: what `undo` takes.
    """

    touched: int
    undo: str


class Catalog(Protocol):
    """The media objects of one tree of a Gramps Web."""

    def connect(self) -> ServerInfo:
        """Log in, find `/api`, read rights, versions and the tree."""

    def newest(self) -> Cursor | None:
        """The newest transaction; None in a tree without any."""

    def still_knows(self, cursor: Cursor) -> bool:
        """Whether that transaction is still there with that time (if not, the server was restored)."""

    def list(self) -> tuple[CatalogSnapshot, Cursor | None]:
        """All objects, with the feed's last minutes laid over the listing, and the feed's id read before it.

        Raises:
            Unexpected: when the listing is shorter than announced or breaks off.
        """

    def changes(self, since: Cursor) -> Feed:
        """What changed since a cursor."""

    def get(self, handle: str) -> MediaObject | None:
        """One object as it is now; None when the server says that it does not exist."""

    def references(self, handle: str) -> Mapping[str, int]:
        """How many records refer to the object, by their type (`person`, `event` …)."""

    def location(self, handle: str) -> MediaLocation:
        """Where the server keeps the object's file."""

    def create(self, objects: Sequence[NewObject]) -> Sequence[CreateAnswer]:
        """Create objects, in order of the answers."""

    def update(self, changes: Sequence[ObjectChange]) -> Sequence[UpdateAnswer]:
        """Change objects, in order of the answers."""

    def lacking(self, record: Record, handles: Collection[str]) -> frozenset[str]:
        """Those of these records that Gramps Web does not have."""

    def delete(self, expected: MediaObject) -> Deletion | Changed:
        """Delete an object if it still is as expected."""

    def undo(self, deletion: str) -> None:
        """Undo a deletion by its answer: object, handle and references come back."""

    def restore(self, handle: str) -> MediaObject | None:
        """Bring back an object that was deleted, by the server's history: with references where possible.

        Returns:
            The object as it is now, or None when the history does not know it (then it must be created anew).
        """

    def upload_first(
        self, source: BinaryIO, checksum: Checksum, mime: str, like: NewObject | None = None
    ) -> MediaObject:
        """Create an object by sending its file, open, through the API: how an empty tree gets its first.

        It gets all of `like` except the handle, which the server chooses.
        """

    def tag(self, name: str) -> str:
        """The handle of the tag of this name, created when missing."""

    def files(self, memory: ServedMemory) -> FileServer:
        """The store of bytes of a server that keeps media on its own disk."""

    def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What `syncd check` tells of the bucket."""

    bucket: str
    prefix: str
    endpoint: str
    region: str


class DesktopTree(Protocol):
    """The family tree of a Gramps Desktop on this machine. Never written; nothing here raises for its sake."""

    def look(self) -> tuple[DesktopSnapshot, Sequence[Problem]]:
        """Its media objects, and why it could not be read or what is odd about it."""

    def forms(self, handles: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Its media objects of these handles in Gramps' raw form, as far as they are there and readable."""

    def stamp(self) -> object:
        """What differs once somebody has written to it; None while nobody can tell. Costs next to nothing."""


Advance = Callable[[int], None]
"""Called with the number of bytes that just moved."""


def no_progress(_size: int) -> None:
    """An `Advance` that tells nobody."""


class Store(Protocol):
    """Bytes by checksum. Holds no opinion, deletes nothing."""

    def list(self) -> BucketSnapshot:
        """All keys of the form prefix + 32 hex digits, with their sizes. Others are not looked at."""

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """The sizes of those of the given keys that are there at this moment (a request each, at once)."""

    def put(
        self,
        source: BinaryIO,
        checksum: Checksum,
        size: int,
        mime: str,
        *,
        advance: Advance = no_progress,
        handle: str | None = None,
    ) -> None:
        """Store bytes, reading them once; what is stored is what was hashed.

        A key is only created when all the bytes read have the checksum. `handle` names the object for whose sake it is
        done: a bucket does not mind; without it any object that lacks these bytes gets them.

        Raises:
            MovedOn: the bytes read do not have the checksum or the size (the file changed): nothing was stored.
            Occupied: other bytes are where these belong.
            Refused: the store will not take this one.
        """

    def get(self, checksum: Checksum, target: BinaryIO, *, advance: Advance = no_progress) -> int:
        """Write the bytes of a key to an open file, hashing on the way; returns the size.

        A file that hashes for itself (`Hashing`) is asked: hashing once more would cost as much as the transfer.

        Raises:
            Unexpected: the bytes do not have the checksum.
            MovedOn: there is no such key.
        """

    def bring_back(
        self, checksums: Collection[Checksum], *, tree_id: str = "", really: bool = True
    ) -> Mapping[Checksum, int]:
        """Bring back bytes that were moved away as nobody's, as far as they are still kept; their sizes in bytes.

        With a `tree_id` also what lies where that tree's files lay before a setting for tree prefixes was switched.
        With `really` False only say what could be brought back.
        """

    def create_bucket(self) -> None:
        """Make the place where the bytes live; nothing happens when it is there."""

    def abort_stale_uploads(self) -> int:
        """Clear away what uploads that were killed days ago have left; returns how many."""

    def close(self) -> None:
        """Close connections; abandon what is under way."""


@runtime_checkable
class Hashing(Protocol):
    """An open file that hashes what is written to it, from its beginning on."""

    def checksum(self) -> Checksum:
        """The MD5 of all that was written so far."""


class FileServer(Store, Protocol):
    """The store of a server that keeps media on its own disk, where bytes are found by their object alone."""

    def look(
        self,
        objects: Mapping[str, MediaObject],
        at_hand: Mapping[Checksum, int],
        *,
        linked: Collection[str] = (),
        everything: bool = False,
        closely: bool = False,
    ) -> BucketSnapshot:
        """Which objects' files are there: asked of what is new, changed or lacking, the rest as it was seen last.

        A few of the rest are asked for in the first look; when one is there no more, so are all the others.

        A file that appears where none was seen (or of an object that is new or has another path or checksum) is read
        back when its content is at hand, so that the server does not name a checksum that it does not serve. In the
        first look since the state was bound presence is trusted: others stored those files.

        Args:
            objects: all objects, by handle.
            at_hand: the contents of the media folder, with their sizes in bytes.
            linked: the handles of objects that have a file in the folder.
            everything: look also whether all the others are still there.
            closely: and whether they have the size and time that they had; what has not is read back.
        """

    def vanished(self) -> Collection[str]:
        """The handles whose file had been seen and was missing in the last look, although the object is as it was."""

    def missing(self) -> Collection[str]:
        """The handles of all objects whose file is not there."""

    def examine(self, item: MediaObject) -> Checksum | None:
        """Read an object's file to its end and note what it is: its checksum, None when there is none or it changes.

        Raises:
            Refused: this file alone does not come.
        """


class ServedMemory(Protocol):
    """Where a `FileServer` keeps what it has seen; `State` is one."""

    def served(self) -> Mapping[str, Served]:
        """All that was seen, by handle."""

    def put_served(self, seen: Iterable[Served]) -> None:
        """This was seen."""

    def drop_served(self, handles: Iterable[str]) -> None:
        """These objects are gone."""

    def has_looked(self) -> bool:
        """Whether there was a look since the state was bound."""

    def set_looked(self) -> None:
        """There was."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run, as a person is shown it; totals None while they are not known."""

    name: str
    files: int | None = None
    size: int | None = None


class Progress(Protocol):
    """Told what is going on; calls come from several threads."""

    def phase(self, phase: Phase) -> None:
        """A new part of the run begins."""

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Files and bytes that were just dealt with."""


@dataclass(slots=True)
class SilentProgress:
    """Tells nobody."""

    seen: list[Phase] = field(default_factory=list)

    def phase(self, phase: Phase) -> None:
        """Remember the phase, for tests."""
        self.seen.append(phase)

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Nothing."""
