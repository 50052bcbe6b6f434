"""Several computers, one tree: they converge, nobody's older copy undoes what somebody wrote, nothing is there twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from lab.clock import wrong_by
from lab.world import Desktop, World, md5
from syncd.model.paths import MediaPath, handle_for
from tests.lab.endings import assert_settled
from tests.lab.scenario import begin, change_on_web, handles, numbers, photo
from tests.lab.test_interruptions import wait_in, wire_to


def second(world: World, name: str = "laptop") -> Desktop:
    """One more computer, in step with the first."""
    desktop = world.new_desktop(name)
    desktop.sync()
    return desktop


def together(world: World, *desktops: Desktop) -> None:
    """Every computer runs at the same moment.

    The server may give up on one of them: it cannot commit while others read. It is restarted then, for it may keep its
    database locked; the next run goes on.
    """
    gave_up = False
    runs = [desktop.start("--once", "--json") for desktop in desktops]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0 or (run.returncode == 4 and "HTTP status 500" in out), (out, err)
        gave_up = gave_up or run.returncode == 4
    if gave_up:
        world.restart_server()


def converge(world: World) -> dict[str, bytes]:
    """Runs by turns until none has anything to do; the files, the same everywhere."""
    for _ in range(4):
        busy = [desktop.sync()["actions"] for desktop in world.desktops]
        if not any(busy):
            break
    for desktop in world.desktops:
        assert_settled(world, desktop)
    return world.desktop.files()


def test_both_add_edit_move_and_delete_at_once(empty_world: World) -> None:
    """What two computers do to the same items at once, each run at the same moment: one of each, and nothing undone."""
    world = empty_world
    names = ("deleted here.jpg", "deleted there.jpg", "moved here.jpg", "moved twice.jpg", "edited twice.jpg")
    was = begin(world, *names)
    here, there = world.desktop, second(world)
    for desktop, other in ((here, there), (there, here)):
        desktop.write("same.jpg", photo("same"))
        desktop.write("taken.jpg", photo(f"taken {desktop.base.name}"))
        desktop.write(f"{desktop.base.name}/twin.jpg", photo("twin"))
        desktop.write("edited twice.jpg", photo(f"edited {desktop.base.name}"))
        where = "here" if desktop is here else "there"
        (desktop.folder / f"deleted {where}.jpg").unlink()
        other.write(f"deleted {where}.jpg", photo(f"edit beats delete {where}"))
        (desktop.folder / "moved twice.jpg").rename(desktop.folder / f"moved {where} after all.jpg")
    (here.folder / "moved here.jpg").rename(here.folder / "new name.jpg")
    there.write("moved here.jpg", photo("edited while moved"))
    together(world, here, there)
    files = converge(world)
    contents = list(files.values())
    now = handles(world)
    assert len(set(contents)) == len(contents) - 1  # only the twins are equal
    assert files["same.jpg"] == photo("same")
    assert files["desktop/twin.jpg"] == files["laptop/twin.jpg"] == photo("twin")
    for name in ("taken", "edited"):
        assert contents.count(photo(f"{name} desktop")) == contents.count(photo(f"{name} laptop")) == 1
        assert sum(path.startswith(name) for path in files) == 2
    for where in ("here", "there"):
        path = f"deleted {where}.jpg"
        assert files[path] == photo(f"edit beats delete {where}")
        assert now[path] == was[path]
    assert files["new name.jpg"] == photo("edited while moved")
    assert now["new name.jpg"] == was["moved here.jpg"]
    (moved,) = {path for path in files if path.startswith("moved ")}
    assert now[moved] == was["moved twice.jpg"]
    assert len(files) == 11


def test_a_computer_that_was_away_with_its_clock_in_the_past(empty_world: World) -> None:
    """It comes back with a state older than all the others did: only its own news is told, its old copies give way."""
    world = empty_world
    paths = [f"{number}.jpg" for number in range(6)]
    was = begin(world, *paths)
    away = second(world)
    clock = wrong_by(-25 * 3600, world.base / "clock")
    for turn in (1, 2):
        world.write("0.jpg", photo(f"turn {turn}"))
        (world.folder / ("1.jpg" if turn == 1 else "moved 1.jpg")).rename(world.folder / f"moved {turn}.jpg")
        world.sync()
    (world.folder / "2.jpg").unlink()
    world.api.delete(was["3.jpg"])
    change_on_web(world, was["4.jpg"], photo("from the web"))
    world.write("new.jpg", photo("new"))
    world.sync()
    away.write("4.jpg", photo("made while away"))
    away.write("away.jpg", photo("away"))
    for _ in range(2):
        away.sync(env=clock)
    files = converge(world)
    (kept,) = {path for path in files if path.startswith("4 (conflict ")}
    assert files == {
        "0.jpg": photo("turn 2"),
        "moved 2.jpg": photo("1.jpg"),
        "4.jpg": photo("from the web"),
        kept: photo("made while away"),
        "5.jpg": photo("5.jpg"),
        "new.jpg": photo("new"),
        "away.jpg": photo("away"),
    }
    assert {photo("2.jpg"), photo("3.jpg")} <= set(away.trash())


def test_old_copies_of_many_files_are_shown_first(empty_world: World) -> None:
    """A second computer with older versions of fifteen files: nothing at all is done before a yes, then both are kept.

    With few of them there is nothing to ask, and the old copies never take a name either.
    """
    world = empty_world
    paths = [f"{number:02}.jpg" for number in range(15)]
    begin(world, *paths)
    for path in paths:
        world.write(path, photo(f"{path} edited"))
    world.sync()
    new = world.desktop.files()
    many, few = (world.new_desktop(name) for name in ("many", "few"))
    for desktop, number in ((many, 15), (few, 3)):
        for path in paths[:number]:  # half of them were never seen by anybody, the bucket holds the others
            desktop.write(path, photo(path if int(path[:2]) % 2 else f"{path} of {desktop.base.name}"))
    old = many.files()
    assert len(few.sync()["conflicts"]) == 3
    mark = world.mark()
    (number,) = numbers(many.sync(code=3))
    assert numbers(many.sync(code=3)) == {number}
    mark.assert_nothing_written()
    assert many.files() == old
    assert many.syncd("approve", str(number)).code == 0
    assert len(many.sync()["conflicts"]) == 15
    files = converge(world)
    assert new.items() <= files.items()
    assert set(old.values()) <= set(files.values())
    assert len(files) == len({md5(content) for content in files.values()})


def test_an_object_that_others_make_just_now(empty_world: World) -> None:
    """Between a run's look and its request somebody adds the same file, the same content, the name, the very handle."""
    world = empty_world
    world.configure(new_objects={"tag": "To sort"})
    begin(world, "first.jpg")
    tree = world.api.metadata()["database"]["id"]
    for name in ("path", "content", "name", "handle", "foreign handle", "nobody"):
        world.write(f"{name}.jpg", photo(name))
    done: list[str] = []

    def once(what: str, deed: Callable[[], object]) -> None:
        if what not in done:
            done.append(what)
            deed()

    def rivals() -> None:
        world.api.create("path.jpg", photo("path"))
        world.api.upload(photo("content"))
        world.api.create("name.jpg", photo("another"))

    def same_handle() -> None:
        handle = handle_for(tree, MediaPath.of("handle.jpg"), 0)
        world.api.create("handle.jpg", photo("handle"), handle=handle)
        handle = handle_for(tree, MediaPath.of("foreign handle.jpg"), 0)
        world.api.create("elsewhere.jpg", photo("elsewhere"), handle=handle)

    def before(method: str, path: str) -> None:
        if "/tags/" in path:
            once("before the last look", rivals)
        elif method == "POST" and path.endswith("/objects/"):
            once("after it", same_handle)

    with wire_to(world) as wire:
        wire.before = before
        world.sync()
    assert done == ["before the last look", "after it"]
    world.sync()
    files = world.desktop.files()
    (kept,) = {path for path in files if path.startswith("name (conflict ")}
    assert files == {
        **{f"{name}.jpg": photo(name) for name in ("path", "content", "handle", "foreign handle", "nobody")},
        "first.jpg": photo("first.jpg"),
        "name.jpg": photo("another"),
        kept: photo("name"),
        "elsewhere.jpg": photo("elsewhere"),
    }
    assert_settled(world)


