"""A POSIX file system in memory, put under the real engine: below `/sim/`, `os` and `fcntl` speak to it.

Everything outside `/sim/` goes to the real system as before. Whatever the engine would ask the kernel for and this
does not know fails loudly: the real kernel has no `/sim/`.

The model: directories map names to inodes, a descriptor holds an inode whatever becomes of its names, times are those
of the kernel's last tick (4 ms), inode numbers of deleted files are given out again. What is not synced may be gone
after the power failed: a suffix of the changes of names, and contents that were written since.
"""

from sim.posix.disks import Disks
from sim.posix.inode import Inode
from sim.posix.installed import Installed
from sim.posix.tree import ROOT

__all__ = ["ROOT", "Disks", "Inode", "Installed"]
