"""Where each link's file is now: at its place, edited, moved, gone, or not to be known.

A move is recognised by content: a link's path is *vacated* and another path has its checksum (or Gramps Desktop says
that another path is the object's by now). A path is vacated
when nothing is there, or when what is there is another link's moved file (chains and swaps). A file that is put over
another which went nowhere replaces it: that is an edit. A file that moved while its object has to wait for the new name
is looked for at its new place from then on (`Link.moved_to`): what is written there later is an edit of it, and of no
other link that still has the name. The inode only breaks
ties between files of equal content: inodes are reused.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from syncd.merge.draft import Inputs
from syncd.model.paths import MediaPath
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


class Holders:
    """Which links have which file of the folder."""

    def __init__(self, located: Iterable[Located], living: Mapping[str, object]) -> None:
        self._living = living
        self._groups: dict[str, list[Located]] = {}
        for group in located:
            if group.file is not None:
                self._groups.setdefault(group.file.path.key, []).append(group)

    def groups(self, file: FolderFile) -> Sequence[Located]:
        """The groups of links that have the file. More than one only while they disagree about its content."""
        return self._groups.get(file.path.key, ())

    def has(self, key: str) -> bool:
        """Whether any link has the file with this key."""
        return key in self._groups

    def is_ahead(self, file: FolderFile) -> bool:
        """Whether the file moved there while its object still waits for the name: nothing else is linked with it."""
        return any(link.moved_to is not None for group in self.groups(file) for link in group.links)

    def others(self, link: Link, file: FolderFile) -> list[Link]:
        """The other links that have the file and whose objects live."""
        return [
            other
            for group in self.groups(file)
            for other in group.links
            if other.handle != link.handle and other.handle in self._living
        ]


def locate(inputs: Inputs) -> list[Located]:
    """Find every link's file."""
    found: list[Located] = []
    edited: list[_Group] = []
    vacated: list[_Group] = []
    asleep: list[_Group] = []
    settled: set[str] = set()
    ahead = _moved_ahead(inputs.links)
    for links in _by_place(inputs.links):
        link = links[0]
        file = inputs.folder.at(link.place)
        if file is not None and file.checksum == link.checksum:
            settled.add(file.path.key)
            found.append(Located(links, At.SAME, file))
        elif file is not None and _is_ousted(inputs, link, ahead):
            vacated.append(_Group(links, None))
        elif file is not None:
            edited.append(_Group(links, file))
        elif (at := _why_absent(inputs, link)) is At.GONE:
            vacated.append(_Group(links, None))
        elif at is At.ASLEEP:
            asleep.append(_Group(links, None))
        else:
            found.append(Located(links, at, None))
    if not vacated and not edited and not asleep:
        return found
    moved = _match(inputs, settled, edited, vacated)
    _undo_replacements(inputs, edited, vacated, moved)
    arrived = {file.path.key for file in moved.values()}
    attached = settled | {
        group.link.place.key for group in edited if group.link.detached is None and id(group) not in moved
    }
    absent: list[_Group] = []
    for group in [*edited, *vacated]:
        file = moved.get(id(group))
        if file is not None:
            found.append(Located(group.links, At.MOVED, file))
        elif group.file is not None and not _is_anothers(group, attached, arrived):
            found.append(_edited_or_followed(inputs, group, group.file, (settled, ahead), arrived))
        else:
            absent.append(group)
    held = {located.file.path.key for located in found if located.file is not None}
    for group in absent:
        found.extend(_absent(inputs, group, held, ahead))
    found.extend(_sleepers(inputs, asleep, settled | arrived | held))
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
    groups: dict[tuple[str, Checksum, bool, bool], list[Link]] = {}
    for link in links:
        by = (link.place.key, link.checksum, link.detached is Detached.FILE_GONE, link.moved_to is not None)
        groups.setdefault(by, []).append(link)
    return [tuple(group) for group in groups.values()]


def _moved_ahead(links: Iterable[Link]) -> dict[str, set[Checksum]]:
    """Where files went whose objects wait for the name, by key: what they held."""
    ahead: dict[str, set[Checksum]] = {}
    for link in links:
        if link.moved_to is not None:
            ahead.setdefault(link.moved_to.key, set()).add(link.checksum)
    return ahead


def _is_ousted(inputs: Inputs, link: Link, ahead: Mapping[str, set[Checksum]]) -> bool:
    """Whether the file at a link's place is another one's, whatever it holds by now.

    Either another one moved there, and only its name still waits; or this one did, and the first owner's file is back.
    """
    there = ahead.get(link.place.key)
    if there is None:
        return False
    if link.moved_to is None:
        return link.checksum not in there
    file = inputs.folder.at(link.place)
    return file is not None and any(
        owner.moved_to is None and owner.detached is None and owner.checksum == file.checksum
        for owner in inputs.links_by_path.get(link.place.key, ())
    )


