"""The folders that the kernel watches for us: a tree, each with the number of its watch.

A folder that appears is watched before it is listed, so nothing in it is missed; one that leaves loses its watches. What
is on disk may be newer than the event that led here, so the kernel is asked: watching a folder that is watched already
gives the number that it has.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import threading
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from syncd.model.paths import INTERNAL_NAME
from syncd.watcher.pending import Carried

_IN = InotifyConstants

CHANGES = Mask(
    _IN.IN_CREATE
    | _IN.IN_DELETE
    | _IN.IN_MOVED_FROM
    | _IN.IN_MOVED_TO
    | _IN.IN_MODIFY
    | _IN.IN_CLOSE_WRITE
    | _IN.IN_ATTRIB
    | _IN.IN_ONLYDIR
    | _IN.IN_DONT_FOLLOW
    | _IN.IN_EXCL_UNLINK
)
"""Changes only: that a file is opened and read, by our own scanner above all, is no event and costs nothing."""

_TOP = Mask(CHANGES | _IN.IN_DELETE_SELF | _IN.IN_MOVE_SELF)

_NOT_THERE = frozenset([errno.ENOENT, errno.ENOTDIR, errno.ELOOP])

_NOT_READABLE = WatchDescriptor(-1)
"""So watchdog says that a folder may not be read."""


class News(Protocol):
    """Whom the events are told. It must not wait for anything."""

    def touched(self, path: str, *, writing: bool | None, folder: bool) -> None:
        """As `Pending.touched`."""

    def left(self, path: str, *, folder: bool) -> Carried:
        """As `Pending.left`."""

    def arrived(self, path: str, carried: Carried, *, folder: bool) -> None:
        """As `Pending.arrived`."""

    def everything(self, reason: str, *, at_once: bool) -> None:
        """As `Pending.everything`."""


@dataclass(slots=True, eq=False)
class Folder:
    """A folder that is, or should be, watched.

    Args:
        name: as on disk; `""` at the top.
        wd: the number of its watch; None when it could not be had.
        ident: by which watchdog knows whose the watch is.
        gone: it is no longer part of the tree.
    """

    name: str
    above: Folder | None
    ident: CallbackId
    wd: WatchDescriptor | None = None
    inside: dict[str, Folder] = field(default_factory=dict)
    gone: bool = False

    @property
    def path(self) -> str:
        """Relative to the media folder."""
        return "" if self.above is None else self.above.path_of(self.name)

    def path_of(self, name: str) -> str:
        """The path of an entry."""
        path = self.path
        return f"{path}/{name}" if path else name


class _Inotify(InotifyFD):
    """Also where it is stopped before its thread has read for the first time, it closes its descriptors.

    watchdog 7.1 believes from the start that somebody is reading, and leaves them to that reader.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_reading = False


