"""The way to Gramps Web, and what befalls requests and answers on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

import httpx2

from sim.server import Server, status

BEFALLS: Collection[str] = (
    "refused", "unavailable", "too many", "fault before", "page", "expired", "twice", "lost", "fault after", "cut",
    "short", "uncounted", "empty", "late",
)  # fmt: skip
"""What may befall a request: the first ones keep it from the server, the last ones spoil the answer."""


class Network(httpx2.BaseTransport):
    """Carries requests to a server, and what befalls them on the way.

    Args:
        web: the server.
        befall: given a request, says what befalls it: one of `BEFALLS`, or None.
        arrived: told of each request before the server sees it.
        answered: told after the server has dealt with one.
    """

    def __init__(
        self,
        web: Server,
        befall: Callable[[httpx2.Request], str | None] = lambda _request: None,
        arrived: Callable[[str], None] = lambda _what: None,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._web = web
        self._befall = befall
        self._arrived = arrived
        self._answered = answered
        self._on_the_way: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; those that are late arrive after it."""
        request.read()
        overdue, self._on_the_way = self._on_the_way, []
        try:
            return self._carry(request)
        finally:
            for late in overdue:
                self._web.answer(late)
            self._answered()

    def _carry(self, request: httpx2.Request) -> httpx2.Response:
        self._arrived(f"{request.method} {request.url.raw_path.decode().partition('~')[0]}")
        what = self._befall(request)
        if what == "late":
            # Given up by who sent it, and carried out after the next one.
            self._on_the_way.append(request)
            raise httpx2.ReadTimeout("timed out", request=request)
        early = _instead(what, request)
        if early is not None:
            return early
        if what == "expired":
            self._web.restart()
        answer = self._web.answer(request)
        if what == "twice":
            answer = self._web.answer(request)
        answer.request = request
        return _spoilt(what, answer, request)


def _instead(what: str | None, request: httpx2.Request) -> httpx2.Response | None:
    if what == "refused":
        raise httpx2.ConnectError("connection refused", request=request)
    if what == "unavailable":
        return status(503, "Service Unavailable")
    if what == "too many":
        return httpx2.Response(429, json={"message": "slowly"}, headers={"Retry-After": "1"})
    if what == "fault before":
        return status(500, "Internal Server Error")
    if what == "page":
        return httpx2.Response(200, html="<html>maintenance</html>")
    return None


def _spoilt(what: str | None, answer: httpx2.Response, request: httpx2.Request) -> httpx2.Response:
    if what == "lost":
        raise httpx2.ReadError("connection reset", request=request)
    if what == "fault after":
        return status(500, "Internal Server Error")
    content = answer.content
    if what == "cut" and content:
        return _with(answer, content[: len(content) // 2])
    is_listing = "X-Total-Count" in answer.headers
    if is_listing and what in ("short", "empty", "uncounted"):
        listed = json.loads(content)
        if what == "uncounted":
            kept = [(key, value) for key, value in answer.headers.items() if key.lower() != "x-total-count"]
            return httpx2.Response(answer.status_code, headers=kept, content=content, request=request)
        shorter = listed[: len(listed) // 2] if what == "short" else []
        return _with(answer, json.dumps(shorter).encode())
    return answer


def _with(answer: httpx2.Response, content: bytes) -> httpx2.Response:
    headers = [(key, value) for key, value in answer.headers.items() if key.lower() != "content-length"]
    return httpx2.Response(answer.status_code, headers=headers, content=content)
