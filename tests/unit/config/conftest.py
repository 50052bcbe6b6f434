"""Fixtures for the configuration's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.home import GOOD, Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home folder on a machine without a system-wide configuration."""
    monkeypatch.setattr("syncd.config.sources.SYSTEM_FILE", tmp_path / "etc" / "syncd.toml")
    return Home(tmp_path / "home")


@pytest.fixture
def good() -> str:
    """A small configuration without mistakes; sections may be added."""
    return GOOD
