"""With Gramps Desktop beside it: its media objects reach Gramps Web under their own handles, once, and completely.

The family trees are real ones, made and changed by Gramps itself.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.desktop import FamilyTree, GrampsDesktop
from lab.world import World, md5
from tests.lab.scenario import Document, deeds, ends_at_rest, ends_in_step, photo

Form = dict[str, Any]

_GROW = r"""
# What a person does in a while at the desk, in one go.
from gramps.gen.lib import Attribute, MediaRef, Note, StyledText, Tag

answer = {}
with DbTxn("an evening", db) as transaction:
    for name, kind in (("known note", "note"), ("known citation", "citation"), ("known tag", "tag"), ("person", "person")):
        answer[name] = sorted(getattr(db, f"get_{kind}_handles")())[0]
    answer["new note"] = add("Note", {"text": object_to_dict(StyledText("On the back: 1921"))}, transaction)
    answer["late note"] = add("Note", {"text": object_to_dict(StyledText("Found later"))}, transaction)
    answer["new tag"] = add("Tag", {"name": "Of the desktop"}, transaction)
    answer["new citation"] = add("Citation", {"source_handle": sorted(db.get_source_handles())[0]}, transaction)
    attributes = []
    for word, notes in (("Album", [answer["known note"], answer["new note"]]), ("Size", [])):
        attribute = Attribute()
        attribute.set_type(word)
        attribute.set_value("of " + word)
        attribute.set_note_list(notes)
        attribute.set_citation_list([answer["known citation"]])
        attributes.append(object_to_dict(attribute))
    date = lib.Date()
    date.set(lib.Date.QUAL_ESTIMATED, lib.Date.MOD_SPAN, lib.Date.CAL_GREGORIAN, (1, 2, 1921, False, 3, 4, 1922, False), text="")
    answer["wedding"] = add("Media", {
        "path": "attic/wedding.jpg",
        "desc": "Hochzeit – die Gäste",
        "date": object_to_dict(date),
        "private": True,
        "attribute_list": attributes,
        "note_list": [answer["known note"], answer["new note"], answer["late note"]],
        "citation_list": [answer["new citation"], answer["known citation"]],
        "tag_list": [answer["known tag"], answer["new tag"]],
    }, transaction)
    # As Gramps adds files by default: absolute. The file was changed since, and the ID is given in Gramps Web, too.
    answer["letter"] = add("Media", {
        "path": folder + "/attic/letter.pdf", "desc": "A letter", "checksum": "0" * 32, "gramps_id": taken,
    }, transaction)
    person = db.get_person_from_handle(answer["person"])
    reference = MediaRef()
    reference.ref = answer["wedding"]
    person.add_media_reference(reference)
    db.commit_person(person, transaction)
"""

_DIFFERENCES = r"""
# As Gramps (and its Sync addon, which uses the same function) compares two family trees.
from gramps.cli.user import User
from gramps.gen.merge.diff import diff_dbs

other = make_database("sqlite")
other.load(web, None)
different, only_here, only_there = diff_dbs(other, db, User(quiet=True))
answer = {
    "different": sorted([kind, here.handle] for kind, _there, here in different),
    "only here": sorted([kind, one.handle] for kind, one in only_here),
    "only there": sorted([kind, one.handle] for kind, one in only_there),
}
other.close()
"""


def beside(world: World, template: str | Path = "example") -> FamilyTree:
    """A Gramps Desktop whose family tree has its media in the world's media folder."""
    return GrampsDesktop(world.desktop.home).new_tree("Family", world.folder, template)


def differences(world: World, tree: FamilyTree, tmp_path: Path) -> dict[str, list[list[str]]]:
    """What the Sync addon would find between the desktop's tree and that of Gramps Web."""
    copy = tmp_path / "as the addon fetches it"
    shutil.rmtree(copy, ignore_errors=True)
    world.server.save_tree(world.tree, copy)
    found: dict[str, list[list[str]]] = tree.run(_DIFFERENCES, web=str(copy))
    return found


def raw_on_web(world: World, handle: str) -> Form:
    """The newest raw form of an object in the history of Gramps Web."""
    forms: list[Form] = [
        change["new_data"]
        for transaction in world.api.history()
        for change in transaction["changes"]
        if change["obj_class"] == "Media" and change["obj_handle"] == handle
    ]
    return forms[-1]


