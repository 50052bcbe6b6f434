"""What a person is told of names and files that a scan cannot use."""

from __future__ import annotations

import errno
import shlex
import unicodedata

from syncd.model import Problem

_NO_RIGHT = frozenset([errno.EACCES, errno.EPERM])
_SERVER_GONE = frozenset([errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENODEV])


def shown(name: str) -> str:
    """A name as it can be shown: bytes that are not UTF-8 and control characters escaped."""
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) == "Cc" else char
        for char in text
    )


def bad_name(rel: str) -> Problem | None:
    """Why a name cannot be carried to Gramps Web, looking at its last component."""
    name = rel.rpartition("/")[2]
    try:
        name.encode()
    except UnicodeEncodeError:
        return Problem(
            "the name is not in UTF-8, so that Gramps Web could not show it",
            f"rename it; for many names: convmv -r -f latin1 -t utf8 --notest {_parent(rel)}",
            path=shown(rel),
        )
    if any(unicodedata.category(char) == "Cc" for char in name):
        return Problem(
            "the name holds a control character (a line break, say)",
            "rename it in the file manager",
            path=shown(rel),
        )
    return None


def list_below_the_top(rel: str) -> Problem:
    """A list of ignored names where none is read: somebody believes that files are left out which are not."""
    folder, _slash, name = rel.rpartition("/")
    return Problem(
        f"a {name} has no effect here: only the one at the top of the media folder is read",
        f"move its lines there, with the folder in front (as in '/{shown(folder)}/*.psd'), and delete this one",
        path=shown(rel),
    )


def same_name(rel: str) -> Problem:
    """Two names in one folder that Gramps Web cannot tell apart."""
    return Problem(
        "another name in the same folder looks exactly the same (its accents are stored differently)",
        "rename or delete one of the two",
        path=shown(rel),
    )


def unreadable(rel: str, error: OSError, *, folder: bool) -> Problem:
    """A file that cannot be read, or a folder that cannot be listed to the end."""
    what = "folder" if folder else "file"
    quoted = shlex.quote(shown(rel))
    if error.errno in _NO_RIGHT:
        right = "u+rwx" if folder else "u+rw"
        return Problem(
            f"syncd may not read the {what}",
            f"in the media folder: chmod {right} {quoted} (or let syncd run as the user who owns it)",
            path=shown(rel),
        )
    if error.errno == errno.ENAMETOOLONG:
        return Problem(f"the path of the {what} is too long", "move it higher up", path=shown(rel))
    if error.errno in _SERVER_GONE:
        return Problem(
            f"the {what} lies on a file server or disk that does not answer ({error.strerror})",
            "check the connection and mount it again",
            path=shown(rel),
        )
    return Problem(
        f"the {what} cannot be read ({error.strerror})",
        "check the disk, and whether there is a copy elsewhere",
        path=shown(rel),
    )


def loop(rel: str) -> Problem:
    """A folder that contains itself."""
    return Problem(
        "the folder contains itself (it is mounted below itself)", f"umount {shown(rel)}", path=shown(rel)
    )


def unmounted(rel: str) -> Problem:
    """A folder that was another disk's and is empty now."""
    return Problem(
        "the folder was another disk, which is not mounted now",
        "mount it again; or delete the empty folder if its files are meant to be gone",
        path=shown(rel),
    )


def other_disk(rel: str, files: int) -> Problem:
    """A folder that was another disk's, and in which there is something else now."""
    return Problem(
        f"{files} {'file' if files == 1 else 'files'} that lay here on another disk cannot be seen: that disk is not mounted now",
        "mount it again; or, if its files are meant to be gone, move what is in the folder elsewhere and delete the folder",
        path=shown(rel),
    )


def left_half_way(rel: str) -> Problem:
    """A file that an interruption left under a name of ours, and that could not be put back."""
    return Problem(
        "an interruption left the file in .syncd/tmp, and it cannot be put back: its folder may not be changed now",
        f"in the media folder: chmod u+rwx {_parent(rel)}, or mount its disk; the next run puts it back",
        path=shown(rel),
    )


def under_a_disk(rel: str, files: int) -> Problem:
    """A folder on which a disk is mounted, and below which files lie that were saved there while it was away."""
    return Problem(
        f"{files} {'file' if files == 1 else 'files'} that lay here before a disk was mounted on this folder cannot be seen now",
        "unmount the disk, move what is in the folder elsewhere, let syncd sync, and mount it again",
        path=shown(rel),
    )


def _parent(rel: str) -> str:
    return shlex.quote(shown(rel.rpartition("/")[0] or "."))
