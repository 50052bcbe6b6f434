"""Moves: found by content, told apart from copies, carried over without a transfer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Detached, Occupant
from syncd.model.plan import DeleteObject, Fetch, Upload
from syncd.model.policy import NewFiles, OnWeb
from tests.core import POLICY, after, file, is_quiet, link, md5, merge, obj, say
from tests.core_world import World


def test_a_swap_in_the_folder_renames_both_objects() -> None:
    """Two files that changed places are two moves, not two edits: nothing is transferred."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two")],
        files=[file("a", "two"), file("b", "one")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "two")],
    )
    assert say(plan) == ["update h1 path b", "update h2 path a"]


def test_a_circle_in_the_folder_renames_all() -> None:
    """Three files that went round are three moves."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two"), link("h3", "c", "three")],
        files=[file("b", "one"), file("c", "two"), file("a", "three")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "two"), obj("h3", "c", "three")],
    )
    assert say(plan) == ["update h1 path b", "update h2 path c", "update h3 path a"]


def test_a_chain_in_the_folder_renames_all() -> None:
    """A path that another link's moved file holds is vacated, too."""
    plan = merge(
        links=[link("h1", "1", "one"), link("h2", "2", "two")],
        files=[file("2", "one"), file("3", "two")],
        objects=[obj("h1", "1", "one"), obj("h2", "2", "two")],
    )
    assert say(plan) == ["update h1 path 2", "update h2 path 3"]


def test_a_chain_that_ends_in_a_new_file_is_edits() -> None:
    """Where no path was vacated the files are taken for edited: bytes and objects all stay."""
    plan = merge(
        links=[link("h1", "1", "one"), link("h2", "2", "two")],
        files=[file("1", "new"), file("2", "one")],
        objects=[obj("h1", "1", "one"), obj("h2", "2", "two")],
    )
    assert say(plan) == ["update h1 content new", "update h2 content one", "upload 1 (new)"]


def test_a_swap_in_gramps_web_moves_both_files() -> None:
    """Moves may need one another's names."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two")],
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("h1", "b", "one"), obj("h2", "a", "two")],
    )
    assert say(plan) == ["move a to b", "move b to a"]


def test_a_chain_in_gramps_web_ends_at_a_taken_name() -> None:
    """When the last move of a chain is refused, none of those that need its name is made."""
    plan = merge(
        links=[link("h1", "1", "one"), link("h2", "2", "two")],
        files=[file("1", "one"), file("2", "two"), file("3", "three")],
        objects=[obj("h1", "2", "one"), obj("h2", "3", "two")],
        new_files=NewFiles.IGNORE,
    )
    assert say(plan) == []
    assert sorted(problem.handle or "" for problem in plan.problems) == ["h1", "h2"]


@pytest.mark.parametrize(
    ("inode", "path", "moved_to"),
    [(7, "old/a.jpg", "x.jpg"), (0, "old/a.jpg", "new/a.jpg"), (0, "old/z.jpg", None)],
)
def test_inode_then_name_tell_a_move_from_a_copy(inode: int, path: str, moved_to: str | None) -> None:
    """Of several new files with the content, the same inode decides, then the same name, else all are copies."""
    plan = merge(
        links=[link("h", path, "one", inode=inode)],
        files=[file("new/a.jpg", "one", 8), file("x.jpg", "one", 7)],
        objects=[obj("h", path, "one")],
    )
    assert (f"update h path {moved_to}" in say(plan)) is (moved_to is not None)
    assert ("delete h" in say(plan)) is (moved_to is None)


def test_the_same_inode_with_other_content_is_no_move() -> None:
    """Inodes are reused: they only break ties between equal checksums."""
    plan = merge(
        links=[link("h", "a", "one", inode=7)], files=[file("b", "two", 7)], objects=[obj("h", "a", "one")]
    )
    assert say(plan) == ["add b (two)", "delete h", "upload b (two)"]


def test_the_name_in_gramps_web_breaks_a_tie() -> None:
    """Of two candidates, the one that the object was renamed to meanwhile is the file."""
    plan = merge(
        links=[link("h", "a", "one")],
        files=[file("b", "one"), file("c", "one")],
        objects=[obj("h", "c", "one")],
    )
    assert after(plan)["h"] == ("c", "c", "one")
    assert "delete h" not in say(plan)


def test_a_copy_beside_the_original_is_new() -> None:
    """As long as the file is at its place nothing moved."""
    plan = merge(
        links=[link("h", "a", "one")],
        files=[file("a", "one"), file("b", "one")],
        objects=[obj("h", "a", "one")],
    )
    assert say(plan) == ["add b (one)"]


def test_an_attached_link_is_found_before_a_detached_one() -> None:
    """A file whose deletion was accepted long ago does not claim another's moved file."""
    plan = merge(
        links=[link("gone", "a", "one", detached=Detached.FILE_GONE), link("h", "b", "one")],
        files=[file("c", "one")],
        objects=[obj("gone", "a", "one"), obj("h", "b", "one")],
    )
    assert say(plan) == ["update h path c"]


