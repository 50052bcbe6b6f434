"""A Gramps Web of a few lines: enough of the real one's behaviour to be asked odd things and to misbehave."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx2

from syncd.gramps import GrampsWeb

TREE = "5f0c1d7e"
SECRET = "a very secret password"


def jwt(number: int, *, lifetime: int = 900, **claims: Any) -> str:
    """An unsigned token such as the server's."""
    payload = {
        "iat": 1_000_000,
        "exp": 1_000_000 + lifetime,
        "permissions": ["ViewPrivate", "AddObject", "EditObject", "DeleteObject"],
        "tree": TREE,
        "number": number,
        **claims,
    }
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"eyJ0eXAi.{encoded}.c2ln"


def media(handle: str, path: str = "a.jpg", checksum: str = "", **fields: Any) -> dict[str, Any]:
    """A media object in the plain form."""
    return {
        "attribute_list": [],
        "change": 1,
        "checksum": checksum,
        "citation_list": [],
        "date": {
            "calendar": 0,
            "dateval": [0, 0, 0, False],
            "format": None,
            "modifier": 0,
            "newyear": 0,
            "quality": 0,
            "sortval": 0,
            "text": "",
            "year": 0,
        },
        "desc": path,
        "gramps_id": "O1",
        "handle": handle,
        "mime": "image/jpeg",
        "note_list": [],
        "path": path,
        "private": False,
        "tag_list": [],
        **fields,
    }


Handler = Callable[[httpx2.Request], "httpx2.Response | None"]


