"""Finding the API behind the address that a person gave, and what the server says of itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import httpx2

from syncd.errors import ConfigError, Denied, Refused, Unexpected
from syncd.gramps.api import Api
from syncd.gramps.http import Answer, Transport, not_gramps_web
from syncd.gramps.login import Credentials, Password
from syncd.gramps.versions import check_version
from syncd.ports import ServerInfo

CONNECT_PATIENCE = 5.0
"""Seconds for which the very first request is tried again: a wrong address should not take long to tell."""


def connect(api: Api, url: str, credentials: Credentials, *, allow_untested: bool) -> ServerInfo:
    """Find the API, log in and read what the server says of itself.

    Raises:
        Unexpected: there is no Gramps Web at this address.
        Untested: it is too old or too new.
        Denied: the login is refused.
    """
    api.login.base = find_api(api.transport, url)
    access = api.login.access()
    found = api.call("GET", "metadata/").json()
    version = _text(found, "gramps_webapi", "version")
    if not version:
        raise not_gramps_web(api.login.base)
    untested = check_version(version, allow_untested=allow_untested)
    tree = _text(found, "database", "id") or access.tree
    if not tree:
        raise Unexpected("Gramps Web does not say which family tree it serves", "update Gramps Web")
    return ServerInfo(
        url=api.login.base,
        tree_id=tree,
        title=_text(found, "database", "name"),
        version=version,
        gramps_version=_text(found, "gramps", "version"),
        user=_user(api, credentials),
        permissions=access.permissions,
        task_queue=_inside(found, "server", "task_queue") is True,
        many_trees=_inside(found, "server", "multi_tree") is True,
        people=_number(found, "object_counts", "people"),
        media=_number(found, "object_counts", "media"),
        untested=untested,
    )


def find_api(transport: Transport, url: str) -> str:
    """The address of the API, without a slash at the end.

    Tried are the address with `/api` and, if it is not there, as given. Without a login the API answers 401 in JSON;
    a web page, or somebody else's 401, is not it.
    """
    try:
        urlsplit(url.strip())  # stricter about brackets
        parsed = httpx2.URL(url.strip())
    except (httpx2.InvalidURL, ValueError) as error:
        raise ConfigError("gramps.url is no address", "such as https://family.example") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigError(
            "gramps.url is no address", "begin it with https://, such as https://family.example"
        )
    given = str(parsed.copy_with(query=None, fragment=None, userinfo=b"")).rstrip("/")
    candidates = [given] if given.endswith("/api") else [f"{given}/api", given]
    redirect: Answer | None = None
    for base in candidates:
        answer = transport.send(
            "GET", f"{base}/metadata/", patience=min(CONNECT_PATIENCE, transport.patience)
        )
        if _is_api(answer):
            return base
        if 300 <= answer.status < 400:
            redirect = redirect or answer
        if answer.status == 401:
            raise Denied(
                f"something before Gramps Web at {given} asks for a login of its own",
                "let the proxy pass requests to /api without a login",
            )
    if redirect is not None:
        raise _redirected(given, redirect)
    raise not_gramps_web(given)


def _is_api(answer: Answer) -> bool:
    if answer.status != 401:
        return False
    try:
        found = answer.json()
    except Unexpected:
        return False
    return isinstance(found, dict) and any("JWT" in str(found.get(key, "")) for key in ("message", "msg"))


def _redirected(given: str, answer: Answer) -> Refused:
    """Tell where to; only origin and path, for a query may hold secrets."""
    target = ""
    try:
        parsed = httpx2.URL(given).join(answer.headers.get("location", ""))
        path = re.sub(r"(/api)?(/metadata)?/?$", "", parsed.path)
        target = str(parsed.copy_with(query=None, fragment=None, userinfo=b"", path=path or "/")).rstrip("/")
    except (httpx2.InvalidURL, ValueError):
        pass
    remedy = f"if that is your Gramps Web, set gramps.url to {target}" if target else "correct gramps.url"
    return Refused(f"{given} sends us elsewhere; the login is not taken there", remedy)


def _user(api: Api, credentials: Credentials) -> str:
    """The account's name; a sync token does not say it, but the server may."""
    if isinstance(credentials, Password):
        return credentials.username
    answer = api.call("GET", "users/-/", expect=(200, 401, 403, 404, 405))
    return _text(answer.json(), "name") if answer.status == 200 else ""


def _inside(found: Any, *keys: str) -> Any:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _text(found: Any, *keys: str) -> str:
    text = _inside(found, *keys)
    return text[:300] if isinstance(text, str) else ""


def _number(found: Any, *keys: str) -> int:
    number = _inside(found, *keys)
    return number if isinstance(number, int) else 0
