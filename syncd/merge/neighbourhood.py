"""What has to be looked at together so that a few changes are merged as a look at everything would merge them.

A decision about a file or an object rests on its link, on whatever has or wants the same path, and on whatever has the
same content. `Neighbourhood` collects these, and what they rest on in turn, until nothing is added. In a tree that was in
step before, all the rest is unchanged, so that its part in the whole plan would be empty.

Where that does not suffice, `unfit` says so, and everything is looked at instead:
- a linked file that is gone: whether it was moved, deleted, or is merely out of sight is judged in company;
- conflicts, deletions in Gramps Web, and what is brought back: rare, and worth a second look;
- new names that avoid all others, for which all others must be known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from syncd.model.catalog_path import PathRules, parse_catalog_path
from syncd.model.paths import MediaPath, handle_for
from syncd.model.plan import (
    Action,
    AddObject,
    DeleteObject,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)
from syncd.model.snapshots import DesktopSnapshot, Detached, FolderFile, FolderSnapshot, Link, MediaObject
from syncd.model.values import Checksum

LARGEST = 4000
"""Paths, contents and objects together: for more, looking at everything is cheaper than looking them up."""

_PLAIN = (Record, Forget, Upload, AddObject, UpdateObject, MoveFile, TrashFile, Fetch)
_RARE = {
    DeleteObject: "a file was deleted in the folder",
    KeepLoser: "both sides changed a file",
    RestoreObject: "something deleted is to come back",
}
_PLAIN_FETCHES = (Why.NEW_OBJECT, Why.EDITED_OBJECT, Why.MOVED_OBJECT)


class Known(Protocol):
    """What is remembered of both sides, found by index; `syncd.state.State` is one."""

    def links_at(self, folds: Collection[str]) -> Sequence[Link]:
        """The links whose file is, or is looked for, at one of these paths, given as `MediaPath.fold`."""

    def links_of(self, handles: Collection[str]) -> Sequence[Link]:
        """The links of these handles."""

    def links_with(self, checksums: Collection[Checksum]) -> Sequence[Link]:
        """The links of these contents."""

    def objects_of(self, handles: Collection[str]) -> Mapping[str, MediaObject]:
        """The objects of these handles."""

    def objects_with(self, checksums: Collection[Checksum]) -> Sequence[MediaObject]:
        """The objects that name these contents."""


@dataclass(slots=True)
class Neighbourhood:
    """Grows from what changed.

    Args:
        known: what is remembered.
        unlinked: all objects that have no link.
        tree_id, rules: how new objects get their handles, and what paths mean here.
        desktop: the family tree of Gramps Desktop, where one is configured.
        used: handles that are taken although no object has them now (deleted a short while ago).
    """

    known: Known
    unlinked: Sequence[MediaObject]
    tree_id: str
    rules: PathRules
    desktop: DesktopSnapshot | None = None
    used: Collection[str] = frozenset()

    paths: dict[str, MediaPath] = field(default_factory=dict)
    handles: set[str] = field(default_factory=set)
    checksums: set[Checksum] = field(default_factory=set)
    links: dict[str, Link] = field(default_factory=dict)
    objects: dict[str, MediaObject] = field(default_factory=dict)

    _asked_folds: set[str] = field(default_factory=set)
    _asked_handles: set[str] = field(default_factory=set)
    _asked_checksums: set[Checksum] = field(default_factory=set)
    _meant: dict[str, list[MediaObject]] | None = None
    _desktop_keys: dict[str, str] | None = None

    def __len__(self) -> int:
        return len(self.paths) + len(self.handles) + len(self.checksums)

    def see(self, paths: Iterable[MediaPath] = (), handles: Iterable[str] = ()) -> None:
        """These changed, or may have."""
        for path in paths:
            self.paths.setdefault(path.key, path)
        self.handles.update(handles)

    def see_former(self, objects: Iterable[MediaObject]) -> None:
        """Objects as they were before they changed: what waited for a name or a content of theirs is concerned, too."""
        for item in objects:
            self._see_object(item)

    def _see_object(self, item: MediaObject) -> None:
        if item.digest is not None:
            self.checksums.add(item.digest)
        target = parse_catalog_path(item.path, self.rules)
        if isinstance(target, MediaPath):
            self.see([target])

    def see_files(self, files: Mapping[str, FolderFile]) -> None:
        """The files that are at the paths of the neighbourhood by now; what no link has, as it is, may become an object."""
        self.checksums.update(file.checksum for file in files.values())
        linked = {(link.place.key, link.checksum) for link in self.links.values()}
        for key, file in files.items():
            if (key, file.checksum) not in linked:
                self.handles.update(self._handles_for(file.path))
            if self.desktop is not None:
                self.handles.update(item.handle for item in self.desktop.objects.get(key, ()))

    def _handles_for(self, path: MediaPath) -> Iterable[str]:
        """The handles that an object of a new file may get: up to the first that nothing uses."""
        number = 0
        while True:
            handle = handle_for(self.tree_id, path, number)
            yield handle
            asked = handle in self._asked_handles
            if not asked or not (handle in self.objects or handle in self.links or handle in self.used):
                return
            number += 1

    def grow(self) -> bool:
        """Take in what belongs to what is in already; False when that was nothing new."""
        folds = {path.fold for path in self.paths.values()} - self._asked_folds
        handles = self.handles - self._asked_handles
        checksums = self.checksums - self._asked_checksums
        if not (folds or handles or checksums):
            return False
        self._asked_folds |= folds
        self._asked_handles |= handles
        self._asked_checksums |= checksums
        self._take_links([*self.known.links_at(folds), *self.known.links_of(handles)])
        self._take_links(self.known.links_with(checksums))
        self._take_objects(self.known.objects_of(handles).values())
        self._take_objects(self.known.objects_with(checksums))
        for fold in folds:
            self._take_objects(self._meaning(fold))
        return True

    def _take_links(self, links: Iterable[Link]) -> None:
        for link in links:
            if link.handle not in self.links:
                self.links[link.handle] = link
                self.handles.add(link.handle)
                self.checksums.add(link.checksum)
                self.see([link.path, link.place])
                key = self._desktop_key(link.handle)
                if key is not None:
                    self.see([MediaPath.of(key)])

    def _take_objects(self, objects: Iterable[MediaObject]) -> None:
        for item in objects:
            if item.handle not in self.objects:
                self.objects[item.handle] = item
                self.handles.add(item.handle)
                self._see_object(item)

    def _meaning(self, fold: str) -> Sequence[MediaObject]:
        """The objects without a link that mean a path, or one that differs only by case."""
        if self._meant is None:
            self._meant = {}
            for item in self.unlinked:
                target = parse_catalog_path(item.path, self.rules)
                if isinstance(target, MediaPath):
                    self._meant.setdefault(target.fold, []).append(item)
        return self._meant.get(fold, ())

    def _desktop_key(self, handle: str) -> str | None:
        """The key of the file that Gramps Desktop names for an object."""
        if self.desktop is None:
            return None
        if self._desktop_keys is None:
            self._desktop_keys = {
                item.handle: key for key, items in self.desktop.objects.items() for item in items
            }
        return self._desktop_keys.get(handle)


def missing_file(links: Iterable[Link], folder: FolderSnapshot) -> Link | None:
    """A link whose file is not where it ought to be, so that the whole folder has to be walked; None: there is none."""
    for link in links:
        is_there = folder.at(link.place) is not None or folder.occupied.get(link.place.key) is not None
        if not is_there and link.detached is not Detached.FILE_GONE:
            return link
    return None


def unfit(plan: Plan, rules: PathRules) -> str | None:
    """Why a plan that was made for a neighbourhood must not be carried out, but made for everything; None: it may be."""
    if plan.conflicts:
        return "both sides changed a file"
    for action in plan.actions:
        reason = _unfit(action, rules)
        if reason is not None:
            return reason
    return None


def _unfit(action: Action, rules: PathRules) -> str | None:
    if not isinstance(action, _PLAIN):
        return _RARE.get(type(action), f"a rare step ({type(action).__name__})")
    if isinstance(action, Fetch):
        if action.why not in _PLAIN_FETCHES or action.aside is not None:
            return f"to fetch a file, and this is rare: {action.why}"
        stays = action.replaces is not None and action.replaces.path == action.path
        if not stays and parse_catalog_path(action.object.path, rules) != action.path:
            return "a name beside another one"
    return None
