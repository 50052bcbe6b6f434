"""Files as families have them, always the same for the same number."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

JPEG = b"\xff\xd8\xff\xe0"
FOLDER = 100
"""Files a folder."""
SHARED = 10
"""Thumbnails of one content: rclone's S3 server, which lists a folder's files one by one, takes hours for 100,000 keys."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Photos:
    """Files below a folder; `checksums` are their MD5 by path."""

    folder: Path
    checksums: Mapping[str, str]

    def size(self) -> int:
        """All bytes together."""
        return sum((self.folder / path).stat().st_size for path in self.checksums)

    def tree_xml(self) -> str:
        """The family tree that has a media object for each, as Gramps exports it."""
        objects = "".join(
            f'<object handle="_h{number:09}" change="1700000000" id="O{number:09}"><file src="{path}" '
            f'mime="image/jpeg" checksum="{checksum}" description="{number}"/></object>'
            for number, (path, checksum) in enumerate(self.checksums.items())
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<database xmlns="http://gramps-project.org/xml/1.7.2/">'
            f'<header><created date="2026-01-01" version="6.0.8"/></header><objects>{objects}</objects></database>'
        )


def scans(folder: Path, number: int) -> Photos:
    """Photos of 30 to 800 kB, most of them small, 298 kB on average; they cannot be compressed."""
    chance = random.Random(1837)
    sizes = (round(chance.triangular(30_000, 800_000, 64_000)) for _ in range(number))
    return _written(folder, (JPEG + chance.randbytes(size - len(JPEG)) for size in sizes))


def thumbnails(folder: Path, number: int, shared: int = SHARED) -> Photos:
    """Small files, each content under `shared` names."""
    return _written(folder, (JPEG + b" thumbnail %09d" % (one // shared) for one in range(number)))


def films(folder: Path, size: int) -> Photos:
    """Large scans and films, of 2 to 200 MB, together of this many bytes."""
    chance = random.Random(1895)
    return _written(folder, _of_all_sizes(size, chance), "tif")


def _of_all_sizes(size: int, chance: random.Random) -> Iterator[bytes]:
    block = chance.randbytes(64 * MEGABYTE)
    while size > 0:
        one = min(size, chance.choice((2, 5, 8, 20, 20, 60, 200)) * MEGABYTE)
        start = chance.randrange(MEGABYTE)
        yield (chance.randbytes(16) + block[start:] + block * (one // len(block)))[:one]
        size -= one


def _written(folder: Path, contents: Iterator[bytes], suffix: str = "jpg") -> Photos:
    checksums = {}
    for number, content in enumerate(contents):
        path = folder / f"{number // FOLDER:05}" / f"{number:09}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        checksums[str(path.relative_to(folder))] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Photos(folder, checksums)