def test_killed_before_it_could_note_what_it_added(empty_world: World) -> None:
    """Killed between an addition and its record: what people do next, on either side, is what it is; nothing is doubled.

    Another computer with the same new file changes nothing about that.
    """
    world = empty_world
    begin(world, "first.jpg")
    there = second(world)
    deeds = (
        "deleted there",
        "moved there",
        "edited there",
        "deleted here",
        "moved here",
        "edited here",
        "left",
    )
    for deed in deeds:
        world.write(f"{deed}.jpg", photo(deed))
    with wire_to(world) as wire:
        wire.lose = lambda _method, path: bool(wire.lost) or "/objects/" in path
        process = world.desktop.start("--once")
        wait_in(process, lambda: bool(wire.lost), "the addition")
        process.kill()
        process.communicate()
    there.write("left.jpg", photo("left"))
    there.sync()
    was = handles(world)
    world.api.delete(was["deleted there.jpg"])
    world.api.edit(was["moved there.jpg"], path="there.jpg")
    change_on_web(world, was["edited there.jpg"], photo("news from there"))
    (world.folder / "deleted here.jpg").unlink()
    (world.folder / "moved here.jpg").rename(world.folder / "here.jpg")
    world.write("edited here.jpg", photo("news from here"))
    files = converge(world)
    assert files == {
        "first.jpg": photo("first.jpg"),
        "there.jpg": photo("moved there"),
        "edited there.jpg": photo("news from there"),
        "here.jpg": photo("moved here"),
        "edited here.jpg": photo("news from here"),
        "left.jpg": photo("left"),
    }
    now = handles(world)
    renamed = {"there.jpg": "moved there.jpg", "here.jpg": "moved here.jpg"}
    assert now == {path: was[renamed.get(path, path)] for path in files}


