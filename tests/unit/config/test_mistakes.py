"""Every mistake is one plain line: the key as written, where, what is wrong, the nearest right key."""
# ruff: noqa: ISC004  (tables of cases, whose lines are long)

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.unit.config.home import Home


def lines_of(home: Home, text: str, **environ: str) -> list[str]:
    """The mistakes, without the file's name in front."""
    return [line.removeprefix(f"{home.file}: ") for line in home.mistakes(text, **environ)]


TOP = 'media_dir = "family"\n'
GRAMPS = '[gramps]\nurl = "https://family.example"\nusername = "e"\npassword = "hunter2-password"\n'


@pytest.mark.parametrize(
    ("top", "below", "expected"),
    [
        ("new_file = 1", "", "new_file: unknown key; did you mean new_files?"),
        ("", "pasword_file = 'x'", "gramps.pasword_file: unknown key; did you mean gramps.password_file?"),
        ("", "trash_days = 3", "gramps.trash_days: unknown key; did you mean deletions.trash_days "
                               "(below [deletions])?"),
        ("", "conflicts = 'keep-both'", "gramps.conflicts: unknown key; did you mean conflicts "
                                        "(above the first [section])?"),
        ("", "[s3]\nurl = 's3://abc'\nbucket = 'abc'", "s3.bucket: unknown key; did you mean s3.url (below [s3])?"),
        ("", "[deletion]\nx = 1", "deletion: unknown key; did you mean [deletions]?"),
        ("zzz = 1", "", "zzz: unknown key"),
        ('"a\\nb\\u001b[1m" = 1', "", '"a\\nb\\x1b[1m": unknown key'),
        ("deletions = 3", "", "deletions: is a section: [deletions], with keys of its own"),
        ("conflicts = 'prefer-webb'", "", "conflicts: 'prefer-webb' is not one of keep-both, prefer-folder, "
                                          "prefer-web; did you mean prefer-web?"),
        ("new_files = 3", "", "new_files: must be one of add, upload-only, ignore"),
        ("first_sync = 'perhaps'", "", "first_sync: 'perhaps' is not one of ask, go"),
        ("ignore = '*.psd'", "", 'ignore: must be a list such as ["…", "…"]'),
        ("ignore = ['a', 2]", "", 'ignore[2]: must be text in quotes ("…")'),
        ("ignore = ['!']", "", "ignore: holds a pattern that gitignore does not know: a lone '!', a '\\' at the end, "
                               "or a line break"),
        ("path_map = ['a']", "", 'path_map: must be a table such as { "from" = "to" }'),
        ("path_map = { 'C:\\x' = 3 }", "", 'path_map."C:\\x": must be text in quotes ("…")'),
        ("path_map = { '/x' = '../y' }", "", "path_map: must lead to a folder below the media folder, such as "
                                             '"scans", or to the media folder itself, "."'),
        ("path_map = { '' = '.' }", "", "path_map: maps a folder without a name"),
        ("state_dir = ''", "", "state_dir: is empty"),
        ("state_dir = 'family/state'", "", "state_dir: must not be in the media folder (media_dir): "
                                           "keep what syncd remembers apart"),
        ("state_dir = '.'", "", "state_dir: must not hold the media folder (media_dir): "
                                "keep what syncd remembers apart"),
        ("state_dir = 7", "", 'state_dir: must be text in quotes ("…")'),
        ("", "allow_http = 'perhaps'", "gramps.allow_http: must be true or false"),
        ("", "[desktop]", 'desktop.tree: missing; for example: tree = "Family"'),
        ("", "[desktop]\ntree = ''", "desktop.tree: is empty"),
        ("", "[desktop]\ntree = 'a\tb'", "desktop.tree: must not hold line breaks or control characters"),
        ("", "[desktop]\ntitle = 'Smith'\ntree = 'x'", "desktop.title: unknown key; did you mean desktop.tree (below [desktop])?"),
        ("desktop = 'Smith'", "", "desktop: is a section: [desktop], with keys of its own"),
        ("", "[new_objects]\nprivate = 3", "new_objects.private: must be true or false"),
        ("", "[new_objects]\ntag = 'a\tb'", "new_objects.tag: must not hold line breaks or control characters"),
        ("", "[deletions]\ntrash_days = 0", "deletions.trash_days: must be at least 1"),
        ("", "[deletions]\ntrash_days = 1.5", "deletions.trash_days: must be a whole number"),
        ("", "[deletions]\ntrash_days = true", "deletions.trash_days: must be a number"),
        ("", "[deletions]\nhold_above = { percent = true }", "deletions.hold_above.percent: must be a number"),
        ("", "[deletions]\nhold_above = { percent = 1" + "0" * 400 + " }",
         "deletions.hold_above.percent: must be a number"),
        ("", "[deletions]\ntrash_days = 'many'", "deletions.trash_days: must be a whole number"),
        ("", "[deletions]\nhold_above = 3", "deletions.hold_above: is a section: [deletions.hold_above], "
                                            "with keys of its own"),
        ("", "[deletions]\nhold_above = { percent = 101 }", "deletions.hold_above.percent: must be at most 100"),
        ("", "[deletions]\nhold_above = { percent = nan }", "deletions.hold_above.percent: must be a number"),
        ("", "[deletions]\nhold_above = { counts = 1 }", "deletions.hold_above.counts: unknown key; "
                                                         "did you mean deletions.hold_above.count?"),
        ("", "[daemon]\nsettle = '3 weeks'", 'daemon.settle: is no duration; write a duration such as "30s", "5m", '
                                             '"1h30m" or "2d"'),
        ("", "[daemon]\ncheck_web_every = '0s'", "daemon.check_web_every: must be at least 1"),
        ("", "[s3]\nurl = 's3://abc'\ntransfers = 0", "s3.transfers: must be at least 1"),
    ],
)  # fmt: skip
def test_one_line_names_the_key(home: Home, top: str, below: str, expected: str) -> None:
    """Each kind of mistake in a file, in the words that the person reads."""
    assert lines_of(home, f"{TOP}{top}\n{GRAMPS}{below}\n") == [expected]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SYNCD_GRAMPS_URL", "x", "unknown variable; did you mean SYNCD_GRAMPS__URL?"),
        ("SYNCD_gramps__url", "x", "unknown variable; did you mean SYNCD_GRAMPS__URL?"),
        ("SYNCD_QQ", "x", "unknown variable"),
        ("SYNCD_GRAMPS", "{}", "unknown variable; did you mean SYNCD_GRAMPS__URL?"),
        ("SYNCD_IGNORE", "[", 'must be a list in JSON such as ["*.psd", "*.ai"], or words between commas'),
        ("SYNCD_IGNORE", "[" * 100_000, 'must be a list in JSON such as ["*.psd", "*.ai"], or words between commas'),
        ("SYNCD_PATH_MAP", "a=b", 'must be a table in JSON such as {"C:\\\\Users\\\\me": "."}'),
        ("SYNCD_DELETIONS__HOLD_ABOVE", "5", 'must be a table in JSON such as {"key": 1}'),
        ("SYNCD_DELETIONS__HOLD_ABOVE", '{"cuont": 5}', "cuont: unknown key; did you mean deletions.hold_above.count?"),
        ("SYNCD_DELETIONS__HOLD_ABOVE", '{"count": "x"}', "must be a whole number"),
        ("SYNCD_DELETIONS__TRASH_DAYS", "x", "must be a whole number"),
        ("SYNCD_GRAMPS__ALLOW_HTTP", "perhaps", "must be true or false"),
        ("SYNCD_CONFLICTS", "keep_both", "'keep_both' is not one of keep-both, prefer-folder, prefer-web; "
                                         "did you mean keep-both?"),
    ],
)  # fmt: skip
def test_variables_are_named_as_variables(
    home: Home, good: str, name: str, value: str, expected: str
) -> None:
    """A mistake in the environment names the variable."""
    assert home.mistakes(good, **{name: value}) == [f"environment: {name}: {expected}"]


