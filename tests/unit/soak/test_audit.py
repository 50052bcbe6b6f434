"""The audit of a soak finds damage of every kind, and finds nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from lab.api import Api
from lab.soak.audit import MORE_FILES, MORE_MEMORY, MORE_THREADS, growth, judge, settle
from lab.soak.ledger import WEB, Ledger
from lab.soak.record import Record
from lab.soak.seen import FolderSeen, ObjectSeen, Seen, Vitals
from lab.soak.violation import Kind
from lab.world import md5

ONE, TWO, THREE = (md5(text) for text in (b"one", b"two", b"three"))
PERSON = ("Person", "p1")


def a_ledger() -> Ledger:
    """Three photos: one as it was added, one edited once, one deleted. A person refers to the first."""
    ledger = Ledger()
    for name in (b"one", b"first two", b"three"):
        checksum = ledger.mint(name)
        ledger.put(checksum, f"{name.decode().split()[-1]}.jpg")
    ledger.end(md5(b"first two"), "desktop")
    ledger.put(ledger.mint(b"two", parent=md5(b"first two")), "two.jpg")
    ledger.end(THREE, WEB)
    ledger.contents[THREE].was_seen = True
    ledger.galleries[PERSON] = ["h1"]
    return ledger


def all_well() -> Seen:
    """What there is when every promise was kept."""
    return Seen(
        folders=[
            FolderSeen("desktop", {"one.jpg": ONE, "two.jpg": TWO}, kept=frozenset({THREE})),
            FolderSeen("laptop", {"one.jpg": ONE, "two.jpg": TWO}, kept=frozenset({THREE})),
        ],
        objects=[ObjectSeen("h1", "one.jpg", ONE, ONE), ObjectSeen("h2", "two.jpg", TWO, TWO)],
        keys={ONE: ONE, TWO: TWO, THREE: THREE},
        galleries={PERSON: ["h1"]},
    )


def kinds(seen: Seen, ledger: Ledger | None = None, *, keys: frozenset[str] = frozenset()) -> set[Kind]:
    """What an audit finds."""
    return {one.kind for one in judge(ledger or a_ledger(), seen, keys)}


def in_folder(seen: Seen, files: Mapping[str, str], **changes: Any) -> Seen:
    """The same with other files at the first computer."""
    return replace(seen, folders=[replace(seen.folders[0], files=files, **changes), *seen.folders[1:]])


def test_all_is_well() -> None:
    """Where every promise was kept nothing is found, and the account begins anew with what is there."""
    ledger, seen = a_ledger(), all_well()
    assert judge(ledger, seen, frozenset({ONE, TWO, THREE})) == []
    settle(ledger, seen)
    assert judge(ledger, seen) == []
    assert [ledger.contents[one].written for one in (ONE, TWO, THREE)] == [1, 1, 0]


DAMAGE: Mapping[str, tuple[Callable[[Seen], Seen], set[Kind]]] = {
    "a file is gone": (lambda seen: in_folder(seen, {"one.jpg": ONE}), {Kind.LOST, Kind.DIFFERS}),
    "a file is cut short": (
        lambda seen: in_folder(seen, {"one.jpg": md5(b"on"), "two.jpg": TWO}),
        {Kind.LOST, Kind.DIFFERS, Kind.PARTIAL},
    ),
    "a file is there twice": (
        lambda seen: in_folder(seen, {"one.jpg": ONE, "two.jpg": TWO, "one (2).jpg": ONE}),
        {Kind.DOUBLED, Kind.DIFFERS},
    ),
    "two files have changed places": (
        lambda seen: in_folder(seen, {"two.jpg": ONE, "one.jpg": TWO}),
        {Kind.NAMED},
    ),
    "a deleted file is back": (
        lambda seen: in_folder(seen, {"one.jpg": ONE, "two.jpg": TWO, "three.jpg": THREE}),
        {Kind.CAME_BACK, Kind.DIFFERS},
    ),
    "an older version is back": (
        lambda seen: in_folder(seen, {"one.jpg": ONE, "two.jpg": md5(b"first two")}),
        {Kind.CAME_BACK, Kind.LOST, Kind.DIFFERS},
    ),
    "something unfinished lies about": (
        lambda seen: in_folder(seen, seen.folders[0].files, leftovers=["a3f.part"]),
        {Kind.LEFTOVER},
    ),
    "an object is gone": (
        lambda seen: replace(seen, objects=seen.objects[1:]),
        {Kind.LOST, Kind.DIFFERS},
    ),
    "an object is there twice": (
        lambda seen: replace(seen, objects=[*seen.objects, ObjectSeen("h3", "two (2).jpg", TWO, TWO)]),
        {Kind.DOUBLED, Kind.DIFFERS},
    ),
    "an object shows another file": (
        lambda seen: replace(seen, objects=[replace(seen.objects[0], served=TWO), *seen.objects[1:]]),
        {Kind.MISSING},
    ),
    "an object's bytes are gone from the bucket": (
        lambda seen: replace(
            seen,
            objects=[replace(seen.objects[0], served=""), *seen.objects[1:]],
            keys={TWO: TWO, THREE: THREE},
        ),
        {Kind.MISSING, Kind.UNKEPT},
    ),
    "an old key is gone from the bucket": (
        lambda seen: replace(seen, keys={ONE: ONE, TWO: TWO}),
        {Kind.UNKEPT},
    ),
    "a key lacks a byte": (
        lambda seen: replace(seen, keys={**(seen.keys or {}), THREE: md5(b"thre")}),
        {Kind.KEY},
    ),
    "a partial file was sent": (
        lambda seen: replace(seen, keys={**(seen.keys or {}), md5(b"on"): md5(b"on")}),
        {Kind.PARTIAL},
    ),
    "what syncd deleted exists nowhere": (
        lambda seen: replace(
            seen, folders=[replace(one, kept=frozenset()) for one in seen.folders], keys={ONE: ONE, TWO: TWO}
        ),
        {Kind.GONE, Kind.UNKEPT},
    ),
    "a reference was stripped": (
        lambda seen: replace(seen, galleries={PERSON: []}),
        {Kind.REFERENCE},
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(damage: str) -> None:
    """Whatever is taken away, changed or added behind everybody's back is found, and called what it is."""
    hurt, expected = DAMAGE[damage]
    assert kinds(hurt(all_well()), keys=frozenset({ONE, TWO, THREE})) == expected


