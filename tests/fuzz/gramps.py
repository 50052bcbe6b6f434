"""What Gramps Web answers."""

from __future__ import annotations

import base64
import io
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import httpx2
import stamina
from hypothesis import strategies as st
from pydantic import SecretStr

from syncd.errors import ServerError
from syncd.gramps import GrampsWeb, Password, forms, login, reading, referring
from syncd.gramps.api import Api
from syncd.gramps.feed import FeedReader
from syncd.gramps.files import Found, Reception, list_missing, probe
from syncd.gramps.http import Answer, Transport
from syncd.gramps.places import Expected, parse_location
from syncd.gramps.server import find_api
from syncd.gramps.versions import check_version, is_beyond_tests
from syncd.model import Checksum, MediaObject
from syncd.model.references import Record, Reference
from syncd.ports import Cursor, NewObject, ObjectChange, no_progress
from tests.fuzz.parser import Parser
from tests.fuzz.values import (
    JSON_GROWTHS,
    anything,
    as_json,
    as_text,
    dumped,
    joined,
    mutated,
    split,
    text_of,
    texts,
)
from tests.unit.gramps.fake_server import jwt, media, raw

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
HANDLES = ("h1", "h2", "..", "a/b", "h\ud800", "x" * 4096)
KNOWN = MediaObject("h1", "a.jpg", MD5, "image/jpeg", 1)

handles = st.sampled_from(HANDLES) | texts
plain_forms = st.fixed_dictionaries(
    {
        **{key: st.just(value) for key, value in media("h1", "a.jpg", MD5).items()},
        "handle": handles,
        "path": texts | st.just("a.jpg"),
        "checksum": st.sampled_from((MD5, MD5.upper(), "")),
        "change": st.integers(0, 2**40),
    }
)
raw_forms = st.fixed_dictionaries(
    {**{key: st.just(value) for key, value in raw(media("h1", "a.jpg", MD5)).items()}, "handle": handles}
)
changes = st.fixed_dictionaries(
    {
        "trans_type": st.integers(0, 2),
        "obj_class": st.sampled_from(("Media", "Person")),
        "obj_handle": handles,
        "old_data": raw_forms | st.none(),
        "new_data": raw_forms | st.none(),
    }
)
transactions = st.fixed_dictionaries(
    {
        "id": st.integers(1, 30),
        "timestamp": st.floats(0, 2e9),
        "undo": st.booleans(),
        "changes": st.lists(changes, max_size=3),
    }
)
written = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(("add", "update", "delete")),
            "_class": st.sampled_from(("Media", "Person")),
            "handle": handles,
            "old": raw_forms | st.none(),
            "new": raw_forms | st.none(),
        }
    ),
    max_size=3,
)


