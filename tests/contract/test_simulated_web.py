"""The Gramps Web of the simulation answers as the real one: the same short scripts on both, answers side by side."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.api import Api
from lab.gramps_web import CHOSEN
from lab.gramps_web import GrampsWeb as LabServer
from lab.s3 import RcloneS3
from sim.network import Network
from sim.server import Server
from sim.web import PASSWORD, USER

Json = dict[str, Any]
Script = Callable[["Talk"], None]


def md5(content: bytes) -> str:
    """The checksum of a content."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Talk:
    """Asks one server, and writes down what it says in a form that does not depend on it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.said: list[object] = []
        self.first = api.last_transaction()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """A request; its status is noted, and its answer returned."""
        answer = self.api.request(method, path, **options)
        self.said.append(answer.status_code)
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None

    def note(self, what: object) -> None:
        """Write down something else."""
        self.said.append(what)

    # --- what scripts need ------------------------------------------------------------------------------------

    def make(self, handle: str, path: str, checksum: str = "", **fields: Any) -> Any:
        """POST an object."""
        form = {"_class": "Media", "handle": handle, "path": path, "checksum": checksum, "mime": "image/jpeg"}
        return self.ask("POST", "/objects/", json=[{**form, "desc": path, **fields}])

    def raw(self, handle: str) -> Json:
        """The newest raw form that the history has."""
        for transaction in sorted(self.history(), key=lambda one: -int(one["id"])):
            for change in transaction["changes"]:
                if change["obj_handle"] == handle and change["obj_class"] == "Media":
                    found: Json = change["new_data"]
                    return found
        raise AssertionError(handle)

    def history(self, after: int = 0) -> list[Json]:
        """Transactions of this script, newest first."""
        query = {
            "after_id": after or self.first,
            "old": 1,
            "new": 1,
            "sort": "-id",
            "page": 1,
            "pagesize": 100,
        }
        found: list[Json] = self.api.json("GET", "/transactions/history/", params=query)
        return found

    def swap(self, old: Json, new: Json) -> Any:
        """Compare and swap."""
        item = {"type": "update", "_class": "Media", "handle": old["handle"], "old": old, "new": new}
        return self.ask("POST", "/transactions/", json=[item])


def changes(answer: Any) -> list[tuple[str, str, str]]:
    """What a write says that it changed, as far as it is about media and people."""
    return sorted(
        (item["type"], item["_class"], item["handle"] if item["_class"] == "Media" else "somebody")
        for item in answer
        if item["_class"] in ("Media", "Person")
    )


def told(transactions: list[Json]) -> list[list[tuple[int, str, str]]]:
    """What the history says, newest first, as far as it is about media."""
    return [
        sorted(
            (change["trans_type"], change["obj_class"], change["obj_handle"])
            for change in transaction["changes"]
            if change["obj_class"] == "Media"
        )
        for transaction in transactions
    ]


# --- the scripts ------------------------------------------------------------------------------------------------------


def a_handle_is_given_once(talk: Talk) -> None:
    """A batch with a handle that exists is refused whole."""
    talk.note(changes(talk.make("one", "a.jpg", md5(b"1"))))
    talk.make("one", "b.jpg", md5(b"2"))
    forms = [
        {
            "_class": "Media",
            "handle": handle,
            "path": "c.jpg",
            "checksum": md5(b"3"),
            "mime": "image/jpeg",
            "desc": "c",
        }
        for handle in ("two", "one")
    ]
    talk.ask("POST", "/objects/", json=forms)
    talk.ask("GET", "/media/two")
    talk.note(talk.ask("GET", "/media/one")["path"])
    talk.note(told(talk.history()))


def a_number_is_given_once(talk: Talk) -> None:
    """So is a Gramps ID."""
    talk.make("one", "a.jpg", gramps_id="O7777")
    talk.make("two", "b.jpg", gramps_id="O7777")
    talk.ask("GET", "/media/two")
    talk.ask("GET", "/media/", params={"gramps_id": "O7777"})
    talk.ask("GET", "/media/", params={"gramps_id": "O7778"})


def compare_and_swap(talk: Talk) -> None:
    """Only what is completely as it was said to be is changed; the answer tells old and new; all or nothing."""
    talk.make("one", "a.jpg", md5(b"1"))
    talk.make("two", "b.jpg", md5(b"2"))
    one, two = talk.raw("one"), talk.raw("two")
    answer = talk.swap(one, {**one, "path": "c.jpg"})
    talk.note(changes(answer))
    talk.note([(item["old"]["path"], item["new"]["path"]) for item in answer if item["_class"] == "Media"])
    talk.swap(one, {**one, "path": "d.jpg"})
    both = [
        {
            "type": "update",
            "_class": "Media",
            "handle": form["handle"],
            "old": form,
            "new": {**form, "path": "e.jpg"},
        }
        for form in (two, one)
    ]
    talk.ask("POST", "/transactions/", json=both)
    talk.note([talk.ask("GET", f"/media/{handle}")["path"] for handle in ("one", "two")])
    talk.swap({**two, "handle": "none"}, {**two, "handle": "none"})
    talk.note(told(talk.history()))


def a_partial_old_wipes(talk: Talk) -> None:
    """Only the keys that are named in `old` are compared, and `new` replaces all."""
    talk.make("one", "a.jpg", md5(b"1"))
    before = talk.raw("one")
    talk.swap(before, {**before, "desc": "a caption"})
    item = {
        "type": "update",
        "_class": "Media",
        "handle": "one",
        "old": {"path": "a.jpg", "_class": "Media", "handle": "one"},
        "new": {**before, "path": "b.jpg"},
    }
    talk.ask("POST", "/transactions/", json=[item])
    now = talk.ask("GET", "/media/one")
    talk.note((now["path"], now["desc"]))


def put_replaces(talk: Talk) -> None:
    """PUT takes the plain form, and tells what it overwrote."""
    talk.make("one", "a.jpg", md5(b"1"))
    form = talk.ask("GET", "/media/one")
    answer = talk.ask("PUT", "/media/one", json={**form, "_class": "Media", "path": "b.jpg"})
    talk.note([(item["type"], item["old"]["path"], item["new"]["path"]) for item in answer])
    talk.ask("PUT", "/media/none", json={**form, "_class": "Media", "handle": "none"})


def a_deletion_strips_and_its_answer_brings_back(talk: Talk) -> None:
    """The references go with the object and come back with it; not once somebody wrote in between."""
    talk.make("one", "a.jpg", md5(b"1"))
    person = talk.api.new_person()
    talk.api.refer(person, "one")
    talk.note(talk.api.gallery(person))
    answer = talk.ask("DELETE", "/media/one")
    talk.note(changes(answer))
    talk.note(talk.api.gallery(person))
    talk.ask("GET", "/media/one")
    talk.ask("DELETE", "/media/one")
    talk.note(changes(talk.ask("POST", "/transactions/", params={"undo": 1}, json=answer)))
    talk.note(talk.api.gallery(person))
    talk.note(talk.ask("GET", "/media/one")["path"])
    talk.ask("POST", "/transactions/", params={"undo": 1}, json=answer)
    answer = talk.ask("DELETE", "/media/one")
    talk.api.edit(person, "people", gender=1)
    talk.ask("POST", "/transactions/", params={"undo": 1}, json=answer)
    talk.ask("GET", "/media/one")
    talk.note(told(talk.history()))


def the_history_by_id_and_time(talk: Talk) -> None:
    """Newest first, after an id; found by its time; one transaction whole."""
    talk.make("one", "a.jpg")
    talk.make("two", "b.jpg")
    newest, older = talk.history()
    talk.note(newest["id"] - older["id"])
    talk.note(told(talk.history(older["id"])))
    around = {"after": repr(older["timestamp"] - 0.01), "before": repr(older["timestamp"] + 0.01)}
    found = talk.ask(
        "GET", "/transactions/history/", params={**around, "sort": "-id", "page": 1, "pagesize": 9}
    )
    talk.note(older["id"] in [one["id"] for one in found])
    talk.note(told([talk.ask("GET", f"/transactions/history/{older['id']}", params={"old": 1, "new": 1})]))
    empty = {"after_id": newest["id"], "sort": "-id", "page": 1, "pagesize": 9}
    talk.note(talk.ask("GET", "/transactions/history/", params=empty))


def who_refers(talk: Talk) -> None:
    """Backlinks by type."""
    talk.make("one", "a.jpg")
    talk.note(talk.ask("GET", "/media/one", params={"backlinks": 1}).get("backlinks"))
    person = talk.api.new_person()
    talk.api.refer(person, "one")
    found = talk.ask("GET", "/media/one", params={"backlinks": 1, "skipkeys": "~fresh-1"})["backlinks"]
    talk.note({kind: len(handles) for kind, handles in found.items() if handles})


def files(talk: Talk) -> None:
    """A file goes where there is none and its checksum is the object's; what is there is not replaced."""
    content = b"\xff\xd8\xff\xe0 a photo"
    talk.make("one", "a.jpg", md5(content))
    talk.ask("PUT", "/media/one/file", params={"uploadmissing": 1}, content=b"other", headers=JPEG)
    talk.ask("PUT", "/media/one/file", params={"uploadmissing": 1}, content=content, headers=JPEG)
    talk.ask("PUT", "/media/one/file", params={"uploadmissing": 1}, content=content, headers=JPEG)
    talk.note(talk.ask("GET", "/media/one")["path"])
    talk.ask("PUT", "/media/none/file", params={"uploadmissing": 1}, content=content, headers=JPEG)
    talk.make("two", "missing.jpg", md5(b"nowhere"))
    listed = talk.ask("GET", "/media/", params={"filemissing": 1, "keys": "handle,~fresh-2"})
    talk.note([one["handle"] for one in listed])