def test_a_move_transfers_nothing() -> None:
    """Neither direction uploads, fetches or deletes."""
    links = [link("h", "a", "one")]
    for files, objects in (
        ([file("b", "one")], [obj("h", "a", "one")]),
        ([file("a", "one")], [obj("h", "b", "one")]),
    ):
        plan = merge(links=links, files=files, objects=objects)
        assert not any(isinstance(action, Upload | Fetch | DeleteObject) for action in plan.actions)


def test_a_file_put_over_another_is_an_edit_of_the_others_object() -> None:
    """`mv a b`: b's object keeps all that refers to it and gets a's bytes; a's own object goes (or is held)."""
    links = [link("h1", "a", "one"), link("h2", "b", "two")]
    objects = [obj("h1", "a", "one"), obj("h2", "b", "two")]
    plan = merge(links=links, files=[file("b", "one")], objects=objects)
    assert sorted(say(plan)) == ["delete h1", "update h2 content one"]
    plan = merge(links=links[:1], files=[file("b", "one")], objects=objects[:1])
    assert say(plan) == ["update h1 path b"]


def test_a_file_put_over_one_whose_object_is_gone_is_a_move() -> None:
    """Nothing is left to be edited there: the file that came keeps its own object."""
    links = [link("h1", "a", "one"), link("h2", "b", "two")]
    plan = merge(links=links, files=[file("b", "one")], objects=[obj("h1", "a", "one")])
    assert "delete h1" not in say(plan)


def test_a_move_behind_one_that_waits_waits_too() -> None:
    """No object takes the name of one that cannot let go of it yet: an edit would then be both of theirs."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two"), link("h3", "c", "three")],
        files=[file("b", "one"), file("c", "two")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "two"), obj("h3", "c", "three")],
    )
    assert say(plan) == ["delete h3", "record h1", "record h2"]
    assert {item.handle for item in plan.waiting} == {"h1", "h2"}
    assert all("until you have decided about the deletion of c" in item.reason for item in plan.waiting)


def test_a_file_put_over_another_when_deletions_stay_here() -> None:
    """With `on_web = "never"` the object of the file that left its name stays, detached, and stays so."""
    world = World(
        replace(POLICY, on_web=OnWeb.NEVER),
        files={"b": ("one", 0)},
        objects={"h1": obj("h1", "a", "one"), "h2": obj("h2", "b", "two")},
        bucket={md5("one"), md5("two")},
        links={"h1": link("h1", "a", "one"), "h2": link("h2", "b", "two")},
    )
    world.settle()
    assert (world.objects["h2"].path, world.objects["h2"].checksum) == ("b", md5("one"))
    assert world.objects["h1"] == obj("h1", "a", "one")
    assert world.links["h1"].detached is Detached.FILE_GONE
    assert set(world.files) == {"b"}


def test_moved_alike_on_both_sides_and_the_old_name_taken_by_a_new_file() -> None:
    """The object has the moved file, what stands at the old name is new: as an edit it would reach the wrong object.

    So it is where two desktops make the same changes before the second one has heard of the first.
    """
    plan = merge(
        links=[link("h1", "d/b", "one")],
        files=[file("a", "one"), file("d/b", "two")],
        objects=[obj("h1", "a", "one")],
    )
    assert say(plan) == ["add d/b (two)", "record h1", "upload d/b (two)"]
    assert after(plan)["h1"] == ("a", "a", "one")


def test_an_edit_stays_an_edit_where_the_objects_new_name_has_another_objects_file() -> None:
    """A file that has an object of its own was not moved there, even with the same content."""
    plan = merge(
        links=[link("h1", "b", "one"), link("h2", "a", "one")],
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("h1", "a", "one"), obj("h2", "a", "one")],
    )
    assert say(plan) == ["update h1 content two", "upload b (two)"]


def test_a_name_is_not_given_away_before_its_link_let_go() -> None:
    """A file that waits for its object's deletion keeps its name: a newcomer there would look like its edit."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two")],
        files=[file("b", "two")],
        objects=[obj("h1", "a", "one"), obj("h2", "a", "two"), obj("h3", "a", "three")],
    )
    assert say(plan) == ["delete h1"]
    assert sorted(problem.handle or "" for problem in plan.problems) == ["h2", "h3"]


def test_moved_here_while_gramps_webs_name_is_unusable() -> None:
    """The new place is recorded, the file stays there, and the problem is told until the name is mended."""
    case = {"objects": [obj("h", "../a", "one")], "files": [file("b", "one")]}
    plan = merge(links=[link("h", "a", "one")], **case)
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("b", "b", "one")}
    plan = merge(links=[link("h", "b", "one")], **case)
    assert say(plan) == []
    assert [problem.handle for problem in plan.problems] == ["h"]


def test_moved_here_while_gramps_webs_name_is_taken() -> None:
    """The same where another file has that name."""
    plan = merge(
        links=[link("h", "a", "one"), link("h2", "c", "two")],
        files=[file("b", "one"), file("c", "two")],
        objects=[obj("h", "c", "one"), obj("h2", "c", "two")],
    )
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("b", "b", "one")}
    assert [problem.handle for problem in plan.problems] == ["h"]


