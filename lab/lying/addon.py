"""Runs inside mitmproxy (`.lab/mitmproxy`): tells the lies that it is told to, and remembers which calls came.

`POST /__lies__` with a JSON list of lies replaces those before and forgets the calls; `GET /__lies__` gives the calls.
A lie is `{"fault", "side", "call", "times"}`; it befalls the first `times` such calls, all of them where that is null.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mitmproxy import http as mitm

from lab.lying.calls import WEB, name_of
from lab.lying.faults import STATUSES

CONTROL = "/__lies__"
DRIP_SECONDS = 2.0
ROUND = "again"
"""The token of a list that goes round."""
_PIECES = 8

Lie = dict[str, Any]


class Liar:
    """The addon: one for all the ports of a mitmproxy."""

    def __init__(self) -> None:
        self._sides: dict[str, str] = json.loads(os.environ["LYING_PORTS"])  # port → side
        self._lies: list[Lie] = []
        self._heard: list[dict[str, Any]] = []
        self._first_page = mitm.Response.make(500)

    async def request(self, flow: mitm.HTTPFlow) -> None:
        """A request came, and the server has not been asked yet."""
        if flow.request.path == CONTROL:
            self._obey(flow)
            return
        side = self._sides[str(flow.client_conn.sockname[1])]
        call = name_of(side, flow.request.method, flow.request.path)
        fault = self._lie_about(side, call)
        heard: dict[str, Any] = {"side": side, "call": call, "fault": fault, "tokens": []}
        self._heard.append(heard)
        flow.metadata.update(side=side, fault=fault, heard=heard)
        if f"continuation-token={ROUND}" in flow.request.path:
            flow.response = self._first_page.copy()
        elif fault is not None and fault in INSTEAD:
            await INSTEAD[fault](flow)

    def responseheaders(self, flow: mitm.HTTPFlow) -> None:
        """The server answers; its body has not been read yet."""
        if flow.metadata.get("fault") == "drip" and flow.response is not None:
            flow.response.stream = _drip

    def response(self, flow: mitm.HTTPFlow) -> None:
        """The server's answer is whole, and has not been passed on yet."""
        heard = flow.metadata.get("heard", {"call": ""})
        if heard["call"].startswith("POST token/") and flow.response is not None:
            heard["tokens"] = re.findall(r'_token": *"([^"]+)"', flow.response.text or "")
        mangle = MANGLE.get(flow.metadata.get("fault") or "")
        if mangle is not None and flow.response is not None:
            flow.response.decode(strict=False)
            mangle(flow)
            if flow.metadata["fault"] == "keys go round":
                self._first_page = flow.response

    def _obey(self, flow: mitm.HTTPFlow) -> None:
        heard = list(self._heard)
        if flow.request.method == "POST":
            self._lies, self._heard = json.loads(flow.request.content or b"[]"), []
        flow.response = mitm.Response.make(200, json.dumps(heard), {"Content-Type": "application/json"})

    def _lie_about(self, side: str, call: str) -> str | None:
        for lie in self._lies:
            if (lie["side"], lie["call"]) == (side, call) and lie["times"] != 0:
                if lie["times"] is not None:
                    lie["times"] -= 1
                fault: str = lie["fault"]
                return fault
        return None


# --- instead of the server's answer, or before it ---------------------------------------------------------


def _page(status: int, text: str, **headers: str) -> mitm.Response:
    page = f"<!doctype html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    return mitm.Response.make(status, page, {"Content-Type": "text/html", **headers})


def _status(status: int) -> Callable[[mitm.HTTPFlow], Awaitable[None]]:
    async def answer(flow: mitm.HTTPFlow) -> None:
        wait = {"Retry-After": "1"} if status == 429 else {}
        flow.response = _page(status, f"HTTP {status}", **wait)

    return answer


async def _not_found(flow: mitm.HTTPFlow) -> None:
    if flow.metadata["side"] == WEB:
        content, kind = '{"error": {"code": 404, "message": "Not Found"}}', "application/json"
    else:
        content, kind = (
            "<Error><Code>NoSuchKey</Code><Message>No such key</Message></Error>",
            "application/xml",
        )
    flow.response = mitm.Response.make(404, content, {"Content-Type": kind})


async def _portal(flow: mitm.HTTPFlow) -> None:
    flow.response = _page(200, "Welcome to the Wi-Fi of the station")


async def _nothing(flow: mitm.HTTPFlow) -> None:
    flow.response = mitm.Response.make(200, b"")


async def _reset(flow: mitm.HTTPFlow) -> None:
    flow.kill()


async def _deliver(flow: mitm.HTTPFlow) -> None:
    """Deliver it once more than the client sent it; mitmproxy itself passes it on afterwards."""
    await asyncio.to_thread(_send_copy, flow.request.copy())


