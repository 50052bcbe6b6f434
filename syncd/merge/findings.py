"""What a verification goes by and what it finds: values. What they follow from is judged in `merge.audit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.values import Checksum


class Fault(StrEnum):
    """What can be wrong, in one word for scripts."""

    MISSING_BYTES = "missing-bytes"
    """The store lacks what an object names."""
    OTHER_SIZE = "other-size"
    """The store has something of another size there."""
    DAMAGED_BYTES = "damaged-bytes"
    """The store has other bytes there; only reading tells."""
    ROTTEN_FILE = "rotten-file"
    """A file's bytes changed, but neither its size nor its time; only reading tells."""
    NO_CHECKSUM = "no-checksum"
    OTHER_CONTENT = "other-content"
    OTHER_NAME = "other-name"
    NO_OBJECT = "no-object"
    NO_FILE = "no-file"
    CHANGED_FILE = "changed-file"
    NOT_SYNCED = "not-synced"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Args:
        fault: what.
        reason: the same in words.
        remedy: what a person can do.
        path: the file's, or the raw one in Gramps Web.
        handle: the media object's.
        checksum: what the bytes should have.
        healed: what to say once a good copy healed it; empty where none can.
    """

    fault: Fault
    reason: str
    remedy: str
    path: str
    handle: str | None = None
    checksum: Checksum | None = None
    healed: str = ""


@dataclass(frozen=True, slots=True)
class Reads:
    """The checksums of the bytes that were read to their end; empty where nothing was.

    Args:
        files: of the folder's files, by key.
        keys: of the bucket's keys, by the checksum that names them.
        served: of what a server with its own disk serves, by the object's handle.
    """

    files: Mapping[str, Checksum] = field(default_factory=dict)
    keys: Mapping[Checksum, Checksum] = field(default_factory=dict)
    served: Mapping[str, Checksum] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found.

    Args:
        findings: what is wrong, sorted by path.
        proven: the contents that the store surely has.
        size_only: those of which nothing speaks against it, by the path of an object.
    """

    findings: tuple[Finding, ...]
    proven: frozenset[Checksum]
    size_only: Mapping[Checksum, str]
