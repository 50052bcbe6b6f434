"""The media folder: what changes it, and what must never happen."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from syncd.applier import syscalls
from syncd.applier.disk import Blocked, Marker, MediaFolder
from syncd.applier.failures import Rotten
from syncd.errors import FolderError, MovedOn, Unexpected
from syncd.model import MediaPath
from syncd.scanner import hashing
from tests.unit.disk.album import Album, World, md5

KINDS = ("modern", "no-exchange", "no-flags", "no-links", "lying")
P = MediaPath.of


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, world: World) -> str:
    """What the file system can do."""
    found: str = request.param
    world.old(found)
    return found


# --- placing ----------------------------------------------------------------------------------------------------------


def test_new_bytes_get_their_name(album: Album, kind: str) -> None:
    """Folders are made, the bytes are right, the family can read them, nothing is left over."""
    with album.ready(b"new") as ready:
        placed = album.folder.place(ready, P("a/b/ü.jpg"))
    assert album.seen() == {"a/b/ü.jpg": b"new"}
    assert placed.file == album.scanned("a/b/ü.jpg")
    assert stat.S_IMODE((album.root / "a/b/ü.jpg").stat().st_mode) == 0o666 & ~_umask()
    assert album.tmp() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to somebody else takes root")
@pytest.mark.parametrize(("before", "after"), [(0o644, 0o664), (0o600, 0o660), (0o440, 0o440)])
def test_who_owned_the_old_version_keeps_their_rights(
    album: Album, kind: str, before: int, after: int
) -> None:
    """Where syncd is an account of its own, a person's photo that it replaces stays theirs to change, through the group."""
    album.write("x.jpg", b"old")
    os.chown(album.root / "x.jpg", 12345, 54321)
    (album.root / "x.jpg").chmod(before)
    with album.ready(b"new") as ready:
        album.folder.place(ready, P("x.jpg"), replaces=album.scanned("x.jpg"))
    status = (album.root / "x.jpg").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (after, 54321)


def test_a_replaced_file_goes_to_the_trash(album: Album, kind: str) -> None:
    """The path has the new bytes, the old ones are kept under their name and day, rights stay."""
    old = album.write("a/x.jpg", b"old")
    (album.root / "a/x.jpg").chmod(0o640)
    old = album.scanned("a/x.jpg")
    with album.ready(b"new") as ready:
        placed = album.folder.place(ready, P("a/x.jpg"), replaces=old, reason="why", handle="h")
    assert album.seen() == {"a/x.jpg": b"new"}
    assert stat.S_IMODE((album.root / "a/x.jpg").stat().st_mode) == 0o640
    assert placed.file == album.scanned("a/x.jpg")
    assert placed.trashed is not None
    assert placed.trashed.kept_as == ".syncd/trash/2026-11-22/a/x.jpg"
    assert (album.root / placed.trashed.kept_as).read_bytes() == b"old"
    assert (placed.trashed.checksum, placed.trashed.size) == (md5(b"old"), 3)
    assert (placed.trashed.reason, placed.trashed.handle) == ("why", "h")
    assert album.tmp() == []


def test_a_conflict_keeps_both(album: Album, kind: str) -> None:
    """The folder's file stays beside, under a free name when the wanted one is taken."""
    old = album.write("x.jpg", b"old")
    album.write("x (conflict).jpg", b"taken")
    with album.ready(b"new") as ready:
        placed = album.folder.place(ready, P("x.jpg"), replaces=old, keep_as=P("x (conflict).jpg"))
    assert album.seen() == {"x.jpg": b"new", "x (conflict).jpg": b"taken", "x (conflict) (2).jpg": b"old"}
    assert placed.kept == album.scanned("x (conflict) (2).jpg")
    assert placed.trashed is None


def test_the_replaced_file_may_be_elsewhere(album: Album, kind: str) -> None:
    """The new one stands before the old one leaves."""
    old = album.write("old/x", b"old")
    with album.ready(b"new") as ready:
        album.folder.place(ready, P("new/x"), replaces=old)
    assert album.seen() == {"new/x": b"new"}
    assert album.trashed() == {"2026-11-22/old/x": b"old"}