class Liar(httpx2.BaseTransport):
    """Answers one thing after the other, and in the end for ever the last; with a count that fits, or another."""

    def __init__(
        self, bodies: list[bytes], *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self._bodies = bodies
        self._status = status
        self._headers = headers
        self._asked = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The next answer."""
        if request.url.path.endswith("/token/"):
            return httpx2.Response(200, json={"access_token": jwt(1)})
        body = self._bodies[min(self._asked, len(self._bodies) - 1)]
        self._asked += 1
        status = self._status
        if body[:1] == b"!":  # `!404 …`: another status
            status = int(body[1:4]) if body[1:4].isdigit() and 200 <= int(body[1:4]) < 600 else 404
            body = body[4:]
        headers = {"X-Total-Count": str(_count(body))} if self._headers is None else self._headers
        return httpx2.Response(status, content=body, headers=headers)


def _count(body: bytes) -> int:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return 1
    return len(found) if isinstance(found, list) else 1


def api_of(transport: httpx2.BaseTransport) -> Api:
    """A logged-in API whose network is this."""
    line = Transport(transport=transport, patience=1.0)
    entry = login.Login(line, Password("ann", SecretStr("secret")), clock=lambda: 0.0, sleep=lambda _: None)
    entry.base = "https://family.example/api"
    return Api(line, entry)


def ask(question: Callable[[Api], object]) -> Callable[[bytes], object]:
    """A parser that asks something, and is answered by the input's parts."""

    def parse(given: bytes) -> object:
        with stamina.set_testing(True, attempts=1):
            return question(api_of(Liar(split(given))))

    return parse


def _list(given: bytes) -> object:
    count, _, body = given.partition(b"\n")
    with stamina.set_testing(True, attempts=1):
        headers = {"X-Total-Count": count.decode("latin-1").strip()}
        try:
            transport = Liar([body], headers=headers)
            found = reading.list_objects(api_of(transport))
        except UnicodeEncodeError:  # no such header can be sent
            return None
    for item in found.values():
        _use(item)
    return found


def _use(item: MediaObject) -> None:
    """What an object is used for as soon as it is read."""
    from syncd.state import State

    reading.quoted(item.handle)
    state = memory()
    assert isinstance(state, State)
    state.change_objects({item.handle: item})
    assert state.objects()[item.handle] == item
    state.change_objects({item.handle: None})


@cache
def memory() -> Any:
    """A state that is written to no disk."""
    from syncd.state import State

    return State.open(Path(tempfile.mkdtemp()) / "state.sqlite", read_only=True)


def _form(given: bytes) -> object:
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        return None
    item = forms.media_object(value)
    _use(item)
    forms.to_raw(value)
    if referring.is_readable(value):
        referring.references(value)
        wanted = [Reference(Record.NOTE, "n", None)]
        referring.missing({**value, **referring.with_references(value, wanted, {})}, wanted)
    return item


def _update(api: Api) -> object:
    from syncd.gramps.updating import Updater

    updater = Updater(api, sleep=lambda _: None)
    moved = [
        ObjectChange(KNOWN, path="b.jpg", references=(Reference(Record.NOTE, "n", None),)),
        ObjectChange(MediaObject("h2", "c.jpg", MD5), checksum=Checksum(MD5)),
    ]
    return updater.update(moved[:1]), updater.update(moved)


def _create(api: Api) -> object:
    from syncd.gramps.creating import Creator

    creator = Creator(api, FeedReader(api), sleep=lambda _: None)
    new = [NewObject("h1", "a.jpg", Checksum(MD5), "image/jpeg", desc="a", private=False, tags=())]
    return creator.create(new), creator.tag("t", "t1")


def _delete(api: Api) -> object:
    from syncd.gramps.deleting import Deleter

    deleter = Deleter(api, FeedReader(api), sleep=lambda _: None)
    return deleter.delete(KNOWN), deleter.restore("h1")


def _undo(given: bytes) -> object:
    from syncd.gramps.deleting import Deleter

    api = api_of(Liar([b'[{"handle": "h1"}]']))
    with stamina.set_testing(True, attempts=1):
        Deleter(api, FeedReader(api), sleep=lambda _: None).undo(text_of(given))
    return None


def _feed(api: Api) -> object:
    feed = FeedReader(api)
    newest = feed.newest()
    if newest is not None:
        memory().set_cursor(newest)
        feed.still_knows(newest)
    found = feed.changes(Cursor(0, 0.0), lambda handle: reading.get(api, handle))
    for item in found.changed.values():
        if item is not None:
            _use(item)
    if found.cursor is not None:
        memory().set_cursor(found.cursor)
    feed.named_since(0.0)
    return feed.last_form("Person", "h1"), feed.find_deletion("h1")


def _claims(given: bytes) -> object:
    token = b"e30." + base64.urlsafe_b64encode(given).rstrip(b"=") + b".x"
    body = dumped({"access_token": token.decode(), "refresh_token": "r"})
    return _login(body)


def _login(given: bytes) -> object:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=given)

    line = Transport(transport=httpx2.MockTransport(answer), patience=1.0)
    entry = login.Login(line, Password("ann", SecretStr("secret")), clock=lambda: 0.0, sleep=lambda _: None)
    entry.base = "https://family.example/api"
    with stamina.set_testing(True, attempts=1):
        access = entry.access()
        line.send("GET", "https://family.example/api/", headers={"Authorization": f"Bearer {access.token}"})
        return entry.access(instead_of=access.token)


def _connect(given: bytes) -> object:
    first, *rest = split(given)

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/token/"):
            return httpx2.Response(200, json={"access_token": jwt(1)})
        if "Authorization" not in request.headers:
            return httpx2.Response(401, content=first)
        return httpx2.Response(200, content=rest[0] if rest else b"{}")

    with stamina.set_testing(True, attempts=1):
        client = GrampsWeb(
            "https://family.example",
            Password("ann", SecretStr("secret")),
            transport=httpx2.MockTransport(answer),
            sleep=lambda _: None,
            clock=lambda: 0.0,
        )
        return client.connect()


def _redirect(given: bytes) -> object:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers=[(b"Location", given)])

    with stamina.set_testing(True, attempts=1):
        return find_api(
            Transport(transport=httpx2.MockTransport(answer), patience=1.0), "https://family.example"
        )


def _location(given: bytes) -> object:
    url = text_of(given)
    for expected in (None, Expected("media", "p/", "https://s3.example/base")):
        with suppress(ServerError):
            parse_location(url, Checksum(MD5), expected)
    return parse_location(url, Checksum(MD5))


