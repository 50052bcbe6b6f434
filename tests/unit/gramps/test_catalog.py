"""Reading, the feed, and writes with all that can go wrong on the way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from syncd.errors import LostAnswer, MovedOn, Refused, ServerError, Unexpected
from syncd.gramps.creating import Pace
from syncd.gramps.forms import to_raw, without_references
from syncd.model import Checksum, MediaObject
from syncd.ports import (
    AlreadyThere,
    Changed,
    Cursor,
    Deletion,
    Made,
    MediaLocation,
    NewObject,
    ObjectChange,
    Rejected,
)
from tests.unit.gramps.fake_server import Connect, FakeServer, media, raw

SUM = Checksum("0123456789abcdef0123456789abcdef")
OTHER = Checksum("fedcba9876543210fedcba9876543210")


def new(handle: str, path: str = "a.jpg") -> NewObject:
    """An object to create."""
    return NewObject(handle, path, SUM, "image/jpeg", desc="a", private=True, tags=("t1",))


def once(act: Callable[[httpx2.Request], httpx2.Response | None], method: str, path: str) -> Any:
    """An interceptor that acts on the first matching request only."""
    done: list[bool] = []

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if not done and request.method == method and request.url.path.startswith(f"/api{path}"):
            done.append(True)
            return act(request)
        return None

    return intercept


# --- listing ---------------------------------------------------------------------------------------


def test_listing(server: FakeServer, gramps: Connect) -> None:
    """All objects, and the newest transaction."""
    server.objects = {handle: media(handle, f"{handle}.jpg", SUM) for handle in "abc"}
    server.note()
    snapshot, cursor = gramps().list()
    assert snapshot.objects["b"] == MediaObject("b", "b.jpg", SUM, "image/jpeg", 1)
    assert cursor == Cursor(1, 1001.0)


def test_listing_cannot_come_from_the_cache(server: FakeServer, gramps: Connect) -> None:
    """Two reads never ask the same question: the server's request cache may be stale."""
    client = gramps()
    client.list()
    client.list()
    queries = [str(request.url) for request in server.asked("GET", "/media/")]
    assert len(set(queries)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, json=[media("a")], headers={"X-Total-Count": "2"}),
        httpx2.Response(200, json=[media("a"), media("b")], headers={"X-Total-Count": "1"}),
        httpx2.Response(200, json=[media("a"), media("a")], headers={"X-Total-Count": "2"}),
        httpx2.Response(200, content=b'[{"handle": "a", "path"', headers={"X-Total-Count": "1"}),
        httpx2.Response(200, content=b"[]", headers={}),
        httpx2.Response(200, content=b"{}", headers={"X-Total-Count": "1"}),
        httpx2.Response(200, content=b"", headers={"X-Total-Count": "1"}),
        httpx2.Response(200, content=b"[] []", headers={"X-Total-Count": "0"}),
        httpx2.Response(200, html="<html>", headers={"X-Total-Count": "1"}),
        httpx2.Response(200, json=[{"handle": 3, "path": "x"}], headers={"X-Total-Count": "1"}),
        httpx2.Response(200, json=["a"], headers={"X-Total-Count": "1"}),
        httpx2.Response(200, json=[{**media("a"), "path": None}], headers={"X-Total-Count": "1"}),
        httpx2.Response(200, json=[media("a", "x" * 3_000_000)], headers={"X-Total-Count": "1"}),
    ],
)
def test_incomplete_listings(server: FakeServer, gramps: Connect, answer: httpx2.Response) -> None:
    """Short, long, double, broken and nonsensical listings are refused."""
    server.intercept = once(lambda _: answer, "GET", "/media/")
    with pytest.raises(Unexpected):
        gramps().list()


