"""What `syncd paths` finds: every kind of trouble, by itself and in the right group."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.merge.survey import INFORMATION, Other, Survey, survey
from syncd.model import MediaPath, Occupant, PathRules, Problem
from syncd.model.paths import Trouble
from syncd.reconciler import reconcile
from tests.core import file, inputs, link, obj


def look(**case: Any) -> Survey:
    """The survey of a case."""
    return survey(inputs(**case))


FILES = [file("a.jpg", "one"), file("d/b.jpg", "two")]
OCCUPIED = {"d": Occupant.FOLDER, "s": Occupant.SYMLINK, "p": Occupant.SPECIAL}

CASES: list[tuple[str, Trouble | Other]] = [
    ("C:\\x\\q.jpg", Trouble.OUTSIDE),
    ("~/q.jpg", Trouble.OUTSIDE),
    ("../q.jpg", Trouble.CLIMBS),
    ("q\n.jpg", Trouble.CONTROL),
    (" ", Trouble.NAMELESS),
    ("d/", Trouble.FOLDER),
    ("CON.jpg", Trouble.RESERVED),
    ("q.", Trouble.ENDING),
    ("q\u202egpj.exe", Trouble.DISGUISED),
    (".syncd/q", Trouble.INTERNAL),
    ("q" * 256, Trouble.LONG),
    ("s/q.jpg", Trouble.LINK),
    ("A.JPG", Trouble.CASE),
    ("D/q.jpg", Trouble.CASE),
    ("d", Trouble.TAKEN),
    ("p", Trouble.TAKEN),
    ("a.jpg/q", Trouble.TAKEN),
    ("https://example.org/q.jpg", Trouble.ADDRESS),
]


@pytest.mark.parametrize(("path", "kind"), CASES)
def test_each_kind_of_trouble(path: str, kind: Trouble | Other) -> None:
    """One bad object is in its group; a sync tells a problem of it exactly when the group is one."""
    case: dict[str, Any] = {
        "files": FILES,
        "occupied": OCCUPIED,
        "objects": [obj("h", path, "other"), obj("k", "fine", "three")],
    }
    found = look(**case)
    [group] = found.groups
    assert (group.kind, [entry.handle for entry in group.entries]) == (kind, ["h"])
    assert (found.objects, found.fine) == (2, 1)
    assert group.is_problem is (kind not in INFORMATION)
    told = [problem.handle for problem in reconcile(inputs(**case)).problems]
    assert told == (["h"] if group.is_problem else [])


def test_every_kind_has_a_case() -> None:
    """None is forgotten here; `HOME` is told together with what lies outside."""
    assert {kind for _path, kind in CASES} == set(Trouble) - {Trouble.HOME}


def test_what_is_linked_is_in_step_whatever_its_path() -> None:
    """Found by its content, it is no problem; moved in Gramps Web to a path that cannot be used, it is one."""
    case: dict[str, Any] = {
        "links": [link("h", "a.jpg", "one", named="/x/a.jpg")],
        "files": [file("a.jpg", "one")],
    }
    [group] = look(**case, objects=[obj("h", "/x/a.jpg", "one")]).groups
    assert (group.kind, group.is_problem) == (Trouble.OUTSIDE, False)
    assert group.mapping is not None
    assert (group.mapping.prefix, group.mapping.folder) == ("/x", ".")
    [group] = look(**case, objects=[obj("h", "/x/moved.jpg", "one")]).groups
    assert (group.kind, group.is_problem) == (Trouble.OUTSIDE, True)


def test_a_file_at_an_awkward_name_is_linked_and_fine() -> None:
    """Refusal bars writing there. The name is told as one that others cannot take."""
    found = look(files=[file("con.jpg", "one")], objects=[obj("h", "con.jpg", "one")])
    [group] = found.groups
    assert (group.kind, group.is_problem, found.fine) == (Other.NOT_PORTABLE, False, 1)


def test_groups_outside_are_made_by_folder() -> None:
    """Each with its own line of `path_map`; a map that fits makes them vanish."""
    objects = [
        obj("h1", "C:\\P\\a.jpg", "one"),
        obj("h2", "C:\\P\\d\\b.jpg", "two"),
        obj("h3", "/mnt/x/z.jpg", "three"),
    ]
    found = look(files=FILES, objects=objects)
    pairs = [
        (group.mapping.prefix, group.mapping.folder, group.mapping.found)
        for group in found.groups
        if group.mapping
    ]
    assert pairs == [("C:\\P", ".", 2), ("/mnt/x", ".", 0)]
    assert found.fine == 0
    rules = PathRules("/home/me/Pictures", tuple((prefix, folder) for prefix, folder, _found in pairs))
    mended = look(files=FILES, objects=objects, rules=rules)
    assert (mended.groups, mended.fine) == ((), 3)


def test_ignored_and_shared_paths_are_information() -> None:
    """Nobody has to do anything about them."""

    def ignored(path: MediaPath) -> bool:
        return path.suffix == ".psd"

    objects = [
        obj("h1", "a.psd", "one"),
        obj("h2", "b", "two"),
        obj("h3", "./b", "three"),
        obj("h4", "c", "four"),
    ]
    found = look(objects=objects, ignored=ignored)
    assert [(group.kind, len(group.entries), group.is_problem) for group in found.groups] == [
        (Other.SHARED, 2, False),
        (Other.IGNORED, 1, False),
    ]
    assert found.fine == 3


def test_names_here_that_cannot_be_synced_or_not_elsewhere() -> None:
    """What the look at the folder could not use is a problem; names for which only others have no room are none."""
    given = inputs(files=[file("A", "one"), file("a", "two"), file("b\\c", "three"), file("fine", "four")])
    object.__setattr__(given.folder, "problems", (Problem("the name is no text", "rename it", "caf\\xe9"),))
    groups = {group.kind: group for group in survey(given).groups}
    assert [entry.path for entry in groups[Other.UNUSABLE_HERE].entries] == ["caf\\xe9"]
    assert [entry.path for entry in groups[Other.NOT_PORTABLE].entries] == ["A", "a", "b\\c"]
    assert groups[Other.UNUSABLE_HERE].is_problem
    assert not groups[Other.NOT_PORTABLE].is_problem


def test_two_new_objects_whose_names_differ_only_in_case() -> None:
    """The older one can be had, the other is told."""
    found = look(objects=[obj("h1", "a", "one", 1), obj("h2", "A", "two", 2)])
    [group] = found.groups
    assert (group.kind, [entry.handle for entry in group.entries]) == (Trouble.CASE, ["h2"])
