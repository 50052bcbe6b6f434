"""Where settings come from, and which source wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config import check_media_dir, load_settings
from syncd.config.mistakes import printable
from syncd.errors import ConfigError
from syncd.model import MediaPath
from syncd.model.policy import Conflicts, FirstSync, HoldAbove, InFolder, NewFiles, OnWeb
from tests.unit.config.home import Home


def test_defaults(home: Home, good: str) -> None:
    """What is not said has the contract's defaults."""
    found = home.load(good)
    assert found.source == home.file
    assert found.warnings == ()
    assert found.state_dir == home.folder / ".local/state/syncd"
    assert found.state_file == found.state_dir / "state.sqlite"
    assert (found.new_files, found.conflicts, found.first_sync) == (
        NewFiles.ADD,
        Conflicts.KEEP_BOTH,
        FirstSync.ASK,
    )
    assert (found.deletions.on_web, found.deletions.in_folder, found.deletions.trash_days) == (
        OnWeb.UNREFERENCED,
        InFolder.TRASH,
        30,
    )
    assert (found.daemon.check_web_every, found.daemon.settle, found.daemon.full_check_every) == (
        30,
        2,
        21_600,
    )
    assert (found.new_objects.private, found.new_objects.tag) == (False, "")
    assert found.gramps.allow_http is False
    assert found.s3 is None


def test_no_configuration_tells_where_it_looked(home: Home) -> None:
    """Without file and variables the error names the places and shows a sample."""
    error = home.error()
    assert str(home.file) in error.reason
    assert "--config" in error.reason
    assert "$SYNCD_CONFIG" in error.reason
    assert "[gramps]" in error.remedy


@pytest.mark.parametrize("place", ["named", "variable", "xdg", "system"])
def test_first_file_found_applies(home: Home, good: str, tmp_path: Path, place: str) -> None:
    """The order is --config, $SYNCD_CONFIG, the person's file, the system's."""
    order = ["named", "variable", "xdg", "system"]
    files = {name: tmp_path / name / "syncd.toml" for name in order[:2]}
    files |= {"xdg": tmp_path / "xdg" / "syncd" / "syncd.toml", "system": tmp_path / "etc" / "syncd.toml"}
    for name in order[order.index(place) :]:
        files[name].parent.mkdir(parents=True)
        files[name].write_text(good)
        files[name].chmod(0o600)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    if place in ("named", "variable"):
        environ["SYNCD_CONFIG"] = str(files["variable"])
    found = home.load(named=files["named"] if place == "named" else None, **environ)
    assert found.source == files[place]
    assert found.media_dir == files[place].parent / "family"


@pytest.mark.parametrize("how", ["named", "variable"])
def test_a_named_file_must_exist(home: Home, good: str, how: str) -> None:
    """A named file that is missing is a mistake, even where another could be found."""
    missing = home.folder / "nowhere.toml"
    home.write(good)
    lines = home.mistakes(named=missing) if how == "named" else home.mistakes(SYNCD_CONFIG="~/nowhere.toml")
    assert lines == [f"{missing}: does not exist"]


def test_variables_alone_are_enough(home: Home) -> None:
    """Everything may come from the environment."""
    found = home.load(
        SYNCD_MEDIA_DIR="~/family",
        SYNCD_GRAMPS__URL="https://family.example/api/",
        SYNCD_GRAMPS__TOKEN="hunter2-token",
        SYNCD_GRAMPS__ALLOW_HTTP="yes",
        SYNCD_S3__URL="s3://bucket/a/b/",
        SYNCD_S3__TRANSFERS="4",
        SYNCD_IGNORE="*.psd, *.ai",
        SYNCD_PATH_MAP='{"C:\\\\Users": "."}',
        SYNCD_DELETIONS__HOLD_ABOVE='{"count": 5, "percent": 2.5}',
        SYNCD_DELETIONS__HOLD_ABOVE__COUNT="6",
        SYNCD_DAEMON__SETTLE="1m",
        SYNCD_NEW_OBJECTS__TAG="",
        SYNCD_TEST_ANYTHING="x",
    )
    assert found.source is None
    assert found.media_dir == home.folder / "family"
    assert found.gramps.url == "https://family.example"
    assert found.gramps.allow_http is True
    assert found.s3 is not None
    assert (found.s3.bucket, found.s3.prefix, found.s3.transfers) == ("bucket", "a/b/", 4)
    assert found.ignore == ("*.psd", "*.ai")
    assert found.path_map == {"C:\\Users": "."}
    assert (found.deletions.hold_above.count, found.deletions.hold_above.percent) == (6, 2.5)
    assert found.daemon.settle == 60


