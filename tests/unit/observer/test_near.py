"""Looking at what changed: what it finds, what it costs, where it leaves the decision to a look at everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import FolderError, StopError, Unreachable
from syncd.merge import neighbourhood
from syncd.model import (
    DesktopObject,
    DesktopSnapshot,
    Detached,
    FolderFile,
    Link,
    MediaObject,
    MediaPath,
    Occupant,
)
from syncd.model.plan import Done, HeldItem, HeldSet, HoldKind
from syncd.observer import contents
from syncd.observer import near as near_module
from syncd.observer import whole as whole_module
from syncd.ports import Cursor, MediaLocation
from syncd.scanner import TooWide
from syncd.scanner.hashing import Reader
from syncd.scanner.walk import Walk
from syncd.state import Deed, State
from tests.core import md5, obj, say
from tests.unit.observer.scene import Desk, Scene


def decided(scene: Scene, *paths: str, **more: Any) -> list[str]:
    """What the merge makes of a look at these."""
    return say(scene.plan(scene.near(*paths, **more).observe()))


def decided_widely(scene: Scene) -> list[str]:
    """What the merge makes of a look at everything."""
    return say(scene.plan(scene.whole().observe()))


# --- what is found ------------------------------------------------------------------------------------------------


def test_nothing_changed(scene: Scene) -> None:
    """There is nothing to look at and nothing to do, and the bucket is not asked."""
    observed = scene.near().observe()
    assert (observed.links, observed.scope, observed.all_links) == ((), set(), 3)
    assert scene.plan(observed).actions == ()
    assert scene.bucket.heads == []


def test_an_edited_file(scene: Scene) -> None:
    """Its link and its object are seen, the others are not."""
    scene.write("a/x.jpg", "new")
    observed = scene.near("a/x.jpg").observe()
    assert observed.scope == {"of_a_x_jpg"}
    assert observed.folder.files.keys() == {"a/x.jpg"}
    assert observed.folder.files["a/x.jpg"].checksum == md5("new")
    assert say(scene.plan(observed)) == decided_widely(scene)


def test_a_new_file(scene: Scene) -> None:
    """It is sent and added; its bytes are asked for in the bucket."""
    scene.write("a/new.jpg", "new")
    assert decided(scene, "a/new.jpg") == decided_widely(scene)
    assert scene.bucket.heads == [md5("new")] * 2


def test_a_new_folder(scene: Scene) -> None:
    """A person moved a whole folder in: the watcher tells its name only."""
    for name in ("b/1.jpg", "b/c/2.jpg", "b/c/3.jpg"):
        scene.write(name, name)
    found = decided(scene, "b")
    assert found == decided_widely(scene)
    assert len([line for line in found if line.startswith("add")]) == 3


def test_a_copy_of_a_file(scene: Scene) -> None:
    """All files and objects of one content are seen together."""
    scene.write("b/copy.jpg", "one")
    observed = scene.near("b/copy.jpg").observe()
    assert observed.scope == {"of_a_x_jpg"}
    assert say(scene.plan(observed)) == decided_widely(scene)


def test_a_changed_object(scene: Scene) -> None:
    """The history tells which; its file is looked at, and the new bytes are asked for."""
    scene.bucket.keys[md5("new")] = 3
    scene.web.put(obj("of_z_jpg", "z.jpg", "new"))
    observed = scene.near().observe()
    assert observed.scope == {"of_z_jpg"}
    assert (
        say(scene.plan(observed))
        == decided_widely(scene)
        == ["fetch of_z_jpg (new) to z.jpg, z.jpg goes to the trash"]
    )


def test_a_moved_object(scene: Scene) -> None:
    """Its file follows."""
    scene.web.put(obj("of_z_jpg", "b/z.jpg", "three"))
    assert decided(scene) == decided_widely(scene) == ["move z.jpg to b/z.jpg"]


def test_a_deleted_object(scene: Scene) -> None:
    """Its file goes to the trash, unless another object names it."""
    scene.web.drop("of_z_jpg")
    assert decided(scene) == decided_widely(scene) == ["trash z.jpg of of_z_jpg"]


def test_a_file_whose_object_waits(scene: Scene) -> None:
    """An item that had a problem is looked at again by its handle, whatever else happens."""
    scene.web.put(obj("h", "b/new.jpg", "late"))
    scene.near().observe()
    scene.bucket.keys[md5("late")] = 4
    assert decided(scene, handles=["h"]) == ["fetch h (late) to b/new.jpg"]


def test_an_object_that_the_name_of_a_changed_one_stood_in_the_way_of(scene: Scene) -> None:
    """What a changed object was called before is looked at, too: another one may have waited for that name."""
    scene.bucket.keys[md5("other")] = 5
    scene.web.put(obj("h", "z.jpg", "other"))  # a second object with the name of_z_jpg
    scene.near().observe()
    scene.web.put(obj("of_z_jpg", "b/z.jpg", "three"))
    observed = scene.near().observe()
    assert observed.scope == {"h", "of_z_jpg"}
    assert say(scene.plan(observed)) == decided_widely(scene)


def test_gramps_desktops_objects_are_minded(scene: Scene) -> None:
    """A file that Gramps Desktop knows gets the desktop's object."""
    scene.desk = Desk(DesktopSnapshot({"a/new.jpg": (DesktopObject("desk", md5("new")),)}))
    scene.write("a/new.jpg", "new")
    found = decided(scene, "a/new.jpg")
    assert "add a/new.jpg (new) as desk" in found
    assert found == decided_widely(scene)


