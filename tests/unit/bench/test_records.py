"""What is written down of measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import records
from bench.comparing import Faster, Result, judged
from bench.costs import Cost


def result(name: str, peer: float, times: float = 2) -> Result:
    """Of a syncd that takes one second and a peer, with the aim to be so many times as fast."""
    costs = {"syncd": [Cost(1.0, 0.5, 40.0)], "peer": [Cost(peer)]}
    return judged(Result(name, f"Title of {name}", costs), [Faster("peer", times)])


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others need not be installed."""
    monkeypatch.setattr(records, "versions", lambda: {"peer": "peer v1.2-abc (x86)"})


def test_what_is_recorded(tmp_path: Path) -> None:
    """Medians, each round, ratios and what became of the aims, with the circumstances."""
    file = tmp_path / "made" / "performance.json"
    records.write([result("sending", 3.0)], file)
    work = json.loads(file.read_text())["works"]["sending"]
    assert work["contenders"]["peer"] == {
        "seconds": 3.0,
        "cpu_seconds": None,
        "mb": None,
        "each_seconds": [3.0],
        "ratio": 3.0,
    }
    assert work["aims"] == [{"aim": "≥ 2 × as fast as peer", "value": 3.0, "is_met": True}]
    assert work["versions"] == {"peer": "peer v1.2-abc (x86)"}
    assert {"measured", "commit", "python", "kernel", "processors"} <= work.keys()


def test_one_work_after_the_other(tmp_path: Path) -> None:
    """A new record takes the place of that work's old one, and leaves the other works."""
    file = tmp_path / "performance.json"
    records.write([result("sending", 3.0), result("fetching", 4.0)], file)
    records.write([result("sending", 5.0)], file)
    works = records.read(file)["works"]
    assert works["sending"]["contenders"]["peer"]["ratio"] == 5.0
    assert works["fetching"]["contenders"]["peer"]["ratio"] == 4.0


def test_the_page(tmp_path: Path) -> None:
    """The table is between the marks; what people wrote around it stays, and drawing again changes nothing."""
    file, page = tmp_path / "performance.json", tmp_path / "performance.md"
    page.write_text(f"# Cost\n\nBefore.\n\n{records.BEGIN}\nold\n{records.END}\n\nAfter.\n")
    records.write([result("sending", 3.0)], file)
    records.draw(page, file)
    drawn = page.read_text()
    assert drawn.startswith(f"# Cost\n\nBefore.\n\n{records.BEGIN}\n")
    assert drawn.endswith(f"{records.END}\n\nAfter.\n")
    assert "old" not in drawn
    assert "Title of sending" in drawn
    assert drawn.count("; peer 1.2.\n") == 1
    records.draw(page, file)
    assert page.read_text() == drawn


def test_an_aim_that_was_missed_is_published() -> None:
    """As missed."""
    works = {name: records.of_result(result(name, 3.0, times)) for name, times in (("one", 2), ("two", 20))}
    rows = [line for line in records.table(works).splitlines() if "as fast as" in line]
    assert [("**missed**" in row, "met" in row) for row in rows] == [(False, True), (True, False)]


def test_changes(tmp_path: Path) -> None:
    """New ratios are told beside the recorded ones of the same small work, also where none is recorded."""
    file = tmp_path / "performance.json"
    records.write([result("sending", 5.0)], file, records.CHECKS)
    told = records.changes([result("sending", 3.0), result("fetching", 3.0)], file)
    assert told == [
        "sending: peer takes 3.00 × as long as syncd now, 5.00 × when recorded",
        "fetching: peer takes 3.00 × as long as syncd now, not recorded",
    ]


def test_small_works_are_their_own(tmp_path: Path) -> None:
    """They are compared with none of full size, and the page shows none of them."""
    file = tmp_path / "performance.json"
    records.write([result("sending", 20.0)], file)
    assert records.changes([result("sending", 3.0)], file)[0].endswith("not recorded")
    records.write([result("sending", 3.0)], file, records.CHECKS)
    assert records.read(file)["works"]["sending"]["contenders"]["peer"]["ratio"] == 20.0


def test_a_work_that_only_counts(tmp_path: Path) -> None:
    """One without contenders has its figures in the table, and no ratio to compare."""
    counted = Result("month", "S3 requests of a month", {}, {"cents a month": 0.25})
    assert records.changes([counted], tmp_path / "performance.json") == []
    table = records.table({"month": records.of_result(counted)})
    assert "| **month**: S3 requests of a month | cents a month | 0.25 |" in table


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (11.0, "11"), (4620, "4,620"), (2.6337, "2.63"), (226.443, "226"), (1234.5, "1,234")],
)
def test_figures_are_rounded(value: float, written: str) -> None:
    """To what a measurement is good for; what was counted stands as it is."""
    counted = Result("growth", "How it grows", {"syncd": [Cost(1)]}, {"kB": value})
    assert f"| **growth** | kB | {written} |" in records.table({"growth": records.of_result(counted)})


def test_the_picture_of_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows it once growth was measured, between the marks, and no broken picture before."""
    drawn: list[Path] = []
    monkeypatch.setattr("bench.records.subprocess.run", lambda command, **_: drawn.append(command[-1]))
    monkeypatch.setattr(records, "_git", lambda *_: "")
    file, page = tmp_path / "measurements" / "performance.json", tmp_path / "performance.md"
    page.write_text(f"{records.BEGIN}\n{records.END}\n")
    records.write([result("sending", 3.0)], file)
    records.draw(page, file)
    assert "![" not in page.read_text()
    assert not drawn
    records.write([result("growth", 3.0)], file)
    for _ in range(2):
        records.draw(page, file)
        between = page.read_text().partition(records.BEGIN)[2].partition(records.END)[0]
        assert between.count("](measurements/growth.svg)") == 1
    assert drawn[0] == tmp_path / "measurements" / "growth.svg"
