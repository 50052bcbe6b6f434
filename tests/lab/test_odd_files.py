"""Names and files that others stumble over, from the folder to Gramps Web and from there to another desktop."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from lab.damaged import DamagedDisk
from lab.gramps_web import EMPTY_TREE, GrampsWeb
from lab.world import SYNCD, Desktop, World, md5
from tests.lab.conftest import MakeWorld
from tests.lab.endings import assert_plain, assert_settled, photo

NAMES = {
    "umlauts in NFC": unicodedata.normalize("NFC", "Großmutter Älteste Übung.jpg"),
    "umlauts in NFD": unicodedata.normalize("NFD", "Urgroßväter Ölmühle Café.jpg"),
    "a folder in NFD": unicodedata.normalize("NFD", "Fotos Künstler/Ä.jpg"),
    "emoji": "Hochzeit 👰🏽‍♀️ 🇩🇪.jpg",
    "quotes": "\"Tante\" 'Anna' `la belle` “Minna”.jpg",
    "percent": "100% Anna %20 %2F %zz.jpg",
    "hash": "Band #3.jpg",
    "question mark": "who is that?.jpg",
    "plus and ampersand": "Anna + Björn & Co = 3; a,b.jpg",
    "spaces": "  two  spaces   inside.jpg",
    "brackets": "[1912] {copy} (2) <b>.jpg",
    "shell": "$HOME; rm -rf ~ | !.jpg",
    "colon and star": "1912:11:22 * | scan.jpg",
    "200 characters": "ß" * 96 + "x" * 4 + ".jpg",
    "200 ASCII characters": "n" * 196 + ".jpg",
    "a deep path": "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/photo.jpg",
    "no extension": "LETTER",
    "many dots": "a.b..c.tar.gz",
    "a leading dot": ".hidden.jpg",
    "a leading dash": "-rf",
    "Chinese": "家族/祖父.jpg",
    "right to left": "משפחה/עץ.jpg",
    "markup": "<script>alert(1)</script>.jpg",
    "an unknown extension": "tree.gw",
    "capital extension": "SCAN.JPG",
    "an MD5 as name": "d41d8cd98f00b204e9800998ecf8427f.jpg",
}
"""What is odd about a name, and the name."""


def by_key(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same with names in one normal form, in which Gramps Web and a second desktop may spell them."""
    return {unicodedata.normalize("NFC", path): content for path, content in files.items()}


def assert_same_on_both_sides(world: World, desktop: Desktop | None = None) -> None:
    """As `assert_in_step`, names compared as people read them."""
    files = by_key((desktop or world.desktop).files())
    objects = {unicodedata.normalize("NFC", item["path"]): item for item in world.api.media()}
    assert files.keys() == objects.keys()
    for path, content in files.items():
        assert objects[path]["checksum"] == md5(content), path
        assert world.api.content(objects[path]["handle"]) == content, path


def assert_still(world: World, desktop: Desktop | None = None, *, code: int = 0) -> None:
    """Another run does nothing."""
    mark = world.mark()
    assert (desktop or world.desktop).sync(code=code)["actions"] == []
    mark.assert_nothing_written()


def test_odd_names_arrive_both_ways(empty_world: World) -> None:
    """Every odd name arrives in Gramps Web, and from there in a second desktop's empty folder, byte for byte."""
    world = empty_world
    files = {name: photo(number, 500 + number) for number, name in enumerate(NAMES.values())}
    for name, content in files.items():
        world.write(name, content)
    world.sync()
    assert_same_on_both_sides(world)
    assert_still(world)
    second = world.new_desktop("second")
    second.sync()
    assert by_key(second.files()) == by_key(files)
    assert_still(world, second)
    assert_still(world)


def test_odd_names_from_the_web(empty_world: World) -> None:
    """Objects with odd paths, made on the web, are fetched under these names; an edit goes back to the same object."""
    world = empty_world
    files = {name: photo(number, 500 + number) for number, name in enumerate(NAMES.values())}
    assert world.s3 is not None
    for content in files.values():
        world.s3.put_content(content)
    new = [
        {"_class": "Media", "path": path, "mime": "image/jpeg", "desc": path, "checksum": md5(content)}
        for path, content in files.items()
    ]
    world.api.json("POST", "/objects/", json=new)
    handles = {item["path"]: item["handle"] for item in world.api.media()}
    world.sync()
    assert by_key(world.desktop.files()) == by_key(files)
    for path in list(world.desktop.files()):
        (world.folder / path).write_bytes(photo(7, 900) + path.encode())
    world.sync()
    assert {item["path"]: item["handle"] for item in world.api.media()} == handles
    assert_same_on_both_sides(world)
    assert_still(world)