def test_what_is_being_written_waits(scene: Scene) -> None:
    """The watcher says so: neither read nor taken for gone."""
    scene.write("a/x.jpg", "half")
    scene.unsettled = {"a/x.jpg"}
    near = scene.near("a/x.jpg")
    observed = near.observe()
    assert observed.folder.occupied["a/x.jpg"] is Occupant.BUSY
    assert near.busy == {"a/x.jpg"}
    assert [wait.path for wait in scene.plan(observed).waiting] == ["a/x.jpg"]


def test_names_with_accents_in_either_form(scene: Scene) -> None:
    """A file stored with its accents apart is found by the name in Gramps Web, and by that which the watcher tells."""
    apart, together = "Ba\u0308r.jpg", "B\u00e4r.jpg"
    scene.in_step({apart: "bear"})
    scene.write(apart, "other")
    for name in (apart, together):
        observed = scene.near(name).observe()
        assert observed.folder.files[together].path.text == apart
        assert observed.links[0].path.key == together


# --- what it costs ------------------------------------------------------------------------------------------------


class Costs:
    """Counts what a look asks of the disk and of the state."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[str] = Counter()
        self.rows = 0
        for name in ("stat", "lstat", "open", "listdir", "scandir"):
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))
        rows = State._rows

        def counted(state: State, sql: str, values: Any = ()) -> Any:
            found = rows(state, sql, values)
            self.calls["query"] += 1
            self.rows += len(found)
            return found

        monkeypatch.setattr(State, "_rows", counted)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return call(*arguments, **named)

        return counted


def _edit(scene: Scene) -> tuple[str, ...]:
    scene.write("7/1.jpg", "edited")
    return ("7/1.jpg",)


def _add(scene: Scene) -> tuple[str, ...]:
    scene.write("7/new.jpg", "new")
    return ("7/new.jpg",)


def _change(scene: Scene) -> tuple[str, ...]:
    scene.bucket.keys[md5("changed")] = 7
    scene.web.put(obj("of_7_1_jpg", "7/1.jpg", "changed"))
    return ()


def _touch(scene: Scene) -> tuple[str, ...]:
    return ("7/1.jpg",)


@pytest.mark.parametrize("change", [_edit, _add, _change, _touch])
def test_the_cost_follows_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Scene], tuple[str, ...]]
) -> None:
    """In a tree of 2,500 one file costs no listing, no walk, a handful of queries, and what it would in a small tree."""
    costs: list[tuple[Counter[str], int]] = []
    for size in (10, 250):
        with State.open(tmp_path / f"state {size}" / "state.sqlite") as state:
            scene = Scene(tmp_path / str(size), state)
            scene.in_step(
                {
                    f"{folder}/{number}.jpg": f"{folder}/{number}"
                    for folder in range(size)
                    for number in range(10)
                }
            )
            paths = change(scene)
            with monkeypatch.context() as patch:
                patch.setattr(whole_module, "scan", lambda *_, **__: pytest.fail("the folder was walked"))
                patch.setattr(State, "links", lambda _: pytest.fail("all links were read"))
                patch.setattr(State, "objects", lambda _: pytest.fail("all objects were read"))
                patch.setattr(State, "stamps", lambda _: pytest.fail("the whole stat cache was read"))
                patch.setattr(State, "stored", lambda _: pytest.fail("all keys were read"))
                seen = Costs(patch)
                observed = scene.near(*paths).observe()
            assert observed.all_links == size * 10
            costs.append((seen.calls, seen.rows))
    assert costs[0] == costs[1]
    calls, rows = costs[1]
    assert calls["query"] < 60
    assert rows < 30
    assert sum(calls.values()) - calls["query"] < 40


def test_a_new_folder_is_read_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file of it, and none that is known."""
    read: list[str] = []
    checksum = Reader.checksum

    def counted(reader: Reader, rel: str, expected: Any) -> Any:
        read.append(rel)
        return checksum(reader, rel, expected)

    monkeypatch.setattr(Reader, "checksum", counted)
    names = [f"b/{number}.jpg" for number in range(20)]
    for name in names:
        scene.write(name, name)
    scene.near("b", *names[:5], "a").observe()
    assert sorted(read) == sorted(names)