@pytest.mark.parametrize("announced", ["4", "many", "", "9" * 5000])
def test_incomplete_histories(server: FakeServer, gramps: Connect, announced: str) -> None:
    """A page of the history that lacks a transaction is refused: what it told of would not be seen for hours."""
    for number in range(4):
        server.record(0, f"new {number}", None, raw(media(f"new {number}")))

    def shorten(request: httpx2.Request) -> httpx2.Response:
        found = server.answer(request).json()
        return httpx2.Response(200, json=found[:-1], headers={"X-Total-Count": announced})

    client = gramps()
    server.intercept = once(shorten, "GET", "/transactions/history/")
    with pytest.raises(Unexpected, match="history that Gramps Web gave is not complete"):
        client.changes(Cursor(0, 0.0))
    assert len(client.changes(Cursor(0, 0.0)).changed) == 4


def test_a_short_answer_is_no_restored_backup(server: FakeServer, gramps: Connect) -> None:
    """Where the last transaction seen is announced and does not come, the answer is broken, and not the server restored."""
    server.note()
    client = gramps()
    empty = httpx2.Response(200, json=[], headers={"X-Total-Count": "1"})
    server.intercept = once(lambda _: empty, "GET", "/transactions/history/")
    with pytest.raises(Unexpected, match="not complete"):
        client.still_knows(Cursor(1, 1001.0))
    assert client.still_knows(Cursor(1, 1001.0))


def test_what_happens_during_the_listing_is_laid_over_it(server: FakeServer, gramps: Connect) -> None:
    """Deleted meanwhile: gone. Deleted and made again: there. New: there."""
    server.objects = {handle: media(handle) for handle in ("gone", "again", "kept")}
    server.note()

    def meanwhile(request: httpx2.Request) -> httpx2.Response:
        listing = server.answer(request)
        server.record(2, "gone", raw(server.objects.pop("gone")), None)
        server.record(2, "again", raw(server.objects["again"]), None)
        server.record(0, "again", None, raw(server.objects["again"]))
        server.objects["new"] = media("new")
        server.record(0, "new", None, raw(server.objects["new"]))
        return listing

    server.intercept = once(meanwhile, "GET", "/media/")
    snapshot, cursor = gramps().list()
    assert set(snapshot.objects) == {"again", "kept", "new"}
    assert cursor == Cursor(5, 1005.0)


def test_an_import_during_the_listing_keeps_the_cursor_before_it(server: FakeServer, gramps: Connect) -> None:
    """What tells nothing of its changes must be seen again by the next look at the feed."""
    server.note()

    def meanwhile(request: httpx2.Request) -> httpx2.Response:
        server.note()
        server.record(0, "new", None, raw(media("new")))
        return server.answer(request)

    server.intercept = once(meanwhile, "GET", "/media/")
    client = gramps()
    _, cursor = client.list()
    assert cursor == Cursor(1, 1001.0)
    assert not client.changes(cursor).complete


# --- the feed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("knows_after_id", [True, False])
def test_changes(server: FakeServer, gramps: Connect, knows_after_id: bool) -> None:
    """Only media objects, the last state wins; older servers without `after_id` give the same."""
    server.knows_after_id = knows_after_id
    server.objects["x"] = media("x", "old.jpg")
    for number in range(150):
        server.record(0, f"m{number}", None, raw(media(f"m{number}")))
    since = gramps().newest()
    assert since is not None
    server.swap(
        [{"handle": "x", "old": raw(server.objects["x"]), "new": {**raw(server.objects["x"]), "path": "1"}}]
    )
    server.swap(
        [{"handle": "x", "old": raw(server.objects["x"]), "new": {**raw(server.objects["x"]), "path": "2"}}]
    )
    server.record(2, "m3", raw(media("m3")), None)
    server.note({"trans_type": 1, "obj_class": "Person", "obj_handle": "p", "old_data": {}, "new_data": {}})
    server.note({"trans_type": 0, "obj_class": "7", "obj_handle": "p", "old_data": {}, "new_data": {}})
    feed = gramps().changes(since)
    assert feed.complete
    assert feed.cursor == Cursor(155, 1155.0)
    assert set(feed.changed) == {"x", "m3"}
    assert feed.changed["m3"] is None
    assert feed.changed["x"] is not None
    assert feed.changed["x"].path == "2"
    assert len(gramps().changes(Cursor(0, 0.0)).changed) == 151


