"""A disk that accepts renames with flags and disregards them: found out before any of a person's files is renamed so."""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter

import pytest

from syncd.applier import syscalls
from syncd.applier.disk import MediaFolder
from syncd.errors import MovedOn
from syncd.model import MediaPath
from tests.unit.disk.album import Album, Disks, World

P = MediaPath.of


def test_a_replaced_file_is_in_the_trash(album: Album, world: World) -> None:
    """An exchange that is a plain rename would put our bytes over the person's."""
    world.old("lying")
    old = album.write("x", b"old")
    with album.ready(b"new") as ready:
        album.folder.place(ready, P("x"), replaces=old)
    assert album.seen() == {"x": b"new"}
    assert list(album.trashed().values()) == [b"old"]
    assert album.tmp() == []


def test_a_name_that_was_just_taken_stays_taken(album: Album, world: World) -> None:
    """For a fetched file and for one that is moved: what appears in the last instant is not overwritten."""
    world.old("lying")
    ready = album.ready(b"new")
    world.before("move_out", lambda: album.write("x", b"theirs"))
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"))
    ready.discard()
    moved = album.write("y", b"mine")
    world.before("move_directly", lambda: album.write("z", b"theirs, too"))
    with pytest.raises(MovedOn):
        album.folder.move(moved, P("z"))
    assert album.seen() == {"x": b"theirs", "y": b"mine", "z": b"theirs, too"}
    assert album.tmp() == []


def test_files_of_one_name_stay_apart_in_the_trash(album: Album, world: World) -> None:
    """Two that were deleted on one day: the second does not take the first one's place."""
    world.old("lying")
    for content in (b"first", b"second"):
        album.folder.trash(album.write("x", content), reason="")
    assert sorted(album.trashed().values()) == [b"first", b"second"]


def test_it_is_asked_once_and_not_before_it_matters(album: Album, calls: Counter[str]) -> None:
    """Nothing for looking; two empty files before the first rename, never waited for; and anew for a folder opened anew."""
    file = album.write("x", b"x")
    album.folder.ensure_internal()
    calls.clear()
    album.folder.look_at(P("x"))
    album.folder.recover()
    assert album.folder.exists(P("x"))
    assert not calls
    file = album.folder.move(file, P("y"))
    assert calls == {"create": 2, "renameat2": 3, "unlink": 2, "sync_folder": 2}
    calls.clear()
    file = album.folder.move(file, P("x"))
    assert calls == {"renameat2": 1, "sync_folder": 2}
    album.folder.close()
    album.folder.move(file, P("y"))
    assert calls["create"] == 2


def test_it_is_asked_once_by_several_at_a_time(album: Album, calls: Counter[str]) -> None:
    """Who comes second waits for the answer."""
    files = [album.write(f"{number}", b"x") for number in range(8)]
    album.folder.ensure_internal()
    calls.clear()
    threads = [
        threading.Thread(target=album.folder.move, args=(file, P(f"to {file.path.text}"))) for file in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert album.names() == [".syncd", *(f"to {number}" for number in range(8))]
    assert calls["create"] == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_where_it_cannot_be_asked_the_careful_way_is_taken(
    album: Album, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A disk without a free name lets no file be made to try: no rename is relied on, until there is room to ask."""
    old = album.write("x", b"old")
    ready = MediaFolder(album.root).copy_in(album.write("new", b"new"))

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(syscalls, "renameat2", lambda *_: pytest.fail("relied on"))
        patch.setattr(syscalls, "create", refuse)
        album.folder.trash(old, reason="")
        assert list(album.trashed().values()) == [b"old"]
    calls: list[int] = []
    real = syscalls.renameat2

    def renameat2(a: int, b: str, c: int, d: str, flags: int) -> None:
        calls.append(flags)
        real(a, b, c, d, flags)

    monkeypatch.setattr(syscalls, "renameat2", renameat2)
    album.folder.place(ready, P("x"))
    assert calls == [syscalls.NOREPLACE, syscalls.EXCHANGE, syscalls.NOREPLACE]
    assert album.tmp() == []


def test_a_disk_inside_is_asked_for_itself(
    album: Album, disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds for the folder's own disk holds for no other one that is mounted in it."""
    disks.mount(album.root / "nas")
    inside = (album.root / "nas").stat().st_dev
    real = syscalls.renameat2

    def renameat2(a: int, b: str, c: int, d: str, flags: int) -> None:
        if os.fstat(a).st_dev == inside:
            os.rename(b, d, src_dir_fd=a, dst_dir_fd=c)
        else:
            real(a, b, c, d, flags)

    monkeypatch.setattr(syscalls, "renameat2", renameat2)
    for rel in ("x", "nas/x"):
        old = album.write(rel, rel.encode())
        with album.ready(b"new") as ready:
            album.folder.place(ready, P(rel), replaces=old)
    assert album.seen() == {"x": b"new", "nas/x": b"new"}
    assert sorted(album.trashed().values()) == [b"nas/x", b"x"]
    assert album.tmp() == []