def test_a_variable_wins_over_the_file(home: Home, good: str) -> None:
    """SYNCD_… replaces a key of the file, and an empty variable replaces nothing."""
    found = home.load(good, SYNCD_GRAMPS__URL="https://other.example", SYNCD_GRAMPS__USERNAME="")
    assert found.gramps.url == "https://other.example"
    assert found.gramps.username == "editor"


def test_lists_in_variables_may_be_json(home: Home, good: str) -> None:
    """A pattern with a comma is written in JSON; [] empties the file's list."""
    assert home.load(good, SYNCD_IGNORE='["a,b"]').ignore == ("a,b",)
    assert home.load('ignore = ["x"]\n' + good, SYNCD_IGNORE="[]").ignore == ()


def test_amazon_variables_fill_what_is_not_said(home: Home, good: str) -> None:
    """AWS_… are defaults of [s3]; boto3's own name of the region comes first."""
    found = home.load(
        good + '[s3]\nurl = "s3://bucket"\n',
        AWS_ENDPOINT_URL="https://general.example",
        AWS_ENDPOINT_URL_S3="https://s3.example/",
        AWS_REGION="second",
        AWS_DEFAULT_REGION="first",
        AWS_PROFILE="work",
    ).s3
    assert found is not None
    assert (found.endpoint_url, found.region, found.profile) == ("https://s3.example", "first", "work")


def test_the_file_wins_over_amazon_variables(home: Home, good: str) -> None:
    """What the file says of [s3] is not changed by AWS_…."""
    found = home.load(good + '[s3]\nurl = "s3://bucket"\nregion = "eu"\n', AWS_REGION="us").s3
    assert found is not None
    assert found.region == "eu"


def test_amazon_variables_alone_make_no_s3(home: Home, good: str) -> None:
    """They may be there for something else: without [s3] they are not even looked at."""
    assert home.load(good, AWS_ENDPOINT_URL="nonsense", AWS_ACCESS_KEY_ID="hunter2-key-id").s3 is None


@pytest.mark.parametrize(("base", "bucket"), [("s3://media/tree", "media"), ("/srv/media", None)])
def test_media_base_dir_as_gramps_web_has_it(home: Home, good: str, base: str, bucket: str | None) -> None:
    """GRAMPSWEB_MEDIA_BASE_DIR gives the bucket; a plain folder there means a server without S3."""
    found = home.load(good, GRAMPSWEB_MEDIA_BASE_DIR=base).s3
    assert (found.bucket if found else None) == bucket


def test_an_s3_section_without_an_address_misses_it(home: Home, good: str) -> None:
    """[s3] alone says that there is a bucket, but not which."""
    lines = home.mistakes(good + "[s3]\n", GRAMPSWEB_MEDIA_BASE_DIR="/srv/media")
    assert lines == [f'{home.file}: s3.url: missing; for example: url = "s3://my-bucket/prefix"']


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/x"}, "/x/syncd"),
        ({"XDG_STATE_HOME": "relative"}, "{home}/.local/state/syncd"),
        ({"STATE_DIRECTORY": "/var/lib/syncd:/var/lib/more", "XDG_STATE_HOME": "/x"}, "/var/lib/syncd"),
        ({"SYNCD_STATE_DIR": "~/s"}, "{home}/s"),
    ],
)
def test_state_dir(home: Home, good: str, environ: dict[str, str], expected: str) -> None:
    """Systemd's folder goes before XDG's, which must be absolute to count."""
    assert str(home.load(good, **environ).state_dir) == expected.format(home=home.folder)


