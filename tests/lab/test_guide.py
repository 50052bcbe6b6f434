"""The user guide is true: its commands are run on real servers, its settings are read, its links lead somewhere.

In a `console` block a line that begins with `$ ` is a command; the lines below it are what it prints, where `…` stands
for anything (alone on a line: for any number of lines). A section with commands needs an entry in `SCENES`.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.world import Desktop, Run, World, md5
from syncd.config import load_settings
from tests.lab.scenario import change_on_web, export, handles, photo, rot

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
SHELL = ("mv", "cp", "rm", "mkdir")
"""What the guide may show besides syncd; run in the media folder."""


@dataclass(frozen=True)
class Scene:
    """What a section begins with.

    Args:
        files: files that are in step before, all sections' at once; each has the photo of its name.
        then: what happened since.
        desktop: which computer the commands are typed on.
    """

    files: tuple[str, ...] = ()
    then: Callable[[World], None] = lambda _world: None
    desktop: Callable[[World], Desktop] = lambda world: world.desktop


def _page() -> dict[str, str]:
    """The sections of the guide, by heading."""
    parts = re.split(r"^## (.+)\n", GUIDE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _steps(block: str) -> Iterator[tuple[list[str], str]]:
    """The commands of a block, each with what it is said to print."""
    first, *commands = re.split(r"^\$ (?=.)", block, flags=re.MULTILINE)
    assert not first, f"a block begins with no command: {first}"
    for command in commands:
        line, _newline, output = command.partition("\n")
        yield shlex.split(line), output


def _type(desktop: Desktop, command: list[str]) -> str:
    """Type a command on a computer; everything that it prints."""
    if command[0] == "syncd":
        run: Run = desktop.syncd(*command[1:], env={"LC_ALL": "C.UTF-8"})
        assert run.code in (0, 1, 3), run
        return run.out + run.err
    assert command[0] in SHELL, f"the guide shows an unknown command: {command}"
    subprocess.run(command, cwd=desktop.folder, check=True)
    return ""


def _fits(expected: str, printed: str) -> bool:
    """Whether a command printed what the guide shows."""
    pattern = ""
    for line in expected.rstrip("\n").splitlines():
        pattern += r"(?:.*\n)*?" if line == "…" else ".*?".join(map(re.escape, line.split("…"))) + r" *\n"
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed.strip() else "") is not None


# --- what happened before each section's commands --------------------------------------------------------------------


def _web_upload(world: World) -> None:
    world.api.upload(photo("from a telephone"))


def _both_edit(world: World) -> None:
    world.write("grandma.jpg", photo("retouched here"))
    change_on_web(world, handles(world)["grandma.jpg"], photo("better scan there"))


def _portrait(world: World) -> None:
    world.api.new_person(media_list=[{"_class": "MediaRef", "ref": handles(world)["portrait.jpg"]}])


def _deleted_on_web(world: World) -> None:
    world.api.delete(handles(world)["wedding.jpg"])


def _large_first_sync(world: World) -> None:
    desktop = world.new_desktop("laptop")
    for number in range(1, 102):
        desktop.write(f"scans/{number:03}.jpg", photo(f"scan {number}"))


def _under_way(world: World) -> None:
    world.api.create("from the laptop.jpg", checksum=md5(photo("under way")))


def _windows(world: World) -> None:
    world.api.delete(handles(world)["from the laptop.jpg"])
    for path in ("aunt.jpg", r"letters\1912.jpg"):
        world.api.create(rf"C:\Users\me\Pictures\{path}", photo(path))
    world.write("letters/1912.jpg", photo(r"letters\1912.jpg"))


def _exported(world: World) -> None:
    pictures = world.base / "desktop" / "Pictures"
    pictures.mkdir()
    named = {"scan.jpg": photo("scan.jpg"), "aunt.jpg": photo("on a wall"), "uncle.jpg": photo("as it was")}
    for path in ("aunt.jpg", "uncle.jpg"):
        (pictures / path).write_bytes(photo("on a wall" if path == "aunt.jpg" else "retouched"))
    checksums = {path: md5(content) for path, content in named.items()}
    export(world.base / "desktop" / "family.gramps", checksums, pictures)


def _another_family(world: World) -> None:
    """A second tree of the same server, and a second configuration that nobody gave a state of its own."""
    users = world.server.add_tree("empty").users
    desktop = world.new_desktop("jones", gramps={"username": users["editor"]})
    desktop.config_file = desktop.config_file.rename(desktop.base / "jones.toml")
    desktop.configure(state_dir=str(world.desktop.state_dir))
    desktop.write("grandpa.jpg", photo("grandpa"))


def _nobodys(world: World) -> None:
    assert world.s3 is not None
    world.s3.put_content(photo("of nobody"))


def _rotten(world: World) -> None:
    rot(world.desktop, "christening.jpg", photo("christeninG.jpg"))


def _remove(world: World, path: str) -> None:
    (world.folder / path).unlink()


def _unplugged(world: World) -> None:
    world.folder.rename(world.base / "unplugged")


def _before_a_switch(world: World) -> None:
    """The drive is back, and one file lies where Gramps Web looked without a prefix for each tree."""
    _plugged_in(world)
    assert world.s3 is not None
    assert world.bucket is not None
    checksum = world.catalog()["switched.jpg"]
    world.bucket.put(checksum, world.s3.get(checksum))
    world.s3.delete(checksum)


def _plugged_in(world: World) -> None:
    (world.base / "unplugged").rename(world.folder)
    _remove(world, "scan.jpg")


def _new(*paths: str) -> Callable[[World], None]:
    def write(world: World) -> None:
        for path in paths:
            world.write(path, photo(path))

    return write


SCENES: dict[str, Scene] = {
    "I put a photo into the folder": Scene(then=_new("Grandma 1912.jpg")),
    "I renamed a folder": Scene(files=("holidays/beach.jpg", "holidays/tent.jpg")),
    "A file is called 0cc175b9….jpg": Scene(then=_web_upload),
    "I edited a photo, and somebody edited it on the web": Scene(files=("grandma.jpg",), then=_both_edit),
    "I deleted a photo by mistake": Scene(
        files=("dog.jpg", "wedding.jpg", "uncle.jpg"), then=_deleted_on_web
    ),
    "It says that a file waits for me": Scene(files=("portrait.jpg",), then=_portrait),
    "It says that the first sync is a large one": Scene(
        then=_large_first_sync, desktop=lambda world: world.desktops[1]
    ),
    "Gramps Web says that the file is missing": Scene(then=_under_way),
    "I have Windows paths": Scene(then=_windows),
    "I don't want the .psd files there": Scene(then=_new("layers.psd")),
    "I have no room for all of it on this computer": Scene(
        files=("archive/old.jpg",), then=lambda world: _remove(world, "layers.psd")
    ),
    "I only want uploads": Scene(then=_new("scan.jpg")),
    "I have an export of my tree, and Gramps Web lacks the files": Scene(then=_exported),
    "I have several family trees": Scene(then=_another_family, desktop=lambda world: world.desktops[-1]),
    "It says that it stopped": Scene(then=_unplugged),
    "All pictures are gone after a setting was changed on the server": Scene(
        files=("switched.jpg",), then=_before_a_switch
    ),
    "The bucket is full of files that nobody needs": Scene(then=_nobodys),
    "Are my files still all right?": Scene(files=("christening.jpg",), then=_rotten),
    "I want to see first what it would do": Scene(),
}


def test_every_section_with_commands_has_its_scene() -> None:
    """Nothing is shown that is not run, and nothing is prepared for a section that is gone."""
    assert {heading for heading, text in _page().items() if _blocks(text, "console")} == SCENES.keys()


@pytest.mark.parametrize("block", _blocks(GUIDE, "toml"))
def test_every_setting_is_one(tmp_path: Path, block: str) -> None:
    """What the guide writes into the configuration is read without complaint."""
    desktop = Desktop(tmp_path, {"gramps": {"url": "http://localhost", "username": "me", "password": "x"}})
    desktop.configure(**tomllib.loads(block))
    load_settings(desktop.config_file, {"HOME": str(tmp_path)})


def test_every_link_leads_somewhere() -> None:
    """Links to other pages and headings exist; so does the one to this page."""
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        page, _hash, anchor = target.partition("#")
        assert (ROOT / "docs" / page).is_file() if page else anchor in headings, target
    for page in ("README.md", "docs/commands.md", "docs/configuration.md"):
        assert "guide.md)" in (ROOT / page).read_text(encoding="utf-8"), page


def _act(desktop: Desktop, text: str) -> Iterator[str]:
    """Do what a section says, from top to bottom: settings count from where they stand. Yields what is not true."""
    for language, block in re.findall(r"^```(toml|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "toml":
            desktop.configure(**tomllib.loads(block))
            continue
        for command, expected in _steps(block):
            printed = _type(desktop, command)
            if not _fits(expected, printed):
                yield f"$ {shlex.join(command)}\n--- shown\n{expected}\n--- printed\n{printed}"


def test_the_commands_do_what_the_guide_says(empty_world: World) -> None:
    """Each section's commands, run one after another in one world, print what is shown."""
    world = empty_world
    for scene in SCENES.values():
        for path in scene.files:
            world.write(path, photo(path))
    world.sync()
    untrue: list[str] = []
    for heading, text in _page().items():
        if heading in SCENES:
            SCENES[heading].then(world)
            desktop = SCENES[heading].desktop(world)
            before = desktop.settings
            untrue += [f"{heading}: {found}" for found in _act(desktop, text)]
            desktop.settings = {}
            desktop.configure(**before)
    assert not untrue, "\n\n".join(untrue)
