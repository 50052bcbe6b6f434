"""The files that are measured with."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

from bench.photos import films, scans, thumbnails
from lab.world import md5

GRAMPS = "{http://gramps-project.org/xml/1.7.2/}"


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_scans(tmp_path: Path) -> None:
    """The same each time, of 30 to 800 kB and 298 kB on average, and nothing that a program could make smaller."""
    one, other = scans(tmp_path / "one", 300), scans(tmp_path / "other", 300)
    assert one.checksums == other.checksums
    found = contents(one.folder)
    assert {path: md5(content) for path, content in found.items()} == one.checksums
    sizes = [len(content) for content in found.values()]
    assert min(sizes) >= 30_000
    assert max(sizes) <= 800_000
    assert abs(one.size() / 300 - 298_000) < 15_000
    content = next(iter(found.values()))
    assert len(zlib.compress(content)) > 0.99 * len(content)


def test_thumbnails(tmp_path: Path) -> None:
    """Each content is there under so many names."""
    photos = thumbnails(tmp_path / "photos", 250)
    assert len(photos.checksums) == 250
    assert len(set(photos.checksums.values())) == 25


def test_films(tmp_path: Path) -> None:
    """Exactly as many bytes as were asked for, and no content twice."""
    photos = films(tmp_path / "films", 50_000_000)
    assert photos.size() == 50_000_000
    assert len(set(photos.checksums.values())) == len(photos.checksums) > 1


def test_their_tree(tmp_path: Path) -> None:
    """Its export names each file once, with the checksum of its bytes."""
    photos = scans(tmp_path / "photos", 12)
    files = [*ET.fromstring(photos.tree_xml()).iter(f"{GRAMPS}file")]
    assert {file.get("src"): file.get("checksum") for file in files} == photos.checksums
    assert len(files) == 12
