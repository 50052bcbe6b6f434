"""The values that the rooms hand to one another. Nothing here reads, writes or asks the clock."""

from syncd.model.catalog_path import PathRules
from syncd.model.paths import MediaPath, Refusal
from syncd.model.snapshots import (
    BucketSnapshot,
    CatalogSnapshot,
    Deleted,
    DesktopObject,
    DesktopSnapshot,
    Detached,
    FileStamp,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    Occupant,
    Proof,
    Served,
)
from syncd.model.values import EMPTY_CHECKSUM, Checksum, Problem, Stop, parse_checksum

__all__ = [
    "EMPTY_CHECKSUM",
    "BucketSnapshot",
    "CatalogSnapshot",
    "Checksum",
    "Deleted",
    "DesktopObject",
    "DesktopSnapshot",
    "Detached",
    "FileStamp",
    "FolderFile",
    "FolderSnapshot",
    "Link",
    "MediaObject",
    "MediaPath",
    "Occupant",
    "PathRules",
    "Problem",
    "Proof",
    "Refusal",
    "Served",
    "Stop",
    "parse_checksum",
]
