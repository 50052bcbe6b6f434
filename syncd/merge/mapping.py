"""Guessing where folders of other machines are here: the `path_map` that would mend most.

A path that was written elsewhere ends like the file's path here, and only its beginning differs. So every file that has
the name of an object is a vote for one beginning standing for one folder here, and for each longer beginning that
says the same. The mapping with most votes wins, among equals the shortest; then come those for what it leaves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.model.catalog_path import Place, take_apart
from syncd.model.values import Checksum

_SAME_BYTES, _UNREAD, _OTHER_BYTES = 4, 2, 1
"""What a file of the right name counts, by its content."""

_LOOK_ALIKES = 20
"""Files of one name that are tried for an object: beyond that a name says nothing."""

_AT_MOST = 20
"""Mappings that are proposed: a person must be able to read them."""

_SHARED_ROOTS = frozenset({"home", "users", "media", "mnt", "volumes", "srv", "run"})
"""Folders that hold the folders of several people or disks: what lies in them has no more in common than that."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An object's path that lies outside, and the content it names."""

    raw: str
    digest: Checksum | None = None

    def place(self) -> Place:
        """The path taken apart."""
        place = take_apart(self.raw)
        assert place is not None  # web addresses lie nowhere
        return place


@dataclass(frozen=True, slots=True)
class Proposal:
    """One line of `path_map`.

    Args:
        prefix: the folder as paths in Gramps Web name it.
        folder: where it is below the media folder, `.` for the media folder itself.
        members: the objects below it, as positions in the list that was given.
        found: how many of them have a file of that path here then.
    """

    prefix: str
    folder: str
    members: tuple[int, ...]
    found: int


_Key = tuple[tuple[str, ...], str]
"""A prefix in the form in which it is compared, and a folder of the media folder."""


@dataclass(slots=True)
class _Path:
    """An object's path as it is compared: `names` folded where Windows wrote it, `exact` as files here are named."""

    names: tuple[str, ...]
    exact: tuple[str, ...]
    roots: int


def propose(
    objects: Sequence[Foreign], files: Mapping[str, Checksum | None], taken: Sequence[str] = ()
) -> list[Proposal]:
    """The mappings under which most objects find their files; every object is below the prefix of one.

    Args:
        objects: objects that lie outside the media folder.
        files: the keys of the folder's files; the content where it is known.
        taken: prefixes that are mapped already.
    """
    return _Search([_compared(item.place()) for item in objects], objects, files, taken).result()


def _compared(place: Place) -> _Path:
    exact = tuple(unicodedata.normalize("NFC", part) for part in place.parts)
    names = tuple(part.casefold() for part in exact) if place.ignores_case else exact
    roots = 3 if place.ignores_case and exact[0] == "/" else 1  # a share is a server and a name
    return _Path(names, exact, min(roots, max(1, len(exact) - 1)))


