"""A state for each test: copied, for making one takes a while."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.state import State


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "state.sqlite"
    with State.open(path):
        return path


@pytest.fixture
def state(tmp_path: Path, _empty: Path) -> Iterator[State]:
    """A new state."""
    shutil.copy(_empty, tmp_path / "state.sqlite")
    with State.open(tmp_path / "state.sqlite") as opened:
        yield opened
