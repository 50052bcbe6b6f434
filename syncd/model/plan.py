"""What a cycle means to do: actions, and everything that it decided not to do.

An action changes one thing about one link and carries the link as it shall be recorded *after* it succeeded
(`link`). Where content and name of one item both changed, the content goes first and the name follows in
the next pass: a half-done pair can then never be recorded as done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.paths import MediaPath
from syncd.model.snapshots import FolderFile, Link, MediaObject
from syncd.model.values import Checksum, Problem, Stop


class Why(StrEnum):
    """The reason of an action, for the log, the history and the summary."""

    NEW_FILE = "new in the folder"
    NEW_OBJECT = "new in Gramps Web"
    EDITED_FILE = "changed in the folder"
    EDITED_OBJECT = "changed in Gramps Web"
    MOVED_FILE = "moved in the folder"
    MOVED_OBJECT = "moved in Gramps Web"
    DELETED_FILE = "deleted in the folder"
    LOST_FILE = "deleted in the folder, and gone from where Gramps Web keeps its media"
    DELETED_OBJECT = "deleted in Gramps Web"
    CONFLICT = "changed on both sides"
    EDIT_BEATS_DELETE = "deleted on one side but changed on the other"
    RESTORED = "brought back on request"
    ADDITION_UNDONE = "its addition was undone"
    CAME_BACK = "its file came back"
    STALE_CHECKSUM = "Gramps Web's checksum was out of date"
    MISSING_BYTES = "Gramps Web lacked the file"
    DAMAGED_BYTES = "the stored copy had the wrong size"
    WRONG_BYTES = "the stored copy had other bytes"
    OTHER_BYTES = "Gramps Web's disk had other content under its name"
    SERVER_NAME = "Gramps Web replaced the name by a checksum"
    REFERENCES = "Gramps Web has what it refers to now"
    ROTTEN = "its bytes had rotted on the disk"
    SAME = "the same on both sides"


@dataclass(frozen=True, slots=True)
class Record:
    """Write a link down; nothing is transferred. `new` when the two were not linked before."""

    link: Link
    new: bool
    why: Why = Why.SAME


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop a link whose two ends are gone."""

    link: Link


@dataclass(frozen=True, slots=True)
class Upload:
    """Put a file's bytes into the bucket under its checksum.

    `replace` only where the present key has the wrong size.
    """

    file: FolderFile
    why: Why
    handle: str | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class AddObject:
    """Create the media object of a file; the bucket holds its bytes by then (a server's own disk gets them after it).

    `from_desktop`: Gramps Desktop has the object, under the link's handle; it is made with all that it has there.
    """

    file: FolderFile
    link: Link
    why: Why = Why.NEW_FILE
    from_desktop: bool = False


@dataclass(frozen=True, slots=True)
class UpdateObject:
    """Give an object another checksum or another path; both only where the server had named it by its checksum.

    Args:
        expected: the object as it was read; when it is no longer so, nothing is done.
        path: its path after the update.
        checksum: its checksum after the update; the bucket holds those bytes by then. On a server's own disk they come
            after it, to a path that is fresh.
        link: recorded afterwards.
    """

    expected: MediaObject
    path: str
    checksum: Checksum
    file: FolderFile
    link: Link
    why: Why


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring an object's bytes to a path of the folder.

    Args:
        object: the object as it was read.
        checksum: what the bytes must have.
        path: where they go.
        replaces: the file that is there now and leaves; None when the place is free.
        aside: where the replaced file goes (a conflict copy); None for the trash.
        source: a file of the folder with the same checksum, copied instead of fetched.
        link: recorded afterwards.
    """

    object: MediaObject
    checksum: Checksum
    path: MediaPath
    link: Link
    why: Why
    replaces: FolderFile | None = None
    aside: MediaPath | None = None
    source: FolderFile | None = None


@dataclass(frozen=True, slots=True)
class KeepLoser:
    """Put a copy of Gramps Web's bytes into the trash before the folder's win (`prefer-folder`).

    Args:
        source: a file of the folder to copy instead of fetching.
    """

    object: MediaObject
    checksum: Checksum
    path: MediaPath
    source: FolderFile | None = None


@dataclass(frozen=True, slots=True)
class MoveFile:
    """Move a file of the folder, because its object was moved in Gramps Web."""

    file: FolderFile
    to: MediaPath
    link: Link
    why: Why = Why.MOVED_OBJECT


@dataclass(frozen=True, slots=True)
class TrashFile:
    """Move a file to the trash, because its object (every object of it) was deleted in Gramps Web."""

    file: FolderFile
    links: tuple[Link, ...]
    why: Why = Why.DELETED_OBJECT


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete an object, because its file was deleted in the folder.

    Args:
        expected: the object as it was read; when it is no longer so, nothing is done.
        link: the link that goes with it.
        holder: the file that has the deleted one's place now, moved there over it; None when nothing is there.
    """

    expected: MediaObject
    link: Link
    why: Why = Why.DELETED_FILE
    holder: FolderFile | None = None


