"""Which addresses of Gramps Web and of the bucket are taken, and in which form."""

from __future__ import annotations

import pytest

from syncd.config.addresses import bucket_address, web_address
from tests.unit.config.home import Home


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://family.example", "https://family.example"),
        ("https://family.example/", "https://family.example"),
        ("https://family.example/api/", "https://family.example/api"),
        ("HTTPS://Family.example:8443/tree", "https://Family.example:8443/tree"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:80/", "http://[::1]:80"),
        ("https://münster.example", "https://münster.example"),
    ],
)
def test_web_addresses(written: str, read: str) -> None:
    """Https anywhere, plain http on this machine; slashes at the end are dropped."""
    assert web_address(written, allow_http=False, allow_key="x") == read


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "must begin with https://"),
        ("family.example", "must begin with https://"),
        ("ftp://family.example", "must begin with https://"),
        ("https://", "names no server"),
        ("https:///path", "names no server"),
        ("https://user:hunter2@family.example", "must not hold a user name or password"),
        ("https://hunter2@family.example", "must not hold a user name or password"),
        ("https://family.example/?token=hunter2", "without [?] or #"),
        ("https://family.example/#x", "without [?] or #"),
        ("https://family.example/?", "without [?] or #"),
        ("https://family.example:99999", "is no proper address"),
        ("https://family.example:hunter2", "is no proper address"),
        ("https://[::1", "is no proper address"),
        ("https://family.example/a b", "must not hold blanks"),
        ("https://family.example\\@evil.example", "must not hold blanks"),
        ("https://family\n.example", "must not hold blanks"),
        ("http://family.example", "say gramps.allow_http = true"),
        ("http://10.0.0.1", "say gramps.allow_http = true"),
        ("http://localhost.evil.example", "say gramps.allow_http = true"),
        ("http://127.0.0.1.nip.io", "say gramps.allow_http = true"),
        ("http://0.0.0.0", "say gramps.allow_http = true"),
    ],
)
def test_wrong_web_addresses(written: str, why: str) -> None:
    """What cannot be meant, or would send secrets in the clear, is refused without repeating it."""
    with pytest.raises(ValueError, match=why) as caught:
        web_address(written, allow_http=False, allow_key="gramps.allow_http")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("section", ["gramps", "s3"])
def test_plain_http_on_request(home: Home, good: str, section: str) -> None:
    """allow_http opens plain http for its own section alone."""
    text = good.replace("https:", "http:") + '[s3]\nurl = "s3://bucket"\nendpoint_url = "http://minio:9000"\n'
    lines = home.mistakes(text, **{f"SYNCD_{section.upper()}__ALLOW_HTTP": "true"})
    assert len(lines) == 1
    assert ("s3.endpoint_url" if section == "gramps" else "gramps.url") in lines[0]
    found = home.load(text, SYNCD_GRAMPS__ALLOW_HTTP="1", SYNCD_S3__ALLOW_HTTP="1")
    assert found.s3 is not None
    assert (found.gramps.url, found.s3.endpoint_url) == ("http://family.example", "http://minio:9000")


def test_api_is_dropped(home: Home, good: str) -> None:
    """With or without /api, the address is the same."""
    assert home.load(good.replace(".example", ".example/api/")).gramps.url == "https://family.example"
    assert home.load(good.replace(".example", ".example/tree")).gramps.url == "https://family.example/tree"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s3://abc", "s3://abc"),
        ("S3://abc/", "s3://abc"),
        ("s3://my-bucket.1/pre/fix/", "s3://my-bucket.1/pre/fix"),
        ("s3://with_underscore/ü x", "s3://with_underscore/ü x"),
    ],
)
def test_buckets(written: str, read: str) -> None:
    """Bucket and prefix as Gramps Web takes them."""
    assert bucket_address(written) == read


@pytest.mark.parametrize(
    "written",
    ["", "abc", "https://abc", "s3://", "s3:///x", "s3://ab", "s3://" + "a" * 64, "s3://Media", "s3://-abc",
     "s3://abc-", "s3://a..b", "s3://10.0.0.1", "s3://key:hunter2@abc", "s3://tenant:bucket", "s3://abc/../x", "s3://abc/a//b",
     "s3://abc/a\\b", "s3://abc/a\nb", "s3://abc/./b"],
)  # fmt: skip
def test_wrong_buckets(written: str) -> None:
    """Names that no S3 server takes, and prefixes that mean something else to each."""
    with pytest.raises(ValueError) as caught:
        bucket_address(written)
    assert "hunter2" not in str(caught.value)
