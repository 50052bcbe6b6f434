"""Stops: when one of the three is not what was synced before, nothing is done in either direction until a person looks.

Every scenario ends with the way out that the stop tells of, and with both sides in step.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab.gramps_web import GrampsWeb
from lab.s3 import RcloneS3
from lab.world import World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import (
    adopt,
    assert_document,
    assert_plain,
    assert_settled,
    assert_stopped,
    lasting,
    photo,
    synced,
)
from tests.lab.unprivileged import hand_over, nobodys_desktop

# --- the folder -------------------------------------------------------------------------------------------------------


def test_a_folder_that_never_was_is_a_mistake(world: World) -> None:
    """Before the first sync, a media folder that does not exist is a wrong setting (2), and nothing is made."""
    world.folder.rmdir()
    run = world.syncd("--once")
    assert run.code == 2, run
    assert "media_dir" in run.err
    assert_plain(run)
    assert not world.folder.exists()
    world.folder.mkdir()
    world.copy_example_images()
    world.sync()
    assert_settled(world)


def test_a_missing_folder(world: World) -> None:
    """After it was synced, a missing media folder stops everything; back again, it goes on as if nothing had been."""
    synced(world)
    away = world.folder.rename(world.base / "unplugged")
    stop = assert_stopped(world, "missing")
    assert "mount" in stop["remedy"]
    assert not world.folder.exists()
    away.rename(world.folder)
    assert_settled(world)


def test_an_empty_folder_in_its_place(world: World) -> None:
    """The drive is not mounted: an empty folder stands where the media were. Not one object is deleted."""
    synced(world)
    away = world.folder.rename(world.base / "unmounted")
    world.folder.mkdir()
    assert_stopped(world, "marker")
    assert list(world.folder.iterdir()) == []
    world.folder.rmdir()
    away.rename(world.folder)
    assert_settled(world)


def test_an_empty_folder_that_is_adopted(world: World) -> None:
    """Whoever adopts an empty folder gets all files fetched into it, and loses nothing."""
    images = synced(world).desktop.files()
    world.folder.rename(world.base / "broken drive")
    world.folder.mkdir()
    adopt(world, assert_stopped(world, "marker"))
    assert world.desktop.files() == images
    assert_settled(world)


def test_a_marker_that_is_missing(world: World) -> None:
    """The files are there, the marker is not: it stops, and `syncd adopt` pairs everything anew."""
    synced(world)
    (world.folder / ".syncd" / "folder.json").unlink()
    adopt(world, assert_stopped(world, "marker"))
    assert_settled(world)


def test_a_marker_with_another_id(world: World) -> None:
    """Another folder that was bound to this state file stands at the path: it stops."""
    synced(world)
    marker = world.folder / ".syncd" / "folder.json"
    ours = marker.read_text()
    marker.write_text(json.dumps({**json.loads(ours), "id": "0" * 32}))
    assert_stopped(world, "another")
    marker.write_text(ours)
    assert_settled(world)


def test_a_marker_that_makes_no_sense(world: World) -> None:
    """A marker of rubbish is no marker to trust: nothing is done (3), and `syncd adopt` writes a new one."""
    synced(world)
    marker = world.folder / ".syncd" / "folder.json"
    marker.write_bytes(b"\x00" * 100)
    world.write("new.jpg", photo(1))
    mark = world.mark()
    run = world.syncd("--once", "--json")
    assert run.code == 3, run
    mark.assert_nothing_written()
    assert_plain(run)
    adopt(world, run.json["error"])
    assert_settled(world)


def test_two_state_files_on_one_folder(world: World) -> None:
    """A folder belongs to one state file: another one stops, whatever it knows, until it is told to take over."""
    synced(world)
    other = world.base / "other state"
    world.configure(state_dir=str(other))
    world.write("new.jpg", photo(1))
    stop = assert_stopped(world, "another state file")
    check = world.syncd("check")
    assert check.code == 3, check
    assert "another state file" in check.out
    adopt(world, stop)
    assert_settled(world)
    world.configure(state_dir=str(world.desktop.state_dir))
    assert_stopped(world, "another state file")


# --- the server -------------------------------------------------------------------------------------------------------


def test_another_tree_at_the_same_address(world: World, gramps_web: GrampsWeb) -> None:
    """The login leads to another tree: no file is taken for deleted, none goes to the wrong family."""
    synced(world)
    right = world.desktop.settings["gramps"]["username"]
    other = gramps_web.add_tree("example")
    world.configure(gramps={"username": other.users["editor"]})
    world.write("new.jpg", photo(1))
    with gramps_web.api(other) as api:
        before = api.last_transaction()
        stop = assert_stopped(world, "another tree", f"({other.id}), not ", f"({world.tree.id})")
        assert world.server.url not in stop["reason"]  # both are there
        assert "shown has 7 media objects, the one that was synced had 7 files in step" in stop["remedy"]
        assert api.last_transaction() == before
    assert "another tree" in world.syncd("--once", "--dry-run").err
    world.configure(gramps={"username": right})
    world.sync()
    assert_settled(world)


def test_another_empty_tree_that_is_adopted(world: World, gramps_web: GrampsWeb) -> None:
    """Whoever adopts an empty tree gets all files added to it; the first tree keeps all it has."""
    images = synced(world).desktop.files()
    first = world.api.by_path()
    other = gramps_web.add_tree("empty")
    world.configure(gramps={"username": other.users["editor"]})
    assert "syncd adopt" in assert_stopped(world, "another tree")["remedy"]
    run = world.syncd("adopt", "--yes")
    assert run.code == 0, run
    assert_plain(run)
    world.sync()
    with gramps_web.api(other) as api:
        assert {path: item["checksum"] for path, item in api.by_path().items()} == {
            path: md5(content) for path, content in images.items()
        }
    assert world.api.by_path() == first
    assert world.desktop.files() == images


def test_another_bucket_behind_the_same_server(
    rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """The server moved to another bucket, configuration and all: it stops; adopted, the new bucket is filled."""
    first, second = rclone.new_bucket(), rclone.new_bucket()
    world = new_world(new_server(s3=rclone, many=False, media_base_dir=f"s3://{first.bucket}").start())
    synced(world)
    keys = first.keys()
    world.server.stop()
    world.server.media_base_dir = f"s3://{second.bucket}"
    world.s3 = world.bucket = second
    world.server.start()
    world.configure(s3={"url": world.server.media_base_dir})
    stop = assert_stopped(world, second.bucket, first.bucket)
    assert second.keys() == {}
    adopt(world, stop)
    assert_settled(world)
    assert first.keys() == second.keys() == keys


def test_a_server_restored_from_a_backup(
    rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """The tree is as it was a week ago: what was added since is no deletion. `syncd adopt` brings it back.

    Also when the restored server went on and gives the same numbers to other changes.
    """
    bucket = rclone.new_bucket()
    world = new_world(new_server(s3=rclone, many=False, media_base_dir=f"s3://{bucket.bucket}").start())
    synced(world)
    world.server.stop()
    backup = world.base / "backup"
    world.server.save_tree(world.tree, backup)
    world.server.start()
    world.write("new.jpg", photo(1))
    world.sync()
    known = world.api.last_transaction()

    world.server.restore_tree(world.tree, backup)
    assert_stopped(world, "restored from a backup")
    while world.api.last_transaction() < known:
        world.api.new_tag(f"tag {world.api.last_transaction()}")
    stop = assert_stopped(world, "restored from a backup")
    assert (world.folder / "new.jpg").read_bytes() == photo(1)
    adopt(world, stop)
    assert "new.jpg" in world.catalog()
    assert_settled(world)


def test_an_account_that_lost_its_rights(world: World) -> None:
    """A guest sees less, a contributor may less than an editor: it stops, for what is hidden would look deleted."""
    synced(world)
    world.api.edit(world.api.media()[0]["handle"], private=True)
    world.write("new.jpg", photo(1))
    for role, right in (("guest", "ViewPrivate"), ("contributor", "DeleteObject")):
        world.server.set_role(world.tree.users["editor"], role)
        stop = assert_stopped(world, "rights", right)
        assert "Editor" in stop["remedy"]
    world.server.set_role(world.tree.users["editor"], "editor")
    world.sync()
    assert_settled(world)


def test_a_tree_that_was_emptied(world: World) -> None:
    """All objects are gone at once, and no history tells of it: it stops, every file stays; `adopt` adds them again."""
    images = synced(world).desktop.files()
    world.api.json("POST", "/objects/delete/", 200, 201, 202, params={"namespaces": "media"})
    assert world.api.media() == []
    assert_stopped(world, "no media at all")
    stop = assert_stopped(world, "no media at all")
    assert world.desktop.files() == images
    adopt(world, stop)
    assert world.desktop.files() == images
    assert_settled(world)


def test_a_stop_is_told_once_to_cron(world: World) -> None:
    """A quiet run tells a stop once; its exit code keeps saying it, and when it comes back it is news again."""
    synced(world)
    away = world.folder.rename(world.base / "unplugged")
    first, second = world.syncd("-q", "--once"), world.syncd("-q", "--once")
    assert (first.code, second.code) == (3, 3)
    assert "missing" in first.err
    assert first.out == second.out == second.err == ""
    away.rename(world.folder)
    third = world.syncd("-q", "--once")
    assert (third.code, third.out, third.err) == (0, "", "")
    away = world.folder.rename(away)
    assert "missing" in world.syncd("-q", "--once").err
    away.rename(world.folder)
    assert_settled(world)


# --- the state --------------------------------------------------------------------------------------------------------


def _state(world: World) -> Path:
    return world.desktop.state_dir / "state.sqlite"


def test_a_state_of_a_newer_syncd(world: World) -> None:
    """A state file with a newer schema is refused (6) and left as it is, byte for byte."""
    synced(world)
    with closing(sqlite3.connect(_state(world))) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA user_version = 999")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = _state(world).read_bytes()
    world.write("new.jpg", photo(1))
    mark = world.mark()
    run = world.syncd("--once", "--json")
    assert run.code == 6, run
    assert "newer" in assert_document(run)["error"]["reason"]
    mark.assert_nothing_written()
    assert _state(world).read_bytes() == before
    assert world.syncd("check").code == 6
    with closing(sqlite3.connect(_state(world))) as db:
        db.execute(f"PRAGMA user_version = {version}")
    world.sync()
    assert_settled(world)


@pytest.mark.parametrize("damage", ["rubbish", "cut short", "empty", "a damaged page"])
def test_a_corrupt_state(world: World, damage: str) -> None:
    """A corrupt state file is set aside and told; the run is first contact, and nothing is deleted or doubled.

    A file deleted in the folder meanwhile comes back: without the state nobody knows that it was there.
    """
    images = synced(world).desktop.files()
    state = _state(world)
    content = state.read_bytes()
    for name in ("state.sqlite-wal", "state.sqlite-shm"):
        (world.desktop.state_dir / name).unlink(missing_ok=True)
    middle = len(content) // 4096 // 2 * 4096
    state.write_bytes(
        {
            "rubbish": b"no database at all\n" * 400,
            "cut short": content[: len(content) // 2],
            "empty": b"",
            "a damaged page": content[:4096] + os.urandom(middle) + content[4096 + middle :],
        }[damage]
    )
    damaged = state.read_bytes()
    next(world.folder.glob("*.jpg")).unlink()
    world.write("new.jpg", photo(1))
    run = world.syncd("--once")
    assert run.code == 0, run
    assert "damaged" in run.out + run.err
    assert_plain(run)
    kept = list(world.desktop.state_dir.glob("state.sqlite.corrupt-*"))
    assert damaged in [path.read_bytes() for path in kept]
    assert world.desktop.files() == {**images, "new.jpg": photo(1)}
    assert len(world.api.media()) == len(images) + 1
    assert world.desktop.trash() == []
    assert_settled(world)


def test_the_trash_outlives_the_state(world: World) -> None:
    """Without its state file syncd still finds what lies in the trash, and can bring it back."""
    synced(world)
    path, content = next(iter(world.desktop.files().items()))
    world.api.delete(world.api.by_path()[path]["handle"])
    world.sync()
    for left in world.desktop.state_dir.iterdir():
        left.unlink()
    world.sync()
    (entry,) = world.syncd("trash", "list", "--json").json["trash"]
    assert (entry["path"], entry["checksum"]) == (path, md5(content))
    assert world.syncd("trash", "restore", path).code == 0
    assert world.desktop.files()[path] == content
    world.sync()
    assert_settled(world)


def test_a_state_folder_that_cannot_be_written(world: World) -> None:
    """A state folder without the right to write is told (6) to whoever is not root, before anything is done."""
    with nobodys_desktop(world) as desktop:
        state = desktop.base.parent / "state of others"
        state.mkdir()
        desktop.configure(state_dir=str(state))
        desktop.write("new.jpg", photo(1))
        hand_over(desktop)
        mark = world.mark()
        for arguments in (("--once", "--json"), ("check", "--json")):
            run = desktop.syncd(*arguments)
            assert run.code == 6, run
            error = run.json["error"]
            assert str(state) in error["reason"]
            assert error["remedy"]
            assert_plain(run)
        assert lasting(mark) == []
        assert list(state.iterdir()) == []
        assert [path.name for path in desktop.folder.iterdir()] == ["new.jpg"]


def test_two_at_once(world: World) -> None:
    """A second syncd on the same state file or folder is refused (5), at once and without doing anything."""
    synced(world)
    world.write("new.jpg", photo(1))
    mark = world.mark()
    for lock in (world.desktop.state_dir / "state.sqlite.lock", world.folder / ".syncd" / "lock"):
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            run = world.syncd("--once", "--json")
            assert run.code == 5, run
            assert assert_document(run)["error"]["remedy"]
            quiet = world.syncd("-q", "--once")
            assert (quiet.code, quiet.out, quiet.err) == (5, "", "")
            assert world.syncd("adopt", "--yes").code == 5
    mark.assert_nothing_written()
    world.sync()
    assert_settled(world)


def test_two_that_start_together(world: World) -> None:
    """Two runs started at the same moment: each ends with 0 or 5, and no object is made twice."""
    world.copy_example_images()
    world.write("new.jpg", photo(1))
    runs = [world.desktop.start("--once", "--json") for _ in range(3)]
    codes = sorted([run.wait(120) for run in runs])
    for run in runs:
        run.communicate()
    assert codes[0] == 0
    assert set(codes) <= {0, 5}
    assert len(world.api.media()) == 8
    assert_settled(world)