@pytest.mark.parametrize("obstacle", ["file", "link", "folder"])
def test_what_has_appeared_is_not_overwritten(album: Album, kind: str, obstacle: str) -> None:
    """The target appears after the bytes are ready: it stays, and the caller is told."""
    with album.ready(b"new") as ready:
        path = album.root / "x"
        if obstacle == "file":
            path.write_bytes(b"theirs")
        elif obstacle == "link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
        with pytest.raises(MovedOn):
            album.folder.place(ready, P("x"))
    assert album.seen() == ({"x": b"theirs"} if obstacle == "file" else {})
    assert path.is_symlink() or path.exists()
    assert album.tmp() == []


@pytest.mark.parametrize("name", ["renameat2", "link"])
def test_what_appears_in_the_last_instant_is_not_overwritten(album: Album, world: World, name: str) -> None:
    """Between the look and the act: the kernel refuses."""
    if name == "link":
        world.old("no-flags")
    ready = album.ready(b"new")
    world.before(name, lambda: (album.root / "x").write_bytes(b"theirs"))
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"))
    ready.discard()
    assert album.seen() == {"x": b"theirs"}
    assert album.tmp() == []


def test_a_file_changed_since_the_scan_is_not_replaced(album: Album, kind: str) -> None:
    """Written in place, or replaced by another inode: it stays."""
    for change in ("in place", "other inode"):
        old = album.write("x", b"old")
        if change == "in place":
            (album.root / "x").write_bytes(b"newer")
        else:
            (album.root / "y").write_bytes(b"newer")
            (album.root / "y").replace(album.root / "x")
        with album.ready(b"new") as ready, pytest.raises(MovedOn):
            album.folder.place(ready, P("x"), replaces=old)
        assert album.seen() == {"x": b"newer"}
    assert album.trashed() == {}
    assert album.tmp() == []


def test_a_file_saved_in_the_last_instant_gets_its_name_back(album: Album, kind: str, world: World) -> None:
    """The swap brings out unexpected bytes: they are put back, nothing of them goes to the trash."""
    old = album.write("x", b"old")
    ready = album.ready(b"new")

    def save() -> None:
        (album.root / "saving").write_bytes(b"newer")
        (album.root / "saving").replace(album.root / "x")

    world.before({"modern": "exchange"}.get(kind, "move_inside"), save)
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"), replaces=old)
    ready.discard()
    assert album.seen() == {"x": b"newer"}
    album.folder.recover()
    assert (album.seen(), album.trashed(), album.tmp()) == ({"x": b"newer"}, {}, [])


def test_bytes_saved_even_while_they_are_put_back_are_kept(album: Album, world: World) -> None:
    """The worst of it: yet other bytes appear between the two swaps. All of them stay in the folder."""
    old = album.write("x", b"old")
    ready = album.ready(b"new")

    def save(content: bytes) -> None:
        (album.root / "saving").write_bytes(content)
        (album.root / "saving").replace(album.root / "x")

    world.before("exchange", lambda: save(b"second"), number=2)
    world.before("exchange", lambda: save(b"first"))
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"), replaces=old)
    assert sorted(album.seen().values()) == [b"first", b"second"]


def test_a_file_deleted_in_the_last_instant_is_told(album: Album, kind: str, world: World) -> None:
    """Nothing is placed where a person has just deleted: the next run decides."""
    old = album.write("x", b"old")
    ready = album.ready(b"new")
    name = {"modern": "exchange"}.get(kind, "move_inside")
    world.before(name, (album.root / "x").unlink)
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"), replaces=old)
    ready.discard()
    assert album.seen() == {}
    assert album.tmp() == []


def test_a_file_saved_while_the_old_one_is_aside_stays(album: Album, world: World) -> None:
    """Without an exchange there is an instant without a file; what is saved in it wins, the old one is in the trash."""
    world.old("no-exchange")
    old = album.write("x", b"old")
    ready = album.ready(b"new")
    world.before("move_out", lambda: (album.root / "x").write_bytes(b"newer"))
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"), replaces=old)
    assert album.seen() == {"x": b"newer"}
    assert b"old" in album.trashed().values()