def test_an_empty_file(world: World) -> None:
    """A file without a byte is a file like any other: added, changed, emptied again, fetched elsewhere."""
    world.copy_example_images()
    world.write("empty.txt", b"")
    world.write("also empty.jpg", b"")
    world.sync()
    world.assert_in_step()
    second = world.new_desktop("second")
    second.sync()
    assert second.files() == world.desktop.files()
    second.write("empty.txt", b"no longer")
    second.sync()
    world.sync()
    assert world.desktop.files()["empty.txt"] == b"no longer"
    world.write("empty.txt", b"")
    world.sync()
    assert_settled(world)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_file_of_two_gigabytes(empty_world: World) -> None:
    """A sparse file of 2 GB arrives in the bucket and in a second folder, in less than 400 MB of memory."""
    world = empty_world
    world.write("small.jpg", photo(1))
    world.sync()
    size = 2 * 1024**3 + 12345
    big = world.folder / "Interview.mp4"
    with big.open("wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"grandmother speaks")
    second = world.new_desktop("second")
    for desktop in (world.desktop, second):
        assert _peak_of_run(desktop) < 400e6
    assert world.s3 is not None
    (item,) = [item for item in world.api.media() if item["path"] == big.name]
    assert world.s3.keys()[item["checksum"]] == size
    fetched = second.folder / big.name
    assert fetched.stat().st_size == size
    assert subprocess.run(["cmp", "-s", big, fetched], check=False).returncode == 0
    assert_still(world)
    big.unlink()
    fetched.unlink()
    world.s3.delete(item["checksum"])


_MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


def _peak_of_run(desktop: Desktop) -> int:
    """The peak of a run's resident memory, in bytes.

    Measured by a small process in between: what a process had before `exec` counts, and pytest is large.
    """
    peak = desktop.base / "peak"
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, peak, SYNCD, "--config", desktop.config_file, "--once", "--json"],
        env=desktop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, (run.stdout, run.stderr)
    return int(peak.read_text()) * 1024


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_five_thousand_small_files(gramps_web: GrampsWeb, new_world: MakeWorld, tmp_path: Path) -> None:
    """5,000 small files arrive, each once, and then in a second desktop's empty folder.

    For most of them Gramps Web has the objects but not the files, as after an import: it would take this server
    three minutes to index 5,000 new ones.
    """
    files = {f"{number // 100:02}/{number}.txt": f"letter {number}\n".encode() for number in range(5000)}
    known = dict(list(files.items())[:4700])
    world = new_world(gramps_web, imported(gramps_web, known, tmp_path))
    world.configure(first_sync="go")
    for path, content in files.items():
        world.write(path, content)
    counts = world.sync(timeout=200)["counts"]
    assert (counts["linked"], counts["uploaded"], counts["added"]) == (4700, 5000, 300)
    assert world.catalog() == {path: md5(content) for path, content in files.items()}
    assert world.s3 is not None
    assert world.s3.keys().keys() == {md5(content) for content in files.values()}
    assert_still(world)
    second = world.new_desktop("second", first_sync="go")
    second.sync(timeout=200)
    assert second.files() == files
    assert_still(world, second)


def imported(server: GrampsWeb, files: dict[str, bytes], folder: Path) -> Path:
    """A family tree with the media objects of these files, made by an import of Gramps XML."""
    objects = "".join(
        f'<object handle="_m{number}" change="1700000000" id="O{number:05}">'
        f'<file src="{path}" mime="text/plain" checksum="{md5(content)}" description="{path}"/></object>\n'
        for number, (path, content) in enumerate(files.items())
    )
    source = folder / "many.gramps"
    source.write_text(EMPTY_TREE.replace("</header>", f"</header>\n<objects>{objects}</objects>"))
    target = folder / "many"
    server.release.import_tree(source, target)
    return target


# --- what is no file --------------------------------------------------------------------------------------------------


def test_what_is_no_file_disturbs_nothing(world: World) -> None:
    """Pipes, sockets and symbolic links beside the media are neither sent, nor followed, nor touched."""
    images = world.copy_example_images()
    outside = world.base / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(photo(1))
    odd = world.folder / "odd"
    odd.mkdir()
    os.mkfifo(odd / "pipe.jpg")
    (odd / "to a file.jpg").symlink_to(world.folder / next(iter(images)))
    (odd / "to a secret.jpg").symlink_to(outside / "secret.jpg")
    (odd / "to a folder").symlink_to(outside, target_is_directory=True)
    (odd / "dangling.jpg").symlink_to("nowhere.jpg")
    (odd / "loop").symlink_to(world.folder, target_is_directory=True)
    (odd / "itself").symlink_to("itself")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(odd)  # a socket's address is short
        try:
            listener.bind("socket.jpg")
        finally:
            os.chdir(here)
        before = sorted((entry.name, entry.lstat().st_mode) for entry in odd.iterdir())
        world.sync()
        world.assert_in_step()
        assert_settled(world)
        assert sorted((entry.name, entry.lstat().st_mode) for entry in odd.iterdir()) == before
    assert {item["path"] for item in world.api.media()} == images.keys()
    assert (outside / "secret.jpg").read_bytes() == photo(1)


