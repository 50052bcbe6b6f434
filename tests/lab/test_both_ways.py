"""What is new, edited or moved on either side is soon the same on both."""

from __future__ import annotations

import shutil

from lab.world import World, md5
from tests.lab.scenario import (
    begin,
    change_on_web,
    deeds,
    ends_at_rest,
    ends_in_step,
    folders,
    handles,
    photo,
    tree_of,
)


def test_changes_in_the_folder_arrive(empty_world: World) -> None:
    """A new file, an edited one, one moved to a new folder: Gramps Web follows, and handles live on."""
    world = empty_world
    was = begin(world, "edited.jpg", "moved.jpg", "same.jpg")
    world.write("new.jpg", photo("new"))
    world.write("edited.jpg", photo("edited since"))
    (world.folder / "1912").mkdir()
    (world.folder / "moved.jpg").rename(world.folder / "1912" / "renamed.jpg")
    files = world.desktop.files()
    document = world.sync()
    assert deeds(document) == [
        ("added", "new.jpg"),
        ("moved", "1912/renamed.jpg"),
        ("updated", "edited.jpg"),
        ("uploaded", "edited.jpg"),
        ("uploaded", "new.jpg"),
    ]
    assert world.desktop.files() == files
    now = handles(world)
    assert now["edited.jpg"] == was["edited.jpg"]
    assert now["1912/renamed.jpg"] == was["moved.jpg"]
    assert world.s3 is not None
    assert world.s3.get(md5(photo("edited.jpg"))) == photo("edited.jpg")
    ends_in_step(world)


def test_changes_on_the_web_arrive(empty_world: World) -> None:
    """An upload, new content, another path: the folder follows, an emptied folder goes, old content is kept."""
    world = empty_world
    was = begin(world, "edited.jpg", "old folder/deeper/moved.jpg", "same.jpg")
    world.api.upload(photo("new"))
    change_on_web(world, was["edited.jpg"], photo("edited since"))
    world.api.edit(was["old folder/deeper/moved.jpg"], path="1912/renamed.jpg")
    catalog = world.catalog()
    document = world.sync()
    uploaded = f"{md5(photo('new'))}.jpg"
    assert deeds(document) == sorted(
        [("fetched", uploaded), ("fetched", "edited.jpg"), ("moved", "1912/renamed.jpg")]
    )
    assert world.catalog() == catalog
    assert world.desktop.files() == {
        uploaded: photo("new"),
        "edited.jpg": photo("edited since"),
        "1912/renamed.jpg": photo("old folder/deeper/moved.jpg"),
        "same.jpg": photo("same.jpg"),
    }
    assert folders(world.desktop) == {"1912"}
    assert world.desktop.trash() == [photo("edited.jpg")]
    ends_in_step(world)


def test_a_folder_that_was_renamed(empty_world: World) -> None:
    """All its objects get new paths and keep their handles; no byte travels."""
    world = empty_world
    names = [f"{number}.jpg" for number in range(5)]
    was = begin(world, *(f"Grandma/1912/{name}" for name in names), "Grandma/portrait.jpg")
    (world.folder / "Grandma").rename(world.folder / "Anna Müller (1890–1970)")
    document = world.sync()
    assert document["counts"]["moved"] == 6
    assert (document["bytes_up"], document["bytes_down"]) == (0, 0)
    assert handles(world) == {
        path.replace("Grandma", "Anna Müller (1890–1970)"): handle for path, handle in was.items()
    }
    ends_in_step(world)