# --- links ------------------------------------------------------------------------------------------------------------


def test_no_way_leads_out_through_a_link(album: Album, tmp_path: Path) -> None:
    """A folder that was swapped for a link since the scan: nothing is written, moved or read beyond it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"secret")
    album.write("b", b"b")
    (album.root / "a").symlink_to(outside)
    inside = album.scanned("a/x")
    with album.ready(b"new") as ready:
        with pytest.raises(Blocked):
            album.folder.place(ready, P("a/new"))
        with pytest.raises(Blocked):
            album.folder.place(ready, P("a/x"), replaces=inside)
    with pytest.raises(Blocked):
        album.folder.move(album.scanned("b"), P("a/b"))
    with pytest.raises(Blocked):
        album.folder.move(inside, P("stolen"))
    with pytest.raises(Blocked):
        album.folder.trash(inside, reason="")
    with pytest.raises(Blocked):
        album.folder.copy_in(inside)
    with pytest.raises(Blocked), album.folder.open_verified(inside):
        pass
    assert not album.folder.exists(P("a/x"))
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"x": b"secret"}
    assert set(album.seen()) == {"b"}


def test_a_folder_is_no_file(album: Album) -> None:
    """A name may be taken and yet hold no file: by a folder; a dead link is no folder."""
    album.write("a", b"one")
    album.write("b/c", b"two")
    (album.root / "dead").symlink_to("nowhere")
    names = ("a", "b", "b/c", "dead", "missing", "a/below")
    assert {name for name in names if album.folder.holds_file(P(name))} == {"a", "b/c", "dead"}
    assert {name for name in names if album.folder.exists(P(name))} == {"a", "b", "b/c", "dead"}


def test_a_folder_swapped_in_the_middle_of_it_leads_nowhere(
    album: Album, world: World, tmp_path: Path
) -> None:
    """The act goes on in the folder that was opened, wherever that is now; never in what took its name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (album.root / "a").mkdir()

    def swap() -> None:
        (album.root / "a").rename(album.root / "was-a")
        (album.root / "a").symlink_to(outside)

    with album.ready(b"new") as ready:
        world.before("move_out", swap)
        album.folder.place(ready, P("a/x"))
    assert list(outside.iterdir()) == []
    assert album.seen() == {"was-a/x": b"new"}


def test_a_file_swapped_for_a_link_is_not_followed(album: Album, kind: str, world: World) -> None:
    """A link in the file's place stays where it is, and what it points to is not touched."""
    old = album.write("x", b"old")
    target = album.write("target", b"target")
    ready = album.ready(b"new")

    def swap() -> None:
        (album.root / "x").unlink()
        (album.root / "x").symlink_to("target")

    world.before({"modern": "exchange"}.get(kind, "move_inside"), swap)
    with pytest.raises(MovedOn):
        album.folder.place(ready, P("x"), replaces=old)
    assert (album.root / "x").readlink() == Path("target")
    assert album.scanned("target") == target


