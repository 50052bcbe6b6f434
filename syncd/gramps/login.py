"""The login: access tokens by password or sync token, renewed by themselves, for all threads.

The server allows one token request a second from one address and answers 429 otherwise; all clients of the process
keep to it together. A token's lifetime is the difference of two of its claims, measured with a clock that nobody
sets, so that a wrong clock on either side does no harm.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from syncd.errors import Denied, Refused, Unexpected
from syncd.gramps.forms import LATEST
from syncd.gramps.http import Answer, Transport, not_gramps_web

REQUEST_EVERY = 1.1
"""Seconds between two token requests of this process."""

DEFAULT_LIFETIME = 900.0
"""Seconds that a token is good for when it does not say."""

LONGEST_TOKEN = 16 * 1024
"""Characters; servers do not take longer headers, not even their own."""

HOW_TO_LOG_IN = (
    "make a sync token in the user settings of Gramps Web (3.23 or later)"
    " and set gramps.token or gramps.token_file"
)
"""The page posts to `/users/-/access-tokens/sync/tokens/`."""


@dataclass(frozen=True, slots=True)
class Password:
    """A user name and a password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class SyncToken:
    """A revocable token made for one device."""

    token: SecretStr


Credentials = Password | SyncToken


@dataclass(frozen=True, slots=True)
class Access:
    """An access token and what it says."""

    token: str = field(repr=False)
    permissions: frozenset[str]
    tree: str
    until: float
    """When to renew it, by the monotonic clock."""


class _Pace:
    """At most one token request every `REQUEST_EVERY` seconds, by all clients of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = float("-inf")

    def wait(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        with self._lock:
            pause = self._last + REQUEST_EVERY - clock()
            if 0 < pause <= REQUEST_EVERY:
                sleep(pause)
            self._last = clock()


_pace = _Pace()


class Login:
    """Holds the access token of one account.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._refresh: str | None = None
        self.base = ""

    def access(self, *, instead_of: str | None = None) -> Access:
        """A token that is good now.

        Args:
            instead_of: a token that the server has just refused; another thread may have replaced it already.

        Raises:
            Denied: the server refuses the login.
        """
        with self._lock:
            current = self._access
            if current is None or current.token == instead_of or self._clock() >= current.until:
                current = self._renew()
                self._access = current
            return current

    def _renew(self) -> Access:
        """By refresh token if there is one and it still works, else from the beginning."""
        if self._refresh is not None:
            answer = self._post("token/refresh/", {}, bearer=self._refresh)
            if answer[0].status == 200:
                return self._read(*answer)
            self._refresh = None
        if isinstance(self._credentials, SyncToken):
            answer = self._post("token/sync/", {"token": self._credentials.token.get_secret_value()})
            if answer[0].status != 200:
                raise _sync_token_refused(answer[0])
        else:
            secret = self._credentials.password.get_secret_value()
            answer = self._post("token/", {"username": self._credentials.username, "password": secret})
            if answer[0].status != 200:
                raise _password_refused(answer[0])
        return self._read(*answer)

    def _post(self, path: str, payload: Mapping[str, str], bearer: str | None = None) -> tuple[Answer, float]:
        """Ask for a token; the answer, and when it was asked for. Asking again does no harm."""
        _pace.wait(self._clock, self._sleep)
        asked = self._clock()
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer = self._transport.send(
            "POST", f"{self.base}/{path}", payload=payload, headers=headers, repeatable=True
        )
        return answer, asked

    def _read(self, answer: Answer, asked: float) -> Access:
        found = answer.json()
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not _is_fit_to_send(token):
            raise not_gramps_web(answer.sent_to)
        refresh = found.get("refresh_token")
        if isinstance(refresh, str) and _is_fit_to_send(refresh):
            self._refresh = refresh
        claims = _claims(token)
        lifetime = DEFAULT_LIFETIME
        end, begin = claims.get("exp"), claims.get("iat")
        if isinstance(end, int | float) and isinstance(begin, int | float) and 0 <= begin <= end <= LATEST:
            lifetime = max(float(end - begin), 5.0)
        permissions = claims.get("permissions")
        if not isinstance(permissions, list):
            permissions = []
        tree = claims.get("tree")
        return Access(
            token=token,
            permissions=frozenset(str(name) for name in permissions),
            tree=tree if isinstance(tree, str) else "",
            until=asked + lifetime - min(60.0, lifetime / 4),
        )


def _is_fit_to_send(token: str) -> bool:
    """Whether a token can stand in a header."""
    return token.isascii() and token.isprintable() and len(token) <= LONGEST_TOKEN


def _claims(token: str) -> dict[str, Any]:
    """What a JSON web token says; its signature is the server's business."""
    try:
        payload = token.encode("ascii").split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error, RecursionError) as error:
        raise Unexpected(
            "Gramps Web gave a login that cannot be read", "update Gramps Web or syncd"
        ) from error
    return claims if isinstance(claims, dict) else {}


def _password_refused(answer: Answer) -> Exception:
    """What a refused password login means, from the server's own words (3.10 to 3.24)."""
    said = answer.message.lower()
    if "local authentication is disabled" in said:
        return Denied("this Gramps Web does not take passwords: it has a single sign-on", HOW_TO_LOG_IN)
    if "not confirmed" in said:
        return Denied(
            "the account is not confirmed yet", "open the link in the mail that Gramps Web sent you"
        )
    if "disabled" in said:
        return Denied("the account is disabled", "ask the owner of the tree to enable it")
    if answer.status == 403 and said == "forbidden":
        return Denied("the account belongs to no family tree", "use the account of a user of the tree")
    if answer.status in (401, 403):
        return Denied(
            "Gramps Web refuses the user name or the password",
            "correct gramps.username and gramps.password (or password_file)",
        )
    if answer.status == 422:
        return Denied("the user name or the password is empty", "set gramps.username and gramps.password")
    return _no_login(answer)


def _sync_token_refused(answer: Answer) -> Exception:
    if answer.status == 404:
        return Denied(
            "this Gramps Web is too old for sync tokens (they came with version 3.23)",
            "update it, or set gramps.username and gramps.password instead",
        )
    if answer.status == 401:
        return Denied("Gramps Web refuses the sync token: it is wrong or was revoked", HOW_TO_LOG_IN)
    if answer.status == 403:
        return Denied(
            "the account of the sync token is disabled or belongs to no family tree", "ask its owner"
        )
    return _no_login(answer)


def _no_login(answer: Answer) -> Exception:
    if answer.status in (404, 405) or 300 <= answer.status < 400:
        return not_gramps_web(answer.sent_to)
    return Refused(f"Gramps Web refuses the login: {answer.message}", "look at the server's log")