def test_what_was_read_in_vain_is_not_read_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand films were moved in, and a file is missing besides: the look at everything knows what they hold."""
    monkeypatch.setattr(near_module, "LARGEST", 15)
    names = [f"films/{number}" for number in range(10)]
    for name in names:
        scene.write(name, name)
    (scene.root / "z.jpg").unlink()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_000_000_000)
    with pytest.raises(TooWide, match="too much"):
        scene.near("films").observe()
    monkeypatch.setattr(near_module, "LARGEST", 1000)
    monkeypatch.setattr(Reader, "checksum", lambda *_: pytest.fail("a file was read again"))
    with pytest.raises(TooWide, match="gone"):
        scene.near("films", "z.jpg").observe()
    assert {*names} <= scene.whole().observe().folder.files.keys()


def test_an_object_that_names_a_folder_costs_no_walk(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it did not change."""
    monkeypatch.setattr(Walk, "below", lambda *_: pytest.fail("a folder was walked"))
    scene.web.put(obj("h", "a", "one"))
    observed = scene.near().observe()
    assert observed.folder.occupied["a"] is Occupant.FOLDER


# --- where it does not suffice ------------------------------------------------------------------------------------


def _first_contact(scene: Scene) -> None:
    scene.bind(first_contact=True)


def _unbound(scene: Scene) -> None:
    scene.state.unbind()


def _begun(scene: Scene) -> None:
    scene.state.begin("add", path="a/x.jpg", handle="h", checksum=md5("one"))


def _approved(scene: Scene) -> None:
    item = HeldItem("delete", "z.jpg", "of_z_jpg", md5("three"))
    [held] = scene.state.hold([HeldSet(HoldKind.REFERENCED, "a person refers to it", (item,))])
    scene.state.approve(held.id)


def _first_sync(scene: Scene) -> None:
    scene.state.hold([HeldSet(HoldKind.FIRST_SYNC, "a large one", (HeldItem("add", "q", "h", md5("q")),))])


def _no_history(scene: Scene) -> None:
    scene.state.set_cursor(None)


