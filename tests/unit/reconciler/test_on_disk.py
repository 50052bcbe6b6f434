"""A Gramps Web that keeps media on its own disk: names before bytes, and no path for other bytes than it ever had."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import PathRules
from syncd.model.plan import KeepLoser, Plan
from syncd.model.policy import Conflicts, NewFiles
from tests.core import NOW, after, deleted, file, is_quiet, link, md5, merge, obj, say


def on_disk(**case: Any) -> Plan:
    """The plan of one pass on such a server."""
    return merge(found_by_path=True, **case)


def fresh(stem: str, content: str, suffix: str = ".jpg", digits: int = 8) -> str:
    """A path that bears the beginning of its content's checksum."""
    return f"{stem}-{md5(content)[:digits]}{suffix}"


class TestNamesBeforeBytes:
    """What is new in the folder."""

    def test_a_new_file_gets_its_object_alone(self) -> None:
        """The object is made first; nothing can be sent before it is there."""
        assert say(on_disk(files=[file("a.jpg", "one")])) == ["add a.jpg (one)"]

    def test_bytes_follow_where_the_server_lacks_them(self) -> None:
        """The next pass sends them for that object, once for one file of the server, however many objects name it."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one"), link("h2", "a.jpg", "one")],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", "a.jpg", "one"), obj("h2", "./a.jpg", "one")],
            lacking=["h1", "h2"],
        )
        assert [line for line in say(plan) if line.startswith("upload")] == ["upload a.jpg (one)"]

    def test_equal_objects_of_several_paths_each_get_their_bytes(self) -> None:
        """One content under two paths is two files on the server's disk: what one object has is of no use to the other."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one"), link("h2", "b.jpg", "one")],
            files=[file("a.jpg", "one"), file("b.jpg", "one")],
            objects=[obj("h1", "a.jpg", "one"), obj("h2", "b.jpg", "one")],
            lacking=["h2"],
        )
        assert say(plan) == ["upload b.jpg (one)"]

    def test_nothing_is_sent_for_another_content(self) -> None:
        """An object whose content is not the file's is no place for the file's bytes."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one", restore=True)],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", "a.jpg", "two", NOW)],
            bucket=[],
            lacking=["h1"],
        )
        assert say(plan) == []

    @pytest.mark.parametrize("others", ["object", "moved away", "deleted", "edited before"])
    def test_a_path_that_had_other_bytes_is_given_to_no_new_file(self, others: str) -> None:
        """Not while an object has it, nor after: the old bytes still lie there."""
        cases: dict[str, dict[str, Any]] = {
            "object": {
                "links": [link("h1", "moved.jpg", "old", named="a.jpg")],
                "files": [file("a.jpg", "one"), file("moved.jpg", "old")],
                "objects": [obj("h1", "a.jpg", "old")],
            },
            "moved away": {
                "links": [link("h1", "b.jpg", "old", named="a.jpg")],
                "files": [file("a.jpg", "one"), file("b.jpg", "old")],
                "objects": [obj("h1", "b.jpg", "old")],
            },
            "deleted": {"files": [file("a.jpg", "one")], "deleted": [deleted("h1", "a.jpg", "old")]},
            "edited before": {
                "links": [link("h1", "b.jpg", "old", named=fresh("a", "old"))],
                "files": [file("a.jpg", "one"), file("b.jpg", "old")],
                "objects": [obj("h1", fresh("a", "old"), "old")],
            },
        }
        plan = on_disk(**cases[others])
        assert "add a.jpg (one)" in say(plan)
        assert [named for path, named, _ in after(plan).values() if path == "a.jpg"] == [fresh("a", "one")]

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_folder_of_the_server_is_no_path_for_a_file(self, gone: bool) -> None:
        """Where a folder is on the server's disk, or was, a file of its name gets a fresh path."""
        inside: dict[str, Any] = {"deleted": [deleted("h1", "notes/sub/a.jpg", "old")]}
        if not gone:
            inside = {
                "links": [link("h1", "a.jpg", "old", named="notes/sub/a.jpg")],
                "objects": [obj("h1", "notes/sub/a.jpg", "old")],
            }
        files = [file("notes", "one"), *([] if gone else [file("a.jpg", "old")])]
        plan = on_disk(files=files, **inside)
        assert [named for path, named, _ in after(plan).values() if path == "notes"] == [
            fresh("notes", "one", "")
        ]

    @pytest.mark.parametrize("by_path", [True, False])
    def test_upload_only_says_that_it_sends_nothing(self, by_path: bool) -> None:
        """Without an object there is no place for a file: that is told once, however many files it is about."""
        plan = merge(
            files=[file("a.jpg", "one"), file("b.jpg", "two")],
            found_by_path=by_path,
            new_files=NewFiles.UPLOAD_ONLY,
        )
        told = [notice.text for notice in plan.notices if "upload-only" in notice.text]
        assert len(told) == by_path
        assert bool(say(plan)) != by_path

    @pytest.mark.parametrize("path", ["/srv/other/a.jpg", "../a.jpg"])
    @pytest.mark.parametrize("changed", [True, False])
    def test_a_path_that_the_server_serves_nothing_for_is_told(self, path: str, changed: bool) -> None:
        """A path outside is no place on the server's disk: nothing is sent, and the only remedy names a better path."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one", named="a.jpg" if changed else path)],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", path, "one")],
            lacking=["h1"],
        )
        assert say(plan) == []
        (problem,) = plan.problems
        assert "'a.jpg'" in problem.remedy

    def test_a_file_that_moved_in_the_folder_is_counted_as_unchanged(self) -> None:
        """Nothing follows it on the server: it is written down, and is one of the files that are as they were."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one"), link("h2", "b.jpg", "two")],
            files=[file("new/a.jpg", "one", inode=1), file("b.jpg", "two")],
            objects=[obj("h1", "a.jpg", "one"), obj("h2", "b.jpg", "two")],
        )
        assert say(plan) == ["record h1"]
        assert after(plan)["h1"][0] == "new/a.jpg"
        assert plan.unchanged == 2


