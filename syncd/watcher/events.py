"""What the kernel's events mean for the media folder.

Built on watchdog's `InotifyFD`, which reads the events in a thread of its own, and its `WatchCallback`, which is called
for each. Events come in the order in which things happened, but later: what they tell of may be gone or replaced by now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent

from syncd.ignore import IGNORE_FILE
from syncd.logger import Logger
from syncd.model.paths import INTERNAL_NAME
from syncd.watcher.pending import Carried
from syncd.watcher.tree import Folder, News, Tree, key_of

log = Logger(__name__)

_IN = InotifyConstants

_COMES_OR_GOES = _IN.IN_CREATE | _IN.IN_DELETE | _IN.IN_MOVED_FROM | _IN.IN_MOVED_TO


@dataclass(slots=True)
class _Leaving:
    """Something was moved away; perhaps the next event says where to."""

    cookie: int
    folder: Folder | None
    carried: Carried


class Folders(Tree):
    """Watches everything below a folder; a `WatchCallback` of watchdog. Made as `Tree` is."""

    def __init__(self, root: str, ignored: Callable[[str, bool], bool], news: News) -> None:
        super().__init__(root, ignored, news)
        self._leaving: _Leaving | None = None
        self._doubtful = False
        self._to_explore: list[Folder] = []

    def calm(self) -> None:
        """What was moved away, and has not appeared elsewhere by now, was moved out."""
        if self._leaving is not None:
            with self._lock:
                self._moved_out()
            self._explore_new()

    def renew(self) -> None:
        """After lost events: watch what is there now. To be called before everything is looked at."""
        with self._lock:
            doubtful, self._doubtful = self._doubtful, False
        if doubtful:
            self._explore(self._top, is_new=False)

    def on_event(self, event: InotifyEvent) -> None:
        """Take in one event; called by watchdog."""
        try:
            with self._lock:
                for folder in tuple(self._by_wd.get(event.wd, ())):
                    if not self._is_over:
                        self._take(folder, event)
            self._explore_new()
        except Exception:
            log.exception("an event of the media folder was not understood")
            self._doubt("an event was not understood")

    def _explore_new(self) -> None:
        if not self._to_explore:
            return
        with self._lock:
            folders, self._to_explore = self._to_explore, []
        for folder in folders:
            self._explore(folder, is_new=True)
            # Whoever looks at it from now on sees it with all folders in it watched.
            self._news.touched(folder.path, writing=False, folder=True)

    def on_queue_overflow(self) -> None:
        """Events were dropped by the kernel: nothing is known for sure; called by watchdog."""
        with self._lock:
            if self._is_over:
                return
            self._moved_out()
            self._doubt("more changed at once than the system could tell")

    def _doubt(self, reason: str) -> None:
        self._doubtful = True
        self._news.everything(reason, at_once=False)

    # --- with the lock held ---------------------------------------------------------------------------------------

    def _take(self, folder: Folder, event: InotifyEvent) -> None:
        mask, name = event.mask, os.fsdecode(event.name)
        leaving = self._leaving
        if leaving is not None and not (mask & _IN.IN_MOVED_TO and event.cookie == leaving.cookie):
            self._moved_out()
            leaving = None
        if folder.gone:  # with what was moved out
            return
        if not name:
            self._take_own(folder, mask)
            return
        path = folder.path_of(name)
        is_folder = bool(mask & _IN.IN_ISDIR)
        counts = False
        if name == INTERNAL_NAME:
            if folder is not self._top and mask & _COMES_OR_GOES:
                self._tell_inner(folder)
        elif path == IGNORE_FILE:
            self._news.everything("the list of ignored names changed", at_once=False)
        else:
            counts = not self._ignored(key_of(path), is_folder)
        if not counts:
            self._moved_out()  # if it was: to a name that does not count
        elif mask & _IN.IN_MOVED_TO:
            self._arrived(folder, name, leaving, is_folder=is_folder)
        elif is_folder:
            self._take_folder(folder, name, event)
        else:
            self._take_file(path, event)

    def _take_file(self, path: str, event: InotifyEvent) -> None:
        mask = event.mask
        if mask & _IN.IN_MOVED_FROM:
            self._leaving = _Leaving(event.cookie, None, self._news.left(path, folder=False))
            return
        writing: bool | None = bool(mask & _IN.IN_MODIFY)
        if mask & _IN.IN_ATTRIB:
            writing = None
        elif mask & _IN.IN_CREATE:
            writing = self._is_begun(path)
        self._news.touched(path, writing=writing, folder=False)

    def _take_folder(self, above: Folder, name: str, event: InotifyEvent) -> None:
        mask, path = event.mask, above.path_of(name)
        if mask & _IN.IN_MOVED_FROM:
            carried = self._news.left(path, folder=True)
            self._leaving = _Leaving(event.cookie, above.inside.pop(name, None), carried)
        elif mask & _IN.IN_ATTRIB:
            # Its rights or times; what matters is whether it could not be read until now.
            if name not in above.inside:
                self._welcome(above, name)
        elif mask & _IN.IN_CREATE:
            self._welcome(above, name)
            self._news.touched(path, writing=False, folder=True)
        elif mask & _IN.IN_DELETE:
            self._drop(above.inside.pop(name, None))
            self._news.touched(path, writing=False, folder=True)

    def _welcome(self, above: Folder, name: str) -> None:
        """A folder is here, and perhaps new."""
        fresh = self._appeared(above, name)
        if fresh is not None:
            self._to_explore.append(fresh)

    def _arrived(self, above: Folder, name: str, leaving: _Leaving | None, *, is_folder: bool) -> None:
        """Something was renamed to this, or moved in."""
        self._leaving = None
        if is_folder:
            known = None if leaving is None else leaving.folder
            self._appeared(above, name, known)
            here = above.inside.get(name)
            if here is not None:
                # What happened in it between the renaming and this event was looked for under its old name, in vain.
                self._to_explore.append(here)
            if known is not None and known is not here:
                self._left(known)
        carried = {} if leaving is None else leaving.carried
        self._news.arrived(above.path_of(name), carried, folder=is_folder)

    def _moved_out(self) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None and leaving.folder is not None:
            self._left(leaving.folder)

    def _left(self, folder: Folder) -> None:
        """A folder is no longer where it was; if two have changed places, there is another one."""
        self._drop(folder)
        if folder.above is not None and not folder.above.gone:
            self._welcome(folder.above, folder.name)

    def _take_own(self, folder: Folder, mask: int) -> None:
        """An event of a folder itself."""
        if mask & _IN.IN_UNMOUNT:
            if folder is self._top:
                self._lose("the disk of the media folder was unmounted")
            else:
                self._news.everything("a disk was unmounted", at_once=True)
        elif folder is self._top and mask & _IN.IN_DELETE_SELF:
            self._lose("the media folder was deleted")
        elif folder is self._top and mask & _IN.IN_MOVE_SELF:
            self._lose("the media folder was moved or renamed")

    def _is_begun(self, path: str) -> bool:
        """Whether a file that has just appeared is being made, rather than a link to one that was finished.

        Of a file with content either an event of its writing follows, or it got another name (as `ln` does).
        """
        try:
            status = os.lstat(f"{self._root}/{path}")
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0 and status.st_nlink == 1
