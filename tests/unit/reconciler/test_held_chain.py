"""Scans that were renumbered while the deletion of one of them waits: what comes later goes to the right objects.

Of the files 1, 2 and 3 the last was deleted, and the others moved up: 2 has "one" now, 3 has "two". People refer to the
object of "three", so its deletion is held, and the names 2 and 3 are not free in Gramps Web.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.guard import Circumstances, hold
from syncd.model import Detached, MediaPath, Occupant
from syncd.model.plan import DeleteObject, HeldSet, Plan
from syncd.model.policy import OnWeb
from syncd.reconciler import reconcile
from tests.core import POLICY, file, link, md5, merge, obj, only, say, word
from tests.core_oracle import check_no_twins, check_plan, check_settled
from tests.core_world import World

WAITS = "its new name is not free yet: it waits until you have decided about the deletion of 3"


class Desk(World):
    """A world behind the guard: what it holds waits until it is approved."""

    held: tuple[HeldSet, ...] = ()
    referenced = frozenset({"h3"})

    def run(self) -> Plan:
        """Make passes until nothing but what is held is left to do."""
        for _ in range(8):
            plan = self.plan()
            check_plan(plan)
            now = Circumstances(
                links=len(self.links),
                recent_deletions=0,
                references={
                    handle: {"person": 2} if handle in self.referenced else {} for handle in self.objects
                },
                standing=self.held,
                first_contact=False,
                sizes={},
            )
            guarded = hold(plan, self.policy, now)
            self.held = tuple(replace(one, id=number) for number, one in enumerate(guarded.held, start=1))
            before = self.contents()
            if not guarded.plan.actions:
                return plan
            self.apply(guarded.plan)
            assert before <= self.contents(), "a content was lost"
        raise AssertionError(f"still busy: {guarded.plan.actions}")

    def approve(self) -> None:
        """A person agrees to all that is held."""
        self.held = tuple(replace(one, approved=True) for one in self.held)

    def waits(self) -> list[tuple[str, str, str]]:
        """What is held: action, path and content."""
        return sorted(
            (item.action, item.path, word(item.checksum)) for one in self.held for item in one.items
        )

    def web(self) -> dict[str, tuple[str, str]]:
        """Path and content of each object."""
        return {handle: (item.path, word(item.checksum)) for handle, item in self.objects.items()}

    def save(self, path: str, content: str) -> None:
        """A person saves a file."""
        self.files[path] = (content, self.inode())


def _desk(**policy: object) -> Desk:
    """Three scans, the last deleted, the others renumbered, and syncd has run."""
    names = {"h1": ("1", "one"), "h2": ("2", "two"), "h3": ("3", "three")}
    desk = Desk(
        replace(POLICY, **policy),  # type: ignore[arg-type]
        files={"2": ("one", 1), "3": ("two", 2)},
        objects={handle: obj(handle, path, content) for handle, (path, content) in names.items()},
        bucket={md5(content) for _path, content in names.values()},
        links={handle: link(handle, path, content) for handle, (path, content) in names.items()},
    )
    desk.run()
    return desk


def test_the_movers_wait_and_are_remembered() -> None:
    """Nothing changes in Gramps Web; the links know where the files are. A further run does nothing."""
    desk = _desk()
    assert desk.waits() == [("delete", "3", "three")]
    assert desk.web() == {"h1": ("1", "one"), "h2": ("2", "two"), "h3": ("3", "three")}
    assert {handle: one.place.key for handle, one in desk.links.items()} == {"h1": "2", "h2": "3", "h3": "3"}
    plan = desk.plan()
    assert say(plan) == ["delete h3"]
    assert [item.reason for item in plan.waiting] == [WAITS, WAITS]


@pytest.mark.parametrize("path", ["2", "3"])
def test_an_edit_goes_to_the_object_whose_file_it_is(path: str) -> None:
    """The content from before is nowhere any more, and still nothing is mixed up, then or after the decision."""
    desk = _desk()
    held = desk.held
    desk.save(path, "new")
    desk.run()
    one, two = ("new", "two") if path == "2" else ("one", "new")
    assert desk.web() == {"h1": ("1", one), "h2": ("2", two), "h3": ("3", "three")}
    assert desk.held == held
    desk.approve()
    desk.run()
    assert desk.web() == {"h1": ("2", one), "h2": ("3", two)}
    assert all(link.moved_to is None for link in desk.links.values())
    check_settled(desk)


def test_both_are_edited_again_and_again() -> None:
    """Each edit of the long time that a decision takes finds its object."""
    desk = _desk()
    for count in range(3):
        desk.save("2", f"one {count}")
        desk.save("3", f"two {count}")
        desk.run()
    assert desk.web() == {"h1": ("1", "one 2"), "h2": ("2", "two 2"), "h3": ("3", "three")}
    assert desk.waits() == [("delete", "3", "three")]


def test_approved_the_names_follow() -> None:
    """The object goes, the others get their names."""
    desk = _desk()
    desk.approve()
    desk.run()
    assert desk.web() == {"h1": ("2", "one"), "h2": ("3", "two")}
    check_settled(desk)


@pytest.mark.parametrize("edited", [False, True])
def test_the_picture_is_asked_back(edited: bool) -> None:
    """`syncd restore`: it is fetched under a free name, the others keep what they have."""
    desk = _desk()
    if edited:
        desk.save("3", "new")
        desk.run()
    desk.links["h3"] = replace(desk.links["h3"], restore=True)
    desk.run()
    assert desk.waits() == []
    two = "new" if edited else "two"
    contents = {handle: content for handle, (_path, content) in desk.web().items()}
    assert contents == {"h1": "one", "h2": two, "h3": "three"}
    here = {path: content for path, (content, _inode) in desk.files.items()}
    assert here == {"2": "one", "3": two, "3 (2)": "three"}
    assert {handle: desk.links[handle].path.key for handle in contents} == {
        "h1": "2",
        "h2": "3",
        "h3": "3 (2)",
    }
    check_settled(desk)


def test_the_file_comes_back_under_another_name() -> None:
    """Its object follows it, nothing is to be deleted any more, the names are free."""
    desk = _desk()
    desk.save("4", "three")
    desk.run()
    assert desk.waits() == []
    assert desk.web() == {"h1": ("2", "one"), "h2": ("3", "two"), "h3": ("4", "three")}
    check_settled(desk)


def test_the_file_comes_back_over_the_one_that_took_its_name() -> None:
    """It is the first owner's again; the one that was overwritten is gone, and that is held if people refer to it."""
    desk = _desk()
    desk.referenced = frozenset({"h2", "h3"})
    desk.save("3", "three")
    desk.run()
    assert desk.waits() == [("delete", "2", "two")]
    desk.save("3", "three, better")
    desk.run()
    assert desk.web() == {"h1": ("1", "one"), "h2": ("2", "two"), "h3": ("3", "three, better")}
    assert desk.waits() == [("delete", "2", "two")]
    desk.approve()
    desk.run()
    assert desk.web() == {"h1": ("2", "one"), "h3": ("3", "three, better")}
    check_settled(desk)


