"""The values that only the state knows: rows that have no meaning without it.

Times are Unix seconds, sizes bytes. An `id` is 0 until the state has given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.model import Checksum, MediaPath
from syncd.model.plan import NOTHING_BEFORE, Before, Done, Why

LOOKED = "looked-for-files"
"""The small thing that says that the files of a server with its own disk were looked for."""
HASHING_SINCE = "hashing-since"
"""The small thing that says since when a round of reading everything is under way."""
HASHED_LAST = "hashed-last"
"""The small thing that says when the last one ended."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What this state belongs to.

    Args:
        tree_id: the tree of Gramps Web.
        bucket: where that server keeps its media; None: on its own disk.
        prefix: everything before the checksum in a key: `""`, or ends with a slash.
        folder_id: the id in the media folder's marker.
        media_dir: the media folder, absolute.
        server_url: without name or password.
        title: the tree's.
        permissions: those that the login had at the last look.
        first_contact: both sides were not yet compared to the end.
    """

    tree_id: str
    bucket: str | None
    prefix: str
    folder_id: str
    media_dir: str
    server_url: str
    title: str
    permissions: frozenset[str]
    first_contact: bool = True


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that is about to be done; `kind` and `detail` are the applier's own words."""

    kind: str
    path: str | None = None
    handle: str | None = None
    checksum: Checksum | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done just now, and how things were before."""

    done: Done
    before: Before = NOTHING_BEFORE


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done, when, in which cycle and why; `kind` as in `model.plan.Done`.

    `undone`: when a person had it put back.
    """

    id: int
    cycle: str
    at: float
    kind: str
    path: str
    handle: str | None
    checksum: str | None
    size: int | None
    why: str
    approved: bool
    before: Before = NOTHING_BEFORE
    undone: float | None = None


@dataclass(frozen=True, slots=True)
class KnownConflict:
    """A conflict that was settled by keeping both; `kept_as` None: the loser is in the trash."""

    id: int
    path: MediaPath
    handle: str
    kept_as: MediaPath | None
    at: float
    resolved: bool


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """A file in the trash.

    Args:
        path: where it was.
        kept_as: where it is, relative to the media folder.
        checksum: its bytes' checksum; None when nobody looked.
        handle: the object that it belonged to.
    """

    path: MediaPath
    kept_as: str
    checksum: Checksum | None
    size: int
    at: float
    reason: str
    handle: str | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Undo:
    """The server's answer to the deletion of an object: what `Catalog.undo` takes.

    `undo` is empty where the answer was lost: then the history of Gramps Web alone can take the deletion back. `why` is a
    `model.plan.Why`.
    """

    handle: str
    path: str
    checksum: Checksum | None
    undo: str
    at: float
    why: str = Why.DELETED_FILE
    id: int = 0

    @property
    def is_lost(self) -> bool:
        """Whether nobody had the bytes any more."""
        return self.why == Why.LOST_FILE
