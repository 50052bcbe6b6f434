"""First contact: two sides meet for the first time. It is a union; it deletes nothing."""

from __future__ import annotations

from lab.world import World, md5
from tests.lab.scenario import deeds, ends_at_rest, ends_in_step, handles, numbers, photo, tree_of


def test_the_files_that_the_server_lacks_arrive(world: World) -> None:
    """The example's seven objects name files that only the desktop has: they are sent, and no object is touched."""
    images = world.copy_example_images()
    document = world.sync()
    assert document["counts"]["uploaded"] == 7
    assert document["counts"]["linked"] == 7
    assert document["bytes_up"] == sum(map(len, images.values()))
    assert world.api.history() == []
    assert world.desktop.files() == images
    assert world.s3 is not None
    assert world.s3.contents() == {md5(content): content for content in images.values()}
    ends_in_step(world)


def test_an_empty_folder_fetches_everything(world: World) -> None:
    """A new computer gets all that Gramps Web has, folders included, and changes nothing there."""
    assert world.s3 is not None
    images = world.server.release.example_images()
    for content in images.values():
        world.s3.put_content(content)
    images["Weddings/1912/Anna & Björn.jpg"] = photo("wedding")
    world.api.create("Weddings/1912/Anna & Björn.jpg", photo("wedding"))
    mark = world.mark()
    document = world.sync()
    assert document["counts"]["fetched"] == 8
    assert world.desktop.files() == images
    assert [line for line in mark.writes() if not line.startswith("folder:")] == []
    ends_in_step(world)


def test_both_sides_hold_different_things(empty_world: World) -> None:
    """A union: what one side has, the other gets; what both have is linked, under one name or two."""
    world = empty_world
    web, both, named = photo("web"), photo("both"), photo("two names")
    world.api.create("web.jpg", web)
    world.api.create("both.jpg", both)
    world.api.create("attic/name in Gramps.jpg", named)
    there = handles(world)
    world.write("folder/mine.jpg", photo("mine"))
    world.write("both.jpg", both)
    world.write("name in the folder.jpg", named)
    document = world.sync()
    assert document["counts"] == document["counts"] | {
        "fetched": 1,
        "uploaded": 1,
        "added": 1,
        "linked": 2,
        "trashed": 0,
        "deleted": 0,
        "moved": 0,
    }
    assert world.desktop.files() == {
        "web.jpg": web,
        "both.jpg": both,
        "folder/mine.jpg": photo("mine"),
        "name in the folder.jpg": named,
    }
    now = handles(world)
    assert there.items() <= now.items()
    assert now.keys() - there.keys() == {"folder/mine.jpg"}
    assert sorted(world.differences()) == [
        "attic/name in Gramps.jpg: in Gramps Web only",
        "name in the folder.jpg: in the folder only",
    ]
    ends_at_rest(world)


def test_one_name_with_two_contents_keeps_both(empty_world: World) -> None:
    """Gramps Web's bytes take the name, for others refer to them; the folder's stand beside it, on both sides."""
    world = empty_world
    handle = world.api.create("portrait.jpg", photo("web"))
    world.write("portrait.jpg", photo("folder"))
    document = world.sync()
    (conflict,) = document["conflicts"]
    assert (conflict["path"], conflict["handle"]) == ("portrait.jpg", handle)
    assert conflict["kept_as"].startswith("portrait (conflict 20")
    assert world.desktop.files() == {
        "portrait.jpg": photo("web"),
        conflict["kept_as"]: photo("folder"),
    }
    assert handles(world)["portrait.jpg"] == handle
    ends_in_step(world)


def test_a_large_first_contact_is_shown_first(empty_world: World) -> None:
    """More than 100 new objects wait for a yes, also in an empty tree; one `syncd approve`, and all are there, once."""
    world = empty_world
    for number in range(103):
        world.write(f"scans/{number:03}.jpg", photo(f"scan {number}"))
    mark = world.mark()
    document = world.sync(code=3)
    assert {item["kind"] for item in document["held"]} == {"first-sync"}
    mark.assert_nothing_written()
    assert world.api.media() == []
    (number,) = numbers(document)
    assert world.syncd("approve", str(number)).code == 0
    done = world.sync()
    assert done["held"] == []
    assert done["counts"]["added"] == len(world.api.media()) == 103
    ends_in_step(world)


