"""Listings: whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from syncd.bucket import S3Store
from syncd.errors import ServerError, Unexpected
from tests.unit.bucket.stub import Answer, Make, Request, Stub, error


def page(keys: Iterable[str], *, more: str | None = None, truncated: bool | None = None) -> Answer:
    """A page of a listing."""
    truncated = more is not None if truncated is None else truncated
    items = "".join(f"<Contents><Key>{key}</Key><Size>{len(key)}</Size></Contents>" for key in keys)
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    text = f"<ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>{items}{token}</ListBucketResult>"
    return Answer(body=text.encode(), headers={"Content-Type": "application/xml"})


def key(number: int) -> str:
    """A checksum-like name."""
    return f"{number:032x}"


def test_foreign_keys(stub: Stub, make: Make) -> None:
    """Only prefix + 32 lower-case hex digits count."""
    store = make(stub.url, prefix="p/tree/")
    names = [key(1), "A" * 32, "a" * 31, "a" * 33, "g" * 32, key(2) + ".jpg", "notes.txt", ""]
    stub.script = lambda _request: page("p/tree/" + name for name in names)
    assert dict(store.list().sizes) == {key(1): 39}
    (request,) = stub.requests
    assert (request.query["prefix"], request.query["delimiter"]) == ("p/tree/", "/")


def test_small_bucket_is_one_request(stub: Stub, store: S3Store) -> None:
    """A bucket of one page costs one request."""
    stub.script = lambda _request: page([key(1), key(2)])
    assert set(store.list().sizes) == {key(1), key(2)}
    assert len(stub.requests) == 1


def test_large_bucket_is_split_by_first_digit(stub: Stub, store: S3Store) -> None:
    """Of a bucket of many pages every key is found, once."""
    everything = sorted(f"{digit}{number:031x}" for digit in "0123456789abcdef" for number in range(7))

    def script(request: Request) -> Answer:
        below = [name for name in everything if name.startswith(request.query.get("prefix", ""))]
        start = int(request.query.get("continuation-token", "0"))
        end = start + 3
        return page(below[start:end], more=str(end) if end < len(below) else None)

    stub.script = script
    assert sorted(store.list().sizes) == everything
    assert len(stub.requests) == 12 + 16 * 3


def test_repeating_token(stub: Stub, store: S3Store) -> None:
    """A server that gives the same page again and again is found out."""
    stub.script = lambda _request: page([], more="again")
    with pytest.raises(Unexpected, match="repeats itself"):
        store.list()


def test_fresh_tokens_for_old_keys(stub: Stub, store: S3Store) -> None:
    """A server that begins anew with fresh tokens is found out."""
    counter = itertools.count()
    stub.script = lambda request: page([(request.query["prefix"] or "0") + "0" * 31], more=str(next(counter)))
    with pytest.raises(Unexpected, match="twice"):
        store.list()


def test_listing_for_ever(stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never comes to an end is found out."""
    monkeypatch.setattr("syncd.bucket.listing._EMPTY_PAGES", 5)
    counter = itertools.count()
    stub.script = lambda _request: page([], more=str(next(counter)))
    with pytest.raises(Unexpected, match="never ends"):
        store.list()


def test_more_but_no_token(stub: Stub, store: S3Store) -> None:
    """A page that says that there is more but not how to get it is no complete listing."""
    stub.script = lambda _request: page([key(1)], truncated=True)
    with pytest.raises(Unexpected, match="not how to get it"):
        store.list()


def test_unasked_keys(stub: Stub, make: Make) -> None:
    """A server that ignores the prefix is found out."""
    stub.script = lambda _request: page([key(1)])
    with pytest.raises(Unexpected, match="not asked for"):
        make(stub.url, prefix="tree/").list()


def test_truncated_xml(stub: Stub, store: S3Store) -> None:
    """Half an answer is no listing."""
    whole = page([key(1), key(2)]).body
    stub.script = lambda _request: Answer(body=whole[: len(whole) // 2])
    with pytest.raises(ServerError):  # botocore takes it for a passing failure
        store.list()


def test_error_half_way(stub: Stub, store: S3Store) -> None:
    """An error on a later page is no shorter listing."""
    counter = itertools.count()

    def script(request: Request) -> Answer:
        prefix = request.query["prefix"]
        if prefix == "f":
            return error(403, "AccessDenied")
        number = next(counter)
        return page([(prefix or "0") + f"{number:031x}"], more=None if prefix else str(number))

    stub.script = script
    with pytest.raises(Exception, match="does not let this login"):
        store.list()