def _version(given: bytes) -> object:
    is_beyond_tests(text_of(given))
    return check_version(text_of(given), allow_untested=True)


def _message(given: bytes) -> object:
    answer = Answer(400, {}, given, "https://family.example")
    said = answer.message
    assert 0 < len(said) <= 300
    said.encode()
    return answer.json()


def _file(given: bytes) -> object:
    head, _, body = given.partition(b"\n\n")
    pairs = [line.split(b":", 1) for line in head.split(b"\n") if b":" in line]
    headers = [
        (name.strip(), value.strip()) for name, value in pairs if name.strip().isalnum() or b"-" in name
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/token/"):
            return httpx2.Response(200, json={"access_token": jwt(1)})
        status = 206 if any(name.lower() == b"content-range" for name, _ in headers) else 200
        return httpx2.Response(status, content=body, headers=headers)

    with stamina.set_testing(True, attempts=1):
        api = api_of(httpx2.MockTransport(answer))
        found = probe(api, KNOWN)
        assert found is None or isinstance(found, Found)
        return Reception(api, KNOWN, io.BytesIO(), no_progress, threading.Event()).run()


def _upload(api: Api) -> object:
    from syncd.gramps.uploading import describe, upload_first

    like = NewObject("h1", "a.jpg", Checksum(MD5), "image/jpeg", desc="a", private=False, tags=())
    with tempfile.NamedTemporaryFile() as file:
        made, _ = upload_first(
            api,
            FeedReader(api),
            cast("BinaryIO", file),
            Checksum(MD5),
            "image/jpeg",
            closed=threading.Event(),
        )
    return describe(api, made, like)


MEDIA_OBJECT = dumped(media("h1", "a.jpg", MD5))
listings = st.lists(plain_forms, max_size=4)
statuses = st.sampled_from((b"", b"", b"", b"!404", b"!400", b"!500", b"!422", b"!307", b"!201"))
any_answers = st.lists(
    st.tuples(
        statuses,
        st.one_of(
            as_json(plain_forms),
            as_json(written),
            as_json(st.lists(transactions, max_size=3)),
            as_json(transactions),
            st.just(MEDIA_OBJECT),
            st.just(b"[]"),
            as_json(anything),
        ),
    ).map(b"".join),
    min_size=1,
    max_size=6,
)


@st.composite
def counted_listings(draw: st.DrawFn) -> bytes:
    """A count and a listing, which mostly fit."""
    items = draw(listings)
    count = draw(st.one_of(st.just(str(len(items))), st.just(str(len(items))), texts))
    body = draw(as_json(st.just(items)))
    return count.encode("latin-1", errors="ignore").replace(b"\n", b"") + b"\n" + body


headers_of_files = st.lists(
    st.one_of(
        st.just(b"ETag: " + MD5.encode()),
        st.sampled_from(
            (
                b"Content-Length: 0",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Content-Range: x",
            )
        ),
        st.just(b"Content-Range: bytes 0-1/2"),
        st.tuples(st.integers(), st.integers(), st.integers()).map(
            lambda t: f"Content-Range: bytes {t[0]}-{t[1]}/{t[2]}".encode()
        ),
        st.just(b"Content-Range: bytes 0-1/" + b"9" * 5000),
        st.just(b"Content-Encoding: gzip"),
        st.sampled_from((b"Last-Modified: x", b"Last-Modified: \xff\xfe", b"Content-Type: text/html")),
        st.tuples(st.just(b"ETag: "), st.binary(max_size=10)).map(
            lambda pair: b"".join(pair).replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"")
        ),
    ),
    max_size=4,
).map(b"\n".join)


def _query(name: str, modules: tuple[str, ...], question: Callable[[Api], object], inputs: Any) -> Parser:
    return Parser(name, modules, ask(question), inputs, (ServerError,), JSON_GROWTHS)


