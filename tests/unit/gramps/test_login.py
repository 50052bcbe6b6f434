"""Finding the server, logging in and staying logged in."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from syncd.errors import ConfigError, Denied, Refused, ServerError, Unexpected, Unreachable, Untested
from tests.unit.gramps.fake_server import SECRET, Clock, Connect, FakeServer


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("/api", "https://family.example"),
        ("/api", "https://family.example/"),
        ("/api", "https://family.example/api"),
        ("/api", "https://family.example/api/"),
        ("/family/api", "https://family.example/family/"),
        ("/family/api", "https://family.example/family/api"),
        ("/backend", "https://family.example/backend"),
    ],
)
def test_finds_the_api(server: FakeServer, gramps: Connect, base: str, url: str) -> None:
    """`/api` is found by itself, in sub-paths too."""
    server.base = base
    info = gramps(url).connect()
    assert info.url == f"https://family.example{base}"
    assert (info.tree_id, info.title, info.user) == ("5f0c1d7e", "Smith", "ann")
    assert "EditObject" in info.permissions


def test_a_web_page_is_not_gramps_web(server: FakeServer, gramps: Connect) -> None:
    """A server that answers every address with a page is told apart, and no password is sent to it."""
    server.base = "/elsewhere/api"
    with pytest.raises(Unexpected, match="is not Gramps Web"):
        gramps().connect()
    assert all(request.method == "GET" for request in server.requests)


def test_redirects_are_not_followed(server: FakeServer, gramps: Connect) -> None:
    """The new address is told, without its query; nothing is sent there."""
    server.intercept = lambda _: httpx2.Response(
        301, headers={"Location": "https://other.example/api/metadata/?key=hidden"}
    )
    with pytest.raises(Refused) as caught:
        gramps().connect()
    assert "https://other.example" in caught.value.remedy
    assert "hidden" not in caught.value.remedy
    assert {request.url.host for request in server.requests} == {"family.example"}


@pytest.mark.parametrize("url", ["family.example", "ftp://family.example", "https://", "http://[", ""])
def test_no_address(gramps: Connect, url: str) -> None:
    """What is no address is a mistake in the configuration."""
    with pytest.raises(ConfigError, match=r"gramps\.url"):
        gramps(url).connect()


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (403, "Invalid username or password", "user name or the password"),
        (403, "Account disabled", "disabled"),
        (403, "Account not confirmed", "not confirmed"),
        (403, "Forbidden", "no family tree"),
        (403, "Local authentication is disabled. Please use OIDC authentication.", "single sign-on"),
    ],
)
def test_refused_logins_say_why(
    server: FakeServer, gramps: Connect, status: int, said: str, reason: str
) -> None:
    """Each reason that the server has is told in plain words, with a remedy and without the password."""

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/token/"):
            return httpx2.Response(status, json={"error": {"code": status, "message": said}})
        return None

    server.intercept = refuse
    with pytest.raises(Denied, match=reason) as caught:
        gramps().connect()
    assert caught.value.remedy
    assert SECRET not in repr(caught.value) + caught.value.remedy
    if "OIDC" in said:
        assert "sync token" in caught.value.remedy


@pytest.mark.parametrize(("status", "reason"), [(404, "too old"), (401, "revoked"), (403, "disabled")])
def test_refused_sync_tokens(server: FakeServer, gramps: Connect, status: int, reason: str) -> None:
    """A server without sync tokens and a revoked one are told apart."""

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/token/sync/"):
            return httpx2.Response(status, json={"error": {"code": status, "message": "no"}})
        return None

    server.intercept = refuse
    with pytest.raises(Denied, match=reason):
        gramps(token="gw_sync_secret").connect()


def test_sync_token_is_exchanged_anew(server: FakeServer, gramps: Connect, clock: Clock) -> None:
    """There is no refresh token then: the sync token is exchanged again."""
    client = gramps(token="gw_sync_secret")
    client.connect()
    clock.now += 3600
    client.newest()
    assert len(server.asked("POST", "/token/sync/")) == 2
    assert not server.asked("POST", "/token/refresh/")


def test_renews_before_expiry(server: FakeServer, gramps: Connect, clock: Clock) -> None:
    """A token is renewed by the refresh token before it expires, whatever the server's clock says."""
    client = gramps()
    client.connect()
    clock.now += 900 - 30
    client.newest()
    assert len(server.asked("POST", "/token/")) == 1
    assert len(server.asked("POST", "/token/refresh/")) == 1


