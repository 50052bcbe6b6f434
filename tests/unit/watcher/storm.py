"""A storm: makes, renames, exchanges, moves in and out, and deletes folders and files at random, as fast as it can.

Called with the media folder, a folder elsewhere, a number that decides what happens, and seconds.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

FOLDERS_AT_MOST = 120


def folders_of(root: Path) -> list[Path]:
    """All folders, the top first."""
    return [Path(folder) for folder, _names, _files in os.walk(root)]


def once(root: Path, elsewhere: Path, chance: random.Random) -> None:
    """Do something."""
    folders = folders_of(root)
    target = chance.choice(folders)
    source = chance.choice(folders[1:] or [root / "none"])
    match chance.choices(
        ("make", "write", "move", "swap", "out", "in", "ignore", "delete"), (7, 5, 5, 1, 2, 2, 1, 2)
    )[0]:
        case "make":
            target.joinpath(*chance.choices("abcd", k=chance.randint(1, 3))).mkdir(
                parents=True, exist_ok=True
            )
        case "write":
            (target / f"{chance.choice('xyz')}.jpg").write_bytes(chance.randbytes(8))
        case "move":
            source.rename(target / chance.choice("abcdef"))
        case "swap":
            ctypes.CDLL(None).renameat2(-100, os.fsencode(source), -100, os.fsencode(target), 2)
        case "out":
            source.rename(elsewhere / str(chance.random()))
        case "in":
            chance.choice(list(elsewhere.iterdir())).rename(target / chance.choice("abcdef"))
        case "ignore":
            source.rename(target / ".git")
        case "delete":
            shutil.rmtree(source)
    if len(folders) > FOLDERS_AT_MOST:
        shutil.rmtree(source)


def main(root: Path, elsewhere: Path, seed: int, seconds: float) -> None:
    """Rage."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError, IndexError):
            once(root, elsewhere, chance)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
