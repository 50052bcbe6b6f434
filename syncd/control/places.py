"""Where a daemon's socket is, and how others find it.

The socket lies in the user's runtime folder, which is empty after a start of the computer and on no network. A client may have
another environment (cron has none to speak of), so a link in the state folder leads there; the client knows only the link.

Invariants:
- The folder of the socket is no link, belongs to this user, and nobody else may enter it.
- The name is one state file's: daemons of several trees share the folder.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LINK = "daemon.sock"
"""The name of the link, beside the state file."""

RUNTIME_FOLDERS = Path("/run/user")
"""Where systemd makes each user's runtime folder."""

_LONGEST_ADDRESS = 107
"""Bytes: `sun_path` is 108 long, with the zero at its end (unix(7))."""


def find_folder(state_file: Path, environ: Mapping[str, str]) -> Path | None:
    """The folder for the socket, made when it is missing; None where none of the candidates is fit.

    Args:
        state_file: where all else fails, the socket is in a folder beside it.
        environ: `RUNTIME_DIRECTORY` (systemd; several are separated by `:`) and `XDG_RUNTIME_DIR`.
    """
    return next((folder for folder in _candidates(state_file, environ) if _make(folder)), None)


def socket_name(state_file: Path) -> str:
    """The name of the socket of a state file's daemon, the same by whatever way the file is reached."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(state_file))).hexdigest()
    return f"{digest[:20]}.sock"


def link_beside(state_file: Path) -> Path:
    """Where the link to the socket is."""
    return state_file.with_name(LINK)


@contextmanager
def address(path: Path) -> Iterator[str]:
    """The path as `bind` and `connect` take it, however long it is."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _candidates(state_file: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    own = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if own.startswith("/"):
        yield Path(own)
    for user in (environ.get("XDG_RUNTIME_DIR", ""), RUNTIME_FOLDERS / str(os.geteuid())):
        # Under sudo the variable may still name another user's folder, in which nothing of ours should be.
        if str(user).startswith("/") and _is_ours(Path(user)):
            yield Path(user) / "syncd"
    yield Path(os.path.realpath(state_file.parent)) / "run"


def _make(folder: Path) -> bool:
    """Whether the folder is fit, after it was made or closed to others where needed."""
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    try:
        if not _is_ours(folder):
            return False
        if stat.S_IMODE(folder.lstat().st_mode) != 0o700:
            folder.chmod(0o700)
        return os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder, no link, and this user's."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
