"""Items without a link: new on one side, or meeting for the first time."""

from __future__ import annotations

import pytest

from syncd.merge.draft import GRACE_SECONDS
from syncd.model import Detached, MediaPath, Occupant
from syncd.model.paths import handle_for
from syncd.model.plan import AddObject, Conflict, DeleteObject, Record, TrashFile
from syncd.model.policy import Conflicts, NewFiles
from tests.core import LONG_AGO, NOW, after, file, link, md5, merge, obj, only, say

# --- new in the folder ------------------------------------------------------------------------------------------


def test_a_new_file_is_uploaded_and_added() -> None:
    """Under a handle made of tree and path: the same on every desktop."""
    plan = merge(files=[file("a.jpg", "one")])
    assert say(plan) == ["add a.jpg (one)", "upload a.jpg (one)"]
    assert only(plan, AddObject).link == link(handle_for("tree", MediaPath.of("a.jpg"), 0), "a.jpg", "one")


def test_a_new_file_is_not_uploaded_where_the_bucket_has_it() -> None:
    """Bytes travel once."""
    assert say(merge(files=[file("a.jpg", "one")], bucket=["one"])) == ["add a.jpg (one)"]


def test_two_new_files_of_one_content_are_two_objects_and_one_upload() -> None:
    """Each file has an object of its own."""
    plan = merge(files=[file("a", "one"), file("b", "one")])
    assert say(plan) == ["add a (one)", "add b (one)", "upload a (one)"]
    handles = {action.link.handle for action in plan.actions if isinstance(action, AddObject)}
    assert len(handles) == 2


def test_the_handle_of_a_path_that_is_in_use_gets_a_number() -> None:
    """The object that was made for this path lives on elsewhere, or still has a link: the next number."""
    path = MediaPath.of("a")
    first, second = handle_for("tree", path, 0), handle_for("tree", path, 1)
    links = [link(first, "b", "one"), link(second, "c", "two", detached=Detached.OBJECT_GONE)]
    files = [file("a", "three"), file("b", "one"), file("c", "two")]
    plan = merge(links=links, files=files, objects=[obj(first, "b", "one")])
    assert only(plan, AddObject).link.handle == handle_for("tree", path, 2)


def test_an_addition_whose_answer_was_lost_is_linked() -> None:
    """The object is there under our handle: no second one."""
    handle = handle_for("tree", MediaPath.of("a"), 0)
    assert say(merge(files=[file("a", "one")], objects=[obj(handle, "a", "one")])) == [f"link {handle}"]


def test_one_photo_put_in_two_places_on_two_computers_is_two() -> None:
    """Once the sides have met, both names are news: each side gets both. At first contact the two are one."""
    case = {"files": [file("here/a", "one")], "objects": [obj("h", "there/a", "one")]}
    assert say(merge(**case, first_contact=False)) == [
        "add here/a (one)",
        "fetch h (one) to there/a, copying here/a",
    ]
    assert say(merge(**case)) == ["link h"]


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("../a", {}),  # it has no place here
        (f"{md5('one')}.jpg", {}),  # nobody's name
        ("there/a", {"new_files": NewFiles.UPLOAD_ONLY}),  # the object was to come by another way: this is it
    ],
)
def test_a_photo_is_one_where_only_one_name_counts(path: str, policy: dict[str, object]) -> None:
    """The object was made for this very file."""
    plan = merge(files=[file("a", "one")], objects=[obj("h", path, "one")], first_contact=False, **policy)
    assert not [line for line in say(plan) if line.startswith(("add", "copy", "fetch"))]


@pytest.mark.parametrize("arrives", [True, False])
def test_what_another_computer_put_aside_is_not_put_aside_again(*, arrives: bool) -> None:
    """Two computers with the same old copy, one conflict: its bytes get one name beside the file, not two."""
    aside = "a (conflict 2026-11-21 laptop).jpg"
    objects = [obj("h", "a.jpg", "web"), obj("c", aside, "old")]
    links = [] if arrives else [link("c", aside, "old")]
    files = [file("a.jpg", "old"), *([] if arrives else [file(aside, "old")])]
    plan = merge(links=links, files=files, objects=objects)
    assert plan.conflicts == (Conflict(MediaPath.of("a.jpg"), "h", MediaPath.of(aside)),)
    assert not [line for line in say(plan) if line.startswith("add")]


