"""Where Gramps Desktop has its media in the media folder and nobody chose, syncd asks instead of making duplicates."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from syncd.config import Settings, load_settings
from syncd.desktop import ConfiguredTree, UnreadableTrees, database
from syncd.doorstep import open_desktop
from syncd.errors import ConfigError, ExitCode
from syncd.model.policy import NewFiles
from tests.unit.desktop.family import Person


def settings_of(person: Person, top: str = "", end: str = "", **variables: str) -> Settings:
    """The settings of a file with these lines above its first section and at its end."""
    file = person.home / "syncd.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'media_dir = "{person.media}"\n{top}\n[gramps]\nurl = "https://family.example"\n'
        f'username = "editor"\npassword = "x"\n{end}\n'
    )
    return load_settings(file, {**person.environ, **variables})


def asked(person: Person, **variables: str) -> ConfigError:
    """What syncd asks for."""
    with pytest.raises(ConfigError) as caught:
        open_desktop(settings_of(person, **variables), person.environ)
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def test_the_base_folder_is_the_media_folder(person: Person) -> None:
    """A tree with its base folder there, even without media objects yet, makes syncd ask, with both answers in full."""
    folder = person.tree('The "Smiths"', media_path=str(person.media))
    error = asked(person)
    assert error.reason.startswith("new_files: ")
    assert str(folder) in error.reason
    lines = error.remedy.splitlines()
    section = "\n".join(lines[lines.index("[desktop]") :][:2])
    assert tomllib.loads(section) == {"desktop": {"tree": 'The "Smiths"'}}
    assert 'new_files = "add"' in lines
    assert str(person.home / "syncd.toml") in error.remedy


@pytest.mark.parametrize(
    ("top", "end", "mode"),
    [
        ("", '[desktop]\ntree = "Smith"', NewFiles.UPLOAD_ONLY),
        ('new_files = "add"', "", NewFiles.ADD),
        ('new_files = "upload-only"', "", NewFiles.UPLOAD_ONLY),
        ('new_files = "ignore"', "", NewFiles.IGNORE),
        ('new_files = "add"', '[desktop]\ntree = "Smith"', NewFiles.ADD),
    ],
)
def test_each_choice_settles_it(person: Person, top: str, end: str, mode: NewFiles) -> None:
    """Either key says who makes media objects; [desktop] alone implies upload-only, new_files is always heard."""
    person.tree("Smith", media_path=str(person.media))
    settings = settings_of(person, top, end)
    found = open_desktop(settings, person.environ)
    assert isinstance(found, ConfiguredTree) == bool(end)
    assert settings.policy(lambda _path: False).new_files is mode


def test_variables_choose_too(person: Person) -> None:
    """A choice in the environment counts; an empty variable is none."""
    person.tree("Smith", media_path=str(person.media))
    assert open_desktop(settings_of(person, SYNCD_NEW_FILES="add"), person.environ) is None
    assert isinstance(
        open_desktop(settings_of(person, SYNCD_DESKTOP__TREE="Smith"), person.environ), ConfiguredTree
    )
    asked(person, SYNCD_NEW_FILES="")


def test_the_remedy_is_what_it_says(person: Person) -> None:
    """The lines of the remedy, put where it says, make a configuration with which syncd no longer asks."""
    person.tree("Smith", media_path=str(person.media))
    remedy = asked(person).remedy
    match = re.search(r"^\[desktop\]\ntree = .*$", remedy, re.MULTILINE)
    assert match
    assert isinstance(open_desktop(settings_of(person, end=match[0]), person.environ), ConfiguredTree)


def test_only_the_environment(person: Person) -> None:
    """Without a file the remedy names the variables."""
    person.tree("Smith", media_path=str(person.media))
    variables = {
        "SYNCD_MEDIA_DIR": str(person.media),
        "SYNCD_GRAMPS__URL": "https://family.example",
        "SYNCD_GRAMPS__TOKEN": "x",
    }
    settings = load_settings(None, {**person.environ, **variables})
    with pytest.raises(ConfigError) as caught:
        open_desktop(settings, person.environ)
    assert "SYNCD_DESKTOP__TREE" in caught.value.remedy


def test_one_object_is_enough(person: Person) -> None:
    """A base folder above the media folder, or none at all, makes syncd ask as soon as an object means a file there."""
    folder = person.tree("Smith", [("a", "Documents/a.jpg")], media_path=str(person.home))
    assert open_desktop(settings_of(person), person.environ) is None
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.execute("INSERT INTO media (handle, path) VALUES ('b', ?)", ["Pictures/family/b.jpg"])
    asked(person)
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.execute("DELETE FROM metadata WHERE setting = 'media-path'")
        db.execute("UPDATE media SET path = ?", [f"{person.media}/b.jpg"])
    asked(person)


def test_by_a_link(person: Person) -> None:
    """The media folder is the same by whatever name."""
    link = person.home / "link"
    link.symlink_to(person.media)
    person.tree("Smith", media_path=str(link))
    asked(person)


def test_trees_elsewhere_do_not_matter(person: Person) -> None:
    """A tree with its media in another folder, and one that was never opened, are nobody's business."""
    person.tree("Smith", [("a", "a.jpg")], media_path=str(person.home / "other"))
    empty = person.tree("New")
    (empty / "sqlite.db").unlink()
    assert open_desktop(settings_of(person), person.environ) is None


