"""What is on a disk after the power failed, worked out from a recording of what a program asked for.

The model is POSIX at its word, and no kinder. A sync of a file saves its bytes, not its name. A sync of a folder saves the
names in it, not the bytes behind them, nor the folder's own name. What was not synced is there or not, each by itself:
bytes without names, names without bytes, one folder's names and not another's.

What a rename or an exchange does in two folders reaches the disk together, or a rename leaves a file under both names. That
is what file systems with a journal do. A strict disk goes further where one of the two is synced: that saves what is in the
one alone, so that a name may be gone from it and the new one in the other lost. No program can rely on less while it works
with several threads, of which one syncs a folder in the midst of another's rename; so strict disks are for runs with one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.calls import Kind
from lab.recording import INDEX, Event, identity
from lab.world import Desktop

_EXCHANGE = 2


@dataclass(eq=False, slots=True)
class Node:
    """A file or a folder.

    Args:
        number: the inode's.
        content: of a file, as programs see it.
        saved: what a sync brought to the disk; empty for what was never synced.
        is_folder: whether it is a folder.
    """

    number: int
    content: bytes = b""
    saved: bytes = b""
    is_folder: bool = False

    @property
    def is_dirty(self) -> bool:
        """Whether bytes may be lost."""
        return self.content != self.saved


@dataclass(eq=False, slots=True)
class Change:
    """A change of names that the disk may not have yet: as a whole or not at all.

    Args:
        names: path and what has it afterwards; None for nothing.
        needs: a change that comes first in any case.
    """

    names: tuple[tuple[str, Node | None], ...]
    needs: Change | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A disk after a power failure.

    Args:
        files: path → bytes.
        folders: the paths of folders.
        inodes: path → the number of the file's inode.
        what: what was lost and what was not, in words.
    """

    files: Mapping[str, bytes]
    folders: frozenset[str]
    inodes: Mapping[str, int]
    what: str

    def below(self, root: str) -> dict[str, bytes]:
        """The files of `media` or `state`, by their path there."""
        start = f"{root}/"
        return {
            path.removeprefix(start): content
            for path, content in self.files.items()
            if path.startswith(start)
        }

    def write(self, roots: Mapping[str, Path]) -> None:
        """Have it on a real disk; the folders are empty before."""
        for path in sorted(self.folders):
            _place(roots, path).mkdir(parents=True, exist_ok=True)
        for path, content in self.files.items():
            _place(roots, path).write_bytes(content)


def _place(roots: Mapping[str, Path], path: str) -> Path:
    root, _, rest = path.partition("/")
    return roots[root] / rest


