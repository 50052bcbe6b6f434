"""How secrets are given, which one applies, and that none is ever shown."""
# ruff: noqa: ISC004  (tables of cases, whose lines are long)

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from syncd.config import S3Settings, Settings
from tests.unit.config.home import SECRETS, Home

NO_LOGIN = 'media_dir = "family"\n[gramps]\nurl = "https://family.example"\nusername = "editor"\n'
BUCKET = '[s3]\nurl = "s3://bucket"\n'


def secret(value: SecretStr | None) -> str | None:
    """What is hidden."""
    return value.get_secret_value() if value else None


def login(settings: Settings) -> tuple[str | None, str | None]:
    """Password and token."""
    return secret(settings.gramps.password), secret(settings.gramps.token)


def keys(settings: Settings) -> tuple[str | None, str | None, str | None, str | None]:
    """Profile, key id, secret key and session token."""
    s3 = settings.s3
    assert isinstance(s3, S3Settings)
    return s3.profile, secret(s3.access_key_id), secret(s3.secret_access_key), secret(s3.session_token)


@pytest.fixture
def systemd(tmp_path: Path) -> Callable[..., str]:
    """Makes a folder of credentials as systemd does."""

    def make(**credentials: str) -> str:
        folder = tmp_path / "credentials"
        folder.mkdir()
        for name, text in credentials.items():
            (folder / name.replace("_", "-")).write_text(text)
        return str(folder)

    return make


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('password = "hunter2-password"', ("hunter2-password", None)),
        ('token = "hunter2-token"', (None, "hunter2-token")),
        ('password_file = "a"', ("hunter2-password", None)),
        ('token_file = "b"', (None, "hunter2-token")),
    ],
)
def test_each_way_to_log_in(home: Home, text: str, expected: tuple[str | None, str | None]) -> None:
    """One of password and token is set in the end, whichever way it was given."""
    home.secret("a", "hunter2-password\n")
    home.secret("b", "hunter2-token\r\n")
    assert login(home.load(NO_LOGIN + text)) == expected


def test_two_ways_in_one_place_are_a_mistake(home: Home) -> None:
    """It names both."""
    text = NO_LOGIN + 'password = "hunter2-password"\ntoken_file = "x"\n'
    assert home.mistakes(text) == [
        f"{home.file}: gramps.token_file: give only one of gramps.password and gramps.token_file"
    ]
    [line] = home.mistakes(
        NO_LOGIN, SYNCD_GRAMPS__TOKEN="hunter2-token", SYNCD_GRAMPS__PASSWORD="hunter2-password"
    )
    assert line == (
        "environment: SYNCD_GRAMPS__TOKEN: give only one of SYNCD_GRAMPS__PASSWORD and SYNCD_GRAMPS__TOKEN"
    )


def test_the_higher_source_replaces_the_way_of_the_lower(home: Home, good: str) -> None:
    """A token in the environment replaces the password of the file; the other file is not even opened."""
    assert login(home.load(good, SYNCD_GRAMPS__TOKEN="hunter2-token")) == (None, "hunter2-token")
    text = NO_LOGIN + 'password_file = "not there"\n'
    found = home.load(text, SYNCD_GRAMPS__TOKEN="hunter2-token")
    assert login(found) == (None, "hunter2-token")
    assert found.gramps.password_file is None


def test_a_password_needs_a_name_and_a_token_does_not(home: Home) -> None:
    """The user is missed only where needed."""
    text = NO_LOGIN.replace('username = "editor"\n', "")
    assert home.mistakes(text + 'password = "hunter2-password"') == [
        f"{home.file}: gramps.username: missing; the password needs the name of its user"
    ]
    assert home.load(text + 'token = "hunter2-token"').gramps.username is None