def _send_copy(request: mitm.Request) -> None:
    connection = http.client.HTTPConnection(request.host, request.port, timeout=60)
    try:
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items(multi=True):
            if name.lower() not in {"content-length", "transfer-encoding", "expect"}:
                connection.putheader(name, value)
        if request.raw_content or request.method in {"POST", "PUT"}:
            connection.putheader("Content-Length", str(len(request.raw_content or b"")))
        connection.endheaders(request.raw_content or None)
        connection.getresponse().read()
    finally:
        connection.close()


INSTEAD: dict[str, Callable[[mitm.HTTPFlow], Awaitable[None]]] = {
    **{f"status {status}": _status(status) for status in STATUSES},
    "status 404 in its words": _not_found,
    "portal": _portal,
    "nothing": _nothing,
    "reset": _reset,
    "twice": _deliver,
}


# --- made of the server's answer --------------------------------------------------------------------------


def _drip(content: bytes) -> Iterator[bytes]:
    """A few bytes at a time. mitmproxy asks for them in its loop: meanwhile nobody else is served."""
    size = max(1, -(-len(content) // _PIECES))
    for start in range(0, len(content), size):
        time.sleep(DRIP_SECONDS / _PIECES)
        yield content[start : start + size]
    if not content:
        yield b""


def _lost(flow: mitm.HTTPFlow) -> None:
    flow.kill()


def _late(status: int) -> Callable[[mitm.HTTPFlow], None]:
    def mangle(flow: mitm.HTTPFlow) -> None:
        flow.response = _page(status, f"HTTP {status}")

    return mangle


def _cut(flow: mitm.HTTPFlow) -> None:
    response, content = flow.response, flow.response.content
    response.content = content[: len(content) // 2]
    _promise(response, len(content))


def _too_long(flow: mitm.HTTPFlow) -> None:
    _promise(flow.response, len(flow.response.content) + 1000)


def _promise(response: mitm.Response, size: int) -> None:
    """Announce so many bytes, and hang up after what there is."""
    response.headers.pop("transfer-encoding", None)
    response.headers["content-length"] = str(size)
    response.headers["connection"] = "close"


def _half(flow: mitm.HTTPFlow) -> None:
    flow.response.content = flow.response.content[: len(flow.response.content) // 2]


def _other_json(flow: mitm.HTTPFlow) -> None:
    flow.response.content = (
        b'[{"ok": true}]' if flow.response.content.lstrip().startswith(b"{") else b'{"ok": true}'
    )


def _items(
    change: Callable[[list[Any]], list[Any]], *, agreed: bool = False
) -> Callable[[mitm.HTTPFlow], None]:
    def mangle(flow: mitm.HTTPFlow) -> None:
        items = change(json.loads(flow.response.content))
        flow.response.content = json.dumps(items).encode()
        if agreed:
            flow.response.headers["X-Total-Count"] = str(len(items))

    return mangle


def _count(change: Callable[[int], str | None]) -> Callable[[mitm.HTTPFlow], None]:
    def mangle(flow: mitm.HTTPFlow) -> None:
        said = change(int(flow.response.headers.pop("X-Total-Count", "0")))
        if said is not None:
            flow.response.headers["X-Total-Count"] = said

    return mangle


_KEY = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)


def _keys(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[mitm.HTTPFlow], None]:
    def mangle(flow: mitm.HTTPFlow) -> None:
        content = flow.response.content
        found = _KEY.findall(content)
        if found:
            start, end = content.index(found[0]), content.rindex(found[-1]) + len(found[-1])
            flow.response.content = content[:start] + b"".join(change(found)) + content[end:]

    return mangle


def _goes_on(token: bytes) -> Callable[[mitm.HTTPFlow], None]:
    def mangle(flow: mitm.HTTPFlow) -> None:
        content = re.sub(rb"<IsTruncated>.*?</IsTruncated>", b"", flow.response.content)
        more = b"<IsTruncated>true</IsTruncated>" + token
        flow.response.content = content.replace(b"</ListBucketResult>", more + b"</ListBucketResult>")

    return mangle


MANGLE: dict[str, Callable[[mitm.HTTPFlow], None]] = {
    "lost": _lost,
    "late 504": _late(504),
    "late 500": _late(500),
    "cut": _cut,
    "too long": _too_long,
    "half": _half,
    "other json": _other_json,
    "short": _items(lambda items: items[:-1]),
    "short and agreed": _items(lambda items: items[:-1], agreed=True),
    "empty": _items(lambda _items: []),
    "empty and agreed": _items(lambda _items: [], agreed=True),
    "repeated": _items(lambda items: items * 2),
    "count too high": _count(lambda count: str(count + 5)),
    "count too low": _count(lambda count: str(max(0, count - 1))),
    "count absent": _count(lambda _count: None),
    "count garbage": _count(lambda _count: "many"),
    "keys short": _keys(lambda keys: keys[:-1]),
    "keys empty": _keys(lambda _keys: []),
    "keys repeated": _keys(lambda keys: keys * 2),
    "keys go on": _goes_on(b""),
    "keys go round": _goes_on(f"<NextContinuationToken>{ROUND}</NextContinuationToken>".encode()),
}

addons = [Liar()]
