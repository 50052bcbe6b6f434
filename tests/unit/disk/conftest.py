"""What every test here starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.disk.album import Album, Disks, World


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """An empty media folder."""
    root = tmp_path / "album"
    root.mkdir()
    return Album(root)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The system as it is, until it is made worse."""
    return World(monkeypatch)


@pytest.fixture
def disks() -> Iterator[Disks]:
    """Gone after the test."""
    made = Disks()
    yield made
    made.unmount()