class FakeServer:
    """Objects by handle, a history, and `intercept`: called first, it may answer instead or raise."""

    def __init__(self) -> None:
        self.base = "/api"
        self.version = "3.24.0"
        self.objects: dict[str, dict[str, Any]] = {}
        self.records: dict[str, set[str]] = {"notes": set(), "citations": set(), "tags": set()}
        self.history: list[dict[str, Any]] = []
        self.requests: list[httpx2.Request] = []
        self.tokens = 0
        self.lifetime = 900
        self.valid: set[str] = set()
        self.knows_after_id = True
        self.intercept: Handler = lambda _request: None

    def transport(self) -> httpx2.MockTransport:
        """The network to give to a client."""
        return httpx2.MockTransport(self.handle)

    def asked(self, method: str, path: str) -> list[httpx2.Request]:
        """The requests of this kind so far; paths are below `/api`."""
        return [r for r in self.requests if r.method == method and r.url.path == f"{self.base}{path}"]

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request, or let `intercept` do it."""
        request.read()
        self.requests.append(request)
        answer = self.intercept(request)
        return self.answer(request) if answer is None else answer

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the real server would say."""
        path = request.url.path
        if not path.startswith(f"{self.base}/"):
            return httpx2.Response(200, html="<html>the web page</html>")
        path = path.removeprefix(self.base)
        if path.startswith("/api"):
            return httpx2.Response(404, json={"code": 404, "status": "Not Found"})
        if path in ("/token/", "/token/refresh/", "/token/sync/"):
            return self.token(path, request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self.valid:
            said = "Token has expired" if bearer else "Missing JWT in headers or query_string"
            return httpx2.Response(401, json={"message": said})
        if path == "/metadata/":
            return httpx2.Response(200, json=self.metadata())
        if path.startswith("/transactions/history/"):
            return self.read_history(request)
        if path == "/transactions/":
            return self.swap(json.loads(request.content))
        if path == "/objects/":
            return self.create(json.loads(request.content))
        kind, _, record = path.strip("/").partition("/")
        if kind in self.records:
            return self.read_records(self.records[kind], record)
        if path == "/media/":
            found = list(self.objects.values())
            if "gramps_id" in request.url.params:
                found = [form for form in found if form["gramps_id"] == request.url.params["gramps_id"]]
                if not found:
                    return httpx2.Response(404, json={"code": 404, "status": "Not Found"})
            return httpx2.Response(200, json=found, headers={"X-Total-Count": str(len(found))})
        handle = path.removeprefix("/media/")
        if handle not in self.objects:
            return httpx2.Response(404, json={"code": 404, "status": "Not Found"})
        if request.method == "DELETE":
            old = self.objects.pop(handle)
            return httpx2.Response(200, json=[self.record(2, handle, raw(old), None)])
        return httpx2.Response(200, json=self.objects[handle])

    def token(self, path: str, request: httpx2.Request) -> httpx2.Response:
        """Give a token."""
        if path == "/token/" and json.loads(request.content)["password"] != SECRET:
            return httpx2.Response(
                403, json={"error": {"code": 403, "message": "Invalid username or password"}}
            )
        self.tokens += 1
        token = jwt(self.tokens, lifetime=self.lifetime)
        self.valid.add(token)
        refresh = {"refresh_token": f"refresh-{self.tokens}"} if path == "/token/" else {}
        return httpx2.Response(200, json={"access_token": token, **refresh})

    def metadata(self) -> dict[str, Any]:
        """What the server says of itself."""
        return {
            "database": {"id": TREE, "name": "Smith"},
            "gramps": {"version": "6.0.8"},
            "gramps_webapi": {"version": self.version},
            "server": {"task_queue": False},
            "object_counts": {"people": 3, "media": len(self.objects)},
        }

    def read_history(self, request: httpx2.Request) -> httpx2.Response:
        """A page of the history, newest first."""
        query = request.url.params
        if "after_id" in query and not self.knows_after_id:
            return httpx2.Response(
                422, json={"error": {"code": 422, "message": "query: after_id: Unknown field."}}
            )
        found = [t for t in reversed(self.history) if t["id"] > int(query.get("after_id", 0))]
        if "after" in query:
            found = [t for t in found if float(query["after"]) < t["timestamp"] < float(query["before"])]
        start = (int(query["page"]) - 1) * int(query["pagesize"])
        page = found[start : start + int(query["pagesize"])]
        return httpx2.Response(200, json=page, headers={"X-Total-Count": str(len(found))})

    def read_records(self, known: set[str], handle: str) -> httpx2.Response:
        """One record that is no media object, or all of a kind."""
        if handle:
            return httpx2.Response(200 if handle in known else 404, json={"handle": handle})
        listed = [{"handle": one} for one in sorted(known)]
        return httpx2.Response(200, json=listed, headers={"X-Total-Count": str(len(listed))})

    def create(self, payload: list[dict[str, Any]]) -> httpx2.Response:
        """All or nothing."""
        wanted = [form["gramps_id"] for form in payload if form.get("gramps_id")]
        taken = {form["gramps_id"] for form in self.objects.values() if "gramps_id" in form} - {"O1"}
        twins = len(set(wanted)) < len(wanted) or taken & set(wanted)
        if twins or any(form["handle"] in self.objects for form in payload):
            return httpx2.Response(400, json={"error": {"code": 400, "message": "Error while adding object"}})
        written = []
        for form in payload:
            fields = plain(form) if "thumb" in form else {**form}
            fields = {key: value for key, value in fields.items() if key not in ("_class", "handle")}
            self.objects[form["handle"]] = media(form["handle"], **fields)
            written.append(self.record(0, form["handle"], None, raw(self.objects[form["handle"]])))
        return httpx2.Response(201, json=written)

    def swap(self, payload: list[dict[str, Any]]) -> httpx2.Response:
        """Compare and swap, all or nothing."""
        for item in payload:
            now = self.objects.get(item["handle"])
            if now is None or {**raw(now), "change": 0} != {**item["old"], "change": 0}:
                return httpx2.Response(400, json={"error": {"code": 400, "message": "Object has changed"}})
        written = []
        for item in payload:
            old = raw(self.objects[item["handle"]])
            self.objects[item["handle"]] = {**plain(item["new"]), "change": old["change"] + 1}
            written.append(self.record(1, item["handle"], old, raw(self.objects[item["handle"]])))
        return httpx2.Response(200, json=written)

    def record(self, kind: int, handle: str, old: Any, new: Any) -> dict[str, Any]:
        """Write a transaction into the history; the change in the form of an answer."""
        self.note(
            {"trans_type": kind, "obj_class": "Media", "obj_handle": handle, "old_data": old, "new_data": new}
        )
        return {
            "type": ["add", "update", "delete"][kind],
            "_class": "Media",
            "handle": handle,
            "old": old,
            "new": new,
        }

    def note(self, *changes: dict[str, Any], undo: bool = False) -> int:
        """Write a transaction of any kind into the history; its id."""
        number = len(self.history) + 1
        self.history.append(
            {"id": number, "timestamp": 1000.0 + number, "undo": undo, "changes": list(changes)}
        )
        return number


def raw(form: dict[str, Any]) -> dict[str, Any]:
    """The raw form of a plain one; every attribute's type is a person's own."""
    date = {key: value for key, value in form["date"].items() if key != "year"}
    attributes = [
        {
            **one,
            "_class": "Attribute",
            "type": {"_class": "AttributeType", "value": 0, "string": one["type"]},
        }
        for one in form["attribute_list"]
    ]
    return {
        **form,
        "_class": "Media",
        "thumb": None,
        "date": {**date, "_class": "Date"},
        "attribute_list": attributes,
    }


def plain(form: dict[str, Any]) -> dict[str, Any]:
    """The other way round."""
    kept = {key: value for key, value in form.items() if key not in ("_class", "thumb")}
    date = {key: value for key, value in form["date"].items() if key != "_class"}
    attributes = [
        {**{key: value for key, value in one.items() if key != "_class"}, "type": one["type"]["string"]}
        for one in form["attribute_list"]
    ]
    return {**kept, "date": {**date, "year": 0}, "attribute_list": attributes}


class Clock:
    """Monotonic seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 50_000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        """Now."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Wait in no time."""
        self.waits.append(seconds)
        self.now += seconds


Connect = Callable[..., GrampsWeb]