def test_systemd_hands_over_the_login(home: Home, good: str, systemd: Callable[..., str]) -> None:
    """Credentials are used when nothing else gives a login."""
    folder = systemd(gramps_token="hunter2-token\n")
    assert login(home.load(NO_LOGIN, CREDENTIALS_DIRECTORY=folder)) == (None, "hunter2-token")
    assert login(home.load(good, CREDENTIALS_DIRECTORY=folder)) == ("hunter2-password", None)


def test_systemd_hands_over_the_keys(home: Home, good: str, systemd: Callable[..., str]) -> None:
    """One of the keys may be in the file, the other a credential; a profile wants none."""
    folder = systemd(s3_access_key_id="hunter2-key-id", s3_secret_access_key="hunter2-secret-key")
    found = home.load(good + BUCKET, CREDENTIALS_DIRECTORY=folder)
    assert keys(found) == (None, "hunter2-key-id", "hunter2-secret-key", None)
    found = home.load(good + BUCKET + 'access_key_id = "other"', CREDENTIALS_DIRECTORY=folder)
    assert keys(found) == (None, "other", "hunter2-secret-key", None)
    found = home.load(good + BUCKET + 'profile = "work"', CREDENTIALS_DIRECTORY=folder)
    assert keys(found) == ("work", None, None, None)


def test_what_is_called_by_hand_gets_the_same(home: Home, good: str, systemd: Callable[..., str]) -> None:
    """The files that systemd would take them from are beside the configuration; its own are copies, and may be old."""
    folder = systemd(gramps_token="hunter2-token\n")
    beside = home.secret("syncd.credentials/gramps-token", "hunter2-beside\n")
    assert login(home.load(NO_LOGIN)) == (None, "hunter2-beside")
    assert login(home.load(good)) == ("hunter2-password", None)
    assert home.load(NO_LOGIN).warnings == ()
    assert login(home.load(NO_LOGIN, CREDENTIALS_DIRECTORY=folder)) == (None, "hunter2-beside")
    other = str(Path(folder).with_name("of another program"))
    assert login(home.load(NO_LOGIN, CREDENTIALS_DIRECTORY=other)) == (None, "hunter2-beside")
    beside.unlink()
    assert login(home.load(NO_LOGIN, CREDENTIALS_DIRECTORY=folder)) == (None, "hunter2-token")


def test_a_credential_that_others_may_read_is_told(home: Home) -> None:
    """With the command that mends it."""
    path = home.secret("syncd.credentials/gramps-token", "hunter2-beside\n", mode=0o644)
    (warning,) = home.load(NO_LOGIN).warnings
    assert f"gramps-token: other users of this machine can read it; run: chmod 600 {path}" in warning


def test_an_empty_credential_is_a_mistake(home: Home, systemd: Callable[..., str]) -> None:
    """It names the credential."""
    folder = systemd(gramps_password="\n")
    assert home.mistakes(NO_LOGIN, CREDENTIALS_DIRECTORY=folder) == [f"{folder}: gramps-password: is empty"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hunter2-password\nhunter2-token\n", "must hold the secret alone, on one line"),
        (b"hunter2-password\xff", "is not UTF-8 text (line 1)"),
        ("hunter2-password\0", "must hold the secret alone, on one line"),
        ("hunter2-password" * 10_000, "is larger than 64 kB; is it the right file?"),
    ],
)
def test_what_is_no_secret_file(home: Home, content: str | bytes, why: str) -> None:
    """It is named with its key, and nothing of it is shown."""
    path = home.secret("p", content)
    assert home.mistakes(NO_LOGIN + 'password_file = "p"') == [
        f"{home.file}: gramps.password_file: the file {path} {why}"
    ]


