"""A desktop whose syncd runs as an account without rights: tests run as root, whom no rights keep from anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.world import Desktop, World

NOBODY = 65534
"""An account without rights on every Linux."""


@contextmanager
def nobodys_desktop(world: World) -> Iterator[Desktop]:
    """One more computer of the family. What a test puts there belongs to that account after `hand_over`."""
    if os.geteuid() != 0:
        pytest.skip("needs the right to run as another account")
    with TemporaryDirectory() as place:  # pytest's folders are for their owner only
        Path(place).chmod(0o755)
        desktop = world.new_desktop(f"{place}/desktop")
        desktop.user = NOBODY
        hand_over(desktop)
        yield desktop


def hand_over(desktop: Desktop) -> None:
    """Give all that is there to the account that runs syncd."""
    for path in (desktop.base, *desktop.base.rglob("*")):
        shutil.chown(path, NOBODY, NOBODY)
