"""Which file systems the media folder is made of, and whether the kernel hears of all that happens on them.

The kernel tells only of changes that are made through this machine. On a network file system others make them; in a
virtual machine the host does. A file system in user space (FUSE) may be anything, so all count but those that are known
to be local.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_REMOTE = (
    "9p afs beegfs ceph cifs coda drvfs gfs2 glusterfs gpfs lustre ncp ncpfs nfs nfs3 nfs4 ocfs2 orangefs prl_fs pvfs2 "
    "smb2 smb3 smbfs vboxsf virtiofs vmhgfs"
)
_LOCAL_FUSE = "cryfs encfs exfat fuse-overlayfs gocryptfs mergerfs ntfs ntfs-3g securefs veracrypt"

REMOTE = frozenset(_REMOTE.split())
"""Types of file systems that others change, too."""

LOCAL_FUSE = frozenset(f"fuse.{name}" for name in _LOCAL_FUSE.split())
"""Those in user space that nobody else changes."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system: the kernel's number for the mount, where it is, and its type."""

    number: int
    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether changes may be made that the kernel does not hear of."""
        if self.kind == "fuse" or self.kind.startswith("fuse."):
            return self.kind not in LOCAL_FUSE
        return self.kind in REMOTE


@dataclass(frozen=True, slots=True)
class Mounts:
    """The file system of the media folder, if known, and those mounted below it."""

    top: Mount | None = None
    below: frozenset[Mount] = frozenset()

    @property
    def remote_below(self) -> list[Mount]:
        """Those below it whose changes the kernel does not hear of, by name."""
        return sorted((mount for mount in self.below if mount.is_remote), key=lambda mount: mount.point)


def mounts_of(folder: str, mountinfo: Path | None = None) -> Mounts:
    """Look up a folder's mounts; where the system does not say, there are none.

    Args:
        folder: its real path.
        mountinfo: what to read, in the form of proc(5).
    """
    try:
        text = os.fsdecode((MOUNTINFO if mountinfo is None else mountinfo).read_bytes())
    except OSError:
        return Mounts()
    # A later mount at the same place hides the earlier one.
    mounts = {mount.point: mount for mount in map(_read, text.split("\n")) if mount is not None}
    below = [mount for point, mount in mounts.items() if _is_in(point, folder) and point != folder]
    above = [mount for point, mount in mounts.items() if _is_in(folder, point)]
    return Mounts(max(above, key=lambda mount: len(mount.point), default=None), frozenset(below))


def _read(line: str) -> Mount | None:
    """One line; None for what only waits to be replaced by the real one (autofs), or makes no sense."""
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    kind = after.partition(" ")[0]
    if len(fields) < 5 or not fields[0].isdigit() or kind in ("", "autofs"):
        return None
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
    return Mount(int(fields[0]), point, kind)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
