"""Files that are known to have rotted, as looks at the folder take them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.ignore import IgnoreRules
from syncd.model import Checksum, MediaPath
from syncd.model.rot import NO_ROT, KnownRot, Rot
from syncd.ports import SilentProgress
from syncd.scanner import scan
from syncd.scanner.glance import Glance
from tests.core import md5

Look = Callable[[Path, KnownRot], dict[str, Checksum]]

GOOD, BAD = md5("good"), md5("bad!")


def walked(root: Path, rot: KnownRot) -> dict[str, Checksum]:
    """What a walk takes the files for."""
    progress = SilentProgress()
    seen = scan(root, {}, IgnoreRules(), now_ns=time.time_ns(), progress=progress, threads=1, rot=rot)
    return {key: file.checksum for key, file in seen.snapshot.files.items()}


def glanced(root: Path, rot: KnownRot) -> dict[str, Checksum]:
    """What a look at some files takes them for."""
    with Glance(root, IgnoreRules(), progress=SilentProgress(), threads=1, rot=rot) as glance:
        glance.look([MediaPath.of(one.name) for one in root.iterdir()], {})
        return {key: file.checksum for key, file in glance.files.items()}


@pytest.fixture(params=[walked, glanced])
def look(request: pytest.FixtureRequest) -> Look:
    """Both ways to look."""
    looks: Look = request.param
    return looks


@pytest.fixture
def rotten(tmp_path: Path) -> Path:
    """A file that has rotted."""
    file = tmp_path / "a.jpg"
    file.write_text("bad!")
    return file


def rot_of(file: Path, good: Checksum = GOOD) -> Rot:
    """What is remembered of it."""
    status = file.stat()
    return Rot(file.name, status.st_ino, status.st_mtime_ns, BAD, good)


def test_it_counts_as_what_it_held(rotten: Path, look: Look) -> None:
    """Under its name, another one, or in a copy of the folder; and only if it is known."""
    root, known = rotten.parent, KnownRot([rot_of(rotten)])
    assert look(root, NO_ROT) == {"a.jpg": BAD}
    assert look(root, known) == {"a.jpg": GOOD}
    rotten.chmod(0o600)
    moved = rotten.rename(root / "b.jpg")
    assert look(root, known) == {"b.jpg": GOOD}
    shutil.copy2(moved, rotten)  # another inode under the former name
    assert look(root, known) == {"a.jpg": GOOD, "b.jpg": GOOD}


def test_an_edit_is_an_edit(rotten: Path, look: Look) -> None:
    """Other bytes, or a new time: somebody wants what is there."""
    root, known = rotten.parent, KnownRot([rot_of(rotten)])
    status = rotten.stat()
    rotten.write_text("new!")
    os.utime(rotten, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert look(root, known) == {"a.jpg": md5("new!")}
    rotten.write_text("bad!")
    os.utime(rotten, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert look(root, known) == {"a.jpg": BAD}


def test_it_may_be_moved_to_another_disk(rotten: Path, look: Look) -> None:
    """That gives it another inode, and perhaps another name; which of two photos of nothing but zeros it was then, nobody knows."""
    root, other = rotten.parent, rotten.parent / "b.jpg"
    one = rot_of(rotten)
    shutil.copy2(rotten, other)
    rotten.unlink()
    rotten.write_text("its inode is in use")
    assert look(root, KnownRot([one]))["b.jpg"] == GOOD
    twin = replace(one, key="c.jpg", inode=one.inode + 1000)
    assert look(root, KnownRot([one, twin]))["b.jpg"] == GOOD
    assert look(root, KnownRot([one, replace(twin, good=md5("fine"))]))["b.jpg"] == BAD


def test_of_two_with_the_same_bytes_each_keeps_its_own(rotten: Path, look: Look) -> None:
    """Two photos of which only zeros are left, say, that change names: the inode tells which is which."""
    other = rotten.parent / "b.jpg"
    shutil.copy2(rotten, other)
    known = KnownRot([rot_of(rotten, GOOD), rot_of(other, md5("fine"))])
    rotten.rename(rotten.parent / "c.jpg")
    other.rename(rotten)
    (rotten.parent / "c.jpg").rename(other)
    assert look(rotten.parent, known) == {"a.jpg": md5("fine"), "b.jpg": GOOD}