def test_a_name_that_is_no_text(world: World) -> None:
    """A name that is not UTF-8 is a problem with a remedy (1); the rest is done, and renamed it is added."""
    world.copy_example_images()
    raw = os.fsencode(world.folder) + b"/caf\xe9 \x1b[31m.jpg"
    Path(os.fsdecode(raw)).write_bytes(photo(1))
    world.write("good.jpg", photo(2))
    run = world.syncd("--once")
    assert run.code == 1, run
    assert_plain(run)
    assert "\\xe9" in run.out
    document = world.sync(code=1)
    (problem,) = document["problems"]
    assert problem["reason"]
    assert "rename" in problem["remedy"]
    assert "good.jpg" in world.catalog()
    assert_settled(world, code=1)
    Path(os.fsdecode(raw)).rename(world.folder / "café.jpg")
    world.sync()
    assert_settled(world)


# --- what stands in the way --------------------------------------------------------------------------------------------


def test_a_folder_becomes_a_link(world: World) -> None:
    """A folder with synced files becomes a link to elsewhere: nothing is written or trashed through it."""
    world.copy_example_images()
    world.write("album/photo.jpg", photo(1))
    world.sync()
    elsewhere = (world.folder / "album").rename(world.base / "album")
    (world.folder / "album").symlink_to(elsewhere, target_is_directory=True)
    assert world.s3 is not None
    handle = world.api.by_path()["album/photo.jpg"]["handle"]
    world.api.edit(handle, checksum=world.s3.put_content(photo(2)))
    run = world.syncd("--once", "--json")
    assert run.code in (0, 1, 3), run
    assert (elsewhere / "photo.jpg").read_bytes() == photo(1)
    assert world.api.exists(handle)
    (world.folder / "album").unlink()
    elsewhere.rename(world.folder / "album")
    world.sync()
    assert (world.folder / "album" / "photo.jpg").read_bytes() == photo(2)
    assert_settled(world)


@pytest.mark.skipif(not DamagedDisk.installed(), reason="needs the right to mount, and FUSE")
def test_a_disk_that_takes_an_exchange_for_a_rename(empty_world: World, tmp_path: Path) -> None:
    """A file system in user space that disregards the flags of renames: nothing that a person had is overwritten on it."""
    world = empty_world
    with DamagedDisk(tmp_path / "disk", world.folder, disregards_flags=True):
        names = ("edited.jpg", "deleted.jpg", "again/deleted.jpg", "moved.jpg", "both.jpg")
        for number, path in enumerate(names):
            world.write(path, photo(number))
        world.sync()
        handles = {path: item["handle"] for path, item in world.api.by_path().items()}
        world.api.replace(handles["edited.jpg"], photo(10))
        world.api.replace(handles["both.jpg"], photo(11))
        world.write("both.jpg", photo(12))
        world.api.delete(handles["deleted.jpg"])
        world.api.edit(handles["moved.jpg"], path="to/moved.jpg")
        world.api.create("new.jpg", photo(13))
        world.sync()
        assert sorted(world.desktop.trash()) == sorted([photo(0), photo(1)])
        assert {photo(number) for number in (2, 3, 10, 11, 12, 13)} <= set(world.desktop.files().values())
        assert_settled(world)


def test_a_folder_beside_one_that_looks_the_same(empty_world: World) -> None:
    """A second copy from a Mac brings a name whose accents are stored in another way: nothing that was synced is gone."""
    world = empty_world
    plain, mac = (unicodedata.normalize(form, "Büro") for form in ("NFC", "NFD"))
    world.write(f"{mac}/a.jpg", photo(1))
    world.write(f"{mac}/b.jpg", photo(2))
    world.sync()
    (world.folder / mac).rename(world.folder / plain)
    world.sync()
    world.write(f"{mac}/c.jpg", photo(3))
    document = world.sync(code=1)
    assert [action["kind"] for action in document["actions"]] == ["uploaded", "added"]
    assert len(world.catalog()) == 3
    for name in ("a.jpg", "b.jpg"):
        (world.folder / plain / name).rename(world.folder / mac / name)
    (world.folder / plain).rmdir()
    world.sync()
    assert world.sync()["actions"] == []
    assert len(world.catalog()) == 3