def test_paths_belong_to_the_folder_of_the_file(
    home: Home, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths are the file's, in variables the current folder's; `..` is resolved, links are not."""
    home.write(good.replace('"family"', '"../family"'))
    assert home.load().media_dir == home.file.parent.parent / "family"
    monkeypatch.chdir("/usr")
    assert home.load(SYNCD_MEDIA_DIR="share/x").media_dir == Path("/usr/share/x")


def test_policy(home: Home, good: str) -> None:
    """The pure core gets its rules, with the media folder's name behind links."""

    def ignored(path: MediaPath) -> bool:
        return path.text == "x"

    found = home.load(
        'conflicts = "prefer-web"\npath_map = { "/a" = ".", "/a/b" = "c" }\n' + good,
        SYNCD_DELETIONS__HOLD_ABOVE__PERCENT="7",
    )
    policy = found.policy(ignored)
    assert policy.rules.media_dir == str(found.media_dir)
    assert policy.rules.other_names == (os.path.realpath(found.media_dir),)
    assert policy.rules.path_map == (("/a", "."), ("/a/b", "c"))
    assert policy.conflicts is Conflicts.PREFER_WEB
    assert policy.hold_above == HoldAbove(count=200, percent=7, always_allow=10)
    assert policy.ignored is ignored
    assert policy.found_by_path is True
    assert found.policy(ignored, found_by_path=False, media_dir="/m").rules.media_dir == "/m"
    assert home.load(GRAMPSWEB_MEDIA_BASE_DIR="s3://media").policy(ignored).found_by_path is False


def test_media_dir_is_checked_apart(home: Home, good: str) -> None:
    """Loading does not ask for the folder; `check_media_dir` does, and names the key."""
    found = home.load(good)
    with pytest.raises(ConfigError, match=r"media_dir: the folder .*family does not exist"):
        check_media_dir(found)
    found.media_dir.write_text("no folder")
    with pytest.raises(ConfigError, match=r"media_dir: .* is no folder"):
        check_media_dir(found)
    found.media_dir.unlink()
    found.media_dir.mkdir()
    check_media_dir(found)


def test_nothing_is_asked_of_the_process_environment(
    home: Home, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the given environment counts."""
    monkeypatch.setenv("SYNCD_NONSENSE", "x")
    monkeypatch.setenv("HOME", "/elsewhere")
    assert home.load(good).state_dir.is_relative_to(home.folder)


_WORDS = st.sampled_from(
    ["[gramps]", "[s3]", "[x]", "[[s3]]", "url", "password", "ignore", "path_map", "media_dir", "state_dir", "=", ".",
     ",", "{", "}", "[", "]", '"', "'", '"""', "#", "\n", " ", "true", "1", "1e999", "nan", "2026-02-30", "\\", "\0",
     '"s3://bucket"', '"https://h"', "\u202e", "deletions.hold_above", "é", "\ufeff", '"\\u0000"', '"/"']
)  # fmt: skip


@settings(max_examples=150)
@given(text=st.lists(_WORDS, max_size=30).map("".join) | st.binary(max_size=60))
def test_garbage_raises_nothing_but_config_errors(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    """Whatever stands in the file: settings, or an error in printable lines."""
    file = tmp_path_factory.getbasetemp() / "garbage.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o600)
    try:
        load_settings(file, {"HOME": "/home/me", "SYNCD_GRAMPS__TOKEN": "hunter2-token"})
    except ConfigError as error:
        assert "hunter2" not in error.reason  # noqa: PT017 - both outcomes are right
        assert all(printable(line, 10**6) == line for line in error.reason.split("\n"))  # noqa: PT017


@settings(max_examples=100)
@given(
    environ=st.dictionaries(
        st.sampled_from(
            ["SYNCD_IGNORE", "SYNCD_PATH_MAP", "SYNCD_MEDIA_DIR", "SYNCD_DELETIONS__HOLD_ABOVE", "SYNCD_S3__URL",
             "SYNCD_GRAMPS__URL", "SYNCD_GRAMPS__TOKEN", "SYNCD_DAEMON__SETTLE", "SYNCD_X", "AWS_ENDPOINT_URL",
             "SYNCD_GRAMPS__PASSWORD_FILE", "AWS_SECRET_ACCESS_KEY", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"]
        ),
        st.binary(max_size=40).map(os.fsdecode).map(lambda text: text.replace("\0", "")) | st.sampled_from(["[", "{}"]),
        min_size=1,
    )
)  # fmt: skip
def test_garbage_in_variables_raises_nothing_but_config_errors(environ: dict[str, str]) -> None:
    """Whatever bytes stand in the variables."""
    try:
        load_settings(None, {"HOME": "/nowhere", "SYNCD_NEW_FILES": "add", **environ})
    except ConfigError as error:
        assert all(printable(line, 10**6) == line for line in error.reason.split("\n"))  # noqa: PT017
