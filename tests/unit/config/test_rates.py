"""Rates as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import load_settings, load_upload_settings
from syncd.config.rates import HOW, parse_rate
from syncd.errors import ConfigError
from tests.unit.config.home import GOOD, Home


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        (0, 0),
        ("0", 0),
        ("0 MB", 0),
        (500_000, 500_000),
        ("500_000", 500_000),
        ("500000", 500_000),
        ("500 kB", 500_000),
        ("500kb/s", 500_000),
        (" 500 K ", 500_000),
        ("1 KiB", 1024),
        (1024, 1024),
        (1024.9, 1024),
        ("2 MB", 2_000_000),
        ("1.5 MB/s", 1_500_000),
        ("1MiB", 1_048_576),
        ("0.5 MiB", 524_288),
        ("1 GB", 1_000_000_000),
        ("2 Gi", 2_147_483_648),
        ("999 GB", 999_000_000_000),
    ],
)
def test_reads(written: object, rate: int) -> None:
    """A number is bytes a second; a unit may follow, of a thousand or (with an i) of 1024; 0 is no limit."""
    assert parse_rate(written) == rate


@pytest.mark.parametrize(
    "written",
    ["", " ", "kB", "fast", "1,5 MB", "2 MB per second", "10 Mbit/s", "-5 kB", "1e6", "_5", "5_", "½ MB", "٣ MB", "nan", "inf",
     True, False, None, [], {}, -1, -0.1, float("nan"), float("inf"), 10**400, "9" * 400, "9" * 9000, 1e15, "1000000 GB"],
)  # fmt: skip
def test_refuses(written: object) -> None:
    """Anything else is refused, with a hint how to write one."""
    with pytest.raises(ValueError, match="is no rate; write bytes a second, such as 500_000"):
        parse_rate(written)


@pytest.mark.parametrize("written", [1, 500, "2", "0.5 kB", "1 kB", 0.5, 1023.9])
def test_refuses_what_is_far_too_little(written: object) -> None:
    """Whoever writes 500 means kilobytes: at 500 bytes a second no photo would ever arrive."""
    with pytest.raises(
        ValueError, match="is less than 1024 bytes a second, at which no file would get through"
    ):
        parse_rate(written)


@given(st.text())
def test_any_text_is_a_rate_or_a_plain_error(text: str) -> None:
    """No text raises anything but ValueError."""
    try:
        assert parse_rate(text) >= 0
    except ValueError as error:
        assert HOW in str(error)  # noqa: PT017 - both outcomes are right


@given(st.integers(min_value=1024, max_value=10**14))
def test_a_number_and_its_text_are_the_same(rate: int) -> None:
    """A variable of the environment is text, a key of the file may be a number."""
    assert parse_rate(rate) == rate
    assert parse_rate(str(rate)) == rate
    assert parse_rate(f"{rate:_} B/s") == rate


def test_the_configuration_has_them(home: Home) -> None:
    """Both limits are read from the file, a variable counts more, and none is the default."""
    home.write(GOOD)
    found = load_settings(None, home.variables({}))
    assert (found.limit_up, found.limit_down) == (0, 0)
    home.write('limit_up = "500 kB"\nlimit_down = 2_000_000\n' + GOOD)
    found = load_settings(None, home.variables({"SYNCD_LIMIT_DOWN": "3 MB"}))
    assert (found.limit_up, found.limit_down) == (500_000, 3_000_000)


def test_an_upload_alone_has_them_too(home: Home) -> None:
    """`syncd upload` keeps to the limit that the configuration sets."""
    home.write(
        'limit_up = "500 kB"\n[s3]\nurl = "s3://album"\naccess_key_id = "a"\nsecret_access_key = "b"\n'
    )
    assert load_upload_settings(None, home.variables({})).limit_up == 500_000


def test_a_mistake_names_the_key(home: Home) -> None:
    """A rate that cannot be read is told by its key, with how to write one."""
    home.write('limit_up = "a lot"\n' + GOOD)
    with pytest.raises(ConfigError, match=r"limit_up.*is no rate"):
        load_settings(None, home.variables({}))