def test_all_are_put_back() -> None:
    """The renumbering is undone: as if nothing had been."""
    desk = _desk()
    before = desk.web()
    desk.files = {"1": ("one", 1), "2": ("two", 2), "3": ("three", 3)}
    desk.run()
    assert desk.web() == before
    assert desk.waits() == []
    assert all(link.moved_to is None for link in desk.links.values())
    check_settled(desk)


def test_the_renumbering_is_undone_but_the_deletion_is_not() -> None:
    """The movers have their names again; what is saved at the deleted one's is an edit of it, as ever."""
    desk = _desk()
    desk.files = {"1": ("one", 1), "2": ("two", 2)}
    desk.run()
    assert desk.waits() == [("delete", "3", "three")]
    assert desk.plan().waiting == ()
    desk.save("3", "three, scanned again")
    desk.run()
    assert desk.waits() == []
    assert desk.web() == {"h1": ("1", "one"), "h2": ("2", "two"), "h3": ("3", "three, scanned again")}
    check_settled(desk)


def test_moved_on_to_a_free_name() -> None:
    """Who leaves the name that was not free need not wait; nor does who waited for it."""
    desk = _desk()
    desk.files["4"] = desk.files.pop("3")
    desk.run()
    assert desk.waits() == [("delete", "3", "three")]
    assert desk.web() == {"h1": ("2", "one"), "h2": ("4", "two"), "h3": ("3", "three")}
    desk.save("3", "three, scanned again")
    desk.run()
    assert desk.waits() == []
    assert desk.web()["h3"] == ("3", "three, scanned again")
    check_settled(desk)


def test_the_chain_goes_on() -> None:
    """Another file moves up behind those that wait, and is edited: it waits and keeps its object, too."""
    desk = _desk()
    desk.objects["h0"] = obj("h0", "0", "zero")
    desk.links["h0"] = link("h0", "0", "zero")
    desk.bucket.add(md5("zero"))
    desk.save("1", "zero")
    desk.run()
    for path in "123":
        desk.save(path, f"new {path}")
    desk.run()
    new = {"h0": ("0", "new 1"), "h1": ("1", "new 2"), "h2": ("2", "new 3")}
    assert desk.web() == {**new, "h3": ("3", "three")}
    desk.approve()
    desk.run()
    assert desk.web() == {"h0": ("1", "new 1"), "h1": ("2", "new 2"), "h2": ("3", "new 3")}
    check_settled(desk)