def _why_absent(inputs: Inputs, link: Link) -> At:
    """Tell a deleted file from one that cannot be seen."""
    if inputs.folder.is_unknown(link.place):
        return At.UNKNOWN
    occupant = inputs.folder.occupied.get(link.place.key)
    if occupant in (Occupant.SYMLINK, Occupant.SPECIAL):
        return At.UNKNOWN
    above = [inputs.folder.occupied.get(folder) for folder in link.place.ancestors()]
    if Occupant.SYMLINK in above:
        return At.UNKNOWN
    return At.ASLEEP if inputs.policy.ignored(link.place) else At.GONE


def _is_anothers(group: _Group, attached: Container[str], arrived: Container[str]) -> bool:
    """Whether the file at a group's path is another link's, and no edit of this one's.

    Links of one path that disagree in the checksum shared an edited file, and a pass broke off between them: that
    is an edit. A link whose file was accepted as gone has none to be edited.
    """
    key = group.link.place.key
    return key in arrived or (group.link.detached is Detached.FILE_GONE and key in attached)


def _absent(inputs: Inputs, group: _Group, held: Container[str], ahead: Container[str]) -> list[Located]:
    """A group without a file: gone, except for objects that are known to have another file by now.

    Args:
        inputs: the inputs.
        group: its links.
        held: keys of the files that other links have.
        ahead: keys of the files whose objects wait for the name: they are no other's.
    """
    gone: list[Link] = []
    found: list[Located] = []
    for link in group.links:
        file = _named_file(inputs, link) or _desktops_file(inputs, link, held)
        if file is None or file.path.key in ahead:
            gone.append(link)
        else:
            found.append(Located((link,), At.MOVED, file))
    if gone:
        found.append(Located(tuple(gone), At.GONE, None))
    return found


def _edited_or_followed(
    inputs: Inputs,
    group: _Group,
    file: FolderFile,
    taken: Sequence[Container[str]],
    arrived: set[str],
) -> Located:
    """Another content is at a group's path: an edit, unless the file is where Gramps Web has its object by now.

    Then both sides moved it alike, and what took its old name is new: an edit would go to the object that left.
    """
    named = {
        there.path.key: there for link in group.links if (there := _named_file(inputs, link)) is not None
    }
    if len(group.links) == len(named) == 1:
        [(key, there)] = named.items()
        if key not in arrived and not any(key in others for others in taken):
            arrived.add(key)
            return Located(group.links, At.MOVED, there)
    return Located(group.links, At.EDITED, file)


def _sleepers(inputs: Inputs, groups: Sequence[_Group], taken: set[str]) -> Iterable[Located]:
    """Links whose path is ignored. Only the very same file elsewhere says that somebody moved it out: a copy does not."""
    for group in groups:
        link = group.link
        out = [
            file
            for file in inputs.files_by_checksum.get(link.checksum, ())
            if link.inode and file.stamp.inode == link.inode and file.path.key not in taken
        ]
        if len(out) == 1 and len(group.links) == 1 and link.detached is None:
            taken.add(out[0].path.key)
            yield Located(group.links, At.MOVED, out[0])
        else:
            yield Located(group.links, At.ASLEEP, None)


def _named_file(inputs: Inputs, link: Link) -> FolderFile | None:
    """The file that a link's object was renamed to, where it has the link's content."""
    item = inputs.catalog.objects.get(link.handle)
    if item is None or item.path == link.named or link.detached is not None:
        return None
    target = inputs.target(item.path)
    file = inputs.folder.at(target) if isinstance(target, MediaPath) else None
    return file if file is not None and file.checksum == link.checksum == item.digest else None


def _desktops_file(inputs: Inputs, link: Link, held: Container[str]) -> FolderFile | None:
    """The file that Gramps Desktop names for a link's object, where nothing else has it: moved, and perhaps edited."""
    key = inputs.desktop_keys.get(link.handle)
    if key is None or key in held or link.detached is not None or link.handle not in inputs.catalog.objects:
        return None
    return inputs.folder.files.get(key) if key not in inputs.unlinked_by_path else None


def _match(
    inputs: Inputs, settled: set[str], edited: Sequence[_Group], vacated: Sequence[_Group]
) -> dict[int, FolderFile]:
    """Pair displaced groups with the files that have their content now, by `id(group)`."""
    moved: dict[int, FolderFile] = {}
    taken: set[str] = set(settled)
    displaced: dict[str, list[_Group]] = {}
    for group in edited:
        displaced.setdefault(group.link.place.key, []).append(group)
    # A path that another link holds by right was left by all others, if their content is elsewhere.
    ousted = [group for key in settled.intersection(displaced) for group in displaced.pop(key)]
    for start in (vacated, ousted):
        waiting = list(start)
        while waiting:
            batch, waiting = waiting, []
            for checksum, groups in _by_checksum(batch):
                arrivals = [
                    file for file in inputs.files_by_checksum.get(checksum, ()) if file.path.key not in taken
                ]
                for group, file in _pair(inputs, groups, arrivals):
                    moved[id(group)] = file
                    taken.add(file.path.key)
                    waiting.extend(displaced.pop(file.path.key, []))
    _match_circles({key: groups[0] for key, groups in displaced.items() if len(groups) == 1}, moved)
    return moved


