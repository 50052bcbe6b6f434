"""The scanner beside programs that write, and beside people who work."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import platform
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from syncd.ignore import IgnoreRules
from syncd.model import Checksum, FileStamp, Occupant
from syncd.ports import SilentProgress
from syncd.scanner import Scan, hashing, manners, scan
from syncd.scanner.hashing import Reader
from syncd.scanner.manners import give_way, is_being_written

ROOT = Path(__file__).parents[3]
ANOTHER_USER = 65_534


@pytest.fixture
def sigio() -> Iterator[None]:
    """A process that may ask for leases, as the program is."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGIO, before)


def look(root: Path) -> Scan:
    """Scan now."""
    return scan(
        root,
        {},
        IgnoreRules.load(root, []),
        now_ns=time.time_ns(),
        progress=SilentProgress(),
        threads=2,
    )


def asks(path: Path) -> bool:
    """Whether a file is being written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return is_being_written(descriptor)
    finally:
        os.close(descriptor)


class Child:
    """A Python program of its own that does a step for each line that it is sent, and says when it has."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def said(self) -> str:
        """Wait for its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it take its next step."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def child(script: str, *arguments: object) -> Iterator[Child]:
    """A child that is gone afterwards."""
    one = Child(script, *arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


WRITER = """
import sys
with open(sys.argv[1], "wb", buffering=0) as file:
    for half in (b"a" * 1000, b"b" * 1000):
        file.write(half)
        print("wrote", flush=True)
        sys.stdin.readline()
print("closed", flush=True)
sys.stdin.readline()
"""


@pytest.mark.usefixtures("sigio")
def test_a_writer_that_pauses_is_waited_for(tmp_path: Path) -> None:
    """However long a program pauses between two writes, half a file is never taken for a file."""
    with child(WRITER, tmp_path / "photo.jpg") as writer:
        for _ in range(2):
            assert writer.said() == "wrote"
            for _ in range(3):
                seen = look(tmp_path)
                assert seen.snapshot.occupied == {"photo.jpg": Occupant.BUSY}
                assert (seen.snapshot.files, seen.fresh, seen.snapshot.problems) == ({}, [], ())
            writer.go_on()
        assert writer.said() == "closed"
        assert look(tmp_path).snapshot.files["photo.jpg"].stamp.size == 2000


@pytest.mark.usefixtures("sigio")
def test_the_whole_file_is_not_read_to_find_that_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film of many GB that is being copied in is not read at every look."""
    monkeypatch.setattr(os, "readv", lambda *_: pytest.fail("it was read"))
    with (tmp_path / "film.mp4").open("wb"):
        assert look(tmp_path).snapshot.occupied == {"film.mp4": Occupant.BUSY}


@pytest.mark.usefixtures("sigio")
def test_a_file_that_is_kept_open_is_taken_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may keep a file open for days. When it has not changed for a minute it counts as it is."""
    with (tmp_path / "notes.txt").open("wb") as file:
        file.write(b"x")
        file.flush()
        for seconds, is_taken in ((59, False), (61, True)):
            later = time.time_ns() + seconds * 10**9
            monkeypatch.setattr(hashing, "time", SimpleNamespace(time_ns=lambda later=later: later))
            assert ("notes.txt" in look(tmp_path).snapshot.files) is is_taken


@pytest.mark.usefixtures("sigio")
def test_a_time_far_ahead_keeps_nothing_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock was put back by hours, a file that a program keeps open does not wait for hours."""
    earlier = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(hashing, "time", SimpleNamespace(time_ns=lambda: earlier))
    with (tmp_path / "notes.txt").open("wb"):
        assert "notes.txt" in look(tmp_path).snapshot.files


@pytest.mark.usefixtures("sigio")
def test_who_only_maps_it_writes_too(tmp_path: Path) -> None:
    """A program that has the file in its memory, without a descriptor of it, is seen."""
    path = tmp_path / "map"
    path.write_bytes(b"x")
    assert not asks(path)
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 1)
    assert asks(path)
    mapped.close()
    assert not asks(path)


@pytest.mark.usefixtures("sigio")
def test_readers_do_not_count(tmp_path: Path) -> None:
    """A viewer that has the picture open is none of our business."""
    path = tmp_path / "picture"
    path.write_bytes(b"x")
    with path.open("rb"):
        assert not asks(path)


def test_where_sigio_would_kill_it_is_not_asked(tmp_path: Path) -> None:
    """A process that does not ignore SIGIO takes no leases: somebody who opens the file would end it."""
    assert signal.getsignal(signal.SIGIO) is signal.SIG_DFL
    with (tmp_path / "x").open("wb"):
        assert not asks(tmp_path / "x")
        assert "x" in look(tmp_path).snapshot.files