@pytest.mark.parametrize("name", [".syncd", ".syncd/tmp", ".syncd/trash"])
def test_the_internal_folder_must_not_be_a_link(album: Album, tmp_path: Path, name: str) -> None:
    """Otherwise the trash could be anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (album.root / name).parent.mkdir(exist_ok=True)
    (album.root / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError):
        album.folder.ensure_internal()
    with pytest.raises(FolderError):
        album.folder.incoming(md5(b""))


def test_the_internal_folder_is_for_nobody_else(album: Album) -> None:
    """Private files in the trash do not become readable by others."""
    album.folder.ensure_internal()
    for name in (".syncd", ".syncd/tmp", ".syncd/trash"):
        assert stat.S_IMODE((album.root / name).stat().st_mode) == 0o700


@pytest.mark.parametrize("rel", ["../x", "a/../../x", "/etc/x", "a//b", "."])
def test_no_path_climbs_out(album: Album, rel: str) -> None:
    """Whatever slipped through before, it ends here."""
    with album.ready(b"new") as ready, pytest.raises(Blocked):
        album.folder.place(ready, MediaPath(rel, rel))


# --- moving -----------------------------------------------------------------------------------------------------------


def test_a_file_moves_to_a_free_name(album: Album, kind: str) -> None:
    """It is the same file afterwards; the folder it leaves empty goes only when asked."""
    album.write("a/b/x", b"x")
    moved = album.folder.move(album.scanned("a/b/x"), P("c/d/y"))
    assert album.seen() == {"c/d/y": b"x"}
    assert moved == album.scanned("c/d/y")
    assert (album.root / "a/b").is_dir()
    album.folder.move(moved, P("x"), prune=True)
    assert not (album.root / "c").exists()
    assert album.tmp() == []


def test_pruning_stops_at_what_is_not_empty(album: Album) -> None:
    """Neither a folder with anything in it nor the media folder itself is removed."""
    album.write("a/b/x", b"x")
    album.write("a/y", b"y")
    album.folder.trash(album.scanned("a/b/x"), reason="", prune=True)
    assert not (album.root / "a/b").exists()
    album.folder.trash(album.scanned("a/y"), reason="", prune=True)
    assert album.root.is_dir()


def test_a_move_never_overwrites(album: Album, kind: str) -> None:
    """The name is taken: both files stay."""
    album.write("x", b"x")
    album.write("y", b"y")
    with pytest.raises(MovedOn):
        album.folder.move(album.scanned("x"), P("y"))
    assert album.seen() == {"x": b"x", "y": b"y"}
    assert album.tmp() == []


def test_a_file_saved_while_it_is_moved_gets_its_name_back(album: Album, kind: str, world: World) -> None:
    """What was moved is looked at; unexpected bytes go back."""
    old = album.write("x", b"old")

    def save() -> None:
        (album.root / "saving").write_bytes(b"newer")
        (album.root / "saving").replace(album.root / "x")

    modern = kind in ("modern", "no-exchange")
    world.before("move_directly" if modern else "move_inside", save)
    with pytest.raises(MovedOn):
        album.folder.move(old, P("y"))
    assert album.seen() == {"x": b"newer"}
    assert album.tmp() == []


def test_two_files_swap_names(album: Album, kind: str) -> None:
    """One steps aside for the other."""
    album.write("a", b"1")
    album.write("b", b"2")
    with album.folder.step_aside(album.scanned("a")) as parked:
        album.folder.move(album.scanned("b"), P("a"))
        settled = parked.settle(P("b"))
    assert album.seen() == {"a": b"2", "b": b"1"}
    assert settled == album.scanned("b")
    assert album.tmp() == []


def test_a_file_that_cannot_settle_goes_back(album: Album, kind: str) -> None:
    """To its name, or beside it when somebody took that."""
    album.write("a", b"1")
    album.write("b", b"2")
    with pytest.raises(MovedOn), album.folder.step_aside(album.scanned("a")) as parked:
        parked.settle(P("b"))
    assert album.seen() == {"a": b"1", "b": b"2"}
    with album.folder.step_aside(album.scanned("a")):
        (album.root / "a").write_bytes(b"3")
    assert album.seen() == {"a": b"3", "a (2)": b"1", "b": b"2"}
    assert album.tmp() == []


def test_a_name_is_found_in_the_form_that_the_disk_has(album: Album) -> None:
    """A composed name from Gramps Web goes into the folder that macOS decomposed, and does not double a file."""
    album.write("Gro\u0308ße/a", b"a")
    with album.ready(b"b") as ready:
        placed = album.folder.place(ready, P("Größe/b"))
    assert set(album.names()) == {"Gro\u0308ße", ".syncd"}
    assert placed.file.path.text == "Gro\u0308ße/b"
    album.write("u\u0308", b"u")
    with album.ready(b"b") as ready, pytest.raises(MovedOn):
        album.folder.place(ready, P("ü"))


# --- the trash --------------------------------------------------------------------------------------------------------


def test_a_file_goes_to_the_trash_and_comes_back(album: Album, kind: str) -> None:
    """Its name and day are kept; coming back it overwrites nothing."""
    album.write("a/x.jpg", b"x")
    entry = album.folder.trash(album.scanned("a/x.jpg"), reason="gone", handle="h")
    assert album.seen() == {}
    assert (entry.path.text, entry.kept_as) == ("a/x.jpg", ".syncd/trash/2026-11-22/a/x.jpg")
    album.write("a/x.jpg", b"another")
    back = album.folder.restore(entry.kept_as, entry.path)
    assert album.seen() == {"a/x.jpg": b"another", "a/x (2).jpg": b"x"}
    assert back == album.scanned("a/x (2).jpg")
    assert album.names(".syncd/trash") == []
    with pytest.raises(MovedOn):
        album.folder.restore(entry.kept_as, entry.path)


def test_the_trash_takes_the_same_name_again_and_again(album: Album) -> None:
    """Every version is kept, a long name is cut, and a file is in nobody's way who was a folder."""
    long = "n" * 251 + ".jpg"
    kept = set()
    for content in (b"1", b"2", b"3"):
        album.write(long, content)
        kept.add(album.folder.trash(album.scanned(long), reason="").kept_as)
    assert {(album.root / name).read_bytes() for name in kept} == {b"1", b"2", b"3"}
    album.write("was", b"file")
    album.folder.trash(album.scanned("was"), reason="")
    album.write("was/folder", b"below")
    album.folder.trash(album.scanned("was/folder"), reason="")
    assert {b"file", b"below"} <= set(album.trashed().values())