@pytest.mark.parametrize("undo", [True, False])
def test_transactions_that_tell_nothing(server: FakeServer, gramps: Connect, undo: bool) -> None:
    """A batch lists no changes; Gramps' own undo lists those that it took back. Neither can be followed."""
    if undo:
        server.note(
            {"trans_type": 0, "obj_class": "Media", "obj_handle": "m", "new_data": raw(media("m"))}, undo=True
        )
    else:
        server.note()
    assert not gramps().changes(Cursor(0, 0.0)).complete


def test_nothing_new(server: FakeServer, gramps: Connect) -> None:
    """The cursor stays; one request is enough."""
    server.note()
    client = gramps()
    client.connect()
    before = len(server.requests)
    assert client.changes(Cursor(1, 1001.0)).cursor == Cursor(1, 1001.0)
    assert len(server.requests) == before + 1


def test_still_knows(server: FakeServer, gramps: Connect) -> None:
    """Id and time must both match: a restored server hands out the same ids again."""
    server.note()
    server.note()
    client = gramps()
    assert client.still_knows(Cursor(2, 1002.0))
    assert not client.still_knows(Cursor(2, 999.0))
    assert not client.still_knows(Cursor(3, 1002.0))
    assert not client.still_knows(Cursor(1, 1002.0))


@pytest.mark.parametrize(
    "found",
    [
        {"a": 1},
        [1],
        [{"id": "1", "timestamp": 1, "changes": []}],
        [{"id": 1, "timestamp": 1}],
        [{"id": 1, "timestamp": 1, "changes": [{"trans_type": 9, "obj_class": "Media", "obj_handle": "h"}]}],
        [{"id": 1, "timestamp": 1, "changes": ["x"]}],
        [
            {
                "id": 1,
                "timestamp": 1,
                "changes": [{"trans_type": 0, "obj_class": "Media", "obj_handle": "h", "new_data": "x"}],
            }
        ],
    ],
)
def test_odd_history(server: FakeServer, gramps: Connect, found: Any) -> None:
    """A history of wrong types is an error of ours."""
    server.intercept = once(lambda _: httpx2.Response(200, json=found), "GET", "/transactions/")
    with pytest.raises(Unexpected):
        gramps().changes(Cursor(0, 0.0))


# --- creating --------------------------------------------------------------------------------------


def test_create(server: FakeServer, gramps: Connect) -> None:
    """Handle, path, checksum, type, description, privacy and tags are as asked for."""
    (answer,) = gramps().create([new("h1")])
    assert isinstance(answer, Made)
    assert answer.object.digest == SUM
    made = server.objects["h1"]
    assert (made["desc"], made["private"], made["tag_list"]) == ("a", True, ["t1"])


def test_batch_with_existing_handles(server: FakeServer, gramps: Connect) -> None:
    """The refused batch names no culprit: those that exist are found, all others are made."""
    server.objects["h7"] = media("h7", "theirs.jpg")
    answers = gramps().create([new(f"h{number}") for number in range(250)])
    assert [type(answer) for answer in answers] == [Made] * 7 + [AlreadyThere] + [Made] * 242
    assert isinstance(answers[7], AlreadyThere)
    assert answers[7].object.path == "theirs.jpg"
    assert len(server.objects) == 250


