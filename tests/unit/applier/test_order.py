"""What rests on something that failed is not done either: not in the same pass, and not in a later one of the same run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.applier.apply import Applier
from syncd.applier.ledger import Ledger
from syncd.model import Checksum, MediaPath, Problem
from syncd.model.plan import Action, AddObject, Fetch, KeepLoser, RestoreObject, UpdateObject, Upload, Why
from syncd.state import State
from tests.core import file, link, md5, obj

FAULT = Problem("it cannot be read", "check the disk")


class Bytes:
    """Transfers of which some fail, each as an item of its own."""

    def __init__(self, ledger: Ledger, *failing: str) -> None:
        self.ledger = ledger
        self.failing = failing
        self.fetched: list[str] = []

    def upload(self, uploads: Sequence[Upload]) -> set[Checksum]:
        """Send; returns what did not get there."""
        missing = {action.file.checksum for action in uploads}
        for action in uploads:
            if action.file.path.text in self.failing:
                self.ledger.reject(action, FAULT)
            else:
                missing.discard(action.file.checksum)
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

    def add(self, actions: Sequence[AddObject]) -> None:
        """New objects."""
        self.told += [f"add {action.file.path}" for action in actions]

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
