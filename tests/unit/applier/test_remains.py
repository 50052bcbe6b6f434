"""Whether the bytes of what is deleted are anywhere still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from syncd.applier.disk import MediaFolder
from syncd.applier.remains import Remains, in_trash
from syncd.errors import Unreachable
from syncd.model import Checksum, MediaPath
from syncd.state import State, TrashEntry
from tests.core import file, md5

ONE, TWO = md5("one"), md5("two")


@dataclass
class Store:
    """A bucket, and what it has elsewhere; `fails`: it cannot be reached."""

    here: Mapping[Checksum, int] = field(default_factory=dict)
    elsewhere: Mapping[Checksum, int] = field(default_factory=dict)
    fails: bool = False

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """What is there now."""
        if self.fails:
            raise Unreachable("it is away", "")
        return {one: self.here[one] for one in checksums if one in self.here}

    def bring_back(self, checksums: Any, *, tree_id: str, really: bool) -> Mapping[Checksum, int]:
        """What could come back."""
        assert (tree_id, really) == ("tree", False)
        return {one: self.elsewhere[one] for one in checksums if one in self.elsewhere}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """An empty state."""
    with State.open(tmp_path / "state.sqlite") as state:
        yield state


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[MediaFolder]:
    """An empty media folder."""
    (tmp_path / "media").mkdir()
    with MediaFolder(tmp_path / "media") as folder:
        yield folder


def lost(
    state: State, folder: MediaFolder, store: Store, *, told: bool = True, asks: bool = True
) -> set[str]:
    """What nobody has of two contents; `told`: the store told once that it has them."""
    sizes = dict.fromkeys((ONE, TWO), 3) if told else {}
    return set(Remains(state, folder, cast("Any", store), "tree", sizes, asks=asks).lost([ONE, TWO]))


def test_what_the_bucket_has_lost(state: State, folder: MediaFolder) -> None:
    """It is asked now, whatever it told before; what it has elsewhere is not lost."""
    assert lost(state, folder, Store({ONE: 3, TWO: 3})) == set()
    assert lost(state, folder, Store({ONE: 3})) == {TWO}
    assert lost(state, folder, Store({ONE: 3}, elsewhere={TWO: 3})) == set()
    assert lost(state, folder, Store(), told=False) == {ONE, TWO}


def test_a_bucket_that_is_away(state: State, folder: MediaFolder) -> None:
    """Nobody can tell, so nothing is said."""
    assert lost(state, folder, Store(fails=True)) == set()


def test_a_servers_own_disk_is_not_asked_twice(state: State, folder: MediaFolder) -> None:
    """What it told in this run counts."""
    assert lost(state, folder, Store(fails=True), asks=False) == set()
    assert lost(state, folder, Store(), told=False, asks=False) == {ONE, TWO}


def test_another_file_or_the_trash_has_it(state: State, folder: MediaFolder) -> None:
    """A list of the trash is not believed: a person may have emptied it."""
    state.put_stamps([file("copy.jpg", "one")])
    state.add_trash(TrashEntry(MediaPath.of("a.jpg"), ".syncd/trash/a.jpg", TWO, 3, 1.0, "replaced"))
    assert lost(state, folder, Store()) == {TWO}
    (folder.root / ".syncd/trash").mkdir(parents=True)
    (folder.root / ".syncd/trash/a.jpg").write_text("two")
    assert lost(state, folder, Store()) == set()
    assert in_trash(state, folder) == {TWO: 1}