def test_one_bad_object_does_not_stop_the_rest(server: FakeServer, gramps: Connect) -> None:
    """What the server minds is found by halving, and its reason told."""

    def mind(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST" and b"BAD" in request.content:
            return httpx2.Response(400, json={"error": {"code": 400, "message": "$.path: BAD"}})
        return None

    server.intercept = mind
    answers = gramps().create([new(f"h{n}", "BAD" if n == 5 else "ok.jpg") for n in range(20)])
    assert [type(answer) for answer in answers] == [Made] * 5 + [Rejected] + [Made] * 14
    assert isinstance(answers[5], Rejected)
    assert "$.path" in answers[5].problem.reason
    assert answers[5].problem.handle == "h5"


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_lost_answer_of_a_creation(server: FakeServer, gramps: Connect, status: int) -> None:
    """Carried out, but the answer is lost: the objects are found, nothing is sent twice."""

    def lose(request: httpx2.Request) -> httpx2.Response:
        server.answer(request)
        if status:
            return httpx2.Response(status)
        raise httpx2.ReadTimeout("slow")

    server.intercept = once(lose, "POST", "/objects/")
    answers = gramps().create([new("h1"), new("h2")])
    assert all(isinstance(answer, Made) for answer in answers)
    assert len(server.asked("POST", "/objects/")) == 1


def test_lost_request_of_a_creation(server: FakeServer, gramps: Connect) -> None:
    """Not carried out: sent again under the same handles."""

    def lose(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("cut")

    server.intercept = once(lose, "POST", "/objects/")
    (answer,) = gramps().create([new("h1")])
    assert isinstance(answer, Made)
    assert len(server.asked("POST", "/objects/")) == 2


def test_made_and_deleted_by_somebody_before_we_look(server: FakeServer, gramps: Connect) -> None:
    """A lost answer, and somebody deleted the object meanwhile: it was made, and is not made again."""

    def lose(request: httpx2.Request) -> httpx2.Response:
        server.answer(request)
        server.record(2, "h1", raw(server.objects.pop("h1")), None)
        raise httpx2.RemoteProtocolError("cut")

    server.intercept = once(lose, "POST", "/objects/")
    (answer,) = gramps().create([new("h1")])
    assert isinstance(answer, Made)
    assert "h1" not in server.objects


def test_answers_that_are_always_lost(server: FakeServer, gramps: Connect) -> None:
    """After some tries the caller's journal takes over."""

    def lose(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST" and request.url.path.endswith("/objects/"):
            raise httpx2.ReadTimeout("slow")
        return None

    server.intercept = lose
    with pytest.raises(LostAnswer):
        gramps().create([new("h1")])


# --- updating --------------------------------------------------------------------------------------


def test_update_keeps_everything_else(server: FakeServer, gramps: Connect) -> None:
    """Only path and checksum change; `change` moves on."""
    kept = {"desc": "Grandma", "note_list": ["n"], "citation_list": ["c"], "tag_list": ["t"], "private": True}
    server.objects["h"] = media("h", "a.jpg", SUM, **kept)
    expected = MediaObject("h", "a.jpg", SUM)
    (answer,) = gramps().update([ObjectChange(expected, path="b.jpg", checksum=OTHER)])
    assert isinstance(answer, Made)
    assert (answer.object.path, answer.object.checksum, answer.object.change) == ("b.jpg", OTHER, 2)
    assert {key: server.objects["h"][key] for key in kept} == kept


def test_update_checks_what_is_there(server: FakeServer, gramps: Connect) -> None:
    """Another path or checksum, or nothing: nothing is done. Already as wanted: an earlier try did it."""
    server.objects = {
        "moved": media("moved", "theirs.jpg", SUM),
        "edited": media("edited", "a.jpg", OTHER),
        "done": media("done", "b.jpg", SUM),
        "fine": media("fine", "a.jpg", SUM),
    }
    handles = ["moved", "edited", "gone", "done", "fine"]
    answers = gramps().update([ObjectChange(MediaObject(h, "a.jpg", SUM), path="b.jpg") for h in handles])
    assert [type(answer) for answer in answers] == [Changed, Changed, Changed, Made, Made]
    assert answers[2] == Changed(None)
    assert server.objects["moved"]["path"] == "theirs.jpg"
    assert len(server.history) == 1


@pytest.mark.parametrize("number", [1, 3])
def test_lost_race_keeps_their_caption(server: FakeServer, gramps: Connect, number: int) -> None:
    """Somebody writes a caption between our reading and writing: it stays, and our change is done too."""
    handles = [f"h{n}" for n in range(number)]
    for handle in handles:
        server.objects[handle] = media(handle, "a.jpg", SUM)

    def race(_: httpx2.Request) -> None:
        server.objects["h0"]["desc"] = "their caption"

    server.intercept = once(race, "POST", "/transactions/")
    answers = gramps().update([ObjectChange(MediaObject(h, "a.jpg", SUM), path=f"{h}.jpg") for h in handles])
    assert all(isinstance(answer, Made) for answer in answers)
    assert server.objects["h0"]["desc"] == "their caption"
    assert [server.objects[h]["path"] for h in handles] == [f"{h}.jpg" for h in handles]


def test_lost_race_for_the_path(server: FakeServer, gramps: Connect) -> None:
    """Somebody moves the object between our reading and writing: theirs stands."""
    server.objects["h"] = media("h", "a.jpg", SUM)

    def race(_: httpx2.Request) -> None:
        server.objects["h"]["path"] = "theirs.jpg"

    server.intercept = once(race, "POST", "/transactions/")
    (answer,) = gramps().update([ObjectChange(MediaObject("h", "a.jpg", SUM), path="b.jpg")])
    assert isinstance(answer, Changed)
    assert answer.object is not None
    assert answer.object.path == "theirs.jpg"


def test_unknown_fields_go_by_put_and_are_mended(server: FakeServer, gramps: Connect) -> None:
    """A field that we do not know: the object is replaced in the plain form, and what that overwrote comes back."""
    server.objects["h"] = media("h", "a.jpg", SUM, desc="old", rating=5)

    def put(request: httpx2.Request) -> httpx2.Response:
        server.objects["h"]["desc"] = "their caption"  # written between our GET and our PUT
        old = raw(server.objects["h"])
        sent = json.loads(request.content)
        assert sent["rating"] == 5
        server.objects["h"] = {key: value for key, value in sent.items() if key != "_class"}
        return httpx2.Response(200, json=[server.record(1, "h", old, raw(server.objects["h"]))])

    server.intercept = once(put, "PUT", "/media/h")
    (answer,) = gramps().update([ObjectChange(MediaObject("h", "a.jpg", SUM), path="b.jpg")])
    assert isinstance(answer, Made)
    assert (server.objects["h"]["path"], server.objects["h"]["desc"]) == ("b.jpg", "their caption")
    assert server.objects["h"]["rating"] == 5


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("number", [1, 3])
def test_lost_answer_of_an_update(
    server: FakeServer, gramps: Connect, carried_out: bool, number: int
) -> None:
    """Carried out or not, in the end it is done, once."""
    handles = [f"h{n}" for n in range(number)]
    for handle in handles:
        server.objects[handle] = media(handle, "a.jpg", SUM)

    def lose(request: httpx2.Request) -> httpx2.Response:
        if carried_out:
            server.answer(request)
        raise httpx2.ReadTimeout("slow")

    server.intercept = once(lose, "POST", "/transactions/")
    answers = gramps().update([ObjectChange(MediaObject(h, "a.jpg", SUM), path="b.jpg") for h in handles])
    assert all(isinstance(answer, Made) for answer in answers)
    assert len(server.history) == number  # the fake writes one entry for each object


def test_many_objects_are_read_by_one_listing(server: FakeServer, gramps: Connect) -> None:
    """A renamed folder: one listing and a few transactions, of a size that grows; no object is read by itself."""
    handles = [f"h{number}" for number in range(1200)]
    server.objects = {handle: media(handle, f"a/{handle}.jpg", SUM) for handle in handles}
    changes = [ObjectChange(MediaObject(h, f"a/{h}.jpg", SUM), path=f"b/{h}.jpg") for h in handles]
    answers = gramps().update(changes)
    assert all(isinstance(answer, Made) for answer in answers)
    assert [server.objects[handle]["path"] for handle in handles] == [f"b/{handle}.jpg" for handle in handles]
    assert len(server.asked("GET", "/media/")) == 1
    assert not [r for r in server.requests if r.method == "GET" and "/media/h" in r.url.path]
    sizes = [len(json.loads(r.content)) for r in server.asked("POST", "/transactions/")]
    assert sizes == [100, 200, 400, 500]


@pytest.mark.parametrize("broken", [False, True])
def test_an_old_listing_does_no_harm(server: FakeServer, gramps: Connect, broken: bool) -> None:
    """What was written or deleted since the listing was made (or where it breaks off) is found out, and stays."""
    handles = [f"h{number}" for number in range(150)]
    server.objects = {handle: media(handle, "a.jpg", SUM) for handle in handles}
    server.objects["h1"]["path"] = "theirs.jpg"

    def old(request: httpx2.Request) -> httpx2.Response:
        listing = server.answer(request)
        server.objects["h0"] = {**server.objects["h0"], "desc": "their caption"}
        del server.objects["h149"]
        return httpx2.Response(
            200, content=listing.content[: -3 if broken else None], headers=listing.headers
        )

    server.intercept = once(old, "GET", "/media/")
    answers = gramps().update([ObjectChange(MediaObject(h, "a.jpg", SUM), path=f"{h}.jpg") for h in handles])
    assert [isinstance(answer, Made) for answer in answers] == [True, False, *[True] * 147, False]
    assert server.objects["h0"]["desc"] == "their caption"
    assert server.objects["h1"]["path"] == "theirs.jpg"
    assert [server.objects[h]["path"] for h in handles[2:149]] == [f"{h}.jpg" for h in handles[2:149]]


def test_servers_without_messages(server: FakeServer, gramps: Connect) -> None:
    """An older server refuses the parameter `message`; it is left out."""
    server.objects["h"] = media("h", "a.jpg", SUM)
    server.intercept = lambda request: (
        httpx2.Response(422, json={"code": 422}) if "message" in request.url.params else None
    )
    (answer,) = gramps().update([ObjectChange(MediaObject("h", "a.jpg", SUM), path="b.jpg")])
    assert isinstance(answer, Made)


# --- deleting --------------------------------------------------------------------------------------


def test_delete(server: FakeServer, gramps: Connect) -> None:
    """As expected: deleted, with its undo. Changed or gone: nothing is done."""
    server.objects = {"h": media("h", "a.jpg", SUM), "moved": media("moved", "b.jpg", SUM)}
    client = gramps()
    deletion = client.delete(MediaObject("h", "a.jpg", SUM))
    assert isinstance(deletion, Deletion)
    assert deletion.touched == 0
    assert json.loads(deletion.undo)[0]["old"]["path"] == "a.jpg"
    assert client.delete(MediaObject("h", "a.jpg", SUM)) == Changed(None)
    assert isinstance(client.delete(MediaObject("moved", "a.jpg", SUM)), Changed)
    assert "moved" in server.objects


@pytest.mark.parametrize("carried_out", [True, False])
def test_lost_answer_of_a_deletion(server: FakeServer, gramps: Connect, carried_out: bool) -> None:
    """The answer, with its undo, is built from the history; or the deletion is sent again."""
    server.objects["h"] = media("h", "a.jpg", SUM)

    def lose(request: httpx2.Request) -> httpx2.Response:
        if carried_out:
            server.answer(request)
        return httpx2.Response(500)

    server.intercept = once(lose, "DELETE", "/media/h")
    deletion = gramps().delete(MediaObject("h", "a.jpg", SUM))
    assert isinstance(deletion, Deletion)
    assert json.loads(deletion.undo)[0]["old"]["checksum"] == SUM
    assert len(server.history) == 1


def test_references_are_told_by_touched(server: FakeServer, gramps: Connect) -> None:
    """Records that lost their reference are counted once each, without the object itself."""
    server.objects["h"] = media("h", "a.jpg", SUM)
    person = {"type": "update", "_class": "Person", "handle": "p", "old": {}, "new": {}}
    gone = {"type": "delete", "_class": "Media", "handle": "h", "old": raw(server.objects["h"]), "new": None}
    server.intercept = once(lambda _: httpx2.Response(200, json=[person, person, gone]), "DELETE", "/media/h")
    deletion = gramps().delete(MediaObject("h", "a.jpg", SUM))
    assert isinstance(deletion, Deletion)
    assert deletion.touched == 1


def test_restore_of_the_unknown(gramps: Connect) -> None:
    """A history that does not know the object says so."""
    assert gramps().restore("never") is None


# --- forms and places ------------------------------------------------------------------------------


def test_raw_form() -> None:
    """Types become numbers, words of one's own stay words, the year goes."""
    attribute = {"citation_list": ["c"], "note_list": [], "private": True, "type": "Nickname", "value": "v"}
    form = to_raw(media("h", attribute_list=[attribute, {**attribute, "type": "Eigenes"}]))
    assert form is not None
    assert "year" not in form["date"]
    assert [item["type"] for item in form["attribute_list"]] == [
        {"_class": "AttributeType", "value": 7, "string": ""},
        {"_class": "AttributeType", "value": 0, "string": "Eigenes"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"rating": 5},
        {"date": None},
        {"date": {"calendar": 0}},
        {"attribute_list": [{"type": "Age"}]},
        {"attribute_list": None},
    ],
)
def test_unknown_forms_are_not_guessed(change: dict[str, Any]) -> None:
    """Anything that Gramps 6 does not have is left to the server."""
    assert to_raw({**media("h"), **change}) is None


def test_references_are_stripped_everywhere() -> None:
    """References lie at any depth; those to others stay."""
    mine, other = ({"_class": "MediaRef", "ref": ref} for ref in ("h", "x"))
    form = {"media_list": [mine, other], "event": {"media_list": [mine]}, "ref": "h"}
    assert without_references(form, "h") == {"media_list": [other], "event": {"media_list": []}, "ref": "h"}


GONE = {"code": 404, "status": "Not Found"}
PAGE = "<!doctype html><h1>Welcome to the Wi-Fi of the station</h1>"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, content=b"bytes", headers={"ETag": SUM}),
        httpx2.Response(206, content=b"b", headers={"Content-Type": "image/jpeg"}),
        httpx2.Response(404, json=GONE),
    ],
)
def test_media_on_the_servers_disk(server: FakeServer, gramps: Connect, answer: httpx2.Response) -> None:
    """No redirect: the server keeps files itself; they are not read."""
    server.objects["h"] = media("h", "a.jpg", SUM)
    server.intercept = lambda request: answer if request.url.path.endswith("/file") else None
    assert gramps().location("h") == MediaLocation(None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, html=PAGE),
        httpx2.Response(200),
        httpx2.Response(403, html=PAGE),
        httpx2.Response(404, html=PAGE),
    ],
)
def test_a_page_before_the_server_is_no_disk(
    server: FakeServer, gramps: Connect, answer: httpx2.Response
) -> None:
    """Taken for a server with a disk of its own, it had people take the bucket out of their configuration."""
    server.objects["h"] = media("h", "a.jpg", SUM)
    server.intercept = lambda request: answer if request.url.path.endswith("/file") else None
    with pytest.raises(Unexpected, match="something before Gramps Web"):
        gramps().location("h")