def _batch_work(scene: Scene) -> None:
    scene.web.history.append(None)


def _own_disk(scene: Scene) -> None:
    scene.bind(bucket=None)
    scene.web.location_of = MediaLocation(None)


def _gone(scene: Scene) -> None:
    (scene.root / "z.jpg").unlink()


def _gone_folder(scene: Scene) -> None:
    shutil.rmtree(scene.root / "a")


def _moved(scene: Scene) -> None:
    (scene.root / "z.jpg").rename(scene.root / "moved.jpg")


def _behind_a_link(scene: Scene) -> None:
    (scene.root / "a").rename(scene.root.parent / "away")
    (scene.root / "a").symlink_to(scene.root.parent / "away")


def _bad_name(scene: Scene) -> None:
    scene.write("line\nbreak.jpg", "x")


def _not_utf8(scene: Scene) -> None:
    scene.write(os.fsdecode(b"B\xe4r.jpg"), "x")


def _inner(scene: Scene) -> None:
    scene.write("a/.syncd/folder.json", "{}")


def _list(scene: Scene) -> None:
    scene.write(".syncdignore", "*.psd")


@pytest.mark.parametrize(
    ("make", "paths", "reason"),
    [
        (_first_contact, [], "not met yet"),
        (_unbound, [], "not met yet"),
        (_begun, [], "begun and not finished"),
        (_approved, [], "approved"),
        (_first_sync, [], "approved"),
        (_no_history, [], "no history"),
        (_batch_work, [], "does not tell all"),
        (_own_disk, [], "own disk"),
        (_gone, ["z.jpg"], "gone from its place: z.jpg"),
        (_gone_folder, ["a"], "gone from its place: a/"),
        (_gone_folder, ["a/y.jpg"], "gone from its place: a/y.jpg"),
        (_moved, ["z.jpg", "moved.jpg"], "gone"),
        (_moved, ["moved.jpg"], "gone"),
        (_behind_a_link, ["a"], "gone"),
        (_bad_name, ["line\nbreak.jpg"], "cannot be used"),
        (_not_utf8, [os.fsdecode(b"B\xe4r.jpg")], "UTF-8"),
        (_inner, ["a/.syncd"], "belongs to the folder"),
        (_inner, ["a"], "cannot be used"),
        (_list, [".syncdignore"], "belongs to the folder"),
    ],
)  # fmt: skip
def test_too_wide(scene: Scene, make: Callable[[Scene], None], paths: list[str], reason: str) -> None:
    """It is said why, and everything is looked at instead; what could be seen of Gramps Web is not lost by that."""
    make(scene)
    with pytest.raises(TooWide, match=reason):
        scene.near(*paths).observe()


def test_too_many_changes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of paths, what is in a changed folder, and a crowd of files in it: looking at everything is cheaper."""
    with pytest.raises(TooWide, match="too much"):
        scene.near(*(f"{number}.jpg" for number in range(neighbourhood.LARGEST + 1))).observe()
    monkeypatch.setattr(near_module, "LARGEST", 12)
    scene.in_step({f"b/{number}.jpg": str(number) for number in range(12)})
    with pytest.raises(TooWide, match="too much"):
        scene.near("b").observe()
    for number in range(12):
        scene.write(f"c/{number}.jpg", f"new {number}")
    with pytest.raises(TooWide, match="too much"):
        scene.near("c").observe()


def test_many_objects_without_a_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them may be what a changed file belongs to."""
    monkeypatch.setattr(near_module, "UNLINKED_AT_MOST", 2)
    scene.web.put(obj("1", "https://x", "1"), obj("2", "https://y", "2"))
    assert scene.near().observe().scope == {"1", "2"}
    scene.web.put(obj("3", "https://z", "3"))
    with pytest.raises(TooWide, match="no file here"):
        scene.near().observe()


