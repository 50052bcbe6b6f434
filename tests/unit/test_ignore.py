"""What stays out of scope."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.errors import ConfigError, FolderError
from syncd.ignore import BUILT_IN, IgnoreRules
from syncd.model import MediaPath


def _ignored(rules: IgnoreRules, text: str) -> bool:
    return rules.matches(MediaPath.of(text))


@pytest.mark.parametrize(
    "text",
    [
        ".syncd/folder.json", ".syncdignore", "a/.DS_Store", "DESKTOP.INI", "thumbs.db", "a/._photo.jpg",
        "a/@eaDir/x.jpg/SYNOPHOTO.jpg", ".picasa.ini", "a.jpg.part", ".~lock.brief.odt#", "~$brief.docx",
        "x.tmp", "tree.gramps", "tree.gpkg", "photo.jpg.xmp", "a.crdownload", ".Trash-1000/files/a.jpg",
        "lost+found/#12", "a/.git/config", ".stfolder/x", ".stversions/a.jpg", "letter.txt~", ".#a", ".a.swp",
        "$RECYCLE.BIN/a.jpg", "System Volume Information/x", ".directory", ".thumbnails/a.png", "ehthumbs.db",
        ".fuse_hidden000012", ".nfs0001", ".goutputstream-AB12", "a.partial", "a.download/Info.plist",
    ],
)  # fmt: skip
def test_rubbish_of_systems_and_programs_is_ignored(tmp_path: Path, text: str) -> None:
    """The built-in names are out of scope without any configuration, and so is what lies below such a folder."""
    assert _ignored(IgnoreRules.load(tmp_path, []), text)


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg", "Großmutter.tif", "a/b/c", "photo (conflict 2026-11-22 desk).jpg",
        "brief.sync-conflict-20261122-101010-ABCDEFG.odt", "tmp/a.jpg", "part.jpg", "x.tmp.jpg", ".hidden.jpg",
        "download/a.jpg", ".picasaoriginals/a.jpg",
    ],
)  # fmt: skip
def test_what_people_made_is_carried(tmp_path: Path, text: str) -> None:
    """Names that merely resemble rubbish, hidden files and conflict copies are somebody's bytes."""
    assert not _ignored(IgnoreRules.load(tmp_path, []), text)


def test_every_built_in_pattern_has_its_reason_and_costs_little() -> None:
    """The list explains itself, and a star stands at one end only."""
    for pattern, reason in BUILT_IN:
        assert reason
        assert "*" not in pattern.strip("*")
        assert pattern.count("*") <= 1
    assert len({pattern for pattern, _ in BUILT_IN}) == len(BUILT_IN)


def test_later_lists_win(tmp_path: Path) -> None:
    """The configuration adds to the built-in list, the folder's own list comes last and may take back."""
    (tmp_path / ".syncdignore").write_text("# mine\n!keep.psd\n!scan.tmp\r\n/drafts/\n", encoding="utf-8")
    rules = IgnoreRules.load(tmp_path, ["*.psd"])
    assert _ignored(rules, "a/b.psd")
    assert not _ignored(rules, "keep.psd")
    assert not _ignored(rules, "a/scan.tmp")
    assert _ignored(rules, "other.tmp")
    assert _ignored(rules, "drafts/deep/er/a.jpg")
    assert not _ignored(rules, "a/drafts/a.jpg")


def test_nothing_below_an_ignored_folder_is_taken_back(tmp_path: Path) -> None:
    """As in git: an ignored folder is not looked into, so a pattern for a file inside cannot count."""
    rules = IgnoreRules.load(tmp_path, ["drafts/", "!drafts/a.jpg"])
    assert _ignored(rules, "drafts/a.jpg")


def test_taking_back_a_folder_leaves_the_rubbish_inside_ignored(tmp_path: Path) -> None:
    """`!*/` says something of folders, not of the thumbnails in them."""
    rules = IgnoreRules.load(tmp_path, ["*", "!*/", "!*.jpg"])
    assert not _ignored(rules, "a/b/photo.jpg")
    assert _ignored(rules, "a/b/letter.txt")
    assert _ignored(IgnoreRules.load(tmp_path, ["!*/"]), "a/.DS_Store")
    assert not _ignored(IgnoreRules.load(tmp_path, ["!.stversions/"]), ".stversions/a.jpg")


def test_the_internal_folder_cannot_be_taken_back(tmp_path: Path) -> None:
    """No pattern makes syncd carry its own folder."""
    rules = IgnoreRules.load(tmp_path, ["!.syncd", "!.syncd/**"])
    assert _ignored(rules, ".syncd/trash/2026-11-22/a.jpg")
    assert _ignored(rules, ".SYNCD/tmp/a")


def test_the_list_itself_is_never_synced(tmp_path: Path) -> None:
    """Nor are intermediate files, whatever a pattern takes back in."""
    rules = IgnoreRules.load(tmp_path, ["!.*", "!.syncdignore"])
    assert _ignored(rules, ".syncdignore")
    assert _ignored(rules, "a/.syncd-1234.tmp")
    assert not _ignored(rules, ".DS_Store")


def test_patterns_and_names_meet_in_nfc(tmp_path: Path) -> None:
    """A pattern typed decomposed matches a name spelt composed, and the other way round."""
    rules = IgnoreRules.load(tmp_path, ["Gro\u0308ße*"])
    assert _ignored(rules, "Größe.txt")
    assert _ignored(rules, "Gro\u0308ße.txt")


@pytest.mark.parametrize("pattern", ["!", "[z-a]", "photo\\", "a[", "/", "!/", "a\nb", "#recycle"])
def test_a_broken_pattern_of_the_configuration_names_its_key(tmp_path: Path, pattern: str) -> None:
    """A pattern that would silently match nothing is wrong configuration."""
    with pytest.raises(ConfigError, match=r"^ignore: "):
        IgnoreRules.load(tmp_path, ["*.psd", pattern])


def test_a_broken_line_of_the_list_stops(tmp_path: Path) -> None:
    """The line is named; what it was to keep out is not uploaded meanwhile."""
    (tmp_path / ".syncdignore").write_text("*.psd\n[z-a]\n", encoding="utf-8")
    with pytest.raises(FolderError, match="line 2"):
        IgnoreRules.load(tmp_path, [])


def test_a_list_that_cannot_be_read_stops(tmp_path: Path) -> None:
    """A folder, a pipe (without waiting for it), a dead link, another encoding: never 'ignore nothing'."""
    path = tmp_path / ".syncdignore"
    path.mkdir()
    with pytest.raises(FolderError):
        IgnoreRules.load(tmp_path, [])
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(FolderError):
        IgnoreRules.load(tmp_path, [])
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(FolderError):
        IgnoreRules.load(tmp_path, [])
    path.unlink()
    path.write_bytes("Größe".encode("latin-1"))
    with pytest.raises(FolderError):
        IgnoreRules.load(tmp_path, [])


def test_a_list_saved_by_notepad_is_read(tmp_path: Path) -> None:
    """A byte order mark belongs to no pattern."""
    (tmp_path / ".syncdignore").write_bytes(b"\xef\xbb\xbf*.psd\r\n")
    assert _ignored(IgnoreRules.load(tmp_path, []), "a.psd")
