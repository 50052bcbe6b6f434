"""Which hints of the watcher are news, and which are only the daemon's own writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.ignore import IgnoreRules
from syncd.model import Detached
from syncd.service import echo as echo_module
from syncd.service.echo import news
from syncd.state import State
from tests.core import link
from tests.unit.observer.scene import Scene


@pytest.fixture
def scene(tmp_path: Path, state: State) -> Scene:
    """Some files that were looked at."""
    found = Scene(tmp_path / "album", state)
    found.in_step(
        {"z.jpg": "z", "a/x.jpg": "x", "a/b/y.jpg": "y", "a/b/c/w.jpg": "w", "Ba\u0308r.jpg": "bear"}
    )
    return found


def told(scene: Scene, *paths: str) -> set[str]:
    """Which of the paths are news."""
    rules = IgnoreRules.load(scene.root, ["drafts/"])
    return set(news(scene.root, paths, scene.state, rules))


EVERYTHING = ("z.jpg", "a/x.jpg", "a/b/y.jpg", "a", "a/b", "a/b/c", "Ba\u0308r.jpg", "B\u00e4r.jpg")


def test_what_is_as_it_was_is_no_news(scene: Scene) -> None:
    """The daemon wrote it, and looked at it afterwards; or somebody merely opened it."""
    assert told(scene) == set()
    assert told(scene, *EVERYTHING[:-1]) == set()


def test_what_is_gone_and_was_not_known_is_no_news(scene: Scene) -> None:
    """A program's file of a moment; what the daemon moved to the trash, or to another name, and forgot."""
    (scene.root / "z.jpg").unlink()
    scene.state.drop_links(["of_z_jpg"])
    scene.state.drop_stamps(["z.jpg"])
    assert told(scene, "z.jpg", "never.jpg", "never/there.jpg", "a/never") == set()


def test_a_folder_in_place_of_a_file_is_news(scene: Scene) -> None:
    """Also an empty one, and one with nothing in it but what is ignored."""
    (scene.root / "z.jpg").unlink()
    (scene.root / "z.jpg").mkdir()
    assert told(scene, "z.jpg") == {"z.jpg"}
    scene.write("z.jpg/drafts/new.jpg", "new")
    assert told(scene, "z.jpg") == {"z.jpg"}


def test_a_folder_in_place_of_one_with_a_file_that_was_no_file_is_news(scene: Scene) -> None:
    """A link stood there, which nothing is known of but what was before it."""
    (scene.root / "a/b/c/w.jpg").unlink()
    (scene.root / "a/b/c/w.jpg").symlink_to("nowhere")
    scene.state.drop_stamps(["a/b/c/w.jpg"])
    assert told(scene, "a/b/c") == {"a/b/c"}
    shutil.rmtree(scene.root / "a/b/c")
    (scene.root / "a/b/c").mkdir()
    assert told(scene, "a/b/c") == {"a/b/c"}


def test_an_edit_is_news(scene: Scene) -> None:
    """Whatever the stamp tells of it: a byte, a time, another file at its place."""
    (scene.root / "z.jpg").write_text("zz")
    os.utime(scene.root / "a" / "x.jpg", (1, 1))
    shutil.copy(scene.root / "a/b/y.jpg", scene.root / "copy")
    (scene.root / "copy").rename(scene.root / "a/b/y.jpg")
    assert told(scene, *EVERYTHING) >= {"z.jpg", "a/x.jpg", "a/b/y.jpg", "a", "a/b"}
    assert told(scene, "a/b/c") == set()


def test_a_new_file_is_news(scene: Scene) -> None:
    """By its own name, and by that of any folder above it."""
    scene.write("a/b/new.jpg", "new")
    scene.write("new/deep/er.jpg", "new")
    assert told(scene, "a", "a/b", "a/b/new.jpg", "new", "new/deep", "a/b/c") == {
        "a",
        "a/b",
        "a/b/new.jpg",
        "new",
        "new/deep",
    }


@pytest.mark.parametrize("path", ["z.jpg", "a/b/y.jpg", "a/b", "a"])
def test_a_deletion_is_news(scene: Scene, path: str) -> None:
    """Of a file or a folder; told by its own name, and by that of the folder above."""
    gone = scene.root / path
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    assert told(scene, path, "a/b/c") >= {path}
    if "/" in path:
        assert told(scene, "a") == {"a"}


