"""Which file of the media folder an object's path means."""

from __future__ import annotations

import unicodedata
from itertools import permutations

import pytest

from syncd.model.catalog_path import PathRules, means_itself, parse_catalog_path
from syncd.model.paths import MediaPath, Refusal, Trouble, refuse_to_write

RULES = PathRules(
    "/home/me/Bilder/Übung",
    (
        ("C:\\Users\\me\\Pictures", "."),
        ("D:\\scans\\", "old/scans"),
        ("/mnt/nas", "."),
        ("\\\\Server\\share\\Fotos", "nas"),
        ("~/Pictures", "."),
        ("attic", "old"),
    ),
    ("/data/pictures",),
)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("./d//./a.jpg", "d/a.jpg"),
        ("d\\a.jpg", "d/a.jpg"),
        ("/home/me/Bilder/Übung/d/a.jpg", "d/a.jpg"),
        (unicodedata.normalize("NFD", "/home/me/Bilder/Übung/d/a.jpg"), "d/a.jpg"),
        ("/home/me//Bilder/./Übung/a.jpg", "a.jpg"),
        ("/data/pictures/d/a.jpg", "d/a.jpg"),
        ("C:\\Users\\me\\Pictures\\d\\a.jpg", "d/a.jpg"),
        ("c:/users/ME/pictures/a.jpg", "a.jpg"),
        ("D:\\scans\\a.jpg", "old/scans/a.jpg"),
        ("/mnt/nas/a.jpg", "a.jpg"),
        ("\\\\server\\Share\\fotos\\a.jpg", "nas/a.jpg"),
        ("//server/share/Fotos/a.jpg", "nas/a.jpg"),
        ("~/Pictures/a.jpg", "a.jpg"),
        ("attic/a.jpg", "old/a.jpg"),
        ("file:///home/me/Bilder/%C3%9Cbung/a%20b.jpg", "a b.jpg"),
        ("FILE://localhost/mnt/nas/a.jpg", "a.jpg"),
        ("file:/mnt/nas/a.jpg", "a.jpg"),
        ("file:///C:/Users/me/Pictures/a.jpg", "a.jpg"),
        ("file:///c%3A/Users/me/Pictures/a.jpg", "a.jpg"),
        ("file://server/share/Fotos/a.jpg", "nas/a.jpg"),
        ("file:a.jpg", "file:a.jpg"),
        ("Mu\u0308ller.jpg", "M\u00fcller.jpg"),
        (" a .jpg", " a .jpg"),
        ("a%20b.jpg", "a%20b.jpg"),
        ('50 % "best" 🎂.jpg', '50 % "best" 🎂.jpg'),
        ("C:a.jpg", "C:a.jpg"),
        ("~", "~"),
        ("~me/a.jpg", "~me/a.jpg"),
        ("d/~/a.jpg", "d/~/a.jpg"),
        ("...", "..."),
        ("a..b", "a..b"),
    ],
)
def test_paths_that_mean_a_file_here(raw: str, path: str) -> None:
    """Backslashes, dots, absolute and mapped paths, file addresses, either name of the media folder."""
    found = parse_catalog_path(raw, RULES)
    assert isinstance(found, MediaPath)
    assert found.key == path


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("", Trouble.NAMELESS), (" ", Trouble.NAMELESS), (".", Trouble.FOLDER), ("/", Trouble.OUTSIDE),
        ("..", Trouble.CLIMBS), ("a/../b", Trouble.CLIMBS), ("..\\a", Trouble.CLIMBS),
        ("/home/me/Bilder/Übung/../x", Trouble.CLIMBS), ("/home/me/Bilder/Übung", Trouble.FOLDER),
        ("/home/me/Bilder/Übung2/a", Trouble.OUTSIDE), ("/etc/passwd", Trouble.OUTSIDE),
        ("E:\\a.jpg", Trouble.OUTSIDE), ("E:", Trouble.OUTSIDE), ("\\\\server\\a", Trouble.OUTSIDE),
        ("//server/share/a", Trouble.OUTSIDE), ("/MNT/nas/a", Trouble.OUTSIDE), ("file:///etc/x", Trouble.OUTSIDE),
        ("file://host/etc/x", Trouble.OUTSIDE), ("a\nb", Trouble.CONTROL), ("a\x7fb", Trouble.CONTROL),
        ("a\x00b", Trouble.CONTROL), ("a\ud800b", Trouble.CONTROL), ("file:///mnt/nas/a%00b", Trouble.CONTROL),
        ("file:///mnt/nas/a%0Ab", Trouble.CONTROL), ("file:///mnt/nas/%ff", Trouble.CONTROL),
        ("file:///mnt/nas/%2e%2e/a", Trouble.CLIMBS), ("C:\\Users\\me\\Pictures\\..\\a", Trouble.CLIMBS),
        ("D:\\scans\\..\\..\\..\\a", Trouble.CLIMBS), ("C:\\Users\\me\\Pictures", Trouble.FOLDER),
        ("d/", Trouble.FOLDER), ("~/a.jpg", Trouble.HOME), ("./~\\a.jpg", Trouble.HOME), ("d\\", Trouble.FOLDER),
    ],
)  # fmt: skip
def test_paths_that_mean_none(raw: str, kind: Trouble) -> None:
    """Refused with a reason and a remedy, never an exception."""
    found = parse_catalog_path(raw, RULES)
    assert isinstance(found, Refusal)
    assert (found.kind, found.silent) == (kind, False)
    assert found.reason
    assert found.remedy


