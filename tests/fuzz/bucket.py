"""What S3 servers answer."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import obstore.exceptions
from botocore.awsrequest import AWSResponse
from hypothesis import strategies as st
from pydantic import SecretStr

from syncd.bucket.access import Login, Patience, S3Location
from syncd.bucket.budget import Budget
from syncd.bucket.failures import S3Error, understand
from syncd.bucket.listing import list_sizes
from syncd.bucket.multipart import Multipart
from syncd.bucket.quarantine import residents
from syncd.bucket.session import Session
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.bucket.verdicts import Place, translate
from syncd.errors import ServerError
from syncd.model import Checksum
from syncd.ports import no_progress
from tests.fuzz.parser import Parser
from tests.fuzz.values import as_text, damaged, text_of, texts

NAMES = (
    "d41d8cd98f00b204e9800998ecf8427e",
    "0" * 32,
    "A" * 32,
    "a//b",
    "syncd-quarantine/2026-01-01/" + "0" * 32,
)


@dataclass(slots=True)
class Wire:
    """What every request is answered with, whichever thread makes it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


WIRE = Wire()


@cache
def session() -> Session:
    """A session without a network: each request is answered by what this thread reads."""
    found = Session(
        S3Location("media", "p/"),
        Login(None, "key-id", SecretStr("secret")),
        endpoint_url="http://127.0.0.1:1",
        region="us-east-1",
        patience=Patience(retries=0, connect=1, answer=1, longest_pause=0.0),
    )
    for slow in (False, True):
        found.client(slow=slow).meta.events.register_first("before-send.s3", _answered, unique_id="fuzz")
    return found


def _answered(request: Any, **_: Any) -> Any:
    headers: Any = {"content-type": "application/xml", **WIRE.headers}
    return AWSResponse(request.url, WIRE.status, headers, _Body(io.BytesIO(WIRE.body)))


class _Body(io.BufferedReader):
    """A body as urllib3 gives one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """All of it."""
        yield self.read()

    def release_conn(self) -> None:
        """There is no connection."""


def answered(question: Callable[[], object]) -> Callable[[bytes], object]:
    """A parser that asks something, and is answered by the input: a status, a line's end, and the body."""

    def parse(given: bytes) -> object:
        status, _, body = given.partition(b"\n")
        WIRE.status = int(status) if status in (b"200", b"403", b"404", b"500") else 200
        WIRE.body, WIRE.headers = body, {}
        return question()

    return parse


def _list() -> object:
    return list_sizes(session(), threading.Event(), 2)


def _walk() -> object:
    upkeep = Upkeep(session(), threading.Event())
    return list(residents(upkeep.walk("p/"), "p/"))


def _delete() -> object:
    upkeep = Upkeep(session(), threading.Event())
    return upkeep.find_tenants("p/", "tree")


def _keys(given: bytes) -> object:
    """A key is looked at, read, copied, and sent in parts: the answers have these headers and this body."""
    head, _, body = given.partition(b"\n\n")
    pairs = [line.split(b": ", 1) for line in head.split(b"\n") if b": " in line]
    WIRE.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    WIRE.status, WIRE.body = 200, body
    upkeep, closed = Upkeep(session(), threading.Event()), threading.Event()
    found = upkeep.look("p/x")
    key = found or StoredKey("p/x", len(body), "", datetime.now(UTC))
    multipart = Multipart(session(), Budget(), closed)
    for work in (
        lambda: upkeep.digest(key),
        lambda: upkeep.copy(key, "p/y"),
        lambda: upkeep.delete([key]),
        lambda: multipart.abort_stale("p/", timedelta(days=1)),
        lambda: multipart.put(
            "p/z",
            io.BytesIO(b"x"),
            checksum=Checksum("9dd4e461268c8034f5c8564e155c67a6"),
            size=1,
            mime="a/b",
            advance=no_progress,
        ),
    ):
        with suppress(ServerError):
            work()
    multipart.close()
    return None


def _told(given: bytes) -> object:
    text = text_of(given)
    for error in (obstore.exceptions.GenericError(text), FileNotFoundError(text), OSError(text)):
        found = understand(error)
        assert isinstance(found, S3Error)
        said = translate(found, Place("media", "https://s3.example"))
        assert "secret" not in said.reason + said.remedy
    return None


