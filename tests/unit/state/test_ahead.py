"""A look at the state file that begins before it is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import StateError
from syncd.state import State, ahead, looking
from syncd.state.ahead import LARGE, look_ahead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state in which something is written."""
    path = tmp_path / "state.sqlite"
    with State.open(path) as state:
        state.set_meta("a", "written")
    return path


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The looks that were taken at opening; any file counts as large."""
    taken: list[Path] = []

    def look(path: Path, copy_to: None) -> object:
        taken.append(path)
        return before(path, copy_to)

    before = looking.look
    monkeypatch.setattr(ahead, "look", look)
    monkeypatch.setattr(ahead, "LARGE", 0)
    return taken


def test_what_was_seen_ahead_is_not_looked_at_again(path: Path, looks: list[Path]) -> None:
    """The file is opened at once; the next time it is looked at as ever."""
    look_ahead(path)
    with State.open(path) as state:
        assert state.meta("a") == "written"
    assert looks == []
    with State.open(path):
        assert looks == [path]


def test_a_file_that_was_written_to_meanwhile_is_looked_at_again(path: Path, looks: list[Path]) -> None:
    """What was seen says nothing of it."""
    look_ahead(path)
    told = ahead._begun[path]
    told.put(told.get())  # the look is over
    content = bytearray(path.read_bytes())
    content[4096 : 3 * 4096] = bytes(2 * 4096)
    path.write_bytes(content)
    with State.open(path) as state:
        assert looks == [path]
        assert state.damage is not None
        assert state.meta("a") is None


def test_damage_that_was_seen_ahead(path: Path, looks: list[Path]) -> None:
    """It is set aside, as if it were seen at opening."""
    content = bytearray(path.read_bytes())
    content[4096 : 3 * 4096] = bytes(2 * 4096)
    path.write_bytes(content)
    look_ahead(path)
    with State.open(path) as state:
        assert looks == []
        assert state.damage is not None
        assert state.set_aside is not None


def test_a_look_that_failed_is_taken_again(
    path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was wrong, who opens the file says so, or finds that it is over."""

    def seen(_path: Path, _copy_to: None, *, in_place: bool) -> object:
        raise StateError("the state file is written to all the time", "wait")

    monkeypatch.setattr(ahead, "seen", seen)
    look_ahead(path)
    with State.open(path) as state:
        assert looks == [path]
        assert state.meta("a") == "written"


def test_a_file_with_a_log_is_not_copied_ahead(
    path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends meanwhile, because another one is at work, would leave the copy behind; who opens it looks."""
    with State.open(path) as other:
        other.set_meta("a", "in the log")
        monkeypatch.setattr("tempfile.TemporaryDirectory", None)
        look_ahead(path)
        told = ahead._begun.pop(path)
        assert told.get() is None


def test_a_link_to_the_file(path: Path, looks: list[Path], tmp_path: Path) -> None:
    """It is the file that counts."""
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)
    look_ahead(link)
    with State.open(path):
        assert looks == []


def test_what_is_small_or_missing_is_left(tmp_path: Path) -> None:
    """No thread is begun for what takes no time, and nothing is made."""
    path = tmp_path / "state.sqlite"
    look_ahead(path)
    assert not path.exists()
    path.write_bytes(bytes(LARGE - 1))
    look_ahead(path)
    assert path not in ahead._begun