@dataclass
class Disk:
    """A disk, as programs see it and as it would be after the power failed; events change it."""

    names: dict[str, Node]
    saved: dict[str, Node]
    nodes: dict[int, Node]
    strict: bool = True
    """Whether the sync of one folder promises nothing of another into which, or from which, a file was renamed."""
    pending: list[Change] = field(default_factory=list)

    @classmethod
    def of(cls, desktop: Desktop, *, strict: bool = True) -> Disk:
        """What a desktop has now, all of it synced."""
        names, nodes = {}, {}
        for root, base in (("media", desktop.folder), ("state", desktop.state_dir)):
            for path in [base, *sorted(base.rglob("*"))]:
                content = b"" if path.is_dir() else path.read_bytes()
                node = Node(identity(path.stat()), content, content, path.is_dir())
                names[f"{root}/{path.relative_to(base)}".removesuffix("/.")] = nodes[node.number] = node
        return cls(names, dict(names), nodes, strict)

    def copy(self) -> Disk:
        """Another one that is the same, when nothing is pending."""
        twins = {
            id(node): Node(node.number, node.content, node.saved, node.is_folder)
            for node in self.nodes.values()
        }
        return Disk(
            {path: twins[id(node)] for path, node in self.names.items()},
            {path: twins[id(node)] for path, node in self.saved.items()},
            {number: twins[id(node)] for number, node in self.nodes.items()},
            self.strict,
        )

    def apply(self, event: Event) -> bool:
        """Do what a call did; whether that changed anything."""
        if event.result < 0 or any(path.endswith(INDEX) for path in event.paths):
            return False
        match event.kind:
            case Kind.OPEN:
                return self._open(event)
            case Kind.NAME:
                return self._name(event)
            case Kind.WRITE:
                node = self.nodes[event.inodes[0]]
                end = event.offset + event.result
                before = node.content.ljust(event.offset, b"\0")
                node.content = before[: event.offset] + event.data[: event.result] + before[end:]
            case Kind.SIZE:
                node = self.nodes[event.inodes[0]]
                node.content = node.content[: event.size].ljust(event.size, b"\0")
            case Kind.SHARE:
                self.nodes[event.inodes[0]].content = self.nodes[event.inodes[1]].content
            case Kind.SYNC | Kind.COMMIT:
                self._sync(self.nodes[event.inodes[0]], event.paths[0])
            case _:
                return False
        return True

    def _open(self, event: Event) -> bool:
        (path,), (number,) = event.paths, event.inodes
        if event.made:
            self.nodes[number] = Node(number)
            self._change((path, self.nodes[number]))
        elif event.flags & os.O_TRUNC:
            self.nodes[number].content = b""
        else:
            return False
        return True

    def _name(self, event: Event) -> bool:
        path = event.paths[0]
        if event.call.startswith("mkdir"):
            node = self.nodes[event.inodes[0]] = Node(event.inodes[0], is_folder=True)
            self._change((path, node))
        elif event.call.startswith(("unlink", "rmdir")):
            self._change((path, None))
        elif event.call.startswith("link"):
            self._change((event.paths[1], self.names[path]))
        elif event.flags & _EXCHANGE:
            self._exchange(path, event.paths[1])
        else:
            self._rename(path, event.paths[1])
        return True

    def _exchange(self, path: str, other: str) -> None:
        one, two = self.names[path], self.names[other]
        comes = self._change((other, one))
        comes.needs = self._change((path, two), needs=comes)

    def _rename(self, path: str, to: str) -> None:
        node = self.names[path]
        if _above(path) == _above(to):
            self._change((to, node), (path, None))
            return
        comes = self._change((to, node))
        self._change((path, None), needs=comes)

    def _change(self, *names: tuple[str, Node | None], needs: Change | None = None) -> Change:
        change = Change(names, needs)
        self.pending.append(change)
        _carry_out(self.names, change)
        return change

    def _sync(self, node: Node, path: str) -> None:
        if node.is_folder:
            self._save(
                self._closed(
                    (change for change in self.pending if path in _folders(change)), alone=self.strict
                )
            )
        else:
            node.saved = node.content

    def _save(self, changes: Sequence[Change]) -> None:
        for change in changes:
            _carry_out(self.saved, change)
        self.pending = [change for change in self.pending if change not in changes]

    def _closed(self, some: Iterable[Change], *, alone: bool = False) -> list[Change]:
        """These pending changes and what must come before them, in order.

        Args:
            some: the changes.
            alone: for a sync, which promises nothing of another folder: a name may be gone there, and the new one lost.
        """
        wanted: set[Change] = set()
        open_ones = list(some)
        while open_ones:
            change = open_ones.pop()
            if change in wanted:
                continue
            wanted.add(change)
            if change.needs in self.pending and not alone:
                open_ones.append(change.needs)
            paths = {path for path, _ in change.names}
            earlier = self.pending[: self.pending.index(change)]
            open_ones += [before for before in earlier if paths & {path for path, _ in before.names}]
        return [change for change in self.pending if change in wanted]

    # --- after the power failed -----------------------------------------------------------------------------------

    def images(self) -> Iterator[Image]:
        """What the disk may be: every choice of names with every choice of bytes."""
        for names, what in self._choices_of_names():
            whole = _image(names)
            for content, lost in self._choices_of_bytes(_files(names)):
                yield replace(whole, files=content, what=f"{what}; {lost}")

    def as_it_is(self) -> Image:
        """The disk when the power does not fail."""
        return _image(self.names)

    def _choices_of_names(self) -> Iterator[tuple[dict[str, Node], str]]:
        yield self._with([]), "no name that was not synced"
        if not self.pending:
            return
        yield self._with(self.pending), "all names"
        folders = {folder for change in self.pending for folder in _folders(change)}
        for folder in sorted(folders) if len(folders) > 1 else ():
            inside = self._closed(change for change in self.pending if folder in _folders(change))
            yield self._with(inside), f"of the names not synced those in {folder}"
            outside = self._closed(change for change in self.pending if folder not in _folders(change))
            yield self._with(outside), f"all names but those in {folder}"
        for one in self.pending if len(self.pending) > 1 else ():
            about = " and ".join(path for path, _ in one.names)
            yield self._with(self._closed([one])), f"of the names not synced that of {about}"
            others = (change for change in self.pending if change is not one)
            yield self._with(self._closed(others)), f"all names but that of {about}"

    def _with(self, changes: Iterable[Change]) -> dict[str, Node]:
        names = dict(self.saved)
        for change in changes:
            _carry_out(names, change)
        return {path: node for path, node in names.items() if all(above in names for above in _way(path))}

    def _choices_of_bytes(self, files: Mapping[str, Node]) -> Iterator[tuple[dict[str, bytes], str]]:
        dirty = {path for path, node in files.items() if node.is_dirty}
        yield {path: node.content for path, node in files.items()}, "all bytes"
        if not dirty:
            return
        yield {path: node.saved for path, node in files.items()}, "no bytes that were not synced"
        yield {path: _zeros(node) for path, node in files.items()}, "zeros for bytes that were not synced"
        for one in sorted(dirty) if len(dirty) > 1 else ():
            yield (
                {path: node.saved if path == one else node.content for path, node in files.items()},
                f"no bytes of {one}",
            )
            yield (
                {path: node.content if path == one else node.saved for path, node in files.items()},
                f"bytes of {one} alone",
            )


def _files(names: Mapping[str, Node]) -> dict[str, Node]:
    return {path: node for path, node in names.items() if not node.is_folder}


def _image(names: Mapping[str, Node]) -> Image:
    """A disk with these names on which all bytes are there."""
    files = _files(names)
    return Image(
        {path: node.content for path, node in files.items()},
        frozenset(names.keys() - files.keys()),
        {path: node.number for path, node in files.items()},
        "nothing lost",
    )


def _zeros(node: Node) -> bytes:
    return node.saved[: len(node.content)].ljust(len(node.content), b"\0")


def _carry_out(names: dict[str, Node], change: Change) -> None:
    for path, node in change.names:
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _folders(change: Change) -> set[str]:
    return {_above(path) for path, _ in change.names}


def _way(path: str) -> Iterator[str]:
    while path := _above(path):
        yield path
