"""Which file of the media folder a path of Gramps Desktop means."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.desktop.meaning import Reader, base_folder
from syncd.desktop.places import FamilyTree, find_installations
from syncd.model import PathRules
from tests.unit.desktop.family import Person


def reader(person: Person, base: str | None, **path_map: str) -> Reader:
    """Reads paths of a tree with this base folder; underscores in the map's names stand for backslashes."""
    pairs = tuple((name.replace("_", "\\"), folder) for name, folder in path_map.items())
    return Reader(base, person.media, PathRules(str(person.media), pairs))


def meant(reader: Reader, raw: str) -> str | None:
    """The key of the file that is meant."""
    found = reader.file_of(raw)
    return None if found is None else found.key


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("a.jpg", "a.jpg"),
        ("scans/a.jpg", "scans/a.jpg"),
        ("./scans//a.jpg", "scans/a.jpg"),
        ("scans\\a.jpg", "scans/a.jpg"),
        ("scans/../a.jpg", "a.jpg"),
        ("../family/a.jpg", "a.jpg"),
        ("../a.jpg", None),
        ("../../../../etc/passwd", None),
        ("/etc/passwd", None),
        ("{media}/a.jpg", "a.jpg"),
        ("{media}/x/../y/a.jpg", "y/a.jpg"),
        ("{media}/../a.jpg", None),
        ("{media}", None),
        ("{media}/", None),
        ("{media}2/a.jpg", None),
        ("Zu\u0308ge/a.jpg", "Z\u00fcge/a.jpg"),
        ("https://family.example/a.jpg", None),
        ("ftp://family.example/a.jpg", None),
        ("", None),
        ("  ", None),
        (".", None),
        ("..", None),
        ("scans/", None),
        ("a\0b", None),
        ("x" * 5000 + "/a.jpg", "x" * 5000 + "/a.jpg"),
        ("C:\\Users\\me\\Pictures\\a.jpg", None),
        ("\\\\server\\share\\a.jpg", None),
    ],
)
def test_paths(person: Person, raw: str, key: str | None) -> None:
    """Relative to the base folder, absolute, of another machine, a web address: none raises, none leads out."""
    assert meant(reader(person, str(person.media)), raw.replace("{media}", str(person.media))) == key


def test_paths_of_another_machine(person: Person) -> None:
    """`path_map` says what another machine's folders are here, for whole paths and for the base folder."""
    mapped = reader(person, "C:\\Users\\me", C_=".", **{"C:_Users_me_Pictures": "scans"})
    assert meant(mapped, "c:/users/ME/pictures/a.jpg") == "scans/a.jpg"
    assert meant(mapped, "Pictures\\old\\a.jpg") == "scans/old/a.jpg"
    assert meant(mapped, "Documents/a.jpg") is None
    assert not mapped.has_base


def test_unknown_base(person: Person) -> None:
    """Without a base folder relative paths mean nothing, absolute ones what they say."""
    without = reader(person, None)
    assert meant(without, "a.jpg") is None
    assert meant(without, f"{person.media}/a.jpg") == "a.jpg"
    assert not without.has_base


def test_base_above_and_below(person: Person) -> None:
    """The base folder may lie above the media folder, or within it."""
    above = reader(person, str(person.home))
    assert meant(above, "Pictures/family/a.jpg") == "a.jpg"
    assert meant(above, "a.jpg") is None
    assert not above.has_base
    assert meant(reader(person, str(person.media / "scans")), "a.jpg") == "scans/a.jpg"


def test_links(person: Person) -> None:
    """Links to the media folder, or on the way to it, do not matter, on either side; a link out of it leads out."""
    link = person.home / "link"
    link.symlink_to(person.media)
    (person.media / "inner").mkdir()
    (person.media / "alias").symlink_to("inner")
    (person.media / "out").symlink_to(person.home)
    (person.media / "a.jpg").symlink_to("/etc/passwd")
    (person.media / "circle").symlink_to("circle")
    by_link = Reader(str(person.media), link, PathRules(str(link)))
    assert by_link.has_base
    assert meant(by_link, "inner/b.jpg") == "inner/b.jpg"
    by_name = reader(person, str(link))
    assert by_name.has_base
    assert meant(by_name, f"{link}/inner/b.jpg") == "inner/b.jpg"
    assert meant(by_name, "alias/b.jpg") == "inner/b.jpg"
    assert meant(by_name, "a.jpg") == "a.jpg"
    assert meant(by_name, "circle/b.jpg") == "circle/b.jpg"
    assert meant(Reader(str(link), person.media, PathRules("/nowhere")), "out/b.jpg") is None


def tree_of(person: Person) -> FamilyTree:
    """Some tree."""
    return FamilyTree("Smith", person.trees / "1", find_installations(person.environ)[0])


def test_base_folder(person: Person) -> None:
    """The base folder: the default, absolute, relative to the tree's folder, with variables in braces."""
    person.environ["PHOTOS"] = "/mnt/photos"
    tree = tree_of(person)
    assert base_folder(None, tree) == str(tree.installation.pictures)
    assert base_folder("/x/y", tree) == "/x/y"
    assert base_folder("media", tree) == f"{tree.folder}/media"
    assert base_folder("{PHOTOS}/family", tree) == "/mnt/photos/family"
    assert base_folder("{USER_HOME}/x", tree) == f"{person.home}/x"
    assert base_folder("{USER_DATA}", tree) == str(person.home / ".local/share/gramps")
    assert base_folder("D:\\Photos", tree) == "D:\\Photos"
    assert base_folder("{GRAMPS_RESOURCES}/example", tree) is None
    assert base_folder("{}", tree) is None
    assert base_folder("{HOME.__class__}", tree) == str(Path(tree.folder) / "{HOME.__class__}")
