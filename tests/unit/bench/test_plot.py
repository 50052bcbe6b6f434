"""What is drawn of how cost grows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import plot, records
from bench.comparing import Result
from bench.costs import Cost
from bench.peers import BENCH


def recorded() -> dict[str, Any]:
    """A record of two kinds of runs, of which one tells no memory."""
    costs = {
        "at rest, 10,000 files": [Cost(2.0, 1.0, 60.0)],
        "at rest, 1,000 files": [Cost(1.0, 0.5, 50.0)],
        "in full, 1,000 files": [Cost(3.0)],
        "unison, two folders": [Cost(9.0, 9.0, 9.0)],
    }
    return {"works": {"growth": records.of_result(Result("growth", "Growth", costs))}}


def test_curves() -> None:
    """A curve for each kind of run, by the number of files, whatever the order of the record."""
    assert plot.curves(recorded(), "seconds") == {
        "at rest": [(1_000, 1.0), (10_000, 2.0)],
        "in full": [(1_000, 3.0)],
    }


def test_what_was_not_measured_is_not_drawn() -> None:
    """Not as nothing, which would be a point at the bottom."""
    assert plot.curves(recorded(), "mb") == {"at rest": [(1_000, 50.0), (10_000, 60.0)]}


def test_nothing_recorded_yet() -> None:
    """There is no curve before the growth was measured, and that is no error."""
    assert plot.curves({"works": {"sending": {}}}, "seconds") == {}
    assert plot.curves({}, "seconds") == {}


@pytest.mark.skipif(
    not (BENCH / "bin" / "python").exists(), reason="script/setup --bench installs what draws"
)
def test_the_same_picture_of_the_same_figures(tmp_path: Path) -> None:
    """Byte for byte, so that drawing again changes nothing in the repository."""
    file = tmp_path / "performance.json"
    file.write_text(json.dumps(recorded()))
    pictures = [tmp_path / "one.svg", tmp_path / "other.svg"]
    for picture in pictures:
        subprocess.run([BENCH / "bin" / "python", plot.__file__, file, picture], check=True)
    one, other = (picture.read_bytes() for picture in pictures)
    assert one == other
    assert b"<svg" in one
