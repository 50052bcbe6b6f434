"""`syncd paths`: every path that cannot be used, by kind, with what mends it; nothing is changed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest

from syncd import doorstep
from syncd.cli.paths import toml_line
from syncd.errors import SyncdError, Unreachable
from syncd.model import CatalogSnapshot, Link, MediaObject, MediaPath
from syncd.ports import ServerInfo
from syncd.state import Binding
from tests.core import md5, obj
from tests.unit.cli.desk import Desk

INFO = ServerInfo(
    "https://family.example", "tree1", "Smith", "3.24.0", "6.0.8", "anna", frozenset(), people=1, media=1
)


@dataclass
class Web:
    """A Gramps Web that has these objects, or fails."""

    objects: list[MediaObject] = field(default_factory=list)
    failure: SyncdError | None = None

    def connect(self) -> ServerInfo:
        """Log in."""
        if self.failure is not None:
            raise self.failure
        return INFO

    def list(self) -> Any:
        """All objects."""
        return CatalogSnapshot({item.handle: item for item in self.objects}), None

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    """The Gramps Web that the command talks to."""
    found = Web()
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: found)
    return found


def map_paths(desk: Desk, line: str) -> None:
    """Do what the command says: put the line into the configuration, instead of the one that is there."""
    rest = [old for old in desk.config.read_text().splitlines() if not old.startswith("path_map")]
    desk.config.write_text("\n".join([line, *rest]))


def test_nothing_to_mend(desk: Desk, web: Web) -> None:
    """Exit 0, and it says so; nothing was made, not even a state."""
    web.objects = [obj("h", "a.jpg", "one")]
    (desk.media / "a.jpg").write_bytes(b"one")
    before = sorted(desk.home.rglob("*"))
    answer = desk.syncd("paths")
    assert (answer.code, answer.out, answer.err) == (
        0,
        "1 object: all paths are fine; nothing to mend.\n",
        "",
    )
    document = desk.syncd("paths", "--json").document
    assert document["paths"] == {"objects": 1, "fine": 1, "path_map": None, "groups": []}
    assert sorted(desk.home.rglob("*")) == before
    assert desk.syncd("paths", "-q").out == "1 object: all paths are fine; nothing to mend.\n"


def test_the_line_that_is_shown_mends_what_it_is_shown_for(desk: Desk, web: Web) -> None:
    """Pasted into the configuration, which has a map already, it makes the groups vanish; the old map stays in it."""
    map_paths(desk, 'path_map = { \'D:\\old "scans"\' = "scans" }')
    for path in ("1912/a.jpg", "b.jpg", "scans/c.jpg"):
        (desk.media / path).parent.mkdir(exist_ok=True)
        (desk.media / path).write_bytes(b"x")
    web.objects = [
        obj("h1", 'C:\\Users\\"me" & Ä\\Pictures\\1912\\a.jpg', "one"),
        obj("h2", 'C:\\Users\\"me" & Ä\\Pictures\\b.jpg', "two"),
        obj("h3", 'D:\\old "scans"\\c.jpg', "three"),
        obj("h4", "/mnt/nas/d.jpg", "four"),
        obj("h5", "fine.jpg", "five"),
    ]
    answer = desk.syncd("paths")
    assert answer.code == 1
    assert answer.out.startswith("2 objects are fine.\n")
    assert 'In C:\\Users\\"me" & Ä\\Pictures, outside the media folder: 2 objects\n' in answer.out
    assert "(2 of 2 have their file here then)" in answer.out
    assert f"Put this line into {desk.config}, above its first [section]" in answer.out
    [line] = [line for line in answer.out.splitlines() if line.startswith("path_map = ")]
    document = desk.syncd("paths", "--json").document
    assert document["paths"]["fine"] == 2
    expected = {
        'D:\\old "scans"': "scans",
        'C:\\Users\\"me" & Ä\\Pictures': ".",
        "/mnt/nas": ".",
    }
    for shown in (line, document["paths"]["path_map"]):
        assert tomllib.loads(shown)["path_map"] == expected
    map_paths(desk, line)
    mended = desk.syncd("paths", "--json").document["paths"]
    assert (mended["fine"], mended["groups"], mended["path_map"]) == (5, [], None)


def test_the_line_is_valid_in_every_locale(desk: Desk, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without UTF-8 other letters are escaped as TOML has it; so is what cannot be seen, everywhere."""
    folder = "/mnt/Übung „alt“ … 🎂\u202e\u00a0"
    web.objects = [obj("h", f"{folder}/a.jpg", "one")]
    for locale in ("C.UTF-8", "C"):
        monkeypatch.setenv("LC_ALL", locale)
        [line] = [line for line in desk.syncd("paths").out.splitlines() if line.startswith("path_map = ")]
        assert tomllib.loads(line)["path_map"] == {folder: "."}, locale
        assert "\u202e" not in line
    assert line.isascii()
    assert tomllib.loads(toml_line({"\x7f\t": "a"}, ascii_only=False)) == {"path_map": {"\x7f\t": "a"}}


