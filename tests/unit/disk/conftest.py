"""What every test here starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.applier import syscalls
from tests.unit.disk.album import PRIMITIVES, Album, Disks, World


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


@pytest.fixture
def disks() -> Iterator[Disks]:
    """Gone after the test."""
    made = Disks()
    yield made
    made.unmount()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each call was made that changes a disk; install it after what makes the world worse."""
    counted: Counter[str] = Counter()

    def count(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:
            counted[name] += 1
            return real(*arguments)

        return counting

    for name in PRIMITIVES:
        monkeypatch.setattr(syscalls, name, count(name, getattr(syscalls, name)))
    return counted