def test_a_file_that_another_computer_added_and_moved_follows() -> None:
    """Both added it under one name, so the handle is that of this file, and the object's new name is news."""
    handle = handle_for("tree", MediaPath.of("a"), 0)
    case = {"files": [file("a", "one")], "objects": [obj(handle, "b", "one")], "first_contact": False}
    plan = merge(**case)
    assert say(plan) == [f"link {handle}"]
    assert only(plan, Record).link == link(handle, "a", "one")


def test_a_handle_is_of_the_nfc_form() -> None:
    """A Mac and a Linux desktop name the same object, and Gramps Web reads the NFC form."""
    handles = {handle_for("tree", MediaPath.of(name), 0) for name in ("Mu\u0308ller", "M\u00fcller")}
    assert len(handles) == 1
    assert only(merge(files=[file("Mu\u0308ller", "one")]), AddObject).link.named == "M\u00fcller"
    assert handle_for("tree", MediaPath.of("a"), 0) != handle_for("other", MediaPath.of("a"), 0)


@pytest.mark.parametrize(
    ("mode", "plan"),
    [
        (NewFiles.ADD, ["add a (one)", "upload a (one)"]),
        (NewFiles.UPLOAD_ONLY, ["upload a (one)"]),
        (NewFiles.IGNORE, []),
    ],
)
def test_new_files_modes(mode: NewFiles, plan: list[str]) -> None:
    """Add, upload only (the object comes by another way), or leave alone."""
    assert say(merge(files=[file("a", "one")], new_files=mode)) == plan


@pytest.mark.parametrize("mode", NewFiles)
def test_a_conflict_copy_is_always_added(mode: NewFiles) -> None:
    """It is half of a conflict, whatever new files get."""
    plan = merge(files=[file("a", "one")], conflict_copies=["a"], new_files=mode)
    assert say(plan) == ["add a (one)", "upload a (one)"]


@pytest.mark.parametrize("mode", NewFiles)
def test_new_files_modes_do_not_bar_linking(mode: NewFiles) -> None:
    """A file that an object has is linked in every mode."""
    assert say(merge(files=[file("a", "one")], objects=[obj("h", "a", "one")], new_files=mode)) == ["link h"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b/a"], []),
        (["aux.jpg", "ok"], ["aux.jpg"]),
        (["a. ", "d /a"], ["a. ", "d /a"]),
        (["a\\b.jpg"], ["a\\b.jpg"]),
        (["C:/a"], ["C:/a"]),
        (["~/a"], ["~/a"]),
        (["a \u202egpj.exe"], ["a \u202egpj.exe"]),
        (["A.jpg", "a.JPG", "b"], ["A.jpg", "a.JPG"]),
        (["D/a", "d/b"], ["D/a", "d/b"]),
    ],
)
def test_a_new_name_that_other_desktops_cannot_take_is_added_and_told(
    names: list[str], told: list[str]
) -> None:
    """Where the file comes from, the person can rename it. It is no problem: here all is done."""
    plan = merge(files=[file(name, name) for name in names])
    assert sum(isinstance(action, AddObject) for action in plan.actions) == len(names)
    assert [notice.path for notice in plan.notices] == sorted(told)
    assert not plan.problems
    objects = [obj(action.link.handle, action.link.named, action.file.path.text)
               for action in plan.actions if isinstance(action, AddObject)]  # fmt: skip
    again = merge(
        links=[action.link for action in plan.actions if isinstance(action, AddObject)],
        files=[file(name, name) for name in names],
        objects=objects,
    )
    assert not again.actions
    assert not again.notices


# --- new in Gramps Web ------------------------------------------------------------------------------------------