def test_files_that_changed_places(empty_world: World) -> None:
    """Two files that swapped names in the folder, and two objects that did on the web: content and handle stay one."""
    world = empty_world
    was = begin(world, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    for old, new in (("a.jpg", "swap"), ("b.jpg", "a.jpg"), ("swap", "b.jpg")):
        (world.folder / old).rename(world.folder / new)
    world.api.edit(was["c.jpg"], path="d.jpg")
    world.api.edit(was["d.jpg"], path="c.jpg")
    document = world.sync()
    assert (document["bytes_up"], document["bytes_down"]) == (0, 0)
    assert handles(world) == {
        "a.jpg": was["b.jpg"],
        "b.jpg": was["a.jpg"],
        "c.jpg": was["d.jpg"],
        "d.jpg": was["c.jpg"],
    }
    assert world.desktop.files() == {
        "a.jpg": photo("b.jpg"),
        "b.jpg": photo("a.jpg"),
        "c.jpg": photo("d.jpg"),
        "d.jpg": photo("c.jpg"),
    }
    ends_in_step(world)


def test_moved_and_edited_from_both_sides(empty_world: World) -> None:
    """Moved here and edited there, edited here and moved there: both changes stand in the end."""
    world = empty_world
    was = begin(world, "a.jpg", "b.jpg", "c.jpg")
    (world.folder / "a.jpg").rename(world.folder / "a moved.jpg")
    change_on_web(world, was["a.jpg"], photo("a edited"))
    world.write("b.jpg", photo("b edited"))
    world.api.edit(was["b.jpg"], path="b moved.jpg")
    (world.folder / "c.jpg").rename(world.folder / "c here.jpg")
    world.api.edit(was["c.jpg"], path="c there.jpg")
    document = world.sync()
    assert document["conflicts"] == []
    assert world.desktop.files() == {
        "a moved.jpg": photo("a edited"),
        "b moved.jpg": photo("b edited"),
        "c there.jpg": photo("c.jpg"),
    }
    assert handles(world) == {
        "a moved.jpg": was["a.jpg"],
        "b moved.jpg": was["b.jpg"],
        "c there.jpg": was["c.jpg"],
    }
    ends_in_step(world)


def test_a_replacement_made_on_the_web_page(empty_world: World) -> None:
    """The server names the object by its checksum; the folder's name stays, and the object gets its path back."""
    world = empty_world
    was = begin(world, "album/grandma.jpg", "album/moved.jpg", "other.jpg")
    world.api.replace(was["album/grandma.jpg"], photo("better scan"))
    world.api.replace(was["album/moved.jpg"], photo("another scan"))
    (world.folder / "album/moved.jpg").rename(world.folder / "moved here.jpg")
    world.sync()
    assert world.desktop.files() == {
        "album/grandma.jpg": photo("better scan"),
        "moved here.jpg": photo("another scan"),
        "other.jpg": photo("other.jpg"),
    }
    now = handles(world)
    assert now["album/grandma.jpg"] == was["album/grandma.jpg"]
    assert now["moved here.jpg"] == was["album/moved.jpg"]
    assert sorted(world.desktop.trash()) == sorted([photo("album/grandma.jpg"), photo("album/moved.jpg")])
    ends_in_step(world)


# --- checksums that are not what they should be -------------------------------------------------------------------


def test_an_old_checksum_that_nobody_has_is_stale(world: World) -> None:
    """A file edited after it was added to Gramps: its object names bytes that are nowhere. The folder is right."""
    images = world.copy_example_images()
    (edited, *_rest) = images
    handle = handles(world)[edited]
    world.write(edited, photo("edited long ago"))
    document = world.sync()
    assert ("updated", edited) in deeds(document)
    assert document["conflicts"] == []
    assert handles(world)[edited] == handle
    assert world.desktop.files() == images | {edited: photo("edited long ago")}
    ends_in_step(world)


def test_a_fresh_checksum_that_nobody_has_is_waited_for(empty_world: World) -> None:
    """Another desktop may be uploading just now: nothing is changed until the bytes arrive; then both are kept."""
    world = empty_world
    was = begin(world, "linked.jpg", "other.jpg")
    new = world.api.create("new.jpg", checksum=md5(photo("under way")))
    world.api.edit(was["linked.jpg"], checksum=md5(photo("linked, under way")))
    world.write("new.jpg", photo("mine"))
    mark = world.mark()
    document = world.sync()
    assert document["counts"]["waiting"] == 2
    assert [line for line in mark.writes() if not line.startswith("bucket:")] == []
    assert ends_at_rest(world)["counts"]["waiting"] == 2
    assert world.s3 is not None
    world.s3.put_content(photo("under way"))
    world.s3.put_content(photo("linked, under way"))
    (conflict,) = world.sync()["conflicts"]
    assert world.desktop.files() == {
        "linked.jpg": photo("linked, under way"),
        "new.jpg": photo("under way"),
        conflict["kept_as"]: photo("mine"),
        "other.jpg": photo("other.jpg"),
    }
    assert handles(world)["new.jpg"] == new
    ends_in_step(world)


def test_an_empty_checksum_is_filled_in(empty_world: World) -> None:
    """Check & Repair, run while the disk was away, empties checksums: the folder's file says what it is, at once."""
    world = empty_world
    was = begin(world, "linked.jpg", "linked and edited.jpg")
    new = world.api.create("new.jpg")
    world.write("new.jpg", photo("new"))
    for handle in was.values():
        world.api.edit(handle, checksum="")
    world.write("linked and edited.jpg", photo("edited"))
    files = world.desktop.files()
    world.sync()
    assert world.desktop.files() == files
    assert handles(world) == was | {"new.jpg": new}
    ends_in_step(world)


def test_a_checksum_in_capitals(empty_world: World) -> None:
    """It means the same bytes, but no server finds them under it: it is written anew in small letters."""
    world = empty_world
    was = begin(world, "linked.jpg", "other.jpg")
    assert world.s3 is not None
    fetched = world.api.create("fetched.jpg", checksum=world.s3.put_content(photo("fetched")).upper())
    paired = world.api.create("paired.jpg", checksum=md5(photo("paired")).upper())
    world.write("paired.jpg", photo("paired"))
    world.api.edit(was["linked.jpg"], checksum=md5(photo("linked.jpg")).upper())
    document = world.sync()
    assert document["conflicts"] == []
    assert handles(world) == was | {"fetched.jpg": fetched, "paired.jpg": paired}
    ends_in_step(world)


# --- one content, many names --------------------------------------------------------------------------------------


def test_two_objects_of_one_content_have_a_file_each(empty_world: World) -> None:
    """The bucket holds the bytes once. Deleting one file deletes its object, and the other keeps its bytes."""
    world = empty_world
    begin(world, "other.jpg")
    world.api.create("a.jpg", photo("twin"))
    kept = world.api.create("album/b.jpg", photo("twin"))
    world.sync()
    assert world.desktop.files() == {
        "a.jpg": photo("twin"),
        "album/b.jpg": photo("twin"),
        "other.jpg": photo("other.jpg"),
    }
    world.assert_in_step()
    (world.folder / "a.jpg").unlink()
    assert deeds(world.sync()) == [("deleted", "a.jpg")]
    assert handles(world)["album/b.jpg"] == kept
    ends_in_step(world)


def test_two_objects_of_one_name_share_a_file(empty_world: World) -> None:
    """One file, two objects: it goes to the trash only when no object names it any more."""
    world = empty_world
    begin(world, "other.jpg")
    first = world.api.create("shared.jpg", photo("shared"))
    second = world.api.create("shared.jpg", photo("shared"))
    world.sync()
    assert world.desktop.files().keys() == {"other.jpg", "shared.jpg"}
    ends_at_rest(world)
    world.api.delete(first)
    assert deeds(world.sync()) == []
    world.write("shared.jpg", photo("shared and edited"))
    world.sync()
    assert world.api.content(second) == photo("shared and edited")
    world.assert_in_step()
    world.api.delete(second)
    assert deeds(world.sync()) == [("trashed", "shared.jpg")]
    ends_in_step(world)


def test_equal_files_in_the_folder(empty_world: World) -> None:
    """Two equal files are two objects over one key; edited, moved and deleted, each goes its own way."""
    world = empty_world
    for path in ("a.jpg", "copy/a.jpg", "copy/b.jpg"):
        world.write(path, photo("equal"))
    begin(world, "other.jpg")
    was = handles(world)
    assert world.s3 is not None
    assert world.s3.keys().keys() == {md5(photo("equal")), md5(photo("other.jpg"))}
    (world.folder / "copy/a.jpg").rename(world.folder / "moved.jpg")
    (world.folder / "copy/b.jpg").unlink()
    world.sync()
    assert handles(world) == {
        "a.jpg": was["a.jpg"],
        "moved.jpg": was["copy/a.jpg"],
        "other.jpg": was["other.jpg"],
    }
    world.assert_in_step()
    world.write("a.jpg", photo("edited"))
    shutil.copyfile(world.folder / "moved.jpg", world.folder / "copied.jpg")
    world.sync()
    assert world.desktop.files() == {
        "a.jpg": photo("edited"),
        "copied.jpg": photo("equal"),
        "moved.jpg": photo("equal"),
        "other.jpg": photo("other.jpg"),
    }
    assert handles(world)["moved.jpg"] == was["copy/a.jpg"]
    ends_in_step(world)


# --- what the settings say ----------------------------------------------------------------------------------------


def test_new_files_may_be_uploaded_only(empty_world: World) -> None:
    """`upload-only`: the bytes travel, the object comes by another way, and then the two are linked."""
    world = empty_world
    begin(world, "first.jpg")
    world.configure(new_files="upload-only")
    world.write("scan.jpg", photo("scan"))
    assert deeds(world.sync()) == [("uploaded", "scan.jpg")]
    assert world.s3 is not None
    assert world.s3.get(md5(photo("scan"))) == photo("scan")
    assert world.catalog().keys() == {"first.jpg"}
    ends_at_rest(world)
    world.api.create("scan.jpg", checksum=md5(photo("scan")))
    assert deeds(world.sync()) == [("linked", "scan.jpg")]
    ends_in_step(world)


def test_new_files_may_be_ignored(empty_world: World) -> None:
    """`ignore`: a new file stays here alone; everything else goes on, and a conflict copy is added all the same."""
    world = empty_world
    was = begin(world, "known.jpg", "fought over.jpg")
    world.configure(new_files="ignore")
    world.write("private.jpg", photo("private"))
    world.write("known.jpg", photo("edited"))
    world.write("fought over.jpg", photo("mine"))
    change_on_web(world, was["fought over.jpg"], photo("theirs"))
    (conflict,) = world.sync()["conflicts"]
    assert world.api.content(was["known.jpg"]) == photo("edited")
    assert world.catalog().keys() == {"known.jpg", "fought over.jpg", conflict["kept_as"]}
    assert world.differences() == ["private.jpg: in the folder only"]
    assert world.s3 is not None
    assert md5(photo("private")) not in world.s3
    ends_at_rest(world)


def test_new_objects_may_be_private_and_tagged(empty_world: World) -> None:
    """`[new_objects]` says what new objects look like; what was there already stays as it was."""
    world = empty_world
    was = begin(world, "before.jpg")
    world.configure(new_objects={"private": True, "tag": "To sort"})
    world.write("album/Åsa & Björn.jpg", photo("new"))
    world.write("second.heic", photo("second"))
    world.write("before.jpg", photo("edited"))
    world.sync()
    (tag,) = world.api.json("GET", "/tags/")
    assert tag["name"] == "To sort"
    objects = world.api.by_path()
    new = objects["album/Åsa & Björn.jpg"]
    assert (new["private"], new["tag_list"], new["desc"], new["mime"]) == (
        True,
        [tag["handle"]],
        "Åsa & Björn",
        "image/jpeg",
    )
    assert objects["second.heic"]["mime"] == "image/heic"
    before = objects["before.jpg"]
    assert (before["handle"], before["private"], before["tag_list"]) == (was["before.jpg"], False, [])
    ends_in_step(world)


def test_a_dry_run_changes_nothing_and_foretells(empty_world: World) -> None:
    """Not a byte of folder, state, Gramps Web or bucket; the run that follows does exactly what was said."""
    world = empty_world
    was = begin(world, *(f"{number}.jpg" for number in range(8)))
    world.write("new.jpg", photo("new"))
    world.write("0.jpg", photo("edited"))
    (world.folder / "1.jpg").rename(world.folder / "one.jpg")
    (world.folder / "2.jpg").unlink()
    world.api.upload(photo("web"))
    change_on_web(world, was["3.jpg"], photo("edited on the web"))
    world.api.edit(was["4.jpg"], path="four.jpg")
    world.api.delete(was["5.jpg"])
    assert world.s3 is not None
    files, state, keys = tree_of(world.folder), tree_of(world.desktop.state_dir), world.s3.contents()
    mark = world.mark()
    foretold = world.sync("--dry-run")
    mark.assert_nothing_written()
    assert tree_of(world.folder) == files
    assert tree_of(world.desktop.state_dir) == state
    assert world.s3.contents() == keys
    done = world.sync()
    assert deeds(foretold) == deeds(done)
    assert {kind for kind, _path in deeds(done)} == {
        "added",
        "deleted",
        "fetched",
        "moved",
        "trashed",
        "updated",
        "uploaded",
    }
    for key in ("bytes_up", "bytes_down", "conflicts", "held", "problems"):
        assert foretold[key] == done[key]
    ends_in_step(world)
