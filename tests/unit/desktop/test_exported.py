"""Gramps XML from anybody: what is taken of it, and what is refused before it costs memory or time."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.desktop import exported
from syncd.desktop.exported import read_export
from syncd.errors import ConfigError

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE database PUBLIC "-//Gramps//DTD Gramps XML {version}//EN"
"http://gramps-project.org/xml/{version}/grampsxml.dtd">
<database xmlns="http://gramps-project.org/xml/{version}/">
<header><created date="2026-01-01" version="6.0.0"/>{header}</header>
"""


def tree(objects: str = "", *, version: str = "1.7.2", header: str = "", declared: str = "") -> bytes:
    """An export with these objects; `declared` goes into the document type."""
    head = HEAD.format(version=version, header=header)
    if declared:
        head = head.replace('grampsxml.dtd">', f'grampsxml.dtd" [{declared}]>')
    return f"{head}<objects>{objects}</objects></database>".encode()


def one(src: str = "a.jpg", rest: str = "") -> str:
    """One media object."""
    return f'<object handle="_h1" change="1700000000" id="O0001"><file src="{src}" {rest}/></object>'


def refused(path: Path) -> ConfigError:
    """What reading it raises."""
    with pytest.raises(ConfigError) as caught:
        read_export(path)
    assert str(path) in caught.value.reason
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("version", ["1.5.1", "1.7.1", "1.7.2", "1.9.0"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_what_is_taken(tmp_path: Path, version: str, pack: Callable[[bytes], bytes]) -> None:
    """Handle, path, checksum, type and time of each media object, and the base folder, of any version, packed or not."""
    file = tmp_path / "family.gramps"
    attributes = 'mime="image/jpeg" checksum="0cc175b9c0f1b6a831c399e269772661" description="Aunt &amp; I"'
    file.write_bytes(
        pack(
            tree(
                one("scans/Tante &#228; &amp; ich.jpg", attributes),
                version=version,
                header="<mediapath>/home/me/A &amp; B</mediapath>",
            )
        )
    )
    export = read_export(file)
    assert export.media_path == "/home/me/A & B"
    (row,) = export.media
    assert row.handle == "h1"
    assert row.path == "scans/Tante ä & ich.jpg"
    assert row.checksum == "0cc175b9c0f1b6a831c399e269772661"
    assert row.mime == "image/jpeg"
    assert row.change == 1_700_000_000


def test_what_is_missing_is_no_mistake(tmp_path: Path) -> None:
    """No base folder, no media, no checksum: all may be left out; an object without path or handle is counted."""
    file = tmp_path / "family.gramps"
    file.write_bytes(tree())
    assert read_export(file) == exported.Export(None, ())
    file.write_bytes(tree(one() + one(src="") + '<object><file src="b.jpg"/></object>'))
    export = read_export(file)
    assert [(row.path, row.checksum, row.mime) for row in export.media] == [("a.jpg", "", "")]
    assert export.odd == 2


@pytest.mark.parametrize(
    ("declared", "src"),
    [
        ('<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">', "&b;"),
        ('<!ENTITY a SYSTEM "file:///etc/passwd">', "a.jpg"),
        ('<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;', "a.jpg"),
    ],
    ids=["many laughs", "a file", "a dtd"],
)
def test_entities_are_refused(tmp_path: Path, declared: str, src: str) -> None:
    """No export declares entities: one that does is refused, and none is ever expanded or fetched."""
    file = tmp_path / "family.gramps"
    file.write_bytes(tree(one(src), declared=declared))
    assert "entities" in refused(file).reason


def pieces(kind: str) -> Iterator[bytes]:
    """A file that grows without end when it is unpacked."""
    yield tree().removesuffix(b"</objects></database>")
    filling = {
        "objects": one().encode() * 10_000,
        "nested": b"<a>" * 10_000,
        "comment": b"<!--" + b"a" * (1 << 20),
        "attribute": b'<a b="' + b"a" * (1 << 20),
        "text": b"<note>" + b"a" * (1 << 20),
        "spaces": b" " * (1 << 20),
    }[kind]
    yield filling
    for _ in range(24):
        yield filling.replace(b"<!--", b"aaaa").replace(b'<a b="', b"aaaaaa").replace(b"<note>", b"")


@pytest.mark.parametrize("kind", ["objects", "nested", "comment", "attribute", "text", "spaces"])
def test_what_unpacks_without_end_is_bounded(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that unpacks into a huge one is refused soon, whatever it unpacks into, and held in little memory."""
    monkeypatch.setattr(exported, "LARGEST_EXPORT", 16 << 20)
    monkeypatch.setattr(exported, "MOST_OBJECTS", 1000)
    file = tmp_path / "bomb.gramps"
    with gzip.open(file, "wb") as target:
        for piece in pieces(kind):
            target.write(piece)
    assert file.stat().st_size < 300_000
    tracemalloc.start()
    error = refused(file)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert any(word in error.reason for word in ("more than", "without end"))
    assert peak < 16 << 20


def test_a_very_large_tree(tmp_path: Path) -> None:
    """A very large tree is read whole, in memory for its paths and checksums alone."""
    file = tmp_path / "family.gramps"
    with gzip.open(file, "wb", compresslevel=1) as target:
        target.write(tree().removesuffix(b"</objects></database>"))
        for start in range(0, 30_000, 1000):
            target.write(
                "".join(
                    f'<object handle="_h{n}" change="1" id="O{n}"><file src="scans/{n}.jpg" mime="image/jpeg" '
                    f'checksum="{n:032x}"/><attribute type="t" value="{"v" * 200}"/></object>'
                    for n in range(start, start + 1000)
                ).encode()
            )
        target.write(b"</objects></database>")
    tracemalloc.start()
    media = read_export(file).media
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len({row.checksum for row in media}) == 30_000
    assert peak < 24 << 20


def package() -> bytes:
    """What Gramps' package writer makes, as far as anybody looks."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo("scans/a.jpg")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\xff\xd8\xff\xe0 a photo", "is no Gramps XML"),
        (b"<html><body>Log in</body></html>", "is no Gramps XML"),
        (tree().replace(b"gramps-project.org/xml/", b"example.org/"), "is no Gramps XML"),
        (b"\xef\xbb\xbf0 HEAD\n1 CHAR UTF-8\n", "GEDCOM"),
        (b"SQLite format 3\x00", "database"),
        (package(), "package"),
        (b"PK\x03\x04\x14\x00", "zip archive; a Gramps package"),
        (tree(one())[:-20], "cut short or damaged"),
        (tree(one("a<b.jpg")), "cut short or damaged"),
        (gzip.compress(tree(one()), mtime=0)[:-20], "cut short or damaged"),
        (gzip.compress(tree(one() * 50), mtime=0)[:-8] + b"\0" * 8, "cut short or damaged"),
    ],
    ids=[
        "nothing",
        "nothing-packed",
        "photo",
        "web-page",
        "other-xml",
        "gedcom",
        "database",
        "package",
        "zip",
        "cut",
        "no-xml",
        "packed-cut",
        "packed-damaged",
    ],
)
def test_what_is_no_export_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever else is given is told for what it is, with what to do."""
    file = tmp_path / "family.gramps"
    file.write_bytes(content)
    assert words in refused(file).reason


def test_no_file_is_told(tmp_path: Path) -> None:
    """Nothing of that name, a folder, a pipe that nobody writes to: told at once."""
    assert "no such file" in refused(tmp_path / "missing").reason
    assert "is no file" in refused(tmp_path).reason
    os.mkfifo(tmp_path / "pipe")
    assert "is no file" in refused(tmp_path / "pipe").reason