@pytest.mark.parametrize(
    ("method", "part"), [("POST", "/media/"), ("GET", "pagesize=1")], ids=["sends", "has looked"]
)
def test_two_computers_begin_an_empty_tree(empty_world: World, method: str, part: str) -> None:
    """Both have the same photos, nobody has synced yet, and one finishes while the other sends its first: one of each.

    Or it does when the other has seen that the tree is empty, and is about to send.
    """
    world = empty_world
    there = world.new_desktop("laptop")
    for desktop in world.desktops:
        for name in ("a", "b", "c"):
            desktop.write(f"{name}.jpg", photo(name))
    seen: list[str] = []
    done: list[str] = []

    def before(called: str, path: str) -> None:
        if called == method and part in path and not done and (method == "POST" or seen):
            done.append(path)
            there.sync()
        elif "/media/?" in path:
            seen.append(path)

    with wire_to(world) as wire:
        wire.before = before
        world.sync()
    assert done
    assert sorted(world.catalog()) == ["a.jpg", "b.jpg", "c.jpg"]
    assert converge(world) == {f"{name}.jpg": photo(name) for name in ("a", "b", "c")}


def test_the_same_photo_several_times(empty_world: World) -> None:
    """Equal files are files of their own: one of them deleted, edited or moved, on either side, leaves the others alone."""
    world = empty_world
    album = [f"{name}/{number}.jpg" for name in ("deleted", "edited", "moved") for number in (1, 2, 3)]
    for path in album:
        world.write(path, photo(path.partition("/")[0]))
    world.sync()
    there = second(world)
    was = handles(world)
    (world.folder / "deleted/1.jpg").unlink()
    world.api.delete(was["deleted/2.jpg"])
    world.write("edited/1.jpg", photo("edited here"))
    change_on_web(world, was["edited/2.jpg"], photo("edited there"))
    (world.folder / "moved/1.jpg").rename(world.folder / "moved/here.jpg")
    world.api.edit(was["moved/2.jpg"], path="moved/there.jpg")
    world.api.create("moved/twin of 3.jpg", photo("moved"))
    together(world, world.desktop, there)
    files = converge(world)
    assert files == {
        "deleted/3.jpg": photo("deleted"),
        "edited/1.jpg": photo("edited here"),
        "edited/2.jpg": photo("edited there"),
        "edited/3.jpg": photo("edited"),
        **{f"moved/{name}.jpg": photo("moved") for name in ("here", "there", "3", "twin of 3")},
    }
    now = handles(world)
    renamed = {"moved/here.jpg": "moved/1.jpg", "moved/there.jpg": "moved/2.jpg"}
    assert {path: now[path] for path in files if "twin" not in path} == {
        path: was[renamed.get(path, path)] for path in files if "twin" not in path
    }


