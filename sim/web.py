"""A Gramps Web in memory, spoken to over HTTP as the real one: its objects, its history, its traps.

Modelled on 3.24 as measured: objects are compared and swapped whole, many in a transaction or none; a deletion strips
references, and its answer is its undo; the history tells nothing of what a batch changed; a listing of whole forms may be
older than the history; two edits within a second look alike; a restored backup gives out the same numbers again; with media
on its own disk a file is found by its object's path alone, and nothing that is there is replaced by `uploadmissing`.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

import httpx2

Form = dict[str, Any]

RIGHTS = ("ViewPrivate", "AddObject", "EditObject", "DeleteObject")
USER = "anna"
PASSWORD = "correct horse"
BASE = "http://web.sim/api"
KEEPS_OLD_SECONDS = 2.0
"""So long after a change an answer about media that was given before is given again: the real server notices a change
when its writer closes the tree, which was up to 1.8 s later."""


@dataclass
class Kept:
    """All that a backup of the server holds.

    Args:
        objects: media objects in the raw form, by handle.
        others: records that refer to media, in the raw form, by class and handle.
        history: transactions, oldest first.
        files: on its own disk, by path; empty where there is a bucket.
        numbers: the last number given to an object (`gramps_id`).
    """

    objects: dict[str, Form] = field(default_factory=dict)
    others: dict[tuple[str, str], Form] = field(default_factory=dict)
    history: list[Form] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    numbers: int = 0


class Web:
    """One tree of one server.

    Args:
        now: Unix seconds, by the server's clock.
        bucket: where media are, `None` for its own disk.
        prefix: of the keys in the bucket.
        keeps_old: seconds after a change within which answers that were given before it are given again.
    """

    def __init__(
        self,
        now: Callable[[], float],
        bucket: str | None,
        prefix: str = "",
        *,
        keeps_old: float = KEEPS_OLD_SECONDS,
    ) -> None:
        self.now = now
        self._keeps_old = keeps_old
        self.bucket = bucket
        self.prefix = prefix
        self.tree_id = "5f0c1d7e"
        self.rights: tuple[str, ...] = RIGHTS
        self.kept = Kept()
        self.valid: set[str] = set()
        self.quota: int | None = None
        """Bytes that its disk may hold; None: any number."""
        self._tokens = 0
        self._made = 0
        self._answers: dict[str, httpx2.Response] = {}
        self._last_change = float("-inf")
        self.knows_after_id = True

    # --- people ---------------------------------------------------------------------------------------------------

    def backup(self) -> Kept:
        """A copy of everything."""
        return copy.deepcopy(self.kept)

    def restore(self, backup: Kept) -> None:
        """Put a backup in place of everything."""
        self.kept = copy.deepcopy(backup)
        self._answers.clear()

    def media(self) -> dict[str, Form]:
        """The media objects, by handle."""
        return self.kept.objects

    def add(self, path: str, checksum: str, handle: str | None = None, *, tell: bool = True) -> str:
        """A person adds an object, or an import does (`tell` False: the history will not say what it did)."""
        self._made += 1
        handle = handle or f"w{self._made:04d}"
        form = _new_form(handle, path, checksum, self._next_number(), int(self.now()))
        self._write([("add", "Media", handle, None, form)], tell=tell)
        return handle

    def change(self, handle: str, *, tell: bool = True, **fields: Any) -> None:
        """A person edits an object."""
        old = self.kept.objects[handle]
        new = {**old, **fields, "change": int(self.now())}
        self._write([("update", "Media", handle, old, new)], tell=tell)

    def delete(self, handle: str) -> list[Form]:
        """A person deletes an object, and with it every reference."""
        return self._write(list(self._deletion(handle)))

    def refer(self, person: str, handle: str) -> None:
        """A person of the tree gets a picture."""
        old = self.kept.others.get(("Person", person))
        reference = {"_class": "MediaRef", "ref": handle, "private": False}
        new = {
            "_class": "Person",
            "handle": person,
            "media_list": [*(old or {"media_list": []})["media_list"], reference],
            "change": int(self.now()),
        }
        self._write([("update" if old else "add", "Person", person, old, new)])

    def referrers(self, handle: str) -> list[str]:
        """Who refers to an object."""
        return sorted(
            person
            for (_class, person), form in self.kept.others.items()
            if any(one["ref"] == handle for one in form["media_list"])
        )

    def restart(self) -> None:
        """All logins are void."""
        self.valid.clear()

    # --- writing --------------------------------------------------------------------------------------------------

    def _deletion(self, handle: str) -> Iterator[tuple[str, str, str, Form | None, Form | None]]:
        for (kind, person), form in sorted(self.kept.others.items()):
            left = [one for one in form["media_list"] if one["ref"] != handle]
            if left != form["media_list"]:
                yield "update", kind, person, form, {**form, "media_list": left, "change": int(self.now())}
        yield "delete", "Media", handle, self.kept.objects[handle], None

    def _write(
        self,
        changes: list[tuple[str, str, str, Form | None, Form | None]],
        *,
        tell: bool = True,
        undo: bool = False,
    ) -> list[Form]:
        """Carry out a transaction, and write it into the history."""
        now = self.now()
        if not self._keeps_old or now - self._last_change > self._keeps_old:
            self._answers.clear()
        self._last_change = now
        for _kind, class_name, handle, _old, new in changes:
            place: dict[Any, Form] = cast(
                "dict[Any, Form]", self.kept.objects if class_name == "Media" else self.kept.others
            )
            key: Any = handle if class_name == "Media" else (class_name, handle)
            if new is None:
                place.pop(key, None)
            else:
                place[key] = new
        number = self.kept.history[-1]["id"] + 1 if self.kept.history else 1
        rows = [
            {
                "obj_class": class_name,
                "obj_handle": handle,
                "trans_type": ("add", "update", "delete").index(kind),
                "old_data": old,
                "new_data": new,
            }
            for kind, class_name, handle, old, new in changes
        ]
        self.kept.history.append(
            {"id": number, "timestamp": now, "undo": undo, "changes": rows if tell else []}
        )
        return [
            {"type": kind, "_class": class_name, "handle": handle, "old": old, "new": new}
            for kind, class_name, handle, old, new in changes
        ]

    def _next_number(self) -> str:
        taken = {form["gramps_id"] for form in self.kept.objects.values()}
        self.kept.numbers += 1
        while f"O{self.kept.numbers:04d}" in taken:
            self.kept.numbers += 1
        return f"O{self.kept.numbers:04d}"

    # --- answers --------------------------------------------------------------------------------------------------

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """What the real server would say."""
        path = request.url.path
        if not path.startswith("/api/"):
            return httpx2.Response(200, html="<html>the web page</html>")
        path = path.removeprefix("/api")
        if path in ("/token/", "/token/refresh/"):
            return self._token(path)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self.valid:
            said = "Token has expired" if bearer else "Missing JWT in headers or query_string"
            return httpx2.Response(401, json={"message": said})
        query = dict(request.url.params)
        kind, _, rest = path.strip("/").partition("/")
        if kind == "metadata":
            return httpx2.Response(200, json=self._metadata())
        if kind == "transactions":
            if request.method == "POST":
                return self._transaction(json.loads(request.content), undo="undo" in query)
            return self._history(rest.removeprefix("history").strip("/"), query)
        if kind == "objects":
            return self._create(json.loads(request.content))
        if kind == "tags":
            return httpx2.Response(200, json=[], headers={"X-Total-Count": "0"})
        if kind == "people":
            return self._person(request, unquote(rest))
        if kind == "media" and request.method == "GET":
            return self._remembered(request, lambda: self._media(request, rest, query))
        if kind == "media":
            return self._media(request, rest, query)
        return _status(404, "Not Found")

    def _media(self, request: httpx2.Request, rest: str, query: Form) -> httpx2.Response:
        if not rest:
            return self._upload(request) if request.method == "POST" else self._list(query)
        handle, _, tail = rest.partition("/")
        return self._one(request, unquote(handle), tail, query)

    def _remembered(
        self, request: httpx2.Request, answer: Callable[[], httpx2.Response]
    ) -> httpx2.Response:
        """The answer that was given to this very question, as long as the server does not know that it is old."""
        asked = f"{request.url.raw_path.decode()} {self.rights}"
        if self.now() - self._last_change > self._keeps_old:
            self._answers.clear()
        known = self._answers.get(asked)
        if known is None:
            known = answer()
            if known.status_code == 200 and not request.url.path.endswith("/file"):
                self._answers[asked] = known
        return httpx2.Response(known.status_code, headers=known.headers, content=known.content)

    def _person(self, request: httpx2.Request, handle: str) -> httpx2.Response:
        if request.method == "POST":
            self._made += 1
            handle = f"p{self._made:04d}"
            form = {"_class": "Person", "handle": handle, "gender": 2, "media_list": []}
            return httpx2.Response(201, json=self._write([("add", "Person", handle, None, form)]))
        old = self.kept.others.get(("Person", handle))
        if old is None:
            return _status(404, "Not Found")
        if request.method == "PUT":
            new = {**json.loads(request.content), "change": int(self.now())}
            return httpx2.Response(200, json=self._write([("update", "Person", handle, old, new)]))
        return httpx2.Response(200, json=old)

    def _token(self, path: str) -> httpx2.Response:
        self._tokens += 1
        payload = {
            "iat": int(self.now()),
            "exp": int(self.now()) + 900,
            "permissions": list(self.rights),
            "tree": self.tree_id,
            "number": self._tokens,
        }
        encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
        token = f"eyJ0eXAi.{encoded}.c2ln"
        self.valid.add(token)
        refresh = {"refresh_token": f"refresh-{self._tokens}"} if path == "/token/" else {}
        return httpx2.Response(200, json={"access_token": token, **refresh})

    def _metadata(self) -> Form:
        return {
            "database": {"id": self.tree_id, "name": "Smith"},
            "gramps": {"version": "6.0.8"},
            "gramps_webapi": {"version": "3.24.0"},
            "server": {"task_queue": False},
            "object_counts": {"people": 3, "media": len(self.kept.objects)},
        }

    def _visible(self, objects: dict[str, Form]) -> list[Form]:
        hides = "ViewPrivate" not in self.rights
        return [form for form in objects.values() if not (hides and form["private"])]

    def _list(self, query: Form) -> httpx2.Response:
        found = self._visible(self.kept.objects)
        if "gramps_id" in query:
            found = [form for form in found if form["gramps_id"] == query["gramps_id"]]
            if not found:
                return _status(404, "Not Found")
        if "filemissing" in query:
            found = [form for form in found if form["path"] not in self.kept.files]
        forms = [plain(form) for form in found]
        if "keys" in query:
            wanted = set(query["keys"].split(","))
            forms = [{key: value for key, value in form.items() if key in wanted} for form in forms]
        return httpx2.Response(200, json=forms, headers={"X-Total-Count": str(len(forms))})

    def _one(self, request: httpx2.Request, handle: str, tail: str, query: Form) -> httpx2.Response:
        form = self.kept.objects.get(handle)
        if form is None or (form["private"] and "ViewPrivate" not in self.rights):
            return _status(404, "Not Found")
        if tail == "file":
            return self._file(request, form, query)
        if request.method == "DELETE":
            if "DeleteObject" not in self.rights:
                return _status(403, "Forbidden")
            return httpx2.Response(200, json=self.delete(handle))
        if request.method == "PUT":
            new = {**raw(json.loads(request.content)), "change": int(self.now())}
            return httpx2.Response(200, json=self._write([("update", "Media", handle, form, new)]))
        answer = plain(form)
        if "backlinks" in query:
            people = self.referrers(handle)
            answer = {**answer, "backlinks": {"person": people} if people else {}}
        return httpx2.Response(200, json=answer)

    def _file(self, request: httpx2.Request, form: Form, query: Form) -> httpx2.Response:
        if self.bucket is not None:
            key = f"{self.prefix}{form['checksum']}"
            location = f"http://s3.sim/{self.bucket}/{key}?X-Amz-Signature=0"
            return httpx2.Response(307, headers={"location": location})
        there = self.kept.files.get(form["path"])
        if request.method == "PUT":
            body = request.content
            digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if digest != form["checksum"]:
                return _status(409, "uploaded file has the wrong checksum")
            if there is not None:
                return _status(409, "file with the same checksum already there")
            if self.quota is not None and sum(map(len, self.kept.files.values())) + len(body) > self.quota:
                return _status(405, "Not allowed by media quota")
            assert "uploadmissing" in query
            self.kept.files[form["path"]] = body
            return httpx2.Response(200, json={})
        if there is None:
            return _status(404, "Not Found")
        headers = {"ETag": f'"{form["checksum"]}"', "Content-Type": form["mime"], "Last-Modified": "then"}
        if request.method == "HEAD":
            return httpx2.Response(200, headers={**headers, "Content-Length": str(len(there))})
        return httpx2.Response(200, content=there, headers=headers)

    def _upload(self, request: httpx2.Request) -> httpx2.Response:
        body = request.content
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self._made += 1
        handle = f"s{self._made:04d}"
        path = f"{digest}.jpg"
        self.stored(digest, body, path)
        form = _new_form(handle, path, digest, self._next_number(), int(self.now()))
        return httpx2.Response(201, json=self._write([("add", "Media", handle, None, form)]))

    def stored(self, digest: str, body: bytes, path: str) -> None:
        """Bytes that came through the API are kept; the bucket's owner replaces this."""
        if self.bucket is None:
            self.kept.files[path] = body
        else:
            self.into_bucket(digest, body)

    into_bucket: Callable[[str, bytes], None] = staticmethod(lambda _digest, _body: None)

    def _history(self, number: str, query: Form) -> httpx2.Response:
        if number:
            found = [one for one in self.kept.history if str(one["id"]) == number]
            return httpx2.Response(200, json=found[0]) if found else _status(404, "Not Found")
        if "after_id" in query and not self.knows_after_id:
            return _status(422, "query: after_id: Unknown field.")
        found = [one for one in reversed(self.kept.history) if one["id"] > int(query.get("after_id", 0))]
        if "after" in query:
            before = float(query.get("before", "inf"))
            found = [one for one in found if float(query["after"]) < one["timestamp"] < before]
        size, page = int(query.get("pagesize", 20)), int(query.get("page", 1))
        return httpx2.Response(200, json=found[(page - 1) * size : page * size])

    def _create(self, payload: list[Form]) -> httpx2.Response:
        if "AddObject" not in self.rights:
            return _status(403, "Forbidden")
        wanted = [form["gramps_id"] for form in payload if form.get("gramps_id")]
        taken = {form["gramps_id"] for form in self.kept.objects.values()}
        if len(set(wanted)) < len(wanted) or taken & set(wanted):
            return _status(400, "Error while adding object")
        if any(form["handle"] in self.kept.objects for form in payload):
            return _status(400, "Error while adding object")
        changes = []
        for form in payload:
            new = _new_form(form["handle"], form["path"], form["checksum"], "", int(self.now()))
            given = raw(form) if "date" in form else form
            new = {**new, **{key: value for key, value in given.items() if key != "thumb"}}
            new["gramps_id"] = new["gramps_id"] or self._next_number()
            changes.append(("add", "Media", form["handle"], None, new))
        return httpx2.Response(201, json=self._write(changes))

    def _transaction(self, payload: list[Form], *, undo: bool) -> httpx2.Response:
        changes = []
        for item in reversed(payload) if undo else payload:
            kind, class_name, handle = item["type"], item["_class"], item["handle"]
            old, new = item["old"], item["new"]
            if undo:
                kind, old, new = {"add": "delete", "delete": "add"}.get(kind, kind), new, old
            place = self.kept.objects if class_name == "Media" else self.kept.others
            key: Any = handle if class_name == "Media" else (class_name, handle)
            now = place.get(key)
            if kind == "add":
                if now is not None:
                    return _status(400, "Object exists already")
            elif now is None or any(now.get(name) != value for name, value in old.items()):
                return _status(400, "Object has changed")
            if new is not None:
                new = {**new, "change": int(self.now())}
            changes.append((kind, class_name, handle, now, new))
        return httpx2.Response(200, json=self._write(changes))


