"""Paths as people type them: where they stand, from where they look, and which of two is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.cli.typed import paths_meant
from syncd.model import Checksum, Link, MediaPath
from syncd.model.plan import Before, Done
from syncd.state import Deed, TrashEntry
from tests.unit.cli.desk import Answer, Desk

ONE = Checksum("1" * 32)


def meant(typed: str, folder: Path) -> list[str]:
    """The paths, likeliest first."""
    return [path.text for path in paths_meant(typed, folder)]


@pytest.fixture
def album(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the media folder, and the current one; files are synced there and at the top."""
    album = desk.media / "album"
    album.mkdir()
    monkeypatch.chdir(album)
    with desk.state() as state:
        paths = ("a.jpg", "album/a.jpg", "album/b.jpg", "album/sub/c.jpg", "albums/d.jpg")
        for number, path in enumerate(paths):
            deed = Deed(Done("added", path, f"h{number}", Checksum(str(number) * 32)))
            state.record([deed], cycle="c", at=number)
        moved = Deed(Done("moved", "elsewhere.jpg", "h2", Checksum("2" * 32)), Before("album/b.jpg"))
        state.record([moved], cycle="c", at=9)
    return album


def told(answer: Answer) -> list[str]:
    """The paths of the events that were told."""
    assert answer.code == 0, answer
    return [event["path"] for event in answer.document["history"]]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("album/b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("./b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("../album/b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("{media}/album/b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("{link}/album/b.jpg", ["album/b.jpg", "elsewhere.jpg"]),
        ("a.jpg", ["a.jpg"]),  # relative to the media folder comes first
        ("{media}/album/a.jpg", ["album/a.jpg"]),
        ("sub", ["album/sub/c.jpg"]),
        ("album/sub/", ["album/sub/c.jpg"]),
        ("album", ["album/a.jpg", "album/b.jpg", "album/sub/c.jpg", "elsewhere.jpg"]),
        (".", ["album/a.jpg", "album/b.jpg", "album/sub/c.jpg", "elsewhere.jpg"]),
        ("{media}/album/", ["album/a.jpg", "album/b.jpg", "album/sub/c.jpg", "elsewhere.jpg"]),
        (
            "{link}",
            ["a.jpg", "album/a.jpg", "album/b.jpg", "album/sub/c.jpg", "albums/d.jpg", "elsewhere.jpg"],
        ),
    ],
)
def test_history_finds_it(desk: Desk, album: Path, typed: str, expected: list[str]) -> None:
    """From within a folder, by whatever way leads into the media folder; of a folder, what happened below."""
    link = desk.home / "link"
    link.symlink_to(desk.media)
    answer = desk.syncd("history", typed.format(media=desk.media, link=link), "--json")
    assert told(answer) == expected


def test_what_is_there_is_meant(desk: Desk, album: Path) -> None:
    """A file that is relative to the media folder, but not synced yet, is not another of that name."""
    assert told(desk.syncd("history", "b.jpg", "--json"))[0] == "album/b.jpg"
    (desk.media / "b.jpg").write_text("not synced yet")
    answer = desk.syncd("history", "b.jpg")
    assert (answer.code, answer.out) == (2, "")
    assert "nothing is known of 'b.jpg'" in answer.err


def test_a_folder_in_which_nothing_happened(desk: Desk) -> None:
    """Its files are in step for longer than the record goes back; a folder without any is not known."""
    with desk.state() as state:
        state.put_links([Link("h", "album/a.jpg", MediaPath.of("album/a.jpg"), ONE)])
    assert "in step" in desk.syncd("history", "album/").out
    assert desk.syncd("history", str(desk.media)).code == 0
    assert desk.syncd("history", "alb").code == 2


@pytest.mark.parametrize("typed", ["../outside.jpg", "/", "", "..", "a\0b", "~/a.jpg", "caf\udce9/"])
def test_what_leads_nowhere(desk: Desk, album: Path, typed: str) -> None:
    """It is told, and is no defect."""
    album.parent.rename(desk.home / "gone")  # the current folder is outside by now
    desk.media.mkdir()
    assert desk.syncd("history", typed).code == 2


def test_a_current_folder_that_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is relative to the media folder is found all the same."""
    here = desk.home / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    assert meant("a.jpg", desk.media) == ["a.jpg"]
    assert meant("", desk.media) == []


def test_a_name_with_a_backslash(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came from Windows means a folder; but here a file may be called so."""
    monkeypatch.chdir(desk.home)
    assert meant("album\\a.jpg", desk.media) == ["album/a.jpg", "album\\a.jpg"]


def test_trash_restore_takes_the_same(desk: Desk, album: Path) -> None:
    """A path from where one stands brings back what was deleted there."""
    trash = desk.media / ".syncd/trash"
    trash.mkdir(parents=True)
    with desk.state() as state:
        for name in ("one", "two"):
            (trash / name).write_text(name)
            entry = TrashEntry(MediaPath.of(f"album/{name}.jpg"), f".syncd/trash/{name}", None, 3, 1.0, "x")
            state.add_trash(entry)
    assert desk.syncd("trash", "restore", "one.jpg").code == 0
    assert desk.syncd("trash", "restore", str(album / "two.jpg")).code == 0
    assert sorted(path.name for path in album.iterdir()) == ["one.jpg", "two.jpg"]
