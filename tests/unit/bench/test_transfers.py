"""Where the time of a run goes, as the page shows it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from bench.comparing import Result
from bench.costs import Cost, Ran
from bench.works.transfers import Syncd
from lab.process import LabError


def runs(*documents: dict[str, Any], seconds: float = 1.0) -> Syncd:
    """Of a syncd that ends with these documents, one after the other."""
    answers = iter(documents)
    here = SimpleNamespace(
        photos=SimpleNamespace(checksums={"a.jpg": "0" * 32}),
        syncd=lambda *_arguments, through: Ran(Cost(seconds), json.dumps(next(answers))),
    )
    return Syncd(here, "fetched")  # type: ignore[arg-type]


def document(seconds: float, fetched: int = 1) -> dict[str, Any]:
    """Of a run with one phase."""
    phases = [{"name": "Fetching files", "seconds": seconds, "files": 1, "size": 12}]
    return {"counts": {"fetched": fetched}, "problems": [], "phases": phases}


def test_where_the_time_goes() -> None:
    """Medians of each phase, and what no phase covers; other figures stay."""
    syncd = runs(*(document(seconds) for seconds in (0.25, 0.5, 0.75)))
    for _ in range(3):
        syncd.run()
    found = syncd.told(Result("download", "Title", {}, {"keys": 1}))
    assert found.figures == {
        "keys": 1,
        "syncd: Fetching files, s": 0.5,
        "syncd: start, login, end, s": 0.5,
    }


@pytest.mark.parametrize(
    "wrong", [document(0.5, fetched=0), {**document(0.5), "problems": [{"reason": "gone"}]}]
)
def test_a_run_that_did_not_do_it(wrong: dict[str, Any]) -> None:
    """Is no result."""
    with pytest.raises(LabError, match="not all files were fetched"):
        runs(wrong).run()
