"""Single requests to one Gramps Web: time limits, retries, size limits, and foreign exceptions translated.

Invariants: redirects are never followed, so that whatever a request carries stays with the server it was meant for;
a request that changes something is repeated only when it surely was not carried out, else it ends in `LostAnswer`
and the caller looks what became of it. (A 500 says nothing: Gramps Web commits, and may stumble afterwards.)
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.request import getproxies

import httpx2

from syncd import __version__
from syncd.errors import LostAnswer, MovedOn, Refused, Unexpected, Unreachable
from syncd.model.paths import is_text
from syncd.retrying import retry

MAX_BODY = 64 * 1024 * 1024
"""The longest answer, in bytes, that is read into memory. The listing of the catalog is a stream and longer."""

MAX_PARTS = 3_000_000
"""How many values an answer may hold: in memory, each takes a hundred times what it takes on the way (`{},{},…`)."""

MAX_RETRY_AFTER = 30.0
"""Seconds that a server may make us wait at a time."""

SERVER_FAULTS = 3
"""How often a GET that ends in a 500 is tried: it may be a broken record as well as a passing trouble."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
MOST_DIGITS = 18
"""Of a number that is read at all: Python refuses to read the longest ones."""

SLOWEST = 1000
"""Bytes a second, on average, below which an answer is given up after its first minute."""

_REFUSALS = {400, 401, 403, 404, 405, 409, 412, 416}

Body = Callable[[], "bytes | Iterable[bytes]"]
Result = TypeVar("Result")


class TooLong(Unexpected):
    """An answer longer than `MAX_BODY`."""