def differing(one: Form, other: Form) -> set[str]:
    """The fields in which two forms differ."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def bring(world: World, tree: FamilyTree, *records: tuple[str, str]) -> None:
    """What the Sync addon does with records of the desktop that Gramps Web lacks: kind and handle."""
    objects = [tree.objects(kind)[handle] for kind, handle in records]
    world.api.json("POST", "/objects/", 201, json=objects)


def waits(document: Document) -> dict[str, str]:
    """What waits, by path."""
    return {item["path"]: item["reason"] for item in document["waiting"]}


def test_objects_of_the_desktop_keep_their_handles(world: World, tmp_path: Path) -> None:
    """What the desktop knows is made as it has it; what is lacking follows; for the Sync addon nothing is there twice."""
    world.copy_example_images()
    taken = world.api.media()[0]["gramps_id"]
    for path in ("attic/wedding.jpg", "attic/letter.pdf", "nobody knows.jpg"):
        world.write(path, photo(path))
    tree = beside(world)
    made: dict[str, str] = tree.run(_GROW, folder=str(world.folder), taken=taken)
    world.configure(desktop={"tree": "Family"}, new_objects={"private": True, "tag": "By syncd"})
    begin = world.api.last_transaction()
    document = world.sync()

    # Both objects are there under the desktop's handles, and nothing but them was touched.
    assert document["counts"]["added"] == 2
    assert world.differences() == ["nobody knows.jpg: in the folder only"]
    assert world.s3 is not None
    assert md5(photo("nobody knows.jpg")) in world.s3
    touched = {
        (change["obj_class"], change["obj_handle"])
        for transaction in world.api.history(begin)
        for change in transaction["changes"]
        if change["obj_class"].isalpha()
    }
    assert touched == {("Media", made["wedding"]), ("Media", made["letter"])}

    # All fields are the desktop's, but for what it cannot know and what Gramps Web lacks.
    here = tree.objects("Media")
    wedding = raw_on_web(world, made["wedding"])
    assert differing(wedding, here[made["wedding"]]) == {
        "change", "attribute_list", "note_list", "citation_list", "tag_list",
    }  # fmt: skip
    assert wedding["note_list"] == [made["known note"]]
    assert wedding["citation_list"] == [made["known citation"]]
    assert wedding["tag_list"] == [made["known tag"]]
    assert [one["note_list"] for one in wedding["attribute_list"]] == [[made["known note"]], []]
    letter = raw_on_web(world, made["letter"])
    assert differing(letter, here[made["letter"]]) == {"change", "path", "checksum", "gramps_id"}
    assert (letter["path"], letter["checksum"]) == ("attic/letter.pdf", md5(photo("attic/letter.pdf")))
    assert len({item["gramps_id"] for item in world.api.media()}) == 9
    assert [taken in item["text"] for item in document["notices"]] == [True]

    # What is lacking is told, and waiting for it changes nothing.
    reason = (
        "refers to 1 citation, 2 notes and 1 tag that Gramps Web does not have yet; "
        "they are added when they are there"
    )
    assert waits(document) == {"attic/wedding.jpg": reason}
    assert waits(ends_at_rest(world)) == {"attic/wedding.jpg": reason}

    # A person writes something there; then the records arrive, some first, the rest later.
    world.api.edit(made["wedding"], desc="Hochzeit – im Garten")
    bring(
        world, tree, ("Note", made["new note"]), ("Tag", made["new tag"]), ("Citation", made["new citation"])
    )
    document = world.sync()
    assert deeds(document) == [("updated", "attic/wedding.jpg")]
    assert "1 note" in waits(document)["attic/wedding.jpg"]
    bring(world, tree, ("Note", made["late note"]))
    document = world.sync()
    assert (deeds(document), waits(document)) == ([("updated", "attic/wedding.jpg")], {})
    now = raw_on_web(world, made["wedding"])
    # An older server writes the year into the date, too, when a person edits the object on its page.
    assert differing(now, tree.objects("Media")[made["wedding"]]) - {"date"} == {"change", "desc"}
    assert now["date"]["dateval"] == tree.objects("Media")[made["wedding"]]["date"]["dateval"]
    assert now["desc"] == "Hochzeit – im Garten"
    ends_at_rest(world)

    # No object is missing here or there; but for the person's gallery, what differs was meant to.
    assert differences(world, tree, tmp_path) == {
        "different": [["Media", made["wedding"]], ["Media", made["letter"]], ["Person", made["person"]]]
        if made["wedding"] < made["letter"]
        else [["Media", made["letter"]], ["Media", made["wedding"]], ["Person", made["person"]]],
        "only here": [],
        "only there": [],
    }


def test_an_empty_gramps_web(empty_world: World, tmp_path: Path) -> None:
    """The first object of an empty tree, too, has the desktop's handle; what the desktop learns later is added later."""
    world = empty_world
    for path in ("a.jpg", "b/b.jpg", "c.jpg"):
        world.write(path, photo(path))
    tree = beside(world, "empty")
    handles = tree.add_many("Media", [{"path": path, "desc": path} for path in ("a.jpg", "b/b.jpg")])
    world.configure(desktop={"tree": str(tree.folder)})
    world.sync()
    assert world.differences() == ["c.jpg: in the folder only"]
    assert {item["handle"] for item in world.api.media()} == set(handles)
    ends_at_rest(world)
    tree.add_media("c.jpg", desc="Found in a drawer")
    (world.folder / "a.jpg").rename(world.folder / "a, moved.jpg")
    world.sync()
    assert {item["handle"]: item["path"] for item in world.api.media()}[handles[0]] == "a, moved.jpg"
    ends_in_step(world)

    # The Sync addon may be faster: it brings the object with the desktop's absolute path and without the file.
    late = world.write("late.jpg", photo("late"))
    handle = tree.add_media(late, desc="Brought by the addon")
    bring(world, tree, ("Media", handle))
    world.sync()
    assert world.s3 is not None
    assert world.s3.get(md5(photo("late"))) == photo("late")
    assert len(world.api.media()) == 4
    ends_at_rest(world)
    assert differences(world, tree, tmp_path) == {
        "different": [["Media", handles[0]]], "only here": [], "only there": [],
    }  # fmt: skip


