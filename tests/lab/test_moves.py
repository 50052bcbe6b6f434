"""Moves and renames: what is moved on one side moves on the other, with its handle, its references and no byte."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.gramps_web import GrampsWeb
from lab.process import wait_until
from lab.s3 import RcloneS3
from lab.world import World, md5
from syncd.gramps.forms import to_raw
from tests.lab.conftest import MakeWorld
from tests.lab.scenario import begin, deeds, ends_at_rest, ends_in_step, folders, handles, photo
from tests.lab.test_odd_files import imported

MANY = int(os.environ.get("SYNCD_MANY", "600"))
"""Files of the large folder: more than travel in one transaction, more than any hold for deletions allows. 10,000 take
a server without a task queue minutes, most of which it spends on its search index."""


def test_moves_in_the_folder_of_every_kind(empty_world: World) -> None:
    """Handles follow their files; what an editor saves, with or without a backup, keeps its object; no byte travels twice."""
    world = empty_world
    lone, twin = unicodedata.normalize("NFC", "form/é.jpg"), unicodedata.normalize("NFD", "form/é.jpg")
    was = begin(
        world,
        *("circle/a.jpg", "circle/b.jpg", "circle/c.jpg", "chain/1.jpg", "chain/2.jpg"),
        *("left/gone.jpg", "left/taker.jpg", "saved/hidden.txt", "saved/shown.txt", "saved/over.jpg"),
        *("both/old.jpg", "case/A.jpg", "case/Up/x.jpg", lone),
        *("above/old/1.jpg", "above/old/2.jpg", "in/a.jpg", "out/sub/a.jpg", "out/b.jpg"),
        *("kind/a/x.jpg", "kind/b"),
    )
    folder = world.folder
    shift(folder / "circle", "a.jpg", "b.jpg", "c.jpg", "a.jpg")
    shift(folder / "chain", "1.jpg", "2.jpg", "3.jpg")
    (folder / "left/gone.jpg").unlink()
    shift(folder / "left", "taker.jpg", "gone.jpg")
    shift(folder / "saved", "hidden.txt", "hidden.txt~")  # as Emacs and gedit do
    world.write("saved/hidden.txt", photo("hidden, edited"))
    shift(folder / "saved", "shown.txt", "shown.bak")
    world.write("saved/shown.txt", photo("shown, edited"))
    world.write("saved/.goutputstream-ABC123", photo("over, edited"))  # as GNOME programs do
    (folder / "saved/.goutputstream-ABC123").replace(folder / "saved/over.jpg")
    world.write("saved/.~lock.over.jpg#", b"somebody has it open")
    shift(folder / "both", "old.jpg", "new.jpg")
    world.write("both/new.jpg", photo("moved and edited"))
    shift(folder / "case", "A.jpg", "a.jpg")
    shift(folder / "case", "Up", "up")
    (folder / lone).rename(folder / twin)
    shift(folder / "above", "old", "new")
    shift(folder / "above/new", "1.jpg", "one.jpg")
    (folder / "in/sub").mkdir()
    shift(folder / "in", "a.jpg", "sub/a.jpg")
    shift(folder / "out", "sub/a.jpg", "a.jpg")
    (folder / "out/sub").rmdir()
    shift(folder / "kind", "a/x.jpg", "x")
    (folder / "kind/a").rmdir()
    shift(folder / "kind", "x", "a")
    shift(folder / "kind", "b", "x")
    (folder / "kind/b").mkdir()
    shift(folder / "kind", "x", "b/b.jpg")
    files = world.desktop.files()

    document = world.sync()
    assert world.desktop.files() == files
    assert (document["problems"], document["conflicts"], document["held"]) == ([], [], [])
    now = handles(world)
    new = {path: now.pop(path) for path in ("both/new.jpg", "saved/shown.bak")}
    assert not set(new.values()) & set(was.values())
    assert now == {
        "circle/a.jpg": was["circle/c.jpg"],
        "circle/b.jpg": was["circle/a.jpg"],
        "circle/c.jpg": was["circle/b.jpg"],
        "chain/2.jpg": was["chain/1.jpg"],
        "chain/3.jpg": was["chain/2.jpg"],
        "left/gone.jpg": was["left/gone.jpg"],  # as if the other file had been copied over it
        "saved/hidden.txt": was["saved/hidden.txt"],
        "saved/shown.txt": was["saved/shown.txt"],
        "saved/over.jpg": was["saved/over.jpg"],
        "case/a.jpg": was["case/A.jpg"],
        "case/up/x.jpg": was["case/Up/x.jpg"],
        lone: was[lone],
        "above/new/one.jpg": was["above/old/1.jpg"],
        "above/new/2.jpg": was["above/old/2.jpg"],
        "in/sub/a.jpg": was["in/a.jpg"],
        "out/a.jpg": was["out/sub/a.jpg"],
        "out/b.jpg": was["out/b.jpg"],
        "kind/a": was["kind/a/x.jpg"],
        "kind/b/b.jpg": was["kind/b"],
    }
    assert {path for kind, path in deeds(document) if kind == "uploaded"} == {
        *("saved/hidden.txt", "saved/shown.txt", "saved/over.jpg", "both/new.jpg")
    }
    assert {path for kind, path in deeds(document) if kind == "deleted"} == {"left/taker.jpg", "both/old.jpg"}
    (folder / "saved/hidden.txt~").unlink()
    (folder / "saved/.~lock.over.jpg#").unlink()
    (folder / twin).rename(folder / lone)
    ends_in_step(world)


def test_moves_on_the_web_of_every_kind(empty_world: World) -> None:
    """Files follow their objects, whoever needs whose name; a name that is taken is told, and taken when it is free."""
    world = empty_world
    was = begin(
        world,
        *("circle/a.jpg", "circle/b.jpg", "circle/c.jpg", "chain/1.jpg", "chain/2.jpg"),
        *("left/gone.jpg", "left/taker.jpg", "case/A.jpg", "agreed/old.jpg", "torn/old.jpg"),
        *("taken/a.jpg", "taken/b.jpg", "new/old.jpg", "hidden/a.jpg", "deep/er/still/a.jpg"),
        *("kind/a/x.jpg", "kind/b"),
    )
    renamed = {
        "circle/a.jpg": "circle/b.jpg",
        "circle/b.jpg": "circle/c.jpg",
        "circle/c.jpg": "circle/a.jpg",
        "chain/1.jpg": "chain/2.jpg",
        "chain/2.jpg": "chain/3.jpg",
        "left/taker.jpg": "left/gone.jpg",
        "case/A.jpg": "case/a.jpg",
        "agreed/old.jpg": "agreed/new.jpg",
        "torn/old.jpg": "torn/web.jpg",
        "taken/a.jpg": "taken/b.jpg",
        "new/old.jpg": "new/mine.jpg",
        "hidden/a.jpg": "hidden/a.jpg.part",
        "deep/er/still/a.jpg": "shallow.jpg",
        "kind/a/x.jpg": "kind/a",
        "kind/b": "kind/b/b.jpg",
    }
    world.api.delete(was["left/gone.jpg"])
    for old, to in renamed.items():
        world.api.edit(was[old], path=to)
    shift(world.folder, "agreed/old.jpg", "agreed/new.jpg")
    shift(world.folder, "torn/old.jpg", "torn/here.jpg")
    world.write("new/mine.jpg", photo("not synced yet"))
    before = world.api.history()
    document = world.sync(code=1)
    assert world.desktop.files() == {
        "circle/a.jpg": photo("circle/c.jpg"),
        "circle/b.jpg": photo("circle/a.jpg"),
        "circle/c.jpg": photo("circle/b.jpg"),
        "chain/2.jpg": photo("chain/1.jpg"),
        "chain/3.jpg": photo("chain/2.jpg"),
        "left/gone.jpg": photo("left/taker.jpg"),
        "case/a.jpg": photo("case/A.jpg"),
        "agreed/new.jpg": photo("agreed/old.jpg"),
        "torn/web.jpg": photo("torn/old.jpg"),
        "taken/a.jpg": photo("taken/a.jpg"),
        "taken/b.jpg": photo("taken/b.jpg"),
        "new/old.jpg": photo("new/old.jpg"),
        "new/mine.jpg": photo("not synced yet"),
        "hidden/a.jpg": photo("hidden/a.jpg"),
        "shallow.jpg": photo("deep/er/still/a.jpg"),
        "kind/a/x.jpg": photo("kind/a/x.jpg"),
        "kind/b": photo("kind/b"),
    }
    assert "deep" not in folders(world.desktop)
    assert world.desktop.trash() == [photo("left/gone.jpg")]
    assert {kind for kind, _path in deeds(document)} == {"added", "moved", "trashed", "uploaded"}
    (added,) = world.api.history(before[-1]["id"])
    assert [change["trans_type"] for change in added["changes"]] == [0]
    told = {problem["path"]: problem["remedy"] for problem in document["problems"]}
    assert told.keys() == {"taken/b.jpg", "new/mine.jpg", "kind/a", "kind/b/b.jpg"}
    assert all("rename" in remedy for remedy in told.values())
    ends_at_rest(world, code=1)

    world.api.edit(was["taken/b.jpg"], path="taken/c.jpg")
    shift(world.folder, "new/mine.jpg", "new/yours.jpg")
    world.api.edit(was["hidden/a.jpg"], path="shown/a.jpg")
    for path in ("kind/a/x.jpg", "kind/b"):
        world.api.edit(was[path], path=f"{path}, renamed")
    world.sync()
    assert (
        handles(world).items()
        >= {
            "taken/b.jpg": was["taken/a.jpg"],
            "taken/c.jpg": was["taken/b.jpg"],
            "new/mine.jpg": was["new/old.jpg"],
            "torn/web.jpg": was["torn/old.jpg"],
        }.items()
    )
    assert world.desktop.files()["new/yours.jpg"] == photo("not synced yet")
    ends_in_step(world)


def test_a_file_that_moves_while_it_is_written_waits(empty_world: World) -> None:
    """Moved here or on the web: nothing happens to it, nor to its object, until it holds still."""
    world = empty_world
    was = begin(world, "moved here.jpg", "moved there.jpg", "other.jpg")
    for path in ("moved here.jpg", "moved there.jpg"):
        world.write(path, photo(path) * 100_000)
    world.sync()
    shift(world.folder, "moved here.jpg", "album.jpg")
    world.api.edit(was["moved there.jpg"], path="elsewhere.jpg")
    transaction, files = world.api.last_transaction(), world.desktop.files()
    with being_written(world.folder / "album.jpg"), being_written(world.folder / "moved there.jpg"):
        document = world.sync()
    assert (document["actions"], document["problems"]) == ([], [])
    assert document["counts"]["waiting"] > 0
    assert world.api.last_transaction() == transaction
    for path, content in files.items():
        (world.folder / path).write_bytes(content)
    world.sync()
    assert handles(world) == {
        "album.jpg": was["moved here.jpg"],
        "elsewhere.jpg": was["moved there.jpg"],
        "other.jpg": was["other.jpg"],
    }
    ends_in_step(world)


@contextmanager
def being_written(path: Path) -> Iterator[None]:
    """Append to a file all the time, in a process of its own: threads here wait for one another when it is busy."""
    program = (
        "import sys\nwith open(sys.argv[1], 'ab', buffering=0) as file:\n    while file.write(b'.'): pass"
    )
    size = path.stat().st_size
    with subprocess.Popen([sys.executable, "-c", program, str(path)]) as writer:
        try:
            wait_until(lambda: path.stat().st_size > size, "the first letter")
            yield
        finally:
            writer.kill()


def shift(folder: Path, *names: str) -> None:
    """Rename along a chain, the last first; where it ends at its beginning, the files go round."""
    steps = list(itertools.pairwise(names))
    if names[0] == names[-1]:
        (folder / names[0]).rename(folder / "aside")
        steps[0] = ("aside", names[1])
    for old, new in reversed(steps):
        (folder / old).rename(folder / new)


@pytest.mark.slow
@pytest.mark.timeout(280 + MANY / 5)
def test_a_large_folder_is_renamed_here_and_there(
    gramps_web: GrampsWeb, rclone: RcloneS3, new_world: MakeWorld, tmp_path: Path
) -> None:
    """Nothing is sent, deleted or held; Gramps Web gets a few transactions, which change paths and nothing else.

    Renamed back on the web, the files follow. The folders that this empties go: not one with an ignored file in it,
    nor one that somebody had made empty.
    """
    files = {f"album/{number // 100:02}/{number}.txt": b"letter %d" % number for number in range(MANY)}
    world = new_world(gramps_web, imported(gramps_web, files, tmp_path))
    world.configure(first_sync="go")
    keys = rclone.data / "media" / world.tree.id
    keys.mkdir(parents=True)
    for path, content in files.items():
        world.write(path, content)
        (keys / md5(content)).write_bytes(content)
    assert world.sync(timeout=60 + MANY / 10)["counts"]["linked"] == MANY
    was = handles(world)
    person = world.api.new_person()
    world.api.refer(person, was["album/00/7.txt"])

    (world.folder / "album").rename(world.folder / "Anna's letters")
    mark, position = world.mark(), gramps_web.log_position()
    document = world.sync(timeout=120 + MANY / 10)
    asked = gramps_web.requests_since(position)
    assert document["counts"]["moved"] == len(document["actions"]) == MANY
    assert document["held"] == []
    written = world.api.history(mark.transaction)
    assert len(mark.writes()) == len(written) <= MANY // 50
    # An older server refuses the first one for its message.
    assert asked.count("POST /api/transactions/") <= len(written) + 1
    assert len([request for request in asked if "/media/" in request]) <= 5 + MANY // 1000
    for change in (change for transaction in written for change in transaction["changes"]):
        old, new = change["old_data"], change["new_data"]
        assert change["trans_type"] == 1
        assert {key for key in old if old[key] != new[key]} <= {"path", "change"}
    assert handles(world) == {path.replace("album", "Anna's letters"): was[path] for path in was}
    assert world.api.gallery(person) == [was["album/00/7.txt"]]

    world.write("Anna's letters/03/Thumbs.db", b"ignored")
    (world.folder / "Anna's letters/left empty").mkdir()
    rename_on_web(world, "Anna's letters", "1912")
    mark = world.mark()
    document = world.sync(timeout=120 + MANY / 10)
    assert document["counts"]["moved"] == len(document["actions"]) == MANY
    assert (document["held"], document["bytes_up"], document["bytes_down"]) == ([], 0, 0)
    assert not [line for line in mark.writes() if not line.startswith("folder:")]
    moved = {path.replace("album", "1912"): content for path, content in files.items()}
    assert world.desktop.files() == moved | {"Anna's letters/03/Thumbs.db": b"ignored"}
    assert {path for path in folders(world.desktop) if path.startswith("Anna")} == {
        "Anna's letters",
        "Anna's letters/03",
        "Anna's letters/left empty",
    }
    assert world.desktop.trash() == []
    (world.folder / "Anna's letters/03/Thumbs.db").unlink()
    assert world.catalog() == {path: md5(content) for path, content in moved.items()}
    mark = world.mark()
    assert world.sync()["actions"] == []
    mark.assert_nothing_written()


def rename_on_web(world: World, old: str, new: str) -> None:
    """Give all objects below a folder another folder, by raw transactions."""
    there = [form for item in world.api.media() if (form := to_raw(item)) is not None]
    changes = [
        {
            "type": "update",
            "_class": "Media",
            "handle": form["handle"],
            "old": form,
            "new": {**form, "path": form["path"].replace(f"{old}/", f"{new}/")},
        }
        for form in there
    ]
    for start in range(0, len(changes), 500):
        world.api.json("POST", "/transactions/", json=changes[start : start + 500])
