"""Guessing which folder of another machine is which folder here."""

from __future__ import annotations

import pytest

from syncd.merge.mapping import Foreign, Proposal, propose
from syncd.model.catalog_path import PathRules, parse_catalog_path
from syncd.model.paths import MediaPath
from tests.core import md5


def guess(paths: list[str], files: list[str], taken: list[str] | None = None) -> list[tuple[str, str, int]]:
    """The proposals: prefix, folder and how many files are found. Each must hold what it promises."""
    proposals = propose([Foreign(path) for path in paths], dict.fromkeys(files), taken or [])
    rules = PathRules("/nowhere", tuple((one.prefix, one.folder) for one in proposals))
    found = [parse_catalog_path(path, rules) for path in paths]
    assert all(isinstance(path, MediaPath) for path in found), found
    assert sorted(index for one in proposals for index in one.members) == list(range(len(paths)))
    here = {MediaPath.of(name) for name in files}
    assert sum(one.found for one in proposals) == sum(path in here for path in found)
    return [(one.prefix, one.folder, one.found) for one in proposals]


@pytest.mark.parametrize(
    ("paths", "files", "proposed"),
    [
        # the same layout, on Windows
        (
            ["C:\\Users\\me\\Pictures\\1912\\a.jpg", "c:\\users\\ME\\Pictures\\b.jpg"],
            ["1912/a.jpg", "b.jpg", "c.jpg"],
            [("C:\\Users\\me\\Pictures", ".", 2)],
        ),
        # a folder of it only, and deeper here
        (
            ["/home/anna/Photos/1912/a.jpg", "/home/anna/Photos/1912/b.jpg"],
            ["old/1912/a.jpg", "old/1912/b.jpg"],
            [("/home/anna/Photos", "old", 2)],
        ),
        # higher here than there: the media folder is part of the other one
        (["/data/all/family/1912/a.jpg"], ["1912/a.jpg"], [("/data/all/family", ".", 1)]),
        # most count, not all need be here
        (
            ["/x/a/1.jpg", "/x/a/2.jpg", "/x/b/3.jpg", "/x/gone.jpg"],
            ["a/1.jpg", "a/2.jpg", "b/3.jpg"],
            [("/x", ".", 3)],
        ),
        # an exception with several files, below a mapped folder
        (
            ["/x/1.jpg", "/x/2.jpg", "/x/3.jpg", "/x/scans/7.jpg", "/x/scans/8.jpg"],
            ["1.jpg", "2.jpg", "3.jpg", "old scans/7.jpg", "old scans/8.jpg"],
            [("/x", ".", 3), ("/x/scans", "old scans", 2)],
        ),
        # one file of that name somewhere is chance
        (["/x/1.jpg", "/x/2.jpg", "/x/d/9.jpg"], ["1.jpg", "2.jpg", "z/9.jpg"], [("/x", ".", 2)]),
        # two machines
        (
            ["D:\\Scans\\a.jpg", "/mnt/nas/b/c.jpg"],
            ["scans/a.jpg", "b/c.jpg"],
            [("/mnt/nas", ".", 1), ("D:\\Scans", "scans", 1)],
        ),
        # shares, and addresses of files
        (["\\\\Server\\share\\F\\a.jpg", "//server/share/F/b.jpg"], ["a.jpg", "b.jpg"], [("\\\\Server\\share\\F", ".", 2)]),
        (["file:///home/a%20b/x/a.jpg"], ["a.jpg"], [("/home/a b/x", ".", 1)]),
        (["~/Pictures/a.jpg"], ["a.jpg"], [("~/Pictures", ".", 1)]),
        # accents
        (["/x/U\u0308bung/a.jpg", "/x/\u00dcbung/b.jpg"], ["\u00dcbung/a.jpg", "\u00dcbung/b.jpg"], [("/x", ".", 2)]),
        # nothing here is named so: the folder that they have in common, by person and disk
        (
            ["/home/a/P/1/a.jpg", "/home/a/P/2/b.jpg", "/home/b/c.jpg", "C:\\Users\\me\\d\\e.jpg", "E:\\f.jpg"],
            ["other.jpg"],
            [("/home/a/P", ".", 0), ("/home/b", ".", 0), ("C:\\Users\\me\\d", ".", 0), ("E:\\", ".", 0)],
        ),
        (["/run/media/me/disk/a.jpg", "/etc/passwd"], [], [("/etc", ".", 0), ("/run/media/me/disk", ".", 0)]),
        # at the top
        (["/a.jpg"], ["a.jpg"], [("/", ".", 1)]),
        (["E:\\a.jpg"], ["a.jpg"], [("E:\\", ".", 1)]),
    ],
)  # fmt: skip
def test_the_mapping_under_which_most_files_are_here(
    paths: list[str], files: list[str], proposed: list[tuple[str, str, int]]
) -> None:
    """The shortest prefix that says what most say; every object is below one, and finds what was promised."""
    assert guess(paths, files) == proposed


def test_a_prefix_that_is_mapped_already_is_not_proposed_again() -> None:
    """It would replace the line that is there."""
    assert guess(["/x/y/a.jpg"], ["y/a.jpg"], ["/x/"]) == [("/x/y", "y", 1)]


def test_content_tells_which_of_several_files_is_meant() -> None:
    """Every camera begins with the same number."""
    objects = [Foreign(f"/cam/IMG_{n}.jpg", md5(str(n))) for n in range(3)]
    files = {f"{folder}/IMG_{n}.jpg": md5(f"{folder}{n}") for n in range(3) for folder in ("a", "b", "c")}
    files |= {f"b/IMG_{n}.jpg": md5(str(n)) for n in range(3)}
    assert propose(objects, files) == [Proposal("/cam", "b", (0, 1, 2), 3)]


def test_thousands_of_objects_and_files() -> None:
    """It is quick enough for a large album: a name is looked up, not searched for."""
    paths = [f"C:\\Fotos\\{n % 300}\\IMG_{n}.jpg" for n in range(10_000)]
    files = [f"album/{n % 300}/IMG_{n}.jpg" for n in range(10_000)]
    assert guess(paths, files) == [("C:\\Fotos", "album", 10_000)]
