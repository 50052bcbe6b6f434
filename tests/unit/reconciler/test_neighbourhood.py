"""What is looked at together with what changed, and which plans made for it may be carried out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

import pytest

from syncd.merge.neighbourhood import LARGEST, Neighbourhood, missing_file, unfit
from syncd.model import (
    CatalogSnapshot,
    Checksum,
    DesktopObject,
    DesktopSnapshot,
    Detached,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    MediaPath,
    Occupant,
)
from syncd.model.paths import handle_for
from syncd.model.plan import (
    Action,
    AddObject,
    Conflict,
    DeleteObject,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)
from syncd.reconciler import Inputs, reconcile
from tests.core import RULES, deleted, file, inputs, is_quiet, link, md5, obj, say


@dataclass
class Known:
    """What a state remembers; notes what it was asked for."""

    links: Sequence[Link] = ()
    objects: Sequence[MediaObject] = ()
    asked: list[str] = field(default_factory=list)

    def _note(self, values: Collection[str]) -> None:
        self.asked += values

    def links_at(self, folds: Collection[str]) -> list[Link]:
        """By path."""
        self._note(folds)
        return [one for one in self.links if {one.path.fold, one.place.fold} & set(folds)]

    def links_of(self, handles: Collection[str]) -> list[Link]:
        """By handle."""
        self._note(handles)
        return [one for one in self.links if one.handle in handles]

    def links_with(self, checksums: Collection[Checksum]) -> list[Link]:
        """By content."""
        self._note(checksums)
        return [one for one in self.links if one.checksum in checksums]

    def objects_of(self, handles: Collection[str]) -> dict[str, MediaObject]:
        """By handle."""
        return {item.handle: item for item in self.objects if item.handle in handles}

    def objects_with(self, checksums: Collection[Checksum]) -> list[MediaObject]:
        """By content."""
        return [item for item in self.objects if item.digest in checksums]


def neighbourhood(
    links: Sequence[Link] = (),
    objects: Sequence[MediaObject] = (),
    *,
    desktop: DesktopSnapshot | None = None,
    used: Collection[str] = (),
) -> Neighbourhood:
    """One that knows these, and has seen nothing yet."""
    linked = {one.handle for one in links}
    unlinked = [item for item in objects if item.handle not in linked]
    return Neighbourhood(Known(links, objects), unlinked, "tree", RULES, desktop, frozenset(used))


def grown(
    near: Neighbourhood,
    *paths: str,
    handles: Collection[str] = (),
    former: Sequence[MediaObject] = (),
    files: Iterable[FolderFile] = (),
) -> Neighbourhood:
    """Let it see changes and grow; `files` is what there is in the folder."""
    there = {one.path.key: one for one in files}
    near.see(map(MediaPath.of, paths), handles)
    near.see_former(former)
    for _ in range(50):
        if not near.grow():
            return near
        near.see_files({key: there[key] for key in near.paths if key in there})
    raise AssertionError("it grows for ever")


def taken(near: Neighbourhood) -> set[str]:
    """The handles of all that was taken in."""
    return {*near.links, *near.objects}


PAIR = (link("h", "a.jpg", "one"), obj("h", "a.jpg", "one"))
OTHER = (link("o", "o.jpg", "other"), obj("o", "o.jpg", "other"))
LINKS, OBJECTS = (PAIR[0], OTHER[0]), (PAIR[1], OTHER[1])


# --- what is taken in ---------------------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    """Nothing is taken in, and nothing is asked for."""
    near = neighbourhood(LINKS, OBJECTS)
    assert not near.grow()
    assert len(near) == 0
    assert isinstance(near.known, Known)
    assert near.known.asked == []


@pytest.mark.parametrize("path", ["a.jpg", "A.JPG"])
def test_a_changed_path_brings_its_link_and_object(path: str) -> None:
    """Also where it differs by case: a disk may not keep the two apart. All the rest stays out."""
    near = grown(neighbourhood(LINKS, OBJECTS), path)
    assert near.links == {"h": PAIR[0]}
    assert near.objects == {"h": PAIR[1]}
    assert "a.jpg" in near.paths


def test_accents_in_either_form_are_one_path() -> None:
    """A disk may store them apart."""
    near = grown(neighbourhood([link("h", "Bär.jpg", "one")]), "Ba\u0308r.jpg")
    assert set(near.links) == {"h"}


def test_a_changed_object_brings_its_link_and_file() -> None:
    """By its handle, with the paths that it has and had."""
    near = grown(neighbourhood(LINKS, [replace(PAIR[1], path="b.jpg"), OTHER[1]]), handles=["h"])
    assert set(near.links) == {"h"}
    assert set(near.paths) == {"a.jpg", "b.jpg"}
    assert near.checksums == {md5("one")}


def test_all_of_one_content_belong_together() -> None:
    """Files and objects of equal bytes are paired, told apart and moved in company."""
    links = [*LINKS, link("copy", "b/copy.jpg", "one")]
    objects = [*OBJECTS, obj("copy", "b/copy.jpg", "one"), obj("alone", "c.jpg", "one")]
    near = grown(neighbourhood(links, objects), "a.jpg")
    assert taken(near) == {"h", "copy", "alone"}
    assert {"b/copy.jpg", "c.jpg"} <= set(near.paths)


def test_what_the_file_holds_now_counts_too() -> None:
    """An edit may make it equal to others."""
    near = grown(neighbourhood(LINKS, OBJECTS), "a.jpg", files=[file("a.jpg", "other")])
    assert taken(near) == {"h", "o"}


def test_what_a_link_held_counts_although_its_object_says_otherwise_now() -> None:
    """A file of that content may be the link's own, at another place."""
    for objects in ([], [obj("h", "a.jpg", "two")]):
        near = grown(neighbourhood(LINKS, objects), "b.jpg", files=[file("b.jpg", "one")])
        assert set(near.links) == {"h"}