@dataclass(frozen=True, slots=True)
class RestoreObject:
    """Bring a deleted object back, with its references where the server still can, and give it the file's bytes.

    `path`: its path afterwards; None leaves the one that it comes back with.
    """

    file: FolderFile
    link: Link
    why: Why = Why.EDIT_BEATS_DELETE
    path: str | None = None


Action = (
    Record
    | Forget
    | Upload
    | AddObject
    | UpdateObject
    | Fetch
    | KeepLoser
    | MoveFile
    | TrashFile
    | DeleteObject
    | RestoreObject
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed one item. `kept_as` names the copy that stayed beside it (None: in the trash)."""

    path: MediaPath
    handle: str
    kept_as: MediaPath | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that only time will settle: somebody's upload is under way, a file is being written."""

    reason: str
    path: str
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was decided and that a person should read, though nothing is asked of them.

    `lasts`: it is the same in every run until somebody changes something, and no news the second time.
    """

    text: str
    path: str
    handle: str | None = None
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one pass means to do, in no order (the applier knows the order that is safe).

    Args:
        actions: what is to be done.
        conflicts: the conflicts that the actions settle.
        problems: items that cannot be done.
        waiting: items that settle by themselves.
        notices: decisions worth telling.
        unchanged: how many links agree already.
    """

    actions: Sequence[Action] = ()
    conflicts: Sequence[Conflict] = ()
    problems: Sequence[Problem] = ()
    waiting: Sequence[Waiting] = ()
    notices: Sequence[Notice] = ()
    unchanged: int = 0


class HoldKind(StrEnum):
    """Why items wait for a person."""

    REFERENCED = "referenced"
    """A file was deleted in the folder, but people, events … refer to its object."""
    MANY_DELETIONS = "many-deletions"
    """More deletions within a day than anyone makes by hand."""
    FIRST_SYNC = "first-sync"
    """The first contact would do more than one expects of it."""


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One action that waits, described so that a later cycle can tell whether it is still the same.

    `action` is the action's kind (`delete`, `trash`, `add`, `fetch`, `conflict`, `update`).
    """

    action: str
    path: str
    handle: str
    checksum: Checksum
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HeldSet:
    """Items held together. `id` is the number for `syncd approve`; 0 until the state has given one."""

    kind: HoldKind
    reason: str
    items: tuple[HeldItem, ...]
    id: int = 0
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Guarded:
    """A plan after the guard: what may be done, and what waits for a person.

    Args:
        plan: what may be done.
        held: all sets that wait now, old (with their id) and new (id 0).
        released: ids of approved sets whose items are in the plan.
        approved_deletions: handles whose deletion a person approved; they do not count for the daily limit.
        may_strip: those of them that a person approved although records refer to the object.
    """

    plan: Plan
    held: tuple[HeldSet, ...] = ()
    released: tuple[int, ...] = ()
    approved_deletions: frozenset[str] = frozenset()
    may_strip: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done, in the contract's words."""

    uploaded: int = 0
    fetched: int = 0
    copied: int = 0
    added: int = 0
    updated: int = 0
    moved: int = 0
    linked: int = 0
    trashed: int = 0
    deleted: int = 0
    unchanged: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """One action that was carried out (or, in a dry run, would be), for the report.

    `kind` is one of the names in `Counts`, or `restored` or `conflict`; `size` in bytes.
    """

    kind: str
    path: str
    handle: str | None = None
    checksum: str | None = None
    size: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """How an item was before an action changed it; None where that did not change, or there was nothing.

    Args:
        path: the file's path, where it was moved.
        named: the object's path in Gramps Web, raw.
        checksum: what the file held, or the object named (raw).
        kept_as: where the file that left its place is now: in the trash, or beside it.
    """

    path: str | None = None
    named: str | None = None
    checksum: str | None = None
    kept_as: str | None = None


NOTHING_BEFORE = Before()
"""Nothing took anything's place."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long a part of a run took: seconds of wall time, and the files and bytes that it told of as read or carried."""

    name: str
    seconds: float = 0.0
    files: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of cycles did and left, for the command line and the JSON document.

    Sizes in bytes; `seconds` of wall time. `unfinished`: the media folder as a whole took nothing more (full, read-only), so
    that much was left undone that no problem names. `phases` are its parts, as a person is shown them. `is_quiet`: there is nothing
    that waits for anybody, nor was there before.
    """

    dry_run: bool = False
    stop: Stop | None = None
    actions: Sequence[Done] = ()
    conflicts: Sequence[Conflict] = ()
    problems: Sequence[Problem] = ()
    waiting: Sequence[Waiting] = ()
    notices: Sequence[Notice] = ()
    held: Sequence[HeldSet] = ()
    counts: Counts = field(default_factory=Counts)
    bytes_up: int = 0
    bytes_down: int = 0
    seconds: float = 0.0
    unfinished: bool = False
    phases: Sequence[Took] = ()
    is_quiet: bool = False