class Tree:
    """Keeps the watches; what the events mean is `events.py`.

    Args:
        root: the real path of the media folder.
        ignored: whether a relative path (NFC; whether it is a folder) is out of scope.
        news: whom the changes are told.

    Raises (when made):
        OSError: the system gives no instance of inotify.
    """

    def __init__(self, root: str, ignored: Callable[[str, bool], bool], news: News) -> None:
        # What it says of lost events is told by us, in plain words.
        logging.getLogger("watchdog").setLevel(logging.ERROR)
        self.watched = 0
        self.unwatched = 0
        self.error: int | None = None
        """The error because of which folders are not watched."""
        self.lost: str | None = None
        """Why nothing is heard any more: what became of the media folder."""
        self._root = root
        self._ignored = ignored
        self._news = news
        self._idents = itertools.count(1)
        self._lock = threading.RLock()
        self._by_wd: dict[WatchDescriptor, list[Folder]] = {}
        self._begun = False
        self._closed = False
        self._inotify = _Inotify()
        self._inotify.name = "watcher"
        self._top = Folder("", None, self._ident())

    def begin(self) -> None:
        """Watch everything.

        Raises:
            OSError: the media folder may not be read, or there is no watch for it.
        """
        self._inotify.start()
        there = self._watch(self._top, _TOP)
        if self._closed:
            return
        if self._top.wd is None:
            number = self.error if there and self.error else errno.EACCES
            raise OSError(number, os.strerror(number))
        self._explore(self._top, is_new=False)
        self._begun = True

    @property
    def is_alive(self) -> bool:
        """Whether somebody listens."""
        return self._inotify.is_alive()

    def close(self) -> None:
        """Let go of all watches, and end the thread within a second."""
        self._closed = True
        with self._lock:  # from here on nobody adds a watch
            self._inotify.stop()
        if threading.current_thread() is not self._inotify:
            self._inotify.join(1.0)

    def compare(self, keys: Collection[str]) -> None:
        """Check the watches against the folders that a walk found, and tell of those that were not watched.

        Each folder is asked for anew, so that a watch that was lost in any way comes back, and one that could not be had
        is tried again.

        Args:
            keys: the relative paths of all folders but the ignored ones, in NFC.
        """
        if not self.unwatched:
            self.error = None
        known: dict[str, Folder] = {"": self._top}
        used_up = False
        for folder in self._all():
            with self._lock:
                if self._is_over:
                    return
                if folder.gone or folder.above is None:
                    continue
                key = key_of(folder.path)
                if key not in keys and self._ignored(key, True):
                    self._drop(folder.above.inside.pop(folder.name, None))
                    continue
                if used_up and folder.wd is None and key in keys:
                    known[key] = folder
                    continue
                fresh = self._appeared(folder.above, folder.name)
                known[key] = fresh or folder
                used_up = used_up or known[key].wd is None
            if fresh is not None:
                self._explore(fresh, is_new=True)
                self._tell_if_watched(fresh)
        self._add_missing(keys, known)

    def _add_missing(self, keys: Collection[str], known: dict[str, Folder]) -> None:
        """Watch the folders that are not in the tree at all, below the nearest ones that are."""
        nearest: dict[Folder, None] = {}
        for key in sorted(keys):
            above = key
            while above not in known:
                above = above.rpartition("/")[0]
            if above != key:
                nearest[known[above]] = None
        for folder in nearest:
            for found in self._explore(folder, is_new=False):
                self._tell_if_watched(found)

    def _tell_if_watched(self, folder: Folder) -> None:
        with self._lock:
            if folder.wd is not None:
                self._news.touched(folder.path, writing=False, folder=True)

    def on_event(self, event: InotifyEvent) -> None:
        """Take in one event; called by watchdog."""
        raise NotImplementedError

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """A watch ended: its folder was deleted, or its disk unmounted; called by watchdog."""
        with self._lock:
            for folder in self._by_wd.pop(wd, []):
                folder.wd = None
                self.watched -= 1
                self.unwatched += 1
                if self._is_over or folder.gone:
                    continue
                if folder.above is None:
                    self._lose("the media folder is no longer watched")
                    continue
                path = folder.path
                if folder.above.inside.get(folder.name) is folder:
                    del folder.above.inside[folder.name]
                self._drop(folder)
                self._news.touched(path, writing=False, folder=True)

    def on_queue_overflow(self) -> None:
        """Events were dropped by the kernel; called by watchdog."""
        raise NotImplementedError

    @property
    def _is_over(self) -> bool:
        return self._closed or self.lost is not None

    def _lose(self, reason: str) -> None:
        self.lost = reason
        self._news.everything(reason, at_once=True)

    def _tell_inner(self, folder: Folder) -> None:
        """Whoever begins to watch looks at everything anyway, and sees the media folders inside."""
        if self._begun:
            self._news.everything(
                f"a media folder of its own came or went: {shown(folder.path)}", at_once=False
            )

    # --- the tree; with the lock held -----------------------------------------------------------------------------

    def _ident(self) -> CallbackId:
        return CallbackId(next(self._idents))

    def _appeared(self, above: Folder, name: str, known: Folder | None = None) -> Folder | None:
        """See that the folder of this name is watched, as part of the tree.

        Args:
            above: the folder that it is in.
            name: its name.
            known: that which it may be; else the one that has its place in the tree.

        Returns:
            The folder, if it was not watched until now (and could not be, when its `wd` is None); it is to be explored.
        """
        fresh = Folder(name, above, self._ident())
        there = self._watch(fresh)
        placed = above.inside.get(name)
        known = placed if known is None else known
        if known is not None and there and known.wd == fresh.wd:
            if placed is not known:
                self._drop(placed)
            self._drop(fresh)
            known.name, known.above = name, above
            above.inside[name] = known
            return None
        self._drop(above.inside.pop(name, None))
        if not there:
            return None
        above.inside[name] = fresh
        return fresh

    def _explore(self, start: Folder, *, is_new: bool) -> list[Folder]:
        """Bring the tree below a folder in line with the disk; takes the lock for one folder at a time.

        Args:
            start: the folder.
            is_new: whether it was not watched until now.

        Returns:
            The folders that were not watched until now, without those below them.
        """
        found: list[Folder] = []
        stack = [(start, is_new)]
        while stack:
            at, at_is_new = stack.pop()
            with self._lock:
                if self._is_over:
                    break
                names = None if at.gone else self._names_in(at, is_new=at_is_new)
                if names is None:
                    continue
                for name in at.inside.keys() - names:
                    self._drop(at.inside.pop(name))
                for name in names:
                    fresh = self._appeared(at, name)
                    if fresh is not None and not at_is_new:
                        found.append(fresh)
                    if name in at.inside:
                        stack.append((at.inside[name], at_is_new or fresh is not None))
        return found

    def _names_in(self, at: Folder, *, is_new: bool) -> set[str] | None:
        """The names of the folders in a folder that count; None when it is gone or not readable, which others tell."""
        names: set[str] = set()
        try:
            with os.scandir(f"{self._root}/{at.path}") as listing:
                for entry in listing:
                    if not entry.is_dir(follow_symlinks=False):
                        continue
                    if entry.name == INTERNAL_NAME:
                        if is_new:
                            self._tell_inner(at)
                    elif not self._ignored(key_of(at.path_of(entry.name)), True):
                        names.add(entry.name)
        except OSError:
            return None
        return names

    def _watch(self, folder: Folder, mask: Mask = CHANGES) -> bool:
        """Ask for a folder's watch; False when it is not there or may not be read."""
        if self._closed:
            return False
        path = os.fsencode(f"{self._root}/{folder.path}" if folder.above is not None else self._root)
        try:
            wd = self._inotify.add_callback(path, mask, self, folder.ident)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return False
            self.error = error.errno
            self.unwatched += 1
            return True
        if wd == _NOT_READABLE:
            self._inotify.remove_callbacks([(wd, folder.ident)])
            return False
        folder.wd = wd
        self._by_wd.setdefault(wd, []).append(folder)
        self.watched += 1
        return True

    def _drop(self, folder: Folder | None) -> None:
        """Give back the watches of a folder, and of all below it, that has left the tree."""
        stack = [] if folder is None else [folder]
        watches: list[tuple[WatchDescriptor, CallbackId]] = []
        while stack:
            at = stack.pop()
            if at.gone:
                continue
            at.gone = True
            stack += at.inside.values()
            at.inside = {}
            if at.wd is None:
                self.unwatched -= 1
                continue
            self.watched -= 1
            watches.append((at.wd, at.ident))
            sharing = self._by_wd[at.wd]
            sharing.remove(at)
            if not sharing:
                del self._by_wd[at.wd]
            at.wd = None
        if watches and not self._closed:
            self._inotify.remove_callbacks(watches)

    def _all(self) -> list[Folder]:
        """Every folder of the tree, those above before those inside."""
        with self._lock:
            folders = [self._top]
            for folder in folders:
                folders += folder.inside.values()
        return folders


def key_of(path: str) -> str:
    """The NFC form."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def shown(path: str) -> str:
    """A path for the log, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="replace")
