"""What an audit looks at, as values: both sides, the store, and what the daemons take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """A computer's media folder.

    Args:
        who: the computer.
        files: path → MD5 of every file, syncd's own left out.
        kept: MD5s of what lies in its trash.
        leftovers: names of unfinished work.
        problems: paths and handles that `syncd status` tells a problem of.
    """

    who: str
    files: Mapping[str, str]
    kept: AbstractSet[str] = frozenset()
    leftovers: Sequence[str] = ()
    problems: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ObjectSeen:
    """A media object: its path and its checksum. `served` is the MD5 of what the server shows for it; empty: nothing."""

    handle: str
    path: str
    checksum: str
    served: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a daemon takes: `at` seconds after the beginning, resident memory in bytes, open files, threads."""

    at: float
    who: str
    pid: int
    memory: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything at one moment at rest.

    Args:
        folders: one for each computer.
        objects: all media objects.
        keys: key of the bucket (32 hex digits) → MD5 of its bytes; None on a server with a disk of its own.
        quarantine: MD5s of what lies in the bucket's quarantine.
        galleries: (class, handle) → handles of the media objects that it refers to.
    """

    folders: Sequence[FolderSeen]
    objects: Sequence[ObjectSeen]
    keys: Mapping[str, str] | None = None
    quarantine: AbstractSet[str] = frozenset()
    galleries: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
