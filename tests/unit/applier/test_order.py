"""What rests on something that failed is not done either: not in the same pass, and not in a later one of the same run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncd import workers
from syncd.applier import adding as adding_module
from syncd.applier.adding import Adding
from syncd.applier.apply import Applier
from syncd.applier.ledger import Ledger
from syncd.model import Checksum, MediaPath, Problem
from syncd.model.plan import (
    Action,
    AddObject,
    Fetch,
    KeepLoser,
    MoveFile,
    RestoreObject,
    UpdateObject,
    Upload,
    Why,
)
from syncd.state import State
from tests.core import file, link, md5, obj

FAULT = Problem("it cannot be read", "check the disk")


class Bytes:
    """Transfers of which some fail, each as an item of its own."""

    def __init__(self, ledger: Ledger, *failing: str) -> None:
        self.ledger = ledger
        self.failing = failing
        self.fetched: list[str] = []

    def upload(self, uploads: Sequence[Upload], adding: Adding) -> set[Checksum]:
        """Send; returns what did not get there."""
        missing = {action.file.checksum for action in uploads}
        for action in uploads:
            if action.file.path.text in self.failing:
                self.ledger.reject(action, FAULT)
            else:
                missing.discard(action.file.checksum)
                adding.arrived(action.file.checksum)
                while not adding.inbox.queue.empty():
                    told = adding.inbox.queue.get()
                    assert callable(told)
                    told()
                adding.inbox.do_due()
        return missing

    def keep_loser(self, action: KeepLoser) -> bool:
        """Keep what loses a conflict."""
        if action.path.text not in self.failing:
            return True
        self.ledger.reject(action, FAULT)
        return False

    def fetch(self, fetches: Sequence[Fetch]) -> None:
        """Bring."""
        self.fetched += [action.path.text for action in fetches]


class Web:
    """A Gramps Web that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def add(self, actions: Sequence[AddObject], *, counted: bool = True) -> None:
        """New objects."""
        word = "add" if counted else "add meanwhile"
        self.told += [f"{word} {action.file.path}" for action in actions]

    def update(self, actions: Sequence[UpdateObject]) -> None:
        """Changes."""
        self.told += [f"update {action.file.path}" for action in actions]

    def restore(self, action: RestoreObject) -> None:
        """An object that comes back."""
        self.told.append(f"restore {action.file.path}")

    def delete(self, _action: object) -> None:
        """Nothing is deleted here."""


class Still:
    """Files that do not move, and a display that shows nothing."""

    def move(self, _moves: object) -> None:
        """Nothing."""

    def phase(self, _phase: object) -> None:
        """Nothing."""

    def lost(self, _checksums: object) -> frozenset[str]:
        """Nothing."""
        return frozenset()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a run."""
    with State.open(tmp_path / "state.sqlite") as state:
        yield Ledger(state, "cycle")


def run(ledger: Ledger, actions: Sequence[Action], *failing: str, passes: int = 2) -> list[str]:
    """Carry the same plan out in some passes of one run; what Gramps Web was told, and what was fetched."""
    web, transfers = Web(), Bytes(ledger, *failing)
    for _ in range(passes):
        applier = Applier(
            files=cast("Any", Still()),
            transfers=cast("Any", transfers),
            web=cast("Any", web),
            ledger=ledger,
            progress=cast("Any", Still()),
            sizes={},
            remains=cast("Any", Still()),
        )
        applier.apply(actions)
    return [*web.told, *(f"fetch {path}" for path in transfers.fetched)]


def update(path: str, content: str) -> UpdateObject:
    """An object that gets its file's bytes."""
    item, place = obj(path, path, "old"), link(path, path, content)
    return UpdateObject(item, path, md5(content), file(path, content), place, Why.EDITED_FILE)


BACK = RestoreObject(file("back", "back"), link("back", "back", "back"), Why.EDIT_BEATS_DELETE)
OVER = Fetch(
    obj("over", "over", "newer"),
    md5("newer"),
    MediaPath.of("over"),
    link("over", "over", "newer"),
    Why.CONFLICT,
    replaces=file("over", "over"),
)


@pytest.mark.parametrize(
    "resting",
    [AddObject(file("new", "new"), link("n", "new", "new")), update("edited", "edited"), BACK, OVER],
)
def test_without_the_bytes_nothing_names_or_replaces_them(ledger: Ledger, resting: Any) -> None:
    """A file that could not be sent: no later pass adds, changes or brings back its object, or replaces the file."""
    source = getattr(resting, "replaces", None) or resting.file
    actions = [Upload(source, Why.NEW_FILE), resting]
    assert run(ledger, actions, source.path.text) == []
    assert run(Ledger(ledger.state, "another"), actions, passes=1) != []