def test_many_unknown_contents(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """For so many the bucket is listed."""
    monkeypatch.setattr(contents, "LOOK_UP_AT_MOST", 3)
    for number in range(4):
        scene.write(f"b/{number}.jpg", f"new {number}")
    with pytest.raises(TooWide, match="bucket"):
        scene.near("b").observe()


def test_a_detached_link_misses_no_file(scene: Scene) -> None:
    """That its file is gone is accepted, and no reason to look around."""
    (scene.root / "z.jpg").unlink()
    [before] = scene.state.links_of(["of_z_jpg"])
    scene.state.put_links(
        [Link(before.handle, before.named, before.path, before.checksum, 0, Detached.FILE_GONE)]
    )
    assert decided(scene, "z.jpg") == []


def test_another_server_or_folder_stops(scene: Scene) -> None:
    """As in a look at everything."""
    scene.web.location_of = MediaLocation("elsewhere")
    with pytest.raises(StopError, match="elsewhere"):
        scene.near().observe()
    scene.root.rename(scene.root.parent / "away")
    scene.web.location_of = MediaLocation("family")
    with pytest.raises(FolderError):
        scene.near("z.jpg").observe()


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "..", "a/../../secret.txt", "./z.jpg", "a//x.jpg", "/z.jpg", "a/./x.jpg", "", ".", "a/", "nul\0.jpg"],
)  # fmt: skip
def test_paths_of_gramps_web_are_no_paths_of_the_folder(scene: Scene, path: str) -> None:
    """What has a problem is looked at again by its path as Gramps Web has it: nothing outside is read, nothing is found twice."""
    (scene.root.parent / "secret.txt").write_text("secret")
    observed = scene.near(path, handles=["of_z_jpg"]).observe()
    assert observed.folder.files.keys() == {"z.jpg"}
    assert scene.plan(observed).actions == ()


# --- disks inside the folder --------------------------------------------------------------------------------------