def test_a_name_that_means_the_same_was_not_moved() -> None:
    """`./a` became `a` in Gramps Web, the file was moved here: the object follows the file."""
    plan = merge(
        links=[link("h", "a", "one", named="./a")], files=[file("b", "one")], objects=[obj("h", "a", "one")]
    )
    assert say(plan) == ["update h path b"]


def test_names_that_never_agreed_stay_apart() -> None:
    """A link keeps both names; a move on either side is not carried over."""
    links = [link("h", "here/a", "one", named="there/b")]
    plan = merge(links=links, files=[file("here/c", "one")], objects=[obj("h", "there/b", "one")])
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("here/c", "there/b", "one")}
    plan = merge(links=links, files=[file("here/a", "one")], objects=[obj("h", "there/d", "one")])
    assert after(plan) == {"h": ("here/a", "there/d", "one")}


def test_the_names_compare_by_nfc() -> None:
    """The same name in NFD on disk and in NFC in Gramps Web is one name."""
    nfd, nfc = "Mu\u0308ller.jpg", "M\u00fcller.jpg"
    plan = merge(
        links=[link("h", nfd, "one", named=nfc)], files=[file(nfd, "one")], objects=[obj("h", nfc, "one")]
    )
    assert is_quiet(plan)
    plan = merge(
        links=[link("h", nfd, "one", named=nfc)],
        files=[file("x/" + nfd, "one")],
        objects=[obj("h", nfc, "one")],
    )
    assert say(plan) == [f"update h path x/{nfc}"]


def test_unseen_is_not_gone() -> None:
    """Below an unreadable folder, behind a link, being written, ignored: no conclusion, nothing done."""
    for path, what in (
        ("d", Occupant.UNREADABLE),
        ("d/a", Occupant.UNREADABLE),
        ("d/a", Occupant.BUSY),
        ("d", Occupant.SYMLINK),
        ("d/a", Occupant.SYMLINK),
        ("d/a", Occupant.SPECIAL),
    ):
        plan = merge(links=[link("h", "d/a", "one")], objects=[obj("h", "d/a", "one")], occupied={path: what})
        assert not plan.actions, what
    plan = merge(
        links=[link("h", "d/a", "one")], objects=[obj("h", "d/a", "two")], ignored=lambda _path: True
    )
    assert say(plan) == ["put to sleep h"]


def test_while_a_file_is_being_written_no_object_is_deleted() -> None:
    """The missing file may be the one that is being written elsewhere: its deletion waits."""
    case = {"links": [link("h", "a", "one")], "objects": [obj("h", "a", "one")]}
    plan = merge(**case, occupied={"b": Occupant.BUSY})
    assert say(plan) == []
    assert "h" in [wait.handle for wait in plan.waiting]
    assert say(merge(**case)) == ["delete h"]


def test_a_move_that_changes_only_the_case_of_letters() -> None:
    """A file is no obstacle to itself."""
    plan = merge(
        links=[link("h", "a.jpg", "one")], files=[file("a.jpg", "one")], objects=[obj("h", "A.JPG", "one")]
    )
    assert say(plan) == ["move a.jpg to A.JPG"]


def test_files_that_differ_only_in_case_do_not_change_places() -> None:
    """Refused as a whole, for on other systems they would be one file."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "A", "two")],
        files=[file("a", "one"), file("A", "two")],
        objects=[obj("h1", "A", "one"), obj("h2", "a", "two")],
    )
    assert say(plan) == []
    assert len(plan.problems) == 2


def test_a_server_that_finds_files_by_path_keeps_its_names() -> None:
    """Moves in the folder stay in the folder; the link keeps both names."""
    plan = merge(
        links=[link("h", "a", "one")],
        files=[file("b", "one")],
        objects=[obj("h", "a", "one")],
        found_by_path=True,
    )
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("b", "a", "one")}


def test_the_name_in_gramps_web_comes_before_the_order() -> None:
    """Two equal files were moved, and one object was renamed to one of the new places: that is its file."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "one")],
        files=[file("x", "one"), file("y", "one")],
        objects=[obj("h1", "y", "one"), obj("h2", "b", "one")],
    )
    assert after(plan) == {"h1": ("y", "y", "one"), "h2": ("x", "x", "one")}


def test_a_file_at_its_place_is_nobody_elses_move() -> None:
    """Of two equal files one was deleted: the other is no move of it."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "one")],
        files=[file("a", "one")],
        objects=[obj("h1", "a", "one"), obj("h2", "b", "one")],
    )
    assert say(plan) == ["delete h2"]


def test_a_newcomer_does_not_wait_for_a_move_that_cannot_be_made() -> None:
    """A new object has the name that another one's file cannot leave: its file is fetched beside, not put off."""
    plan = merge(
        links=[link("h1", "a", "one"), link("h2", "b", "two")],
        files=[file("a", "one"), file("b", "two")],
        objects=[obj("h1", "b", "one"), obj("h2", "b", "two"), obj("h3", "a", "three")],
    )
    assert say(plan) == ["fetch h3 (three) to a (2)"]
    assert [problem.handle for problem in plan.problems] == ["h1"]
    assert not plan.waiting