def test_a_new_object_is_fetched() -> None:
    """Its bytes come from the bucket."""
    plan = merge(objects=[obj("h", "d/a.jpg", "one")])
    assert say(plan) == ["fetch h (one) to d/a.jpg"]
    assert after(plan) == {"h": ("d/a.jpg", "d/a.jpg", "one")}


def test_a_new_object_of_a_content_that_is_here_is_copied() -> None:
    """And the bucket gets the bytes if it has lost them."""
    case = {"links": [link("k", "k", "one")], "files": [file("k", "one")]}
    objects = [obj("k", "k", "one"), obj("h", "a", "one")]
    assert say(merge(**case, objects=objects)) == ["fetch h (one) to a, copying k"]
    assert say(merge(**case, objects=objects, bucket=[])) == [
        "fetch h (one) to a, copying k",
        "upload k (one)",
    ]


@pytest.mark.parametrize(("change", "waits"), [(NOW - 60, True), (LONG_AGO, False)])
def test_a_new_object_without_bytes(change: int, waits: bool) -> None:
    """It waits for them at first, then it is a problem with a remedy."""
    plan = merge(objects=[obj("h", "a", "one", change)], bucket=[])
    assert say(plan) == []
    assert (len(plan.waiting), len(plan.problems)) == ((1, 0) if waits else (0, 1))


def test_a_web_address_is_no_file() -> None:
    """Skipped without a word."""
    plan = merge(objects=[obj("h", "https://example.org/a.jpg", "one")], files=[])
    assert (say(plan), plan.problems) == ([], ())


@pytest.mark.parametrize(
    "path",
    ["../a", "d/../../a", "/elsewhere/a", "C:\\x\\a", "", "  ", ".", "a\x00b", "a\tb", "x" * 256, "d/.syncd/a",
     ".SYNCD/a", "con.jpg", "d/LPT1", "a.", "d /a", "/".join(["y" * 200] * 20)],
)  # fmt: skip
def test_refused_names_are_problems_with_a_remedy(path: str) -> None:
    """Nothing is written there, and the rest goes on."""
    plan = merge(objects=[obj("h", path, "one"), obj("k", "fine", "two")])
    assert say(plan) == ["fetch k (two) to fine"]
    [problem] = plan.problems
    assert (problem.handle, problem.path) == ("h", path)
    assert problem.reason
    assert problem.remedy


@pytest.mark.parametrize("path", ["../a", "/elsewhere/a", "con.jpg", "a\x00b", "x" * 256])
def test_a_refused_name_does_not_bar_linking_by_content(path: str) -> None:
    """Refusal bars writing there, nothing else."""
    plan = merge(objects=[obj("h", path, "one")], files=[file("here", "one")])
    assert say(plan) == ["link h"]
    assert after(plan) == {"h": ("here", path, "one")}


def test_a_file_at_a_name_that_would_be_refused_is_linked() -> None:
    """It is there already."""
    assert say(merge(objects=[obj("h", "con.jpg", "one")], files=[file("con.jpg", "one")])) == ["link h"]


@pytest.mark.parametrize(
    ("path", "files", "occupied"),
    [
        ("A.JPG", ["a.jpg"], {}),
        ("D/b", ["d/a"], {}),
        ("d", ["d/a"], {}),
        ("a/b", ["a"], {}),
        ("s/a", [], {"s": Occupant.SYMLINK}),
        ("s/d/a", [], {"s": Occupant.SYMLINK}),
        ("s", [], {"s": Occupant.SYMLINK}),
        ("p", [], {"p": Occupant.SPECIAL}),
        ("p/a", [], {"p": Occupant.SPECIAL}),
        ("d", [], {"d": Occupant.FOLDER}),
        ("i", [], {"i": Occupant.IGNORED}),
    ],
)
def test_refused_places_are_problems(path: str, files: list[str], occupied: dict[str, Occupant]) -> None:
    """A name taken in another case, through a symbolic link, where a folder, a pipe … stands."""
    plan = merge(
        objects=[obj("h", path, "one")], files=[file(name, name) for name in files], occupied=occupied
    )
    assert not [said for said in say(plan) if said.startswith("fetch")]
    assert [problem.handle for problem in plan.problems] == ["h"]


