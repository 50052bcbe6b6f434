"""Files in the bucket that no object names: they are found, wait, go to the quarantine, come back, and are deleted at last."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.process import wait_until
from lab.s3 import MotoS3, RcloneS3
from lab.world import Desktop, World, md5
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.config import load_settings
from syncd.merge.orphans import QUARANTINE_DAYS, Standing
from syncd.model.values import DAY_SECONDS
from syncd.orphans import Collected, Rooms, collect, find, open_rooms
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.scenario import begin, ends_in_step, handles, photo

MONTH = 31


def orphans(desktop: Desktop | World, *arguments: str, code: int = 0) -> dict[str, Any]:
    """`syncd orphans --json`, which must end with `code`; its document."""
    run = desktop.syncd("orphans", "--json", *arguments)
    assert run.code == code, run
    return run.json


def standings(document: dict[str, Any]) -> dict[str, str]:
    """The standing of each orphan, by checksum."""
    return {item["key"].rpartition("/")[2]: item["standing"] for item in document["orphans"]["keys"]}


def in_quarantine(world: World) -> set[str]:
    """The keys in quarantine."""
    assert world.s3 is not None
    keys = world.s3.keys()
    return {key for key in keys if key.startswith("syncd-quarantine/")}


def age(world: World, rclone: RcloneS3, days: int) -> None:
    """Let everything in the world's part of the bucket, and all that its states know of orphans, be older."""
    assert world.s3 is not None
    place = rclone.data / world.s3.bucket / world.s3.prefix
    for path in [path for path in place.rglob("*") if path.is_file()]:
        then = path.stat().st_mtime - days * DAY_SECONDS
        os.utime(path, (then, then))
    quarantine = place / "syncd-quarantine"
    for folder in sorted(quarantine.iterdir()) if quarantine.is_dir() else ():
        then = time.mktime(time.strptime(folder.name, "%Y-%m-%d")) - days * DAY_SECONDS
        folder.rename(quarantine / time.strftime("%Y-%m-%d", time.localtime(then)))
    for desktop in world.desktops:
        with closing(sqlite3.connect(desktop.state_dir / "state.sqlite")) as state, state:
            state.execute("UPDATE orphans SET first_seen = first_seen - ?", (days * DAY_SECONDS,))
    client, on_disk = world.s3.client, {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()}

    def is_old() -> bool:  # rclone looks at its folder anew after a second
        listed = client.list_objects_v2(Bucket=world.s3.bucket, Prefix=world.s3.prefix).get("Contents", [])  # type: ignore[union-attr]
        names = {item["Key"].removeprefix(world.s3.prefix) for item in listed}  # type: ignore[union-attr]
        limit = time.time() - (days - 1) * DAY_SECONDS
        return names == on_disk and all(item["LastModified"].timestamp() < limit for item in listed)

    wait_until(is_old, "the S3 server to see that its files are older")


def test_the_life_of_an_orphan(empty_world: World, rclone: RcloneS3) -> None:
    """Young, ready, in quarantine, back at the next sync when an object names it again, or deleted a month later.

    All the while nothing else is touched: archives, keys of another form, other trees' keys, what an object names in
    capitals.
    """
    world = empty_world
    assert world.s3 is not None
    assert world.bucket is not None
    begin(world, "a.jpg", "b.jpg")
    lost, again, capitals = (photo(name) for name in ("lost", "again", "in capitals"))
    for content in (lost, again, capitals):
        world.s3.put_content(content)
    foreign = {
        "media_archives/tree/" + "a" * 64 + ".zip": b"archive",
        "notes.txt": b"notes",
        "F" * 32: b"capitals",
        "deeper/" + "e" * 32: b"deeper",
    }
    for key, content in foreign.items():
        world.s3.put(key, content)
    beside = world.bucket.below("another-tree/")
    beside.put_content(lost)
    handle = world.api.create("c.jpg", checksum=md5(capitals).upper())

    document = orphans(world)
    assert standings(document) == {md5(lost): "young", md5(again): "young"}
    assert document["orphans"]["bytes"] == len(lost) + len(again)
    assert orphans(world, "--collect", "--yes")["orphans"]["moved"] == []
    age(world, rclone, MONTH)
    mark, keys = world.mark(), world.s3.keys()
    assert sorted(orphans(world, "--collect", "--dry-run")["orphans"]["moved"]) == sorted(
        map(md5, (lost, again))
    )
    assert orphans(world, "--collect", code=2)["error"]["remedy"]
    mark.assert_nothing_written()

    document = orphans(world, "--collect", "--yes")
    assert sorted(document["orphans"]["moved"]) == sorted(map(md5, (lost, again)))
    now = world.s3.keys()
    assert (
        now.items() >= {key: size for key, size in keys.items() if key not in (md5(lost), md5(again))}.items()
    )
    kept = in_quarantine(world)
    assert {key.rpartition("/")[2] for key in kept} == {f"{md5(lost)}.orphan", f"{md5(again)}.orphan"}
    assert now.keys() - kept == keys.keys() - {md5(lost), md5(again)}
    assert {world.s3.get(key) for key in kept} == {lost, again}

    world.api.delete(handle)
    world.api.create("again.jpg", checksum=md5(again))
    world.sync()
    assert world.desktop.files()["again.jpg"] == again
    world.assert_in_step()

    age(world, rclone, MONTH)
    document = orphans(world, "--collect", "--yes")
    assert sorted(document["orphans"]["deleted"]) == sorted(map(md5, (lost, again)))
    assert not in_quarantine(world)
    assert md5(lost) not in world.s3
    for key, content in foreign.items():
        assert world.s3.get(key) == content
    assert beside.get(md5(lost)) == lost
    world.s3.delete("F" * 32)
    beside.delete(md5(lost))
    ends_in_step(world)