def test_what_nobody_deleted_is_not_gone(server: FakeServer, gramps: Connect) -> None:
    """An object that is not found, of which the history tells edits alone: everything is listed before its file goes."""
    server.objects["h"] = media("h")
    server.note()
    for _ in range(2):
        server.record(1, "h", raw(media("h")), raw(media("h")))
    client = gramps()
    server.intercept = once(lambda _: httpx2.Response(404, json=GONE), "GET", "/media/h")
    feed = client.changes(Cursor(1, 1001.0))
    assert (dict(feed.changed), feed.complete) == ({}, False)
    server.record(2, "h", raw(server.objects.pop("h")), None)
    feed = client.changes(Cursor(1, 1001.0))
    assert (dict(feed.changed), feed.complete) == ({"h": None}, True)


def test_a_proxys_404_is_no_deletion(server: FakeServer, gramps: Connect) -> None:
    """Only Gramps Web itself, which says so in JSON, is believed that an object is gone: its file would go to the trash."""
    server.objects["h"] = media("h")
    server.note()
    server.record(0, "h", None, raw(media("h")))
    server.record(1, "h", raw(media("h")), raw(media("h")))  # changed twice: it is asked for
    client = gramps()
    server.intercept = once(lambda _: httpx2.Response(404, html=PAGE), "GET", "/media/h")
    with pytest.raises(Unexpected, match="something before Gramps Web"):
        client.changes(Cursor(1, 1001.0))
    assert set(client.changes(Cursor(1, 1001.0)).changed) == {"h"}
    assert client.changes(Cursor(1, 1001.0)).changed["h"] is not None


