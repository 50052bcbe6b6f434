"""`approve`, `restore`, `conflicts`, `trash`, `adopt` and `completion`, over a real state."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from syncd import doorstep
from syncd.adoption import owner
from syncd.applier.disk import Marker, MediaFolder
from syncd.cli.history import in_words
from syncd.cli.main import cli
from syncd.errors import Refused, StopError
from syncd.model import CatalogSnapshot, Checksum, Detached, Link, MediaObject, MediaPath
from syncd.model.plan import Conflict, Counts, HeldItem, HeldSet, HoldKind, Outcome, Why
from syncd.model.values import Stop
from syncd.ports import MediaLocation, ServerInfo
from syncd.state import Binding, TrashEntry, hold_lock
from tests.unit.cli.desk import Desk

MD5 = Checksum("0123456789abcdef0123456789abcdef")
BINDING = Binding(
    "tree1",
    "bucket",
    "tree1/",
    "f" * 32,
    "/old/media",
    "https://old.example",
    "Smith",
    frozenset(),
    first_contact=False,
)


def hold(desk: Desk) -> tuple[int, int]:
    """Let a deletion and a first sync wait; their numbers."""
    deletion = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "oma.jpg", "h1", MD5),))
    first = HeldSet(HoldKind.FIRST_SYNC, "more than expected", (HeldItem("add", "b.jpg", "h2", MD5),))
    with desk.state() as state:
        state.put_links([Link("h1", "oma.jpg", MediaPath.of("oma.jpg"), MD5)])
        one, two = state.hold([deletion, first])
    return one.id, two.id


def test_approve_alone_lists_what_waits(desk: Desk) -> None:
    """What waits, why, and the commands that let it go; nothing changes."""
    deletion, first = hold(desk)
    answer = desk.syncd("approve")
    assert answer.code == 0
    assert f"syncd approve A{deletion}" in answer.out
    assert f"syncd restore A{deletion}" in answer.out
    assert f"syncd approve A{first}" in answer.out
    document = desk.syncd("approve", "--json").document
    assert {entry["id"] for entry in document["held"]} == {deletion, first}


def test_approve_when_nothing_waits(desk: Desk) -> None:
    """It says so, and makes no state for it."""
    assert desk.syncd("approve").out == "Nothing waits for you.\n"
    assert not desk.state_file.exists()


def test_approve_takes_the_named_sets(desk: Desk) -> None:
    """The named set is approved, the others wait on; the next step is told."""
    deletion, first = hold(desk)
    answer = desk.syncd("approve", str(deletion))
    assert (answer.code, answer.err) == (0, "")
    assert "syncd --once" in answer.out
    with desk.state() as state:
        assert [held.id for held in state.held() if held.approved] == [deletion]
    document = desk.syncd("approve", "--all", "--json").document
    assert document["approved"] == [first]
    assert document["held"] == []


def test_an_unknown_number_approves_nothing(desk: Desk) -> None:
    """One wrong number among several: nothing is approved, what waits is named."""
    deletion, first = hold(desk)
    answer = desk.syncd("approve", str(deletion), "99")
    assert answer.code == 2
    assert f"A{deletion}, A{first}" in answer.err
    with desk.state() as state:
        assert not any(held.approved for held in state.held())


@pytest.mark.parametrize("command", ["approve", "restore"])
def test_now_runs_at_once_and_reports_both(desk: Desk, command: str) -> None:
    """`--now`: the run's outcome and exit code, with the command's own key."""
    deletion, _ = hold(desk)
    desk.outcome = Outcome(counts=Counts(deleted=1))
    document = desk.syncd(command, str(deletion), "--now", "--json").document
    assert document["counts"]["deleted"] == 1
    assert document[{"approve": "approved", "restore": "restored"}[command]] == [deletion]
    assert len(desk.asked) == 1


def test_restore_asks_for_the_missing_end(desk: Desk) -> None:
    """The links are marked, the set waits no longer, and what the next run will do is said."""
    deletion, first = hold(desk)
    answer = desk.syncd("restore", str(deletion))
    assert answer.code == 0
    assert "brings 1 file back into the media folder" in answer.out
    with desk.state() as state:
        assert [link.restore for link in state.links()] == [True]
        assert [held.id for held in state.held()] == [first]


def test_restore_takes_an_approval_back(desk: Desk) -> None:
    """As long as no run has carried it out: whoever approves the wrong number can say so."""
    deletion, first = hold(desk)
    assert desk.syncd("approve", str(deletion)).code == 0
    assert desk.syncd("restore", str(deletion)).code == 0
    with desk.state() as state:
        assert [link.restore for link in state.links()] == [True]
        assert [held.id for held in state.held()] == [first]


def test_an_approval_that_was_carried_out_in_part(desk: Desk) -> None:
    """Only what is left of it can be taken back; where the rest is, is said."""
    items = tuple(HeldItem("delete", f"{name}.jpg", name, MD5) for name in "abc")
    with desk.state() as state:
        state.put_links([Link(name, f"{name}.jpg", MediaPath.of(f"{name}.jpg"), MD5) for name in "bc"])
        (held,) = state.hold([HeldSet(HoldKind.REFERENCED, "people refer to it", items)])
        state.approve(held.id)
    assert "number A1, 2 files: the next run carries it out" in desk.syncd("status").out
    assert desk.syncd("restore", str(held.id)).out.splitlines() == [
        "1 file of these was deleted already: see syncd trash list",
        "The next run (syncd --once) brings 2 files back into the media folder.",
    ]


def test_the_approval_of_a_first_sync_is_taken_back(desk: Desk) -> None:
    """It waits again, under its number: nothing is to be brought back."""
    _deletion, first = hold(desk)
    assert desk.syncd("approve", str(first)).code == 0
    answer = desk.syncd("restore", str(first))
    assert (answer.code, answer.out) == (0, f"Number A{first} waits for you again.\n")
    with desk.state() as state:
        assert not any(held.approved for held in state.held())
        assert not any(link.restore for link in state.links())


def test_what_is_approved_is_listed(desk: Desk) -> None:
    """Beside what waits, by both commands; approving it once more says so, and changes nothing."""
    deletion, first = hold(desk)
    assert "Approved number A1: 1 file." in desk.syncd("approve", str(deletion)).out
    for command in ("approve", "restore"):
        assert f"Number A{deletion} is approved: the next run carries it out" in desk.syncd(command).out
    assert "No deletion waits for you." in desk.syncd("restore").out
    again = desk.syncd("approve", str(deletion))
    assert again.code == 2
    assert f"number A{deletion} is approved already" in again.err
    assert f"(waiting: A{first})" in desk.syncd("approve", "99").err


def test_a_first_sync_cannot_be_restored(desk: Desk) -> None:
    """There is nothing to bring back: the message says what can be done, and nothing changes."""
    deletion, first = hold(desk)
    answer = desk.syncd("restore", str(deletion), str(first))
    assert answer.code == 2
    assert f"syncd approve A{first}" in answer.err
    with desk.state() as state:
        assert len(state.held()) == 2


@pytest.mark.parametrize("arguments", [("approve", "1"), ("restore", "1"), ("trash", "restore", "1")])
def test_commands_that_write_wait_for_no_run(desk: Desk, arguments: tuple[str, ...]) -> None:
    """While a run holds the state: exit 5, nothing changed. Looking is allowed."""
    hold(desk)
    lock = desk.state_file.with_name("state.sqlite.lock")
    with hold_lock(lock, "the state file"):
        locked = subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode
        assert locked != 0
        answer = desk.syncd(*arguments)
        assert answer.code == 5
        assert "another syncd" in answer.err
        for looking in (("approve",), ("conflicts",), ("trash", "list")):
            assert desk.syncd(*looking).code == 0


def test_conflicts_lists_both_names_and_how_to_settle(desk: Desk) -> None:
    """Open conflicts only: one whose copy is gone or renamed is settled."""
    copy = "b (conflict 2026-11-22 desk).jpg"
    with desk.state() as state:
        state.add_conflict(Conflict(MediaPath.of("b.jpg"), "h", MediaPath.of(copy)), 1_790_000_000)
        state.add_conflict(
            Conflict(MediaPath.of("c.jpg"), "i", MediaPath.of("c (conflict).jpg")), 1_790_000_000
        )
    (desk.media / copy).touch()
    answer = desk.syncd("conflicts")
    assert "b.jpg" in answer.out
    assert copy in answer.out
    assert "c.jpg" not in answer.out
    assert f"mv '{copy}' b.jpg" in answer.out
    assert "rename" in answer.out
    document = desk.syncd("conflicts", "--json").document
    assert document["conflicts"] == [{"path": "b.jpg", "kept_as": copy, "handle": "h"}]
    assert document["open"][0]["since"] == "2026-09-21T14:13:20Z"
    (desk.media / copy).unlink()
    assert desk.syncd("conflicts").out == "No conflicts.\n"


def fill_trash(desk: Desk, number: int = 1) -> list[int]:
    """Put files into the trash as a run does; their numbers."""
    folder = desk.media / ".syncd" / "trash"
    folder.mkdir(parents=True)
    ids = []
    with desk.state() as state:
        for index in range(number):
            kept_as = f".syncd/trash/{index}"
            content = f"photo {index}".encode()
            (desk.media / kept_as).write_bytes(content)
            checksum = Checksum(hashlib.md5(content).hexdigest())
            path, at = MediaPath.of("album/oma.jpg"), 1_790_000_000 + index
            entry = TrashEntry(path, kept_as, checksum, 7, at, "deleted in Gramps Web")
            ids.append(state.add_trash(entry).id)
    return ids


def test_trash_lists_the_newest(desk: Desk) -> None:
    """The newest twenty, then how to see all."""
    ids = fill_trash(desk, 25)
    for command in (("trash",), ("trash", "list")):
        out = desk.syncd(*command).out
        assert f"number T{ids[-1]}\n" in out
        assert f"number T{ids[0]}\n" not in out
        assert "… and 5 more (syncd trash list --all)" in out
    assert f"number T{ids[0]}\n" in desk.syncd("trash", "list", "--all").out
    assert len(desk.syncd("trash", "list", "--json").document["trash"]) == 25


def test_trash_restore_brings_the_newest_back(desk: Desk) -> None:
    """By its path: the newest of that name stands in the folder again and has left the trash."""
    ids = fill_trash(desk, 2)
    document = desk.syncd("trash", "restore", "album/oma.jpg", "--json").document
    assert document["restored_to"] == "album/oma.jpg"
    assert (desk.media / "album/oma.jpg").read_text() == "photo 1"
    with desk.state() as state:
        assert [entry.id for entry in state.trash()] == ids[:1]


def test_trash_restore_overwrites_nothing(desk: Desk) -> None:
    """A taken name, even one that differs by case only, makes the file take a free one, and this is said."""
    (number,) = fill_trash(desk)
    (desk.media / "album").mkdir()
    (desk.media / "album" / "OMA.jpg").write_text("another")
    answer = desk.syncd("trash", "restore", str(number))
    assert "album/oma (2).jpg" in answer.out
    assert "is taken" in answer.out
    assert "changed" not in answer.out
    assert (desk.media / "album" / "OMA.jpg").read_text() == "another"
    assert (desk.media / "album" / "oma (2).jpg").read_text() == "photo 0"


def test_trash_restore_tells_of_other_bytes(desk: Desk) -> None:
    """A program may still have written to the file, or the disk has damaged it: it is had all the same."""
    (number,) = fill_trash(desk)
    (desk.media / ".syncd" / "trash" / "0").write_text("rotten!")
    assert "Its bytes changed in the trash" in desk.syncd("trash", "restore", str(number)).out
    assert (desk.media / "album/oma.jpg").read_text() == "rotten!"


@pytest.mark.parametrize("target", ["../oma.jpg", "/etc/oma.jpg", ".syncd/oma.jpg", "", "a\nb.jpg"])
def test_trash_restore_stays_in_the_folder(desk: Desk, target: str) -> None:
    """`--to` leads nowhere but below the media folder; refused in one line, the file stays in the trash."""
    (number,) = fill_trash(desk)
    answer = desk.syncd("trash", "restore", str(number), "--to", target)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    with desk.state() as state:
        assert len(state.trash()) == 1


def test_trash_restore_to_another_place(desk: Desk) -> None:
    """`--to` names a place below the media folder, in folders that need not exist."""
    (number,) = fill_trash(desk)
    assert desk.syncd("trash", "restore", str(number), "--to", "new/folder/a.jpg").code == 0
    assert (desk.media / "new/folder/a.jpg").read_text() == "photo 0"


def delete_on_web(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> FakeWeb:
    """Let a run have deleted an object because its file was deleted; the Gramps Web of that tree."""
    web = FakeWeb(refuses=refuses)
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: web)
    with desk.state() as state:
        state.bind(replace(BINDING, tree_id="tree2"))
        state.add_undo("h", "album/oma.jpg", MD5, "[the answer]", 1_790_000_100)
    return web


def test_trash_lists_what_was_deleted_in_gramps_web(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion in the folder that was carried over stands there too, with path, time and a number of its own."""
    delete_on_web(desk, monkeypatch)
    fill_trash(desk)
    out = desk.syncd("trash").out
    assert "number W1\n" in out
    assert out.index("In the trash of the media folder") < out.index("Deleted in Gramps Web")
    (entry,) = desk.syncd("trash", "list", "--json").document["deleted_in_web"]
    assert entry == {
        "id": "W1",
        "path": "album/oma.jpg",
        "handle": "h",
        "checksum": MD5,
        "since": "2026-09-21T14:15:00Z",
        "reason": "deleted in the folder",
    }