def test_what_can_be_brought_back_keeps_its_file(empty_world: World, rclone: RcloneS3) -> None:
    """What `syncd trash restore` or the history of Gramps Web can bring back stays, however old; also another state's.

    A key that was moved away all the same is put back by hand.
    """
    world = empty_world
    assert world.s3 is not None
    was = begin(world, "a.jpg", "gone here.jpg", "gone on the web.jpg")
    laptop = world.new_desktop("laptop")
    laptop.sync()
    (world.folder / "gone here.jpg").unlink()
    world.sync()
    world.api.delete(was["gone on the web.jpg"])
    laptop.sync()
    world.sync()
    nobodys = world.s3.put_content(photo("nobody's"))
    undone, trashed = md5(photo("gone here.jpg")), md5(photo("gone on the web.jpg"))
    assert standings(orphans(world)) == {nobodys: "young", undone: "needed", trashed: "needed"}
    age(world, rclone, MONTH)
    document = orphans(world, "--collect", "--yes")
    assert document["orphans"]["moved"] == [nobodys]
    assert standings(document) == {nobodys: "ready", undone: "needed", trashed: "needed"}

    assert orphans(world, "--restore", "f" * 32, "--yes", code=2)["error"]
    assert orphans(world, "--restore", nobodys, "--yes")["orphans"]["put_back"] == [nobodys]
    assert world.s3.get(nobodys) == photo("nobody's")
    assert not in_quarantine(world)
    assert standings(orphans(world))[nobodys] == "young"

    assert world.syncd("trash", "restore", "W1").code == 0
    world.sync()
    assert world.desktop.files()["gone here.jpg"] == photo("gone here.jpg")
    ends_in_step(world)


def test_what_stops_a_sync_stops_a_collection(empty_world: World, rclone: RcloneS3, tmp_path: Path) -> None:
    """Not synced yet, a lost right, another folder, a tree without media, a restored server: nothing is moved."""
    world = empty_world
    assert world.s3 is not None
    world.s3.put_content(photo("nobody's"))
    assert orphans(world, code=3)["stop"]["remedy"] == "run: syncd --once"
    saved = tmp_path / "saved"
    begin(world, "a.jpg")
    world.server.save_tree(world.tree, saved)
    begin(world, "a.jpg", "b.jpg")
    age(world, rclone, MONTH)
    mark = world.mark()

    def refused(*words: str, code: int = 3) -> None:
        document = orphans(world, "--collect", "--yes", code=code)
        told = document["stop"] or document["error"]
        assert all(word in told["reason"] for word in words), told
        assert told["remedy"]

    editor = world.tree.users["editor"]
    world.server.set_role(editor, "member")
    refused("lost rights")
    world.server.set_role(editor, "editor")
    marker = world.folder / ".syncd" / "folder.json"
    marker.rename(tmp_path / "marker")
    refused("marker")
    (tmp_path / "marker").rename(marker)
    world.configure(s3={"url": f"s3://{world.s3.bucket}/elsewhere"})
    refused("elsewhere", code=2)
    world.configure(s3={"url": world.server.media_base_dir})
    mark.assert_nothing_written()
    world.server.restore_tree(world.tree, saved)
    refused("restored")
    for handle in handles(world).values():
        world.api.delete(handle)
    refused("restored")
    assert md5(photo("nobody's")) in world.s3


def test_without_a_prefix_of_its_own(plain_world: World) -> None:
    """A tree whose keys bear no tree id: other trees' traces refuse it, and without traces a person must say so."""
    world = plain_world
    assert world.s3 is not None
    world.copy_example_images()
    begin(world, "a.jpg")
    nobodys = world.s3.put_content(photo("nobody's"))
    assert "tree's prefix" in orphans(world, "--collect", "--yes", code=3)["stop"]["reason"]
    assert orphans(world, "--collect", "--only-tree", "--dry-run")["orphans"]["moved"] == []
    assert standings(orphans(world)) == {nobodys: "young"}
    world.s3.put("0123456789abcdef/" + "a" * 32, b"another tree's")
    reason = orphans(world, "--collect", "--only-tree", "--yes", code=3)["stop"]["reason"]
    assert "other trees" in reason
    assert "0123456789abcdef" in reason


# --- many keys, crashes and races, with a clock of their own ------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