def test_what_nobody_can_say_must_exist_all_the_same() -> None:
    """A content of which nobody can say where it belongs may lie in a trash, but not be gone."""
    ledger = a_ledger()
    ledger.put(ledger.mint(b"in between"), "two.jpg")
    ledger.doubt("written into a file that was moved aside meanwhile", md5(b"in between"))
    assert kinds(all_well(), ledger) == {Kind.GONE}
    seen = all_well()
    kept = frozenset({THREE, md5(b"in between")})
    assert kinds(in_folder(seen, seen.folders[0].files, kept=kept), ledger) == set()


def test_what_syncd_tells_is_no_damage() -> None:
    """A file that cannot be placed, and of which syncd says so, is not lost: it is in Gramps Web."""
    seen = in_folder(all_well(), {"one.jpg": ONE}, problems=frozenset({"h2"}))
    assert kinds(seen) == set()


def test_who_takes_a_name_takes_what_becomes_of_it() -> None:
    """A new file under the name of one that was moved away is that one's edit, and goes where another computer moves it."""
    ledger = a_ledger()
    ledger.name(ONE, "moved.jpg", "laptop")
    ledger.end(TWO, "desktop")
    ledger.put(ledger.mint(b"new"), "one.jpg")
    seen = replace(all_well(), keys=None)
    files = {"one.jpg": ONE, "moved.jpg": md5(b"new")}
    objects = [seen.objects[0], ObjectSeen("h2", "moved.jpg", md5(b"new"), md5(b"new"))]
    folders = [replace(one, files=files) for one in seen.folders]
    assert kinds(replace(seen, folders=folders, objects=objects), ledger) == set()


def test_an_approved_reference_may_go() -> None:
    """What a person approved is no violation."""
    ledger = a_ledger()
    ledger.approved.add("h1")
    assert kinds(replace(all_well(), galleries={PERSON: []}), ledger) == set()


