"""The room on a disk: what is on its way counts before it is there, and some is left free."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from syncd.applier.room import KEEP_FREE, MIB, SCARCE, NoRoom
from syncd.errors import FolderError
from tests.unit.disk.album import Album, md5


class Disk:
    """A disk with so many bytes left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 0
        monkeypatch.setattr(os, "fstatvfs", lambda _fd: SimpleNamespace(f_bavail=self.free, f_frsize=1))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of the album."""
    return Disk(monkeypatch)


def test_a_file_and_the_reserve_fit_exactly(album: Album, disk: Disk) -> None:
    """With one byte less it is refused before anything is made."""
    disk.free = KEEP_FREE + 1000
    with album.folder.incoming(md5(b"x"), 1000):
        pass
    disk.free -= 1
    with pytest.raises(FolderError, match="full"):
        album.folder.incoming(md5(b"x"), 1000)
    assert album.tmp() == []


def test_files_that_arrive_together(album: Album, disk: Disk) -> None:
    """Of two that fit each alone, the second is refused; once the first is done with, and its bytes are gone, it fits."""
    disk.free = KEEP_FREE + 1500
    with album.folder.incoming(md5(b"x"), 1000) as first:
        with pytest.raises(FolderError, match="full"):
            album.folder.incoming(md5(b"y"), 1000)
        first.file.write(bytes(400))
        disk.free -= 400
        with album.folder.incoming(md5(b"y"), 500), pytest.raises(FolderError, match="full"):
            album.folder.incoming(md5(b"z"), 1)
    disk.free += 400
    with album.folder.incoming(md5(b"y"), 1500):
        pass


def test_a_file_that_is_larger_than_was_said(album: Album, disk: Disk) -> None:
    """Where nobody knew the size, the reserve is kept while it is written."""
    disk.free = KEEP_FREE + 1000
    with album.folder.incoming(md5(b"x")) as part:
        part.file.write(bytes(1000))
        disk.free -= 1000
        with pytest.raises(FolderError, match="full"):
            part.file.write(b"x")
    assert album.tmp() == []


def test_a_large_file_bars_no_smaller_one(album: Album, disk: Disk) -> None:
    """While much is left, what does not fit is a trouble of that file alone; at the exact edge the disk is full."""
    disk.free = SCARCE
    with pytest.raises(NoRoom, match="256 MiB are left, 257 MiB are needed"):
        album.folder.incoming(md5(b"x"), 241 * MIB)
    with album.folder.incoming(md5(b"y"), 240 * MIB):
        pass
    disk.free -= 1
    with pytest.raises(FolderError, match="full") as caught:
        album.folder.incoming(md5(b"x"), 240 * MIB)
    assert not isinstance(caught.value, NoRoom)
    assert caught.value.remedy