def test_renews_once_on_401(server: FakeServer, gramps: Connect) -> None:
    """A token that the server no longer takes is replaced once, and the request repeated."""
    client = gramps()
    client.connect()
    server.valid.clear()
    assert client.newest() is None
    assert len(server.asked("POST", "/token/refresh/")) == 1


def test_401_for_ever_is_denied(server: FakeServer, gramps: Connect) -> None:
    """A server that refuses fresh tokens does not keep us in a loop."""
    client = gramps()
    client.connect()

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        return None if "/token/" in request.url.path else httpx2.Response(401, json={"message": "no"})

    server.intercept = refuse
    before = len(server.requests)
    with pytest.raises(Denied):
        client.newest()
    assert len(server.requests) - before == 3


def test_a_dead_refresh_token_leads_to_the_password(
    server: FakeServer, gramps: Connect, clock: Clock
) -> None:
    """When the refresh token is refused, the login begins anew."""
    client = gramps()
    client.connect()
    server.intercept = lambda request: (
        httpx2.Response(422, json={"message": "Signature verification failed"})
        if request.url.path.endswith("/refresh/")
        else None
    )
    clock.now += 3600
    client.newest()
    assert len(server.asked("POST", "/token/")) == 2


def test_one_token_request_a_second(gramps: Connect, clock: Clock) -> None:
    """Two clients of one process keep the server's limit together."""
    gramps().connect()
    gramps().connect()
    assert sum(clock.waits) >= 1.0


def test_threads_share_one_renewal(server: FakeServer, gramps: Connect, clock: Clock) -> None:
    """Many threads with an expired token ask for one new token."""
    client = gramps()
    client.connect()
    clock.now += 3600
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.newest(), range(16)))
    assert len(server.asked("POST", "/token/refresh/")) == 1


@pytest.mark.parametrize(
    ("version", "reason", "remedy"),
    [
        ("3.9.1", "too old", "update Gramps Web"),
        ("3.0.0", "too old", "update Gramps Web"),
        ("4.0.0", "newer", "update syncd"),
        ("4.0.0rc1", "newer", "update syncd"),
        ("10.2", "newer", "update syncd"),
        ("next", "'next'", "update Gramps Web"),
    ],
)
def test_untested_versions_are_refused(
    server: FakeServer, gramps: Connect, version: str, reason: str, remedy: str
) -> None:
    """Servers outside the tested range are refused unless a person insists, and then it is known why not."""
    server.version = version
    with pytest.raises(Untested, match=reason) as caught:
        gramps().connect()
    assert caught.value.remedy.startswith(remedy)
    assert "gramps.allow_untested_server = true" in caught.value.remedy
    assert caught.value.exit_code == 4
    info = gramps(allow_untested_server=True).connect()
    assert info.version == version
    assert info.untested == f"{caught.value.reason}; going on, because gramps.allow_untested_server is set"


@pytest.mark.parametrize("version", ["2.8.1", "1.0", "0.3"])
def test_servers_with_gramps_5_are_always_refused(server: FakeServer, gramps: Connect, version: str) -> None:
    """Their objects have other forms: that is not untested but known, and no setting changes it."""
    server.version = version
    for allowed in (False, True):
        with pytest.raises(Untested, match="too old") as caught:
            gramps(allow_untested_server=allowed).connect()
        assert caught.value.remedy == "update Gramps Web"


@pytest.mark.parametrize("version", ["3.10.0", "3.24.0", "3.24.7", "3.25.0", "3.117.2.dev3"])
def test_minor_versions_are_taken_as_they_come(server: FakeServer, gramps: Connect, version: str) -> None:
    """From the minimum on, all of the same major version are fit, without a word."""
    server.version = version
    assert gramps().connect().untested == ""


