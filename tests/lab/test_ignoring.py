"""Ignored names: out of scope on both sides, and nothing is deleted when the rules change."""

from __future__ import annotations

import shutil

from lab.world import World
from tests.lab.scenario import begin, change_on_web, deeds, ends_at_rest, ends_in_step, handles, photo

LIST = (
    b"\xef\xbb\xbf# What stays here\r\ndrafts/\r\n\r\n/PORTRAIT.jpg\r\n*.psd\r\n!keep.psd\r\nalbum/raw/\r\n"
)
SLEEPERS = [
    f"drafts/{name}.jpg"
    for name in (
        "asleep",
        "edited here",
        "edited there",
        "edited on both sides",
        "moved here",
        "moved there",
        "deleted here",
        "deleted there",
        "deleted on both sides",
    )
]


def test_the_rules_come_and_go(empty_world: World) -> None:
    """What was in step sleeps while it is ignored and is merged when it wakes; nobody's picture is deleted by a rule.

    The rules are in both lists, with a byte order mark and Windows' line ends; deletions go through without asking.
    """
    world = empty_world
    was = begin(world, *SLEEPERS, "PORTRAIT.jpg", "held.jpg", "album/raw/out.jpg", "album/kept.jpg")
    for path in ("PORTRAIT.jpg", "held.jpg"):
        world.api.new_person(media_list=[{"_class": "MediaRef", "ref": was[path]}])
    (world.folder / "held.jpg").unlink()
    assert len(world.sync(code=3)["held"]) == 1

    # The rules come: nothing is deleted, and what waited for a yes waits no longer.
    world.configure(ignore=["held.*", "*.ai"], deletions={"on_web": "always"})
    world.write(".syncdignore", LIST)
    here_alone = ["layers.psd", "drafts/new.jpg", "logo.ai", "deep/.DS_Store", "Thumbs.db", "album.part"]
    for path in [*here_alone, "keep.psd", "SCAN.PSD"]:
        world.write(path, photo(path))
    there_alone = {path: world.api.create(path, photo(path)) for path in ("web.psd", "drafts/web.jpg")}
    document = world.sync()
    assert {path for _kind, path in deeds(document)} == {"keep.psd", "SCAN.PSD"}
    assert document["problems"] == document["held"] == []
    assert was.items() <= handles(world).items()
    ends_at_rest(world)

    # Life goes on, on both sides, and means nothing; only what is moved out of an ignored folder counts.
    drafts = world.folder / "drafts"
    (drafts / "moved here.jpg").rename(drafts / "moved.jpg")
    (world.folder / "album/raw/out.jpg").rename(world.folder / "album/out.jpg")
    (world.folder / "PORTRAIT.jpg").unlink()
    for name in ("edited here", "edited on both sides"):
        world.write(f"drafts/{name}.jpg", photo(f"{name}: here"))
    for name in ("edited there", "edited on both sides"):
        change_on_web(world, was[f"drafts/{name}.jpg"], photo(f"{name}: there"))
    world.api.edit(was["drafts/moved there.jpg"], path="album/moved there.jpg")
    for name in ("deleted here", "deleted on both sides"):
        (drafts / f"{name}.jpg").unlink()
    for name in ("deleted there", "deleted on both sides"):
        world.api.delete(was[f"drafts/{name}.jpg"])
    mark = world.mark()
    assert deeds(world.sync()) == [("moved", "album/out.jpg")]
    assert len(mark.writes()) == 1
    assert handles(world)["album/out.jpg"] == was["album/raw/out.jpg"]
    ends_at_rest(world)

    # A rule that ignores everything is no mass deletion, and neither is a folder that is emptied below it.
    world.write(".syncdignore", b"*\n")
    shutil.rmtree(world.folder / "album")
    mark = world.mark()
    assert deeds(world.sync()) == []
    mark.assert_nothing_written()

    # The rules go: what was changed is merged, and what is alone on its side is new there.
    (world.folder / ".syncdignore").unlink()
    world.configure(ignore=None)
    document = world.sync()
    assert document["counts"]["deleted"] == document["counts"]["trashed"] == 0
    assert document["problems"] == document["held"] == []
    (conflict,) = document["conflicts"]
    assert conflict["path"] == "drafts/edited on both sides.jpg"
    told = {item["path"] for item in document["notices"]}
    assert {"drafts/deleted here.jpg", "drafts/deleted there.jpg", "PORTRAIT.jpg", "held.jpg"} <= told
    now = handles(world)
    gone = {"drafts/deleted there.jpg", "drafts/deleted on both sides.jpg"}
    moved = {
        "drafts/moved here.jpg": "drafts/moved.jpg",
        "drafts/moved there.jpg": "album/moved there.jpg",
        "album/raw/out.jpg": "album/out.jpg",
    }
    kept = {moved.get(path, path): handle for path, handle in was.items() if path not in gone}
    assert kept.items() <= now.items()
    assert there_alone.items() <= now.items()
    assert "drafts/deleted on both sides.jpg" not in now
    files = world.desktop.files()
    assert files["drafts/deleted here.jpg"] == photo("drafts/deleted here.jpg")
    assert files["drafts/edited here.jpg"] == photo("edited here: here")
    assert files["drafts/edited there.jpg"] == photo("edited there: there")
    for path in ("deep/.DS_Store", "Thumbs.db", "album.part"):
        assert files[path] == photo(path)
        (world.folder / path).unlink()
        assert path not in now
    ends_in_step(world)


def test_a_list_that_says_nothing_certain(empty_world: World) -> None:
    """A line that is no pattern, or a list that cannot be read: nothing is done, the line is named, nothing wakes up.

    A list in another folder than the top one is told, and all else is done.
    """
    world = empty_world
    begin(world, "kept.jpg")
    world.write("layers.psd", photo("layers"))
    (world.folder / "kept.jpg").rename(world.folder / "renamed.jpg")
    for bad, word in ((b"*.ai\n[z-a]\n", "line 2"), ("Größe\n".encode("latin-1"), "cannot be read")):
        world.write(".syncdignore", bad)
        mark = world.mark()
        error = world.sync(code=3)["error"]
        mark.assert_nothing_written()
        assert word in error["reason"]
        assert error["remedy"]
    (world.folder / ".syncdignore").unlink()
    (world.folder / ".syncdignore").mkdir()
    mark = world.mark()
    assert ".syncdignore" in world.sync(code=3)["error"]["reason"]
    mark.assert_nothing_written()
    (world.folder / ".syncdignore").rmdir()
    world.write(".syncdignore", b"*.psd\n")
    world.write("album/.syncdignore", b"*.ai\n")
    document = world.sync(code=1)
    assert deeds(document) == [("moved", "renamed.jpg")]
    assert [problem["path"] for problem in document["problems"]] == ["album/.syncdignore"]
    (world.folder / "album/.syncdignore").unlink()
    assert sorted(world.differences()) == [
        ".syncdignore: in the folder only",
        "layers.psd: in the folder only",
    ]
    ends_at_rest(world)