def an_upload_is_named_by_the_server(talk: Talk) -> None:
    """A new object gets `<md5>.<ext>` for its path."""
    content = b"\xff\xd8\xff\xe0 another photo"
    answer = talk.ask("POST", "/media/", content=content, headers=JPEG)
    talk.note(
        [(item["type"], item["_class"], item["new"]["path"], item["new"]["checksum"]) for item in answer]
    )


def without_a_login(talk: Talk) -> None:
    """401, in JSON."""
    answer = talk.api._client.get("/metadata/")
    talk.note((answer.status_code, "JWT" in str(answer.json())))
    answer = talk.api._client.get("/metadata/", headers={"Authorization": "Bearer a.b.c"})
    talk.note(answer.status_code in (401, 422))


def a_listing_names_all(talk: Talk) -> None:
    """With the keys that were asked for, and their number."""
    for number in range(5):
        talk.make(f"h{number}", f"{number}.jpg", md5(b"%d" % number))
    keys = "handle,path,checksum,mime,change,~fresh-3"
    answer = talk.api.request("GET", "/media/", params={"keys": keys})
    listed = answer.json()
    talk.note((answer.headers["X-Total-Count"], sorted(listed[0]), sorted(one["handle"] for one in listed)))


JPEG = {"Content-Type": "image/jpeg"}
SCRIPTS: list[Script] = [
    a_handle_is_given_once, a_number_is_given_once, compare_and_swap, a_partial_old_wipes, put_replaces,
    a_deletion_strips_and_its_answer_brings_back, the_history_by_id_and_time, who_refers,
    an_upload_is_named_by_the_server, without_a_login, a_listing_names_all,
]  # fmt: skip


