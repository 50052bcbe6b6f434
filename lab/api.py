"""A plain client of the Gramps Web API: what a person does on the web page, and a witness independent of syncd."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
from typing import Any, Self

import httpx2

from lab.process import LabError, wait_until

type_of = mimetypes.MimeTypes().guess_type
Json = dict[str, Any]


class ApiError(Exception):
    """An answer that is not the expected one."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text[:500]}"
        )
        self.status = response.status_code


class Api:
    """Logged in at the first request. Paths are below `/api`."""

    def __init__(
        self, url: str, username: str, password: str, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self.url = url
        self.username = username
        self.password = password
        self._client = httpx2.Client(
            base_url=f"{url}/api", timeout=120, trust_env=False, follow_redirects=False, transport=transport
        )
        self._token: str | None = None

    def close(self) -> None:
        """Drop connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- requests --------------------------------------------------------------------------------

    def login(self) -> Json:
        """A new token pair."""
        answer = self._client.post("/token/", json={"username": self.username, "password": self.password})
        if answer.status_code != 200:
            raise ApiError(answer)
        tokens: Json = answer.json()
        self._token = tokens["access_token"]
        return tokens

    def _login_in_turn(self) -> Json:
        """A new token pair; where logins are limited, waits while another client of this address has just logged in."""
        tokens: Json = {}

        def is_our_turn() -> bool:
            try:
                tokens.update(self.login())
            except ApiError as error:
                if error.status != 429:
                    raise
            return bool(tokens)

        wait_until(is_our_turn, "a login to be let through")
        return tokens

    def claims(self) -> Json:
        """What the access token says, such as `permissions` and `tree`; unverified."""
        token: str = self._login_in_turn()["access_token"]
        payload = token.split(".")[1]
        claims: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Any request, any answer; logs in (again) when needed."""
        headers = dict(options.pop("headers", {}))
        for attempt in (1, 2):
            if self._token is None:
                self._login_in_turn()
            headers["Authorization"] = f"Bearer {self._token}"
            answer = self._client.request(method, path, headers=headers, **options)
            # 422: the token is signed with a key that the server has since changed.
            is_refused = answer.status_code == 401 or "Signature verification" in answer.text[:100]
            if not is_refused or attempt == 2:
                return answer
            self._token = None
        raise AssertionError

    def json(self, method: str, path: str, *expected: int, **options: Any) -> Any:
        """A request that must succeed, and its answer's JSON."""
        answer = self.request(method, path, **options)
        if answer.status_code == 202 and "task" in answer.json():
            return self._finished(answer.json()["task"]["id"])
        if answer.status_code not in (expected or (200, 201)):
            raise ApiError(answer)
        return answer.json() if answer.content else None

    def _finished(self, task: str) -> Any:
        """What a task of the queue did; a task that fails is a LabError."""
        found: Json = {}

        def is_done() -> bool:
            found.update(self.json("GET", f"/tasks/{task}"))
            return found["state"] in {"SUCCESS", "FAILURE", "REVOKED"}

        wait_until(is_done, f"the task {task} to end")
        if found["state"] != "SUCCESS":
            raise LabError(f"the task {task} failed: {found}")
        return found.get("result_object")

    # --- what is there -----------------------------------------------------------------------------

    def metadata(self) -> Json:
        """Versions, tree id, counts."""
        answer: Json = self.json("GET", "/metadata/")
        return answer

    def media(self) -> list[Json]:
        """Every media object."""
        answer: list[Json] = self.json("GET", "/media/")
        return answer

    def by_path(self) -> dict[str, Json]:
        """Every media object by its path; paths must be unique."""
        objects = self.media()
        found = {item["path"]: item for item in objects}
        assert len(found) == len(objects), "two objects have one path"
        return found

    def get(self, handle: str, kind: str = "media") -> Json:
        """One object in the form for reading; ApiError 404."""
        answer: Json = self.json("GET", f"/{kind}/{handle}")
        return answer

    def exists(self, handle: str) -> bool:
        """Whether the media object is there."""
        return self.request("GET", f"/media/{handle}").status_code == 200

    def referrers(self, handle: str) -> Json:
        """Who refers to the media object: handles by type, such as `{"person": ["…"]}`."""
        answer: Json = self.json("GET", f"/media/{handle}", params={"backlinks": 1})
        found: Json = answer.get("backlinks", {})
        return found

    def content(self, handle: str) -> bytes | None:
        """The file's bytes as a browser would get them; None when the server has none."""
        answer = self.request("GET", f"/media/{handle}/file")
        if answer.status_code in {301, 302, 303, 307, 308}:
            # The token must not travel to the store.
            answer = httpx2.get(answer.headers["location"], timeout=120, trust_env=False)
        if answer.status_code in {403, 404}:
            return None
        if answer.status_code != 200:
            raise ApiError(answer)
        return answer.content

    def redirect(self, handle: str) -> str | None:
        """Where the server sends browsers for the file; None when it serves the file itself."""
        return self.request("GET", f"/media/{handle}/file").headers.get("location")

    def history(self, after_id: int = 0) -> list[Json]:
        """All transactions with a greater id, oldest first, with the raw objects before and after."""
        answer: list[Json] = self.json("GET", "/transactions/history/", params={"old": 1, "new": 1})
        return sorted((item for item in answer if item["id"] > after_id), key=lambda item: int(item["id"]))

    def last_transaction(self) -> int:
        """The newest transaction's id; 0 when there is none."""
        return max((item["id"] for item in self.history()), default=0)

    # --- what a person does ------------------------------------------------------------------------

    def upload(self, content: bytes, mime: str = "image/jpeg", **fields: Any) -> str:
        """Add a file on the web page; returns the handle. The server names it `<md5>.<ext>`."""
        answer = self.json("POST", "/media/", content=content, headers={"Content-Type": mime})
        (handle,) = {change["new"]["handle"] for change in answer if change.get("new")}
        if fields:
            self.edit(handle, **fields)
        return str(handle)

    def create(self, path: str, content: bytes | None = None, **fields: Any) -> str:
        """A media object with a path of one's own, as Gramps Desktop's sync makes them; returns the handle."""
        new = {
            "_class": "Media",
            "path": path,
            "mime": type_of(path)[0] or "application/octet-stream",
            "desc": path,
            "checksum": "" if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest(),
            **fields,
        }
        answer = self.json("POST", "/objects/", json=[new])
        (handle,) = {change["new"]["handle"] for change in answer if change.get("new")}
        if content is not None:
            self.upload_missing(str(handle), content, new["mime"])
        return str(handle)

    def upload_missing(self, handle: str, content: bytes, mime: str = "image/jpeg") -> None:
        """Give an object the file that it lacks."""
        answer = self.request(
            "PUT",
            f"/media/{handle}/file",
            params={"uploadmissing": 1},
            content=content,
            headers={"Content-Type": mime},
        )
        # 409 that tells of an existing object: another one of the same checksum brought the file already.
        if answer.status_code not in {200, 201} and "existing media object" not in answer.text:
            raise ApiError(answer)

    def replace(self, handle: str, content: bytes, mime: str = "image/jpeg") -> None:
        """The web page's "replace file"; the path becomes `<md5>.<ext>`."""
        headers = {"Content-Type": mime, "If-Match": f'"{self.get(handle)["checksum"]}"'}
        self.json("PUT", f"/media/{handle}/file", content=content, headers=headers)

    def edit(self, handle: str, kind: str = "media", **fields: Any) -> None:
        """Change fields of an object."""
        now = self.get(handle, kind)
        for derived in ("profile", "extended", "backlinks", "formatted"):
            now.pop(derived, None)
        name = {
            "media": "Media",
            "people": "Person",
            "events": "Event",
            "notes": "Note",
            "sources": "Source",
        }[kind]
        self.json("PUT", f"/{kind}/{handle}", json={"_class": name, **now, **fields})

    def delete(self, handle: str, kind: str = "media") -> None:
        """Delete, as the web page's button does."""
        self.json("DELETE", f"/{kind}/{handle}")

    def refer(self, person: str, handle: str) -> None:
        """Put the media object into a person's gallery."""
        now = self.get(person, "people")
        reference = {"_class": "MediaRef", "ref": handle}
        self.edit(person, "people", media_list=[*now["media_list"], reference])

    def gallery(self, person: str) -> list[str]:
        """Handles of the media objects in a person's gallery."""
        return [reference["ref"] for reference in self.get(person, "people")["media_list"]]

    def anybody(self) -> str:
        """The handle of some person."""
        answer = self.json("GET", "/people/", params={"page": 1, "pagesize": 1, "keys": "handle"})
        return str(answer[0]["handle"])

    def new_person(self, **fields: Any) -> str:
        """Add a person; returns the handle."""
        answer = self.json("POST", "/people/", json={"_class": "Person", **fields})
        (handle,) = {change["new"]["handle"] for change in answer if change.get("new")}
        return str(handle)

    def new_sync_token(self, label: str) -> str:
        """A token with which a device signs in as this account; ApiError where the server is too old for them."""
        answer = self.json("POST", "/users/-/access-tokens/sync/tokens/", json={"label": label})
        return str(answer["token"])

    def new_tag(self, name: str) -> str:
        """Add a tag; returns the handle."""
        answer = self.json("POST", "/tags/", json={"_class": "Tag", "name": name, "color": "#EF2929"})
        (handle,) = {change["new"]["handle"] for change in answer if change.get("new")}
        return str(handle)


def summary(answer: Any) -> str:
    """JSON for people."""
    return json.dumps(answer, indent=1, ensure_ascii=False, sort_keys=True)