def test_members_may_connect(server: FakeServer, gramps: Connect) -> None:
    """Missing rights are told by `permissions`; they are no error here."""
    info = gramps().connect()
    assert {"ViewPrivate", "AddObject", "EditObject", "DeleteObject"} <= info.permissions


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, html="<html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(200, json={"gramps_webapi": "3.24.0"}),
        httpx2.Response(200, json={"gramps_webapi": {"version": 3}}),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(302, headers={"Location": "https://evil.example/"}),
        httpx2.Response(418, json={}),
    ],
)
def test_odd_metadata(server: FakeServer, gramps: Connect, answer: httpx2.Response) -> None:
    """Nonsense is an error of ours with a remedy, never a traceback."""
    server.intercept = lambda request: (
        answer if request.url.path.endswith("/metadata/") and "Authorization" in request.headers else None
    )
    with pytest.raises(ServerError) as caught:
        gramps().connect()
    assert caught.value.remedy


def test_server_down(server: FakeServer, gramps: Connect) -> None:
    """Nobody answers: Unreachable after some tries."""

    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    server.intercept = refuse
    with pytest.raises(Unreachable):
        gramps().connect()
    assert len(server.requests) == 4


def test_untrusted_certificate_is_not_retried(server: FakeServer, gramps: Connect) -> None:
    """A bad certificate does not pass by waiting."""

    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    server.intercept = refuse
    with pytest.raises(Unreachable, match="certificate") as caught:
        gramps().connect()
    assert "SSL_CERT_FILE" in caught.value.remedy
    assert len(server.requests) == 1


def test_passing_trouble_is_retried(server: FakeServer, gramps: Connect) -> None:
    """429, 502, 503 and 504 pass, and the server's Retry-After is no reason to fail."""
    left = [429, 502, 503]

    def stumble(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/history/") and left:
            return httpx2.Response(left.pop(), headers={"Retry-After": "7"})
        return None

    server.intercept = stumble
    assert gramps().newest() is None
    assert not left


def test_the_password_is_nowhere(gramps: Connect) -> None:
    """Neither the client nor its credentials show the password."""
    client = gramps()
    client.connect()
    assert SECRET not in repr(vars(client)) + repr(client._credentials) + repr(client._login._access)
    assert "eyJ0" not in repr(client._login._access)


def test_token_stays_on_the_origin(server: FakeServer, gramps: Connect) -> None:
    """The bucket's address is read, not visited."""
    server.objects["h"] = {"handle": "h", "path": "p", "checksum": "0" * 32, "mime": "", "change": 1}
    server.intercept = lambda request: (
        httpx2.Response(
            307, headers={"Location": f"http://minio:9000/bucket/pre/fix/{'0' * 32}?X-Amz-Signature=s"}
        )
        if request.url.path.endswith("/file")
        else None
    )
    location = gramps().location("h")
    assert (location.bucket, location.prefix) == ("bucket", "pre/fix/")
    assert {request.url.host for request in server.requests} == {"family.example"}


def test_bodies_are_capped(server: FakeServer, gramps: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer ends at the limit."""
    monkeypatch.setattr("syncd.gramps.http.MAX_BODY", 1000)
    server.objects["h"] = {"handle": "h", "path": "p" * 2000, "checksum": "", "mime": "", "change": 1}
    with pytest.raises(Unexpected, match="too long"):
        gramps().get("h")


def test_login_request_is_json(server: FakeServer, gramps: Connect) -> None:
    """The password travels in the body, never in the address."""
    gramps().connect()
    (request,) = server.asked("POST", "/token/")
    assert json.loads(request.content) == {"username": "ann", "password": SECRET}
    assert not request.url.query


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_proxys_refusal_is_no_wrong_password(server: FakeServer, gramps: Connect, status: int) -> None:
    """Gramps Web refuses in JSON; a page in HTML is of something before it, and the password may well be right."""
    page = httpx2.Response(status, html="<!doctype html><h1>Forbidden</h1>")
    server.intercept = lambda request: page if request.url.path.endswith("/token/") else None
    with pytest.raises(Unexpected, match="something before Gramps Web"):
        gramps().connect()