@pytest.fixture
def disk(scene: Scene) -> Path:
    """A disk mounted in the folder, with a file in step; unmounted when the test begins."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs the right to mount")
    place = scene.root / "nas"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        scene.in_step({"nas/photos/1.jpg": "far"})
    finally:
        subprocess.run(["umount", "-l", place], check=True)
    return place


@pytest.mark.parametrize("path", ["nas/new.jpg", "nas/photos/new.jpg", "nas/other/new.jpg"])
def test_nothing_is_fetched_to_where_a_disk_is_not_mounted(scene: Scene, disk: Path, path: str) -> None:
    """It would be hidden by the disk later; a look at everything knows, and leaves it."""
    scene.bucket.keys[md5("new")] = 3
    scene.web.put(obj("h", path, "new"))
    with pytest.raises(TooWide, match="another disk"):
        scene.near().observe()
    assert decided_widely(scene) == []


def test_an_empty_folder_that_was_no_disk(scene: Scene) -> None:
    """It takes a new file; also where it had files before."""
    (scene.root / "empty").mkdir()
    scene.bucket.keys[md5("new")] = 3
    scene.web.put(obj("h", "empty/new.jpg", "new"))
    assert decided(scene) == ["fetch h (new) to empty/new.jpg"]
    stamp = scene.file("z.jpg", "three").stamp
    scene.state.put_stamps([FolderFile(MediaPath.of("empty/old.jpg"), stamp, md5("old"))])
    assert decided(scene, handles=["h"]) == ["fetch h (new) to empty/new.jpg"]


# --- what is remembered -------------------------------------------------------------------------------------------


def test_the_cursor_moves_when_all_was_seen_to(scene: Scene) -> None:
    """Not before: whatever breaks off in between, the next look is told of the same changes."""
    before = scene.state.cursor()
    scene.bucket.keys[md5("new")] = 3
    scene.web.put(obj("h", "b/new.jpg", "new"))
    near = scene.near()
    near.observe()
    assert near.cursor == scene.web.cursor
    assert scene.state.cursor() == before
    near.finished()
    assert scene.state.cursor() == scene.web.cursor
    assert scene.near().observe().scope == set()


@pytest.mark.parametrize("wide", [False, True])
def test_what_a_broken_off_look_was_told_is_not_forgotten(scene: Scene, *, wide: bool) -> None:
    """The bucket is away for a while: afterwards the change in Gramps Web is seen again, whoever looks."""
    scene.web.put(obj("h", "b/new.jpg", "new"))
    scene.bucket.keys[md5("new")] = 3
    scene.bucket.is_away = True
    for _ in range(2):
        with pytest.raises(Unreachable):
            scene.near().observe()
    scene.bucket.is_away = False
    assert scene.state.cursor() != scene.web.cursor, "whoever asks whether there is any news is told so"
    assert (decided_widely(scene) if wide else decided(scene)) == ["fetch h (new) to b/new.jpg"]


@pytest.mark.parametrize("listed", [False, True])
def test_a_look_at_everything_forgets_nothing_either(scene: Scene, *, listed: bool) -> None:
    """It takes over where the look at a part does not suffice, and may break off as well; it may also list all objects."""
    if listed:
        scene.state.set_last_full(1.0)
        scene.web.may_list = scene.bucket.may_list = True
    before = scene.state.cursor()
    scene.web.put(obj("h", "b/new.jpg", "new"))
    scene.bucket.keys[md5("new")] = 3
    (scene.root / "z.jpg").rename(scene.root / "moved.jpg")
    scene.bucket.is_away = True
    with pytest.raises(TooWide):
        scene.near("z.jpg", "moved.jpg").observe()
    with pytest.raises(Unreachable):
        scene.whole().observe()
    scene.bucket.is_away = False
    (scene.root / "moved.jpg").rename(scene.root / "z.jpg")
    assert scene.state.cursor() == before
    assert decided(scene, "z.jpg") == ["fetch h (new) to b/new.jpg"]
    whole = scene.whole()
    whole.observe()
    assert scene.state.cursor() == before
    whole.finished()
    assert scene.state.cursor() == scene.web.cursor


def test_a_second_pass_is_told_what_is_new_only(scene: Scene) -> None:
    """And goes on looking at what the first one was told."""
    scene.web.put(obj("of_z_jpg", "z2.jpg", "three"))
    near = scene.near()
    near.observe()
    scene.web.put(obj("of_a_x_jpg", "a/x2.jpg", "one"))
    assert near.observe().scope == {"of_z_jpg", "of_a_x_jpg"}
    assert near.cursor == scene.web.cursor


def test_without_news_the_cursor_stays(scene: Scene) -> None:
    """Nothing is written."""
    before = scene.state.cursor()
    near = scene.near("z.jpg")
    near.observe()
    near.finished()
    assert (scene.state.cursor(), near.cursor) == (before, before)
    assert isinstance(before, Cursor)


def test_the_objects_are_as_they_were_seen(scene: Scene) -> None:
    """Changed, new and gone ones, for those who look next."""
    scene.web.put(obj("of_z_jpg", "z2.jpg", "three"), obj("h", "https://x", None))
    scene.web.drop("of_a_y_jpg")
    scene.near().observe()
    assert scene.state.objects() == scene.web.objects


def test_stamps_are_kept_up_to_date(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of new and changed files they are written, once the clock has gone on."""
    scene.write("a/new.jpg", "new")
    scene.write("z.jpg", "edited")
    ahead = 3_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + ahead)
    near = scene.near("a/new.jpg", "z.jpg")
    near.observe()
    stamps = scene.state.stamps()
    assert stamps["a/new.jpg"] == (scene.file("a/new.jpg", "new").stamp, md5("new"))
    assert stamps["z.jpg"] == (scene.file("z.jpg", "edited").stamp, md5("edited"))
    assert near.unsure == set()