def test_a_deletion_of_what_is_only_linked_is_news(scene: Scene) -> None:
    """Its stamp was dropped because it could not vouch for the file: the link still misses it."""
    scene.state.put_links(
        [link("h", "gone.jpg", "x"), link("i", "d/gone.jpg", "x"), link("j", "q", "x", moved_to="E/ahead")]
    )
    assert told(scene, "gone.jpg", "GONE.jpg", "d", "E", "e/ahead", "f") == {
        "gone.jpg",
        "GONE.jpg",
        "d",
        "E",
        "e/ahead",
    }


def test_an_accepted_deletion_may_be_looked_at(scene: Scene) -> None:
    """It costs a look, and does no harm."""
    scene.state.put_links([link("h", "gone.jpg", "x", detached=Detached.FILE_GONE)])
    assert told(scene, "gone.jpg") == {"gone.jpg"}


def test_another_kind_of_thing_at_a_name_is_news(scene: Scene) -> None:
    """A folder where a file was, a file where a folder was, a link or a pipe."""
    (scene.root / "z.jpg").unlink()
    (scene.root / "z.jpg").mkdir()
    shutil.rmtree(scene.root / "a/b")
    (scene.root / "a/b").symlink_to("/")
    assert told(scene, "a/b", "a") == {"a/b", "a"}
    scene.write("z.jpg/new", "new")
    assert told(scene, "z.jpg") == {"z.jpg"}
    (scene.root / "a/x.jpg").unlink()
    os.mkfifo(scene.root / "a/x.jpg")
    assert told(scene, "a/x.jpg") == {"a/x.jpg"}


def test_a_renamed_folder_is_news_under_both_names(scene: Scene) -> None:
    """Its files are known under the old one only."""
    (scene.root / "a").rename(scene.root / "moved")
    assert told(scene, "a", "moved", "moved/b") == {"a", "moved", "moved/b"}


def test_what_is_ignored_is_no_news(scene: Scene) -> None:
    """Also below a folder, and where it is the only change."""
    scene.write("a/Thumbs.db", "t")
    scene.write("a/drafts/new.jpg", "t")
    scene.write("drafts/new.jpg", "t")
    assert told(scene, "a", "a/Thumbs.db", "a/drafts/new.jpg", "drafts/new.jpg") == set()
    (scene.root / "empty").mkdir()
    assert told(scene, "empty") == set()


def test_names_that_are_no_text_are_news(scene: Scene) -> None:
    """The state knows nothing by them: the look at everything tells of them."""
    name = os.fsdecode(b"B\xe4r.jpg")
    scene.write(f"d/{name}", "x")
    assert told(scene, f"d/{name}", name, "d") == {f"d/{name}", name, "d"}


def test_a_link_to_elsewhere_is_not_followed(scene: Scene) -> None:
    """What is behind it is not compared."""
    shutil.rmtree(scene.root / "a")
    (scene.root / "a").symlink_to(scene.root.parent)
    assert told(scene, "a") == {"a"}


@pytest.mark.parametrize("gone", ["a/x.jpg", "a/b"])
def test_what_goes_while_it_is_compared_is_news(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """It was deleted right after its folder was listed: no failure, and the look will tell."""
    scandir = os.scandir

    @contextmanager
    def listed(path: Any) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(path) as listing:
            entries = list(listing)
        if path == scene.root / "a":
            (scene.root / gone).rename(scene.root.parent / "away")
        yield entries

    monkeypatch.setattr(os, "scandir", listed)
    assert told(scene, "a") == {"a"}


def test_a_folder_that_cannot_be_listed_is_news(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is the matter with it, the look will tell."""

    def failing(_path: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", failing)
    assert told(scene, "a") == {"a"}


def _crowded_by_entries(scene: Scene) -> None:
    for number in range(12):
        scene.write(f"crowd/{number}.tmp", "ignored")


def _crowded_by_what_was_known(scene: Scene) -> None:
    scene.in_step({f"crowd/{number}.jpg": str(number) for number in range(12)})
    shutil.rmtree(scene.root / "crowd")
    (scene.root / "crowd").mkdir()


@pytest.mark.parametrize("make", [_crowded_by_entries, _crowded_by_what_was_known])
def test_what_it_costs_is_limited(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, make: Callable[[Scene], None]
) -> None:
    """For more the look itself is as cheap: it counts as news, unseen."""
    make(scene)
    monkeypatch.setattr(echo_module, "ENTRIES_AT_MOST", 10)
    assert told(scene, "crowd") == {"crowd"}


def test_the_limit_is_for_all_paths_together(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand folders of a thousand files are not compared one after the other."""
    monkeypatch.setattr(echo_module, "ENTRIES_AT_MOST", 7)
    assert told(scene, "a/b/c", "a/b") == set()
    assert len(told(scene, "a", "a/b", "a/b/c")) >= 1