class TestEdits:
    """What changed in the folder."""

    @pytest.mark.parametrize(
        ("named", "path", "then"),
        [
            ("a.jpg", "a.jpg", fresh("a", "two")),
            ("d/a.jpg", "d/a.jpg", fresh("d/a", "two")),
            ("d\\a.jpg", "d/a.jpg", fresh("d/a", "two")),
            ("/home/me/Pictures/a.jpg", "a.jpg", fresh("a", "two")),
            ("C:\\Pictures\\a.jpg", "a.jpg", fresh("a", "two")),
            ("/somewhere/else/a.jpg", "d/b.jpg", fresh("d/b", "two")),
            (fresh("a", "one"), "a.jpg", fresh("a", "two")),
            (fresh("a", "one", digits=12), "a.jpg", fresh("a", "two")),
            (f"{md5('one')}.jpg", "d/b.jpg", fresh("d/b", "two")),
            ("IMG-20240101.jpg", "IMG-20240101.jpg", fresh("IMG-20240101", "two")),
            ("register", "register", fresh("register", "two", "")),
            ("é" * 125 + ".jpg", "é" * 125 + ".jpg", fresh("é" * 121, "two")),
        ],
    )
    def test_an_edit_takes_a_fresh_path(self, named: str, path: str, then: str) -> None:
        """Beside the old one and made of the new content; a former such ending is replaced. The file keeps its name."""
        plan = on_disk(
            links=[link("h1", path, "one", named=named)],
            files=[file(path, "two")],
            objects=[obj("h1", named, "one")],
            rules=PathRules("/home/me/Pictures", (("C:\\Pictures", "."),)),
        )
        assert say(plan) == [f"update h1 path {then} and content two"]
        assert after(plan) == {"h1": (path, then, "two")}

    def test_an_edit_of_what_was_moved_in_gramps_web_leaves_the_move_news(self) -> None:
        """The next pass moves the file, to the name without the ending."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")],
            files=[file("a.jpg", "two")],
            objects=[obj("h1", "d/b.jpg", "one")],
            lacking=["h1"],
        )
        assert say(plan) == [f"update h1 path {fresh('d/b', 'two')} and content two"]
        assert after(plan) == {"h1": ("a.jpg", "a.jpg", "two")}
        plan = on_disk(
            links=[link("h1", "a.jpg", "two")],
            files=[file("a.jpg", "two")],
            objects=[obj("h1", fresh("d/b", "two"), "two")],
        )
        assert say(plan) == ["move a.jpg to d/b.jpg"]

    def test_another_desktops_edit_renames_nothing_here(self) -> None:
        """Its content comes to the old name, and the path is noted."""
        was, now = fresh("a", "one"), fresh("a", "two")
        plan = on_disk(
            links=[link("h1", "a.jpg", "one", named=was)],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", now, "two")],
        )
        assert say(plan) == ["fetch h1 (two) to a.jpg, a.jpg goes to the trash"]
        plan = on_disk(
            links=[link("h1", "a.jpg", "two", named=was)],
            files=[file("a.jpg", "two")],
            objects=[obj("h1", now, "two")],
        )
        assert after(plan) == {"h1": ("a.jpg", now, "two")}
        assert say(plan) == ["record h1"]

    def test_another_desktops_edit_renames_nothing_that_bears_an_ending_here(self) -> None:
        """A file that came under its object's whole path, because the plain name was taken, keeps that name."""
        was, now = fresh("a", "one"), fresh("a", "two")
        plan = on_disk(
            links=[link("h1", was, "two", named=was)],
            files=[file(was, "two")],
            objects=[obj("h1", now, "two")],
        )
        assert after(plan) == {"h1": (was, now, "two")}
        assert say(plan) == ["record h1"]

    @pytest.mark.parametrize("named", [fresh("a", "one"), f"{md5('one')}.jpg"])
    def test_a_persons_move_is_followed_all_the_same(self, named: str) -> None:
        """Although the names differ by what syncd or the server made of the one in Gramps Web; the bytes are sent anew."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one", named=named)],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", fresh("d/b", "one"), "one")],
            lacking=["h1"],
        )
        assert say(plan) == ["move a.jpg to d/b.jpg", "upload a.jpg (one)"]

    def test_a_conflict_that_the_folder_wins_takes_a_fresh_path(self) -> None:
        """And what Gramps Web had is kept in the trash first."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")],
            files=[file("a.jpg", "two")],
            objects=[obj("h1", fresh("a", "three"), "three")],
            conflicts=Conflicts.PREFER_FOLDER,
        )
        assert say(plan) == [
            "keep h1 (three) in the trash",
            f"update h1 path {fresh('a', 'two')} and content two",
        ]

    def test_what_the_folder_has_anyway_is_not_asked_of_a_server_that_shows_other_bytes(self) -> None:
        """Two paths were swapped in Gramps Web, and the folder wins: the losers' bytes come from its own files."""
        files = [file("a.jpg", "one"), file("b.jpg", "two")]
        plan = on_disk(
            files=files,
            objects=[obj("h1", "b.jpg", "one"), obj("h2", "a.jpg", "two")],
            wrong=["h1", "h2"],
            conflicts=Conflicts.PREFER_FOLDER,
        )
        keeps = {
            action.object.handle: action.source for action in plan.actions if isinstance(action, KeepLoser)
        }
        assert keeps == {"h1": files[0], "h2": files[1]}
        assert {f"update h1 path {fresh('b', 'two')} and content two"} <= set(say(plan))

    def test_an_edited_file_brings_its_object_back_under_a_fresh_path(self) -> None:
        """The path that it had still has the old bytes."""
        plan = on_disk(links=[link("h1", "a.jpg", "one")], files=[file("a.jpg", "two")])
        assert say(plan) == [f"restore h1 (two) as {fresh('a', 'two')}"]

    def test_of_two_objects_with_one_path_an_edit_changes_each_to_a_fresh_one(self) -> None:
        """Nobody is given the other's bytes."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one"), link("h2", "b.jpg", "one", named="a.jpg")],
            files=[file("a.jpg", "two"), file("b.jpg", "one")],
            objects=[obj("h1", "a.jpg", "one"), obj("h2", "a.jpg", "one")],
        )
        assert say(plan) == [f"update h1 path {fresh('a', 'two')} and content two"]

    @pytest.mark.parametrize(("content", "path"), [("one", "a.jpg"), ("two", fresh("a", "two"))])
    def test_an_empty_checksum_costs_no_path_unless_the_file_changed(self, content: str, path: str) -> None:
        """Gramps' check and repair empties checksums: what lies at the path is most likely right, and is looked at."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")],
            files=[file("a.jpg", content)],
            objects=[obj("h1", "a.jpg", None)],
        )
        assert after(plan) == {"h1": ("a.jpg", path, content)}

    def test_a_file_without_a_checksum_is_not_left_to_nobody(self) -> None:
        """Other bytes than the folder's, for an object without a checksum: told, linked or not; nothing is done."""
        for links in ([], [link("h1", "a.jpg", "one")]):
            plan = on_disk(
                links=links,
                files=[file("a.jpg", "one")],
                objects=[obj("h1", "a.jpg", None)],
                unnamed={"h1": "two"},
            )
            assert say(plan) == []
            assert [problem.handle for problem in plan.problems] == ["h1"]

    @pytest.mark.parametrize("there", ["one", "two"])
    def test_what_both_sides_had_is_no_other_file(self, there: str) -> None:
        """Where the server shows the folder's bytes, or those before a person's edit, the checksum is mended."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")],
            files=[file("a.jpg", "two")],
            objects=[obj("h1", "a.jpg", None)],
            unnamed={"h1": there},
        )
        assert after(plan) == {"h1": ("a.jpg", fresh("a", "two"), "two")}
        assert not plan.problems


class TestOtherBytes:
    """The server serves something else than the checksum names."""

    def test_the_folders_bytes_get_a_fresh_path(self) -> None:
        """What lies at the old one is not written over."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")],
            files=[file("a.jpg", "one")],
            objects=[obj("h1", "a.jpg", "one")],
            wrong=["h1"],
        )
        assert say(plan) == [f"update h1 path {fresh('a', 'one')}"]
        assert after(plan) == {"h1": ("a.jpg", fresh("a", "one"), "one")}

    def test_a_fresh_path_that_is_taken_gets_longer(self) -> None:
        """Up to the whole checksum; then a person is asked for a path."""
        names = [fresh("a", "one", digits=digits) for digits in (8, 12, 16, 24, 32)]
        for was, then in zip(names, [*names[1:], None], strict=True):
            plan = on_disk(
                links=[link("h1", "a.jpg", "one", named=was)],
                files=[file("a.jpg", "one")],
                objects=[obj("h1", was, "one")],
                wrong=["h1"],
            )
            assert say(plan) == ([f"update h1 path {then}"] if then else [])
            assert len(plan.problems) == (0 if then else 1)

    def test_two_paths_swapped_in_gramps_web(self) -> None:
        """Each gets a fresh path for its own bytes; then the files change places."""
        files = [file("a.jpg", "one"), file("b.jpg", "two")]
        links = [link("h1", "a.jpg", "one"), link("h2", "b.jpg", "two")]
        objects = [obj("h1", "b.jpg", "one"), obj("h2", "a.jpg", "two")]
        plan = on_disk(links=links, files=files, objects=objects, wrong=["h1", "h2"])
        assert say(plan) == [f"update h1 path {fresh('b', 'one')}", f"update h2 path {fresh('a', 'two')}"]
        objects = [obj("h1", fresh("b", "one"), "one"), obj("h2", fresh("a", "two"), "two")]
        plan = on_disk(links=links, files=files, objects=objects, lacking=["h1", "h2"])
        assert say(plan) == [
            "move a.jpg to b.jpg",
            "move b.jpg to a.jpg",
            "upload a.jpg (one)",
            "upload b.jpg (two)",
        ]

    def test_an_object_moved_to_the_name_of_another(self) -> None:
        """The other keeps the name in the folder, too; this one's file bears the ending."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one"), link("h2", "b.jpg", "two")],
            files=[file("a.jpg", "one"), file("b.jpg", "two")],
            objects=[obj("h1", fresh("b", "one"), "one"), obj("h2", "b.jpg", "two")],
        )
        assert say(plan) == [f"move a.jpg to {fresh('b', 'one')}"]

    def test_of_two_contents_for_one_path_only_one_is_sent(self) -> None:
        """The other gets a path of its own."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one", named="x.jpg"), link("h2", "b.jpg", "two", named="x.jpg")],
            files=[file("a.jpg", "one"), file("b.jpg", "two")],
            objects=[obj("h1", "x.jpg", "one"), obj("h2", "x.jpg", "two")],
            lacking=["h1", "h2"],
        )
        assert say(plan) == [f"update h2 path {fresh('x', 'two')}", "upload a.jpg (one)"]

    @pytest.mark.parametrize("content", [None, "one", "two"])
    @pytest.mark.parametrize("linked", [True, False])
    def test_a_stale_record_is_told_and_nothing_else(self, content: str | None, *, linked: bool) -> None:
        """Nobody here has what the record names: whatever the folder has, nothing is written anywhere."""
        plan = on_disk(
            links=[link("h1", "a.jpg", "one")] if linked else [],
            files=[file("a.jpg", content)] if content else [],
            objects=[obj("h1", "a.jpg", "three")],
            bucket=[],
            wrong=["h1"],
        )
        assert say(plan) == []
        assert [problem.handle for problem in plan.problems] == ["h1"]
        assert "not the one that its own record names" in plan.problems[0].reason