def test_a_secret_file_that_is_not_there(home: Home) -> None:
    """Missing files, folders and pipes are plain mistakes; variables name themselves."""
    os.mkfifo(home.secret("x", "").with_name("pipe"))
    text = NO_LOGIN + 'password_file = "{}"'
    folder = home.file.parent
    assert home.mistakes(text.format("no")) == [
        f"{home.file}: gramps.password_file: the file {folder}/no does not exist"
    ]
    assert home.mistakes(text.format("pipe")) == [
        f"{home.file}: gramps.password_file: the file {folder}/pipe is not a regular file"
    ]
    assert home.mistakes(NO_LOGIN, SYNCD_GRAMPS__TOKEN_FILE="/") == [
        "environment: SYNCD_GRAMPS__TOKEN_FILE: the file / is a folder, not a file"
    ]
    assert home.mistakes(text.format("")) == [f"{home.file}: gramps.password_file: is empty"]


def test_a_secret_keeps_its_blanks(home: Home) -> None:
    """Only the line break at the end is not part of it."""
    home.secret("p", " pass word \n")
    assert login(home.load(NO_LOGIN + 'password_file = "p"'))[0] == " pass word "
    assert login(home.load(NO_LOGIN, SYNCD_GRAMPS__PASSWORD=" x "))[0] == " x "


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('password = "hunter2-password"\n', "gramps.password"),
        ('token = "hunter2-token"\n', "gramps.token"),
        ('token_file = "t"\n' + BUCKET + 'access_key_id = "k"\nsecret_access_key = "hunter2-secret-key"\n',
         "s3.secret_access_key"),
    ],
)  # fmt: skip
def test_a_file_with_a_secret_that_others_may_read_is_refused(
    home: Home, text: str, key: str, mode: int
) -> None:
    """With the command that mends it."""
    home.secret("t", "hunter2-token")
    home.write(NO_LOGIN + text, mode=mode)
    error = home.error()
    assert error.reason == (f"{home.file}: {key}: other users of this machine can read this secret")
    assert error.remedy == f"run: chmod 600 {home.file}"


def test_the_command_is_told_once_for_a_file(home: Home) -> None:
    """Also for several secrets, and beside another mistake, to which it is no remedy."""
    secrets = (
        'password = "hunter2-password"\n'
        + BUCKET
        + 'access_key_id = "k"\nsecret_access_key = "hunter2-key"\n'
    )
    home.write(NO_LOGIN + secrets, mode=0o644)
    error = home.error()
    assert error.reason == (
        f"{home.file}: gramps.password, s3.secret_access_key: other users of this machine can read these secrets"
    )
    assert error.remedy == f"run: chmod 600 {home.file}"
    home.write(NO_LOGIN + secrets + "transfers = true\n", mode=0o644)
    error = home.error()
    assert (error.reason + error.remedy).count("chmod 600") == 1


def test_the_command_quotes_the_file(home: Home, good: str) -> None:
    """It can be pasted."""
    path = home.secret("my own.toml", good, mode=0o644)
    assert home.error(named=path).remedy == f"run: chmod 600 '{path}'"