OTHER_USER = """
import os, signal, sys
from syncd.scanner.manners import is_being_written
signal.signal(signal.SIGIO, signal.SIG_IGN)
user = int(sys.argv[1])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
for path in sys.argv[2:]:
    print(is_being_written(os.open(path, os.O_RDONLY)), flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")
@pytest.mark.usefixtures("sigio")
def test_of_another_users_file_nothing_is_known(tmp_path: Path) -> None:
    """The kernel tells a user of their own files only (and root of all): what is not known does not wait."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    with theirs.open("wb"), own.open("wb"):
        os.chown(own, ANOTHER_USER, ANOTHER_USER)
        for folder in (tmp_path, *tmp_path.parents[:3]):
            if folder.owner() == "root" and folder != Path("/tmp"):
                folder.chmod(folder.stat().st_mode | 0o011)
        for path in (theirs, own):
            path.chmod(0o644)
        assert asks(theirs)
        assert asks(own)
        with child(OTHER_USER, ANOTHER_USER, theirs, own) as other:
            assert (other.said(), other.said()) == ("False", "True")


@pytest.mark.usefixtures("sigio")
@pytest.mark.parametrize("kind", ["nfs4", "cifs"])
def test_a_servers_refusal_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """On a network disk a lease is refused for other reasons, too: there it is not known who writes."""
    with (tmp_path / "x").open("wb"):
        assert asks(tmp_path / "x")
        monkeypatch.setattr(manners, "_kind", lambda _descriptor: kind)
        assert not asks(tmp_path / "x")


def test_the_kind_of_a_file_system(tmp_path: Path) -> None:
    """It is the one that the system's own tool names."""
    told = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", tmp_path],
        check=True,
        capture_output=True,
        text=True,
    )
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        # Layered file systems may number their files otherwise: then it is not known.
        assert manners._kind(descriptor) in (told.stdout.strip(), "")
    finally:
        os.close(descriptor)
    reading, writing = os.pipe()
    assert manners._kind(reading) == ""
    os.close(reading)
    os.close(writing)


LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, lambda *_: None)
descriptor = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("promised", flush=True)
sys.stdin.readline()
os.close(descriptor)
print("given back", flush=True)
sys.stdin.readline()
"""


def test_a_file_that_is_promised_to_somebody_waits(tmp_path: Path) -> None:
    """A file server that has promised a file to a client gives it back when we come: it is read the next time."""
    (tmp_path / "x").write_bytes(b"x")
    with child(LEASE, tmp_path / "x") as server:
        assert server.said() == "promised"
        seen = look(tmp_path)
        assert seen.snapshot.occupied == {"x": Occupant.BUSY}
        assert seen.snapshot.problems == ()
        server.go_on()
        assert server.said() == "given back"
        assert "x" in look(tmp_path).snapshot.files


HAMMER = """
import json, os, select, sys, time
opened, errors, longest = 0, [], 0.0
print("begun", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.monotonic()
    try:
        os.close(os.open(sys.argv[1], os.O_RDWR))
        opened += 1
    except OSError as error:
        errors.append(str(error))
    longest = max(longest, time.monotonic() - began)
print(json.dumps([opened, errors, longest]), flush=True)
"""
ASKER = """
import os, select, signal, sys
from syncd.scanner.hashing import Reader, Unsettled, stamp_of
signal.signal(signal.SIGIO, signal.SIG_IGN)
root = os.open(sys.argv[1], os.O_RDONLY)
read = busy = 0
reader = Reader.at(root)
print("begun", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        reader.checksum("x", stamp_of(os.stat("x", dir_fd=root)))
        read += 1
    except Unsettled:
        busy += 1
print(read, busy, flush=True)
"""


def test_nobody_is_disturbed(tmp_path: Path) -> None:
    """Programs that open a file for writing all the time while it is looked at see no error and no delay; nobody is killed."""
    (tmp_path / "x").write_bytes(b"x" * 1000)
    with child(ASKER, tmp_path) as asker, child(HAMMER, tmp_path / "x") as hammer:
        assert (asker.said(), hammer.said()) == ("begun", "begun")
        threading.Event().wait(1.0)  # the time in which they meet as often as they can
        assert asker.process.poll() is None
        hammer.go_on()
        opened, errors, longest = json.loads(hammer.said())
        asker.go_on()
        read, busy = map(int, asker.said().split())
    assert errors == []
    assert opened > 1000
    assert longest < 2
    assert read + busy > 100
    assert busy > 0


# --- reading comes last -----------------------------------------------------------------------------------------------


def priority_of_this_thread() -> str:
    """What the system says of it, such as `best-effort: prio 7`."""
    told = subprocess.run(
        ["ionice", "-p", str(threading.get_native_id())], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def test_reading_for_checksums_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that read do so with the lowest priority; all other threads keep theirs."""
    (tmp_path / "x").write_bytes(b"x")
    before, seen = priority_of_this_thread(), list[str]()
    read = Reader.checksum

    def watched(self: Reader, rel: str, expected: FileStamp) -> Checksum:
        seen.append(priority_of_this_thread())
        return read(self, rel, expected)

    monkeypatch.setattr(Reader, "checksum", watched)
    look(tmp_path)
    assert seen == ["best-effort: prio 7"]
    assert priority_of_this_thread() == before


def test_an_unknown_machine_reads_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the number of the system call is not known, none is made."""
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_: pytest.fail("a call was made"))
    give_way()
