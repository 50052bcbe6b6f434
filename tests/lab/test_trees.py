"""Several trees: in one bucket, with prefixes of their own or without, on one server or two, and on one desktop."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from lab.gramps_web import GrampsWeb
from lab.s3 import RcloneS3, S3Witness
from lab.world import Desktop, World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import adopt, assert_plain, assert_settled, assert_stopped
from tests.lab.scenario import begin, change_on_web, ends_in_step, handles, photo

ODD = "Familie Müller/Fotos & Scans (100%)/a+b#c?d='e'~"
"""A prefix in which nearly every sign means something somewhere."""


def busy(first: World, second: World) -> None:
    """Two trees with a photo in common: additions, edits and deletions in both at once, and runs in turn."""
    for world in (first, second):
        begin(world, "shared.jpg", "edited.jpg", "deleted here.jpg", "deleted there.jpg", "moved.jpg")
    assert first.bucket is not None
    before = first.bucket.keys()
    change_on_web(first, handles(first)["edited.jpg"], photo("edited there"))
    second.write("edited.jpg", photo("edited here"))
    for world, kept in ((first, second), (second, first)):
        (world.folder / "deleted here.jpg").unlink()
        world.api.delete(handles(world)["deleted there.jpg"])
        world.write("new.jpg", photo(f"new in {world.tree.id}"))
        (world.folder / "moved.jpg").rename(world.folder / "elsewhere.jpg")
        untouched, files = kept.api.by_path(), kept.desktop.files()
        world.sync()
        world.assert_in_step()
        assert (kept.api.by_path(), kept.desktop.files()) == (untouched, files)
    for world in (first, second):
        ends_in_step(world)
        assert world.desktop.files().keys() == {"shared.jpg", "edited.jpg", "new.jpg", "elsewhere.jpg"}
    assert before.items() <= first.bucket.keys().items()
    first.bucket.assert_sound()


# --- pairs on one desktop -----------------------------------------------------------------------------------------------


def pair(first: World, second: World) -> tuple[Desktop, Desktop]:
    """The desktops of two trees made one: one home, two configurations, and nobody thought of `state_dir`."""
    second.desktop.home = first.desktop.home
    for world, name in ((first, "smith"), (second, "jones")):
        desktop = world.desktop
        desktop.config_file = desktop.config_file.rename(desktop.base / f"{name}.toml")
        desktop.configure(state_dir=None)
    return first.desktop, second.desktop


def follow(desktop: Desktop, remedy: str) -> None:
    """Put the line that a remedy proposes into the configuration."""
    line = remedy.partition('state_dir = "')[2].partition('"')[0]
    assert str(desktop.config_file) in remedy
    assert line, remedy
    desktop.configure(state_dir=line)


def test_two_pairs_on_one_desktop(gramps_web: GrampsWeb, new_world: MakeWorld) -> None:
    """`--config A` and `--config B`: the second is told which key it needs; then each minds its own tree and keys.

    Both trees are busy in one bucket, each below its prefix. No pair may use the other's folder or state, or a folder
    in the other's.
    """
    first, second = new_world(gramps_web, "empty"), new_world(gramps_web, "empty")
    smith, jones = pair(first, second)
    begin(first, "shared.jpg")
    assert (smith.home / ".local/state/syncd/state.sqlite").exists()
    second.write("shared.jpg", photo("shared.jpg"))
    stop = assert_stopped(second, "belongs to another media folder", str(smith.folder))
    check = jones.syncd("check")
    assert check.code == 3, check
    assert stop["reason"] in check.out
    follow(jones, stop["remedy"])
    own_state = jones.settings["state_dir"]
    assert not Path(own_state).is_relative_to(smith.home / ".local/state/syncd")

    busy(first, second)
    assert first.s3 is not None
    assert second.s3 is not None
    assert md5(photo(f"new in {first.tree.id}")) not in second.s3
    assert md5(photo(f"new in {second.tree.id}")) not in first.s3
    check = smith.syncd("check")
    assert check.code == 0, check
    assert f"(bucket media, prefix {first.tree.id}/: the tree's own)" in check.out
    assert f"{len(first.s3.keys())} files" in check.out  # not the other tree's

    # The line is lost: the folder's marker tells which one it was.
    jones.configure(state_dir=None)
    assert f'state_dir = "{own_state}"' in assert_stopped(second, "belongs to another media folder")["remedy"]
    # The other's folder is named.
    jones.configure(state_dir=own_state, media_dir=str(smith.folder))
    assert_stopped(second, "belongs to another media folder", str(smith.folder))
    jones.configure(media_dir=str(jones.folder))
    assert_settled(second)
    assert_settled(first)


def test_a_media_folder_in_another_one(gramps_web: GrampsWeb, new_world: MakeWorld) -> None:
    """Neither the inner nor the outer pair does anything, whichever came first; the remedy gets one out of it."""
    first, second = new_world(gramps_web, "empty"), new_world(gramps_web, "empty")
    begin(first, "a.jpg")
    inner = first.folder / "album" / "inner"
    inner.mkdir(parents=True)
    second.configure(media_dir=str(inner))
    assert_stopped(second, "lies in another media folder", str(first.folder))
    assert list(inner.iterdir()) == []
    assert second.syncd("check").code == 3

    second.configure(media_dir=str(second.folder))
    begin(second, "b.jpg")
    inner.rmdir()
    away = second.folder.rename(inner)
    stop = assert_stopped(first, "lies another media folder, album/inner")
    check = first.syncd("check")
    assert check.code == 3, check
    assert "album/inner" in check.out
    second.configure(media_dir=str(inner))
    assert_stopped(second, "lies in another media folder")
    # Synced no more: the outer pair takes the files over.
    marker = away / ".syncd" / "folder.json"
    assert f"delete {marker}" in stop["remedy"]
    marker.unlink()
    first.sync()
    assert first.desktop.files().keys() == {"a.jpg", "album/inner/b.jpg"}
    assert_settled(first)
    assert second.catalog().keys() == {"b.jpg"}


# --- trees without prefixes, and settings that change --------------------------------------------------------------------


def without_prefix(world: World) -> World:
    """The same tree on a server that does not part trees: its files lie where all trees' lie."""
    world.s3 = world.bucket
    return world


