"""Family trees of a real Gramps Desktop: read as Gramps wrote them, and never in its way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lab.desktop import FamilyTree, GrampsDesktop
from lab.world import World, md5
from syncd.desktop import ConfiguredTree, database
from syncd.desktop.meaning import base_folder
from syncd.desktop.places import FamilyTree as Found
from syncd.desktop.places import find_tree
from syncd.model import DesktopObject, PathRules


def look(tree: FamilyTree, media: Path) -> ConfiguredTree:
    """The tree as syncd reads it."""
    return ConfiguredTree(tree.title, {"HOME": str(tree.home)}, media, PathRules(str(media)))


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that a tree's folder holds, with times."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_what_gramps_wrote_is_what_syncd_reads(tmp_path: Path) -> None:
    """A tree made by Gramps, with relative, absolute and odd paths: snapshot and raw forms are what Gramps itself has,
    and a look leaves no trace in its folder.
    """
    media = tmp_path / "media"
    media.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (media / name).write_bytes(name.encode())
    tree = GrampsDesktop(tmp_path).new_tree("Fam\u00edlia", media)
    note = tree.add("Note", text={"_class": "StyledText", "string": "On the back: 1921", "tags": []})
    relative = tree.add_media("a.jpg", desc="Wedding \u2665", note_list=[note])
    absolute, web, lost = tree.add_many(
        "Media", [{"path": str(media / "b.jpg")}, {"path": "https://x.example/a.jpg"}, {"path": "lost.jpg"}]
    )
    reader = look(tree, media)
    before = files_of(tree.folder)
    snapshot, problems = reader.look()
    forms = reader.forms([relative, absolute, web, lost, "nobody"])
    assert files_of(tree.folder) == before
    there = tree.objects("Media")
    assert problems == ()
    assert dict(snapshot.objects) == {
        "a.jpg": (DesktopObject(relative, md5(b"a.jpg"), there[relative]["change"]),),
        "b.jpg": (DesktopObject(absolute, md5(b"b.jpg"), there[absolute]["change"]),),
        "lost.jpg": (DesktopObject(lost, "", there[lost]["change"]),),
    }
    assert json.loads(json.dumps(forms)) == there


def test_base_folder_as_gramps_computes_it(tmp_path: Path) -> None:
    """The folder of relative paths: the default with and without a pictures folder, variables, relative ones."""
    gramps = GrampsDesktop(tmp_path)
    tree = gramps.new_tree("Family")
    code = """
from gramps.gen.utils.file import expand_media_path
answer = [expand_media_path(written, db) for written in paths]
"""
    settings = tmp_path / ".config" / "user-dirs.dirs"
    for line in ("", 'XDG_PICTURES_DIR="$HOME/Meine Bilder"\n'):
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(line)
        paths = [None, "/x/y", "{USER_DATA}/x", "{USER_HOME}", "{HOME}/{GRAMPSHOME}", "sub", "../x"]
        expected = tree.run(code, paths=paths)
        found = find_tree("Family", {"HOME": str(tmp_path)})
        assert isinstance(found, Found)
        assert [os.path.normpath(base_folder(path, found) or "") for path in paths] == expected


def test_gramps_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gramps holds its database, writes it while syncd looks, and crashes: syncd waits, sees what was saved, mends
    nothing, and Gramps loses nothing.
    """
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    tree = GrampsDesktop(tmp_path).new_tree("Family", tmp_path)
    tree.add_media("a.jpg")
    reader = look(tree, tmp_path)
    with tree.busy():
        snapshot, [problem] = reader.look()
        assert not snapshot.readable
        assert "just now" in problem.reason
    with tree.busy("BEGIN IMMEDIATE"):
        assert reader.look()[0].objects.keys() == {"a.jpg"}
    code = """
say("begun")
for number in range(60):
    with DbTxn("add", db) as transaction:
        add("Media", {"path": f"{number}.jpg"}, transaction)
answer = db.get_number_of_media()
"""
    seen = []
    with tree._session(code, {}) as process:
        assert process.stdout is not None
        while "begun" not in process.stdout.readline():
            pass
        while process.poll() is None:
            snapshot, _problems = reader.look()
            if snapshot.readable:
                seen.append(len(snapshot.objects))
        out, err = process.communicate()
        assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["answer"] == 61
    assert seen == sorted(seen)
    tree.crash()
    before = files_of(tree.folder)
    snapshot, [problem] = reader.look()
    assert not snapshot.readable
    assert "crashed" in problem.reason
    assert files_of(tree.folder) == before
    assert len(tree.objects("Media")) == 61  # Gramps opens it, and rolls back
    assert len(reader.look()[0].objects) == 61


def test_gramps_desktop_beside_syncd(world: World) -> None:
    """A family tree with its media in the media folder: syncd asks; a wrong title, a locked and a newer tree are problems
    that keep only new objects waiting; then all is in step.
    """
    tree = GrampsDesktop(world.desktop.home).new_tree("Family", world.folder, "example")
    images = world.copy_example_images()
    for arguments in (["check"], ["--once"], ["--once", "--dry-run"]):
        run = world.syncd(*arguments, "--json")
        if arguments == ["check"]:
            mark = world.mark()  # check begins an upload to prove the right to write
        assert run.code == 2, run
        assert '\n[desktop]\ntree = "Family"\n' in run.json["error"]["remedy"]
        assert '\nnew_files = "add"\n' in run.json["error"]["remedy"]
    mark.assert_nothing_written()
    assert not (world.folder / ".syncd").exists()

    # A title that no tree has: all else is done, new files are only uploaded.
    world.configure(desktop={"tree": "Famly"})
    world.write("new.jpg", b"new")
    document = world.sync(code=1)
    assert [problem["remedy"] for problem in document["problems"]] == [
        "did you mean 'Family'? set desktop.tree to one of: 'Family'"
    ]
    assert document["counts"]["linked"] == len(images)
    assert [item["path"] for item in document["waiting"]] == ["new.jpg"]
    assert world.s3 is not None
    assert world.s3.get(md5(b"new")) == b"new"
    assert "new.jpg" not in world.catalog()

    # Gramps is writing: the rest goes on.
    world.configure(desktop={"tree": "Family"})
    edited = min(images)
    world.write(edited, b"edited")
    with tree.busy():
        document = world.sync(code=1)
    assert ["just now" in problem["reason"] for problem in document["problems"]] == [True]
    assert world.catalog()[edited] == md5(b"edited")
    assert [item["path"] for item in document["waiting"]] == ["new.jpg"]

    # It is free: what it does not know is uploaded, and that is all there is to it.
    database_before = files_of(tree.folder)
    assert world.sync()["problems"] == []
    assert "new.jpg" not in world.catalog()
    mark = world.mark()
    assert world.sync()["waiting"] == []
    mark.assert_nothing_written()
    [line] = [
        check for check in world.syncd("check", "--json").json["checks"] if check["name"] == "Gramps Desktop"
    ]
    assert line["text"] == (
        f"'Family' ({tree.folder}), schema 21: 7 media objects, 7 of them for files in the media folder"
    )
    assert files_of(tree.folder) == database_before

    # A choice for new_files is heard beside [desktop].
    world.configure(new_files="add")
    world.sync()
    world.assert_in_step()

    # A newer Gramps: told, and nothing else waits.
    tree.run("db.VERSION = (22, 0, 0); db._set_metadata('version', '22')")
    (world.folder / "new.jpg").rename(world.folder / "moved.jpg")
    document = world.sync(code=1)
    assert [problem["remedy"] for problem in document["problems"]] == ["update syncd"]
    world.assert_in_step()
