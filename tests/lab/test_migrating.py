"""`syncd migrate-prefix`: a server's setting for tree prefixes is switched, and no file is lost on the way.

The servers are real. Every story ends with Gramps Web serving each picture, both sides in step and nothing transferred.
"""

from __future__ import annotations

from lab.clock import wrong_by
from lab.gramps_web import GrampsWeb
from lab.s3 import RcloneS3
from lab.world import World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import assert_plain, assert_stopped
from tests.lab.scenario import Document, begin, change_on_web, ends_in_step, handles, photo

SETTING = "GRAMPSWEB_MEDIA_PREFIX_TREE"


def switch(server: GrampsWeb, *worlds: World, on: bool) -> None:
    """Change the server's setting and restart it, as an administrator does."""
    server.stop()
    server.settings[SETTING] = "true" if on else "false"
    server.start()
    for world in worlds:
        assert world.bucket is not None
        world.s3 = world.bucket.below(world.tree.key_prefix) if on else world.bucket


def migrate(world: World, *arguments: str, code: int = 0) -> Document:
    """`syncd migrate-prefix`, which must end with `code`; its document."""
    run = world.syncd("migrate-prefix", "--json", *arguments)
    assert run.code == code, run
    return run.json


def pictures(world: World) -> dict[str, bool]:
    """By path, whether Gramps Web serves it; of a real picture that it serves, the small one made of it as well.

    (Small ones are kept by checksum, and shown even while the file is missing.)
    """
    images = world.server.release.example_images()
    shown = {}
    for path, item in world.api.by_path().items():
        shown[path] = world.api.content(item["handle"]) is not None
        if path in images and shown[path]:
            small = world.api.request("GET", f"/media/{item['handle']}/thumbnail/64")
            assert small.status_code == 200, path
    return shown


