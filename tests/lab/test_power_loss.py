"""The power fails at any moment of a run: whatever the disk has by then, the promises hold on it.

The ordinary run looks at every moment of a first run, and at some of the others; `script/power-loss` at all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.gramps_web import GrampsWeb
from lab.mounting import NotAllowedError
from lab.power import Judge, needed_places
from lab.power_loss import scratch
from lab.ptrace import SUPPORTED
from lab.situations import SITUATIONS, Recorder, places_that_sync

WHOLE = ("first",)
"""Situations of which every moment is looked at."""
EVERY = 30
"""Of the others, one moment of so many."""
NEVER_RECORDED = {"_swap_back"}
"""Functions whose sync is in no recording: a person would have to save the file between two calls."""

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="the tracer knows the calls of Linux on x86-64 only")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_power_fails_at_any_moment(gramps_web: GrampsWeb, tmp_path: Path) -> None:
    """Nothing is lost, nothing partial has a real name, the state claims nothing false; and no sync is asked for in vain.

    Each place in syncd that waits for the disk is left out in turn: in one of the situations something breaks then.
    """
    recorder = Recorder(gramps_web, tmp_path)
    protects: dict[str, bool] = {}
    mounting = True
    with scratch() as folder:
        for situation in SITUATIONS:
            try:
                recorded = recorder.record(situation)
            except NotAllowedError:
                mounting = False
                continue
            judge = Judge(recorded, folder / situation.name)
            failures = judge.failures(every=1 if situation.name in WHOLE else EVERY)
            assert not failures, "\n".join([f"{situation.name}:", *failures[:10]])
            if situation.transfers == 1:
                known = [place for place, needed in protects.items() if needed]
                protects |= {
                    place: bool(broken) for place, broken in needed_places(judge, recorded, known).items()
                }
    assert [place for place, needed in protects.items() if not needed] == []
    if mounting:
        assert {
            place.function for place in places_that_sync() if str(place) not in protects
        } == NEVER_RECORDED
