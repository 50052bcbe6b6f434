"""What every test here starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.disk.album import Album, World


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