@pytest.mark.parametrize("status", [200, 206, 307, 403, 404, 500])
def test_location_needs_a_checksum(server: FakeServer, gramps: Connect, status: int) -> None:
    """An object without one tells nothing, so that another must be asked, unless the server has its file on its disk."""
    server.objects["h"] = media("h")
    server.intercept = lambda request: (
        httpx2.Response(
            status,
            content=b"bytes",
            headers={
                "Location": "http://s3/media/",
                "Content-Type": "image/jpeg" if status < 300 else "application/json",
            },
        )
        if request.url.path.endswith("/file")
        else None
    )
    if status in (200, 206):
        assert gramps().location("h") == MediaLocation(None)
    else:
        with pytest.raises(Refused, match="checksum"):
            gramps().location("h")
    with pytest.raises(MovedOn):
        gramps().location("gone")


def test_upload_first(server: FakeServer, gramps: Connect) -> None:
    """The file's bytes are streamed with their length; the object made is returned."""
    content = b"x" * 300_000

    def take(request: httpx2.Request) -> httpx2.Response:
        assert request.content == content
        assert request.headers["Content-Length"] == str(len(content))
        assert request.headers["Content-Type"] == "image/jpeg"
        made = raw(media("m", f"{SUM}.jpg", SUM))
        return httpx2.Response(201, json=[server.record(0, "m", None, made)])

    server.intercept = once(take, "POST", "/media/")
    assert gramps().upload_first(io.BytesIO(content), SUM, "image/jpeg").path == f"{SUM}.jpg"


