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
from syncd.model.plan import Notice


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a pass rests on; what `reconcile` and `hold` are given.

    Args:
        links: the common ancestor, or the part of it that was looked at.
        problems: what could not be looked at properly, and is none of the folder's own problems.
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
    scope: AbstractSet[str] | None = None
    all_links: int = 0
