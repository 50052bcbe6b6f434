"""A store that is opened with its first use: once, never for nothing, and refused no later than it was before."""

from __future__ import annotations

import io
import threading
import time
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd import doorstep
from syncd.bucket.access import S3Location, check_address
from syncd.config import S3Settings
from syncd.model import Checksum
from syncd.opened_later import OpenedLater
from syncd.ports import MediaLocation, Store

MD5 = Checksum("0" * 32)
BYTES = io.BytesIO()
METHODS = [name for name in vars(Store) if not name.startswith("_")]
USES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "list": ((), {}),
    "sizes": (([MD5],), {}),
    "put": ((BYTES, MD5, 7, "image/jpeg"), {"advance": print, "handle": "h"}),
    "get": ((BYTES, MD5), {"advance": print}),
    "bring_back": (([MD5],), {"tree_id": "t", "really": False}),
    "create_bucket": ((), {}),
    "abort_stale_uploads": ((), {}),
}


class Recorder:
    """A store that writes down what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **options: Any) -> str:
            self.asked.append((name, arguments, options))
            return f"answer to {name}"

        return ask


class Opening:
    """Opens recorders, and counts."""

    def __init__(self) -> None:
        self.opened: list[Recorder] = []

    def __call__(self) -> Store:
        """Open one, not at once."""
        time.sleep(0.01)
        self.opened.append(Recorder())
        return cast("Store", self.opened[-1])


@pytest.mark.parametrize("name", METHODS)
def test_each_request_goes_to_the_real_store(name: str) -> None:
    """With all that was given, and its answer comes back; closing opens nothing."""
    opening = Opening()
    store = OpenedLater(opening)
    if name == "close":
        store.close()
        assert opening.opened == []
        return
    arguments, options = USES[name]
    answer = getattr(store, name)(*arguments, **options)
    (real,) = opening.opened
    assert real.asked == [(name, arguments, options)]
    assert answer in (f"answer to {name}", None)
    assert (answer is None) is (name in {"put", "create_bucket"})
    store.close()
    assert real.asked[1:] == [("close", (), {})]


def test_threads_share_one() -> None:
    """Transfers begin at the same moment, in many threads."""
    opening = Opening()
    store = OpenedLater(opening)
    threads = [threading.Thread(target=store.sizes, args=([MD5],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (real,) = opening.opened
    assert len(real.asked) == 8


def test_what_comes_after_the_end_meets_a_closed_store() -> None:
    """A thread that is late, when all was closed, begins nothing that nobody would end."""
    opening = Opening()
    store = OpenedLater(opening)
    store.close()
    store.sizes([MD5])
    (real,) = opening.opened
    assert [name for name, *_ in real.asked] == ["close", "sizes"]


def test_what_fails_to_open_is_tried_again() -> None:
    """The error comes to whoever asked; the next one tries anew."""
    failures = [OSError("once")]
    opening = Opening()

    def open_store() -> Store:
        if failures:
            raise failures.pop()
        return opening()

    store = OpenedLater(open_store)
    with pytest.raises(OSError, match="once"):
        store.list()
    assert store.list() == cast("Any", "answer to list")


@given(st.text(st.sampled_from("ab/.\x00\x7f\xa0é\u2028"), max_size=8))
@example("")
@example("a")
@example("a/")
@example("//")
def test_a_place_that_cannot_be_used_is_refused_before_anything_is_written(prefix: str) -> None:
    """What opening the bucket would refuse is refused when settings and server are compared."""
    s3 = S3Settings(url="s3://media")
    if doorstep.compare_buckets(s3, MediaLocation("media", prefix)) is None:
        assert S3Location("media", prefix).prefix == prefix


@given(
    st.sampled_from(["http://", "https://", "HTTP://", "s3://", ""]),
    st.sampled_from(["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "[::1]", "10.0.0.1", "nas", ""]),
    st.sampled_from(["", ":9000", "/", "/below", ":0"]),
    st.booleans(),
)
def test_an_address_that_cannot_be_used_is_refused_with_the_settings(
    scheme: str, host: str, rest: str, allow_http: bool
) -> None:
    """What opening the bucket would refuse is a mistake in the configuration."""
    try:
        s3 = S3Settings(url="s3://media", endpoint_url=scheme + host + rest, allow_http=allow_http)
    except ValidationError:
        return
    check_address(s3.endpoint_url, allow_http=s3.allow_http)
