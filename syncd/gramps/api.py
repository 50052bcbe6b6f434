"""Requests in the name of the account: the token added, a refused token renewed once, statuses translated."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx2

from syncd.errors import Denied, MovedOn, Refused, ServerError, Unexpected
from syncd.gramps.http import READ_SECONDS, Answer, Body, Transport, refused_before
from syncd.gramps.login import Access, Login

Result = TypeVar("Result")

WRITE_SECONDS = 180.0
"""How long a change may take: without a task queue the server updates its search index first."""

_NEEDED = "the account needs the role Editor in Gramps Web, or a higher one"


class Api:
    """The API of one Gramps Web; `login.base` is its address, without a slash at the end."""

    def __init__(self, transport: Transport, login: Login) -> None:
        self.transport = transport
        self.login = login
        self._salt = f"~{secrets.token_hex(6)}-"
        self._count = itertools.count()
        # Two writers at once make the server's database answer "locked", which it passes on as 500.
        self._writing = threading.Lock()

    def fresh(self) -> str:
        """A key that no object has, new at each call.

        Named in `keys` or `skipkeys` it leaves the answer as it is but makes the request unlike any before, so
        that Gramps Web's request cache, which knows nothing of a writer still at work, cannot answer it.
        """
        return f"{self._salt}{next(self._count)}"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        payload: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200,),
        read_body: bool = True,
        seconds: float | None = None,
        patience: float | None = None,
        alone: bool = True,
    ) -> Answer:
        """Send a request below the API's address.

        `expect` are the statuses that the caller deals with; any other is raised. `alone` False lets a change go
        beside others: for such as leave the tree's database alone. The rest is as for `Transport.send`.

        Raises:
            Denied, Refused, Unexpected, Unreachable, LostAnswer: as `errors` says.
        """
        reads = method in ("GET", "HEAD")
        limit = seconds if seconds is not None else (READ_SECONDS if reads else WRITE_SECONDS)

        def send(access: Access) -> Answer:
            with contextlib.nullcontext() if reads or not alone else self._writing:
                return send_now(access)

        def send_now(access: Access) -> Answer:
            return self.transport.send(
                method,
                f"{self.login.base}/{path}",
                params=params,
                payload=payload,
                body=body,
                headers={**(headers or {}), "Authorization": f"Bearer {access.token}"},
                seconds=limit,
                patience=patience,
                read_body=read_body,
            )

        access = self.login.access()
        answer = send(access)
        if is_token_refused(answer):
            answer = send(self.login.access(instead_of=access.token))
        if answer.status in expect and not answer.is_foreign:
            return answer
        raise failure(answer)

    def stream(
        self,
        path: str,
        read: Callable[[httpx2.Response], Result],
        *,
        params: Mapping[str, str] | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
        expect: tuple[int, ...] = (200,),
        seconds: float = WRITE_SECONDS,
        patience: float | None = None,
    ) -> Result:
        """GET a long answer; `read` consumes it when the status is expected."""

        def read_or_fail(response: httpx2.Response) -> Result | Answer:
            if response.status_code in expect:
                return read(response)
            response.read()
            return Answer(
                response.status_code, response.headers, response.content, f"{self.login.base}/{path}"
            )

        def send(access: Access) -> Result | Answer:
            return self.transport.stream(
                f"{self.login.base}/{path}",
                read_or_fail,
                params=params or {},
                headers=lambda: {**headers(), "Authorization": f"Bearer {access.token}"},
                seconds=seconds,
                patience=patience,
            )

        access = self.login.access()
        found = send(access)
        if isinstance(found, Answer) and is_token_refused(found):
            found = send(self.login.access(instead_of=access.token))
        if isinstance(found, Answer):
            raise failure(found)
        return found


def is_token_refused(answer: Answer) -> bool:
    """Whether the token is the reason: expired, or signed with a key that the server has since changed."""
    if answer.status == 401:
        return True
    # Flask's own answer to an unreadable or badly signed token; the API's answers have "error" or "code".
    return answer.status == 422 and answer.body.lstrip().startswith((b'{"message"', b'{"msg"'))


def failure(answer: Answer) -> ServerError:
    """What a status that nobody expected means."""
    status, said = answer.status, answer.message
    if answer.is_foreign:
        return refused_before(answer)
    if status in (401, 422) and is_token_refused(answer):
        return Denied("Gramps Web no longer accepts the login", "check the account in Gramps Web")
    if status == 403:
        return Denied(f"the account may not do this in Gramps Web ({said})", _NEEDED)
    if status == 404:
        return MovedOn(f"Gramps Web does not know this any more ({said})", "try again")
    if status == 405 and "quota" in said.lower():
        return Refused(
            "the quota of the family tree is used up", "ask the owner of Gramps Web for more space"
        )
    if status == 413:
        return Refused(
            "the request is too large for the server", "raise the limit of the proxy before Gramps Web"
        )
    if 400 <= status < 500:
        return Refused(f"Gramps Web refuses: {said}", "look at the media object in Gramps Web")
    if 300 <= status < 400:
        return Unexpected("Gramps Web sends us elsewhere", "set gramps.url to the address where it really is")
    return Unexpected(f"an answer of Gramps Web makes no sense ({said})", "check gramps.url and the proxy")