@pytest.mark.parametrize("raw", ["https://example.org/a.jpg", "FTP://x/a", "s3://bucket/a", "http://x/\n"])
def test_a_web_address_is_refused_silently(raw: str) -> None:
    """It is no file, and no problem."""
    found = parse_catalog_path(raw, RULES)
    assert isinstance(found, Refusal)
    assert (found.kind, found.silent) == (Trouble.ADDRESS, True)


def test_of_several_prefixes_the_longest_decides() -> None:
    """Whatever their order, and however they are spelt."""
    pairs = [("/mnt", "a"), ("\\mnt\\nas\\photos", "c"), ("//mnt///nas///", "b"), ("/", "d")]
    for path_map in permutations(pairs):
        rules = PathRules("/home/me", path_map)
        for raw, path in (
            ("/mnt/nas/photos/x", "c/x"), ("/mnt/nas/x", "b/x"), ("/mnt/x", "a/x"), ("/etc/x", "d/etc/x"),
        ):  # fmt: skip
            assert parse_catalog_path(raw, rules) == MediaPath.of(path), (path_map, raw)


def test_the_remedy_for_another_machines_path() -> None:
    """It leads to the command that knows the line."""
    found = parse_catalog_path("E:\\photos\\a.jpg", RULES)
    assert isinstance(found, Refusal)
    assert "syncd paths" in found.remedy


def test_a_name_that_fits_only_in_its_composed_form_is_written_so() -> None:
    """255 bytes in NFC are more in NFD; 256 are too many in both."""
    fits, too_long = "ü" * 125 + "abcde", "ü" * 125 + "abcdef"
    assert len(fits.encode()) == 255
    for text, refused in ((fits, False), (too_long, True)):
        for form in ("NFC", "NFD"):
            path = parse_catalog_path(unicodedata.normalize(form, text), RULES)
            assert isinstance(path, MediaPath)
            assert (refuse_to_write(path) is not None) is refused
    kept = parse_catalog_path("u\u0308.jpg", RULES)
    assert isinstance(kept, MediaPath)
    assert kept.text == "u\u0308.jpg"


@pytest.mark.parametrize(
    ("name", "same"),
    [("d/a.jpg", True), ("C:a", True), ("a\\b.jpg", False), ("C:/a.jpg", False), ("attic/a.jpg", False),
     ("~/Pictures/a", False), (" ", False), ("a%20b", True), ("file:/a", False)],
)  # fmt: skip
def test_names_of_the_folder_that_gramps_web_would_take_for_others(name: str, same: bool) -> None:
    """A backslash in a name, a folder named like a drive, a name that the map leads elsewhere."""
    assert means_itself(MediaPath.of(name), RULES) is same