def test_upload_quota(server: FakeServer, gramps: Connect) -> None:
    """The quota is told as what it is."""
    error = {"error": {"code": 405, "message": "Not allowed by media quota"}}
    server.intercept = once(lambda _: httpx2.Response(405, json=error), "POST", "/media/")
    with pytest.raises(Refused, match="quota"):
        gramps().upload_first(io.BytesIO(b"x"), SUM, "image/jpeg")


@pytest.mark.parametrize("method", ["get", "references", "location"])
@pytest.mark.parametrize(
    "body", [b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b'{"handle": "other", "path": ""}']
)
def test_odd_objects(server: FakeServer, gramps: Connect, method: str, body: bytes) -> None:
    """Whatever comes instead of an object is an error of ours."""
    server.intercept = once(lambda _: httpx2.Response(200, content=body), "GET", "/media/h")
    with pytest.raises(ServerError):
        getattr(gramps(), method)("h")


def test_handles_are_quoted(server: FakeServer, gramps: Connect) -> None:
    """A handle with a slash or a question mark leads nowhere else."""
    assert gramps().get("../token?x=1#y") is None
    assert server.requests[-1].url.raw_path.startswith(b"/api/media/..%2Ftoken%3Fx%3D1%23y")


# --- the pace --------------------------------------------------------------------------------------


def test_the_pace_grows_with_quick_answers_and_shrinks_with_lost_ones() -> None:
    """A slow answer keeps batches large: what a server does for each transaction would be done more often."""
    pace = Pace(most=500)
    sizes = []
    for seconds in (1, 2, 3, 40, 90):
        pace.took(seconds, pace.size)
        sizes.append(pace.size)
    assert sizes == [200, 400, 500, 150, 100]
    pace.lost(100)
    assert pace.size == 50
    pace.took(30, 50)
    assert pace.size == 50
    for number in (50, 20, 6):
        pace.lost(number)
    assert pace.size == 5