class TestFolder:
    """What the folder sees of fresh paths."""

    def test_a_new_desktop_gets_the_plain_name(self) -> None:
        """The ending is for the server's disk; where the plain name is taken, the file bears it."""
        item = obj("h1", fresh("a", "one"), "one")
        assert say(on_disk(objects=[item])) == ["fetch h1 (one) to a.jpg"]
        plan = on_disk(objects=[item, obj("h2", "a.jpg", "two")])
        assert say(plan) == [f"fetch h1 (one) to {fresh('a', 'one')}", "fetch h2 (two) to a.jpg"]

    def test_moves_in_the_folder_stay_there(self) -> None:
        """The link keeps both names, and a further look finds nothing to do."""
        item = obj("h1", "a.jpg", "one")
        plan = on_disk(links=[link("h1", "a.jpg", "one")], files=[file("d/b.jpg", "one")], objects=[item])
        assert after(plan) == {"h1": ("d/b.jpg", "a.jpg", "one")}
        again = on_disk(
            links=[link("h1", "d/b.jpg", "one", named="a.jpg")],
            files=[file("d/b.jpg", "one")],
            objects=[item],
        )
        assert is_quiet(again)

    def test_a_file_that_moved_and_was_edited_since(self) -> None:
        """Its object's path stays where it was, with a fresh ending; on other desktops nothing moves."""
        plan = on_disk(
            links=[link("h1", "d/b.jpg", "one", named="a.jpg")],
            files=[file("d/b.jpg", "two")],
            objects=[obj("h1", "a.jpg", "one")],
        )
        assert after(plan) == {"h1": ("d/b.jpg", fresh("a", "two"), "two")}
