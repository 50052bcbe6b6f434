"""What the person configured, as the pure core sees it, and the moment at which it decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from syncd.model.catalog_path import PathRules
from syncd.model.paths import MediaPath


class NewFiles(StrEnum):
    """What becomes of a new file in the folder."""

    ADD = "add"
    UPLOAD_ONLY = "upload-only"
    IGNORE = "ignore"


class Conflicts(StrEnum):
    """Who wins when both sides changed one file."""

    KEEP_BOTH = "keep-both"
    PREFER_FOLDER = "prefer-folder"
    PREFER_WEB = "prefer-web"


class OnWeb(StrEnum):
    """Whether a deletion in the folder deletes the object in Gramps Web."""

    UNREFERENCED = "unreferenced"
    ALWAYS = "always"
    NEVER = "never"


class InFolder(StrEnum):
    """Whether a deletion in Gramps Web moves the file to the trash."""

    TRASH = "trash"
    NEVER = "never"


class FirstSync(StrEnum):
    """Whether a large first contact waits for a person."""

    ASK = "ask"
    GO = "go"


@dataclass(frozen=True, slots=True)
class HoldAbove:
    """The limits on deletions over 24 hours: held above `count`, or above `always_allow` and `percent` of links."""

    count: int = 200
    percent: float = 5
    always_allow: int = 10


def _nothing_ignored(_path: MediaPath) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of the merge.

    Args:
        rules: how catalog paths are read.
        ignored: whether a path is out of scope.
        found_by_path: the server keeps media on its own disk and finds a file by `path` alone, so names in
            Gramps Web never follow the folder.
    """

    rules: PathRules
    new_files: NewFiles = NewFiles.ADD
    conflicts: Conflicts = Conflicts.KEEP_BOTH
    on_web: OnWeb = OnWeb.UNREFERENCED
    in_folder: InFolder = InFolder.TRASH
    first_sync: FirstSync = FirstSync.ASK
    hold_above: HoldAbove = HoldAbove()
    ignored: Callable[[MediaPath], bool] = _nothing_ignored
    found_by_path: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where a decision is made: Unix seconds, the local ISO date and this machine's name."""

    now: int
    date: str
    host: str