def _undo_replacements(
    inputs: Inputs, edited: Sequence[_Group], vacated: Sequence[_Group], moved: dict[int, FolderFile]
) -> None:
    """A file put over another one replaces it: an edit of the other's object, which keeps all that refers to it.

    By content alone it would be a move, and the object of the file that was overwritten would be deleted. So says who
    settles a conflict by moving the copy over the original, or puts a better scan in the place of a portrait. Only where
    the overwritten file is part of a longer shift (numbers that close a gap) are all of them moves.
    """
    movers = {moved[id(group)].path.key: group for group in vacated if id(group) in moved}
    for group in edited:
        mover = movers.get(group.link.place.key)
        if mover is None or id(group) in moved or id(mover) not in moved:
            continue
        if any(link.detached is None and link.handle in inputs.catalog.objects for link in group.links):
            del moved[id(mover)]


def _by_checksum(groups: Iterable[_Group]) -> list[tuple[Checksum, list[_Group]]]:
    """Groups by content, in path order; links that have an object come before detached ones."""
    sorted_groups: dict[Checksum, list[_Group]] = {}
    for group in sorted(groups, key=lambda group: (group.link.detached is not None, group.link.place.key)):
        sorted_groups.setdefault(group.link.checksum, []).append(group)
    return list(sorted_groups.items())


def _pair(
    inputs: Inputs, groups: Sequence[_Group], arrivals: Sequence[FolderFile]
) -> list[tuple[_Group, FolderFile]]:
    """Pair groups and files of one content: the same inode, the object's new name, in Gramps Web or in Gramps
    Desktop, the same base name.

    What is left pairs in order, unless more files are left than groups: then somebody copied; which one is the
    original cannot be told, so none is.
    """
    pairs: list[tuple[_Group, FolderFile]] = []
    waiting, free = dict.fromkeys(groups), {file.path.key: file for file in arrivals}
    if not free:
        return pairs

    def match(
        of_link: Callable[[Link], int | str | None], of_file: Callable[[FolderFile], int | str]
    ) -> None:
        by_trait: dict[int | str, dict[str, FolderFile]] = {}
        for key, file in free.items():
            by_trait.setdefault(of_file(file), {})[key] = file
        for group in list(waiting):
            trait = of_link(group.link)
            alike = by_trait.get(trait, {}) if trait else {}
            if len(alike) == 1 or (alike and len(waiting) >= len(free)):
                key, file = next(iter(alike.items()))
                pairs.append((group, file))
                del waiting[group], free[key], alike[key]

    match(lambda link: link.inode, lambda file: file.stamp.inode)
    match(lambda link: _renamed_to(inputs, link), lambda file: file.path.key)
    match(lambda link: inputs.desktop_keys.get(link.handle), lambda file: file.path.key)
    match(lambda link: _base(link.place), lambda file: _base(file.path))
    if len(free) <= len(waiting):
        pairs.extend(zip(waiting, free.values(), strict=False))
    return pairs


def _renamed_to(inputs: Inputs, link: Link) -> str | None:
    """The key of the path that a link's object has now, where that changed."""
    item = inputs.catalog.objects.get(link.handle)
    target = inputs.target(item.path) if item is not None and item.path != link.named else None
    return target.key if isinstance(target, MediaPath) else None


def _base(path: MediaPath) -> str:
    return path.key.rpartition("/")[2]


def _match_circles(displaced: Mapping[str, _Group], moved: dict[int, FolderFile]) -> None:
    """Recognise files that changed places among themselves: every path still has a file, each another's."""
    by_content: dict[Checksum, list[FolderFile]] = {}
    by_inode: dict[tuple[Checksum, int], list[FolderFile]] = {}
    for group in displaced.values():
        if group.file is not None:
            by_content.setdefault(group.file.checksum, []).append(group.file)
            by_inode.setdefault((group.file.checksum, group.file.stamp.inode), []).append(group.file)
    went: dict[str, FolderFile] = {}
    for key, group in displaced.items():
        link = group.link
        there = (by_inode.get((link.checksum, link.inode)) if link.inode else None) or by_content.get(
            link.checksum, []
        )
        if len(there) == 1:
            went[key] = there[0]
    walked: set[str] = set()
    for start in went:
        trail: dict[str, None] = {}
        key = start
        while key in went and key not in walked:
            walked.add(key)
            trail[key] = None
            key = went[key].path.key
        if key in trail:
            circle = list(trail)
            for member in circle[circle.index(key) :]:
                moved[id(displaced[member])] = went[member]
