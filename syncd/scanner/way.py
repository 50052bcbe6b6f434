"""The way to a name below a folder that is held open: from descriptor to descriptor, never through a symbolic link.

A folder that somebody swaps for a link between two looks cannot lead a look, or the reading of a file, elsewhere.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


LONGEST = 4096
"""Bytes: as for the kernel, where a path is given in one. Nobody else could open what lies deeper, and the way grows long."""


def open_folder(root: int, rel: str) -> int:
    """A descriptor of a folder; `rel` is `""` for the one at `root`.

    Raises:
        OSError: ENOENT, ENOTDIR where a link or a file is in the way, or ENAMETOOLONG.
    """
    _check_length(rel)
    descriptor = os.open(".", FOLDER, dir_fd=root)
    try:
        for part in rel.split("/") if rel else ():
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def way_to(root: int, rel: str) -> Iterator[tuple[int, str]]:
    """The folder that a name is in, open for so long, and the name.

    Raises:
        OSError: as `open_folder`.
    """
    _check_length(rel)
    above, _, name = rel.rpartition("/")
    if not above:
        yield root, name
        return
    descriptor = open_folder(root, above)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def _check_length(rel: str) -> None:
    if len(os.fsencode(rel)) >= LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), rel)
