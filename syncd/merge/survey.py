"""Every path that cannot be used, sorted by what is the matter with it: what `syncd paths` tells.

It judges as a sync would, but looks at names alone: a file's content is taken into account only where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from syncd.merge.draft import Inputs
from syncd.merge.mapping import Foreign, Proposal, propose
from syncd.merge.places import Places
from syncd.merge.portable import Portability
from syncd.model.paths import MediaPath, Refusal, Trouble
from syncd.model.snapshots import Link, MediaObject
from syncd.model.values import Checksum


class Other(StrEnum):
    """What else is told of paths, in one word for scripts."""

    IGNORED = "ignored"
    SHARED = "one-path-several-objects"
    UNUSABLE_HERE = "unusable-here"
    NOT_PORTABLE = "not-for-other-desktops"


Kind = Trouble | Other

INFORMATION: frozenset[Kind] = frozenset({Trouble.ADDRESS, Other.IGNORED, Other.SHARED, Other.NOT_PORTABLE})
"""What asks nothing of anybody here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, or one file of the folder.

    Args:
        path: the object's path as it stands in Gramps Web, or the file's.
        reason: what is the matter with this one.
        in_step: it is linked with a file all the same.
    """

    path: str
    handle: str | None
    reason: str
    in_step: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Paths with the same trouble; those outside the media folder by the folder in which they lie."""

    kind: Kind
    entries: tuple[Entry, ...]
    mapping: Proposal | None = None

    @property
    def is_problem(self) -> bool:
        """Whether something here is not synced for this reason."""
        return self.kind not in INFORMATION and not all(entry.in_step for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Args:
        groups: what there is to tell, problems first, large groups before small ones.
        objects: how many objects there are.
        fine: how many of them have a path that needs nothing.
    """

    groups: tuple[Group, ...]
    objects: int
    fine: int


def survey(inputs: Inputs) -> Survey:
    """Look at all paths. A file whose content is not known has the empty text as its checksum."""
    return _Surveyor(inputs).result()


@dataclass
class _Surveyor:
    inputs: Inputs
    _found: dict[Kind, list[Entry]] = field(default_factory=dict)
    _outside: list[tuple[MediaObject, Entry]] = field(default_factory=list)
    _fine: int = 0

    def __post_init__(self) -> None:
        self._links: Mapping[str, Link] = {link.handle: link for link in self.inputs.links}
        self._places = Places(self.inputs, [])
        self._by_path: dict[str, list[MediaObject]] = {}

    def result(self) -> Survey:
        """Look at the objects, then at the folder's names."""
        objects = self.inputs.catalog.objects
        for item in sorted(objects.values(), key=lambda item: (item.change, item.handle)):
            self._look_at(item)
        self._shared()
        self._here()
        groups = [Group(kind, tuple(entries)) for kind, entries in self._found.items()]
        groups += self._mapped()
        groups.sort(key=lambda group: (not group.is_problem, -len(group.entries), group.kind))
        return Survey(tuple(groups), len(objects), self._fine)

    def _look_at(self, item: MediaObject) -> None:
        link = self._links.get(item.handle)
        in_step = link is not None and link.named == item.path and link.detached is None
        target = link.path if link is not None and _is_its_own(link, item) else self.inputs.target(item.path)
        refusal = target if isinstance(target, Refusal) else None
        if isinstance(target, MediaPath):
            self._by_path.setdefault(target.key, []).append(item)
            if self.inputs.policy.ignored(target):
                self._note(Other.IGNORED, item, "the path is among those that are left out", in_step=in_step)
                return
            refusal = None if in_step or self._is_here(item, target) else self._refuse(item, target)
        if refusal is None:
            self._fine += 1
        elif refusal.kind in (Trouble.OUTSIDE, Trouble.HOME):
            entry = Entry(item.path, item.handle, refusal.reason, in_step)
            self._outside.append((item, entry))
        else:
            self._note(refusal.kind, item, refusal.reason, in_step=in_step)

    def _is_here(self, item: MediaObject, target: MediaPath) -> bool:
        """Whether the object has a file already: at its path, or one of its content that it would be linked with."""
        return self.inputs.folder.at(target) is not None or (
            item.digest is not None and item.digest in self.inputs.files_by_checksum
        )

    def _refuse(self, item: MediaObject, target: MediaPath) -> Refusal | None:
        """Why the object's file could not be put at its path."""
        if self.inputs.folder.is_unknown(target) or self._places.is_promised(target):
            return None
        refusal = self._places.refuse(target, Link(item.handle, item.path, target, Checksum("")))
        if refusal is None:
            self._places.promise(target)
        return refusal

    def _note(self, kind: Kind, item: MediaObject, reason: str, *, in_step: bool) -> None:
        self._found.setdefault(kind, []).append(Entry(item.path, item.handle, reason, in_step))

    def _shared(self) -> None:
        """Paths that several objects have."""
        for key, items in self._by_path.items():
            if len(items) < 2:
                continue
            same = len({item.digest for item in items}) == 1
            reason = (
                f"{len(items)} objects have the file '{key}'"
                if same
                else f"{len(items)} objects of different content have the path '{key}'"
            )
            for item in items:
                self._note(Other.SHARED, item, reason, in_step=item.handle in self._links)

    def _here(self) -> None:
        """Files of the folder: those that no sync can use, and those that another desktop could not take."""
        folder = self.inputs.folder
        unusable = [Entry(problem.path or "", None, problem.reason) for problem in folder.problems]
        if unusable:
            self._found[Other.UNUSABLE_HERE] = unusable
        portability = Portability(folder, self.inputs.policy.rules)
        for _key, file in sorted(folder.files.items()):
            trouble = portability.trouble(file.path)
            if trouble is not None:
                entry = Entry(file.path.text, None, trouble, in_step=True)
                self._found.setdefault(Other.NOT_PORTABLE, []).append(entry)

    def _mapped(self) -> Sequence[Group]:
        """The objects outside, by the folder of another machine that could be mapped."""
        files = {key: file.checksum or None for key, file in self.inputs.folder.files.items()}
        foreign = [Foreign(item.path, item.digest) for item, _entry in self._outside]
        taken = [prefix for prefix, _folder in self.inputs.policy.rules.path_map]
        return [
            Group(
                Trouble.OUTSIDE,
                tuple(self._outside[index][1] for index in proposal.members),
                replace(proposal, members=()) if proposal.found or proposal.prefix != "/" else None,
            )
            for proposal in propose(foreign, files, taken)
        ]


def _is_its_own(link: Link, item: MediaObject) -> bool:
    """Whether the object has the name of the linked file, although that name may read as another."""
    return link.named == item.path == link.path.key
