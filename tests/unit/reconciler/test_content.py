"""Content of linked items: server names, waiting for bytes, conflicts, files that several objects share."""

from __future__ import annotations

import pytest

from syncd.merge.draft import GRACE_SECONDS
from syncd.model import Detached
from syncd.model.plan import Fetch, Record, UpdateObject
from syncd.model.policy import Conflicts, InFolder, NewFiles, OnWeb
from tests.core import NOW, after, file, is_quiet, link, md5, merge, obj, only, say

H = link("h", "a.jpg", "one")

# --- what the server does by itself -----------------------------------------------------------------------------


def test_a_replacement_on_the_web_page_keeps_the_folders_name() -> None:
    """First the new bytes come under the old name, then the object gets its path back."""
    item = obj("h", f"{md5('two')}.jpg", "two")
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[item])
    assert say(plan) == ["fetch h (two) to a.jpg, a.jpg goes to the trash"]
    plan = merge(links=[link("h", "a.jpg", "two")], files=[file("a.jpg", "two")], objects=[item])
    assert say(plan) == ["update h path a.jpg"]


def test_a_replacement_gets_back_the_name_that_people_gave_it() -> None:
    """Where the names never agreed, Gramps Web's own old one comes back."""
    plan = merge(
        links=[link("h", "a.jpg", "one", named="C:\\x\\b.jpg")],
        files=[file("a.jpg", "one")],
        objects=[obj("h", f"{md5('one')}.jpg", "one")],
    )
    assert say(plan) == ["update h path C:\\x\\b.jpg"]


def test_a_replacement_of_a_file_that_was_moved_gets_the_new_name() -> None:
    """The server's naming does not hide a person's move in the folder."""
    plan = merge(links=[H], files=[file("b.jpg", "one")], objects=[obj("h", f"{md5('two')}.jpg", "two")])
    assert say(plan) == ["update h path b.jpg"]
    assert after(plan) == {"h": ("b.jpg", "b.jpg", "one")}


def test_a_replacement_that_loses_gets_its_name_back_with_the_winners_content() -> None:
    """Under another checksum the server's name would pass for a person's, and the file would be moved to it."""
    plan = merge(
        links=[H],
        files=[file("a.jpg", "three")],
        objects=[obj("h", f"{md5('two')}.jpg", "two")],
        bucket=["one", "two"],
        conflicts=Conflicts.PREFER_FOLDER,
    )
    update = only(plan, UpdateObject)
    assert (update.path, update.checksum) == ("a.jpg", md5("three"))
    assert after(plan) == {"h": ("a.jpg", "a.jpg", "three")}


def test_another_files_checksum_is_a_persons_name() -> None:
    """Only the object's own checksum is the server's doing."""
    name = f"{md5('else')}.jpg"
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[obj("h", name, "one")])
    assert say(plan) == [f"move a.jpg to {name}"]


def test_on_a_server_without_s3_the_servers_name_stays() -> None:
    """There a path must never be put back."""
    name = f"{md5('one')}.jpg"
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[obj("h", name, "one")], found_by_path=True)
    assert after(plan) == {"h": ("a.jpg", name, "one")}
    assert say(plan) == ["record h"]


# --- bytes that are missing -------------------------------------------------------------------------------------


def test_new_content_whose_bytes_are_nowhere_is_waited_for() -> None:
    """Somebody's upload is under way; nothing is overwritten meanwhile."""
    plan = merge(
        links=[H], files=[file("a.jpg", "one")], objects=[obj("h", "a.jpg", "two", NOW)], bucket=["one"]
    )
    assert say(plan) == []
    assert [wait.handle for wait in plan.waiting] == ["h"]


def test_new_content_that_never_arrived_is_a_problem() -> None:
    """After the grace time it is told with its remedy, and still nothing is overwritten."""
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[obj("h", "a.jpg", "two")], bucket=["one"])
    assert say(plan) == []
    assert [problem.handle for problem in plan.problems] == ["h"]