def test_a_file_changed_since_the_scan_does_not_go_to_the_trash(
    album: Album, kind: str, world: World
) -> None:
    """Changed before, it stays; changed in the last instant, it comes back."""
    old = album.write("x", b"old")
    (album.root / "x").write_bytes(b"newer")
    with pytest.raises(MovedOn):
        album.folder.trash(old, reason="")
    old = album.scanned("x")
    world.before("move_inside", lambda: (album.root / "x").write_bytes(b"newest!"))
    with pytest.raises(MovedOn):
        album.folder.trash(old, reason="")
    assert album.seen() == {"x": b"newest!"}
    assert album.trashed() == {}


def test_purging_deletes_one_file_of_the_trash_only(album: Album) -> None:
    """And the folders it leaves empty; nothing outside the trash can be named."""
    album.write("a/x", b"x")
    album.write("a/y", b"y")
    one = album.folder.trash(album.scanned("a/x"), reason="")
    two = album.folder.trash(album.scanned("a/y"), reason="")
    album.folder.purge(one.kept_as)
    assert album.trashed() == {"2026-11-22/a/y": b"y"}
    album.folder.purge(one.kept_as)
    album.folder.purge(two.kept_as)
    assert album.names(".syncd/trash") == []
    album.write("z", b"z")
    for name in ("z", ".syncd/trash/../../z", ".syncd/trash"):
        with pytest.raises(FolderError):
            album.folder.purge(name)
    assert album.seen() == {"z": b"z"}


def test_what_was_written_in_the_trash_is_not_purged(album: Album) -> None:
    """A program had the file open and went on writing: those bytes exist nowhere else."""
    file = album.write("x", b"x")
    with (album.root / "x").open("ab") as still_open:
        entry = album.folder.trash(file, reason="")
        still_open.write(b" and more")
    with pytest.raises(MovedOn):
        album.folder.purge(entry.kept_as, entry.checksum)
    assert album.trashed() == {"2026-11-22/x": b"x and more"}


def test_bytes_may_go_straight_to_the_trash(album: Album) -> None:
    """The loser of a conflict that never stood in the folder."""
    with album.ready(b"lost") as ready:
        entry = album.folder.keep_in_trash(ready, P("a/x"), reason="lost a conflict")
    assert (album.root / entry.kept_as).read_bytes() == b"lost"
    assert album.tmp() == []


# --- arriving bytes ---------------------------------------------------------------------------------------------------


