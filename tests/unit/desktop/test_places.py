"""Family trees are found where Gramps itself would look, by title or by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.desktop.places import FamilyTree, find_installations, find_tree, list_trees
from syncd.model import Problem
from tests.unit.desktop.family import Person


def found(person: Person, named: str) -> FamilyTree:
    """The tree of this name, which there must be."""
    tree = find_tree(named, person.environ)
    assert isinstance(tree, FamilyTree), tree
    return tree


def refused(person: Person, named: str) -> Problem:
    """Why there is no such tree."""
    problem = find_tree(named, person.environ)
    assert isinstance(problem, Problem), problem
    return problem


def write_ini(settings: Path, version: str, text: str) -> None:
    """A gramps.ini of one version of Gramps."""
    (settings / version).mkdir(parents=True)
    (settings / version / "gramps.ini").write_text(
        f";; Gramps key file\n\n[behavior]\nx=1\n\n[database]\n{text}\n"
    )


def test_default_folder(person: Person) -> None:
    """Without any setting, trees are in ~/.local/share/gramps/grampsdb, and are found by their title."""
    folder = person.tree("Smith")
    assert found(person, "Smith").folder == folder
    assert found(person, " Smith ").database == folder / "sqlite.db"


def test_xdg_data_home(person: Person, tmp_path: Path) -> None:
    """$XDG_DATA_HOME moves the trees; a relative one is ignored, as the XDG specification says."""
    folder = person.tree("Smith", folder=tmp_path / "data" / "gramps" / "grampsdb" / "1")
    person.environ["XDG_DATA_HOME"] = str(tmp_path / "data")
    assert found(person, "Smith").folder == folder
    person.environ["XDG_DATA_HOME"] = "data"
    assert "no family tree" in refused(person, "Smith").reason


def test_gramps_home(person: Person, tmp_path: Path) -> None:
    """$GRAMPSHOME replaces all other places, for trees and for settings."""
    person.tree("Smith")
    base = tmp_path / "portable"
    folder = person.tree("Jones", folder=base / "gramps" / "grampsdb" / "1")
    person.environ["GRAMPSHOME"] = str(base)
    assert [tree.title for tree in list_trees(person.environ)] == ["Jones"]
    elsewhere = person.tree("Brown", folder=tmp_path / "elsewhere" / "1")
    write_ini(base / "gramps", "gramps60", f"path={str(elsewhere.parent)!r}")
    assert [tree.folder for tree in list_trees(person.environ)] == [elsewhere]
    assert found(person, str(folder)).title == "Jones"


def test_database_path_of_the_newest_version(person: Person, tmp_path: Path) -> None:
    """`database.path` of gramps.ini counts, of the newest version; a commented line is the default."""
    person.tree("default")
    person.tree("old", folder=tmp_path / "old" / "1")
    person.tree("new", folder=tmp_path / "new" / "1")
    settings = person.home / ".config" / "gramps"
    write_ini(settings, "gramps52", f"path={str(tmp_path / 'old')!r}")
    assert [tree.title for tree in list_trees(person.environ)] == ["old"]
    write_ini(settings, "gramps60", f"path={str(tmp_path / 'new')!r}")
    assert [tree.title for tree in list_trees(person.environ)] == ["new"]
    write_ini(settings, "gramps61", f";;path={str(tmp_path / 'old')!r}")
    assert [tree.title for tree in list_trees(person.environ)] == ["default"]


@pytest.mark.parametrize(
    "text",
    [
        "path=",
        "path=7",
        "path='",
        "path=__import__('os').system('false')",
        "path='a\\x00b'",
        "path=" + "(" * 5000,
        "no key",
        "path=%(home)s",
    ],
)
def test_odd_settings_are_passed_over(person: Person, text: str) -> None:
    """A gramps.ini that makes no sense is treated as Gramps treats it: the default holds; nothing is run."""
    person.tree("Smith")
    write_ini(person.home / ".config" / "gramps", "gramps60", text)
    assert [tree.title for tree in list_trees(person.environ)] == ["Smith"]


def test_database_path_may_begin_with_a_tilde(person: Person) -> None:
    """Gramps expands `~` in its settings, so syncd does."""
    folder = person.tree("Smith", folder=person.home / "my trees" / "1")
    write_ini(person.home / ".config" / "gramps", "gramps60", "path='~/my trees'")
    assert found(person, "Smith").folder == folder


def test_old_home_folder(person: Person) -> None:
    """~/.gramps counts as long as the new folders do not exist, as Gramps has it."""
    person.tree("Old", folder=person.home / ".gramps" / "grampsdb" / "1")
    assert [tree.title for tree in list_trees(person.environ)] == ["Old"]
    person.tree("New")
    assert [tree.title for tree in list_trees(person.environ)] == ["New"]


def test_flatpak(person: Person) -> None:
    """A Gramps that was installed as a Flatpak keeps its trees in a folder of Flatpak's."""
    person.tree("Plain")
    box = person.home / ".var" / "app" / "org.gramps_project.Gramps"
    person.tree("Boxed", folder=box / "data" / "gramps" / "grampsdb" / "1")
    assert [tree.title for tree in list_trees(person.environ)] == ["Boxed", "Plain"]
    person.tree("Moved", folder=person.home / "moved" / "1")
    write_ini(box / "config" / "gramps", "gramps60", f"path={str(person.home / 'moved')!r}")
    assert [tree.title for tree in list_trees(person.environ)] == ["Moved", "Plain"]