def test_a_new_file_at_the_name_that_was_left_waits_for_it() -> None:
    """The scan for which the others moved up gets an object as soon as its name is free; nothing is taken for edited."""
    desk = _desk()
    desk.save("1", "new")
    plan = desk.run()
    assert desk.web() == {"h1": ("1", "one"), "h2": ("2", "two"), "h3": ("3", "three")}
    assert ("1", WAITS.replace("new name", "name")) in {(item.path, item.reason) for item in plan.waiting}
    desk.approve()
    desk.run()
    assert sorted(desk.web().values()) == [("1", "new"), ("2", "one"), ("3", "two")]
    check_settled(desk)
    check_no_twins(desk)


def test_a_new_object_is_not_fetched_to_a_name_that_waits() -> None:
    """The name that the first one left, and the one that the last one was deleted from, are told, not given away."""
    desk = _desk()
    desk.referenced = frozenset({"h2", "h3"})
    desk.files.pop("3")
    desk.run()
    for handle, path in (("n1", "1"), ("n3", "3")):
        desk.objects[handle] = obj(handle, path, handle)
        desk.bucket.add(md5(handle))
    desk.run()
    assert set(desk.files) == {"2"}
    assert {problem.handle for problem in desk.plan().problems} == {"n1", "n3"}


def test_the_object_changes_in_gramps_web() -> None:
    """An edit beats the deletion: the new content is fetched under a free name, and no name is taken twice here."""
    desk = _desk()
    desk.objects["h3"] = obj("h3", "3", "three, retouched")
    desk.bucket.add(md5("three, retouched"))
    desk.run()
    assert desk.waits() == []
    here = {path: content for path, (content, _inode) in desk.files.items()}
    assert here == {"2": "one", "3": "two", "3 (2)": "three, retouched"}
    desk.save("3", "two, edited")
    desk.run()
    assert {handle: content for handle, (_path, content) in desk.web().items()} == {
        "h1": "one",
        "h2": "two, edited",
        "h3": "three, retouched",
    }
    check_settled(desk)


def test_a_movers_object_changes_in_gramps_web() -> None:
    """Its new content comes to where its file is; a change on both sides is a conflict there."""
    desk = _desk()
    desk.objects["h2"] = obj("h2", "2", "two, retouched")
    desk.bucket.add(md5("two, retouched"))
    desk.run()
    assert {path: content for path, (content, _inode) in desk.files.items()} == {
        "2": "one",
        "3": "two, retouched",
    }
    assert desk.waits() == [("delete", "3", "three")]
    desk.objects["h1"] = obj("h1", "1", "one, retouched")
    desk.bucket.add(md5("one, retouched"))
    desk.save("2", "one, edited")
    desk.run()
    assert desk.files["2"][0] == "one, retouched"
    assert desk.web()["h1"] == ("1", "one, retouched")
    assert "one, edited" in {content for content, _inode in desk.files.values()}
    assert desk.waits() == [("delete", "3", "three")]


def test_the_object_is_deleted_in_gramps_web() -> None:
    """Both sides agree, and the names follow."""
    desk = _desk()
    desk.deleted["h3"] = desk.objects.pop("h3")
    desk.save("3", "new")
    desk.run()
    assert desk.web() == {"h1": ("2", "one"), "h2": ("3", "new")}
    check_settled(desk)


@pytest.mark.parametrize("edited", [False, True])
def test_a_movers_object_is_deleted_in_gramps_web(edited: bool) -> None:
    """Its own file goes to the trash, or it comes back if that was edited: nobody else's."""
    desk = _desk()
    if edited:
        desk.save("3", "new")
    desk.deleted["h2"] = desk.objects.pop("h2")
    desk.run()
    assert desk.waits() == [("delete", "3", "three")]
    assert desk.web().get("h2") == (("2", "new") if edited else None)
    assert ("3" in desk.files) is edited
    assert desk.files["2"][0] == "one"


def test_the_movers_file_is_deleted_too() -> None:
    """Then its deletion waits as well, and stays the same from run to run."""
    desk = _desk()
    desk.referenced = frozenset({"h2", "h3"})
    desk.files.pop("3")
    desk.run()
    assert desk.waits() == [("delete", "2", "two"), ("delete", "3", "three")]
    held = desk.held
    desk.run()
    assert desk.held == held
    desk.approve()
    desk.run()
    assert desk.web() == {"h1": ("2", "one")}
    check_settled(desk)