@pytest.mark.parametrize("which", ["W1", "w1", "album/oma.jpg"])
def test_trash_restore_undoes_a_deletion_in_gramps_web(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """By number or path (the newest of that name, file or object): the server is handed its own answer."""
    web = delete_on_web(desk, monkeypatch)
    fill_trash(desk)
    answer = desk.syncd("trash", "restore", which)
    assert (answer.code, answer.err) == (0, "")
    assert "The next run fetches its file" in answer.out
    assert web.undone == ["[the answer]"]
    with desk.state() as state:
        assert state.undos() == []
        assert len(state.trash()) == 1
    assert desk.syncd("trash", "restore", "W1").code == 2


def test_history_tells_of_trash_restore(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file, and of an object: the next run that fetches or adds something would look like somebody's doing."""
    delete_on_web(desk, monkeypatch)
    fill_trash(desk)
    assert desk.syncd("trash", "restore", "W1").code == 0
    assert desk.syncd("trash", "restore", "T1").code == 0
    with desk.state() as state:
        restored, returned = state.life_below("album")
    assert (restored.kind, restored.handle, returned.kind) == ("restored", "h", "returned")
    told = "album/oma.jpg (brought back on request; cycle trash)"
    assert in_words(restored).endswith(f"brought back in Gramps Web: {told}")
    assert in_words(returned).endswith(f"brought back from the trash: {told}")


def test_an_addition_that_was_undone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not told as somebody's deletion, and its file need not be fetched."""
    delete_on_web(desk, monkeypatch)
    with desk.state() as state:
        link = Link("h", "album/oma.jpg", MediaPath.of("album/oma.jpg"), MD5, detached=Detached.OBJECT_GONE)
        state.put_links([link])
        state.add_undo("h", "album/oma.jpg", MD5, "[the answer]", 1_790_000_100, why=Why.ADDITION_UNDONE)
    out = desk.syncd("trash").out
    assert "    its addition was undone\n" in out
    assert "deleted in the folder" not in out
    out = desk.syncd("trash", "restore", "W2").out
    assert "Its file is in the media folder still." in out
    assert "fetches" not in out


def test_what_nobody_has_the_bytes_of(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is promised: neither by the list nor when the object is back; it is said what to look for."""
    delete_on_web(desk, monkeypatch)
    assert "without its file" not in desk.syncd("trash").out
    with desk.state() as state:
        state.add_undo("h", "album/oma.jpg", MD5, "[the answer]", 1_790_000_100, why=Why.LOST_FILE)
    out = desk.syncd("trash").out
    assert "gone from where Gramps Web keeps its media\n" in out
    assert "What is gone there, too, comes back without its file" in out
    out = desk.syncd("trash", "restore", "W2").out
    assert f"look for a copy with the MD5 checksum {MD5}" in out
    assert "fetches" not in out


def test_trash_restore_that_gramps_web_refuses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said plainly with the server's reason; the way back stays."""
    delete_on_web(desk, monkeypatch, refuses=True)
    answer = desk.syncd("trash", "restore", "W1")
    assert answer.code == 4
    assert "'album/oma.jpg' cannot be brought back in Gramps Web: it is full" in answer.err
    with desk.state() as state:
        assert len(state.undos()) == 1


def test_trash_restore_asks_no_other_tree(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gramps Web that shows another tree by now is told nothing."""
    web = delete_on_web(desk, monkeypatch)
    web.tree = "tree3"
    answer = desk.syncd("trash", "restore", "W1", "--json")
    assert answer.code == 4
    assert "another tree" in answer.document["error"]["reason"]
    assert web.undone == []


def test_trash_restore_to_is_for_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object comes back under its own name; `--to` is refused before anything is asked."""
    web = delete_on_web(desk, monkeypatch)
    assert desk.syncd("trash", "restore", "W1", "--to", "b.jpg").code == 2
    assert web.undone == []


@dataclass
class FakeWeb:
    """A Gramps Web that says who it is, and takes deletions back."""

    tree: str = "tree2"
    refuses: bool = False
    undone: list[str] = field(default_factory=list)

    def undo(self, deletion: str) -> None:
        """Take one back."""
        if self.refuses:
            raise Refused("it is full", "")
        self.undone.append(deletion)

    def get(self, handle: str) -> MediaObject | None:
        """What was brought back."""
        return MediaObject(handle, "album/oma.jpg", MD5) if self.undone else None

    def connect(self) -> ServerInfo:
        """Its card."""
        return ServerInfo(
            "https://new.example",
            self.tree,
            "Jones",
            "3.24.0",
            "6.0.8",
            "editor",
            frozenset(),
            people=1,
            media=1,
        )

    def list(self) -> tuple[CatalogSnapshot, None]:
        """One object."""
        return CatalogSnapshot({"h": MediaObject("h", "a.jpg", MD5)}), None

    def location(self, _handle: str) -> MediaLocation:
        """A bucket."""
        return MediaLocation("media", "tree2/")

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk that was bound to another tree."""
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: FakeWeb())
    with desk.state() as state:
        state.bind(BINDING)
        state.put_links([Link("h1", "oma.jpg", MediaPath.of("oma.jpg"), MD5)])
    MediaFolder(desk.media).write_marker(Marker("f" * 32, "elsewhere:/state.sqlite"))
    return desk


def test_adopt_says_who_bars_the_way(bound: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in a home that this user may not enter is no defect."""
    plain = Path.stat

    def stat(path: Path, **options: Any) -> os.stat_result:
        if path == bound.media:
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    answer = bound.syncd("adopt", "--yes")
    assert answer.code == 3
    assert f"the media folder {bound.media} cannot be looked at: permission denied" in answer.err
    assert "setfacl" in answer.err


def test_adopt_binds_anew(bound: Desk) -> None:
    """With --yes: old and new are shown, the binding is gone, the folder's marker is ours."""
    answer = bound.syncd("adopt", "--yes")
    assert answer.code == 0
    for text in ("/old/media", "Smith", "Jones", "s3://bucket/tree1", "s3://media/tree2", "deletes nothing"):
        assert text in answer.out
    with bound.state() as state:
        assert state.binding() is None
        assert state.links() == []
    marker = MediaFolder(bound.media).marker()
    assert marker is not None
    assert marker.id != "f" * 32
    assert marker.state == owner(bound.state_file)
    assert json.loads((bound.media / ".syncd/folder.json").read_text())["version"] == 1


@pytest.mark.parametrize("arguments", [("adopt",), ("adopt", "--json")])
def test_adopt_asks_and_takes_silence_for_no(bound: Desk, arguments: tuple[str, ...]) -> None:
    """Where nobody can be asked it wants --yes, and changes nothing."""
    answer = bound.syncd(*arguments)
    assert answer.code == 2
    assert "--yes" in answer.err
    with bound.state() as state:
        assert state.binding() == BINDING
    assert MediaFolder(bound.media).marker() == Marker("f" * 32, "elsewhere:/state.sqlite")
    assert not (bound.media / ".syncd/lock").exists()


def test_adopt_shows_only_what_differs(bound: Desk) -> None:
    """One line for each thing that would be another, whole; nothing of the others."""
    with bound.state() as state:
        state.bind(replace(BINDING, bucket="media", prefix="tree2/"))
    (bound.media / "oma.jpg").touch()
    lines = bound.syncd("adopt", "--yes").out.splitlines()
    assert f"  folder: /old/media → {bound.media}" in lines
    assert any(line.startswith("  Gramps Web: Smith (tree1)") and "Jones (tree2)" in line for line in lines)
    assert not any("media kept in" in line or "mounted" in line for line in lines)


def test_adopt_says_that_the_folder_is_empty_or_has_no_marker(bound: Desk) -> None:
    """Both look like a drive that is not mounted, and everything would be fetched."""
    shown = bound.syncd("adopt", "--yes").out
    assert f"{bound.media} is empty. Is the drive not mounted?" in shown
    assert "everything in Gramps Web that is not in this folder is fetched into it" in shown
    with bound.state() as state:
        state.bind(BINDING)
    (bound.media / ".syncd/folder.json").unlink()
    (bound.media / "oma.jpg").touch()
    shown = bound.syncd("adopt", "--yes").out
    assert "misses the marker of a folder that was synced. Is the drive not mounted?" in shown
    assert "is empty" not in shown
    assert "everything in Gramps Web that is not in this folder is fetched into it" in shown


@pytest.mark.parametrize("lock", ["state/state.sqlite.lock", "media/.syncd/lock"])
def test_adopt_takes_both_locks(bound: Desk, lock: str) -> None:
    """While a run of whomever is under way: exit 5, nothing changed."""
    with hold_lock(bound.home / lock, "it"):
        assert bound.syncd("adopt", "--yes").code == 5
    with bound.state() as state:
        assert state.binding() == BINDING


def test_adopt_without_a_folder(bound: Desk) -> None:
    """An unplugged drive cannot be adopted: said plainly, the binding stays."""
    bound.media.rename(bound.home / "away")
    answer = bound.syncd("adopt", "--yes")
    assert answer.code == 3
    assert "media folder" in answer.err
    with bound.state() as state:
        assert state.binding() == BINDING


def test_completion_scripts_are_valid(desk: Desk, tmp_path: Path) -> None:
    """The bash script is one that bash takes, and it completes commands."""
    script = tmp_path / "completion"
    script.write_text(desk.syncd("completion", "bash").out)
    subprocess.run(["bash", "-n", str(script)], check=True)
    for shell in ("zsh", "fish"):
        assert "_SYNCD_COMPLETE" in desk.syncd("completion", shell).out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("syncd ap", "approve"),
        ("syncd trash re", "restore"),
        ("syncd --dr", "--dry-run"),
        ("syncd check --js", "--json"),
        ("syncd completion z", "zsh"),
    ],
)
def test_completion_completes(desk: Desk, monkeypatch: pytest.MonkeyPatch, words: str, found: str) -> None:
    """What the shell asks for is answered from the real commands and options."""
    monkeypatch.setenv("_SYNCD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    answer = desk.syncd()
    assert (answer.code, answer.err) == (0, "")
    assert f"plain,{found}" in answer.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "approve"),
        ("approve", "--json"),
        ("trash", "--json", "list"),
        ("trash", "list", "--json"),
        ("trash", "--json"),
    ],
)
def test_options_go_before_or_after_the_command(desk: Desk, arguments: tuple[str, ...]) -> None:
    """People put --json, --config, -v and -q on either side."""
    assert desk.syncd(*arguments).document["exit_code"] == 0