@pytest.mark.parametrize(("age", "waits"), [(0, True), (GRACE_SECONDS, True), (GRACE_SECONDS + 1, False)])
def test_an_edit_wins_over_bytes_that_nobody_has(age: int, waits: bool) -> None:
    """The folder's edit waits as long as the others' bytes may arrive, then it is sent."""
    plan = merge(
        links=[H],
        files=[file("a.jpg", "mine")],
        objects=[obj("h", "a.jpg", "theirs", NOW - age)],
        bucket=["one"],
    )
    assert say(plan) == ([] if waits else ["update h content mine", "upload a.jpg (mine)"])
    assert bool(plan.waiting) is waits


def test_bytes_that_the_folder_holds_elsewhere_are_copied() -> None:
    """They need not be fetched; and the bucket gets them, for an object names them."""
    plan = merge(
        links=[H, link("k", "k", "two")],
        files=[file("a.jpg", "one"), file("k", "two")],
        objects=[obj("h", "a.jpg", "two"), obj("k", "k", "two")],
        bucket=["one"],
    )
    assert say(plan) == ["fetch h (two) to a.jpg, a.jpg goes to the trash, copying k", "upload k (two)"]


def test_the_bucket_gets_what_an_object_names() -> None:
    """Nothing changed, but the bytes are gone from the bucket: they are sent again, once."""
    links = [H, link("k", "k", "one")]
    files = [file("a.jpg", "one"), file("k", "one")]
    plan = merge(
        links=links, files=files, objects=[obj("h", "a.jpg", "one"), obj("k", "k", "one")], bucket=[]
    )
    assert say(plan) == ["upload a.jpg (one)"]


def test_only_a_damaged_key_is_overwritten() -> None:
    """A key of the right size stays as it is; one of another size is repaired."""
    case = {"links": [H], "files": [file("a.jpg", "one")], "objects": [obj("h", "a.jpg", "one")]}
    assert is_quiet(merge(**case, bucket={"one": 3}))
    assert say(merge(**case, bucket={"one": 2})) == ["upload a.jpg (one) again"]


@pytest.mark.parametrize("raw", ["", md5("one").upper(), "no checksum"])
def test_a_checksum_that_is_none_is_corrected_at_once(raw: str) -> None:
    """Empty, in capitals or no MD5 at all: the folder's file tells it."""
    item = obj("h", "a.jpg", None)
    item = type(item)(item.handle, item.path, raw, item.mime, NOW)
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[item])
    assert say(plan) == ["update h content one"]


# --- conflicts --------------------------------------------------------------------------------------------------

BOTH = {"links": [H], "files": [file("a.jpg", "mine")], "objects": [obj("h", "a.jpg", "theirs")]}


def test_conflict_keeps_both() -> None:
    """Gramps Web's bytes take the path, the folder's file moves beside it and is new from then on."""
    plan = merge(**BOTH)
    assert say(plan) == ["fetch h (theirs) to a.jpg, a.jpg goes to a (conflict 2026-11-22 desk).jpg"]
    assert str(plan.conflicts[0].kept_as) == "a (conflict 2026-11-22 desk).jpg"


def test_conflict_prefer_folder() -> None:
    """The folder's bytes win; Gramps Web's go to the trash first."""
    plan = merge(**BOTH, conflicts=Conflicts.PREFER_FOLDER)
    assert say(plan) == ["keep h (theirs) in the trash", "update h content mine", "upload a.jpg (mine)"]
    assert plan.conflicts[0].kept_as is None


def test_conflict_prefer_web() -> None:
    """Gramps Web's bytes win; the folder's go to the bucket and to the trash."""
    plan = merge(**BOTH, conflicts=Conflicts.PREFER_WEB)
    assert say(plan) == ["fetch h (theirs) to a.jpg, a.jpg goes to the trash", "upload a.jpg (mine)"]
    assert plan.conflicts[0].kept_as is None


def test_a_conflict_copy_avoids_every_name() -> None:
    """Files, names of links, and names that new objects want, in any case of letters."""
    plan = merge(
        links=[H, link("g", "a (conflict 2026-11-22 desk 2).jpg", "gone")],
        files=[file("a.jpg", "mine"), file("A (CONFLICT 2026-11-22 desk).jpg", "x")],
        objects=[obj("h", "a.jpg", "theirs"), obj("n", "a (conflict 2026-11-22 desk 3).jpg", "new")],
    )
    assert str(plan.conflicts[0].kept_as) == "a (conflict 2026-11-22 desk 4).jpg"