def test_all_mistakes_at_once(home: Home) -> None:
    """Whoever mends one need not run again to see the next; each source is told apart."""
    lines = home.mistakes(
        'conflicts = "x"\nnew_flies = 1\n[gramps]\nurl = "ftp://h"\ntoken = "hunter2-token"\n', SYNCD_X="1"
    )
    assert [line.rpartition(": ")[0] or line for line in lines] == [
        "environment: SYNCD_X",
        f"{home.file}: new_flies",
        f"{home.file}: media_dir: missing; for example",
        f"{home.file}: conflicts",
        f"{home.file}: gramps.url",
    ]


def test_missing_keys_in_file_and_environment(home: Home) -> None:
    """What is required and not there is named as it would be written."""
    assert lines_of(home, "") == [
        "gramps.password: missing; give gramps.password, password_file, token or token_file",
        'media_dir: missing; for example: media_dir = "~/Pictures/family"',
        'gramps.url: missing; for example: url = "https://family.example"',
    ]
    home.file.unlink()
    assert home.mistakes(SYNCD_GRAMPS__TOKEN="hunter2-token") == [
        "environment: SYNCD_MEDIA_DIR: missing; for example: ~/Pictures/family",
        "environment: SYNCD_GRAMPS__URL: missing; for example: https://family.example",
    ]