def test_a_stamp_that_cannot_vouch_is_dropped(scene: Scene) -> None:
    """The file changed in the very moment in which it was read: it is to be looked at again."""
    scene.write("z.jpg", "edited")
    os.utime(scene.root / "z.jpg")
    near = scene.near("z.jpg")
    near.observe()
    assert near.unsure == {"z.jpg"}
    assert "z.jpg" not in scene.state.stamps()


def test_the_stamp_of_a_file_without_a_link_goes_with_it(scene: Scene) -> None:
    """Nothing was deleted by that which anybody has to decide about."""
    scene.state.put_stamps([scene.write("unlinked.jpg", "alone")])
    (scene.root / "unlinked.jpg").unlink()
    scene.near("unlinked.jpg").observe()
    assert "unlinked.jpg" not in scene.state.stamps()


def test_the_stamp_of_a_missing_file_stays(scene: Scene) -> None:
    """The look at everything must see the same move or deletion: the stamp tells it which disk the file was on."""
    before = scene.state.stamps_of(["z.jpg"])
    (scene.root / "z.jpg").rename(scene.root / "moved.jpg")
    scene.write("a/x.jpg", "edited")
    with pytest.raises(TooWide):
        scene.near("z.jpg", "moved.jpg", "a/x.jpg").observe()
    assert scene.state.stamps_of(["z.jpg"]) == before
    assert sorted(decided_widely(scene)) == [
        "update of_a_x_jpg content edited",
        "update of_z_jpg path moved.jpg",
        "upload a/x.jpg (edited)",
    ]


def test_what_the_bucket_has_is_remembered(scene: Scene) -> None:
    """Of keys that objects name; what nobody names is asked for each time."""
    scene.bucket.keys |= {md5("new"): 3, md5("loose"): 5}
    scene.web.put(obj("h", "b/new.jpg", "new"))
    scene.write("loose.jpg", "loose")
    scene.near("loose.jpg").observe()
    assert scene.state.stored_of([md5("new"), md5("loose")]) == {md5("new"): 3}
    scene.bucket.heads.clear()
    scene.near("loose.jpg", handles=["h"]).observe()
    assert scene.bucket.heads == [md5("loose")]


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (_gone, ["z.jpg"]), (_gone_folder, ["a"]), (_moved, ["z.jpg", "moved.jpg"]), (_moved, ["moved.jpg"]),
        (_behind_a_link, ["a"]), (_bad_name, ["line\nbreak.jpg"]), (_not_utf8, [os.fsdecode(b"B\xe4r.jpg")]),
    ],
)  # fmt: skip
def test_after_it_was_too_wide_everything_is_still_seen(
    scene: Scene, make: Callable[[Scene], None], paths: list[str]
) -> None:
    """Whatever a look at some of it wrote down: a look at everything decides as if there had been none."""
    make(scene)
    scene.bucket.keys[md5("new")] = 3
    scene.web.put(obj("h", "b/new.jpg", "new"), obj("of_a_x_jpg", "a/x2.jpg", "one"))
    scene.web.put(MediaObject("of_a_y_jpg", "a/y.jpg", md5("new"), "", 1))
    expected = decided_widely_in_a_copy(scene)
    with pytest.raises(TooWide):
        scene.near(*paths).observe()
    observed = scene.whole().observe()
    assert say(scene.plan(observed)) == expected
    assert expected


def decided_widely_in_a_copy(scene: Scene) -> list[str]:
    """The same, and the state does not get to know."""
    with State.open(scene.state.path, read_only=True) as copy:
        other = Scene.__new__(Scene)
        other.__dict__.update(scene.__dict__)
        other.state = copy
        return decided_widely(other)


def test_deletions_count_as_ever(scene: Scene) -> None:
    """What is to be taken back is known to the look, too: a file that returns is not added under a used handle."""
    scene.state.record([Deed(Done("trashed", "old.jpg", "gone", md5("old"), 3, ""))], cycle="c", at=1.0)
    scene.write("old.jpg", "old")
    assert decided(scene, "old.jpg") == decided_widely(scene)