@pytest.mark.parametrize(
    ("name", "more"), [("files", MORE_FILES), ("threads", MORE_THREADS), ("memory", MORE_MEMORY)]
)
def test_growth_is_found(name: str, more: int) -> None:
    """A daemon that takes more and more is found; one that was started anew begins anew."""
    first = Vitals(0, "desktop", 7, memory=100 << 20, files=20, threads=8)
    grown = replace(first, at=60, **cast("dict[str, Any]", {name: getattr(first, name) + more}))
    assert list(growth([first, grown])) == []
    grown = replace(grown, **cast("dict[str, Any]", {name: getattr(grown, name) + 1}))
    assert [one.kind for one in growth([first, grown])] == [Kind.GROWS]
    assert list(growth([first, replace(grown, pid=8)])) == []


class History:
    """A server that has nothing but a history."""

    def __init__(self, *changes: tuple[str, int, dict[str, Any] | None, dict[str, Any] | None]) -> None:
        self.transactions = [
            {
                "id": number,
                "connection": {"user": {"name": who}},
                "changes": [
                    {
                        "obj_class": "Media",
                        "obj_handle": "h",
                        "trans_type": kind,
                        "old_data": old,
                        "new_data": new,
                    }
                ],
            }
            for number, (who, kind, old, new) in enumerate(changes, 1)
        ]

    def json(self, *_: object, **__: object) -> Any:
        """All of it."""
        return self.transactions


def form(text: bytes, desc: str = "") -> dict[str, Any]:
    """An object of the history."""
    return {"path": "a.jpg", "checksum": md5(text), "desc": desc}


def read(ledger: Ledger, history: History) -> tuple[Record, list[Kind]]:
    """Read a history, and what syncd must not have done in it."""
    record = Record(cast("Api", history), ledger, people="owner")
    return record, [one.kind for one in record.read()]


def test_the_history_is_the_account_of_gramps_web() -> None:
    """What people did there is counted; what syncd did is not, as long as it keeps to what is its business."""
    ledger = Ledger()
    for text in (b"a", b"b"):
        ledger.mint(text)
    a, b = form(b"a", "Anna"), form(b"b", "Anna")
    record, found = read(
        ledger,
        History(("owner", 0, None, a), ("editor", 1, a, b), ("owner", 2, b, None), ("editor", 0, None, b)),
    )
    assert found == []
    assert record.races == 0
    assert (ledger.contents[md5(b"a")].written, ledger.contents[md5(b"a")].ended) == (1, 0)
    assert (ledger.contents[md5(b"b")].written, ledger.contents[md5(b"b")].ended_there) == (0, 1)


def test_a_caption_that_syncd_loses_is_found() -> None:
    """A change, or a bringing back, that loses what a person wrote."""
    a = form(b"a", "Anna")
    for change in (("editor", 1, a, form(b"b")), ("editor", 0, None, form(b"a"))):
        assert read(Ledger(), History(("owner", 0, None, a), change))[1] == [Kind.FIELD]


def test_an_object_made_anew_has_nothing_to_keep() -> None:
    """Another Gramps ID under the same handle: nothing was brought back, the file counted as new."""
    a, new = {**form(b"a", "Anna"), "gramps_id": "O1"}, {**form(b"a"), "gramps_id": "O2"}
    changes = (("owner", 0, None, a), ("owner", 2, a, None), ("editor", 0, None, new))
    assert read(Ledger(), History(*changes))[1] == []


def test_a_race_in_the_server_is_nobodys_fault() -> None:
    """Where the server overwrote what it did not know of, nobody can say what is to be; it is counted."""
    ledger = Ledger()
    for text in (b"a", b"b", b"c"):
        ledger.mint(text)
    a, b, c = form(b"a"), form(b"b"), form(b"c")
    record, found = read(ledger, History(("owner", 0, None, a), ("editor", 1, a, b), ("owner", 1, a, c)))
    assert found == []
    assert record.races == 1
    assert ledger.contents[md5(b"b")].unsure