@st.composite
def listings(draw: st.DrawFn) -> bytes:
    """A page of a listing, with odd keys, sizes and times."""
    items = []
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(NAMES).map(lambda name: f"p/{name}") | texts)
        size = draw(st.just("0") | texts | st.integers().map(str) | st.just("9" * 5000))
        when = draw(st.just("2026-01-01T00:00:00.000Z") | texts | st.just("9999-12-31T23:59:59+99:99"))
        parts = {"Key": key, "Size": size, "LastModified": when, "ETag": draw(st.just('"x"') | texts)}
        left_out = draw(st.sampled_from(("", "", "", "Key", "Size", "LastModified", "ETag")))
        items.append(
            "<Contents>"
            + "".join(f"<{name}>{_text(value)}</{name}>" for name, value in parts.items() if name != left_out)
            + "</Contents>"
        )
    more = draw(st.sampled_from(("false", "false", "false", "true", "maybe", "")))
    token = draw(st.sampled_from(("", "<NextContinuationToken>t</NextContinuationToken>")))
    cut = f"<IsTruncated>{more}</IsTruncated>" if more or draw(st.booleans()) else ""
    head = draw(st.sampled_from(("", '<?xml version="1.0"?>', BOMB)))
    body = f"{head}<ListBucketResult>{cut}{token}{''.join(items)}</ListBucketResult>"
    return body.encode(errors="surrogatepass")


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
)


def _text(value: str) -> str:
    return escape("".join(char for char in value if char in "\t\n\r" or char >= " "))


def _growing(make: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: b"200\n<ListBucketResult><IsTruncated>false</IsTruncated>" + make(size).encode()


def laughs(size: int) -> str:
    """Entities within entities: a thousand times as long when they are put in."""
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    return f'<!DOCTYPE x [<!ENTITY e0 "{"x" * (size // 100)}">{levels}]><ListBucketResult>&e9;</ListBucketResult>'


GROWTHS = {
    "keys": _growing(
        lambda size: (
            "<Contents><Key>p/x</Key><Size>1</Size></Contents>" * (size // 50) + "</ListBucketResult>"
        )
    ),
    "one key": _growing(lambda size: f"<Contents><Key>p/{'k' * size}</Key></Contents></ListBucketResult>"),
    "nested": _growing(lambda size: "<a>" * (size // 7) + "</a>" * (size // 7) + "</ListBucketResult>"),
    "laughs": lambda size: b"200\n" + laughs(size).encode(),
    "digits": _growing(
        lambda size: f"<Contents><Key>p/x</Key><Size>{'9' * size}</Size></Contents></ListBucketResult>"
    ),
}
answers = st.tuples(
    st.sampled_from((b"200", b"200", b"200", b"403", b"500")), listings() | damaged(listings())
).map(b"\n".join)

key_headers = st.lists(
    st.one_of(
        st.just(b'ETag: "9dd4e461268c8034f5c8564e155c67a6"'),
        st.just(b"Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"),
        st.just(b"Content-Length: 1"),
        st.tuples(st.sampled_from((b"ETag: ", b"Last-Modified: ", b"Content-Length: ")), as_text(texts)).map(
            b"".join
        ),
    ).map(lambda line: line.replace(b"\n", b"")),
    max_size=5,
).map(b"\n".join)
key_bodies = st.sampled_from(
    (
        b"x",
        b"",
        b"<a/>",
        b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
        b"<ListMultipartUploadsResult><Upload><Key>p/"
        + b"0" * 32
        + b"</Key></Upload></ListMultipartUploadsResult>",
        b"<DeleteResult><Deleted/><Error><Key>p/x</Key></Error></DeleteResult>",
        b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>",
    )
)

PARSERS = (
    Parser(
        "bucket-keys",
        ("syncd.bucket.session", "syncd.bucket.copying", "syncd.bucket.reading", "syncd.bucket.multipart"),
        _keys,
        st.tuples(key_headers, key_bodies | damaged(key_bodies)).map(b"\n\n".join),
        (ServerError,),
    ),
    Parser("bucket-listing", ("syncd.bucket.listing",), answered(_list), answers, (ServerError,), GROWTHS),
    Parser(
        "bucket-walk",
        ("syncd.bucket.upkeep", "syncd.bucket.quarantine", "syncd.bucket.listing"),
        answered(_walk),
        answers,
        (ServerError,),
        GROWTHS,
    ),
    Parser("bucket-tenants", ("syncd.bucket.upkeep",), answered(_delete), answers, (ServerError,), GROWTHS),
    Parser(
        "bucket-errors",
        ("syncd.bucket.failures", "syncd.bucket.verdicts"),
        _told,
        as_text(
            st.from_regex(
                r"(HTTP error: |kind: Connect|status code: \d{0,4}|<Code>[A-Za-z]{0,20}</Code>|<Region>[a-z0-9-]{0,9}</Region>"
                r"|kms:Decrypt|dns error|tls|\n\nDebug source:| ){0,8}",
                fullmatch=True,
            )
            | texts
        ),
        (),
        {"blanks": lambda size: b"<Code>" + b" " * size, "codes": lambda size: b"<Code>" * (size // 6)},
    ),
)