def _status(code: int, message: str) -> httpx2.Response:
    return httpx2.Response(code, json={"error": {"code": code, "message": message}})


def _new_form(handle: str, path: str, checksum: str, number: str, change: int) -> Form:
    return {
        "_class": "Media",
        "attribute_list": [],
        "change": change,
        "checksum": checksum,
        "citation_list": [],
        "date": {
            "_class": "Date",
            "calendar": 0,
            "dateval": [0, 0, 0, False],
            "format": None,
            "modifier": 0,
            "newyear": 0,
            "quality": 0,
            "sortval": 0,
            "text": "",
        },
        "desc": path,
        "gramps_id": number,
        "handle": handle,
        "mime": "image/jpeg",
        "note_list": [],
        "path": path,
        "private": False,
        "tag_list": [],
        "thumb": None,
    }


def raw(form: Form) -> Form:
    """The raw form of a plain one without attributes."""
    date = {key: value for key, value in form["date"].items() if key != "year"}
    return {**form, "_class": "Media", "thumb": None, "date": {**date, "_class": "Date"}}


def plain(form: Form) -> Form:
    """The plain form of a raw one without attributes."""
    kept = {key: value for key, value in form.items() if key not in ("_class", "thumb")}
    date = {key: value for key, value in form["date"].items() if key != "_class"}
    return {**kept, "date": {**date, "year": 0}}