def test_switched_on_and_off_with_two_trees_at_the_root(
    rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """Two trees share the bucket's root. Prefixes are switched on (copied before) and off again (copied after).

    Before: the copy changes nothing for anybody; what is added until the switch is copied afterwards. After: pictures
    are broken until the copy. Both times the next sync has nothing to do, and what was deleted can still be brought
    back. The old files go only when asked, when the server looks elsewhere, and when no other tree is said to need them;
    then only those that this tree's objects name: not another tree's, no orphan, no archive.
    """
    bucket = rclone.new_bucket()
    server = new_server(
        s3=rclone, media_base_dir=f"s3://{bucket.bucket}", settings={SETTING: "false"}
    ).start()
    world, other = new_world(server), new_world(server, "empty")
    world.s3 = other.s3 = bucket
    assert migrate(other)["migration"]["from"] is None, "without a file nothing is to be done"
    images = world.copy_example_images()
    begin(world, "dog.jpg", "shared.jpg")
    begin(other, "shared.jpg", "theirs.jpg")
    (world.folder / "dog.jpg").unlink()
    world.sync()  # its bytes are only in the bucket now, for `trash restore`
    orphan, archive = bucket.put_content(b"nobody's"), f"media_archives/{world.tree.id}/{'a' * 64}.zip"
    bucket.put(archive, b"PK")
    everything = bucket.contents()

    # Before the switch.
    mark = world.mark()
    planned = migrate(world, "--dry-run")
    mark.assert_nothing_written()
    done = migrate(world)
    named = len(images) + 1
    assert planned["migration"]["copied"] == done["migration"]["copied"] == named + 1
    assert (done["migration"]["named"], done["migration"]["kept"]) == (named, 1)
    assert done["migration"]["left"] == 3, "the dog, the orphan, the other tree's"
    assert not done["migration"]["bound"]
    assert f"{SETTING}=true" in done["migration"]["next"][0]
    assert {key: bytes_ for key, bytes_ in bucket.contents().items() if key in everything} == everything
    world.sync()
    world.assert_in_step()
    world.write("late.jpg", photo("late"))
    world.sync()
    stop = migrate(world, "--delete-old", "--no-other-tree-needs-them", code=3)["stop"]
    assert "still looks for its files" in stop["reason"]
    run = world.syncd("migrate-prefix")
    assert f"{SETTING}=true" in run.out
    assert_plain(run)
    world.write("later.jpg", photo("later"))
    world.sync()
    everything = {
        key: bytes_ for key, bytes_ in bucket.contents().items() if "/" not in key or key == archive
    }

    # The switch. What was copied shows, what came since does not.
    switch(server, world, other, on=True)
    assert [path for path, shown in pictures(world).items() if not shown] == ["later.jpg"]
    assert not any(pictures(other).values())
    assert "syncd migrate-prefix" in assert_stopped(world, world.tree.id)["remedy"]
    done = migrate(world)
    assert (done["migration"]["copied"], done["migration"]["bound"]) == (1, True)
    assert all(pictures(world).values())
    ends_in_step(world)
    assert migrate(world)["migration"]["copied"] == 0
    assert migrate(other)["migration"]["copied"] == 2
    ends_in_step(other)

    # What was deleted before comes back from the new place.
    bucket_before = bucket.contents()
    assert world.syncd("trash", "restore", "dog.jpg").code == 0
    assert world.sync()["counts"]["fetched"] == 1
    assert world.desktop.files()["dog.jpg"] == photo("dog.jpg")
    world.assert_in_step()

    # The old files.
    stop = migrate(world, "--delete-old", code=3)["stop"]
    for word in ("3 of the files", "several trees", f"below {other.tree.id}/"):
        assert word in stop["reason"] or word == "3 of the files", stop
    assert bucket.contents() == bucket_before
    done = migrate(world, "--delete-old", "--no-other-tree-needs-them")
    gone = everything.keys() - bucket.contents().keys()
    assert done["migration"]["deleted"] == len(gone) == named + 3, "with dog, late, later"
    left = {key: bytes_ for key, bytes_ in bucket.contents().items() if "/" not in key or key == archive}
    assert left == {orphan: b"nobody's", archive: b"PK", md5(photo("theirs.jpg")): photo("theirs.jpg")}
    assert world.s3 is not None
    assert {key: world.s3.get(key) for key in gone} == {key: everything[key] for key in gone}
    mark = world.mark()
    for arguments in ((), ("--delete-old", "--no-other-tree-needs-them")):
        again = migrate(world, *arguments)["migration"]
        assert (again["copied"], again["deleted"]) == (0, 0)
    mark.assert_nothing_written()
    ends_in_step(world)
    ends_in_step(other)

    # And off again, without a thought beforehand.
    switch(server, world, other, on=False)
    assert not any(pictures(world).values())
    assert_stopped(world, world.tree.id)
    below = world.bucket.below(world.tree.key_prefix).contents() if world.bucket else {}
    done = migrate(world)
    assert (done["migration"]["copied"], done["migration"]["bound"]) == (len(gone), True)
    assert all(pictures(world).values())
    ends_in_step(world)
    assert {key: bucket.get(key) for key in gone} == {key: everything[key] for key in gone}
    done = migrate(world, "--out", "--delete-old", "--no-other-tree-needs-them")
    assert done["migration"]["deleted"] == len(gone) == len(below)
    assert bucket.below(world.tree.key_prefix).keys() == {}
    ends_in_step(world)
    migrate(other)
    # Another MEDIA_BASE_DIR, copied beforehand.
    place = f"s3://{bucket.bucket}/new/{other.tree.id}"
    done = migrate(other, "--to", f"s3://{bucket.bucket}/new")
    assert place in done["notices"][0]["text"], "this server may host several trees"
    (step,) = done["migration"]["next"]
    assert step.endswith(f"--to {place}")
    assert "MEDIA_PREFIX_TREE" not in step
    contents = {md5(content): content for content in other.desktop.files().values()}
    assert bucket.below("new/").contents() == contents
    again = "--from", f"s3://{bucket.bucket}/new", "--delete-old", "--no-other-tree-needs-them"
    assert migrate(other, *again)["migration"]["deleted"] == len(contents), "copies that nobody uses"
    assert bucket.below("new/").keys() == {}
    done = migrate(other, "--to", place)
    assert "for every tree" in done["notices"][0]["text"]
    assert f"MEDIA_BASE_DIR=s3://{bucket.bucket}/new and {SETTING}=true" in done["migration"]["next"][0]
    assert bucket.below(f"new/{other.tree.id}/").contents() == contents
    assert all(pictures(other).values())
    ends_in_step(other)


def test_what_did_not_come_along_is_found(
    rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """Nobody migrated, or before an undo in Gramps Web named a file again: a sync finds it at the tree's other place.

    Somebody's edit, which the bucket has there, is not taken for one that nobody has, though it is days old. What lay in
    the quarantine comes, too; damaged bytes do not; nothing is deleted there.
    """
    bucket = rclone.new_bucket()
    server = new_server(
        s3=rclone, media_base_dir=f"s3://{bucket.bucket}", settings={SETTING: "false"}
    ).start()
    world = new_world(server, "empty")
    world.s3 = bucket
    begin(world, "a.jpg", "b.jpg")
    answers = []
    for name in ("deleted.jpg", "collected.jpg"):
        handle = world.api.create(name, checksum=bucket.put_content(photo(name)))
        answers.append(world.api.json("DELETE", f"/media/{handle}"))
    collected = md5(photo("collected.jpg"))
    bucket.put(f"syncd-quarantine/2026-01-01/{collected}.orphan", photo("collected.jpg"))
    bucket.delete(collected)
    change_on_web(world, handles(world)["a.jpg"], photo("edited"))
    before = bucket.contents()

    switch(server, world, on=True)
    assert world.syncd("adopt", "--yes").code == 0
    late = wrong_by(3 * 24 * 3600, world.base / "clock")
    assert world.sync("--dry-run", env=late)["counts"]["updated"] == 0
    done = world.sync(env=late)
    assert (done["counts"]["updated"], len(done["conflicts"])) == (0, 1)
    assert world.desktop.files()["a.jpg"] == photo("edited")
    assert sorted(world.desktop.files().values()) == sorted(map(photo, ("a.jpg", "b.jpg", "edited")))
    for answer in answers:
        world.api.json("POST", "/transactions/", 200, params={"undo": "1"}, json=answer)
    damaged = md5(photo("damaged"))
    bucket.put(damaged, b"other bytes")
    handle = world.api.create("damaged.jpg", checksum=damaged)
    assert world.sync()["waiting"][0]["handle"] == handle
    assert world.s3 is not None
    assert damaged not in world.s3
    world.api.delete(handle)
    for name in ("deleted.jpg", "collected.jpg"):
        assert world.desktop.files()[name] == photo(name)
    ends_in_step(world)
    assert {key: bucket.get(key) for key in before} == before