def test_config_after_the_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`syncd approve --config FILE` reads that file, and names it again in what it says to type."""
    monkeypatch.delenv("SYNCD_CONFIG")
    hold(desk)
    named = f"syncd --config {desk.config} approve"
    assert named in desk.syncd("approve", "--config", str(desk.config)).out
    assert named in desk.syncd("--config", str(desk.config), "approve").out


def test_the_help_says_of_each_command_what_it_says_itself(desk: Desk) -> None:
    """The list in the help, kept apart so that it is fast, equals the commands' own first lines."""
    from syncd.cli.main import COMMANDS

    for name, text in COMMANDS.items():
        command = cli.get_command(None, name)  # type: ignore[arg-type]  # it does not look at the context
        assert command is not None
        assert (command.help or "").splitlines()[0] == text
    out = desk.syncd("--help").out
    assert all(name in out for name in COMMANDS)


def test_a_stop_of_a_dry_run_says_so_in_json(desk: Desk) -> None:
    """However the run stopped, `dry_run` is what was asked for."""
    for ending in (StopError("another tree"), Outcome(stop=Stop("another tree", "see to it"))):
        desk.outcome = ending
        assert desk.syncd("--once", "--dry-run", "--json").document["dry_run"] is True
        assert desk.syncd("--once", "--json").document["dry_run"] is False