def test_a_download_begins_anew(album: Album) -> None:
    """What came from the wrong place is forgotten, also where more of it came; nothing but all of it can be."""
    with album.folder.incoming(md5(b"right")) as part:
        part.file.write(b"wrong and long")
        with pytest.raises(OSError, match="only"):
            part.file.truncate()
        with pytest.raises(OSError, match="only"):
            part.file.seek(3)
        part.file.seek(0)
        part.file.truncate()
        part.file.write(b"right")
        with part.finish() as ready:
            album.folder.place(ready, P("a.jpg"))
    assert album.seen() == {"a.jpg": b"right"}


def test_wrong_bytes_are_never_ready(album: Album) -> None:
    """What does not have the checksum is thrown away."""
    with album.folder.incoming(md5(b"right")) as part:
        part.file.write(b"wrong")
        with pytest.raises(Unexpected):
            part.finish()
    assert album.tmp() == []
    with album.folder.incoming(md5(b"right")) as part:
        part.file.write(b"ri")
    assert album.tmp() == []


def test_a_copy_is_verified(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the folder is copied only while it is what was scanned."""
    source = album.write("x", b"x" * 3_000_000)
    with album.folder.copy_in(source) as ready:
        assert ready.checksum == source.checksum
        album.folder.place(ready, P("y"))
    assert album.seen()["y"] == b"x" * 3_000_000
    (album.root / "x").write_bytes(b"y" * 3_000_000)
    with pytest.raises(MovedOn):
        album.folder.copy_in(source)
    lying = replace(album.scanned("x"), checksum=md5(b"other"))
    # Its times vouch for its bytes once it is older.
    for age_ns, failure in [(0, MovedOn), (3_000_000_000, Rotten)]:
        now = lying.stamp.ctime_ns + age_ns
        monkeypatch.setattr(hashing, "time", SimpleNamespace(time_ns=lambda now=now: now))
        with pytest.raises(failure):
            album.folder.copy_in(lying)
    assert album.tmp() == []


def test_what_is_read_is_what_was_scanned(album: Album) -> None:
    """A changed file, a pipe in its place, a missing one: MovedOn, without waiting."""
    file = album.write("x", b"x")
    with album.folder.open_verified(file) as source:
        assert source.read() == b"x"
    (album.root / "x").write_bytes(b"y")
    with pytest.raises(MovedOn), album.folder.open_verified(file):
        pass
    (album.root / "x").unlink()
    with pytest.raises(MovedOn), album.folder.open_verified(file):
        pass
    os.mkfifo(album.root / "x")
    with pytest.raises(MovedOn), album.folder.open_verified(file):
        pass


# --- what the disk refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (errno.ENOSPC, FolderError, "full"),
        (errno.EDQUOT, FolderError, "quota"),
        (errno.EROFS, FolderError, "read-only"),
        (errno.EIO, FolderError, "does not answer"),
        (errno.EFBIG, Blocked, "large"),
        (errno.EACCES, Blocked, "may not"),
    ],
)
def test_the_disk_refuses(album: Album, world: World, code: int, kind: type[FolderError], said: str) -> None:
    """Each refusal says what is wrong and what to do, and leaves nothing behind."""
    world.fail("write", code)
    with pytest.raises(kind, match=said) as caught, album.folder.incoming(md5(b"x")) as part:
        part.file.write(b"x")
    assert caught.value.remedy
    assert album.tmp() == []


def test_a_refusal_in_the_middle_of_a_replacement_loses_nothing(
    album: Album, kind: str, world: World
) -> None:
    """The trash cannot be written: the old file is kept for the next start, or stays."""
    old = album.write("x", b"old")
    with pytest.MonkeyPatch.context() as patch, album.ready(b"new") as ready:
        worse = World(patch)
        worse.fail("make_folder", errno.ENOSPC)
        with pytest.raises(FolderError):
            album.folder.place(ready, P("x"), replaces=old)
    assert b"old" in album.everything().values()
    recovered = album.folder.recover()
    assert album.seen() == {"x": b"new"}
    assert album.trashed() == {"2026-11-22/x": b"old"}
    assert [entry.trashed.kept_as for entry in recovered if entry.trashed] == [".syncd/trash/2026-11-22/x"]
    assert album.tmp() == []


def test_without_the_folder_nothing_is_done(tmp_path: Path) -> None:
    """A missing media folder is an error, and is not made."""
    folder = MediaFolder(tmp_path / "missing")
    with pytest.raises(FolderError):
        folder.marker()
    with pytest.raises(FolderError):
        folder.recover()
    assert not (tmp_path / "missing").exists()


def mounted(*arguments: str | Path) -> Iterator[None]:
    """Mount for the time of a test, or skip it where that is not allowed."""
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", arguments[-1]], check=True)


def test_a_small_disk_that_is_full(album: Album) -> None:
    """Found out beforehand where the size is known, and cleanly in the middle where it is not."""
    for _ in mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs", album.root):
        small = Album(album.root)
        with pytest.raises(FolderError, match="full"):
            small.folder.incoming(md5(b""), 10 << 20)
        with small.folder.incoming(md5(b"")) as part, pytest.raises(FolderError, match="full"):
            part.file.write(bytes(21 << 20))
        assert small.tmp() == []
        assert shutil.disk_usage(album.root).free > 10 << 20
        small.folder.close()


def test_another_disk_that_is_full(album: Album) -> None:
    """A file of another disk than `.syncd` needs room there: without it, nothing is copied, and the old one stays."""
    (album.root / "nas").mkdir()
    for _ in mounted("-t", "tmpfs", "-o", "size=17m", "tmpfs", album.root / "nas"):
        old = album.write("nas/x", b"old")
        with album.ready(bytes(2 << 20)) as ready, pytest.raises(FolderError, match=r"nas/.* is full"):
            album.folder.place(ready, old.path, replaces=old)
        assert album.seen() == {"nas/x": b"old"}
        assert album.tmp() == []
        album.folder.close()


def test_another_disk_inside_the_folder(album: Album) -> None:
    """Placing, replacing, moving, trashing and restoring work across disks, by verified copies."""
    (album.root / "nas").mkdir()
    for _ in mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", album.root / "nas"):
        with album.ready(b"new") as ready:
            placed = album.folder.place(ready, P("nas/a/x"))
        assert placed.file == album.scanned("nas/a/x")
        with album.ready(b"newer") as ready:
            placed = album.folder.place(ready, P("nas/a/x"), replaces=placed.file)
        assert (album.seen(), album.trashed()) == ({"nas/a/x": b"newer"}, {"2026-11-22/nas/a/x": b"new"})
        with album.ready(b"newest") as ready:
            placed = album.folder.place(
                ready, P("nas/a/x"), replaces=placed.file, keep_as=P("nas/a/x (conflict)")
            )
        assert album.seen() == {"nas/a/x": b"newest", "nas/a/x (conflict)": b"newer"}
        moved = album.folder.move(placed.file, P("here"))
        assert moved == album.scanned("here")
        moved = album.folder.move(moved, P("nas/there"))
        entry = album.folder.trash(moved, reason="")
        assert album.seen() == {"nas/a/x (conflict)": b"newer"}
        album.folder.restore(entry.kept_as, P("nas/back"))
        assert album.seen() == {"nas/a/x (conflict)": b"newer", "nas/back": b"newest"}
        with album.folder.step_aside(album.scanned("nas/back")) as parked:
            parked.settle(P("nas/settled"))
        assert album.tmp() == []
        assert not [name for name in album.seen() if ".syncd-" in name]


def test_many_threads_make_and_prune_the_same_folders(album: Album) -> None:
    """No thread loses its folder to another's tidying."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                with album.ready(b"%d %d" % (number, turn)) as ready:
                    file = album.folder.place(ready, P(f"a/b/c/{number}")).file
                album.folder.trash(file, reason="", prune=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(album.trashed()) == 90
    assert album.seen() == {}


# --- marker and recovery ----------------------------------------------------------------------------------------------


def test_the_marker_is_written_whole(album: Album) -> None:
    """None before; afterwards what was written, for this user only."""
    assert album.folder.marker() is None
    marker = Marker("ab12", "desk:/home/me/state.sqlite")
    album.folder.write_marker(marker)
    album.folder.write_marker(marker)
    assert album.folder.marker() == marker
    assert album.names(".syncd").count("folder.json") == 1
    assert len(album.names(".syncd")) == 3


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 2, "id": "a", "state": "b"}', b"\xff"]
)
def test_a_marker_that_makes_no_sense_is_an_error(album: Album, content: bytes) -> None:
    """Never taken for no marker."""
    album.write(".syncd/folder.json", content)
    with pytest.raises(FolderError):
        album.folder.marker()


