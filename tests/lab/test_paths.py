"""Paths that were written elsewhere, or that nobody can use: mapped, linked, left alone or told; the rest is synced."""

from __future__ import annotations

import tomllib
import unicodedata
from pathlib import Path
from typing import Any

from lab.world import Desktop, World, md5
from tests.lab.endings import assert_plain
from tests.lab.scenario import ends_at_rest, handles, photo, tree_of

REFUSED = {
    "../../etc/x.jpg": ("climbs out", "correct"),
    "photos/../../../x.jpg": ("climbs out", "correct"),
    "..\\..\\x.jpg": ("climbs out", "correct"),
    "..": ("climbs out", "correct"),
    "{folder}/../x.jpg": ("climbs out", "correct"),
    "D:\\mapped\\..\\..\\x.jpg": ("climbs out", "correct"),
    "file:///etc/%2e%2e/x.jpg": ("outside", "syncd paths"),
    "/etc/passwd": ("outside", "syncd paths"),
    "/": ("outside", "syncd paths"),
    "\\\\server\\share\\u.jpg": ("outside", "syncd paths"),
    "//server/share/v.jpg": ("outside", "syncd paths"),
    "file:///srv/album/w.jpg": ("outside", "syncd paths"),
    "C:\\Windows\\x.jpg": ("outside", "syncd paths"),
    "~/x.jpg": ("home folder", "syncd paths"),
    "": ("names no file", "give the object a path"),
    "  ": ("names no file", "give the object a path"),
    "photos/": ("names a folder", "correct"),
    ".syncd/state": ("belongs to syncd", "rename"),
    ".SYNCD/folder.json": ("belongs to syncd", "rename"),
    "a/.syncd/tmp/x.jpg": ("belongs to syncd", "rename"),
    "two\nlines.jpg": ("control character", "rename"),
    "red \x1b[31m\x1b]0;title\x07.jpg": ("control character", "rename"),
    "csi \x9b31m.jpg": ("control character", "rename"),
    "n" * 252 + ".jpg": ("longer than 255 bytes", "rename"),
    "ü" * 126 + ".jpg": ("longer than 255 bytes", "rename"),
    "CON": ("reserved on Windows", "rename"),
    "photos/nul.jpg": ("reserved on Windows", "rename"),
    "photos/x.": ("ends with a dot or a space", "rename"),
    "ends /x.jpg": ("ends with a dot or a space", "rename"),
    "...": ("ends with a dot or a space", "rename"),
    "photo \u202egpj.exe": ("invisible character", "rename"),
    "linked/x.jpg": ("symbolic link", "real folder"),
    "a file.jpg/x.jpg": ("stands where a folder is needed", "rename"),
    "photos": ("a folder has that name", "rename"),
    "PHOTOS/y.jpg": ("only in upper and lower case", "rename"),
    "A FILE.jpg": ("only in upper and lower case", "rename"),
}
"""Paths in Gramps Web that nothing can be written at; what the reason and the remedy say."""

MAPPED = {
    "C:\\Users\\me\\Pictures\\1912\\a.jpg": "1912/a (2).jpg",
    "c:/users/ME/Pictures/1912/b.jpg": "1912/b.jpg",
    "C:\\Users\\me\\Pictures\\c.jpg": "c.jpg",
}
"""Paths of another computer, and where their files are here once they are mapped."""

USABLE = {
    "./back\\slash.jpg": "back/slash.jpg",
    "{folder}/absolute.jpg": "absolute.jpg",
    "{link}/behind a link.jpg": "behind a link.jpg",
    "file://{folder}/as%20an%20address.jpg": "as an address.jpg",
    "D:\\mapped\\scans\\s.jpg": "from D/scans/s.jpg",
    "D:\\mapped\\photos\\p.jpg": "p.jpg",
    "percent%20.jpg": "percent%20.jpg",
    " leading.jpg": " leading.jpg",
    "C:drive.jpg": "C:drive.jpg",
    "ü" * 125 + "a.jpg": "ü" * 125 + "a.jpg",
    unicodedata.normalize("NFD", "ä" * 124 + "ab.jpg"): "ä" * 124 + "ab.jpg",
    "\u200eword.jpg": "\u200eword.jpg",
}
"""Paths in Gramps Web that mean a file here, and which."""

ADDRESS = "https://example.org/web.jpg"


