"""What the daemon knows of the watcher: it begins and ends it, asks what is due, and has it check itself."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from syncd.config.settings import Watch
from syncd.watcher.events import Folders
from syncd.watcher.health import Cause, Health, describe
from syncd.watcher.inbox import Inbox
from syncd.watcher.mounts import Mounts, mounts_of
from syncd.watcher.pending import Hint, Pending

SHARE = 20.0
"""Scans at intervals take a twentieth of the time at most."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the media folder leads at one moment; no identity (device, inode) when nothing is there."""

    path: str
    identity: tuple[int, int] | None
    mounts: Mounts = field(default_factory=Mounts)
    reason: str = ""

    @classmethod
    def of(cls, media_dir: Path) -> _Place:
        path = os.path.realpath(media_dir)
        try:
            status = Path(path).stat()
        except OSError as error:
            return cls(path, None, reason=error.strerror or str(error))
        if not stat.S_ISDIR(status.st_mode):
            return cls(path, None, reason="it is no folder")
        return cls(path, (status.st_dev, status.st_ino), mounts_of(path))


class Watcher:
    """Turns changes of the media folder into hints. One thread calls it; `unsettled`, `pending`, `health` and
    `stop` may be called by any.

    Args:
        media_dir: the media folder; may be a link to it.
        settle: seconds without an event after which a path counts as finished.
        mode: whether to ask the kernel, or only to look.
        poll_every: seconds between two scans where the kernel does not tell, at least.
        ignored: whether a relative path (NFC; whether it is a folder) is out of scope.
        wake: called, in any thread, when `due_in` would say something sooner than it last did; must not wait for
            anything.
        clock: steady seconds.
    """

    def __init__(
        self,
        media_dir: Path,
        *,
        settle: float,
        mode: Watch,
        poll_every: float,
        ignored: Callable[[str, bool], bool],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._media_dir = media_dir
        self._mode = mode
        self._poll_every = poll_every
        self._ignored = ignored
        self._clock = clock
        self._inbox = Inbox(Pending(settle), wake, clock)
        self._running = False
        self._place = _Place("", None)
        self._folders: Folders | None = None
        self._cause = Cause.MISSING
        self._detail = "nobody has looked yet"
        self._error: int | None = None
        self._looked = clock()
        self._cost = 0.0

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch. What cannot be watched is told by `health`, and by scans that are demanded."""
        if self._running:
            return
        self._running = True
        self._looked = self._clock()
        self._set_up()

    def stop(self) -> None:
        """End all threads, within a second; may be called at any time, and again."""
        self._running = False
        self._tear_down()

    def _set_up(self) -> None:
        """Watch what is there now."""
        place = self._place = _Place.of(self._media_dir)
        top = place.mounts.top
        self._error = None
        if place.identity is None:
            self._cause, self._detail = Cause.MISSING, place.reason
        elif self._mode is Watch.POLL:
            self._cause, self._detail = Cause.CHOSEN, ""
        elif top is not None and top.is_remote:
            self._cause, self._detail = Cause.REMOTE, top.kind
        else:
            remote = place.mounts.remote_below
            self._cause = Cause.NONE
            self._detail = ", ".join(os.path.relpath(mount.point, place.path) for mount in remote[:3])
            self._watch(place.path)

    def _watch(self, path: str) -> None:
        try:
            self._folders = folders = Folders(path, self._ignored, self._inbox)
            folders.begin()
        except OSError as error:
            self._cause, self._error = Cause.REFUSED, error.errno
            self._tear_down()
        if not self._running:
            self._tear_down()

    def _tear_down(self) -> None:
        folders, self._folders = self._folders, None
        if folders is not None:
            folders.close()

    # --- what has changed -----------------------------------------------------------------------------------------

    def take(self) -> Hint:
        """What has settled by now, and a scan if one is due; it is told once.

        An event that comes after this is a new hint. What is handed over is no longer `unsettled`.
        """
        folders = self._folders
        if folders is not None:
            folders.calm()
        hint = self._inbox.take()
        now, regular = self._clock(), self._next_look()
        if hint.scan is None and regular is not None and regular <= now:
            hint = Hint(hint.paths, self._why_regularly())
        if hint.scan is not None:
            self._looked = now
            if folders is not None:
                folders.renew()
        return hint

    def due_in(self) -> float | None:
        """Seconds until `take` gives something; 0: at once; None: nothing is pending.

        `wake` is called when that becomes sooner, and not again before one of the two was called.
        """
        due = self._inbox.promise(self._next_look())
        return None if due is None else max(0.0, due - self._clock())

    def unsettled(self) -> frozenset[str]:
        """Files, as named on disk, that are being written at this moment."""
        return self._inbox.unsettled()

    def writing(self) -> frozenset[str]:
        """Those of them that somebody has open for writing: the others may be whole, if somebody cannot wait."""
        return self._inbox.writing()

    @property
    def pending(self) -> int:
        """How many paths wait until they have settled; of very many, at least so many."""
        return self._inbox.waiting

    def again(self, paths: Iterable[str], seconds: float) -> None:
        """Hand these over once more after so long."""
        self._inbox.again(paths, seconds)

    def scanned(self, seconds: float) -> None:
        """A scan has ended that took so long: it tells how often there may be one."""
        self._looked = self._clock()
        self._cost = seconds

    def _next_look(self) -> float | None:
        """When everything is to be looked at where the kernel does not tell all; None: it does."""
        every = self._every()
        return None if every is None else self._looked + every

    def _every(self) -> float | None:
        if not self._running:
            return None
        folders = self._folders
        tells = folders is not None and folders.lost is None and folders.is_alive and not folders.unwatched
        if tells and not self._place.mounts.remote_below:
            return None
        return max(self._poll_every, SHARE * self._cost)

    def _why_regularly(self) -> str:
        health = self.health
        if health.kind == "none":
            return "the media folder is not there"
        if health.unwatched:
            return "not every folder can be watched"
        return "others may have changed something"

    # --- how well it is watched -----------------------------------------------------------------------------------

    @property
    def health(self) -> Health:
        """How changes are noticed at this moment."""
        folders = self._folders
        cause, detail, error = self._cause, self._detail, self._error
        watched, unwatched = 0, int(cause is Cause.REFUSED)
        if folders is not None:
            watched, unwatched, error = folders.watched, folders.unwatched, folders.error
            if folders.lost is not None:
                cause, detail, watched, unwatched = Cause.LOST, folders.lost, 0, 0
        return describe(cause, detail, error=error, folders=watched, unwatched=unwatched, every=self._every())

    def check(self) -> None:
        """See whether what is watched is still the media folder; where not, begin anew and demand a scan."""
        if not self._running:
            return
        if self._folders is not None:
            self._folders.calm()
        reason = self._what_became()
        if reason is not None:
            self._tear_down()
            self._set_up()
            self._inbox.everything(reason, at_once=True)

    def _what_became(self) -> str | None:
        """What happened to the media folder that makes the watch useless."""
        place, before, folders = _Place.of(self._media_dir), self._place, self._folders
        if place.identity is None:
            return None if before.identity is None else f"the media folder is not there: {place.reason}"
        if before.identity is None:
            return "the media folder is back"
        if place.identity != before.identity:
            return "another folder is where the media folder was"
        if folders is not None and folders.lost is not None:
            return "the media folder is back"
        if place.path != before.path:
            return "the media folder was moved"
        if place.mounts != before.mounts:
            return "disks were mounted or unmounted"
        if folders is not None and not folders.is_alive:
            return "the watch ended"
        return None

    def compare(self, folders: Collection[str]) -> None:
        """After a walk: check that every folder is watched, and try again those that could not be.

        Args:
            folders: the relative paths in NFC of all folders that were seen, without ignored ones.
        """
        if not self._running:
            return
        watching = self._folders
        if watching is not None:
            watching.compare(folders)
        elif self._cause is Cause.REFUSED:
            self._set_up()
            if self._folders is not None:
                self._inbox.everything("the media folder can be watched again", at_once=True)