def run_at(world: World, days: float, act: Callable[[Rooms], Collected] | None = None) -> Collected:
    """Collect in this process, so many days from now."""
    settings = load_settings(world.config_file, {"HOME": str(world.desktop.home)})
    now = time.time() + days * DAY_SECONDS
    with open_rooms(settings, keep=True) as rooms:
        if act is not None:
            return act(rooms)
        found = find(rooms, now=now, min_age=30 * DAY_SECONDS)
        return collect(rooms, found, now=now, only_tree=False)


def everything(world: World) -> Mapping[str, set[str]]:
    """Where each content is: at its place, in quarantine, or at both, by checksum."""
    assert world.s3 is not None
    found: dict[str, set[str]] = {}
    for key in list(world.s3.keys()):
        name = key.rpartition("/")[2]
        if len(name) == 4:
            continue
        place = "quarantine" if key.startswith("syncd-quarantine/") else "place"
        found.setdefault(name.removesuffix(".orphan"), set()).add(place)
    return found


def test_many_keys_crashes_and_people_who_are_faster(
    moto: MotoS3, new_server: MakeServer, new_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orphans among a thousand other keys, on a server that pages as AWS does, the command broken off at each step.

    No content is ever gone before its month in quarantine is over, what gets an object in the worst moment is at its
    place again, and in the end nothing is left but what objects name.
    """
    bucket = moto.new_bucket()
    world = new_world(new_server(s3=moto, media_base_dir=f"s3://{bucket.bucket}"), "empty")
    assert world.s3 is not None
    begin(world, "a.jpg")
    contents = {md5(content): content for content in (photo(f"nobody's {n}") for n in range(210))}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(world.s3.put_content, contents.values()))
        list(pool.map(lambda number: world.s3.put(f"{number:04}", b""), range(1000)))  # type: ignore[union-attr]
    named = {md5(photo("a.jpg"))}

    def whole() -> Mapping[str, set[str]]:
        found = everything(world)
        assert found.keys() == contents.keys() | named
        return found

    assert run_at(world, 0).moved == {}  # it is the first look
    copies, deletions, original_copy, original_delete = 0, 0, Upkeep.copy, Upkeep.delete

    def crashing_copy(self: Upkeep, source: StoredKey, target: str) -> StoredKey:
        nonlocal copies
        copies += 1
        if copies == 90:
            raise Crash
        return original_copy(self, source, target)

    def crashing_delete(self: Upkeep, keys: list[StoredKey]) -> Mapping[str, str]:
        nonlocal deletions
        deletions += 1
        if deletions == 2:
            original_delete(self, keys[: len(keys) // 2])
            raise Crash
        answer = original_delete(self, keys)
        if deletions == 3:
            raise Crash
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "copy", crashing_copy)
        with pytest.raises(Crash):
            run_at(world, 40)
    assert {"place", "quarantine"} in whole().values()
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "delete", crashing_delete)
        for _ in range(2):
            with pytest.raises(Crash):
                run_at(world, 41)
            whole()

    # Somebody gives a key an object after we asked the last time before its deletion.
    ready = sorted(one for one, places in whole().items() if places == {"place"} and one not in named)
    faster = contents[ready[0]]

    def delete_while_somebody_adds(self: Upkeep, keys: list[StoredKey]) -> Mapping[str, str]:
        if any(key.name == ready[0] for key in keys):
            world.api.create("faster.jpg", checksum=md5(faster))
        return original_delete(self, keys)

    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "delete", delete_while_somebody_adds)
        done = run_at(world, 42)
    assert done.problems == []
    assert list(done.back) == [ready[0]]
    named.add(ready[0])
    found = whole()
    assert found[ready[0]] == {"place", "quarantine"}
    assert all(places == {"quarantine"} for key, places in found.items() if key not in named)

    # Somebody else's comes a moment later still: the next sync of any computer finds its bytes.
    later = contents[ready[1]]
    world.api.create("later.jpg", checksum=md5(later))
    named.add(ready[1])
    world.sync()
    assert world.desktop.files() == {"a.jpg": photo("a.jpg"), "faster.jpg": faster, "later.jpg": later}

    # And one more between the look and the deletion for good, which is asked for in Gramps Web once more.
    last = contents[ready[2]]

    def look_then_add(rooms: Rooms) -> Collected:
        now = time.time() + (43 + QUARANTINE_DAYS) * DAY_SECONDS
        looked = find(rooms, now=now, min_age=30 * DAY_SECONDS)
        assert not [one for one in looked.orphans if one.standing is Standing.READY]
        world.api.create("last.jpg", checksum=md5(last))
        return collect(rooms, looked, now=now, only_tree=False)

    done = run_at(world, 0, look_then_add)
    assert list(done.back) == [ready[2]]
    named.add(ready[2])
    assert {key for key, places in everything(world).items() if places != {"quarantine"}} == named
    run_at(world, 44 + 2 * QUARANTINE_DAYS)
    assert everything(world) == {key: {"place"} for key in named}
    world.sync()
    ends_in_step(world)
