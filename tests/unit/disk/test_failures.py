"""What a person is told to do where syncd may not change something."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from syncd.applier.failures import translate

DENIED = OSError(errno.EACCES, "Permission denied")


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which one that is called `shut` cannot be written to; whoever is root may otherwise."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "open").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "shut")
    return tmp_path


def test_the_folder_that_is_in_the_way_is_named(shut: Path) -> None:
    """Of a move it may be the one that the file comes from; of a new folder the nearest one that is there."""
    for path, source in (
        ("open/b.jpg", "shut/a.jpg"),
        ("shut/b.jpg", None),
        ("shut/new/deep/b.jpg", "open/a.jpg"),
    ):
        told = translate(DENIED, shut, path, source)
        assert path in told.reason
        assert told.remedy.startswith(f"chmod u+rwx {shut / 'shut'}, or let")


def test_whoever_shares_a_folder_by_its_group_needs_the_group_s_rights(
    shut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner's rights would not help."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert translate(DENIED, shut, "shut/b.jpg").remedy.startswith(f"chmod g+rwx {shut / 'shut'}, or let")