def test_good_and_hostile_paths_in_one_tree(empty_world: World) -> None:
    """Each path that cannot be used is told with reason and remedy; everything else is synced, both ways.

    Nothing is written outside the folder. `syncd paths` sorts them and shows a line; pasted, it makes the paths of another
    computer files of this one, and a second desktop gets them, too.
    """
    world = empty_world
    real, link = world.folder, world.base / "album"
    link.symlink_to(real, target_is_directory=True)
    world.configure(
        media_dir=str(link),
        path_map={"D:\\mapped": "from D", "D:\\mapped\\photos": "."},
    )
    outside = world.base / "outside"
    outside.mkdir()
    (real / "linked").symlink_to(outside, target_is_directory=True)
    (real / "1912").mkdir()
    for path in ("photos/here.jpg", "a file.jpg", "aux.jpg", "back\\wards.jpg", "1912/a.jpg"):
        world.write(path, photo(path))
    notices = {notice["path"]: notice["text"] for notice in world.sync()["notices"]}
    assert notices.keys() == {"aux.jpg", "back\\wards.jpg"}
    assert all("other desktops cannot take this name" in text for text in notices.values())
    world.assert_in_step()
    before, above = world.desktop.files(), _around(world)

    contents = _create(world, real, link)
    document = _assert_told(world)
    fetched = {unicodedata.normalize("NFC", path): photo(raw) for raw, path in USABLE.items()}
    assert _by_key(world.desktop.files()) == _by_key(before) | fetched
    assert _around(world) == above
    assert list(outside.iterdir()) == []
    assert world.catalog().keys() >= contents.keys()
    told = {problem["path"] for problem in document["problems"]}
    ends_at_rest(world, code=1)

    line = _look_at_paths(world, told)
    world.desktop.config_file.write_text(
        "\n".join([line, *_without_path_map(world.desktop.config_file.read_text())])
    )
    was = handles(world)
    document = world.sync(code=1)
    assert not any(raw in {problem["path"] for problem in document["problems"]} for raw in MAPPED)
    files = world.desktop.files()
    for raw, path in MAPPED.items():
        assert files[path] == photo(raw), path
    assert files["1912/a.jpg"] == photo("1912/a.jpg")  # which another object has
    assert "1912/a (2).jpg" in {notice["path"] for notice in document["notices"]}
    assert _around(world) == above
    ends_at_rest(world, code=1)

    # the way back: an edit leaves a mapped path as it is, a move makes it one that means the same everywhere
    world.write("c.jpg", photo("c edited"))
    (real / "1912/b.jpg").rename(real / "b moved.jpg")
    (real / "back\\wards.jpg").rename(real / "mended.jpg")
    world.write("new here.jpg", photo("new here"))
    world.sync(code=1)
    now = world.api.by_path()
    assert now["C:\\Users\\me\\Pictures\\c.jpg"]["checksum"] == md5(photo("c edited"))
    assert now["b moved.jpg"]["handle"] == was["c:/users/ME/Pictures/1912/b.jpg"]
    assert now["mended.jpg"]["handle"] == was["back\\wards.jpg"]
    assert now["new here.jpg"]["checksum"] == md5(photo("new here"))
    ends_at_rest(world, code=1)

    second = world.new_desktop("second")
    second.config_file.write_text(f"{line}\n{second.config_file.read_text()}")
    document = second.sync(code=1)
    problems = {problem["path"]: problem["reason"] for problem in document["problems"]}
    assert "reserved on Windows" in problems["aux.jpg"]
    mine, theirs = _by_key(world.desktop.files()), _by_key(second.files())
    # absolute paths of the first computer mean nothing there; of two objects of one path the older has the name
    own = {"aux.jpg", "absolute.jpg", "behind a link.jpg", "as an address.jpg"}
    wanted = {path: content for path, content in mine.items() if path not in own}
    wanted["linked/x.jpg"] = photo("linked/x.jpg")  # no link is in the way there
    assert wanted.keys() == theirs.keys()
    assert sorted(wanted.values()) == sorted(theirs.values())
    assert _around(world) == above
    mark = world.mark()
    assert second.sync(code=1)["actions"] == []
    ends_at_rest(world, code=1)
    mark.assert_nothing_written()
    _mend_all(world, problems)


def _create(world: World, real: Path, link: Path) -> dict[str, bytes]:
    """Make the objects, each with its bytes in the bucket; content by path."""
    assert world.s3 is not None
    contents = {
        raw.format(folder=real, link=link) if "{" in raw else raw: photo(raw)
        for raw in (*REFUSED, *MAPPED, *USABLE, ADDRESS)
    }
    for content in contents.values():
        world.s3.put_content(content)
    new = [
        {"_class": "Media", "path": path, "mime": "image/jpeg", "checksum": md5(content)}
        for path, content in contents.items()
    ]
    world.api.json("POST", "/objects/", json=new)
    return contents