def test_a_tree_that_cannot_be_read(world: World) -> None:
    """Locked, of a newer Gramps, or gone: a problem with a remedy; the rest is synced, and the next run completes."""
    world.copy_example_images()
    tree = beside(world)
    world.configure(desktop={"tree": str(tree.folder)})
    world.sync()
    world.write("new.jpg", photo("new"))
    handle = tree.add_media("new.jpg", desc="New")
    from_web = world.api.create("web/1.jpg", photo("web 1"))
    with tree.busy():
        document = world.sync(code=1)
    (problem,) = document["problems"]
    assert "Gramps Desktop" in problem["reason"]
    assert problem["remedy"]
    assert (world.folder / "web/1.jpg").read_bytes() == photo("web 1")
    assert world.differences() == ["new.jpg: in the folder only"]
    world.sync()
    assert world.api.get(handle)["desc"] == "New"
    ends_in_step(world)

    (world.folder / "web/1.jpg").unlink()
    with closing(sqlite3.connect(tree.database)) as db, db:
        db.execute(
            "UPDATE metadata SET json_data = ? WHERE setting = 'version'",
            (json.dumps({"type": "str", "value": "22"}),),
        )
    document = world.sync(code=1)
    assert "newer" in document["problems"][0]["reason"]
    assert "update syncd" in document["problems"][0]["remedy"]
    assert from_web not in {item["handle"] for item in world.api.media()}
    tree.folder.rename(tree.folder.with_name("away"))
    world.write("web/2.jpg", photo("web 2"))
    document = world.sync(code=1)
    assert "desktop.tree" in json.dumps(document["problems"])
    assert world.differences() == ["web/2.jpg: in the folder only"]


def test_a_choice_is_asked_for(world: World) -> None:
    """Without `[desktop]` or `new_files`, a desktop with the same media folder is a question; either answer settles it."""
    world.copy_example_images()
    tree = beside(world)
    mark = world.mark()
    run = world.syncd("--once")
    assert run.code == 2, run
    for line in ("[desktop]", 'tree = "Family"', 'new_files = "add"', 'new_files = "upload-only"'):
        assert line in run.err, run
    mark.assert_nothing_written()
    world.write("new.jpg", photo("new"))
    world.configure(new_files="upload-only")
    world.sync()
    assert world.differences() == ["new.jpg: in the folder only"]
    world.configure(new_files=None, desktop={"tree": "Family"})
    handle = tree.add_media("new.jpg", desc="New")
    world.sync()
    assert world.api.by_path()["new.jpg"]["handle"] == handle
    ends_in_step(world)