def test_another_file_has_the_same_bytes(ledger: Ledger) -> None:
    """One of two equal files could be sent: the objects of both are made."""
    adds = [AddObject(file(path, "same"), link(path, path, "same")) for path in ("a", "b")]
    uploads = [Upload(file(path, "same"), Why.NEW_FILE) for path in ("a", "b")]
    assert run(ledger, [*uploads, *adds], "a", passes=1) == ["add a", "add b"]
    assert run(ledger, [*uploads, *adds], "a", passes=1) == ["add a", "add b"]


def test_a_loser_that_could_not_be_kept(ledger: Ledger) -> None:
    """What loses a conflict could not be put into the trash: no later pass has the winner take its place."""
    winner = update("both", "mine")
    loser = KeepLoser(winner.expected, md5("old"), MediaPath.of("both"))
    assert run(ledger, [loser, winner], "both") == []
    assert run(Ledger(ledger.state, "another"), [loser, winner], passes=1) == ["update both"]


# --- objects that are added while files are sent ------------------------------------------------------------------


def sent(*paths: str) -> list[Action]:
    """New files: their bytes are sent, their objects added."""
    uploads = [Upload(file(path, path), Why.NEW_FILE) for path in paths]
    return [*uploads, *(AddObject(file(path, path), link(path, path, path)) for path in paths)]


def test_what_has_arrived_is_added_while_the_rest_is_sent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once each, and only what has arrived; what needed no sending comes when all is sent."""
    monkeypatch.setattr(adding_module, "EVERY", 0.0)
    there = AddObject(file("there", "there"), link("t", "there", "there"))
    told = run(ledger, [*sent("a", "bad", "c"), there], "bad", passes=1)
    assert told == ["add meanwhile a", "add meanwhile c", "add there"]


def test_it_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gramps Web is told every few seconds, of all that has arrived since."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(adding_module, "time", clock)
    monkeypatch.setattr(workers, "time", clock)
    web, inbox = Web(), []
    adding = Adding(cast("Any", web), sent("a", "b", "c", "d", "e"))
    for moment, path in [(104.0, "a"), (104.9, "b"), (106.0, "c"), (109.0, "d"), (111.0, "e")]:
        now[0] = moment
        adding.arrived(md5(path))
        while not adding.inbox.queue.empty():
            cast("Any", adding.inbox.queue.get())()
        adding.inbox.do_due()
        inbox.append(len(web.told))
    assert inbox == [0, 0, 3, 3, 5]  # at 105 and at 110 it was time
    assert web.told == [f"add meanwhile {path}" for path in "abcde"]
    assert adding.left == []


def test_what_has_arrived_waits_for_no_further_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is time, whoever waits for the transfers adds it, although none of them ends."""
    monkeypatch.setattr(adding_module, "EVERY", 0.05)
    web = Web()
    adding = Adding(cast("Any", web), sent("a", "b"))

    def transfer(taken: Iterator[str]) -> None:
        for path in taken:
            if path == "b":
                end = time.monotonic() + 20
                while not web.told and time.monotonic() < end:
                    time.sleep(0.01)
            adding.arrived(md5(path))

    workers.share(["a", "b"], transfer, threads=1, name="test", inbox=adding.inbox)
    assert web.told == ["add meanwhile a"]


@pytest.mark.parametrize(
    "other",
    [
        MoveFile(file("old", "x"), MediaPath.of("new"), link("x", "new", "x")),
        KeepLoser(obj("both", "both", "old"), md5("old"), MediaPath.of("both")),
    ],
)
def test_where_files_move_the_order_is_kept(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, other: Action
) -> None:
    """An object may be that of a file which has yet to get its name."""
    monkeypatch.setattr(adding_module, "EVERY", 0.0)
    assert run(ledger, [*sent("a", "b"), other], passes=1) == ["add a", "add b"]


def test_objects_of_gramps_desktop_come_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """They refer to each other."""
    monkeypatch.setattr(adding_module, "EVERY", 0.0)
    actions = [
        replace(action, from_desktop=True) if isinstance(action, AddObject) else action
        for action in sent("a", "b")
    ]
    assert run(ledger, actions, passes=1) == ["add a", "add b"]


def test_what_arrives_while_others_are_added_is_added_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing arrives after it."""
    monkeypatch.setattr(adding_module, "EVERY", 0.0)
    web = Web()
    adding = Adding(cast("Any", web), sent("a", "b"))
    adding.arrived(md5("a"))
    add = web.add

    def slowly(actions: Sequence[AddObject], *, counted: bool = True) -> None:
        monkeypatch.setattr(web, "add", add)
        adding.arrived(md5("b"))
        add(actions, counted=counted)

    monkeypatch.setattr(web, "add", slowly)
    cast("Any", adding.inbox.queue.get())()
    assert web.told == ["add meanwhile a"]
    adding.inbox.do_due()
    assert web.told == ["add meanwhile a", "add meanwhile b"]