def _assert_told(world: World) -> dict[str, Any]:
    """A run tells every path that it cannot use, and nothing else; output for people holds no control code."""
    run = world.syncd("--once")
    assert run.code == 1, run
    assert_plain(run)
    document = world.sync(code=1)
    told = {problem["path"]: problem for problem in document["problems"]}
    expected = {
        raw.format(folder=world.folder) if "{" in raw else raw: words for raw, words in REFUSED.items()
    } | dict.fromkeys(MAPPED, ("outside", "syncd paths"))
    assert told.keys() == expected.keys()
    for path, (reason, remedy) in expected.items():
        assert reason in told[path]["reason"], path
        assert remedy in told[path]["remedy"], path
        assert told[path]["handle"], path
    assert document["waiting"] == []
    return document


def _look_at_paths(world: World, told: set[str]) -> str:
    """`syncd paths` sorts what a run told of, changes nothing, and shows a line for the configuration."""
    mark, state = world.mark(), tree_of(world.desktop.state_dir)
    run = world.syncd("paths")
    assert run.code == 1, run
    assert_plain(run)
    answer = world.syncd("paths", "--json").json["paths"]
    mark.assert_nothing_written()
    assert tree_of(world.desktop.state_dir) == state
    groups = {group["kind"]: group for group in answer["groups"] if group["kind"] != "outside"}
    assert {item["path"] for group in answer["groups"] if group["problem"] for item in group["items"]} == told
    assert [item["path"] for item in groups["web-address"]["items"]] == [ADDRESS]
    assert {item["path"] for item in groups["not-for-other-desktops"]["items"]} == {
        "aux.jpg",
        "back\\wards.jpg",
    }
    assert (
        answer["fine"]
        + sum(group["count"] for group in answer["groups"] if group["kind"] != "not-for-other-desktops")
        == answer["objects"]
    )
    (windows,) = (one for one in answer["groups"] if any(item["path"] in MAPPED for item in one["items"]))
    assert windows["count"] == len(MAPPED)
    assert windows["mapping"] == {"from": "C:\\Users\\me\\Pictures", "to": ".", "found": 1}
    (line,) = (line for line in run.out.splitlines() if line.startswith("path_map"))
    path_map = tomllib.loads(line)["path_map"]
    assert path_map == tomllib.loads(answer["path_map"])["path_map"]
    assert path_map.items() >= {"D:\\mapped": "from D", "D:\\mapped\\photos": "."}.items()
    # A person takes the line for the computer that they know, not the places that were made up.
    chosen = {**world.desktop.settings["path_map"], windows["mapping"]["from"]: windows["mapping"]["to"]}
    pairs = ", ".join(f"{_toml(prefix)} = {_toml(folder)}" for prefix, folder in chosen.items())
    assert all(f"{_toml(prefix)} = {_toml(folder)}" in line for prefix, folder in chosen.items())
    return f"path_map = {{ {pairs} }}"


def _mend_all(world: World, problems: dict[str, str]) -> None:
    """The remedies help: given proper paths, the objects' files come, and nobody has a problem any more."""
    objects = world.api.by_path()
    (world.folder / "aux.jpg").rename(world.folder / "mended aux.jpg")
    odd = {
        raw.format(folder=world.folder, link=world.base / "album") if "{" in raw else raw
        for raw in (*REFUSED, *USABLE)
        if "{" in raw or raw in REFUSED
    }
    for number, (path, item) in enumerate(objects.items()):
        if path in odd or (path in problems and path != "aux.jpg"):
            world.api.edit(item["handle"], path=f"mended {number}.jpg")
    world.sync()
    second = world.desktops[1]
    second.sync()
    ends_at_rest(world)
    assert _by_key(second.files()) == _by_key(world.desktop.files())


def _without_path_map(text: str) -> list[str]:
    """A configuration's lines without its map, which the laboratory writes as a section."""
    lines: list[str] = []
    skipping = False
    for line in text.splitlines():
        if line.startswith("["):
            skipping = line == '["path_map"]'
        if not skipping:
            lines.append(line)
    return lines


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\") + '"'


def _by_key(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files by their names in one normal form."""
    return {unicodedata.normalize("NFC", path): content for path, content in files.items()}


def _around(world: World) -> set[str]:
    """Everything that lies beside the media folders and syncd's states, and beside the world itself."""
    own: set[Path] = {world.base}
    for desktop in world.desktops:
        own |= {desktop.base}
    found = {str(path) for path in world.base.parent.rglob("*") if not _is_own(path, world.desktops)}
    return {path for path in found if not path.startswith(str(world.base / "second"))}


def _is_own(path: Path, desktops: list[Desktop]) -> bool:
    return any(
        path.is_relative_to(own) and path != own
        for desktop in desktops
        for own in (desktop.folder, desktop.state_dir)
    )