def test_one_pass_does_not_make_what_it_would_refuse_to_find() -> None:
    """New names are compared with one another: case, folder against file."""
    for first, second in (("a", "A"), ("d/a", "D/b"), ("d", "d/a"), ("d/a", "d")):
        plan = merge(objects=[obj("h1", first, "one", LONG_AGO), obj("h2", second, "two", LONG_AGO + 1)])
        assert say(plan) == [f"fetch h1 (one) to {first}"], (first, second)
        assert [problem.handle for problem in plan.problems] == ["h2"]


def test_ignored_paths_are_out_of_scope() -> None:
    """On both sides, also for linking by content."""

    def ignored(path: MediaPath) -> bool:
        return path.suffix == ".psd"

    plan = merge(objects=[obj("h", "a.psd", "one")], files=[file("b", "one")], ignored=ignored)
    assert say(plan) == ["add b (one)"]
    plan = merge(
        links=[link("h", "a", "one")],
        files=[file("a", "one")],
        objects=[obj("h", "a.psd", "one")],
        ignored=ignored,
    )
    assert say(plan) == []


def test_what_cannot_be_seen_waits() -> None:
    """No fetch to a place where a file may stand."""
    for occupied in ({"d": Occupant.UNREADABLE}, {"d/a": Occupant.BUSY}, {"d/a": Occupant.UNREADABLE}):
        plan = merge(objects=[obj("h", "d/a", "one")], occupied=occupied)
        assert not plan.actions
        assert "h" in [wait.handle for wait in plan.waiting]


# --- both, same path --------------------------------------------------------------------------------------------


def test_same_path_same_content_is_linked() -> None:
    """Nothing is transferred; the bucket gets what it lacks."""
    case = {"files": [file("a", "one")], "objects": [obj("h", "a", "one")]}
    assert say(merge(**case)) == ["link h"]
    assert say(merge(**case, bucket=[])) == ["link h", "upload a (one)"]


@pytest.mark.parametrize(
    ("strategy", "plan"),
    [
        (Conflicts.KEEP_BOTH, ["fetch h (theirs) to a, a goes to a (conflict 2026-11-22 desk)"]),
        (
            Conflicts.PREFER_FOLDER,
            ["keep h (theirs) in the trash", "update h content mine", "upload a (mine)"],
        ),
        (Conflicts.PREFER_WEB, ["fetch h (theirs) to a, a goes to the trash", "upload a (mine)"]),
    ],
)
def test_same_path_other_content_is_a_conflict(strategy: Conflicts, plan: list[str]) -> None:
    """Settled as for linked items."""
    found = merge(files=[file("a", "mine")], objects=[obj("h", "a", "theirs")], conflicts=strategy)
    assert say(found) == plan
    assert [type(conflict) for conflict in found.conflicts] == [Conflict]


@pytest.mark.parametrize(("age", "waits"), [(60, True), (GRACE_SECONDS, True), (GRACE_SECONDS + 1, False)])
def test_same_path_and_bytes_that_nobody_has(age: int, waits: bool) -> None:
    """A stale checksum: the folder's file wins, but only when the object has not changed for 24 hours."""
    plan = merge(files=[file("a", "mine")], objects=[obj("h", "a", "theirs", NOW - age)], bucket=[])
    assert say(plan) == ([] if waits else ["update h content mine", "upload a (mine)"])
    assert [wait.handle for wait in plan.waiting] == (["h"] if waits else [])


def test_bytes_are_somewhere_if_the_folder_has_them() -> None:
    """Content that another file holds is not "nobody's": that is a conflict, not a stale checksum."""
    plan = merge(files=[file("a", "mine"), file("b", "theirs")], objects=[obj("h", "a", "theirs")], bucket=[])
    assert [type(conflict) for conflict in plan.conflicts] == [Conflict]


