"""The disks: names, contents, what people do with them, and what is left of both when the power fails."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from sim.posix.inode import FIRST_DESCRIPTOR, Change, Descriptor, Inode, failure

ROOT = "/sim"
"""Everything below it is in memory."""
TICK_NS = 4_000_000
"""How often the kernel's clock for files goes on."""

_NUMBERS = count(FIRST_DESCRIPTOR)
"""Of descriptors; none is given twice. What is left of a process that was killed is collected at some time, and closes what
it had open: that must be no file of another process, nor of a later world."""

Hook = Callable[[str, str], None]
"""Called before each system call with its name and the path it is about; may raise, or let other people work."""


class Tree:
    """All that stands below `/sim/`.

    Args:
        choices: decides in which order folders are listed, and what a power failure leaves.
        now_ns: the time.
        hook: told of each call of the engine.
    """

    def __init__(self, choices: random.Random, now_ns: Callable[[], int], hook: Hook) -> None:
        self._choices = choices
        self._now_ns = now_ns
        self._hook = hook
        self._numbers = 1000
        self._free_numbers: list[int] = []
        self._open: dict[int, Descriptor] = {}
        self._first = next(_NUMBERS)
        self._dead: set[int] = set()
        """Descriptors that went with their process."""
        self._unsynced: list[Change] = []
        self.owner = ""
        self.free = 1 << 30
        """Bytes that may still be written."""
        self.quiet = 0
        """More than 0: a person or the judge is at work; nobody is told of the calls."""
        self.exchange = True
        """Whether there are renames with flags."""
        self.steady = False
        """Whether a folder that nobody changed is listed in the same order again."""
        self.root = self._new(stat.S_IFDIR, 0o755, 1)

    # --- people, and those who judge ------------------------------------------------------------------------------

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """What is done now is no call of the engine. People's work is on the disk, and all names given before it, too."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1
            self._unsynced.clear()

    def files(self, top: str) -> dict[str, bytes]:
        """All regular files below a folder: path relative to it → content."""
        found: dict[str, bytes] = {}
        stack = [("", self._at(top))]
        while stack:
            rel, folder = stack.pop()
            for name, inode in folder.entries.items():
                path = f"{rel}{name}"
                if inode.is_folder:
                    stack.append((f"{path}/", inode))
                elif inode.kind == stat.S_IFREG:
                    found[path] = bytes(inode.content)
        return dict(sorted(found.items()))

    def write_file(self, path: str, content: bytes, *, in_place: bool = False) -> None:
        """A person writes a file: into the old one, or a new one in its place."""
        folder, name = self._parent(path, make=True)
        standing = folder.entries.get(name)
        if standing is not None and in_place:
            standing.content[:] = content
            standing.durable = content
            self._touch(standing)
            return
        inode = self._new(stat.S_IFREG, 0o644, folder.device)
        inode.content[:] = content
        inode.durable = content
        self._set(folder, name, inode)

    def move(self, path: str, to: str) -> None:
        """A person moves a file or a folder, over what stands there."""
        folder, name = self._parent(path)
        inode = folder.entries[name]
        target, new = self._parent(to, make=True)
        self._set(folder, name, None, keep=True)
        self._set(target, new, inode)

    def swap(self, one: str, other: str) -> None:
        """Two files change places."""
        first, a = self._parent(one)
        second, b = self._parent(other)
        first.entries[a], second.entries[b] = second.entries[b], first.entries[a]
        self._touch(first.entries[a], content=False)
        self._touch(second.entries[b], content=False)

    def remove(self, path: str) -> None:
        """A person deletes a file, or a folder with all that is in it."""
        folder, name = self._parent(path)
        self._set(folder, name, None)

    def exists(self, path: str) -> bool:
        """Whether anything stands there."""
        try:
            folder, name = self._parent(path)
        except OSError:
            return False
        return name in folder.entries

    def is_folder(self, path: str) -> bool:
        """Whether a folder stands there."""
        try:
            return self._at(path).is_folder
        except OSError:
            return False

    def make_folders(self, path: str, device: int | None = None) -> None:
        """Make a folder and those above it."""
        folder, name = self._parent(path, make=True)
        if name not in folder.entries:
            self._set(folder, name, self._new(stat.S_IFDIR, 0o755, device or folder.device))

    def detach(self, path: str) -> Inode:
        """Take a folder away, to be put back later: a disk that is unmounted."""
        folder, name = self._parent(path)
        return folder.entries.pop(name)

    def attach(self, path: str, inode: Inode) -> Inode | None:
        """Put it there again; returns what stood there meanwhile."""
        folder, name = self._parent(path)
        before = folder.entries.get(name)
        folder.entries[name] = inode
        return before

    def copy_tree(self, inode: Inode) -> Inode:
        """A copy of a folder, as a backup program makes it."""
        copy = self._new(inode.kind, inode.mode, inode.device)
        copy.content[:] = inode.content
        copy.target = inode.target
        for name, below in inode.entries.items():
            copy.entries[name] = self.copy_tree(below)
            copy.entries[name].links = 1
        return copy

    def at(self, path: str) -> Inode:
        """What stands at a path."""
        return self._at(path)

    # --- how a process, or the machine, ends ------------------------------------------------------------------------

    def process_ended(self, owner: str) -> None:
        """All that a process had open is closed, its locks are gone."""
        for number in [number for number, one in self._open.items() if one.owner == owner]:
            self._drop(number)
            self._dead.add(number)

    def power_failed(self) -> int:
        """What was not synced may be gone; returns how many changes of names are."""
        kept = self._choices.randint(0, len(self._unsynced))
        lost = self._unsynced[kept:]
        for change in reversed(lost):
            if change.before is None:
                change.folder.entries.pop(change.name, None)
            else:
                change.folder.entries[change.name] = change.before
                change.before.links = max(1, change.before.links)  # it is whole again, also a removed folder
                if change.before.number in self._free_numbers:
                    self._free_numbers.remove(change.before.number)
        self._unsynced.clear()
        for inode in self._all_files():
            if inode.durable is not None and bytes(inode.content) != inode.durable:
                inode.content[:] = self._choices.choice(
                    [inode.durable, bytes(inode.content), bytes(len(inode.content))]
                )
                inode.durable = bytes(inode.content)
        return len(lost)

    def synced(self) -> None:
        """Everything is on the disk: what people do is not what is tested."""
        self._unsynced.clear()
        for inode in self._all_files():
            inode.durable = bytes(inode.content)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _all_files(self) -> Iterator[Inode]:
        """Everything that is no folder."""
        stack = [self.root]
        while stack:
            for inode in stack.pop().entries.values():
                if inode.is_folder:
                    stack.append(inode)
                else:
                    yield inode

    def _new(self, kind: int, mode: int, device: int) -> Inode:
        if self._free_numbers:
            number = self._free_numbers.pop()
        else:
            self._numbers += 1
            number = self._numbers
        now = self._now()
        return Inode(number, kind, mode, device, now, now)

    def _now(self) -> int:
        now = self._now_ns()
        return now - now % TICK_NS + 1

    def _touch(self, inode: Inode, *, content: bool = True) -> None:
        inode.ctime_ns = self._now()
        if content:
            inode.mtime_ns = inode.ctime_ns

    def _set(self, folder: Inode, name: str, inode: Inode | None, *, keep: bool = False) -> None:
        """Let a name mean something else; what it meant loses a link (`keep`: it gets another name at once)."""
        before = folder.entries.get(name)
        self._unsynced.append(Change(folder, name, before))
        if inode is None:
            folder.entries.pop(name, None)
        else:
            folder.entries[name] = inode
            inode.links += 0 if before is inode else 1
            self._touch(inode, content=False)
        self._touch(folder)
        if before is not None and before is not inode:
            before.links -= 1
            if before.links == 0 and not keep:
                self._touch(before, content=False)
                self._release(before)

    def _release(self, inode: Inode) -> None:
        if inode.links <= 0 and not inode.open and not inode.is_folder:
            self._free_numbers.append(inode.number)

    def _at(self, path: str) -> Inode:
        folder, name = self._parent(path)
        if not name:
            return folder
        try:
            return folder.entries[name]
        except KeyError:
            raise failure(errno.ENOENT, path) from None

    def _parent(self, path: str, start: Inode | None = None, *, make: bool = False) -> tuple[Inode, str]:
        """The folder that a path's last name is in."""
        if start is None:
            assert path == ROOT or path.startswith(f"{ROOT}/"), path
            path = path.removeprefix(ROOT)
        *above, name = [part for part in path.split("/") if part and part != "."] or [""]
        folder = start or self.root
        for part in above:
            below = folder.entries.get(part)
            if below is None and make:
                below = self._new(stat.S_IFDIR, 0o755, folder.device)
                self._set(folder, part, below)
            if below is None:
                raise failure(errno.ENOENT, path)
            if not below.is_folder:
                raise failure(errno.ENOTDIR, path)
            folder = below
        return folder, name

    def _look_up(self, path: Any, dir_fd: int | None) -> tuple[Inode, str, str]:
        """Folder, name, and the path for the records."""
        text = os.fspath(path)
        if isinstance(text, bytes):
            text = os.fsdecode(text)
        if "\0" in text:
            raise ValueError("embedded null byte")
        if dir_fd is None:
            folder, name = self._parent(text)
            return folder, name, text
        held = self._open[dir_fd]
        if not held.inode.is_folder:
            raise failure(errno.ENOTDIR, text)
        folder, name = self._parent(text, held.inode)
        return folder, name, f"{held.path}/{text}"

    def _found(self, folder: Inode, name: str, path: str) -> Inode:
        if not name:
            return folder
        try:
            return folder.entries[name]
        except KeyError:
            raise failure(errno.ENOENT, path) from None

    def _tell(self, call: str, path: str) -> None:
        if not self.quiet:
            self._hook(call, path)

    def _hold(self, opened: Descriptor) -> int:
        """Give an open file a number."""
        number = next(_NUMBERS)
        opened.inode.open += 1
        self._open[number] = opened
        return number

    def _went_with_its_process(self, number: int) -> bool:
        """Whether whoever had it was killed, here or in a former world."""
        return number < self._first or number in self._dead

    def _drop(self, number: int) -> None:
        held = self._open.pop(number)
        held.inode.open -= 1
        if held.inode.locked_by == number:
            held.inode.locked_by = None
        self._release(held.inode)