def test_no_gramps_here(person: Person) -> None:
    """On a machine without Gramps nothing is asked."""
    assert open_desktop(settings_of(person), person.environ) is None


def test_several_trees(person: Person) -> None:
    """Each tree that has its media there is offered; two of one title by their paths."""
    one = person.tree("Smith", media_path=str(person.media))
    two = person.tree("Smith", media_path=str(person.media))
    person.tree("Jones", media_path=str(person.media))
    remedy = asked(person).remedy
    assert 'tree = "Jones"' in remedy
    assert f'# or: tree = "{one}"' in remedy
    assert f'# or: tree = "{two}"' in remedy
    assert "Smith" not in remedy


def test_a_title_that_no_key_can_hold(person: Person) -> None:
    """A title with control characters is offered by its path."""
    folder = person.tree("a\tb", media_path=str(person.media))
    assert f'tree = "{folder}"' in asked(person).remedy


def test_unreadable_trees_are_not_guessed_at(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a tree that is locked, or of another form, nobody knows where its media are: new files' objects wait, and a
    problem says how to choose.
    """
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    folder = person.tree("Smith", media_path=str(person.media))
    person.tree("New", version="22")
    with closing(sqlite3.connect(folder / "sqlite.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = open_desktop(settings_of(person), person.environ)
        assert isinstance(found, UnreadableTrees)
        snapshot, problems = found.look()
    assert not snapshot.readable
    assert found.forms(["a"]) == {}
    newer, locked = problems
    assert "'New'" in newer.reason
    assert "'Smith'" in locked.reason
    assert all('new_files = "add"' in problem.remedy for problem in problems)
    asked(person)


def test_a_readable_tree_is_asked_for_first(person: Person) -> None:
    """An unreadable tree beside one that is known to have its media there changes nothing about the question."""
    person.tree("New", version="22")
    person.tree("Smith", media_path=str(person.media))
    assert "'Smith'" in asked(person).reason


def test_an_account_without_home(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system user without a home folder has no Gramps."""
    settings = settings_of(person)
    monkeypatch.setattr("syncd.desktop.places.home", lambda _environ: None)
    assert open_desktop(settings, {}) is None


def test_nothing_in_the_way_is_followed(person: Person, tmp_path: Path) -> None:
    """Looking for trees does not fail at folders that nobody may read, or at names that are no text."""
    person.tree("Smith", media_path=str(tmp_path))
    (person.trees / "\udcff").mkdir()
    (person.trees / "\udcff" / "name.txt").mkdir()
    (person.trees / "loop").symlink_to("loop")
    assert open_desktop(settings_of(person), person.environ) is None