def test_two_conflict_copies_of_one_pass_differ() -> None:
    """A name that this pass gives is taken for the rest of the pass."""
    long = "x" * 250
    plan = merge(
        links=[link("h1", long + "a", "one"), link("h2", long + "b", "one")],
        files=[file(long + "a", "mine"), file(long + "b", "my")],
        objects=[obj("h1", long + "a", "theirs"), obj("h2", long + "b", "their")],
    )
    assert len({str(conflict.kept_as) for conflict in plan.conflicts}) == 2


# --- one file, several objects ----------------------------------------------------------------------------------

SHARED = [link("h1", "a", "one"), link("h2", "a", "one")]


def test_an_edit_of_a_shared_file_is_every_objects() -> None:
    """One upload, both objects updated."""
    plan = merge(
        links=SHARED, files=[file("a", "two")], objects=[obj("h1", "a", "one"), obj("h2", "a", "one")]
    )
    assert say(plan) == ["update h1 content two", "update h2 content two", "upload a (two)"]


def test_a_half_told_edit_of_a_shared_file_is_finished() -> None:
    """A pass broke off between the two objects: the second learns of the edit, nothing is deleted."""
    plan = merge(
        links=[link("h1", "a", "two"), link("h2", "a", "one")],
        files=[file("a", "two")],
        objects=[obj("h1", "a", "two"), obj("h2", "a", "one")],
    )
    assert say(plan) == ["update h2 content two"]


def test_objects_of_one_file_part_when_one_gets_new_content() -> None:
    """The file stays for the object that still names it; the other's bytes come under a free name."""
    plan = merge(
        links=SHARED, files=[file("a", "one")], objects=[obj("h1", "a", "two"), obj("h2", "a", "one")]
    )
    assert say(plan) == ["fetch h1 (two) to a (2)"]
    assert after(plan) == {"h1": ("a (2)", "a", "two")}


def test_objects_of_one_file_that_both_changed_leave_no_orphan() -> None:
    """The first replaces the file, the second gets one of its own: nothing is left that would look new."""
    plan = merge(
        links=SHARED, files=[file("a", "one")], objects=[obj("h1", "a", "two"), obj("h2", "a", "three")]
    )
    assert say(plan) == ["fetch h1 (two) to a, a goes to the trash", "fetch h2 (three) to a (2)"]


def test_objects_of_one_file_with_the_same_new_content_stay_together() -> None:
    """One fetch; the second object's link follows in the next pass."""
    objects = [obj("h1", "a", "two"), obj("h2", "a", "two")]
    plan = merge(links=SHARED, files=[file("a", "one")], objects=objects)
    assert say(plan) == ["fetch h1 (two) to a, a goes to the trash"]
    plan = merge(links=[link("h1", "a", "two"), SHARED[1]], files=[file("a", "two")], objects=objects)
    assert say(plan) == ["record h2"]


def test_a_conflict_on_a_shared_file_leaves_it_to_the_other_object() -> None:
    """The edit goes to the object that did not change; the changed one's bytes get a file of their own."""
    plan = merge(
        links=SHARED, files=[file("a", "mine")], objects=[obj("h1", "a", "theirs"), obj("h2", "a", "one")]
    )
    assert say(plan) == ["fetch h1 (theirs) to a (2)", "update h2 content mine", "upload a (mine)"]


def test_a_shared_file_goes_only_with_its_last_object() -> None:
    """While one object names it, it stays; when all are gone it goes once."""
    plan = merge(links=SHARED, files=[file("a", "one")], objects=[obj("h2", "a", "one")])
    assert say(plan) == ["forget h1"]
    assert say(merge(links=SHARED, files=[file("a", "one")])) == ["trash a of h1 h2"]


def test_a_shared_file_stays_for_an_object_of_another_opinion() -> None:
    """Also while the links disagree about its content, because a pass broke off."""
    plan = merge(
        links=[link("h1", "a", "two"), link("h2", "a", "one")],
        files=[file("a", "two")],
        objects=[obj("h2", "a", "one")],
    )
    assert say(plan) == ["forget h1", "update h2 content two"]


def test_a_file_that_a_new_object_names_stays() -> None:
    """The object was deleted and made anew: the file is linked, not trashed."""
    plan = merge(links=[H], files=[file("a.jpg", "one")], objects=[obj("n", "a.jpg", "one")])
    assert say(plan) == ["forget h", "link n"]


