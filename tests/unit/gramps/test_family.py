"""Gramps Desktop's objects are made and completed: nothing is lost by a crash, doubled, or referred to in vain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from syncd.applier.family import FamilyObjects
from syncd.applier.ledger import Ledger
from syncd.errors import LostAnswer
from syncd.gramps import GrampsWeb
from syncd.model import (
    Checksum,
    DesktopSnapshot,
    FileStamp,
    FolderFile,
    Link,
    MediaObject,
    MediaPath,
    Problem,
)
from syncd.model.plan import AddObject, Why
from syncd.model.references import Attribute, Record, Reference
from syncd.ports import Cursor, Made
from syncd.state import State
from tests.unit.gramps.fake_server import Connect, FakeServer, media, raw

SUM = Checksum("1" * 32)
ON_THE_BACK = {
    "type": "On the back",
    "value": "1921",
    "private": False,
    "citation_list": ["c1"],
    "note_list": [],
}
OF_THE_BACK = Reference(Record.CITATION, "c1", Attribute(0, "On the back", "1921"))


def form(handle: str = "d", **fields: Any) -> dict[str, Any]:
    """An object as Gramps Desktop has it."""
    return raw(media(handle, "/home/me/a.jpg", "stale", gramps_id="O0007", **fields))


def add(handle: str = "d") -> AddObject:
    """The order to make it."""
    file = FolderFile(MediaPath.of("a.jpg"), FileStamp(1, 2, 3, 4, 5), SUM)
    return AddObject(file, Link(handle, "a.jpg", file.path, SUM), from_desktop=True)


@dataclass
class Tree:
    """A family tree of Gramps Desktop."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    readable: bool = True

    def look(self) -> tuple[DesktopSnapshot, Sequence[Problem]]:
        """Whether it can be read."""
        return DesktopSnapshot({}, self.readable), []

    def forms(self, handles: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """What it has."""
        return {one: self.known[one] for one in handles if one in self.known} if self.readable else {}

    def stamp(self) -> object:
        """It never changes."""
        return None


@dataclass
class Room:
    """What the tests need at hand."""

    server: FakeServer
    gramps: GrampsWeb
    tree: Tree
    state: State
    ledger: Ledger

    @property
    def family(self) -> FamilyObjects:
        """What is tested."""
        return FamilyObjects(self.gramps, self.tree, self.ledger)

    def make(self, *actions: AddObject) -> None:
        """Make the objects, as the applier does."""
        for action, answer in zip(
            actions, self.gramps.create(list(self.family.prepare(actions).values())), strict=True
        ):
            assert isinstance(answer, Made)
            self.family.made(action, answer)

    def complete(self) -> list[str]:
        """A later run: what it says of what waits."""
        self.ledger.waiting.clear()
        self.state.set_cursor(self.gramps.newest() or Cursor(0, 0.0))
        objects = {
            handle: MediaObject(handle, one["path"], one["checksum"])
            for handle, one in self.server.objects.items()
        }
        self.family.complete(objects)
        return [f"{item.handle} {item.reason}" for item in self.ledger.waiting]

    def writes(self) -> int:
        """How often the server was asked to change something."""
        return len(
            [one for one in self.server.requests if one.method != "GET" and "token" not in one.url.path]
        )


@pytest.fixture
def room(server: FakeServer, gramps: Connect, tmp_path: Path) -> Iterator[Room]:
    """An empty Gramps Web and an empty family tree."""
    with State.open(tmp_path / "state.sqlite") as state:
        yield Room(server, gramps(), Tree(), state, Ledger(state, "c"))


def test_all_is_made_when_all_is_there(room: Room) -> None:
    """Caption, date, attributes and references arrive; path, checksum and type are the file's; nothing is remembered."""
    room.server.records["notes"] = {"n1"}
    room.server.records["citations"] = {"c1"}
    wanted = form(desc="Wedding", note_list=["n1"], private=True, attribute_list=[ON_THE_BACK])
    room.tree.known = {"d": wanted}
    room.make(add())
    assert raw(room.server.objects["d"]) == {**wanted, "path": "a.jpg", "checksum": SUM, "mime": "image/jpeg"}
    assert room.complete() == []
    assert room.ledger.notices == []


def test_what_is_lacking_follows(room: Room) -> None:
    """It is left out and told; nothing is asked while nothing changes; then it is added once, and that is told, too."""
    room.server.records["tags"] = {"t1"}
    room.tree.known = {
        "d": form(note_list=["n1", "n2"], tag_list=["t1"], attribute_list=[ON_THE_BACK]),
        "e": {**form("e", note_list=["n2"]), "gramps_id": "O0008"},
    }
    room.make(add("d"), add("e"))
    made = room.server.objects["d"]
    assert (made["note_list"], made["tag_list"], made["attribute_list"]) == (
        [], ["t1"], [{**ON_THE_BACK, "citation_list": []}],
    )  # fmt: skip
    told = [
        "d refers to 1 citation and 2 notes that Gramps Web does not have yet; they are added when they are there",
        "e refers to 1 note that Gramps Web does not have yet; it is added when it is there",
    ]
    assert room.complete() == told
    before, asked = room.writes(), len(room.server.requests)
    assert room.complete() == told
    assert len(room.server.requests) == asked + 1, "only for the newest transaction"
    assert room.writes() == before

    room.server.records["notes"] = {"n2"}
    room.server.records["citations"] = {"c1"}
    room.server.note(
        {"trans_type": 0, "obj_class": "Note", "obj_handle": "n2", "old_data": None, "new_data": {}}
    )
    room.server.objects["d"]["desc"] = "theirs"
    assert room.complete() == [
        "d refers to 1 note that Gramps Web does not have yet; it is added when it is there"
    ]
    made = room.server.objects["d"]
    assert (made["note_list"], made["attribute_list"], made["desc"]) == (["n2"], [ON_THE_BACK], "theirs")
    assert room.server.objects["e"]["note_list"] == ["n2"]
    assert {(item.kind, item.handle, item.why) for item in room.ledger.done} == {
        ("updated", "d", Why.REFERENCES), ("updated", "e", Why.REFERENCES),
    }  # fmt: skip
    assert room.writes() == before + 1
    assert room.state.pending_references() == {"d": (Reference(Record.NOTE, "n1"),)}

    room.server.records["notes"] |= {"n1", "n0"}
    room.server.objects["d"]["note_list"] = ["n0", "n2"]
    room.server.note()
    assert room.complete() == []
    assert room.server.objects["d"]["note_list"] == ["n0", "n1", "n2"], "in the desktop's order"


def test_many_are_completed_together(room: Room) -> None:
    """A hundred objects are completed in one transaction; those that have their reference already are not written again."""
    many = [f"d{number:03}" for number in range(120)]
    room.tree.known = {
        handle: {**form(handle, note_list=["n1"]), "gramps_id": f"D{number}"}
        for number, handle in enumerate(many)
    }
    room.make(*map(add, many))
    for handle in many[:5]:
        room.server.objects[handle]["note_list"] = ["n1"]
    room.server.records["notes"] = {"n1"}
    before = room.writes()
    assert room.complete() == []
    assert all(room.server.objects[handle]["note_list"] == ["n1"] for handle in many)
    sent = [len(json.loads(one.content)) for one in room.server.asked("POST", "/transactions/")]
    assert sum(sent) == 115
    assert room.writes() == before + len(sent)
    assert len(sent) <= 2


def test_a_lost_answer_loses_no_reference(room: Room) -> None:
    """What an object waits for is on the disk before the object is made."""
    room.tree.known = {"d": form(note_list=["n1"])}

    def vanish(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/objects/"):
            room.server.create(json.loads(request.content))
            raise httpx2.ReadError("gone")
        return None

    room.server.intercept = vanish
    news = list(room.family.prepare([add()]).values())
    assert room.state.pending_references() == {"d": (Reference(Record.NOTE, "n1"),)}
    with suppress(LostAnswer):
        room.gramps.create(news)
    room.server.intercept = lambda _: None
    assert len(room.complete()) == 1
    room.server.records["notes"] = {"n1"}
    room.server.note()
    assert room.complete() == []
    assert room.server.objects["d"]["note_list"] == ["n1"]


def test_what_nobody_wants_any_more_is_forgotten(room: Room) -> None:
    """An object deleted in Gramps Web, and a reference taken out in the desktop, wait for nothing."""
    room.tree.known = {
        "d": form(note_list=["n1"]),
        "e": {**form("e", note_list=["n1"]), "gramps_id": "O0008"},
    }
    room.make(add("d"), add("e"))
    assert len(room.complete()) == 2
    del room.server.objects["d"]
    room.tree.known["e"] = form("e", note_list=["n2"])
    room.server.records["notes"] = {"n1", "n2"}
    room.server.note()
    before = room.writes()
    assert room.complete() == []
    assert room.writes() == before
    assert room.state.pending_references() == {}


def test_a_tree_that_is_busy_is_asked_again(room: Room) -> None:
    """Unreadable, it makes nothing and forgets nothing; once it can be read, the reference is added."""
    room.tree.known = {"d": form(note_list=["n1"])}
    room.make(add())
    room.server.records["notes"] = {"n1"}
    room.tree.readable = False
    assert room.family.prepare([add("e")]) == {}
    assert "next run" in room.ledger.waiting[0].reason
    assert len(room.complete()) == 1
    room.tree.readable = True
    assert room.complete() == []
    assert room.server.objects["d"]["note_list"] == ["n1"]


def test_an_object_that_the_tree_has_no_more(room: Room) -> None:
    """A tree that can be read and does not have the object wants no references for it."""
    room.tree.known = {"d": form(note_list=["n1"])}
    room.make(add())
    room.server.records["notes"] = {"n1"}
    room.tree.known = {}
    assert room.complete() == []
    assert room.server.objects["d"]["note_list"] == []


def test_an_attribute_that_is_gone(room: Room) -> None:
    """Somebody changed the attribute in Gramps Web meanwhile: it stays as they want it, and a notice says so."""
    room.tree.known = {"d": form(attribute_list=[ON_THE_BACK])}
    room.make(add())
    room.server.objects["d"]["attribute_list"] = [{**ON_THE_BACK, "value": "1922", "citation_list": []}]
    room.server.records["citations"] = {"c1"}
    before = room.writes()
    assert room.complete() == []
    assert room.writes() == before
    assert [item.handle for item in room.ledger.notices] == ["d"]
    assert "'1921'" in room.ledger.notices[0].text
    assert room.ledger.done == []


def test_a_taken_id_is_told(room: Room) -> None:
    """The object gets a free Gramps ID, and a notice names the one that it has in the desktop."""
    room.server.objects["x"] = media("x", gramps_id="O0007")
    room.tree.known = {"d": form()}
    room.make(add())
    assert "gramps_id" not in json.loads(room.server.asked("POST", "/objects/")[-1].content)[0]
    assert ["O0007" in item.text for item in room.ledger.notices] == [True]


@pytest.mark.parametrize(
    "damaged", [{"note_list": None}, {"attribute_list": ["x"]}, {"citation_list": [1]}, {"tag_list": "abc"}]
)
def test_a_damaged_form(room: Room, damaged: dict[str, Any]) -> None:
    """An object whose form makes no sense is a problem of its own; its neighbour is made."""
    room.tree.known = {"d": {**form(), **damaged}, "e": form("e")}
    assert list(room.family.prepare([add("d"), add("e")])) == ["e"]
    (problem,) = room.ledger.failed.values()
    assert (problem.handle, problem.path) == ("d", "a.jpg")
    assert "Check and Repair" in problem.remedy
