"""Somebody who swaps folders of a media folder for links to elsewhere and back, all the time: a race to be lost.

    python -m lab.swapping OUTSIDE FOLDER...

Beside each folder a link to `OUTSIDE/<the folder's name>` takes turns with it under its name; each turn is one rename, so
that at no instant is the name missing. It ends when its standard input is closed, with the folders in their places.
"""

from __future__ import annotations

import random
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.process import ROOT
from syncd.applier.syscalls import EXCHANGE, renameat2


def swap_until_told(outside: Path, folders: Sequence[Path]) -> int:
    """Swap; returns how many times."""
    links = [folder.with_name(f".swapped-{folder.name}") for folder in folders]
    for folder, link in zip(folders, links, strict=True):
        link.symlink_to(outside / folder.name, target_is_directory=True)
    turns = 0
    chance = random.Random(1)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(50):
            number = chance.randrange(len(folders))
            try:
                renameat2(-100, str(folders[number]), -100, str(links[number]), EXCHANGE)
            except FileNotFoundError:  # the folder is empty, and was taken away
                folders[number].mkdir(parents=True, exist_ok=True)
            turns += 1
    for folder, link in zip(folders, links, strict=True):
        if folder.is_symlink():
            renameat2(-100, str(folder), -100, str(link), EXCHANGE)
        if link.is_symlink():
            link.unlink()
    return turns


@contextmanager
def swapping(outside: Path, folders: Sequence[Path]) -> Iterator[None]:
    """A process that does so while the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.swapping", outside, *folders], cwd=ROOT, stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


if __name__ == "__main__":
    print(swap_until_told(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]), "turns", file=sys.stderr)
