"""Killed at any call on folder, state or network: the next runs finish, and all is as if nothing had been.

The ordinary run takes a few points of all kinds; `script/kill-everywhere` takes all.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.calls import Kind
from lab.gramps_web import GrampsWeb
from lab.kill_everywhere import prepare
from lab.killing import Killing, Verdict
from lab.ptrace import SUPPORTED
from lab.recording import by_kind, points_of, sample

SEED = int(os.environ.get("SYNCD_SEED", "1"))
KILLS, CUTS = 5, 1

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="the tracer knows the calls of Linux on x86-64 only")


def assert_well(verdict: Verdict) -> None:
    """Nothing is wrong after a kill; else the command that repeats it is told."""
    again = f"script/kill-everywhere --point '{verdict.point}'"
    assert not verdict.failures, "\n".join([*verdict.failures, f"again: {again}"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_call(gramps_web: GrampsWeb, tmp_path: Path) -> None:
    """Wherever the process is killed, or the power fails: everything ends as in the run that was not killed.

    That run makes no call that nobody knows, and asks its servers for nothing that was not seen; otherwise recording it fails.
    """
    moment = prepare(gramps_web, tmp_path)
    killing = Killing(gramps_web, moment, tmp_path)
    events, outcome = killing.record(tmp_path / "recording")
    points = points_of(events)
    assert {kind.value for kind in Kind} - {"share"} <= by_kind(points).keys()
    chosen = sample(points, KILLS + CUTS, SEED)
    verdicts = [killing.kill(point, outcome) for point in chosen[:KILLS]]
    verdicts += [killing.kill(point, outcome, power=SEED) for point in chosen[KILLS:]]
    for verdict in verdicts:
        assert_well(verdict)
    assert any(verdict.reached for verdict in verdicts)
