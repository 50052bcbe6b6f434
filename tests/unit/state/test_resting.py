"""The note that a run leaves in the state when it ends at rest."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from syncd.model import Detached, FileStamp, FolderFile, MediaPath
from syncd.state import State
from tests.core import link, md5


def test_who_opens_the_state_next_reads_it(tmp_path: Path) -> None:
    """It is there once."""
    path = tmp_path / "state.sqlite"
    with State.open(path) as state:
        assert state.rest is None
        state.note_rest("all in step")
    with State.open(path) as state:
        assert state.rest == "all in step"
    with State.open(path) as state:
        assert state.rest is None


def test_a_run_that_is_killed_leaves_none(tmp_path: Path) -> None:
    """It is gone from the file from the moment in which the state was opened."""
    path = tmp_path / "state.sqlite"
    with State.open(path) as state:
        state.note_rest("all in step")
    with State.open(path), State.open(path, read_only=True) as copy:  # what a later run would find
        assert copy.meta("rest") is None


def test_looking_leaves_it(tmp_path: Path) -> None:
    """A copy in memory changes nothing, and has no use for it."""
    path = tmp_path / "state.sqlite"
    with State.open(path) as state:
        state.note_rest("all in step")
    with State.open(path, read_only=True) as copy:
        assert copy.rest is None
    with State.open(path) as state:
        assert state.rest == "all in step"


def test_a_state_in_which_it_cannot_be_taken_away_is_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would outlive what this run changes."""
    path = tmp_path / "state.sqlite"
    with State.open(path) as state:
        state.note_rest("all in step")

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(State, "set_meta", fail)
        with pytest.raises(RuntimeError):
            State.open(path)
    with State.open(path) as state:
        assert state.rest == "all in step"


def test_files_of_which_the_stat_cache_has_nothing(state: State) -> None:
    """By where the file is, in whatever form the disk has its name; one that is gone for good is nobody's."""
    nfd = unicodedata.normalize("NFD", "Bär.jpg")
    state.put_links(
        [
            link("known", "known.jpg", "x"),
            link("known, with accents", nfd, "x"),
            link("young", "young.jpg", "x"),
            link("young, with accents", f"1912/{nfd}", "x"),
            link("ahead", "before.jpg", "x", moved_to="after.jpg"),
            link("no object", "no object.jpg", "x", detached=Detached.OBJECT_GONE),
            link("no file", "no file.jpg", "x", detached=Detached.FILE_GONE),
        ]
    )
    stamp = FileStamp(1, 2, 3, 4, 5)
    state.put_stamps(
        FolderFile(MediaPath.of(path), stamp, md5("x")) for path in ("known.jpg", nfd, "before.jpg")
    )
    assert state.unstamped() == {"young.jpg", "1912/Bär.jpg", "after.jpg", "no object.jpg"}
