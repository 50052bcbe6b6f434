"""The media folder's watcher: file system events become "these paths may have changed", never more than a hint.

How it is built, and why so:

- *On the lower of watchdog's two layers.* `InotifyFD` reads the kernel's events in one thread and calls back; which
  folders are watched is kept in `folders.py`. The upper layer (`Observer`) does not tell of folders that it could not
  watch, takes watches for ignored folders, keeps those of folders that were moved out, hides that a disk was
  unmounted, holds every rename back for half a second, and queues events without bound.
- *Where the kernel does not tell* (network file systems, watches used up, `watch = "poll"`), a scan is demanded at
  intervals. watchdog's `PollingObserver` would keep two `stat` results of every file: 190 MB for 100,000 files while it
  compares, and a look at all of them that costs twice what the daemon's own walk costs, which compares them with the stat
  cache and must be made anyway.
- *Bounded.* Nothing is queued but by the kernel. More than `pending.MOST` changed paths become one scan.
- *Nothing wakes up* while nothing happens: one thread, which sleeps in `poll` without an end.

Lost events, lost watches, folders moved in or out, other disks: whatever cannot be told path by path is told as a scan.

RACE: a file in a folder that is new is not known to be open when it was opened before the folder was watched, and its
writer then pauses for longer than `settle`. It is handed over half-written, and once more when the writer goes on.

RACE: a program that takes longer than `settle` between making `.syncd` below the top and the marker in it has its media
folder within ours noticed at the next full check.
"""

from syncd.watcher.health import Health
from syncd.watcher.pending import Hint
from syncd.watcher.watcher import Watcher

__all__ = ["Health", "Hint", "Watcher"]