def test_an_edit_of_a_shared_file_brings_no_object_back() -> None:
    """The object that lives takes the edit; the deleted one stays deleted."""
    plan = merge(links=SHARED, files=[file("a", "two")], objects=[obj("h2", "a", "one")])
    assert say(plan) == ["forget h1", "update h2 content two", "upload a (two)"]


def test_one_of_several_objects_moves_away() -> None:
    """It gets a copy of its own at its new name, the file stays for the other."""
    plan = merge(
        links=SHARED, files=[file("a", "one")], objects=[obj("h1", "b", "one"), obj("h2", "a", "one")]
    )
    assert say(plan) == ["fetch h1 (one) to b, copying a"]
    assert after(plan) == {"h1": ("b", "b", "one")}


def test_all_objects_of_a_file_move_to_one_place() -> None:
    """The file moves once, the second link follows it; no object is deleted on the way."""
    objects = [obj("h1", "b", "one"), obj("h2", "b", "one")]
    assert say(merge(links=SHARED, files=[file("a", "one")], objects=objects)) == ["move a to b"]
    plan = merge(links=[link("h1", "b", "one"), SHARED[1]], files=[file("b", "one")], objects=objects)
    assert say(plan) == ["record h2"]
    assert after(plan) == {"h2": ("b", "b", "one")}


def test_all_objects_of_a_file_move_apart() -> None:
    """One leaves a pass, so that the last takes the file itself and none is left over."""
    objects = [obj("h1", "b", "one"), obj("h2", "c", "one")]
    assert say(merge(links=SHARED, files=[file("a", "one")], objects=objects)) == [
        "fetch h1 (one) to b, copying a"
    ]
    plan = merge(
        links=[link("h1", "b", "one"), SHARED[1]], files=[file("a", "one"), file("b", "one")], objects=objects
    )
    assert say(plan) == ["move a to c"]


# --- gone, kept, asked back -------------------------------------------------------------------------------------


def test_a_file_asked_back_is_fetched() -> None:
    """Instead of deleting its object."""
    plan = merge(links=[link("h", "a", "one", restore=True)], objects=[obj("h", "a", "one")])
    assert say(plan) == ["fetch h (one) to a"]
    assert not only(plan, Fetch).link.restore


def test_a_file_asked_back_finds_its_name_taken() -> None:
    """It comes back under a free name, never over another file, never where none can be."""
    links = [link("h", "a", "one", restore=True)]
    plan = merge(
        links=[*links, link("k", "A", "two")],
        files=[file("A", "two")],
        objects=[obj("h", "a", "one"), obj("k", "A", "two")],
    )
    assert say(plan) == ["fetch h (one) to a (2)"]
    below = [link("h", "d/a", "one", restore=True)]
    plan = merge(
        links=[*below, link("k", "d", "two")],
        files=[file("d", "two")],
        objects=[obj("h", "d/a", "one"), obj("k", "d", "two")],
    )
    assert say(plan) == []
    assert [problem.handle for problem in plan.problems] == ["h"]


def test_an_object_asked_back_is_restored_alone() -> None:
    """Others of the same file that were deleted, too, stay deleted; a moved file's name follows later."""
    asked = link("h1", "a", "one", restore=True)
    plan = merge(links=[asked, SHARED[1]], files=[file("a", "one")], bucket=["one"])
    assert say(plan) == ["forget h2", "restore h1 (one)"]
    plan = merge(links=[asked], files=[file("b", "one")], bucket=["one"])
    assert after(plan) == {"h1": ("a", "a", "one")}
    assert say(plan) == ["restore h1 (one)"]


def test_a_file_that_stays_without_its_object() -> None:
    """With `in_folder = "never"` it stays, detached; it is not new again, also not when it moves."""
    plan = merge(links=[H], files=[file("a.jpg", "one")], in_folder=InFolder.NEVER)
    assert say(plan) == ["record h"]
    lone = link("h", "a.jpg", "one", detached=Detached.OBJECT_GONE)
    assert is_quiet(merge(links=[lone], files=[file("a.jpg", "one")]))
    plan = merge(links=[lone], files=[file("b.jpg", "one")])
    assert say(plan) == ["record h"]
    assert after(plan) == {"h": ("b.jpg", "a.jpg", "one")}


