"""Media types by name."""

from __future__ import annotations

import mimetypes

import pytest

from syncd.gramps import mime_of


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("IMG_0001.HEIC", "image/heic"),
        ("a/b/scan.tif", "image/tiff"),
        ("x.avif", "image/avif"),
        ("x.webp", "image/webp"),
        ("letter.odt", "application/vnd.oasis.opendocument.text"),
        ("table.ods", "application/vnd.oasis.opendocument.spreadsheet"),
        ("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("book.PDF", "application/pdf"),
        ("tree.ged", "application/x-gedcom"),
        ("x.jp2", "image/jp2"),
        ("song.mp3", "audio/mpeg"),
        ("film.mov", "video/quicktime"),
        ("archive.tar.gz", "application/gzip"),
    ],
)
def test_knows_what_families_keep(name: str, mime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types come from our own table, whatever the machine's says."""
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_: pytest.fail("the machine was asked"))
    assert mime_of(name) == mime


@pytest.mark.parametrize("name", ["", "noext", ".jpg", "folder.jpg/noext", "x.zzz", "..", "x.", "dir/.pdf"])
def test_unknown_is_octet_stream(name: str) -> None:
    """A name that says nothing is bytes; a leading dot is no extension."""
    assert mime_of(name) == "application/octet-stream"