def test_whose_folder_it_is(empty_world: World) -> None:
    """A folder under another name is the same folder; a copy of it, or another state file on it, is refused."""
    world = empty_world
    begin(world, "a.jpg", "b.jpg")
    link = world.base / "link"
    link.symlink_to(world.folder)
    world.configure(media_dir=str(link))
    assert_settled(world)
    intruder = world.new_desktop("intruder")
    intruder.configure(media_dir=str(link))
    assert "another state file" in intruder.sync(code=3)["stop"]["reason"]

    copy = world.base / "copy"
    shutil.copytree(world.folder, copy)
    (copy / "a.jpg").unlink()  # it was not deleted: it is in the folder that was synced
    world.configure(media_dir=str(copy))
    stop = world.sync(code=3)["stop"]
    assert "is a copy of" in stop["reason"]
    away = world.folder.rename(world.base / "away")
    copy.rename(world.folder)
    shutil.copy(away / "a.jpg", world.folder)
    world.configure(media_dir=str(world.folder))
    world.sync()
    assert_settled(world)

    empty = world.base / "empty"
    empty.mkdir()
    world.configure(media_dir=str(empty))
    assert "marker" in world.sync(code=3)["stop"]["reason"]
    world.configure(media_dir=str(world.folder))
    assert_settled(world)
    assert sorted(world.catalog()) == ["a.jpg", "b.jpg"]


def test_a_computer_that_was_renamed(empty_world: World) -> None:
    """The same state file under another host name: a stop that names both, and whose remedy gets one out of it."""
    world = empty_world
    begin(world, "a.jpg")
    marker = world.folder / ".syncd" / "folder.json"
    text = marker.read_text()
    host = text.partition('"state": "')[2].partition(":")[0]
    marker.write_text(text.replace(f'"{host}:', '"old-name:'))
    stop = world.sync(code=3)["stop"]
    assert "old-name" in stop["reason"]
    assert host in stop["reason"]
    assert "syncd adopt" in stop["remedy"]
    assert world.syncd("adopt", "--yes").code == 0
    assert world.sync()["counts"]["linked"] == 1
    assert_settled(world)


def test_two_states_that_meet_one_folder_at_once(empty_world: World) -> None:
    """Two state files, one folder that was never synced, both runs at the same moment: only one of them gets it."""
    world = empty_world
    world.write("a.jpg", photo("a"))
    rival = world.new_desktop("rival")
    rival.configure(media_dir=str(world.folder))
    runs = [desktop.start("--once", "--json") for desktop in (world.desktop, rival)]
    codes = []
    for run in runs:
        run.communicate(timeout=120)
        codes.append(run.returncode)
    assert sorted(codes) in ([0, 3], [0, 5])
    owner, other = (world.desktop, rival) if codes[0] == 0 else (rival, world.desktop)
    assert "another state file" in other.sync(code=3)["stop"]["reason"]
    owner.sync()
    assert sorted(world.catalog()) == ["a.jpg"]
    assert world.desktop.leftovers() == []