def test_a_file_without_object_that_is_edited_is_new() -> None:
    """The detached link is dropped, the next pass adds the file."""
    lone = link("h", "a.jpg", "one", detached=Detached.OBJECT_GONE)
    assert say(merge(links=[lone], files=[file("a.jpg", "two")])) == ["forget h"]


def test_an_object_that_stays_without_its_file() -> None:
    """With `on_web = "never"` it stays, detached; the file coming back attaches it again."""
    objects = [obj("h", "a.jpg", "one")]
    plan = merge(links=[H], objects=objects, on_web=OnWeb.NEVER)
    assert say(plan) == ["record h"]
    lone = link("h", "a.jpg", "one", detached=Detached.FILE_GONE)
    assert is_quiet(merge(links=[lone], objects=objects))
    plan = merge(links=[lone], files=[file("a.jpg", "one")], objects=objects)
    assert say(plan) == ["record h"]
    assert merge(links=[lone], files=[file("b.jpg", "one")], objects=objects).actions


def test_detached_ends_that_changed_meet_anew() -> None:
    """What was accepted as gone and comes back different is no edit: the link is dropped."""
    lone = link("h", "a.jpg", "one", detached=Detached.FILE_GONE)
    plan = merge(links=[lone], files=[file("a.jpg", "two")], objects=[obj("h", "a.jpg", "one")])
    assert say(plan) == ["forget h"]


def test_a_detached_object_with_new_content_comes_to_the_folder() -> None:
    """An edit in Gramps Web beats the deletion here, however long ago that was accepted."""
    lone = link("h", "a.jpg", "one", detached=Detached.FILE_GONE)
    plan = merge(links=[lone], objects=[obj("h", "a.jpg", "two")])
    assert say(plan) == ["fetch h (two) to a.jpg"]


def test_an_object_that_came_back_after_its_file_went_is_new() -> None:
    """A link detached from its object is dropped when object and file changed places."""
    lone = link("h", "a.jpg", "one", detached=Detached.OBJECT_GONE)
    assert say(merge(links=[lone], objects=[obj("h", "a.jpg", "one")])) == ["forget h"]


def test_what_is_there_need_not_be_asked_back() -> None:
    """The request is fulfilled: it is taken off the link, so that a later deletion counts again."""
    plan = merge(
        links=[link("h", "a", "one", restore=True)], files=[file("a", "one")], objects=[obj("h", "a", "one")]
    )
    assert say(plan) == ["record h"]
    assert not only(plan, Record).link.restore


@pytest.mark.parametrize("strategy", Conflicts)
def test_a_strategy_is_for_conflicts_only(strategy: Conflicts) -> None:
    """What only one side changed goes to the other, whoever is preferred."""
    one = {"links": [H], "conflicts": strategy}
    plan = merge(**one, files=[file("a.jpg", "one")], objects=[obj("h", "a.jpg", "two")])
    assert say(plan) == ["fetch h (two) to a.jpg, a.jpg goes to the trash"]
    plan = merge(**one, files=[file("a.jpg", "two")], objects=[obj("h", "a.jpg", "one")])
    assert say(plan) == ["update h content two", "upload a.jpg (two)"]


def test_a_copy_of_a_file_that_nobody_linked_goes_to_the_bucket() -> None:
    """An object names those bytes: the bucket must hold them."""
    plan = merge(
        links=[H],
        files=[file("a.jpg", "one"), file("k", "two")],
        objects=[obj("h", "a.jpg", "two")],
        bucket=["one"],
        new_files=NewFiles.IGNORE,
    )
    assert say(plan) == ["fetch h (two) to a.jpg, a.jpg goes to the trash, copying k", "upload k (two)"]


def test_what_was_to_come_back_and_is_gone_from_both_sides_is_told() -> None:
    """A person asked for it, and meanwhile its other end went too: it is not dropped in silence."""
    asked = link("h", "a", "one", restore=True)
    plan = merge(links=[asked], objects=[])
    assert say(plan) == ["forget h"]
    (notice,) = plan.notices
    assert (notice.path, notice.handle) == ("a", "h")
    assert md5("one") in notice.text
    assert not merge(links=[link("h", "a", "one")], objects=[]).notices
