"""Names of many files that arrive are brought to the disk together, and before anything is written down of them."""

from __future__ import annotations

import errno
from collections import Counter
from pathlib import Path

import pytest

from syncd.applier.ledger import Ledger
from syncd.model import FileStamp, FolderFile, MediaPath
from syncd.model.plan import Done
from syncd.state import State
from tests.core import link, md5
from tests.unit.disk.album import Album, World

P = MediaPath.of


@pytest.fixture
def prepared(album: Album, calls: Counter[str]) -> Album:
    """An album with a folder, of which the disk was asked all there is to ask."""
    album.write("1912/a", b"a")
    album.write("1913/a", b"a")
    album.folder.ensure_internal()
    with album.ready(b"first") as ready:
        album.folder.place(ready, P("1912/first"))
    calls.clear()
    return album


def test_several_names_of_a_folder_are_waited_for_once(prepared: Album, calls: Counter[str]) -> None:
    """As soon as somebody asks; a second time there is nothing to wait for."""
    for number, folder in enumerate(["1912", "1912", "1913", "1912"]):
        with prepared.ready(b"%d" % number) as ready:
            prepared.folder.place(ready, P(f"{folder}/{number}"), sync_later=True)
    assert calls["sync_folder"] == 0
    prepared.folder.sync_names()
    assert calls["sync_folder"] == 2
    prepared.folder.sync_names()
    assert calls["sync_folder"] == 2


def test_who_asks_for_nothing_waits_for_each(prepared: Album, calls: Counter[str]) -> None:
    """And so does who replaces a file, whatever is asked for."""
    with prepared.ready(b"new") as ready:
        placed = prepared.folder.place(ready, P("1912/new"))
    assert calls["sync_folder"] == 1
    calls.clear()
    with prepared.ready(b"newer") as ready:
        prepared.folder.place(ready, P("1912/new"), replaces=placed.file, sync_later=True)
    assert calls["sync_folder"] > 1


def test_a_folder_that_is_closed_holds_nothing_open(prepared: Album) -> None:
    """A drive can be unmounted, whatever was not waited for."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with prepared.ready(b"new") as ready:
        prepared.folder.place(ready, P("1912/new"), sync_later=True)
    prepared.folder.close()
    assert len(list(Path("/proc/self/fd").iterdir())) < before


def test_what_may_not_be_on_the_disk_is_not_written_down(
    prepared: Album, world: World, tmp_path: Path
) -> None:
    """A link to a file that a power failure takes would look like a person's deletion."""
    with State.open(tmp_path / "state.sqlite") as state:
        ledger = Ledger(state, "cycle", prepared.folder.sync_names)
        with prepared.ready(b"new") as ready:
            placed = prepared.folder.place(ready, P("1912/new"), sync_later=True)
        done = Done("fetched", "1912/new", "h", md5("new"), 3)
        ledger.note(done, links=[link("h", "1912/new", "new")], files=[placed.file])
        world.fail("sync_folder", errno.EIO)
        ledger.flush()
        ledger.flush()
        assert state.links() == []
        assert ledger.folder_failed
        assert ["does not answer" in problem.reason for problem in ledger.problems] == [True]


def test_names_come_before_what_is_written_down(tmp_path: Path) -> None:
    """Whatever is written down of files that were placed; and only then is anything waited for."""
    waited: list[int] = []
    with State.open(tmp_path / "state.sqlite") as state:
        ledger = Ledger(state, "cycle", lambda: waited.append(len(state.links())))
        ledger.note(links=[link("h", "a", "a")])
        ledger.flush()
        assert waited == []
        file = FolderFile(P("b"), FileStamp(1, 2, 3, 4, 5), md5("b"))
        ledger.note(links=[link("i", "b", "b")], files=[file])
        ledger.flush()
        assert waited == [1]
        assert len(state.links()) == 2
