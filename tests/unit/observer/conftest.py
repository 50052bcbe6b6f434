"""A scene in step, with three files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.state import State
from tests.unit.observer.scene import Scene


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty state, to be copied: making one takes a while."""
    path = tmp_path_factory.mktemp("state") / "state.sqlite"
    with State.open(path):
        return path


@pytest.fixture
def scene(tmp_path: Path, _empty: Path) -> Iterator[Scene]:
    """`a/x.jpg`, `a/y.jpg` and `z.jpg`, in step."""
    shutil.copy(_empty, tmp_path / "state.sqlite")
    with State.open(tmp_path / "state.sqlite") as state:
        found = Scene(tmp_path / "album", state)
        found.in_step({"a/x.jpg": "one", "a/y.jpg": "two", "z.jpg": "three"})
        yield found
