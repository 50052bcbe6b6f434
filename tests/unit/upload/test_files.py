"""Which file of this computer a media object of a tree from anywhere means."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from syncd.desktop.database import MediaRow
from syncd.errors import ConfigError
from syncd.upload.files import FileError, Folders, Trouble, find_folders
from syncd.upload.tree import MediaTree

WINDOWS = r"C:\Users\me\Pictures"


def row(path: str) -> MediaRow:
    """A media object with this path."""
    return MediaRow("h", path, "", 0)


def folders(
    tmp_path: Path,
    *paths: str,
    base: str | None = None,
    media_dir: Path | None = None,
    configured: Path | None = None,
    path_map: tuple[tuple[str, str], ...] = (),
) -> Folders:
    """The folders of a tree with these paths."""
    tree = MediaTree("Family", base, base, tuple(row(path) for path in paths or ("a.jpg",)))
    return find_folders(tree, media_dir=media_dir, configured=configured, path_map=path_map)


def read(found: Folders, path: str) -> bytes:
    """The bytes of a path's file."""
    with found.open(row(path)) as file:
        return file.read()


def album(folder: Path, *paths: str) -> Path:
    """A folder with files, each of which holds its own path."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{folder.name}/{path}")
    return folder


def test_the_trees_own_folder(tmp_path: Path) -> None:
    """A relative path belongs to the tree's base folder, whatever else is configured; it may climb out, as in Gramps."""
    base = album(tmp_path / "base", "scans/a.jpg")
    album(tmp_path, "outside.jpg")
    other = album(tmp_path / "media", "scans/a.jpg")
    found = folders(tmp_path, base=str(base), configured=other, path_map=((WINDOWS, "."),))
    assert read(found, "scans/a.jpg") == read(found, "./scans//a.jpg") == b"base/scans/a.jpg"
    assert read(found, "../outside.jpg") == read(found, str(tmp_path / "outside.jpg"))
    assert read(found, (base / "scans/a.jpg").as_uri()) == b"base/scans/a.jpg"


def test_a_folder_behind_a_link(tmp_path: Path) -> None:
    """The media folder, or a folder in it, may be a link."""
    album(tmp_path / "disk", "scans/a.jpg")
    (tmp_path / "base").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "more").symlink_to("scans")
    assert read(folders(tmp_path, base=str(tmp_path / "base")), "more/a.jpg") == b"disk/scans/a.jpg"


@pytest.mark.parametrize("base", [WINDOWS, "/home/somebody/Pictures", "{ELSEWHERE}/x", None])
def test_a_folder_of_another_computer(tmp_path: Path, base: str | None) -> None:
    """Where the tree's folder is not here, `--media-dir` or the configuration's folder stands in; else it is asked for."""
    media = album(tmp_path / "media", "scans/a.jpg")
    for found in (
        folders(tmp_path, base=base, media_dir=media),
        folders(tmp_path, base=base, configured=media),
    ):
        assert found.base == media
        assert read(found, "scans/a.jpg") == read(found, r"scans\a.jpg") == b"media/scans/a.jpg"
        if base and not base.startswith("{"):
            separator = "\\" if "\\" in base else "/"
            assert read(found, separator.join((base, "scans", "a.jpg"))) == b"media/scans/a.jpg"
    with pytest.raises(ConfigError, match="Family") as caught:
        folders(tmp_path, base=base)
    assert "--media-dir" in caught.value.remedy
    with pytest.raises(ConfigError, match="is no folder"):
        folders(tmp_path, base=base, media_dir=media / "missing")


def test_no_folder_is_needed_for_absolute_paths(tmp_path: Path) -> None:
    """A tree that has only absolute paths and addresses needs no media folder."""
    album(tmp_path, "a.jpg")
    found = folders(tmp_path, str(tmp_path / "a.jpg"), "https://example.org/a.jpg", base="/missing")
    assert found.base is None
    assert read(found, str(tmp_path / "a.jpg"))


def test_path_map_leads_to_other_folders(tmp_path: Path) -> None:
    """`path_map` says where folders of other computers are, also below the one that the tree calls its own."""
    media = album(tmp_path / "media", "old/a.jpg", "b.jpg", "scans/c.jpg")
    mapped = (("D:/Scans", "scans"), (f"{WINDOWS}/archive", "old"))
    found = folders(tmp_path, base=WINDOWS, configured=media, path_map=mapped)
    assert read(found, r"D:\Scans\c.jpg") == b"media/scans/c.jpg"
    assert read(found, "archive/a.jpg") == b"media/old/a.jpg"
    assert read(found, "b.jpg") == b"media/b.jpg"
    with pytest.raises(FileError) as caught:
        found.open(row(r"E:\elsewhere.jpg"))
    assert caught.value.trouble is Trouble.ELSEWHERE
    assert "path_map" in caught.value.remedy


def test_names_are_found_in_every_spelling(tmp_path: Path) -> None:
    """A name of macOS (accents apart) is found where Gramps noted it composed, and the other way round."""
    apart = unicodedata.normalize("NFD", "Tante Käthe.jpg")
    album(tmp_path / "media", apart, "Müller.jpg")
    found = folders(tmp_path, base=str(tmp_path / "media"))
    assert read(found, unicodedata.normalize("NFC", apart))
    assert read(found, unicodedata.normalize("NFD", "Müller.jpg"))


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A link to a file, a folder and a pipe are told and not read; a pipe does not keep anybody waiting."""
    media = album(tmp_path / "media", "a.jpg", "folder/b.jpg")
    (media / "link.jpg").symlink_to(media / "a.jpg")
    os.mkfifo(media / "pipe.jpg")
    found = folders(tmp_path, base=str(media))
    for name, trouble in {
        "link.jpg": Trouble.NOT_A_FILE,
        "folder": Trouble.NOT_A_FILE,
        "pipe.jpg": Trouble.NOT_A_FILE,
        "/dev/zero": Trouble.NOT_A_FILE,
        "missing.jpg": Trouble.MISSING,
        "a.jpg/b.jpg": Trouble.MISSING,
        "x" * 300: Trouble.MISSING,
        "nul\0.jpg": Trouble.MISSING,
    }.items():
        assert found.status(row(name)) is None, name
        with pytest.raises(FileError) as caught:
            found.open(row(name))
        assert caught.value.trouble is trouble, name
        assert caught.value.remedy
    assert found.status(row("a.jpg")) is not None
