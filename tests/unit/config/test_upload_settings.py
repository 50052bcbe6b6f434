"""`syncd upload` reads of the configuration what it needs, from a file with nothing but `[s3]` as well as from a whole one."""

from __future__ import annotations

import pytest

from syncd.config import load_upload_settings
from syncd.errors import ConfigError
from tests.unit.config.home import GOOD, SECRETS, Home

BUCKET = """\
[s3]
url = "s3://album/prefix"
access_key_id = "hunter2-key-id"
secret_access_key = "hunter2-secret-key"
"""


def test_a_bucket_is_enough(home: Home) -> None:
    """Neither Gramps Web nor a media folder has to be named; secrets are known, to keep them out of the log."""
    home.write(BUCKET)
    found = load_upload_settings(None, home.variables({}))
    assert (found.gramps, found.media_dir, dict(found.path_map)) == (None, None, {})
    assert (found.s3.bucket, found.s3.prefix) == ("album", "prefix/")
    assert found.source == home.file
    assert {secret.get_secret_value() for secret in found.secrets()} == {
        "hunter2-key-id",
        "hunter2-secret-key",
    }


def test_variables_are_enough(home: Home) -> None:
    """The variables alone may say all of it."""
    found = load_upload_settings(
        None,
        home.variables(
            {"SYNCD_S3__URL": "s3://album", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        ),
    )
    assert found.s3.bucket == "album"
    assert found.s3.secret_access_key is not None


def test_a_whole_configuration_is_good(home: Home) -> None:
    """Of a configuration for syncs it takes what helps: Gramps Web to ask, the folder, the map; the rest is left alone."""
    home.write('path_map = { "C:/me" = "." }\n' + GOOD + BUCKET + '[daemon]\nsettle = "soon"\n')
    found = load_upload_settings(None, home.variables({}))
    assert found.gramps is not None
    assert found.gramps.password is not None
    assert found.media_dir == home.file.parent / "family"
    assert dict(found.path_map) == {"C:/me": "."}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('media_dir = "/album"\n', "s3.url"),
        (BUCKET.replace("s3://album", "https://album"), "s3.url"),
        (BUCKET + "[gramps]\n", "gramps.url"),
        (BUCKET + '[gramps]\nurl = "https://family.example"\n', "gramps.password"),
        (BUCKET + "unknown = 1\n", "unknown"),
        (BUCKET.replace('secret_access_key = "hunter2-secret-key"\n', ""), "s3.secret_access_key"),
        ('path_map = { "C:/me" = "../.." }\n' + BUCKET, "path_map"),
    ],
)
def test_mistakes_are_told(home: Home, text: str, key: str) -> None:
    """What is missing or wrong in what is needed is told by its key, without a secret."""
    home.write(text)
    with pytest.raises(ConfigError) as caught:
        load_upload_settings(None, home.variables({}))
    assert key in caught.value.reason
    assert not any(secret in f"{caught.value.reason}{caught.value.remedy}" for secret in SECRETS)
