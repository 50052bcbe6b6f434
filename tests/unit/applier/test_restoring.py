"""Bringing an object back: by the history, by the answer to its deletion, or anew; a crash in between is made up for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.applier.ledger import Ledger
from syncd.applier.web import NewObjects, WebChanges
from syncd.errors import Refused, Unreachable
from syncd.model import MediaObject
from syncd.model.plan import RestoreObject, Why
from syncd.model.policy import OnWeb
from syncd.ports import Made, NewObject, ObjectChange
from syncd.state import State
from tests.core import file, link, md5, obj


class Web:
    """A Gramps Web that has one deleted object, or none that it remembers."""

    def __init__(self) -> None:
        self.remembered: MediaObject | None = obj("h", "a", "one")
        self.error: Exception | None = None
        self.undone: list[str] = []
        self.made: list[str] = []
        self.named: list[str | None] = []

    def restore(self, _handle: str) -> MediaObject | None:
        """What the history says."""
        if self.error is not None:
            raise self.error
        return self.remembered

    def undo(self, answer: str) -> None:
        """Take a deletion back."""
        self.undone.append(answer)

    def get(self, _handle: str) -> MediaObject | None:
        """The object, once it was brought back."""
        return obj("h", "a", "one") if self.undone else None

    def create(self, new: list[NewObject]) -> list[Made]:
        """Make objects."""
        self.made += [item.handle for item in new]
        return [Made(MediaObject(item.handle, item.path, item.checksum, item.mime)) for item in new]

    def update(self, changes: list[ObjectChange]) -> list[Made]:
        """Change objects."""
        self.named += [one.path for one in changes]
        return [
            Made(MediaObject(one.expected.handle, one.path or one.expected.path, md5("one")))
            for one in changes
        ]


CAME_BACK = RestoreObject(file("b", "one"), link("h", "b", "one", named="a"), Why.CAME_BACK, "b")


class Silent:
    """A progress display that shows nothing."""

    def advance(self, **_what: int) -> None:
        """Nothing."""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A new state that knows of the deletion of `h`."""
    with State.open(tmp_path / "state.sqlite") as opened:
        opened.add_undo("h", "a", md5("one"), "[answer]", 5.0, named="a")
        yield opened


def bring_back(web: Web, state: State, action: RestoreObject = CAME_BACK) -> Ledger:
    """The object of a file comes back; by default the file of `h` came back as `b`."""
    ledger = Ledger(state, "cycle")
    changes = WebChanges(
        catalog=cast("Any", web),
        rivals=cast("Any", None),
        folder=cast("Any", None),
        ledger=ledger,
        progress=cast("Any", Silent()),
        family=cast("Any", None),
        new_objects=NewObjects(),
        on_web=OnWeb.UNREFERENCED,
        may_strip=frozenset(),
    )
    changes.restore(action)
    ledger.flush()
    return ledger


def test_by_the_history(state: State) -> None:
    """The object gets the name that its file has now, and its deletion cannot be taken back again."""
    bring_back(Web(), state)
    assert state.links() == [link("h", "b", "one")]
    assert state.deleted() == []


def test_by_the_answer_where_the_history_forgot(state: State) -> None:
    """What the server answered to the deletion was kept."""
    web = Web()
    web.remembered = None
    bring_back(web, state)
    assert (web.undone, web.made) == (["[answer]"], [])
    assert state.links() == [link("h", "b", "one")]


def test_anew_where_the_server_refuses(state: State) -> None:
    """The file gets an object under the same handle, and what is lost is told once: the next run does not try again."""
    web = Web()
    web.error = Refused("the form is too old", "")
    ledger = bring_back(web, state)
    assert web.made == ["h"]
    [problem] = ledger.problems
    assert "the form is too old" in problem.reason
    assert state.links() == [link("h", "b", "one")]
    assert state.deleted() == []


def test_a_server_that_is_gone_leaves_the_wish(state: State) -> None:
    """The link is there before the object: the next run asks again, and makes no second object."""
    web = Web()
    web.error = Unreachable("gone", "")
    ledger = bring_back(web, state)
    assert ledger.fatal is web.error
    assert state.links() == [link("h", "b", "one", named="a", restore=True)]
    assert [item.handle for item in state.deleted()] == ["h"]


@pytest.mark.parametrize("was", ["moved", f"{md5('old')}.jpg"])
def test_an_edit_that_beats_a_deletion_keeps_the_news_of_a_move(state: State, was: str) -> None:
    """The object was moved, or got the server's name, before it was deleted: the link keeps the name that was agreed.

    So the next pass sees the move and lets the file follow; the server's name gives way to the person's at once.
    """
    web = Web()
    web.remembered = obj("h", was, "old")
    bring_back(web, state, RestoreObject(file("a", "one"), link("h", "a", "one")))
    assert state.links() == [link("h", "a", "one")]
    assert web.named == (["a"] if was != "moved" else [None])
