"""One syncd at a time: advisory locks on files that stay.

The kernel drops a `flock` when its holder ends, however it ends, so a lock is never stale. The lock file is never
deleted: a second syncd might have it open already and would lock a file that a third cannot see.

Some file systems (a few network and FUSE mounts) refuse `flock`. For the state that is an error: nothing else
keeps two runs apart. For the media folder it need not be: its marker names the state file that it belongs to, and the
state's own lock keeps that one to one run; such a caller passes `required=False` and gets a lock that is not `enforced`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.errors import LockedError, StateError, SyncdError
from syncd.supervised import how_to_stop

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


class Lock:
    """A lock that is held until `release` (or the end of the `with` block, or of the process).

    Args:
        path: the lock file.
        descriptor: open on it; closed by `release`.
        enforced: False where the file system refuses locks.
    """

    def __init__(self, path: Path, descriptor: int, *, enforced: bool = True) -> None:
        self.path = path
        self.enforced = enforced
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others have it. Doing so twice is harmless."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with suppress(OSError):
            if self.enforced:
                os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_lock(
    path: Path, what: str, *, required: bool = True, failure: type[SyncdError] = StateError
) -> Lock:
    """Take the lock or fail at once.

    Args:
        path: the lock file, created (mode 0600) when missing; its folder exists.
        what: what the lock protects, for the message (`the state file …`, `the media folder …`).
        required: whether a file system that refuses locks is an error.
        failure: the error to raise when the lock file cannot be used.

    Raises:
        LockedError: another process holds it; names its process id.
        failure: the lock file cannot be opened, or locks are refused and required.
    """
    while True:
        descriptor = _open(path, what, failure)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have deleted the file in between: then this lock is on a file that nobody else sees.
            if not _is_still_there(path, descriptor):
                os.close(descriptor)
                continue
            _sign(descriptor)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise _locked(what, holder) from error
        except OSError as error:
            if error.errno in _UNSUPPORTED and not required:
                return Lock(path, descriptor, enforced=False)
            os.close(descriptor)
            raise failure(
                f"{what} cannot be locked ({error.strerror or error})",
                f"the file system of {path.parent} must support file locks: use a folder on a local disk",
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        return Lock(path, descriptor)


def _open(path: Path, what: str, failure: type[SyncdError]) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise failure(
            f"{what} cannot be locked: {path} cannot be opened ({error.strerror or error})",
            _how_to_open(path, error),
        ) from error


def _how_to_open(path: Path, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return (
            "its disk is read-only, as after an error or by an adapter's lock switch: mount it writable again"
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = shlex.quote(str(path.parent))
        return f"free some space, or names: df -h {folder}; df -i {folder}"
    return f"make {path} and its folder writable for the user that runs syncd"


def _is_still_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    """Write down who holds the lock: `<process id> <host>`, for people. The lock does not depend on it."""
    with suppress(OSError):  # a full disk must not keep anybody from a lock that is held
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)


def _holder(descriptor: int) -> tuple[int, str] | None:
    """Process id and host of the holder.

    RACE: between another's `flock` and its signature the file is empty, or bears the name of a holder that was
    killed. At worst the message names no process or a dead one.
    """
    with suppress(OSError, ValueError):
        pid, host = os.pread(descriptor, 512, 0).decode().split()
        return int(pid), host
    return None


def _locked(what: str, holder: tuple[int, str] | None) -> LockedError:
    if holder is None:
        return LockedError(f"another syncd is at work on {what}", "wait until it has finished, or stop it")
    pid, host = holder
    if host == socket.gethostname():
        return LockedError(
            f"another syncd (process {pid}) is at work on {what}",
            f"wait until it has finished, or stop it: {how_to_stop(pid)}",
        )
    return LockedError(
        f"another syncd (process {pid} on {host}) is at work on {what}",
        f"wait until it has finished, or stop it on {host}: kill {pid}",
    )