class Network(httpx2.BaseTransport):
    """Carries requests to a server, and what befalls them on the way.

    Args:
        web: the server.
        befall: given a request, says what befalls it: one of `BEFALLS`, or None.
        arrived: told of each request before the server sees it.
    """

    def __init__(
        self, web: Web, befall: Callable[[httpx2.Request], str | None], arrived: Callable[[str], None]
    ) -> None:
        self._web = web
        self._befall = befall
        self._arrived = arrived
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


BEFALLS: Collection[str] = (
    "refused", "unavailable", "too many", "fault before", "page", "expired", "twice", "lost", "fault after", "cut",
    "short", "uncounted", "empty", "late",
)  # fmt: skip
"""What may befall a request: the first ones keep it from the server, the last ones spoil the answer."""


def _instead(what: str | None, request: httpx2.Request) -> httpx2.Response | None:
    if what == "refused":
        raise httpx2.ConnectError("connection refused", request=request)
    if what == "unavailable":
        return _status(503, "Service Unavailable")
    if what == "too many":
        return httpx2.Response(429, json={"message": "slowly"}, headers={"Retry-After": "1"})
    if what == "fault before":
        return _status(500, "Internal Server Error")
    if what == "page":
        return httpx2.Response(200, html="<html>maintenance</html>")
    return None


def _spoilt(what: str | None, answer: httpx2.Response, request: httpx2.Request) -> httpx2.Response:
    if what == "lost":
        raise httpx2.ReadError("connection reset", request=request)
    if what == "fault after":
        return _status(500, "Internal Server Error")
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