def test_first_sync_go_says_yes_beforehand(empty_world: World) -> None:
    """With `first_sync = "go"` a large first contact is carried out at once."""
    world = empty_world
    world.api.create("web.jpg", photo("web"))
    world.configure(first_sync="go")
    for number in range(101):
        world.write(f"{number:03}.jpg", photo(f"scan {number}"))
    counts = world.sync()["counts"]
    assert (counts["added"], counts["fetched"]) == (101, 1)
    assert len(world.api.media()) == 102
    ends_in_step(world)


def test_an_empty_tree_gets_its_first_objects(empty_world: World) -> None:
    """Nothing in the tree tells where media are kept: the first file goes through the API, the rest follow.

    The first object looks like all others.
    """
    world = empty_world
    world.configure(new_objects={"private": True, "tag": "To sort"})
    files = {f"album/{name}.jpg": photo(name) for name in ("one", "two", "three")}
    for path, content in files.items():
        world.write(path, content)
    foretold, done = world.sync("--dry-run"), world.sync()
    assert deeds(done) == deeds(foretold)
    assert done["counts"]["added"] == done["counts"]["uploaded"] == 3
    assert done["bytes_up"] == foretold["bytes_up"]
    assert world.desktop.files() == files
    assert world.catalog() == {path: md5(content) for path, content in files.items()}
    (tag,) = world.api.json("GET", "/tags/")
    assert {item["desc"]: (item["private"], item["tag_list"]) for item in world.api.media()} == {
        name: (True, [tag["handle"]]) for name in ("one", "two", "three")
    }
    ends_in_step(world)


def test_a_first_object_in_another_place_than_configured(empty_world: World) -> None:
    """Only that object shows where media are kept: the run ends, and says that it made it."""
    world = empty_world
    world.configure(s3={"url": "s3://elsewhere"})
    for name in ("one", "two"):
        world.write(f"{name}.jpg", photo(name))
    document = world.syncd("--once", "--json").json
    assert document["exit_code"] == 2
    assert "it says s3://elsewhere, but Gramps Web keeps its media in" in document["error"]["reason"]
    (made,) = world.api.media()
    assert deeds(document) == [("added", made["path"]), ("uploaded", made["path"])]
    assert document["bytes_up"] == len(photo("one"))
    world.configure(s3={"url": world.server.media_base_dir})
    assert deeds(world.sync()) != []
    ends_in_step(world)


def test_nothing_on_either_side_is_in_step(empty_world: World) -> None:
    """An empty tree and an empty folder: nothing to do, now and again, and nobody is alarmed."""
    world = empty_world
    document = world.sync()
    assert deeds(document) == []
    assert document["problems"] == []
    ends_in_step(world)


def test_an_empty_tree_does_not_tell_where_bytes_go(empty_world: World) -> None:
    """Bytes alone (`upload-only`) have no place in an empty tree: a problem with a remedy, and nothing is lost."""
    world = empty_world
    world.configure(new_files="upload-only")
    world.write("scan.jpg", photo("scan"))
    (problem,) = world.sync(code=1)["problems"]
    assert "add a first file in Gramps Web" in problem["remedy"]
    ends_at_rest(world, code=1)
    handle = world.api.create("scan.jpg", checksum=md5(photo("scan")))
    world.sync()
    assert world.api.content(handle) == photo("scan")
    ends_in_step(world)


def test_a_dry_run_changes_nothing_and_foretells(world: World) -> None:
    """Before anything was synced: not even a state file or the folder's marker is made."""
    world.copy_example_images()
    world.write("new.jpg", photo("new"))
    world.api.create("from the web.jpg", photo("web"))
    assert world.s3 is not None
    files, state, keys = tree_of(world.folder), tree_of(world.desktop.state_dir), world.s3.contents()
    mark = world.mark()
    foretold = world.sync("--dry-run")
    mark.assert_nothing_written()
    assert foretold["dry_run"] is True
    assert tree_of(world.folder) == files
    assert tree_of(world.desktop.state_dir) == state
    assert world.s3.contents() == keys
    assert deeds(world.sync()) == deeds(foretold)
    ends_in_step(world)


def test_an_empty_tree_begins_with_a_type_that_the_server_does_not_know(empty_world: World) -> None:
    """The smallest file comes first, whatever it is: a server that takes no upload of its type is not asked to."""
    world = empty_world
    for path in ("a.amr", "raw.cr3", "talk.ged"):
        world.write(path, photo(path))
    world.write("letter.jpg", photo("letter.jpg") * 100)
    world.sync()
    assert {path: item["mime"] for path, item in world.api.by_path().items()} == {
        "a.amr": "audio/amr",
        "raw.cr3": "image/x-canon-cr3",
        "talk.ged": "application/x-gedcom",
        "letter.jpg": "image/jpeg",
    }
    ends_in_step(world)