def switch(server: GrampsWeb, *worlds: World, prefix_tree: str, base: str | None = None) -> None:
    """Start the server with other settings; `prefix_tree` as somebody wrote it."""
    server.stop()
    server.settings["GRAMPSWEB_MEDIA_PREFIX_TREE"] = prefix_tree
    server.media_base_dir = base or server.media_base_dir
    server.start()
    for world in worlds:
        assert world.bucket is not None
        world.s3 = world.bucket if prefix_tree == "false" else world.bucket.below(world.tree.key_prefix)


def test_trees_that_share_the_keys_of_a_bucket(
    gramps_web: GrampsWeb, rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """Two trees without prefixes share the keys of the bucket's root, and a second server's trees lie below theirs.

    No deletion or edit in one tree is one in another, and no key is lost.
    """
    server = new_server(s3=rclone, settings={"GRAMPSWEB_MEDIA_PREFIX_TREE": "false"})
    first, second = (without_prefix(new_world(server, "empty")) for _ in range(2))
    beside = new_world(gramps_web, "empty")  # another server, the same bucket
    begin(beside, "shared.jpg")
    bucket = S3Witness(rclone, "media")
    busy(first, second)
    (first.folder / "shared.jpg").unlink()
    first.sync()
    for world in (second, beside):
        ends_in_step(world)
    assert "shared.jpg" not in first.catalog()
    assert md5(photo("shared.jpg")) in bucket
    check = first.syncd("check")
    assert check.code == 0, check
    assert "(bucket media, no prefix: not the tree's own, other trees' files may lie there, too)" in check.out
    for key in list(bucket.keys()):
        if "/" not in key:
            bucket.delete(key)


def test_a_setting_that_is_switched(rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld) -> None:
    """A stop on every desktop, which names what it was and what it is; nothing is done in either direction.

    After switching back, or adopting, all is well, and no key was lost.
    """
    bucket = rclone.new_bucket()
    place = f"s3://{bucket.bucket}"
    settings = {"GRAMPSWEB_MEDIA_PREFIX_TREE": "false"}
    server = new_server(s3=rclone, settings=settings, media_base_dir=place)
    first, second = (without_prefix(new_world(server, "empty")) for _ in range(2))
    for world in (first, second):
        begin(world, "a.jpg")

    # Gramps Web reads settings as JSON: `False`, with a capital, is a text, and switches it on.
    before = bucket.keys()
    switch(server, first, second, prefix_tree="False")
    first.write("later.jpg", photo("later"))
    for world in (first, second):
        stop = assert_stopped(world, f"{place}/{world.tree.id} now", f"in {place} when", "switched on")
    assert "syncd migrate-prefix" in stop["remedy"]
    check = second.syncd("check")
    assert check.code == 3, check
    assert stop["reason"] in check.out
    assert_plain(check)
    assert bucket.keys() == before
    first.api.create("from the web.jpg", photo("from the web"))
    adopt(first, stop)
    assert_settled(first)
    assert first.desktop.files().keys() == {"a.jpg", "later.jpg", "from the web.jpg"}

    # On its own disk now: [s3] is still configured.
    server.stop()
    server.media_base_dir = str(server.media_folder)
    server.start()
    for world in (first, second):
        assert "on its own disk now" in world.sync(code=3)["stop"]["reason"]

    switch(server, first, second, prefix_tree="false", base=place)
    assert_settled(second)  # nothing was done there, and nothing has to be
    assert second.desktop.files().keys() == {"a.jpg"}
    adopt(first, assert_stopped(first, f"in {place}/{first.tree.id} when", "switched off"))
    assert_settled(first)
    assert before.items() <= bucket.keys().items()


# --- prefixes and endpoints -----------------------------------------------------------------------------------------------


def test_an_odd_prefix_on_an_s3_server_below_a_path(
    tmp_path: Path, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """`https://host/storage/v1/s3`, a deep prefix of odd signs, slashes at the ends: both ways, from an empty tree on.

    The desktop may know the S3 server by another name. What cannot be made out, or not be used, is told, and nothing done.
    """
    with RcloneS3(tmp_path / "rclone", base_path="/storage/v1/s3") as s3:
        witness = s3.new_bucket("photos")
        server = new_server(s3=s3, media_base_dir=f"s3://photos/{ODD}", settings={})
        world = new_world(server, "empty")
        world.configure(s3={"url": f"s3://photos/{ODD}/", "endpoint_url": f"{s3.url}/"})
        begin(world, "a.jpg", "b/c.jpg")
        world.api.upload(photo("from the web"))
        (world.folder / "a.jpg").unlink()
        world.sync()
        ends_in_step(world)
        assert all(key.startswith(f"{ODD}/{world.tree.id}/") for key in sorted(witness.keys()))
        check = world.syncd("check", "-v")
        assert check.code == 0, check
        assert f"prefix {ODD}/{world.tree.id}/: the tree's own" in check.out

        # By another name; and without the path, which nobody could tell from a bucket.
        port = urlsplit(s3.url).port
        world.configure(s3={"endpoint_url": f"http://localhost:{port}/storage/v1/s3"})
        world.write("d.jpg", photo("d"))
        world.sync()
        ends_in_step(world)
        fresh = world.new_desktop("fresh", s3={"endpoint_url": f"http://127.0.0.1:{port}"})
        run = fresh.syncd("--once")
        assert run.code == 2, run
        assert "endpoint_url" in run.err
        assert_plain(run)
        assert fresh.files() == {}

        # A slash at the end of MEDIA_BASE_DIR, and a prefix for each tree: keys with an empty part.
        before = witness.keys()
        switch(server, prefix_tree="true", base=f"s3://photos/{ODD}/")
        fresh.configure(s3={"endpoint_url": s3.url})
        run = fresh.syncd("--once")
        assert run.code == 2, run
        assert "without a slash at its end" in run.err
        assert_stopped(world, f"{ODD}//{world.tree.id} now")
        assert witness.keys() == before
