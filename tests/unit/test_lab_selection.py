"""The lab's list of tests for which one release of Gramps Web is enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lab.one_server import ABOUT_SYNCD_ALONE, find_reason

LAB = Path(__file__).parent.parent / "lab"


@pytest.mark.parametrize("module", ABOUT_SYNCD_ALONE)
def test_what_is_listed_is_there(module: str) -> None:
    """A test that was renamed runs on each release again, and says so here."""
    why, names = ABOUT_SYNCD_ALONE[module]
    assert why
    there = re.findall(r"^def (test_\w+)", (LAB / f"{module}.py").read_text(), re.MULTILINE)
    assert set(names) <= set(there)
    assert find_reason(module, there[0] if not names else next(iter(names))) == why


def test_what_is_not_listed_runs_on_each_release() -> None:
    """The essential promises above all."""
    for module in ("test_both_ways", "test_deletions", "test_other_servers", "test_interruptions"):
        assert find_reason(module, "test_anything") is None
