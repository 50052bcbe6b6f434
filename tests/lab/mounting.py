"""Disks that come and go, in a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lab import mounting


@contextmanager
def mounted(source: Path | None, target: Path, *, in_use: bool = True, size: str = "") -> Iterator[None]:
    """`lab.mounting.mounted`; skips the test where that is not allowed."""
    with ExitStack() as stack:
        try:
            stack.enter_context(mounting.mounted(source, target, in_use=in_use, size=size))
        except mounting.NotAllowedError:
            pytest.skip("needs the right to mount")
        yield