def test_what_an_object_names_now_counts_too() -> None:
    """A checksum in capitals is the same one."""
    objects = [replace(PAIR[1], checksum=md5("other").upper()), OTHER[1]]
    assert taken(grown(neighbourhood(LINKS, objects), handles=["h"])) == {"h", "o"}


def test_a_file_that_several_objects_share() -> None:
    """Whichever changes, all are seen."""
    links = [link("h", "a.jpg", "one"), link("i", "a.jpg", "one"), OTHER[0]]
    objects = [obj("h", "a.jpg", "two"), obj("i", "a.jpg", "one"), OTHER[1]]
    for near in (
        grown(neighbourhood(links, objects), handles=["h"]),
        grown(neighbourhood(links, objects), handles=["i"]),
        grown(neighbourhood(links, objects), "a.jpg"),
    ):
        assert taken(near) == {"h", "i"}


def test_a_link_whose_file_is_ahead_of_its_name() -> None:
    """It is looked for at its place, and still bears its path: both count, wherever the change is."""
    ahead = link("h", "a.jpg", "one", moved_to="b.jpg")
    for path in ("a.jpg", "b.jpg"):
        near = grown(neighbourhood([ahead, *LINKS[1:]], OBJECTS), path)
        assert set(near.paths) >= {"a.jpg", "b.jpg"}
        assert set(near.links) == {"h"}


def test_objects_without_a_link_that_mean_the_path() -> None:
    """However they spell it: with backslashes, absolute, in other case."""
    objects = [
        obj("1", "d\\a.jpg", "1"), obj("2", "/home/me/Pictures/d/a.jpg", "2"), obj("3", "D/A.jpg", "3"), obj("4", "./d//a.jpg", "4"),
        obj("5", "../d/a.jpg", "5"), obj("6", "https://x/d/a.jpg", "6"), obj("7", "", "7"), obj("8", "d/b.jpg", "8"),
    ]  # fmt: skip
    assert taken(grown(neighbourhood((), objects), "d/a.jpg")) == {"1", "2", "3", "4"}


def test_one_thing_leads_to_another() -> None:
    """What is taken in may have another content, that another path, and so on to the end."""
    links = [link(str(number), f"{number}.jpg", f"content {number}") for number in range(6)]
    objects = [obj(str(number), f"{number + 1}.jpg", f"content {number}") for number in range(3)]
    near = grown(neighbourhood(links, [*objects, obj("5", "5.jpg", "content 5")]), "0.jpg")
    assert set(near.links) == {"0", "1", "2", "3"}


def test_nothing_is_asked_for_twice() -> None:
    """Each look-up costs."""
    near = grown(neighbourhood(LINKS, OBJECTS), "a.jpg", "A.jpg", "o.jpg", files=[file("a.jpg", "other")])
    assert isinstance(near.known, Known)
    assert len(near.known.asked) == len(set(near.known.asked))
    assert not near.grow()