def test_a_file_without_a_secret_may_be_read_by_all(home: Home) -> None:
    """An access key's id and names of files are no secrets; a readable secret file is only warned about."""
    path = home.secret("p", "hunter2-password", mode=0o644)
    home.secret("k", "hunter2-secret-key", mode=0o600)
    home.write(
        NO_LOGIN + 'password_file = "p"\n' + BUCKET + 'access_key_id = "k"\nsecret_access_key_file = "k"\n',
        mode=0o644,
    )
    found = home.load()
    assert found.warnings == (
        f"{home.file}: gramps.password_file: other users of this machine can read {path}; "
        f"run: chmod 600 {path}",
    )


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("", {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "p"},
         (None, "i", "s", "t")),
        ("", {"AWS_PROFILE": "p"}, ("p", None, None, None)),
        ("", {"AWS_SESSION_TOKEN": "t"}, (None, None, None, None)),
        ('profile = "work"\n', {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
         ("work", None, None, None)),
        ('access_key_id = "a"\nsecret_access_key = "b"\n', {"AWS_PROFILE": "p", "AWS_SESSION_TOKEN": "t"},
         (None, "a", "b", None)),
        ('access_key_id = "a"\n', {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
         (None, "a", "s", None)),
        ('access_key_id = "a"\nsecret_access_key = "b"\nsession_token = "c"\n', {"AWS_SESSION_TOKEN": "t"},
         (None, "a", "b", "c")),
        ('access_key_id_file = "i"\nsecret_access_key_file = "i"\n', {}, (None, "from-file", "from-file", None)),
        ('profile = "work"\n', {"SYNCD_S3__PROFILE": "other"}, ("other", None, None, None)),
        ('profile = "work"\n', {"SYNCD_S3__ACCESS_KEY_ID": "x", "SYNCD_S3__SECRET_ACCESS_KEY": "y"},
         (None, "x", "y", None)),
    ],
)  # fmt: skip
def test_which_keys_apply(
    home: Home, good: str, text: str, environ: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    """A profile and keys are never mixed, and a session token stays with the keys it was issued with."""
    home.secret("i", "from-file\n")
    assert keys(home.load(good + BUCKET + text, **environ)) == expected


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ('access_key_id = "a"\n', {}, "s3.secret_access_key: missing; the access key's id and the secret access key "
                                      "belong together"),
        ("", {"AWS_SECRET_ACCESS_KEY": "hunter2-secret-key"}, "environment: AWS_ACCESS_KEY_ID: missing; the access "
                                                              "key's id and the secret access key belong together"),
        ('profile = "p"\naccess_key_id = "a"\nsecret_access_key = "b"\n', {},
         "s3.profile: give either a profile or keys, not both"),
        ('access_key_id = "a"\nsecret_access_key = "b"\nsecret_access_key_file = "c"\n', {},
         "s3.secret_access_key_file: give only one of s3.secret_access_key and s3.secret_access_key_file"),
        ('session_token = "hunter2-session"\n', {}, "s3.session_token: needs the access key's id and the secret access "
                                                    "key that belong to it"),
    ],
)  # fmt: skip
def test_wrong_keys(home: Home, good: str, text: str, environ: dict[str, str], expected: str) -> None:
    """Half a pair, or more than one way."""
    [line] = home.mistakes(good + BUCKET + text, **environ)
    assert line.removeprefix(f"{home.file}: ") == expected


def test_no_secret_is_shown_by_any_form_of_the_settings(home: Home) -> None:
    """repr, str and dumps hide every secret; `secrets` lists them for the log to guard."""
    found = home.load(
        NO_LOGIN + 'password = "hunter2-password"\n' + BUCKET,
        SYNCD_S3__ACCESS_KEY_ID="hunter2-key-id",
        SYNCD_S3__SECRET_ACCESS_KEY="hunter2-secret-key",
        SYNCD_S3__SESSION_TOKEN="hunter2-session",
    )
    shown = "".join(
        [repr(found), str(found), found.model_dump_json(), str(found.model_dump()), repr(found.s3)]
    )
    assert [one for one in SECRETS if one in shown] == []
    assert {one.get_secret_value() for one in found.secrets()} == set(SECRETS) - {"hunter2-token"}


@pytest.mark.parametrize(
    "text",
    [
        'password = ["hunter2-password"]',
        'password = { x = "hunter2-password" }',
        'password = "hunter2-password\\n"',
        'passwrod = "hunter2-password"',
        'password = "hunter2-password',
        "password = hunter2-password",
        'username = "hunter2-password\\u0007"\ntoken = "hunter2-token"',
        'token = "hunter2-token"\nallow_http = "hunter2-token"',
    ],
)  # fmt: skip
def test_no_mistake_shows_a_secret(home: Home, text: str) -> None:
    """Wherever a secret was put by mistake (`Home.error` looks for them)."""
    assert home.mistakes(NO_LOGIN.replace('username = "editor"\n', "") + text)


def test_settings_stay_as_they_are(home: Home, good: str) -> None:
    """Nothing can be changed after loading."""
    found = home.load(good)
    with pytest.raises(ValueError, match="frozen"):
        found.media_dir = Path("/")  # type: ignore[misc]