def test_by_path(person: Person, tmp_path: Path) -> None:
    """A tree can be named by its folder or its database, with `~`, wherever it is."""
    folder = person.tree("Smith", folder=tmp_path / "far" / "away")
    assert found(person, str(folder)).title == "Smith"
    assert found(person, f"{folder}/sqlite.db").folder == folder
    inside = person.tree("Jones", folder=person.home / "x" / "1")
    assert found(person, "~/x/1").folder == inside
    assert "no family tree" in refused(person, str(tmp_path)).reason


def test_two_trees_with_one_title(person: Person) -> None:
    """A title that two trees have is a problem that lists both paths; a path then says which."""
    one, two = person.tree("Smith"), person.tree("Smith")
    problem = refused(person, "Smith")
    assert str(one) in problem.remedy
    assert str(two) in problem.remedy
    assert found(person, str(two)).folder == two


def test_titles_that_there_are(person: Person) -> None:
    """A title that nothing has: the remedy lists those that exist, and the one that may be meant."""
    person.tree("Smith")
    person.tree("Müller")
    problem = refused(person, "Smiht")
    assert "'Smiht'" in problem.reason
    assert "did you mean 'Smith'?" in problem.remedy
    assert "'Müller', 'Smith'" in problem.remedy


def test_no_tree_at_all(person: Person) -> None:
    """On a machine without Gramps the remedy says where syncd looked."""
    assert str(person.trees) in refused(person, "Smith").remedy


def test_decomposed_titles(person: Person) -> None:
    """A title is the same however its accents are composed."""
    folder = person.tree("Mu\u0308ller")
    assert found(person, "M\u00fcller").folder == folder


def test_titles_as_gramps_reads_them(person: Person) -> None:
    """The title is the first line, stripped; a tree without a proper one goes by its folder's name."""
    first, second, third = person.tree("Smith"), person.tree("x"), person.tree("y")
    (first / "name.txt").write_text(" Smith and Sons \nrubbish")
    (second / "name.txt").write_bytes(b"\xff\xfe")
    (third / "name.txt").write_text("")
    assert {tree.title for tree in list_trees(person.environ)} == {"Smith and Sons", second.name, third.name}


def test_what_is_no_tree(person: Person) -> None:
    """Files, empty folders, dangling links and pipes beside the trees disturb nothing."""
    person.tree("Smith")
    (person.trees / "file").write_text("")
    (person.trees / "empty").mkdir()
    (person.trees / "link").symlink_to(person.home / "nowhere")
    (person.trees / "twice").symlink_to(next(iter(list_trees(person.environ))).folder)
    assert [tree.title for tree in list_trees(person.environ)] == ["Smith"]


def test_pictures_folder(person: Person) -> None:
    """A tree without a base folder has its media in the pictures folder, which user-dirs.dirs names."""

    def pictures() -> Path:
        return find_installations(person.environ)[0].pictures

    assert pictures() == person.home / ".local" / "share" / "gramps"
    file = person.home / ".config" / "user-dirs.dirs"
    file.parent.mkdir(parents=True)
    file.write_text('# a comment\nXDG_MUSIC_DIR="$HOME/Musik"\nXDG_PICTURES_DIR="$HOME/Meine \\"Bilder\\""\n')
    assert pictures() == person.home / 'Meine "Bilder"'
    file.write_text('XDG_PICTURES_DIR="/mnt/pictures"\n')
    assert pictures() == Path("/mnt/pictures")
    file.write_text('XDG_PICTURES_DIR="relative"\n')
    assert pictures() == person.home / ".local" / "share" / "gramps"
