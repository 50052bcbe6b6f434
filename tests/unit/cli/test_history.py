"""`history`, `undo` and `verify` as people type them."""

from __future__ import annotations

import pytest

from syncd.model import Checksum, Link, MediaPath
from syncd.model.plan import Before, Done
from syncd.state import Deed
from tests.unit.cli.desk import Desk

ONE = Checksum("1" * 32)


def test_a_line_an_event(desk: Desk) -> None:
    """Number, time, what, from where, why, in which cycle, and where the former file is."""
    with desk.state() as state:
        state.record(
            [Deed(Done("moved", "b.jpg", "h", ONE, 5, "moved in Gramps Web"), Before("a.jpg"))],
            cycle="c1",
            at=0,
        )
        was = Before(checksum="2" * 32, kept_as=".syncd/trash/x/b.jpg")
        state.record(
            [Deed(Done("fetched", "b.jpg", "h", ONE, 5, "changed in Gramps Web"), was)], cycle="c2", at=0
        )
        state.mark_undone(2, 0)
    answer = desk.syncd("history", "a.jpg")
    first, second = answer.out.splitlines()
    assert first.startswith("number H1  19")
    assert first.endswith("moved: a.jpg → b.jpg (moved in Gramps Web; cycle c1)")
    assert "the former one is .syncd/trash/x/b.jpg; put back 19" in second
    (_, event) = desk.syncd("history", "h", "--json").document["history"]
    assert event["before"] == {"path": None, "named": None, "checksum": "2" * 32}
    assert (event["kept_as"], event["undone"]) == (".syncd/trash/x/b.jpg", "1970-01-01T00:00:00Z")


def test_without_a_file_the_last_events_are_told(desk: Desk) -> None:
    """Of all files, the newest last; `.` is the whole media folder, and all of it."""
    with desk.state() as state:
        deeds = [Deed(Done("added", f"{number}.jpg", f"h{number}", ONE, 5)) for number in range(60)]
        state.record(deeds, cycle="c1", at=0)
    lines = desk.syncd("history").out.splitlines()
    assert [lines[0].split()[1], lines[-2].split()[1], len(lines)] == ["H11", "H60", 51]
    assert "syncd history . tells all" in lines[-1]
    assert len(desk.syncd("history", "--json").document["history"]) == 50
    assert len(desk.syncd("history", str(desk.media), "--json").document["history"]) == 60


def test_a_file_without_a_history(desk: Desk) -> None:
    """One that is in step for longer than the record goes back is no mistake; one that nobody knows is."""
    with desk.state() as state:
        state.put_links([Link("h", "a.jpg", MediaPath.of("a.jpg"), ONE)])
    assert desk.syncd("history", str(desk.media / "a.jpg")).code == 0
    assert desk.syncd("history", ONE).code == 0
    assert desk.syncd("history", "b.jpg").code == 2


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 5000])
def test_a_number_that_nothing_has(desk: Desk, number: str) -> None:
    """One that is larger than the state can hold is known as little as any other; it is no defect."""
    assert desk.syncd("trash", "restore", number).code == 2
    with desk.state() as state:
        assert state.event(1 << 63) is None
        assert state.trash_entry(1 << 63) is None


def test_a_name_that_is_no_text(desk: Desk) -> None:
    """A file may have one; nothing is known of it, as it is never synced."""
    answer = desk.syncd("history", "caf\udce9.jpg")
    assert answer.code == 2
    assert "nothing is known of" in answer.err


def test_a_limit_goes_with_reading(desk: Desk) -> None:
    """A rate that limits nothing, and one that is none, are mistakes."""
    assert desk.syncd("verify", "--limit", "1 MB").code == 2
    assert desk.syncd("verify", "--deep", "--limit", "fast").code == 2
