"""What Gramps Web answers: HTTP over a `Web`, as measured on the real one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx2

from sim.forms import Form, new_form, plain, raw
from sim.web import Change, Web


class Server(Web):
    """A `Web` that is spoken to over HTTP."""

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
        return status(404, "Not Found")

    def _media(self, request: httpx2.Request, rest: str, query: Form) -> httpx2.Response:
        if not rest:
            return self._upload(request) if request.method == "POST" else self._list(query)
        handle, _, tail = rest.partition("/")
        return self._one(request, unquote(handle), tail, query)

    def _remembered(self, request: httpx2.Request, answer: Callable[[], httpx2.Response]) -> httpx2.Response:
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
            return status(404, "Not Found")
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
                return status(404, "Not Found")
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
            return status(404, "Not Found")
        if tail == "file":
            return self._file(request, form, query)
        if request.method == "DELETE":
            if "DeleteObject" not in self.rights:
                return status(403, "Forbidden")
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
                return status(409, "uploaded file has the wrong checksum")
            if there is not None:
                return status(409, "file with the same checksum already there")
            if self.quota is not None and sum(map(len, self.kept.files.values())) + len(body) > self.quota:
                return status(405, "Not allowed by media quota")
            assert "uploadmissing" in query
            self.kept.files[form["path"]] = body
            return httpx2.Response(200, json={})
        if there is None:
            return status(404, "Not Found")
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
        form = new_form(handle, path, digest, self._next_number(), int(self.now()))
        return httpx2.Response(201, json=self._write([("add", "Media", handle, None, form)]))

    def _history(self, number: str, query: Form) -> httpx2.Response:
        if number:
            found = [one for one in self.kept.history if str(one["id"]) == number]
            return httpx2.Response(200, json=found[0]) if found else status(404, "Not Found")
        if "after_id" in query and not self.knows_after_id:
            return status(422, "query: after_id: Unknown field.")
        found = [one for one in reversed(self.kept.history) if one["id"] > int(query.get("after_id", 0))]
        if "after" in query:
            before = float(query.get("before", "inf"))
            found = [one for one in found if float(query["after"]) < one["timestamp"] < before]
        size, page = int(query.get("pagesize", 20)), int(query.get("page", 1))
        return httpx2.Response(
            200, json=found[(page - 1) * size : page * size], headers={"X-Total-Count": str(len(found))}
        )

    def _create(self, payload: list[Form]) -> httpx2.Response:
        if "AddObject" not in self.rights:
            return status(403, "Forbidden")
        wanted = [form["gramps_id"] for form in payload if form.get("gramps_id")]
        taken = {form["gramps_id"] for form in self.kept.objects.values()}
        if len(set(wanted)) < len(wanted) or taken & set(wanted):
            return status(400, "Error while adding object")
        if any(form["handle"] in self.kept.objects for form in payload):
            return status(400, "Error while adding object")
        changes: list[Change] = []
        for form in payload:
            new = new_form(form["handle"], form["path"], form["checksum"], "", int(self.now()))
            given = raw(form) if "date" in form else form
            new = {**new, **{key: value for key, value in given.items() if key != "thumb"}}
            new["gramps_id"] = new["gramps_id"] or self._next_number()
            changes.append(("add", "Media", form["handle"], None, new))
        return httpx2.Response(201, json=self._write(changes))

    def _transaction(self, payload: list[Form], *, undo: bool) -> httpx2.Response:
        changes: list[Change] = []
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
                    return status(400, "Object exists already")
            elif now is None or any(now.get(name) != value for name, value in old.items()):
                return status(400, "Object has changed")
            if new is not None:
                new = {**new, "change": int(self.now())}
            changes.append((kind, class_name, handle, now, new))
        return httpx2.Response(200, json=self._write(changes))


def status(code: int, message: str) -> httpx2.Response:
    """An answer that something is wrong."""
    return httpx2.Response(code, json={"error": {"code": code, "message": message}})
