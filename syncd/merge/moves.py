"""Where each link's file is now: at its place, edited, moved, gone, or not to be known.

A move is recognised by content: a link's path is *vacated* and another path has its checksum. A path is vacated
when nothing is there, or when what is there is another link's moved file (chains and swaps). The inode only breaks
ties between files of equal content: inodes are reused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from syncd.merge.draft import Inputs
from syncd.model.snapshots import Detached, FolderFile, Link, Occupant
from syncd.model.values import Checksum


class At(Enum):
    """What became of a link's file in the folder."""

    SAME = auto()
    EDITED = auto()
    MOVED = auto()
    GONE = auto()
    UNKNOWN = auto()
    """Unreadable, being written, or hidden behind something that syncd does not touch: no conclusion."""
    ASLEEP = auto()
    """The path is ignored now."""


@dataclass(frozen=True, slots=True)
class Located:
    """One file of the ancestor, all links that share it, and what the folder has for it now."""

    links: tuple[Link, ...]
    at: At
    file: FolderFile | None

    @property
    def link(self) -> Link:
        """Any of the links: they agree in path and checksum."""
        return self.links[0]


def locate(inputs: Inputs) -> list[Located]:
    """Find every link's file."""
    found: list[Located] = []
    edited: list[_Group] = []
    vacated: list[_Group] = []
    settled: set[str] = set()
    for links in _by_place(inputs.links):
        link = links[0]
        file = inputs.folder.at(link.path)
        if file is not None and file.checksum == link.checksum:
            settled.add(file.path.key)
            found.append(Located(links, At.SAME, file))
        elif file is not None:
            edited.append(_Group(links, file))
        elif (at := _why_absent(inputs, link)) is At.GONE:
            vacated.append(_Group(links, None))
        else:
            found.append(Located(links, at, None))
    if not vacated and not edited:
        return found
    moved = _match(inputs, settled, edited, vacated)
    arrived = {file.path.key for file in moved.values()}
    for group in [*edited, *vacated]:
        file = moved.get(id(group))
        if file is not None:
            found.append(Located(group.links, At.MOVED, file))
        elif group.file is not None and group.file.path.key not in arrived:
            found.append(Located(group.links, At.EDITED, group.file))
        else:
            found.append(Located(group.links, At.GONE, None))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Links of one path and checksum whose file is not (or no longer the same) at that path."""

    links: tuple[Link, ...]
    file: FolderFile | None

    @property
    def link(self) -> Link:
        return self.links[0]


def _by_place(links: Iterable[Link]) -> list[tuple[Link, ...]]:
    groups: dict[tuple[str, Checksum, bool], list[Link]] = {}
    for link in links:
        groups.setdefault((link.path.key, link.checksum, link.detached is Detached.FILE_GONE), []).append(
            link
        )
    return [tuple(group) for group in groups.values()]


def _why_absent(inputs: Inputs, link: Link) -> At:
    """Tell a deleted file from one that cannot be seen."""
    if inputs.folder.is_unknown(link.path):
        return At.UNKNOWN
    occupant = inputs.folder.occupied.get(link.path.key)
    if occupant in (Occupant.SYMLINK, Occupant.SPECIAL):
        return At.UNKNOWN
    above = [inputs.folder.occupied.get(folder) for folder in link.path.ancestors()]
    if Occupant.SYMLINK in above:
        return At.UNKNOWN
    return At.ASLEEP if inputs.policy.ignored(link.path) else At.GONE


def _match(
    inputs: Inputs, settled: set[str], edited: Sequence[_Group], vacated: Sequence[_Group]
) -> dict[int, FolderFile]:
    """Pair displaced groups with the files that have their content now, by `id(group)`."""
    moved: dict[int, FolderFile] = {}
    taken: set[str] = set(settled)
    waiting = list(vacated)
    displaced: dict[str, list[_Group]] = {}
    for group in edited:
        displaced.setdefault(group.link.path.key, []).append(group)
    while waiting:
        batch, waiting = waiting, []
        for checksum, groups in _by_checksum(batch):
            arrivals = [
                file for file in inputs.files_by_checksum.get(checksum, ()) if file.path.key not in taken
            ]
            for group, file in _pair(groups, arrivals):
                moved[id(group)] = file
                taken.add(file.path.key)
                waiting.extend(displaced.pop(file.path.key, []))
    _match_circles({key: groups[0] for key, groups in displaced.items() if len(groups) == 1}, moved)
    return moved


def _by_checksum(groups: Iterable[_Group]) -> list[tuple[Checksum, list[_Group]]]:
    sorted_groups: dict[Checksum, list[_Group]] = {}
    for group in sorted(groups, key=lambda group: group.link.path.key):
        sorted_groups.setdefault(group.link.checksum, []).append(group)
    return list(sorted_groups.items())


def _pair(groups: Sequence[_Group], arrivals: Sequence[FolderFile]) -> list[tuple[_Group, FolderFile]]:
    """Pair groups and files of one content: the same inode, then the same name; a lone rest pairs in order.

    More files left than groups means that somebody copied; which one is the original cannot be told, so none is.
    """
    pairs: list[tuple[_Group, FolderFile]] = []
    groups, arrivals = list(groups), list(arrivals)
    for same in (_same_inode, _same_name):
        for group in list(groups):
            matches = [file for file in arrivals if same(group.link, file)]
            if len(matches) == 1 or (matches and same is _same_name and len(groups) >= len(arrivals)):
                pairs.append((group, matches[0]))
                groups.remove(group)
                arrivals.remove(matches[0])
    if len(arrivals) <= len(groups):
        pairs.extend(zip(groups, arrivals, strict=False))
    return pairs


def _same_inode(link: Link, file: FolderFile) -> bool:
    return link.inode != 0 and link.inode == file.stamp.inode


def _same_name(link: Link, file: FolderFile) -> bool:
    return link.path.key.rpartition("/")[2] == file.path.key.rpartition("/")[2]


def _match_circles(displaced: dict[str, _Group], moved: dict[int, FolderFile]) -> None:
    """Recognise files that changed places among themselves: every path still has a file, each another's."""
    by_content: dict[Checksum, list[_Group]] = {}
    for group in displaced.values():
        if group.file is not None:
            by_content.setdefault(group.file.checksum, []).append(group)
    remaining = dict(displaced)
    for start in list(displaced):
        circle: list[tuple[_Group, _Group]] = []
        seen: set[str] = set()
        key = start
        while key in remaining and key not in seen:
            seen.add(key)
            group = remaining[key]
            holder = _holder(group, by_content.get(group.link.checksum, []), remaining)
            if holder is None or holder.file is None:
                circle = []
                break
            circle.append((group, holder))
            key = holder.file.path.key
        if key == start and circle:
            for group, holder in circle:
                if holder.file is not None:
                    moved[id(group)] = holder.file
            for key in seen:
                del remaining[key]


def _holder(group: _Group, holders: Sequence[_Group], remaining: dict[str, _Group]) -> _Group | None:
    """Of the paths that now have a group's content, the one it went to; None when that cannot be told."""
    there = [
        holder
        for holder in holders
        if holder is not group and holder.file and holder.file.path.key in remaining
    ]
    by_inode = [holder for holder in there if holder.file and _same_inode(group.link, holder.file)]
    candidates = by_inode or there
    return candidates[0] if len(candidates) == 1 else None
