"""An empty state and a few values to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.state import Binding, State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state will be; its folder is missing yet."""
    return tmp_path / "state" / "state.sqlite"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    """A new state."""
    with State.open(path) as opened:
        yield opened


@pytest.fixture
def binding() -> Binding:
    """What a state may be bound to."""
    return Binding(
        tree_id="tree",
        bucket="family",
        prefix="media/tree/",
        folder_id="folder",
        media_dir="/home/anna/Bilder",
        server_url="https://family.example",
        title="Familie Müller",
        permissions=frozenset({"ViewPrivate", "EditObject"}),
    )