class Stumbled(Unreachable):
    """The server answers one request that changes nothing with 500, again and again; it may answer others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; `sent_to` is the address without query, for messages."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_to: str

    def json(self) -> Any:
        """The decoded body.

        Raises:
            Unexpected: it is no JSON.
            TooLong: it holds more than `MAX_PARTS` values.
        """
        if sum(map(self.body.count, (b",", b"[", b"{"))) > MAX_PARTS:
            raise _too_long()
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise not_gramps_web(self.sent_to) from error

    @property
    def message(self) -> str:
        """What the server says of an error, cut to a line; never empty."""
        with contextlib.suppress(Unexpected):
            found: Any = self.json()
            if isinstance(found, dict) and isinstance(found.get("error"), dict):
                found = found["error"]
            if isinstance(found, dict):
                for key in ("message", "msg", "status"):
                    said = found.get(key)
                    if isinstance(said, str) and said.strip() and is_text(said):
                        return " ".join(said[:10_000].split())[:300]
        return f"HTTP status {self.status}"

    @property
    def is_foreign(self) -> bool:
        """Whether it is a refusal by something before Gramps Web, which itself refuses in JSON.

        That a page is not found there, say, tells nothing of what is in the tree.
        """
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        return self.status in _REFUSALS and not is_json


def announced(headers: Mapping[str, str]) -> int | None:
    """How many items the server says that a listing has; None where it does not say."""
    text = headers.get("X-Total-Count", "")
    return int(text[:MOST_DIGITS]) if text.isascii() and text.isdigit() else None


class _Transient(Exception):  # noqa: N818 - never leaves this module
    """One attempt failed in a way that may pass."""

    def __init__(self, reason: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class Transport:
    """A connection pool to one Gramps Web, shared by all threads.

    Args:
        transport: replaces the network, for tests.
        patience: seconds for which transient failures of one request are retried.
        url: the only server that is asked; "" when it is not known yet.
    """

    def __init__(
        self, *, transport: httpx2.BaseTransport | None = None, patience: float = 60.0, url: str = ""
    ) -> None:
        self.patience = patience
        self._client = httpx2.Client(
            verify=_authorities(url),
            transport=transport,
            follow_redirects=False,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=16, keepalive_expiry=4.0),
            headers={"User-Agent": f"syncd/{__version__}", "Accept": "application/json"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        payload: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        seconds: float = READ_SECONDS,
        patience: float | None = None,
        read_body: bool = True,
    ) -> Answer:
        """Send a request and read its answer, whatever its status below 500.

        `payload` is sent as JSON; `body` makes the body anew for each attempt. `repeatable` says whether repeating
        does no harm (by default: GET and HEAD only), `seconds` how long to wait for the answer, `patience` replaces the
        transport's own, `read_body` is False when only status and headers matter.

        Raises:
            LostAnswer: it was sent, is not repeatable, and may have been carried out.
            Unreachable: transient failures outlived the patience.
            TooLong: the answer is longer than `MAX_BODY`.
            Unexpected: the payload is part of an earlier answer, and cannot be sent back.
        """
        as_json = None if payload is None else _encoded(payload)
        with_type = {**(headers or {}), **({} if as_json is None else {"Content-Type": "application/json"})}
        safe = method in ("GET", "HEAD") if repeatable is None else repeatable

        def attempt() -> Answer:
            content = as_json if body is None else body()
            request = self._client.build_request(
                method,
                url,
                params=params,
                content=content,
                headers=with_type,
                timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
            )
            with self._open(request, safe=safe) as response:
                received = _read(response) if read_body else b""
                return Answer(response.status_code, response.headers, received, _plain(url))

        return self.retrying(attempt, safe=safe, patience=patience)

    def stream(
        self,
        url: str,
        read: Callable[[httpx2.Response], Result],
        *,
        params: Mapping[str, str],
        headers: Callable[[], Mapping[str, str]],
        seconds: float,
        patience: float | None = None,
    ) -> Result:
        """GET a long answer and let `read` consume it; it is called anew when the connection breaks.

        `headers` is asked for each attempt, so that one can go on where the last broke off.
        """

        def attempt() -> Result:
            timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
            request = self._client.build_request(
                "GET", url, params=params, headers=headers(), timeout=timeout
            )
            with self._open(request, safe=True) as response:
                return read(response)

        return self.retrying(attempt, safe=True, patience=patience)

    def retrying(self, attempt: Callable[[], Result], *, safe: bool, patience: float | None = None) -> Result:
        """Call `attempt` until it succeeds or the patience ends; `safe` when it changes nothing."""
        faults = 0

        def may_pass(error: Exception) -> bool | float:
            nonlocal faults
            if not isinstance(error, _Transient):
                return False
            faults += error.status == 500
            if faults >= SERVER_FAULTS:
                return False
            return True if error.retry_after is None else error.retry_after

        limit = self.patience if patience is None else min(patience, self.patience)
        try:
            return retry(
                lambda: _translated(attempt, safe=safe),
                _Transient,
                may_pass=may_pass,
                attempts=None,
                seconds=limit,
                first_pause=0.3,
                longest_pause=10.0,
            )
        except _Transient as error:
            kind = Stumbled if error.status == 500 else Unreachable
            raise kind(error.reason, "check the address and the connection, or try again later") from error

    @contextlib.contextmanager
    def _open(self, request: httpx2.Request, *, safe: bool) -> Iterator[httpx2.Response]:
        """One attempt; statuses that may pass are raised."""
        try:
            response = self._client.send(request, stream=True)
        except ValueError as error:  # the library looks where a redirect leads, though nobody follows it
            raise Unexpected("Gramps Web sends us nowhere", "look at the proxy before it") from error
        with contextlib.closing(response):
            status = response.status_code
            if status in (429, 503) or (status >= 500 and safe):
                said = Answer(status, response.headers, _read(response), "").message
                raise _Transient(f"Gramps Web cannot answer now: {said}", status, _retry_after(response))
            if status >= 500:
                raise LostAnswer(
                    f"Gramps Web stumbled over a change (HTTP status {status})",
                    "try again later; if it happens again, look at the server's log",
                )
            yield response


def _authorities(url: str) -> ssl.SSLContext | bool:
    """Whose certificates count: those of the system; nobody's, where neither the server nor a proxy has one to show.

    Reading the system's takes 20 ms of processor time.
    """
    may_show_one = any(proxy.lower().startswith("https:") for proxy in getproxies().values())
    if may_show_one or not url.lower().startswith("http:"):
        return True
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _encoded(payload: Any) -> bytes:
    """JSON in UTF-8; what is no proper text, in parts that the server gave, goes back as it came."""
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise Unexpected(
            "Gramps Web gave a record that is no proper JSON", "update Gramps Web or syncd"
        ) from error


def _translated(attempt: Callable[[], Result], *, safe: bool) -> Result:
    """Call once; the HTTP library's exceptions become ours."""
    try:
        return attempt()
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        if _is_certificate_error(error):
            raise Unreachable(
                "the certificate of Gramps Web is not trusted",
                "renew it, or name the authority's certificate file in the variable SSL_CERT_FILE",
            ) from error
        raise _Transient(f"Gramps Web{_where(error)} cannot be reached{_cause(error)}") from error
    except httpx2.DecodingError as error:
        raise Unexpected("an answer of Gramps Web is damaged", "try again; check the proxy") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise Refused("the address of Gramps Web cannot be used", "correct gramps.url") from error
    except httpx2.LocalProtocolError as error:
        raise MovedOn("what was being sent to Gramps Web changed meanwhile", "try again") from error
    except httpx2.TransportError as error:
        what = "took too long" if isinstance(error, httpx2.TimeoutException) else "broke off"
        if safe:
            raise _Transient(f"the answer of Gramps Web {what}") from error
        raise LostAnswer(f"the answer of Gramps Web to a change {what}", "try again later") from error


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _where(error: httpx2.RequestError) -> str:
    """The server that was asked: scheme, host and port, without anything that may be secret."""
    try:
        asked = error.request.url
    except RuntimeError:  # it was raised without a request
        return ""
    port = asked.port or {"https": 443, "http": 80}.get(asked.scheme)
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    return f" at {asked.scheme}://{host}:{port}"


