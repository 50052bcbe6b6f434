"""Servers that lie: every answer is refused plainly, in bounded time and memory, and the login goes nowhere else."""

from __future__ import annotations

import gzip
import itertools
import ssl
import subprocess
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from syncd.errors import Refused, ServerError, Unexpected, Unreachable
from syncd.gramps import reading
from syncd.gramps.http import MAX_BODY, TooLong, Transport, _authorities
from syncd.gramps.login import Password
from syncd.gramps.server import connect
from syncd.gramps.stream import LONGEST_OBJECT
from tests.fuzz.gramps import api_of
from tests.unit.gramps.fake_server import jwt
from tests.unit.gramps.liar import Liar, answer

MIB = 1 << 20


@pytest.fixture
def line() -> Iterator[Transport]:
    """A connection that tries once."""
    transport = Transport(patience=0.01)
    yield transport
    transport.close()


def listing(body: Iterable[bytes], count: str) -> dict[str, object]:
    """The listing of all objects, as a server with this answer has it."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/token/"):
            return httpx2.Response(200, json={"access_token": jwt(1)})
        return httpx2.Response(200, content=iter(body), headers={"X-Total-Count": count})

    return dict(reading.list_objects(api_of(httpx2.MockTransport(handle))))


# --- counts and JSON --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["1000000000000", "9" * 5000, "-1", "", "1e3", "0x10", "1, 1", "NaN"])
def test_a_count_that_is_none(count: str) -> None:
    """A count beyond belief, or that is no number, makes the listing incomplete."""
    with pytest.raises(Unexpected, match="not complete"):
        listing([b"[]"], count)


def test_a_description_without_end() -> None:
    """One object that grows and grows is given up before it fills the memory."""
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'[{"handle": "h", "desc": "'
        for _ in range(1024):
            read += MIB
            yield b"x" * MIB

    tracemalloc.start()
    try:
        with pytest.raises(Unexpected, match="more than 4 MB"):
            listing(endless(), "100000")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read < 3 * LONGEST_OBJECT
    assert peak < 64 * MIB


def test_more_objects_than_announced_without_end() -> None:
    """A list that never ends is cut off at what was announced."""
    objects = (b'{"handle":"h%d","path":"a","desc":"%s"},' % (n, b"x" * 60_000) for n in itertools.count())
    with pytest.raises(Unexpected, match="far too long"):
        listing(itertools.chain([b"["], objects), "2")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_nesting(line: Transport, body: bytes) -> None:
    """Brackets within brackets are no answer, in a listing or anywhere."""
    with pytest.raises(Unexpected):
        listing([b"[", body], "1")
    with Liar(lambda _: [answer(body)]) as liar, pytest.raises(Unexpected):
        line.send("GET", liar.url).json()


@pytest.mark.parametrize("body", [b"[" + b"{}," * 4_000_000 + b"{}]", b"[" + b"[]," * 4_000_000 + b"[]]"])
def test_very_many_values(line: Transport, body: bytes) -> None:
    """An answer that would take a hundred times its length in memory is not taken apart."""
    with Liar(lambda _: [answer(body)]) as liar:
        found = line.send("GET", liar.url)
    with pytest.raises(TooLong):
        found.json()


def test_a_number_without_end(line: Transport) -> None:
    """Millions of digits are no number."""
    with Liar(lambda _: [answer(b"[" + b"9" * 3_000_000 + b"]")]) as liar, pytest.raises(Unexpected):
        line.send("GET", liar.url).json()


# --- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_gzip_bomb(line: Transport, times: int) -> None:
    """What unpacks to a gigabyte, once or twice packed, is given up at the longest answer, and is never whole in memory."""
    body = gzip.compress(bytes(16 * MIB), 9) * 64
    for _ in range(times - 1):
        body = gzip.compress(body, 9)
    encoding = ", ".join(["gzip"] * times)
    tracemalloc.start()
    try:
        with Liar(lambda _: [answer(body, Content_Encoding=encoding)]) as liar:
            try:
                received = len(line.send("GET", liar.url).body)
            except TooLong:
                received = 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received <= MAX_BODY
    assert peak < 3 * MAX_BODY


def test_a_body_without_end(line: Transport) -> None:
    """An endless answer is given up at the longest one."""
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * MIB))
    with Liar(lambda _: endless) as liar:
        with pytest.raises(TooLong):
            line.send("GET", liar.url)
        assert liar.sent < 2 * MAX_BODY


def test_headers_without_end(line: Transport) -> None:
    """Endless headers are given up."""
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X-A: " + b"x" * 1000 + b"\r\n"))
    with Liar(lambda _: endless) as liar:
        with pytest.raises(Unreachable):
            line.send("GET", liar.url)
        assert liar.sent < 64 * MIB


@pytest.mark.parametrize("length", ["1000", "-1", "x", "9" * 30])
def test_a_length_that_lies(line: Transport, length: str) -> None:
    """An answer that is shorter than it says, or says no length, is none."""
    with Liar(lambda _: [answer(b"{}", Content_Length=length)]) as liar, pytest.raises(ServerError):
        line.send("GET", liar.url)


# --- the login --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_the_login_goes_nowhere_else(status: str) -> None:
    """Whoever redirects, to another server, to itself for ever, or to plain http, gets no second request."""
    with Liar(lambda _: [answer(b"{}")]) as other:

        def say(head: bytes) -> list[bytes]:
            if b"Authorization" not in head and b"POST" not in head:
                return [answer(b'{"message": "Missing JWT"}', "401 x")]
            return [answer(b"", status, Location=f"{other.url}/api/token/")]

        with Liar(say) as liar:
            api = api_of(httpx2.HTTPTransport())
            api.transport.patience = 0.01
            with pytest.raises(ServerError):
                connect(api, liar.url, Password("ann", SecretStr("s")), allow_untested=False)
            assert len(liar.heads) <= 3
        assert other.heads == []


def test_a_redirect_at_the_door() -> None:
    """A server that is elsewhere is told of, not followed: the person decides whether that is theirs."""
    with (
        Liar(lambda _: [answer(b"{}")]) as other,
        Liar(lambda _: [answer(b"", "302 x", Location=f"{other.url}/?token=hunter2")]) as liar,
    ):
        api = api_of(httpx2.HTTPTransport())
        with pytest.raises(Refused, match="elsewhere") as caught:
            connect(api, liar.url, Password("ann", SecretStr("s")), allow_untested=False)
        assert "hunter2" not in caught.value.remedy
        assert other.heads == []


# --- certificates -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and certificates of its own making: `good`, `other-host`, `self`."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
    for name, host in (("good", "IP:127.0.0.1"), ("other-host", "DNS:other.example")):
        more = ("-addext", f"subjectAltName={host}", "-addext", "basicConstraints=CA:FALSE")
        openssl(
            *new,
            *more,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            "-subj",
            "/CN=x",
        )
    openssl(
        *new,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        "self.key",
        "-out",
        "self.pem",
        "-subj",
        "/CN=x",
    )
    return folder


@pytest.mark.parametrize("kind", ["good", "other-host", "self"])
def test_certificates(authority: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Only a certificate of a trusted authority, for this host, is talked to; nothing is sent to any other."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / f"{kind}.pem", authority / f"{kind}.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    line = Transport(patience=0.01)
    try:
        with Liar(lambda _: [answer(b"{}")], tls) as liar:
            if kind == "good":
                assert line.send("GET", liar.url).status == 200
                return
            with pytest.raises(Unreachable, match="certificate"):
                line.send("GET", liar.url, headers={"Authorization": "hunter2"})
            assert liar.heads == []
    finally:
        line.close()


def test_where_no_certificate_is_shown_none_counts(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a server without TLS no authorities are read, and whoever speaks it all the same is not talked to."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / "good.pem", authority / "good.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    line = Transport(patience=0.01, url="http://127.0.0.1")
    try:
        with Liar(lambda _: [answer(b"{}")]) as honest:
            assert line.send("GET", honest.url).status == 200
        with Liar(lambda _: [answer(b"{}")], tls) as liar:
            with pytest.raises(Unreachable, match="certificate"):
                line.send("GET", liar.url, headers={"Authorization": "hunter2"})
            assert liar.heads == []
    finally:
        line.close()


@pytest.mark.parametrize(
    ("url", "proxy", "counts"),
    [
        ("http://family.example", "", False),
        ("HTTP://family.example", "http://proxy.example:3128", False),
        ("http://family.example", "https://proxy.example", True),
        ("https://family.example", "", True),
        ("family.example", "", True),
        ("", "", True),
    ],
)
def test_the_authorities_of_the_system_count(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str, counts: bool
) -> None:
    """Wherever a certificate may be shown: by the server, or by a proxy on the way to it."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    found = _authorities(url)
    if counts:
        assert found is True
        return
    assert isinstance(found, ssl.SSLContext)
    assert found.verify_mode is ssl.CERT_REQUIRED
    assert found.get_ca_certs() == []
