"""Locks: one holder, whatever happens to it."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.errors import ExitCode, FolderError, LockedError, StateError
from syncd.state import hold_lock

HOLD = """
import sys, time
from pathlib import Path
from syncd.state import hold_lock
with hold_lock(Path(sys.argv[1]), "the state"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def lock_path(tmp_path: Path) -> Path:
    """A lock file that is missing yet."""
    return tmp_path / "state.lock"


def test_a_second_process_is_refused(lock_path: Path) -> None:
    """The error names the process that holds the lock and what to do, with exit code 5."""
    with holder(lock_path) as child:
        with pytest.raises(LockedError, match=rf"process {child.pid}\b.* the state") as caught:
            hold_lock(lock_path, "the state")
        assert caught.value.exit_code is ExitCode.LOCKED
        assert f"kill {child.pid}" in caught.value.remedy
        assert lock_path.read_text() == f"{child.pid} {socket.gethostname()}\n"
        child.communicate()
    hold_lock(lock_path, "the state").release()


def test_a_killed_holder_leaves_no_lock(lock_path: Path) -> None:
    """The kernel drops the lock with its holder; the file that stays hinders nobody."""
    with holder(lock_path) as child:
        child.kill()
        child.wait()
        assert lock_path.exists()
        with hold_lock(lock_path, "the state"):
            assert lock_path.read_text().startswith(f"{os.getpid()} ")


def test_a_lock_is_refused_within_a_process_too(lock_path: Path) -> None:
    """Two holders in one process are two holders; after release the lock is free, and its file stays, empty."""
    with hold_lock(lock_path, "the state") as lock:
        assert lock.enforced
        with pytest.raises(LockedError):
            hold_lock(lock_path, "the state")
    assert lock_path.read_bytes() == b""
    assert stat.S_IMODE(lock_path.stat().st_mode) == 0o600
    lock.release()
    with hold_lock(lock_path, "the state"):
        pass


def test_a_lock_is_not_inherited_by_programs(lock_path: Path) -> None:
    """A program that the holder starts does not keep the lock alive."""
    with hold_lock(lock_path, "the state"):
        child = subprocess.Popen(["sleep", "600"], close_fds=False)
    try:
        hold_lock(lock_path, "the state").release()
    finally:
        child.kill()
        child.wait()


def test_another_host_is_named(lock_path: Path) -> None:
    """On a shared file system the holder may sit elsewhere: the remedy says where."""
    with lock_path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("42 elsewhere")
        file.flush()
        with pytest.raises(LockedError, match="process 42 on elsewhere") as caught:
            hold_lock(lock_path, "the folder")
    assert "on elsewhere" in caught.value.remedy


def test_an_unsigned_lock_is_still_a_lock(lock_path: Path) -> None:
    """A holder that has not signed yet, or wrote rubbish, is another syncd without a number."""
    with lock_path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for rubbish in (b"", b"\xff\xfe", b"no number at all"):
            file.truncate(0)
            file.write(rubbish)
            file.flush()
            with pytest.raises(LockedError, match="another syncd is at work"):
                hold_lock(lock_path, "the state")


def test_a_deleted_lock_file_is_made_anew(lock_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file that was deleted between opening and locking protects nothing: it is taken again."""
    real = fcntl.flock
    calls: list[int] = []

    def delete_first(descriptor: int, operation: int) -> None:
        if not calls:
            lock_path.unlink()
        calls.append(operation)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", delete_first)
    with hold_lock(lock_path, "the state"):
        assert len(calls) == 2
        with pytest.raises(LockedError):
            hold_lock(lock_path, "the state")


def test_a_file_system_without_locks(lock_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused locks are an error with a remedy, unless the caller has another protection."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StateError, match="No locks available") as caught:
        hold_lock(lock_path, "the state")
    assert "local disk" in caught.value.remedy
    with hold_lock(lock_path, "the media folder", required=False) as lock:
        assert not lock.enforced


def test_a_lock_file_that_cannot_be_made(tmp_path: Path) -> None:
    """Without its folder, or with a symbolic link in its place, the error is the one that the caller asked for."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for path in (tmp_path / "none" / "lock", tmp_path / "link"):
        with pytest.raises(FolderError) as caught:
            hold_lock(path, "the media folder", failure=FolderError)
        assert caught.value.remedy
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("code", "helps"),
    [(errno.EROFS, "mount it writable"), (errno.ENOSPC, "df -i"), (errno.EACCES, "writable for the user")],
)
def test_what_lets_a_lock_file_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, helps: str
) -> None:
    """A disk that is read-only or full is not mended by rights: each refusal names what helps."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StateError, match="cannot be opened") as caught:
        hold_lock(tmp_path / "lock", "the media folder")
    assert helps in caught.value.remedy