def test_a_misspelt_key_is_not_also_missing(home: Home) -> None:
    """One slip of the pen, one line."""
    text = f"{TOP}{GRAMPS}".replace("password =", "pasword =").replace("url", "ulr")
    assert lines_of(home, text) == [
        "gramps.ulr: unknown key; did you mean gramps.url?",
        "gramps.pasword: unknown key; did you mean gramps.password?",
    ]


def test_very_many_mistakes_are_cut(home: Home) -> None:
    """A wrong file with thousands of keys is not recited."""
    assert len(home.mistakes("".join(f"key{number} = 1\n" for number in range(5_000)))) <= 52


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("media_dir = x\n", "line 1, column 13: invalid value"),
        ('a = 1\nb = "C:\\Users"\n', "line 2, column 10: invalid hex value; write a path with backslashes in single "
                                     "quotes: 'C:\\Users'"),
        ("a = '", "at its end: "),
        ("[gramps\n", "line 1, column 8: expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "line 2, column 6: this key or section is given twice; keep one of them"),
        ("a = " + "[" * 100_000, "is nested too deeply"),
        ("a = " + "9" * 5_000, "holds a number that is too long"),
        (b"a = 1\n# caf\xe9\n", "is not UTF-8 text (line 2)"),
        (b"\xff\xfea", "is not UTF-8 text (line 1)"),
        ("#" * 2_000_000, "is larger than 1024 kB; is it the right file?"),
    ],
)  # fmt: skip
def test_what_is_no_toml(home: Home, text: str | bytes, expected: str) -> None:
    """Syntax errors name file, line and column."""
    home.write(text)
    [line] = home.mistakes()
    assert line.startswith(f"{home.file}: {expected}")


def test_a_byte_order_mark_is_no_mistake(home: Home, good: str) -> None:
    """Editors of Windows write one."""
    home.write(b"\xef\xbb\xbf" + good.encode())
    assert home.load().gramps.username == "editor"


def test_what_is_no_file(home: Home, tmp_path: Path) -> None:
    """Folders, pipes, sockets, devices and circles of links are plain mistakes, and nothing waits for them."""
    folder, pipe, circle, plug = (tmp_path / name for name in ("folder", "pipe", "circle", "plug"))
    folder.mkdir()
    os.mkfifo(pipe)
    circle.symlink_to(circle)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(plug))
        assert home.mistakes(named=folder) == [f"{folder}: is a folder, not a file"]
        assert home.mistakes(named=pipe) == [f"{pipe}: is not a regular file"]
        assert home.mistakes(named=Path("/dev/null")) == ["/dev/null: is not a regular file"]
        assert home.mistakes(named=plug) == [f"{plug}: cannot be read: no such device or address"]
        assert home.mistakes(named=circle) == [f"{circle}: cannot be read: too many levels of symbolic links"]
        assert home.mistakes(named=Path("/dev/null/x")) == ["/dev/null/x: does not exist"]
        assert home.mistakes(named=Path("a\0b")) == [r"a\x00b: cannot be read: its name is no file name"]


def test_an_unreadable_file(home: Home, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there but closed to us is not passed over for the next place."""
    home.write(good)

    def denied(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("syncd.config.sources.os.open", denied)
    assert home.mistakes() == [f"{home.file}: cannot be read: permission denied"]


@pytest.mark.parametrize("media_dir", ["/", "/usr/..", "//"])
def test_the_whole_file_system_is_no_media_folder(home: Home, media_dir: str) -> None:
    """Also where it is written otherwise."""
    lines = lines_of(home, f'media_dir = "{media_dir}"\nstate_dir = "/s"\n{GRAMPS}')
    assert lines == ["media_dir: must not be the whole file system"]


def test_folders_are_compared_behind_links(home: Home, tmp_path: Path) -> None:
    """A link does not hide that the state lies in the media folder."""
    (tmp_path / "media").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "media")
    text = f'media_dir = "{tmp_path}/link"\nstate_dir = "{tmp_path}/media/state"\n{GRAMPS}'
    assert lines_of(home, text)[0].startswith("state_dir: must not be in the media folder")


def test_folders_with_a_common_beginning_are_apart(home: Home) -> None:
    """/a/media and /a/media-state are neighbours."""
    found = home.load(f'media_dir = "/a/media"\nstate_dir = "/a/media-state"\n{GRAMPS}')
    assert found.state_dir == Path("/a/media-state")