def test_a_file_put_over_one_that_waits_is_its_edit() -> None:
    """`mv 5 3`: the object that has the file 3 gets the picture, the one that lost the name does not."""
    desk = _desk()
    desk.referenced = frozenset({"h3", "h5"})
    desk.objects["h5"] = obj("h5", "5", "five")
    desk.links["h5"] = link("h5", "5", "five")
    desk.bucket.add(md5("five"))
    desk.save("3", "five")
    desk.run()
    assert desk.web()["h2"] == ("2", "five")
    assert desk.waits() == [("delete", "3", "three"), ("delete", "5", "five")]


def test_deletions_stay_here() -> None:
    """With `on_web = "never"` nothing waits, and an edit goes to the object that has the file."""
    desk = _desk(on_web=OnWeb.NEVER)
    assert desk.links["h3"].detached is Detached.FILE_GONE
    desk.save("3", "new")
    desk.run()
    assert desk.web() == {"h1": ("2", "one"), "h2": ("3", "new"), "h3": ("3", "three")}
    assert desk.links["h3"].detached is Detached.FILE_GONE


def test_the_setting_changes_while_it_waits() -> None:
    """`on_web = "never"` takes the deletion back for good, and the names follow."""
    desk = _desk()
    desk.policy = replace(desk.policy, on_web=OnWeb.NEVER)
    desk.save("2", "new")
    desk.run()
    assert desk.waits() == []
    assert {handle: content for handle, (_path, content) in desk.web().items()} == {
        "h1": "new",
        "h2": "two",
        "h3": "three",
    }
    assert desk.links["h3"].detached is Detached.FILE_GONE


def test_more_deletions_than_anyone_makes_by_hand() -> None:
    """Of thirty-three the last eleven are deleted, the others move up, and are edited while that is held."""
    desk = Desk(POLICY)
    desk.referenced = frozenset()
    for number in range(33):
        name, content = f"{number:02}", f"scan {number}"
        desk.objects[name] = obj(name, name, content)
        desk.links[name] = link(name, name, content)
        desk.bucket.add(md5(content))
    desk.files = {f"{number + 11:02}": (f"scan {number}", number) for number in range(22)}
    desk.run()
    assert len(desk.waits()) == 11
    held = desk.held
    for number in range(22):
        desk.save(f"{number + 11:02}", f"new {number}")
    desk.run()
    assert desk.held == held
    contents = {handle: content for handle, (_path, content) in desk.web().items()}
    assert contents == {
        **{f"{number:02}": f"new {number}" for number in range(22)},
        **{f"{number:02}": f"scan {number}" for number in range(22, 33)},
    }
    desk.approve()
    desk.run()
    assert desk.web() == {f"{number:02}": (f"{number + 11:02}", f"new {number}") for number in range(22)}
    check_settled(desk)


def test_while_a_file_is_being_written_no_name_is_given_away() -> None:
    """What cannot be read just now still has its object, and that one still its name."""
    desk = _desk()
    seen = desk.inputs()
    files = {key: one for key, one in seen.folder.files.items() if key != "3"}
    plan = reconcile(replace(seen, folder=replace(seen.folder, files=files, occupied={"3": Occupant.BUSY})))
    assert say(plan) == []
    assert "h1" in {item.handle for item in plan.waiting}


def test_a_second_object_is_not_linked_with_a_file_that_waits() -> None:
    """It would be taken for one that lost its file as soon as the two of them part."""
    case: dict[str, object] = {
        "links": [link("h1", "1", "one", moved_to="2"), link("h2", "2", "two")],
        "files": [file("2", "one")],
        "objects": [obj("h1", "1", "one"), obj("h2", "2", "two"), obj("n", "2", "one")],
    }
    plan = merge(**case)
    assert "link n" not in say(plan)
    assert "n" in {item.handle for item in plan.waiting}


def test_the_deletion_expects_the_file_where_it_was_last() -> None:
    """What stands at the place of a deleted file is told to who deletes, also after that file had moved."""
    plan = merge(
        links=[link("h1", "1", "one", moved_to="2"), link("h2", "2", "two", moved_to="3")],
        files=[file("2", "one")],
        objects=[obj("h1", "1", "one"), obj("h2", "2", "two")],
    )
    action = only(plan, DeleteObject)
    assert (action.expected.handle, action.link.place, action.holder) == ("h2", MediaPath.of("3"), None)
