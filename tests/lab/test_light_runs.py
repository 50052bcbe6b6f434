"""A run goes by how the last one left things: it walks the whole folder only where it has to."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from lab.world import Desktop, World
from tests.lab.scenario import (
    Document,
    begin,
    change_on_web,
    deeds,
    ends_in_step,
    forget_stamps,
    handles,
    photo,
)
from tests.slow_imports import FOR_WORK


def is_light(document: Document) -> bool:
    """Whether a run looked only at what differed; its phases tell."""
    return "Looking through the folder" not in {part["name"] for part in document["phases"]}


def seal_of(desktop: Desktop) -> str | None:
    """The seal that the last run left."""
    with closing(sqlite3.connect(desktop.state_dir / "state.sqlite")) as state:
        (note,) = state.execute("SELECT value FROM meta WHERE key = 'rest'").fetchone()
    return str(note).partition(" ")[2] or None


def told(world: World) -> str:
    """What a run under `-q` says."""
    run = world.syncd("--once", "-q")
    return run.out + run.err


def at_rest(world: World, *paths: str) -> dict[str, str]:
    """Photos in step, by a run after the one that sent them; the handles of all objects, by path."""
    found = begin(world, *paths)
    world.sync()
    return found


def test_a_run_after_one_that_left_all_in_step(empty_world: World) -> None:
    """It tells as much as one that looks at everything."""
    at_rest(empty_world, "a.jpg", "1912/b.jpg")
    document = empty_world.sync()
    assert is_light(document)
    assert document["counts"]["unchanged"] == 2
    assert document["actions"] == []


def test_what_changed_on_either_side_arrives(empty_world: World) -> None:
    """New and edited files and objects; those that nobody touched are counted."""
    world = empty_world
    was = at_rest(world, "a.jpg", "b.jpg", "c.jpg", "1912/d.jpg")
    world.write("new.jpg", photo("new"))
    world.write("a.jpg", photo("a edited"))
    change_on_web(world, was["b.jpg"], photo("b edited"))
    world.api.edit(was["1912/d.jpg"], path="1913/d.jpg")
    document = world.sync()
    assert is_light(document)
    assert deeds(document) == [
        ("added", "new.jpg"),
        ("fetched", "b.jpg"),
        ("moved", "1913/d.jpg"),
        ("updated", "a.jpg"),
        ("uploaded", "a.jpg"),
        ("uploaded", "new.jpg"),
    ]
    assert document["counts"]["unchanged"] == 1
    ends_in_step(world)
    assert handles(world)["a.jpg"] == was["a.jpg"]
    assert is_light(world.sync())


def test_deletions_and_moves_in_the_folder_are_judged_in_company(empty_world: World) -> None:
    """By a look at everything, as ever."""
    world = empty_world
    was = at_rest(world, "moved.jpg", "gone.jpg", "c.jpg")
    (world.folder / "moved.jpg").rename(world.folder / "new name.jpg")
    (world.folder / "gone.jpg").unlink()
    document = world.sync()
    assert not is_light(document)
    assert deeds(document) == [("deleted", "gone.jpg"), ("moved", "new name.jpg")]
    assert handles(world) == {"new name.jpg": was["moved.jpg"], "c.jpg": was["c.jpg"]}
    ends_in_step(world)


def test_a_file_that_was_written_so_lately_that_nothing_vouches_for_it(empty_world: World) -> None:
    """The stat cache has nothing of it yet: what becomes of it is seen all the same."""
    world = empty_world
    at_rest(world, "gone.jpg", "edited.jpg", "kept.jpg")
    forget_stamps(world.desktop, "gone.jpg", "edited.jpg", "kept.jpg")
    (world.folder / "gone.jpg").unlink()
    world.write("edited.jpg", photo("edited later"))
    document = world.sync()
    assert not is_light(document)
    assert deeds(document) == [("deleted", "gone.jpg"), ("updated", "edited.jpg"), ("uploaded", "edited.jpg")]
    ends_in_step(world)
    forget_stamps(world.desktop, "kept.jpg")
    document = world.sync()
    assert is_light(document)
    assert document["counts"]["unchanged"] == 2
    assert document["actions"] == []


def test_a_folder_whose_seal_holds(empty_world: World) -> None:
    """After a run that compared all files and found them as they were, the next one need not know them; whatever changes breaks it."""
    world = empty_world
    was = at_rest(world, "gone.jpg", "edited.jpg", "moved.jpg", "1912/kept.jpg")
    for _ in range(2):
        assert is_light(world.sync())
        assert seal_of(world.desktop) is not None
    world.api.edit(was["moved.jpg"], path="1913/moved.jpg")
    assert deeds(world.sync()) == [("moved", "1913/moved.jpg")]
    assert seal_of(world.desktop) is None  # what was compared is not what stands there now
    for _ in range(2):  # the moved file is read once more: its times could not vouch for it
        world.sync()
    seal = seal_of(world.desktop)
    assert seal is not None
    (world.folder / "gone.jpg").unlink()
    world.write("1912/new.jpg", photo("new"))
    world.write("edited.jpg", photo("edited later"))
    assert deeds(world.sync()) == [
        ("added", "1912/new.jpg"),
        ("deleted", "gone.jpg"),
        ("updated", "edited.jpg"),
        ("uploaded", "1912/new.jpg"),
        ("uploaded", "edited.jpg"),
    ]
    ends_in_step(world)
    world.sync()
    assert seal_of(world.desktop) not in (None, seal)


def test_an_object_deleted_in_gramps_web(empty_world: World) -> None:
    """Its file goes to the trash, whichever way it was looked at."""
    world = empty_world
    was = at_rest(world, "gone.jpg", "c.jpg")
    world.api.delete(was["gone.jpg"])
    assert deeds(world.sync()) == [("trashed", "gone.jpg")]
    ends_in_step(world)


def test_what_may_have_changed_the_state_is_followed_by_a_look_at_everything(empty_world: World) -> None:
    """Another command, another configuration, other ignored names, `--full`."""
    world = empty_world
    at_rest(world, "a.jpg", "b.jpg")
    assert is_light(world.sync())
    assert not is_light(world.sync("--full"))
    assert is_light(world.sync())
    world.configure(new_files="ignore")
    assert not is_light(world.sync())
    assert is_light(world.sync())
    (world.folder / ".syncdignore").write_text("b.jpg\n")
    assert not is_light(world.sync())
    (world.folder / ".syncdignore").unlink()
    world.sync()
    assert is_light(world.sync())
    assert world.syncd("adopt", "--yes").code == 0
    document = world.sync()
    assert not is_light(document)
    assert document["counts"]["linked"] == 2


def test_what_waits_for_a_person_is_told_each_time(empty_world: World) -> None:
    """While there is a problem, everything is looked at: it may be over."""
    world = empty_world
    at_rest(world, "a.jpg")
    os.mkfifo(world.folder / "pipe.jpg")  # nobody's media
    (world.folder / "bad\nname.jpg").write_bytes(photo("bad"))
    first = world.sync(code=1)
    second = world.sync(code=1)
    assert not is_light(second)
    assert second["problems"] == first["problems"] != []
    (world.folder / "bad\nname.jpg").unlink()
    world.sync()
    world.sync()
    assert is_light(world.sync())


def test_under_q_what_is_over_is_news_when_it_comes_back(empty_world: World) -> None:
    """A light run takes nothing for told that a run in between found to be over."""
    world = empty_world
    at_rest(world, "a.jpg")
    bad = world.folder / "bad\nname.jpg"
    bad.write_bytes(photo("bad"))
    assert "bad" in told(world)
    assert told(world) == ""
    bad.unlink()
    for _ in range(3):
        assert told(world) == ""
    assert is_light(world.sync())
    bad.write_bytes(photo("bad"))
    assert "bad" in told(world)


def test_a_run_at_rest_imports_no_more_than_it_needs(empty_world: World) -> None:
    """Neither what carries bytes, nor what is for people or for troubles; where there is work, it comes."""
    world = empty_world
    at_rest(world, "a.jpg")

    def imported() -> set[str]:
        run = world.syncd("--once", "--json", env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert run.code == 0, run
        return {line.rpartition("|")[2].strip() for line in run.err.splitlines()}

    quiet = imported()
    assert "syncd.cycle" in quiet
    assert not set(FOR_WORK) & quiet
    world.write("b.jpg", photo("b"))
    assert {"obstore", "syncd.applier.apply"} <= imported()
    ends_in_step(world)