def test_former_objects_free_names_and_contents() -> None:
    """What waited for a name or a content of an object that changed is looked at again."""
    waiting = [obj("w", "a.jpg", "waits for the name"), obj("v", "v.jpg", "was")]
    was = obj("gone", "a.jpg", "was")
    near = grown(neighbourhood((), [*waiting, OTHER[1]]), handles=["gone"], former=[was])
    assert set(near.objects) == {"w", "v"}


def test_its_size_is_told() -> None:
    """So that whoever grows it can give up; a large tree's change of one file stays small."""
    links = [link(str(number), f"{number}.jpg", str(number)) for number in range(500)]
    near = grown(neighbourhood(links), "7.jpg")
    assert 0 < len(near) < 5
    near = grown(neighbourhood(links), *(f"{number}.jpg" for number in range(500)))
    assert len(near) == 1500 < LARGEST


# --- the handles of new objects -----------------------------------------------------------------------------------


def handle(path: str, number: int) -> str:
    """The handle that a new object gets."""
    return handle_for("tree", MediaPath.of(path), number)


@pytest.mark.parametrize("taken_by", ["an object", "a link", "a deletion"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_new_file_brings_what_has_its_handles(taken_by: str, count: int) -> None:
    """Up to the first that is free, and one at least: somebody may have moved what was made for a file of that name."""
    used = [handle("new.jpg", number) for number in range(count)]
    near = neighbourhood(
        [link(one, f"{one}.jpg", one) for one in used] if taken_by == "a link" else (),
        [obj(one, f"{one}.jpg", one) for one in used] if taken_by == "an object" else (),
        used=used if taken_by == "a deletion" else (),
    )
    grown(near, "new.jpg", files=[file("new.jpg", "new")])
    assert near.handles >= {*used, handle("new.jpg", count)}
    assert handle("new.jpg", count + 1) not in near.handles
    assert taken(near) == (set() if taken_by == "a deletion" else set(used))


def test_a_linked_file_needs_no_handle() -> None:
    """While it is as it was."""
    near = grown(neighbourhood(LINKS, OBJECTS), "a.jpg", files=[file("a.jpg", "one")])
    assert near.handles == {"h"}


def test_a_file_at_the_place_of_one_that_moved_gets_the_handle_that_it_gets_in_company() -> None:
    """Its name is that of a linked file, but it is new: the first two handles of that name are taken elsewhere."""
    first, second = handle("c.jpg", 0), handle("c.jpg", 1)
    case = inputs(
        links=[link(first, "c.jpg", "three", inode=3), link(second, "x.jpg", "x"), *LINKS],
        objects=[obj(first, "d.jpg", "three"), obj(second, "x.jpg", "x"), *OBJECTS],
        files=[file("d.jpg", "three", 3), file("c.jpg", "new"), file("x.jpg", "x"), file("a.jpg", "one"), file("o.jpg", "other")],
        first_contact=False,
    )  # fmt: skip
    assert near_as_whole(case, "c.jpg", "d.jpg", handles=[first]) == {first, second}


def near_as_whole(case: Inputs, *paths: str, handles: Collection[str] = ()) -> set[str]:
    """Plan for what changed and for everything: the same actions; returns what was taken in."""
    near = neighbourhood(
        case.links,
        [*case.catalog.objects.values()],
        desktop=case.desktop,
        used={one.handle for one in case.deleted},
    )
    files = case.folder.files
    near.see(map(MediaPath.of, paths), handles)
    while near.grow():
        near.see(one.path for one in files.values() if one.checksum in near.checksums)
        near.see_files({key: files[key] for key in near.paths if key in files})
    part = replace(
        case,
        links=tuple(near.links.values()),
        catalog=CatalogSnapshot(near.objects),
        folder=FolderSnapshot({key: files[key] for key in near.paths if key in files}),
    )
    found, whole = reconcile(part), reconcile(case)
    assert not is_quiet(whole)
    assert {repr(one) for one in found.actions} == {repr(one) for one in whole.actions}, say(found)
    return taken(near)


# --- Gramps Desktop -----------------------------------------------------------------------------------------------

DESKTOP = DesktopSnapshot(
    {
        "new.jpg": (DesktopObject("d1", md5("new")), DesktopObject("d2", "")),
        "far.jpg": (DesktopObject("h", md5("one")),),
        "x.jpg": (DesktopObject("d3", ""),),
    }
)


def test_a_file_brings_what_gramps_desktop_has_for_it() -> None:
    """Linked or not: it may become that object's file."""
    objects = [*OBJECTS, obj("d2", "elsewhere.jpg", "else"), obj("d3", "x.jpg", "x")]
    near = grown(neighbourhood(LINKS, objects, desktop=DESKTOP), "new.jpg", files=[file("new.jpg", "new")])
    assert near.handles >= {"d1", "d2"}
    assert taken(near) == {"d2"}


def test_a_link_brings_the_file_that_gramps_desktop_names() -> None:
    """Where its own is gone, that is where it went."""
    near = grown(neighbourhood(LINKS, OBJECTS, desktop=DESKTOP), "a.jpg")
    assert "far.jpg" in near.paths
    assert "far.jpg" not in grown(neighbourhood(LINKS, OBJECTS), "a.jpg").paths


def test_a_new_file_that_gramps_desktop_knows_is_decided_as_in_company() -> None:
    """The better of its objects is the file's."""
    case = inputs(
        links=LINKS,
        objects=[*OBJECTS, obj("d1", "elsewhere.jpg", "else")],
        files=[file("a.jpg", "one"), file("o.jpg", "other"), file("new.jpg", "new")],
        bucket=["one", "other", "else"],
        desktop=DESKTOP,
        first_contact=False,
    )
    whole = reconcile(case)
    assert "add new.jpg (new) as d2" in say(whole)
    near = neighbourhood(case.links, [*case.catalog.objects.values()], desktop=DESKTOP)
    grown(near, "new.jpg", files=case.folder.files.values())
    part = replace(case, links=tuple(near.links.values()), catalog=CatalogSnapshot(near.objects))
    found = reconcile(replace(part, folder=FolderSnapshot({"new.jpg": file("new.jpg", "new")})))
    assert [one for one in say(found) if "new.jpg" in one] == [one for one in say(whole) if "new.jpg" in one]


def test_a_deletion_that_may_come_back() -> None:
    """The handle of one that lives again is none that comes back; both looks see that."""
    case = inputs(
        links=LINKS,
        objects=[*OBJECTS],
        files=[file("a.jpg", "one"), file("o.jpg", "other"), file("back.jpg", "back")],
        deleted=[deleted(handle("back.jpg", 0), "back.jpg", "gone for good")],
        first_contact=False,
    )
    near_as_whole(case, "back.jpg")


# --- files that are missing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "files", "occupied", "is_missing"),
    [
        (link("h", "a.jpg", "one"), ["a.jpg"], {}, False),
        (link("h", "a.jpg", "one"), [], {}, True),
        (link("h", "a.jpg", "one"), ["A.jpg"], {}, True),
        (link("h", "a.jpg", "one"), ["A.jpg"], {"A.jpg": Occupant.OTHER}, True),
        (link("h", "a.jpg", "one", moved_to="b.jpg"), ["a.jpg"], {}, True),
        (link("h", "a.jpg", "one", moved_to="b.jpg"), ["b.jpg"], {}, False),
        (link("h", "d/a.jpg", "one"), [], {"d": Occupant.SYMLINK}, True),
        (link("h", "d/a.jpg", "one"), [], {"d": Occupant.UNREADABLE}, True),
        (link("h", "d/a.jpg", "one"), [], {"d": Occupant.IGNORED}, True),
        (link("h", "a.jpg", "one"), [], {"a.jpg": Occupant.BUSY}, False),
        (link("h", "a.jpg", "one"), [], {"a.jpg": Occupant.UNREADABLE}, False),
        (link("h", "a.jpg", "one"), [], {"a.jpg": Occupant.IGNORED}, False),
        (link("h", "a.jpg", "one", detached=Detached.FILE_GONE), [], {}, False),
        (link("h", "a.jpg", "one", detached=Detached.OBJECT_GONE), [], {}, True),
        (link("h", "a.jpg", "one", restore=True), [], {}, True),
        (link("h", "a.jpg", "one", asleep=True), [], {}, True),
    ],
)
def test_missing_files(
    one: Link, files: Sequence[str], occupied: dict[str, Occupant], *, is_missing: bool
) -> None:
    """Where a file is not at its place, and that was not accepted, the whole folder has to be walked."""
    folder = FolderSnapshot({path: file(path, "x") for path in files}, occupied)
    assert missing_file([OTHER[0], one], replace_files(folder, "o.jpg")) == (one if is_missing else None)


def replace_files(folder: FolderSnapshot, path: str) -> FolderSnapshot:
    """The folder with one more file."""
    return replace(folder, files={**folder.files, path: file(path, "other")})


def test_nothing_is_missing_where_nothing_is_linked() -> None:
    """New files need no link."""
    assert missing_file([], FolderSnapshot({"a.jpg": file("a.jpg", "one")})) is None


# --- plans that are not carried out -------------------------------------------------------------------------------

A, AT, FILE = obj("h", "a.jpg", "one"), MediaPath.of("a.jpg"), file("a.jpg", "one")
HERE = link("h", "a.jpg", "one")
FETCH = Fetch(A, md5("one"), AT, HERE, Why.NEW_OBJECT)

DECIDED: list[tuple[Action, bool]] = [
    (Record(HERE, new=True), True),
    (Record(HERE, new=False), True),
    (Forget(HERE), True),
    (Upload(FILE, Why.NEW_FILE), True),
    (Upload(FILE, Why.DAMAGED_BYTES, "h", replace=True), True),
    (AddObject(FILE, HERE), True),
    (AddObject(FILE, HERE, from_desktop=True), True),
    (UpdateObject(A, "b.jpg", md5("one"), FILE, HERE, Why.MOVED_FILE), True),
    (UpdateObject(A, "a.jpg", md5("two"), FILE, HERE, Why.EDITED_FILE), True),
    (MoveFile(FILE, MediaPath.of("b.jpg"), HERE), True),
    (TrashFile(FILE, (HERE,)), True),
    (KeepLoser(A, md5("one"), AT), False),
    (DeleteObject(A, HERE), False),
    (RestoreObject(FILE, HERE), False),
    (RestoreObject(FILE, HERE, Why.CAME_BACK), False),
    # A fetch to where the object says, or in place of the file that it had.
    (FETCH, True),
    (replace(FETCH, object=replace(A, path="/home/me/Pictures/a.jpg")), True),
    (replace(FETCH, object=replace(A, path=".\\a.jpg")), True),
    (replace(FETCH, source=file("b.jpg", "one")), True),
    (replace(FETCH, why=Why.EDITED_OBJECT, replaces=FILE), True),
    (replace(FETCH, why=Why.EDITED_OBJECT, replaces=FILE, object=replace(A, path=f"{md5('one')}.jpg")), True),
    (replace(FETCH, why=Why.MOVED_OBJECT), True),
    # To a name beside others, of which all must be known; or with a file that stays beside it.
    (replace(FETCH, path=MediaPath.of("a (2).jpg")), False),
    (replace(FETCH, path=MediaPath.of("A.jpg")), False),
    (replace(FETCH, object=replace(A, path="../a.jpg")), False),
    (replace(FETCH, object=replace(A, path="")), False),
    (replace(FETCH, replaces=file("b.jpg", "two"), path=MediaPath.of("c.jpg")), False),
    (replace(FETCH, replaces=FILE, aside=MediaPath.of("a (conflict).jpg")), False),
    *(
        (replace(FETCH, why=why), False)
        for why in Why
        if why not in (Why.NEW_OBJECT, Why.EDITED_OBJECT, Why.MOVED_OBJECT)
    ),
]


def test_every_kind_of_action_is_decided() -> None:
    """Whoever invents a new one must say whether it may follow from a look at a part."""
    assert {type(action) for action, _fits in DECIDED} == set(get_args(Action))


@pytest.mark.parametrize(("action", "fits"), DECIDED)
def test_what_may_be_done_after_a_look_at_a_part(action: Action, *, fits: bool) -> None:
    """Alone, and among others that may be done."""
    for plan in (
        Plan(actions=(action,)),
        Plan(actions=(Record(OTHER[0], new=False), action, Forget(OTHER[0]))),
    ):
        reason = unfit(plan, RULES)
        assert (reason is None) == fits, reason
        assert reason is None or reason.strip()


def test_an_empty_plan_fits() -> None:
    """Nothing to do is nothing that others could change."""
    assert unfit(Plan(), RULES) is None


def test_a_conflict_needs_everything() -> None:
    """Its copy gets a name that avoids all others."""
    assert unfit(Plan(conflicts=(Conflict(AT, "h", None),)), RULES) is not None
