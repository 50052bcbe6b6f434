"""A watched folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.watcher.lookout import Clock, Lookout


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """An empty media folder."""
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def watching(media: Path) -> Iterator[Callable[..., Lookout]]:
    """Begins to watch the media folder, as it is when called."""
    lookouts: list[Lookout] = []

    def begin(**how: Any) -> Lookout:
        lookout = Lookout(how.pop("root", media), **how)
        lookouts.append(lookout)
        lookout.watcher.start()
        return lookout

    yield begin
    for lookout in lookouts:
        lookout.watcher.stop()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()
