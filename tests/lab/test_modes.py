"""What the settings leave on one side only, and what becomes of it when something happens on the other side later."""

from __future__ import annotations

from lab.world import World, md5
from tests.lab.scenario import begin, change_on_web, deeds, ends_at_rest, handles, photo


def test_what_was_only_uploaded_or_left_alone_meets_its_object(empty_world: World) -> None:
    """`upload-only` and `ignore`: an object that comes later, by whatever name, is linked; never is there a second one."""
    world = empty_world
    was = begin(world, "first.jpg")
    world.configure(new_files="upload-only")
    names = ["same.jpg", "elsewhere.jpg", "moved.jpg", "edited.jpg", "deleted.jpg", "awaited.jpg"]
    for name in names:
        world.write(name, photo(name))
    assert deeds(world.sync()) == [("uploaded", name) for name in sorted(names)]
    ends_at_rest(world)

    (world.folder / "moved.jpg").rename(world.folder / "moved here.jpg")
    world.write("edited.jpg", photo("edited since"))
    (world.folder / "deleted.jpg").unlink()
    for name in names[:-1]:
        path = "on the web/elsewhere.jpg" if name == "elsewhere.jpg" else name
        was[path] = world.api.create(path, checksum=md5(photo(name)))
    document = world.sync()
    assert document["bytes_up"] == len(photo("edited since"))
    (conflict,) = document["conflicts"]
    assert conflict["path"] == "edited.jpg"
    copy = conflict["kept_as"]
    assert deeds(document) == sorted(
        [
            ("added", copy),
            ("conflict", "edited.jpg"),
            ("fetched", "deleted.jpg"),
            ("linked", "elsewhere.jpg"),
            ("linked", "moved here.jpg"),
            ("linked", "same.jpg"),
            ("uploaded", copy),
        ]
    )
    assert handles(world) == was | {copy: handles(world)[copy]}
    ends_at_rest(world)

    world.configure(new_files="ignore")
    for name in ("alone.jpg", "met.jpg", "fought over.jpg"):
        world.write(name, photo(name))
    assert deeds(world.sync()) == []
    met = world.api.create("met.jpg", photo("met.jpg"))
    fought = world.api.create("fought over.jpg", photo("another"))
    document = world.sync()
    (conflict,) = document["conflicts"]
    assert ("linked", "met.jpg") in deeds(document)
    assert world.desktop.files()["fought over.jpg"] == photo("another")
    assert world.desktop.files()[conflict["kept_as"]] == photo("fought over.jpg")
    now = handles(world)
    assert (now["met.jpg"], now["fought over.jpg"]) == (met, fought)
    assert not {"alone.jpg", "awaited.jpg"} & now.keys()
    ends_at_rest(world)

    world.configure(new_files=None)
    document = world.sync()
    assert {path for kind, path in deeds(document) if kind == "added"} == {"alone.jpg", "awaited.jpg"}
    assert document["bytes_up"] == len(photo("alone.jpg"))
    ends_at_rest(world)


def test_what_was_deleted_on_one_side_only(empty_world: World) -> None:
    """`never` on both sides: what stayed follows later events, meets what comes back, and outlives the setting."""
    world = empty_world
    here = [
        f"here/{what}.jpg"
        for what in ("kept", "edited", "moved", "deleted", "back", "back elsewhere", "other")
    ]
    there = [f"there/{what}.jpg" for what in ("kept", "edited", "moved", "deleted", "back", "other")]
    was = begin(world, *here, *there)
    world.configure(deletions={"on_web": "never", "in_folder": "never"}, conflicts="prefer-folder")
    for path in here:
        (world.folder / path).unlink()
    for path in there:
        world.api.delete(was[path])
    assert deeds(world.sync()) == []
    assert handles(world) == {path: was[path] for path in here}
    assert world.desktop.files().keys() == set(there)
    ends_at_rest(world)

    change_on_web(world, was["here/edited.jpg"], photo("edited in Gramps Web"))
    world.api.edit(was["here/moved.jpg"], path="here/moved there.jpg")
    world.api.delete(was["here/deleted.jpg"])
    world.write("here/back.jpg", photo("here/back.jpg"))
    world.write("here/elsewhere.jpg", photo("here/back elsewhere.jpg"))
    world.write("here/other.jpg", photo("another picture"))
    world.write("there/edited.jpg", photo("edited in the folder"))
    (world.folder / "there/moved.jpg").rename(world.folder / "there/moved here.jpg")
    (world.folder / "there/deleted.jpg").unlink()
    back = world.api.create("there/back.jpg", photo("there/back.jpg"))
    other = world.api.create("there/other.jpg", photo("another picture, there"))
    document = world.sync()
    assert {item["path"] for item in document["conflicts"]} == {"here/other.jpg", "there/other.jpg"}
    assert document["problems"] == document["held"] == []
    now = handles(world)
    assert now == {
        "here/kept.jpg": was["here/kept.jpg"],
        "here/edited.jpg": was["here/edited.jpg"],
        "here/moved there.jpg": was["here/moved.jpg"],
        "here/back.jpg": was["here/back.jpg"],
        "here/elsewhere.jpg": was["here/back elsewhere.jpg"],
        "here/other.jpg": was["here/other.jpg"],
        "there/edited.jpg": now["there/edited.jpg"],
        "there/back.jpg": back,
        "there/other.jpg": other,
    }
    assert world.desktop.files() == {
        "here/edited.jpg": photo("edited in Gramps Web"),
        "here/back.jpg": photo("here/back.jpg"),
        "here/elsewhere.jpg": photo("here/back elsewhere.jpg"),
        "here/other.jpg": photo("another picture"),
        "there/kept.jpg": photo("there/kept.jpg"),
        "there/edited.jpg": photo("edited in the folder"),
        "there/moved here.jpg": photo("there/moved.jpg"),
        "there/back.jpg": photo("there/back.jpg"),
        "there/other.jpg": photo("there/other.jpg"),
    }
    assert world.api.content(other) == photo("there/other.jpg")
    assert sorted(world.desktop.trash()) == sorted([photo("here/other.jpg"), photo("another picture, there")])
    ends_at_rest(world)

    # Taken back, the settings delete nothing of what was kept, and from now on deletions go both ways.
    world.configure(deletions={"on_web": "always", "in_folder": "trash"}, conflicts="prefer-web")
    ends_at_rest(world)
    (world.folder / "here/back.jpg").unlink()
    world.api.delete(back)
    assert deeds(world.sync()) == [("deleted", "here/back.jpg"), ("trashed", "there/back.jpg")]
    ends_at_rest(world)