def _cause(error: BaseException) -> str:
    """Why there is no connection, as far as it is known."""
    if isinstance(error, httpx2.ProxyError):
        return ": the proxy does not let it through"
    if isinstance(error, httpx2.TimeoutException):
        return ": the connection timed out"
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, socket.gaierror):
            return ": its name is not found"
        if isinstance(below, ConnectionRefusedError):
            return ": the connection is refused"
        if isinstance(below, TimeoutError):
            return ": the connection timed out"
        if isinstance(below, ssl.SSLError):
            return ": it does not speak TLS (https)"
        below = below.__cause__ or below.__context__
    words = str(error).lower()
    return next((f": {cause}" for sign, cause in _SIGNS.items() if sign in words), "")


_SIGNS = {
    "name or service not known": "its name is not found",
    "name resolution": "its name is not found",
    "no address associated": "its name is not found",
    "connection refused": "the connection is refused",
    "unreachable": "there is no way to it in the network",
    "no route": "there is no way to it in the network",
    "ssl": "it does not speak TLS (https)",
}
"""What the system's words mean, where the exception below got lost on the way."""


def steadily(response: httpx2.Response) -> Iterator[bytes]:
    """The decoded body, in the pieces in which it comes, as long as it does not drip: a run would never end.

    A limit of time for each piece does not see that, and one for all would be too short for a large tree on a slow line.
    """
    begun, received = time.monotonic(), 0
    for chunk in response.iter_bytes():
        received += len(chunk)
        if time.monotonic() - begun > READ_SECONDS + received / SLOWEST:
            raise _Transient("the answer of Gramps Web comes too slowly")
        yield chunk


def _read(response: httpx2.Response) -> bytes:
    """The decoded body, at most `MAX_BODY` bytes."""
    received = bytearray()
    for chunk in steadily(response):
        received += chunk
        if len(received) > MAX_BODY:
            raise _too_long()
    return bytes(received)


def _too_long() -> TooLong:
    return TooLong("an answer of Gramps Web is far too long", "check that gramps.url is a Gramps Web")


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds from the header of this name; dates are not understood, and our own pace is taken."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), MAX_RETRY_AFTER) if text.isascii() and text.isdigit() else None


def _plain(url: str) -> str:
    """An address without query, user and password, fit for a message."""
    parsed = httpx2.URL(url)
    return str(parsed.copy_with(query=None, fragment=None, userinfo=b""))


def refused_before(answer: Answer) -> Unexpected:
    """The error for a refusal that is not Gramps Web's."""
    return Unexpected(
        f"something before Gramps Web refuses a request (HTTP status {answer.status})",
        "look at the proxy, the firewall or the login page of the network that stands before Gramps Web",
    )


def not_gramps_web(url: str) -> Unexpected:
    """The error for an answer that no Gramps Web would give."""
    return Unexpected(
        f"what answers at {_plain(url)} is not Gramps Web",
        "set gramps.url to the address at which you open Gramps Web in the browser",
    )
