"""Whoever looks at nothing but what is told knows in the end what stands in the folder, and every folder is watched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.watcher import storm
from tests.unit.watcher.lookout import Lookout, kernel_watches, wait_until

Watching = Callable[..., Lookout]
Seen = dict[str, tuple[int, int]]


def look_at(root: Path, path: str, seen: Seen) -> None:
    """Look at what was told, and below it, as a cycle does."""
    for known in [known for known in seen if known == path or known.startswith(f"{path}/") or not path]:
        del seen[known]
    top = root / path
    found = [top]
    if top.is_dir() and not top.is_symlink():
        found = []
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name != ".git"]
            found += [Path(folder, name) for name in files]
    for file in found:
        try:
            status = file.lstat()
        except OSError:
            continue
        if not file.name.startswith("mark "):
            seen[file.relative_to(root).as_posix()] = (status.st_ino, status.st_mtime_ns)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm(media: Path, tmp_path: Path, watching: Watching, seed: int) -> None:
    """One to three people rage in the folder for a second."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lookout, seen = watching(settle=0.02), Seen()

    def take() -> None:
        hint = lookout.watcher.take()
        for path in [""] if hint.scan else hint.paths:
            look_at(media, path, seen)
        lookout.paths |= hint.paths
        lookout.scans += [hint.scan] if hint.scan else []

    lookout.take = take  # type: ignore[assignment, method-assign]
    with ExitStack() as people:
        raging = [
            people.enter_context(
                subprocess.Popen(
                    [sys.executable, storm.__file__, media, elsewhere, str(100 * seed + number), "1"]
                )
            )
            for number in range(1 + seed % 3)
        ]

        def is_over() -> bool:
            lookout.take()
            return all(person.poll() is not None for person in raging)

        wait_until(is_over, "they are done")
    lookout.rest()
    there: Seen = {}
    look_at(media, "", there)
    assert seen == there
    folders = [path for path in storm.folders_of(media) if ".git" not in path.parts]
    assert lookout.watcher.health.folders == kernel_watches() == len(folders)
    for folder in folders:
        (folder / "last.jpg").touch()
    assert lookout.rest() == {(folder / "last.jpg").relative_to(media).as_posix() for folder in folders}