def test_same_path_and_an_empty_checksum() -> None:
    """Corrected at once, however fresh."""
    plan = merge(files=[file("a", "mine")], objects=[obj("h", "a", None, NOW)])
    assert say(plan) == ["update h content mine", "upload a (mine)"]


def test_a_checksum_in_capitals_is_corrected() -> None:
    """The bucket's keys are lower case."""
    item = obj("h", "a", "one")
    item = type(item)("h", "a", item.checksum.upper(), "", LONG_AGO)
    assert say(merge(files=[file("a", "one")], objects=[item])) == ["update h content one"]


def test_two_objects_of_one_path_and_content_share_the_file() -> None:
    """One file, two links."""
    plan = merge(files=[file("a", "one")], objects=[obj("h1", "a", "one"), obj("h2", "./a", "one")])
    assert say(plan) == ["link h1", "link h2"]


def test_two_objects_of_one_path_and_different_content() -> None:
    """The second's bytes come under a free name, and it is told."""
    plan = merge(files=[file("a.jpg", "one")], objects=[obj("h1", "a.jpg", "one"), obj("h2", "a.jpg", "two")])
    assert say(plan) == ["fetch h2 (two) to a (2).jpg", "link h1"]
    assert after(plan)["h2"] == ("a (2).jpg", "a.jpg", "two")
    assert [notice.handle for notice in plan.notices] == ["h2"]


def test_two_new_objects_of_one_path() -> None:
    """The older comes first, the other in the next pass."""
    plan = merge(objects=[obj("h2", "a", "two", LONG_AGO), obj("h1", "a", "one", LONG_AGO + 1)])
    assert say(plan) == ["fetch h2 (two) to a"]
    assert not plan.problems


@pytest.mark.parametrize("content", [None, "stale"])
def test_a_second_object_with_an_empty_or_stale_checksum_shares_the_file(content: str | None) -> None:
    """Nobody has other bytes for it: the file at its path is its file."""
    plan = merge(
        files=[file("a", "one")], objects=[obj("h1", "a", "one"), obj("h2", "a", content)], bucket=["one"]
    )
    assert say(plan) == ["link h1", "update h2 content one"]


# --- both, same content -----------------------------------------------------------------------------------------


def test_same_content_elsewhere_is_linked_as_it_is() -> None:
    """Nobody's layout is tidied behind their back."""
    plan = merge(files=[file("here/a", "one")], objects=[obj("h", "there/b", "one")])
    assert say(plan) == ["link h"]
    assert after(plan) == {"h": ("here/a", "there/b", "one")}


def test_same_content_pairs_by_base_name_then_by_order() -> None:
    """Names first; what is left in order of age and path; what is then left is new."""
    plan = merge(
        files=[file("x/1", "one"), file("x/b", "one"), file("x/c", "one"), file("x/2", "one")],
        objects=[
            obj("hc", "y/c", "one", LONG_AGO),
            obj("hq", "y/q", "one", LONG_AGO + 2),
            obj("hp", "y/p", "one", LONG_AGO + 1),
            obj("hb", "D:\\y\\b", "one", LONG_AGO + 3),
        ],
    )
    paths = {handle: path for handle, (path, _named, _content) in after(plan).items()}
    assert paths == {"hc": "x/c", "hb": "x/b", "hp": "x/1", "hq": "x/2"}


def test_same_content_more_objects_than_files() -> None:
    """The rest are copied to their own names: every object has a file."""
    plan = merge(files=[file("a", "one")], objects=[obj("h1", "b", "one", LONG_AGO), obj("h2", "c", "one")])
    assert say(plan) == ["fetch h2 (one) to c, copying a", "link h1"]


def test_the_path_decides_before_the_content() -> None:
    """A file that an object names is that object's, whoever else has the content."""
    plan = merge(
        files=[file("a", "one")],
        objects=[obj("h1", "z/a", "one", LONG_AGO), obj("h2", "a", "one", LONG_AGO + 9)],
    )
    assert after(plan)["h2"] == ("a", "a", "one")