def test_many_of_a_kind_are_counted_and_all_are_in_the_document(desk: Desk, web: Web) -> None:
    """A few examples for people, everything for scripts; no control character reaches anybody."""
    web.objects = [obj(f"h{number}", f"bad\x1b[31m{number}.jpg", "x") for number in range(50)]
    answer = desk.syncd("paths")
    assert "or not proper text: 50 objects\n" in answer.out
    assert "… and 47 more (syncd paths --json lists all)" in answer.out
    assert "\\x1b[31m" in answer.out
    assert "\x1b" not in answer.out
    [group] = desk.syncd("paths", "--json").document["paths"]["groups"]
    assert (group["kind"], group["problem"], group["count"]) == ("control-characters", True, 50)
    assert len(group["items"]) == 50
    assert all(item.keys() == {"path", "handle", "reason", "in_step"} for item in group["items"])
    assert group["meaning"]
    assert group["remedy"]


def test_information_is_no_problem_and_quiet_leaves_it_out(desk: Desk, web: Web) -> None:
    """Web addresses, and files here that others cannot take: exit 0; `-q` does not tell of them."""
    web.objects = [obj("h", "https://example.org/a.jpg", None)]
    (desk.media / "aux.jpg").write_bytes(b"x")
    answer = desk.syncd("paths")
    assert answer.code == 0
    assert "Web addresses: 1 object\n" in answer.out
    assert "under a name that other desktops cannot take: 1 file\n" in answer.out
    assert "reserved on Windows" in answer.out
    assert desk.syncd("paths", "-q").out.count("\n") == 1


def test_what_is_linked_is_told_as_in_step(desk: Desk, web: Web) -> None:
    """The state says what is linked, whatever the path; without that knowledge of another tree's state."""
    with desk.state() as state:
        state.bind(_binding("tree1", str(desk.media)))
        state.put_links([Link("h", "/x/a.jpg", MediaPath.of("a.jpg"), md5("one"))])
    web.objects = [obj("h", "/x/a.jpg", "one")]
    answer = desk.syncd("paths")
    assert answer.code == 0
    assert "1 of them is in step with a file all the same." in answer.out
    with desk.state() as state:
        state.unbind()
        state.bind(_binding("another", str(desk.media)))
        state.put_links([Link("h", "/x/a.jpg", MediaPath.of("a.jpg"), md5("one"))])
    assert desk.syncd("paths").code == 1


def _binding(tree: str, folder: str) -> Binding:
    return Binding(
        tree_id=tree,
        bucket="photos",
        prefix="",
        folder_id="f",
        media_dir=folder,
        server_url="https://family.example",
        title="Smith",
        permissions=frozenset(),
        first_contact=False,
    )


def test_failures_have_their_codes(desk: Desk, web: Web) -> None:
    """A server that is down is 4, a configuration that is wrong 2, a folder that went away a stop."""
    web.failure = Unreachable("Gramps Web does not answer", "see whether it runs")
    assert desk.syncd("paths", "--json").document["error"]["reason"] == "Gramps Web does not answer"
    assert desk.syncd("paths").code == 4
    web.failure = None
    desk.media.rmdir()
    assert desk.syncd("paths").code == 2
    with desk.state() as state:
        state.bind(_binding("tree1", str(desk.media)))
    answer = desk.syncd("paths", "--json")
    assert answer.code == 3
    assert answer.document["stop"]["remedy"]
    desk.config.write_text("")
    assert desk.syncd("paths").code == 2
