"""The state file deleted, cut short, rolled back, or read-only: no byte is lost, and nothing is deleted that nobody deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.world import World, md5
from tests.lab.endings import assert_plain, assert_settled, lasting
from tests.lab.scenario import begin, change_on_web, ends_in_step, handles, photo
from tests.lab.unprivileged import hand_over, nobodys_desktop

HEADER = 100
"""Bytes of a database's header."""
PAGE = 4096


def state_files(world: World) -> Path:
    """The state with its side files folded in, as it is at rest: a copy beside it."""
    kept = world.base / "yesterday"
    shutil.copytree(world.desktop.state_dir, kept)
    return kept


def put_back(world: World, kept: Path) -> None:
    """The state as it was then."""
    shutil.rmtree(world.desktop.state_dir)
    shutil.copytree(kept, world.desktop.state_dir)


def test_a_state_of_yesterday(empty_world: World) -> None:
    """A backup of the state alone is put back, after a day of changes that were synced, and others that were not yet.

    What both sides agree on is no news, whatever the state believes; what only one side has is kept on both.
    """
    world = empty_world
    was = begin(
        world, *(f"{name}.jpg" for name in ("same", "edited", "webbed", "moved", "both", "gone", "webgone"))
    )
    kept = state_files(world)

    world.write("edited.jpg", photo("edited"))
    change_on_web(world, was["webbed.jpg"], photo("webbed"))
    (world.folder / "moved.jpg").rename(world.folder / "moved there.jpg")
    world.write("both.jpg", photo("second of three"))
    (world.folder / "gone.jpg").unlink()
    world.api.delete(was["webgone.jpg"])
    world.write("new.jpg", photo("new"))
    new_on_web = world.api.create("web.jpg", photo("web"))
    world.sync()
    # Another photo takes the name of one that was moved, and one that was deleted comes back with other bytes.
    world.write("moved.jpg", photo("another one"))
    world.write("webgone.jpg", photo("put back"))
    world.sync()
    world.assert_in_step()
    agreed = handles(world)
    world.write("both.jpg", photo("third of three"))
    (world.folder / "web.jpg").unlink()
    world.write("late.jpg", photo("late"))
    (world.folder / "same.jpg").rename(world.folder / "album.jpg")

    put_back(world, kept)
    document = world.sync()
    assert document["counts"]["deleted"] == document["counts"]["trashed"] == 0
    files = world.desktop.files()
    assert files["web.jpg"] == photo("web")
    assert {photo("third of three"), photo("second of three")} <= set(files.values())
    assert files["late.jpg"] == photo("late")
    assert files["moved there.jpg"] == photo("moved.jpg")
    assert files["moved.jpg"] == photo("another one")
    assert files["webgone.jpg"] == photo("put back")
    assert "gone.jpg" not in files
    now = handles(world)
    assert now["album.jpg"] == agreed["same.jpg"]
    assert {path: now[path] for path in agreed.keys() - {"same.jpg"}} == {
        path: agreed[path] for path in agreed.keys() - {"same.jpg"}
    }
    assert now["web.jpg"] == new_on_web
    ends_in_step(world)


def test_a_state_cut_short(empty_world: World) -> None:
    """At any size, or gone altogether: it is set aside, both sides are compared anew, and nothing is deleted or doubled."""
    world = empty_world
    was = begin(world, "a.jpg", "b.jpg")
    state = world.desktop.state_dir / "state.sqlite"
    for size in (1, HEADER, PAGE, -PAGE, None):
        for side in world.desktop.state_dir.glob("state.sqlite-*"):
            side.unlink()
        content = state.read_bytes()
        state.unlink()
        if size is not None:
            state.write_bytes(content[:size])
        (world.folder / "b.jpg").unlink()
        world.write("new.jpg", photo("new"))
        run = world.syncd("--once")
        assert run.code == 0, run
        assert ("damaged" in run.out + run.err) == (size is not None), run
        assert_plain(run)
        assert world.desktop.files().keys() == {"a.jpg", "b.jpg", "new.jpg"}
        assert handles(world).items() >= was.items()
        assert len(handles(world)) == 3
    assert_settled(world)


def test_a_state_that_may_only_be_read(empty_world: World) -> None:
    """6, told with what mends it; nothing is done on either side, also not by halves; mended, it goes on."""
    world = empty_world
    with nobodys_desktop(world) as desktop:
        desktop.write("a.jpg", photo("a"))
        hand_over(desktop)
        desktop.sync()
        desktop.write("new.jpg", photo("new"))
        hand_over(desktop)
        (desktop.state_dir / "state.sqlite").chmod(0o444)
        desktop.state_dir.chmod(0o555)
        mark = world.mark()
        document = desktop.sync(code=6)
        assert str(desktop.state_dir) in document["error"]["reason"]
        assert "writable" in document["error"]["remedy"]
        assert desktop.syncd("check").code == 6
        assert lasting(mark) == []
        for path in (desktop.state_dir, *desktop.state_dir.iterdir()):
            path.chmod(path.stat().st_mode | 0o600)
        desktop.sync()
        assert world.catalog()["new.jpg"] == md5(photo("new"))
        assert_settled(world, desktop)