def test_an_object_named_by_the_server_takes_the_folders_name() -> None:
    """An upload through the web page of a file that is here."""
    plan = merge(files=[file("a.jpg", "one")], objects=[obj("h", f"{md5('one')}.jpg", "one")])
    assert say(plan) == ["update h path a.jpg"]
    assert after(plan) == {"h": ("a.jpg", "a.jpg", "one")}
    plan = merge(
        files=[file("a.jpg", "one")], objects=[obj("h", f"{md5('one')}.jpg", "one")], found_by_path=True
    )
    assert say(plan) == ["link h"]


def test_an_object_named_by_the_server_in_capitals_takes_the_folders_name_later() -> None:
    """One change a pass."""
    item = obj("h", f"{md5('one')}.jpg", "one")
    item = type(item)("h", item.path, item.checksum.upper(), "", LONG_AGO)
    plan = merge(files=[file("a.jpg", "one")], objects=[item])
    assert say(plan) == ["update h content one"]
    plan = merge(
        links=[link("h", "a.jpg", "one", named="")],
        files=[file("a.jpg", "one")],
        objects=[obj("h", f"{md5('one')}.jpg", "one")],
    )
    assert say(plan) == ["update h path a.jpg"]


def test_a_file_that_outlived_its_object_may_get_a_new_one() -> None:
    """A detached link is dropped when another object takes the file."""
    lone = link("old", "a", "one", detached=Detached.OBJECT_GONE)
    for path in ("a", "b"):
        plan = merge(links=[lone], files=[file("a", "one")], objects=[obj("h", path, "one")])
        assert say(plan) == ["forget old", "link h"]


def test_an_object_does_not_take_anothers_file() -> None:
    """Several objects of one content have one file each."""
    plan = merge(
        links=[link("k", "a", "one")],
        files=[file("a", "one")],
        objects=[obj("k", "a", "one"), obj("h", "b", "one")],
    )
    assert say(plan) == ["fetch h (one) to b, copying a"]


def test_first_contact_deletes_nothing() -> None:
    """However the sides differ, without links there is only adding."""
    plan = merge(
        files=[file("a", "1"), file("b", "2"), file("c", "3")],
        objects=[obj("h1", "b", "2"), obj("h2", "c", "4"), obj("h3", "d", "5"), obj("h4", "e", None)],
    )
    assert plan.actions
    assert not any(isinstance(action, DeleteObject | TrashFile) for action in plan.actions)


def test_a_file_that_was_paired_by_name_is_not_paired_again() -> None:
    """What is paired in order comes after what is paired by name."""
    plan = merge(
        files=[file("x/a", "one"), file("x/z", "one")],
        objects=[obj("h1", "y/a", "one", LONG_AGO), obj("h2", "y/q", "one", LONG_AGO + 1)],
    )
    assert {handle: path for handle, (path, _named, _content) in after(plan).items()} == {
        "h1": "x/a",
        "h2": "x/z",
    }


def test_the_handle_of_an_object_without_a_link_is_not_used_again() -> None:
    """The object that was made for this path was moved and edited before anyone linked it."""
    path = MediaPath.of("a")
    plan = merge(files=[file("a", "one")], objects=[obj(handle_for("tree", path, 0), "b", "two")])
    assert only(plan, AddObject).link.handle == handle_for("tree", path, 1)


def test_of_two_objects_with_one_path_each_gets_the_file_of_its_content() -> None:
    """Binding anew breeds nothing: the object that equals the file gets it, the other the file with its bytes."""
    plan = merge(
        files=[file("a", "one"), file("a (2)", "two")],
        objects=[obj("h2", "a", "two", change=1), obj("h1", "a", "one", change=2)],
    )
    assert sorted(say(plan)) == ["link h1", "link h2"]
    assert after(plan) == {"h1": ("a", "a", "one"), "h2": ("a (2)", "a", "two")}
