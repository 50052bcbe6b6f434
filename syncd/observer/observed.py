"""What a look found."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    DesktopSnapshot,
    FolderSnapshot,
    Link,
    Problem,
)
from syncd.model.plan import Done, Notice


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a pass rests on; what `reconcile` and `hold` are given.

    Args:
        links: the common ancestor, or the part of it that was looked at.
        problems: what could not be looked at properly, and is none of the folder's own problems.
        settled: what an earlier run, or pass, had done in Gramps Web without an answer, as it shows now.
        scope: the handles that were looked at; None: all.
        all_links: how many links there are in all.
    """

    links: tuple[Link, ...]
    folder: FolderSnapshot
    catalog: CatalogSnapshot
    bucket: BucketSnapshot
    desktop: DesktopSnapshot | None = None
    problems: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()
    settled: tuple[Done, ...] = ()
    scope: AbstractSet[str] | None = None
    all_links: int = 0
