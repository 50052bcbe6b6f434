"""Files that are there and cannot be read: each is a trouble of its own, and nothing is concluded from what it may hold."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.applier import outgoing, syscalls
from syncd.applier.failures import Rotten, Unreadable
from syncd.errors import FolderError
from syncd.model import FolderFile, MediaPath
from tests.unit.disk.album import Album, Disks, md5


@pytest.fixture
def damage(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Has every file that begins with certain bytes fail to be read."""
    real = os.preadv

    def damage(start: bytes) -> None:
        def preadv(descriptor: int, buffers: Any, offset: int) -> int:
            if os.pread(descriptor, len(start), 0) == start:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(descriptor, buffers, offset)

        monkeypatch.setattr(os, "preadv", preadv)

    return damage


def test_while_it_is_read_for_others() -> None:
    """The error of a disk in the middle of a file is an error of that file, with its name and a remedy."""
    never_readable = os.open("/proc/self/mem", os.O_RDONLY)  # Linux answers with EIO at its beginning
    with (
        outgoing.reading(never_readable, "a/x.jpg") as source,
        pytest.raises(Unreadable, match=r"'a/x\.jpg' cannot be read") as caught,
    ):
        source.read(1)
    assert caught.value.remedy


def test_while_it_is_copied(album: Album, damage: Callable[[bytes], None]) -> None:
    """No copy is left behind, and the file stays as it is."""
    source = album.write("x", b"damaged")
    damage(b"damaged")
    with pytest.raises(Unreadable):
        album.folder.copy_in(source)
    assert album.tmp() == []
    assert album.seen() == {"x": b"damaged"}


def test_in_the_trash(album: Album, damage: Callable[[bytes], None]) -> None:
    """It is neither listed, purged nor brought back; what lies beside it is listed."""
    bad = album.folder.trash(album.write("a", b"damaged"), reason="")
    good = album.folder.trash(album.write("b", b"good"), reason="")
    damage(b"damaged")
    assert [entry.kept_as for entry in album.folder.unlisted_trash([])] == [good.kept_as]
    with pytest.raises(Unreadable):
        album.folder.purge(bad.kept_as, md5(b"damaged"))
    with pytest.raises(Unreadable):
        album.folder.restore(bad.kept_as, MediaPath.of("a"))
    assert album.trashed() == {"2026-11-22/a": b"damaged", "2026-11-22/b": b"good"}


@pytest.mark.parametrize("name", ["0.part-of-a-person.aside", f"{'0' * 32}.1.ready"])
def test_under_a_name_of_ours(album: Album, name: str) -> None:
    """What a crash left and nobody can read stays where it is, and bars nothing; readable again, it is put in its place."""
    album.folder.ensure_internal()
    album.write(f".syncd/tmp/{name}", b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "preadv", _fails)
        assert album.folder.recover() == []
        assert album.tmp() == [name]
    (recovered,) = album.folder.recover()
    assert recovered.trashed is not None
    assert (album.root / recovered.trashed.kept_as).read_bytes() == b"damaged"


def test_with_a_note(album: Album) -> None:
    """A file that stepped aside and cannot be read now keeps its note, and comes back to its name when it can."""
    album.folder.ensure_internal()
    album.write(".syncd/tmp/1.aside", b"damaged")
    note = b'{"slot": ".syncd/tmp/1.aside", "path": "x", "keep_as": "x", "checksum": null}'
    (album.root / ".syncd/tmp/1.note").write_bytes(note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "preadv", _fails)
        assert album.folder.recover() == []
        assert album.folder.parked() == {"x"}
    (recovered,) = album.folder.recover()
    assert recovered.stands_at == MediaPath.of("x")
    assert album.seen() == {"x": b"damaged"}
    assert album.tmp() == []


def _fails(*_: object) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _rot(album: Album, rel: str, content: bytes) -> FolderFile:
    """A file of which the file system says nothing: it was scanned with other bytes, and looks the same."""
    album.write(rel, content.swapcase())
    seconds = 1_700_000_000
    os.utime(album.root / rel, (seconds, seconds))
    time.sleep(0.05)  # until its times can vouch for what was read
    return replace(album.scanned(rel), checksum=md5(content))


def test_rotten_on_another_disk(album: Album, disks: Disks) -> None:
    """What leaves goes to the trash as it is, as on one disk; what stays stays, and is called rotten."""
    disks.mount(album.root / "nas")
    album.folder.trash(_rot(album, "nas/deleted", b"deleted"), reason="")
    with album.ready(b"new") as ready:
        placed = album.folder.place(ready, MediaPath.of("nas/a"), replaces=_rot(album, "nas/a", b"replaced"))
    assert placed.trashed is not None
    assert sorted(album.trashed().values()) == [b"DELETED", b"REPLACED"]
    with pytest.raises(Rotten, match="no program changed them"):
        album.folder.move(_rot(album, "nas/moved", b"moved"), MediaPath.of("moved"))
    assert album.seen() == {"nas/a": b"new", "nas/moved": b"MOVED"}
    assert album.tmp() == []


@pytest.mark.parametrize("error", [OSError(errno.EIO, "damaged"), KeyboardInterrupt()])
def test_a_file_is_gone_from_another_disk_when_something_fails(
    album: Album, disks: Disks, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The copy in the trash is all that is left of it: it stays."""
    disks.mount(album.root / "nas")
    file = album.write("nas/a", b"a")
    real = syscalls.unlink

    def unlink(folder: int, name: str) -> None:
        real(folder, name)
        if not album.seen():
            raise error

    monkeypatch.setattr(syscalls, "unlink", unlink)
    with pytest.raises((FolderError, KeyboardInterrupt)):
        album.folder.trash(file, reason="")
    assert album.seen() == {}
    assert list(album.trashed().values()) == [b"a"]