def test_a_marker_that_is_a_link_or_a_folder_is_an_error(album: Album) -> None:
    """What it points to may belong to another folder."""
    (album.root / ".syncd").mkdir()
    (album.root / ".syncd/folder.json").symlink_to("/dev/zero")
    with pytest.raises(FolderError):
        album.folder.marker()


def test_recovery_throws_away_only_what_can_be_had_again(album: Album) -> None:
    """Parts and verified files go, a file with other bytes than its name says is a person's."""
    album.folder.ensure_internal()
    tmp = album.root / ".syncd/tmp"
    (tmp / "a.part").write_bytes(b"half")
    (tmp / f"{md5(b'new')}.x.ready").write_bytes(b"new")
    (tmp / f"{md5(b'new')}.y.ready").write_bytes(b"a person's")
    (tmp / "z.note").write_bytes(b'{"slot": ".syn')
    (recovered,) = album.folder.recover()
    assert recovered.trashed is not None
    assert (album.root / recovered.trashed.kept_as).read_bytes() == b"a person's"
    assert album.tmp() == []
    assert album.folder.recover() == []


def test_what_lies_in_the_trash_unlisted_is_found(album: Album) -> None:
    """Files that a crash, or a lost state, left unlisted are told with the name that they had; the rest is left."""
    assert album.folder.unlisted_trash([]) == []
    listed = album.folder.trash(album.write("a/x", b"one"), reason="")
    lost = album.folder.trash(album.write("a/y", b"two"), reason="")
    trash = album.root / ".syncd/trash"
    (trash / "2026-11-22/link").symlink_to(album.root)
    (trash / "stray").write_bytes(b"nobody's")
    (found,) = album.folder.unlisted_trash([listed.kept_as])
    assert (found.path, found.kept_as, found.checksum, found.size) == (P("a/y"), lost.kept_as, md5(b"two"), 3)
    assert album.folder.unlisted_trash([listed.kept_as, lost.kept_as]) == []