PARSERS = (
    Parser(
        "gramps-listing",
        ("syncd.gramps.reading", "syncd.gramps.forms", "syncd.state.caches"),
        _list,
        counted_listings(),
        (ServerError,),
        {name: lambda size, make=make: b"1\n" + make(size) for name, make in JSON_GROWTHS.items()},  # type: ignore[misc]
    ),
    Parser(
        "gramps-object",
        ("syncd.gramps.forms", "syncd.gramps.referring"),
        _form,
        as_json(plain_forms | raw_forms),
        (ServerError,),
        JSON_GROWTHS,
    ),
    _query("gramps-get", ("syncd.gramps.reading",), lambda api: reading.get(api, "h1"), as_json(plain_forms)),
    _query(
        "gramps-references",
        ("syncd.gramps.reading",),
        lambda api: reading.references(api, "h1"),
        as_json(st.fixed_dictionaries({"backlinks": st.dictionaries(texts, st.lists(texts, max_size=3))})),
    ),
    _query(
        "gramps-lacking",
        ("syncd.gramps.reading",),
        lambda api: (reading.lacking(api, Record.NOTE, [str(n) for n in range(40)]), list_missing(api)),
        as_json(st.lists(st.fixed_dictionaries({"handle": handles}), max_size=4)),
    ),
    _query(
        "gramps-feed",
        ("syncd.gramps.feed",),
        _feed,
        joined(
            st.lists(
                as_json(st.lists(transactions, max_size=3)) | as_json(transactions), min_size=1, max_size=4
            )
        ),
    ),
    _query("gramps-updating", ("syncd.gramps.updating",), _update, joined(any_answers)),
    _query("gramps-creating", ("syncd.gramps.creating",), _create, joined(any_answers)),
    _query("gramps-deleting", ("syncd.gramps.deleting",), _delete, joined(any_answers)),
    _query("gramps-uploading", ("syncd.gramps.uploading",), _upload, joined(any_answers)),
    Parser("gramps-undo", ("syncd.gramps.deleting",), _undo, as_json(written), (ServerError,), JSON_GROWTHS),
    Parser(
        "gramps-claims",
        ("syncd.gramps.login",),
        _claims,
        as_json(
            st.fixed_dictionaries(
                {
                    "exp": st.integers(),
                    "iat": st.integers(),
                    "permissions": st.lists(texts, max_size=3),
                    "tree": texts,
                }
            )
        ),
        (ServerError,),
        JSON_GROWTHS,
    ),
    Parser(
        "gramps-login",
        ("syncd.gramps.login",),
        _login,
        as_json(st.fixed_dictionaries({"access_token": st.just(jwt(1)) | texts, "refresh_token": texts})),
        (ServerError,),
        JSON_GROWTHS,
    ),
    Parser(
        "gramps-metadata",
        ("syncd.gramps.server", "syncd.gramps.versions"),
        _connect,
        joined(
            st.tuples(
                mutated(st.just({"message": "Missing JWT"})).map(dumped),
                as_json(
                    st.fixed_dictionaries(
                        {
                            "database": st.fixed_dictionaries({"id": texts, "name": texts}),
                            "gramps": st.fixed_dictionaries({"version": texts}),
                            "gramps_webapi": st.fixed_dictionaries({"version": st.just("3.24.0") | texts}),
                            "server": st.fixed_dictionaries(
                                {"task_queue": st.booleans(), "multi_tree": st.booleans()}
                            ),
                            "object_counts": st.fixed_dictionaries(
                                {"people": st.integers(), "media": st.integers()}
                            ),
                        }
                    )
                ),
            ).map(list)
        ),
        (ServerError,),
        JSON_GROWTHS,
    ),
    Parser(
        "gramps-redirect",
        ("syncd.gramps.server", "syncd.gramps.http"),
        _redirect,
        as_text(texts | st.from_regex(r"(https?:)?//[a-z.\[\]:@/?#%0-9-]{0,20}")) | st.binary(max_size=20),
        (ServerError,),
        {"long": lambda size: b"https://x/" + b"a/../" * (size // 5)},
    ),
    Parser(
        "gramps-place",
        ("syncd.gramps.places",),
        _location,
        as_text(
            st.from_regex(r"https?://[a-z.\[\]:@%0-9-]{0,20}/[a-z/%.0-9\\]{0,20}").map(
                lambda text: text + MD5
            )
            | texts
        ),
        (ServerError,),
        {"long": lambda size: b"https://" + b"a.s3." * (size // 5) + b"/x/" + MD5.encode()},
    ),
    Parser(
        "gramps-version",
        ("syncd.gramps.versions",),
        _version,
        as_text(st.from_regex(r"\d{0,3}\.\d*\.\d*[a-z]?\d*") | texts),
        (ServerError,),
        {"digits": lambda size: b"9" * size, "dots": lambda size: b"1." * (size // 2)},
    ),
    Parser(
        "gramps-message",
        ("syncd.gramps.http",),
        _message,
        as_json(
            st.fixed_dictionaries(
                {
                    "error": st.fixed_dictionaries({"message": texts}),
                    "message": texts,
                    "msg": texts,
                    "status": texts,
                }
            )
        ),
        (ServerError,),
        JSON_GROWTHS,
    ),
    Parser(
        "gramps-file",
        ("syncd.gramps.files",),
        _file,
        st.tuples(headers_of_files, st.binary(max_size=20)).map(b"\n\n".join),
        (ServerError,),
        {"body": lambda size: b"ETag: " + MD5.encode() + b"\n\n" + b"x" * size},
    ),
)