@pytest.fixture(scope="module")
def on_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A real server with a bucket."""
    if not CHOSEN.environment.exists():
        pytest.skip("script/setup --lab installs Gramps Web")
    with RcloneS3(tmp_path_factory.mktemp("s3")) as s3:
        s3.new_bucket("media")
        with LabServer(tmp_path_factory.mktemp("gramps-web"), s3=s3) as server:
            with server.api(server.add_tree("empty")) as api:
                api.metadata()
            yield server


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A real server with media on its own disk."""
    if not CHOSEN.environment.exists():
        pytest.skip("script/setup --lab installs Gramps Web")
    with LabServer(tmp_path_factory.mktemp("gramps-web-disk"), s3=None) as server:
        with server.api(server.add_tree("empty")) as api:
            api.metadata()
        yield server


def said_by_simulation(script: Script, *, bucket: str | None) -> list[object]:
    """What the server in memory says."""
    web = Server(
        time.time, bucket, keeps_old=0
    )  # asked in turn, the real one has closed the tree before it answers
    network = Network(web)
    with Api("http://web.sim", USER, PASSWORD, transport=network) as api:
        talk = Talk(api)
        script(talk)
        return talk.said


def said_by_server(script: Script, server: LabServer) -> list[object]:
    """What a real one says."""
    with server.api(server.add_tree("empty"), "editor") as api:
        talk = Talk(api)
        script(talk)
        return talk.said


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_with_a_bucket(script: Script, on_bucket: LabServer) -> None:
    """Objects and history."""
    assert said_by_simulation(script, bucket="media") == said_by_server(script, on_bucket)


@pytest.mark.parametrize("script", [*SCRIPTS, files], ids=lambda script: script.__name__)
def test_with_its_own_disk(script: Script, on_disk: LabServer) -> None:
    """The same, and files."""
    assert said_by_simulation(script, bucket=None) == said_by_server(script, on_disk)