@dataclass(slots=True)
class _Search:
    paths: Sequence[_Path]
    objects: Sequence[Foreign]
    files: Mapping[str, Checksum | None]
    taken: Sequence[str]
    _votes: dict[_Key, dict[int, int]] = field(default_factory=dict)

    def result(self) -> list[Proposal]:
        """Vote, choose, and give each object to the longest prefix that it is below."""
        self._vote()
        chosen = self._choose()
        members: dict[tuple[str, ...], list[int]] = {prefix: [] for prefix in chosen}
        left: list[int] = []
        for index, path in enumerate(self.paths):
            found = [prefix for prefix in chosen if path.names[: len(prefix)] == prefix]
            (members[max(found, key=len)] if found else left).append(index)
        proposals = [
            self._proposal(prefix, folder, members[prefix])
            for prefix, folder in chosen.items()
            if members[prefix]
        ]
        proposals += [self._proposal(prefix, ".", group) for prefix, group in self._together(left)]
        return sorted(proposals, key=lambda proposal: (-len(proposal.members), proposal.prefix))

    def _vote(self) -> None:
        by_name: dict[str, list[str]] = {}
        by_two: dict[tuple[str, ...], list[str]] = {}
        for key in self.files:
            parts = tuple(key.rsplit("/", 2)[-2:])
            by_name.setdefault(parts[-1], []).append(key)
            by_two.setdefault(parts, []).append(key)
        for index, path in enumerate(self.paths):
            if len(path.exact) <= path.roots:
                continue
            alike = by_two.get(path.exact[-2:]) or by_name.get(path.exact[-1]) or ()
            for key in alike[:_LOOK_ALIKES]:
                self._vote_for(index, path, key)

    def _vote_for(self, index: int, path: _Path, key: str) -> None:
        known, wanted = self.files[key], self.objects[index].digest
        weight = _UNREAD if not known or wanted is None else _SAME_BYTES if known == wanted else _OTHER_BYTES
        here = key.split("/")
        for count in range(1, min(len(here), len(path.exact) - path.roots) + 1):
            if here[-count] != path.exact[-count]:
                return
            vote = (path.names[:-count], "/".join(here[:-count]) or ".")
            votes = self._votes.setdefault(vote, {})
            votes[index] = max(weight, votes.get(index, 0))

    def _choose(self) -> dict[tuple[str, ...], str]:
        """The mappings, best first."""
        chosen: dict[tuple[str, ...], str] = {}
        open_votes = {key: dict(votes) for key, votes in self._votes.items()}
        reserved = {_compared(place).names for place in map(take_apart, self.taken) if place is not None}
        while open_votes and len(chosen) < _AT_MOST:
            best = max(
                open_votes,
                key=lambda key: (sum(open_votes[key].values()), -len(key[0]), key[1] == ".", key),
            )
            votes = open_votes.pop(best)
            prefix = best[0]
            if not votes:
                break
            if prefix in chosen or prefix in reserved or not self._is_worth(prefix, votes, chosen):
                continue
            chosen[prefix] = best[1]
            settled = self._votes[best].keys()
            for others in open_votes.values():
                for index in settled & others.keys():
                    del others[index]
        return chosen

    def _is_worth(
        self, prefix: tuple[str, ...], votes: Mapping[int, int], chosen: Mapping[tuple[str, ...], str]
    ) -> bool:
        """Whether an exception from a chosen prefix is one: a single file of some name elsewhere is chance."""
        if not any(prefix[: len(above)] == above for above in chosen):
            return True
        below = sum(1 for path in self.paths if path.names[: len(prefix)] == prefix)
        return len(votes) > 1 and len(votes) * 2 >= below

    def _together(self, left: Sequence[int]) -> list[tuple[tuple[str, ...], list[int]]]:
        """Objects that no file here resembles: by person or disk, each with the folder that they have in common."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for index in left:
            path = self.paths[index]
            end = path.roots
            if path.names[end : end + 1] and path.names[end].casefold() in _SHARED_ROOTS:
                end += 3 if path.names[end] == "run" else 2
            elif path.names[0] == "/" and path.roots == 1:
                end += 1
            groups.setdefault(path.names[: max(1, min(end, len(path.names) - 1))], []).append(index)
        return [(self._common(group), group) for group in groups.values()]

    def _common(self, group: Sequence[int]) -> tuple[str, ...]:
        common = self.paths[group[0]].names[:-1] or self.paths[group[0]].names
        for index in group:
            names = self.paths[index].names[:-1]
            same = 0
            while same < min(len(common), len(names)) and common[same] == names[same]:
                same += 1
            common = common[: max(1, same)]
        return common

    def _proposal(self, prefix: tuple[str, ...], folder: str, members: Sequence[int]) -> Proposal:
        found = self._votes.get((prefix, folder), {}).keys() & set(members)
        return Proposal(
            self._spelt(self.objects[members[0]].raw, len(prefix)), folder, tuple(members), len(found)
        )

    def _spelt(self, raw: str, end: int) -> str:
        """The first components of a path, with the slashes that it has."""
        place = take_apart(raw)
        assert place is not None
        slash = "\\" if "\\" in raw else "/"
        parts = place.parts[:end]
        if parts[0] != "/":
            return slash.join(parts) + (slash if end == 1 else "")
        return (slash * 2 if place.ignores_case else slash) + slash.join(parts[1:])
