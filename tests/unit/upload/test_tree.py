"""The tree that a person names, and the folder that it calls its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.upload.tree import tree_of_desktop, tree_of_file
from tests.unit.desktop.family import MD5, Person


def export(folder: Path, media_path: str) -> Path:
    """An export with one media object and this base folder."""
    file = folder / "family.gramps"
    file.write_text(
        f'<database xmlns="http://gramps-project.org/xml/1.7.2/"><header>{media_path}</header><objects>'
        '<object handle="_h1"><file src="a.jpg" mime="image/jpeg"/></object><object handle="_h2"/></objects></database>'
    )
    return file


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("/srv/album", "/srv/album"),
        (r"C:\Users\me\Pictures", r"C:\Users\me\Pictures"),
        ("{USER_HOME}/album", "{home}/album"),
        ("album", "{here}/album"),
        ("{GRAMPS_RESOURCES}/album", None),
    ],
)
def test_the_base_folder_of_an_export(person: Person, tmp_path: Path, written: str, base: str | None) -> None:
    """Absolute ones stay as they are; variables are this person's; a relative one lies beside the export."""
    tree = tree_of_file(export(tmp_path, f"<mediapath>{written}</mediapath>"), person.environ)
    expected = (
        None if base is None else base.replace("{home}", str(person.home)).replace("{here}", str(tmp_path))
    )
    assert tree.base == expected
    assert tree.written_base == written
    assert [row.path for row in tree.media] == ["a.jpg"]


def test_the_default_folder_is_that_of_gramps(person: Person, tmp_path: Path) -> None:
    """Without one in the export it is the pictures folder, as the desktop has it."""
    (person.home / ".config").mkdir()
    (person.home / ".config" / "user-dirs.dirs").write_text('XDG_PICTURES_DIR="$HOME/Bilder"\n')
    assert tree_of_file(export(tmp_path, ""), person.environ).base == str(person.home / "Bilder")


def test_a_tree_of_gramps_desktop(person: Person) -> None:
    """It is found by its title, with the checksums that Gramps noted; what is not found is told in the command's words."""
    person.tree("Smith", [("h1", "a.jpg")], media_path=str(person.media))
    tree = tree_of_desktop("Smith", person.environ)
    assert (tree.title, tree.base) == ("Smith", str(person.media))
    assert [(row.path, row.checksum) for row in tree.media] == [("a.jpg", MD5)]
    with pytest.raises(ConfigError, match="Smyth") as caught:
        tree_of_desktop("Smyth", person.environ)
    assert "--desktop" in caught.value.remedy
    assert "desktop.tree" not in f"{caught.value.reason}{caught.value.remedy}"
    person.tree("Old", [], version="20")
    with pytest.raises(ConfigError, match="older Gramps"):
        tree_of_desktop("Old", person.environ)