def test_a_way_back_that_is_barred_is_named(album: Album) -> None:
    """A file has the name of the folder that a file of the trash was in: the message tells of that name."""
    kept_as = album.folder.trash(album.write("a/x", b"one"), reason="", prune=True).kept_as
    album.write("a", b"a file by now")
    with pytest.raises(Blocked, match="'a/x'"):
        album.folder.restore(kept_as, P("a/x"))
    assert (album.root / kept_as).read_bytes() == b"one"
    assert album.folder.restore(kept_as, P("b/x")).path == P("b/x")


def test_a_note_waits_for_the_disk_that_it_tells_of(album: Album) -> None:
    """The file under our name is on a disk that is not mounted now: the note stays until it is."""
    album.folder.ensure_internal()
    note = b'{"slot": "nas/.syncd-1.part", "path": "nas/x", "keep_as": "nas/x", "checksum": null}'
    (album.root / ".syncd/tmp/1.note").write_bytes(note)
    assert album.folder.recover() == []
    (album.root / "nas").mkdir()
    assert album.folder.recover() == []
    (album.root / "nas/.syncd-1.part").write_bytes(b"x")
    (recovered,) = album.folder.recover()
    assert recovered.stands_at == P("nas/x")
    assert album.seen() == {"nas/x": b"x"}
    assert album.tmp() == []


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_system_calls_translate_what_the_kernel_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A C library without renameat2 is a file system without it."""
    monkeypatch.setattr(syscalls, "_rename", None)
    with pytest.raises(syscalls.UnsupportedError):
        syscalls.renameat2(-1, "a", -1, "b", syscalls.EXCHANGE)
