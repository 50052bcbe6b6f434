"""What syncd itself wrote, or a person wrote for it, and others may have changed: state, socket, configuration, units."""

from __future__ import annotations

import json
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from syncd.config import load_settings, load_upload_settings
from syncd.config.addresses import bucket_address, web_address
from syncd.config.durations import parse_duration
from syncd.config.rates import parse_rate
from syncd.control.client import Daemon
from syncd.control.codec import dump_live, dump_outcome, load_error, load_live, load_outcome
from syncd.control.conversation import Conversation
from syncd.control.last import read_last
from syncd.control.wire import Wire, WireError
from syncd.errors import ConfigError, StateError, SyncdError
from syncd.installing.found import found_units
from syncd.installing.manager import _variables
from syncd.installing.units import is_ours
from syncd.log import printable, redact
from syncd.model.plan import Done, Outcome
from syncd.model.values import Problem
from syncd.orphans.needs import _usual_places, needs_of
from syncd.ports import SilentProgress
from syncd.state import State
from syncd.state.migrations import migrate
from tests.fuzz.parser import Parser
from tests.fuzz.values import JSON_GROWTHS, as_json, as_text, damaged, text_of, texts
from tests.unit.config.home import GOOD
from tests.unit.control.fake import LIVE, FakeEngine


@cache
def _base() -> Path:
    return Path(tempfile.mkdtemp(prefix="syncd-fuzz-"))


# --- the state --------------------------------------------------------------------------------------------------------


@cache
def _sound_state() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        return db.serialize()


def _rows(given: bytes) -> object:
    """Rows of any kind in the tables of a state; whoever reads them finds values, or a state that cannot be used."""
    try:
        rows = json.loads(given)
    except (ValueError, RecursionError):
        rows = []
    path = _base() / "rows.sqlite"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(_sound_state())
        db.execute("PRAGMA ignore_check_constraints = 1")
        for row in rows if isinstance(rows, list) else []:
            _insert(db, row)
        path.write_bytes(db.serialize())
    return _use_state(path)


def _insert(db: sqlite3.Connection, row: Any) -> None:
    if not (isinstance(row, list) and row and isinstance(row[0], str) and row[0].isidentifier()):
        return
    values = [
        value if isinstance(value, str | int | float | None) else json.dumps(value) for value in row[1:]
    ]
    try:
        db.execute(f"INSERT OR REPLACE INTO {row[0]} VALUES ({', '.join('?' * len(values))})", values)
    except (sqlite3.Error, OverflowError, UnicodeEncodeError):
        return


def _any_state(given: bytes) -> object:
    path = _base() / "any.sqlite"
    path.write_bytes(given)
    return _use_state(path)


def _use_state(path: Path) -> object:
    """Everything that a run reads."""
    with State.open(path, read_only=True) as state:
        found: list[object] = []
        for question in (
            state.binding,
            state.links,
            state.cursor,
            state.last_full,
            state.stamps,
            state.objects,
            state.stored,
            state.served,
            state.held,
            state.trash,
            state.undos,
            state.open_intents,
            state.pending_references,
            state.conflict_copies,
            state.deleted,
            lambda: state.recent(10),
            lambda: read_last(state),
            lambda: state.event(1),
            lambda: state.life_of(["a.jpg"]),
            lambda: needs_of(state, 0.0),
            lambda: state.links_at(["a.jpg"]),
        ):
            try:
                found.append(question())
            except StateError:
                continue
        return found


state_rows = st.lists(
    st.one_of(
        st.tuples(st.just("meta"), st.sampled_from(("last-full", "last-outcome", "looked")), texts).map(list),
        st.tuples(
            st.just("binding"),
            st.just(1),
            texts,
            texts,
            texts,
            texts,
            texts,
            texts,
            texts,
            texts | st.just("[]"),
            st.integers(0, 1),
        ).map(list),
        st.tuples(st.just("cursor"), st.just(1), st.integers(), st.floats()).map(list),
        st.tuples(
            st.just("links"),
            texts,
            texts,
            texts,
            texts,
            st.integers(),
            texts | st.none(),
            st.integers(0, 1),
            st.integers(0, 1),
            texts | st.none(),
            texts,
            texts | st.none(),
        ).map(list),
        st.tuples(st.just("objects"), texts, texts, texts, texts, st.integers()).map(list),
        st.tuples(st.just("stamps"), texts, *[st.integers()] * 5, texts).map(list),
        st.tuples(
            st.just("journal"), st.integers(1, 9), texts, texts, texts, texts, texts | st.just("{}")
        ).map(list),
        st.tuples(st.just("served"), texts, texts, texts, texts, st.integers(), texts).map(list),
        st.tuples(
            st.just("pending_references"),
            texts,
            texts | st.just("note"),
            texts,
            texts | st.just('[1, "", ""]'),
        ).map(list),
        st.tuples(
            st.just("held_sets"),
            st.integers(1, 9),
            texts | st.just("referenced"),
            texts,
            st.integers(0, 1),
            st.integers(0, 1),
        ).map(list),
        st.tuples(
            st.just("trash"),
            st.integers(1, 9),
            texts,
            texts,
            texts,
            st.integers(),
            st.floats(),
            texts,
            texts,
            texts,
        ).map(list),
        st.tuples(st.just("undos"), st.integers(1, 9), *[texts] * 5, st.floats(), *[texts] * 2).map(list),
        st.tuples(
            st.just("conflicts"), st.integers(1, 9), texts, texts, texts, st.floats(), st.integers(0, 1)
        ).map(list),
        st.tuples(
            st.just("events"),
            st.integers(1, 9),
            texts,
            st.floats(),
            texts,
            texts | st.just("a.jpg"),
            *[texts | st.none()] * 2,
            st.integers() | st.none(),
            texts,
            st.integers(0, 1),
            *[texts | st.none()] * 4,
            st.floats() | st.none(),
        ).map(list),
    ),
    max_size=4,
)


@st.composite
def broken_states(draw: st.DrawFn) -> bytes:
    """A state with some bytes changed."""
    content = bytearray(_sound_state())
    for _ in range(draw(st.integers(1, 6))):
        content[draw(st.integers(0, min(len(content), 8192) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.sampled_from((len(content), len(content), 5000)))])


# --- the socket -------------------------------------------------------------------------------------------------------


def _converse(given: bytes) -> object:
    """A daemon that is told this over its socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(given[:60_000])
        theirs.shutdown(socket.SHUT_WR)
        wire = Wire(ours)
        Conversation(
            wire, FakeEngine(), {"protocol": 1, "version": "0", "pid": 1, "config": None}, threading.Lock()
        ).hold()
    return None


def _ask(question: Callable[[Daemon], object]) -> Callable[[bytes], object]:
    def parse(given: bytes) -> object:
        first, _, rest = given.partition(b"\n")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(rest[:60_000] + b"\n")
            theirs.shutdown(socket.SHUT_WR)
            try:
                hello = json.loads(first)
            except (ValueError, RecursionError):
                hello = {}
            with Daemon(Wire(ours), hello if isinstance(hello, dict) else {}) as daemon:
                return question(daemon)

    return parse


def _everything(daemon: Daemon) -> object:
    try:
        daemon.sync(full=False, progress=SilentProgress())
    finally:
        daemon.remember_told({"a"}, {1})
        daemon.remember_failure("x")
    return daemon.live()


def _loaded(load: Callable[[Any], object]) -> Callable[[bytes], object]:
    def parse(given: bytes) -> object:
        try:
            raw = json.loads(given)
        except (ValueError, RecursionError):
            return None
        return load(raw)

    return parse


outcome = dump_outcome(
    Outcome(
        actions=(Done("uploaded", "a.jpg", "h", "0" * 32, 1, "why"),), problems=(Problem("a", "b", "c", "d"),)
    )
)
requests = st.fixed_dictionaries(
    {"protocol": st.just(1), "do": st.sampled_from(("live", "sync", "pause", "resume", "nothing"))},
    optional={"seconds": st.floats() | st.integers(), "full": st.booleans()},
)
following = st.fixed_dictionaries(
    {"do": st.sampled_from(("news", "failure"))},
    optional={
        "fingerprints": st.lists(texts, max_size=2),
        "held": st.lists(st.integers(), max_size=2),
        "fingerprint": texts,
    },
)
said = st.one_of(
    st.just({"outcome": outcome}),
    st.just({"live": dump_live(LIVE)}),
    st.just({"beat": 1}),
    st.just({"progress": {"phase": "x", "files": 1, "all_files": 2, "size": 3, "all_size": None}}),
    st.just(
        {"error": {"class": "LockedError", "exit_code": 5, "reason": "r", "remedy": "m", "begun": False}}
    ),
    st.just({"news": ["a"], "untold": [1]}),
)


def lines(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Lines of JSON, one after the other."""
    return st.tuples(*(as_json(part).map(lambda line: line.replace(b"\n", b" ")) for part in parts)).map(
        b"\n".join
    )


# --- the configuration ------------------------------------------------------------------------------------------------


def _config(given: bytes) -> object:
    home = _base() / "home"
    file = home / "syncd.toml"
    home.mkdir(exist_ok=True)
    file.write_bytes(given)
    file.chmod(0o600)
    environ = {"HOME": str(home)}
    with suppress(ConfigError):
        load_upload_settings(file, environ)
    settings = load_settings(file, environ)
    settings.path_rules()
    return settings


def _neighbour(given: bytes) -> object:
    """The configuration of another folder of the same person."""
    folder = _base() / "home" / ".config" / "syncd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "other.toml").write_bytes(given)
    return list(_usual_places({"HOME": str(_base() / "home")}))


def _variables_given(given: bytes) -> object:
    home = _base() / "home"
    home.mkdir(exist_ok=True)
    (home / "v.toml").write_text(GOOD)
    (home / "v.toml").chmod(0o600)
    name, _, value = text_of(given).partition("=")
    if "\0" in name + value:
        return None
    return load_settings(home / "v.toml", {"HOME": str(home), f"SYNCD_{name}": value})


def _is_plain(check: Callable[[], Any]) -> Any:
    """What comes of it; None for a `ValueError`, which has to be ours: no kind of it that libraries raise."""
    try:
        return check()
    except ValueError as error:
        if type(error) is not ValueError:
            raise TypeError from error
        return None


def _address(given: bytes) -> object:
    text = text_of(given)
    for check in (bucket_address, lambda text: web_address(text, allow_http=False, allow_key="x")):
        _is_plain(lambda check=check: check(text))  # type: ignore[misc]
    return None


def _amount(given: bytes) -> object:
    text = text_of(given)
    numbers: list[Any] = [text]
    with suppress(ValueError, RecursionError):
        numbers.append(json.loads(text))
    for written in numbers:
        for parse in (parse_duration, parse_rate):
            found = _is_plain(lambda parse=parse, written=written: parse(written))  # type: ignore[misc]
            assert found is None or 0 <= found < 1e18
    return None


def _log(given: bytes) -> object:
    text = redact(printable(text_of(given)))
    text.encode()
    return text


def _unit(given: bytes) -> object:
    folder = _base() / "units"
    folder.mkdir(exist_ok=True)
    (folder / "syncd.service").write_bytes(given)
    is_ours(text_of(given))
    return found_units(folder)


toml_lines = st.lists(
    st.sampled_from(
        (
            'media_dir = "family"',
            "[gramps]",
            "[s3]",
            "[deletions]",
            "[daemon]",
            'url = "https://family.example"',
            'url = "s3://bucket/p"',
            "password = 1",
            'password = "x"',
            'username = "x"',
            "ignore = [[[[",
            'ignore = ["*", 1]',
            'path_map = { "C:" = "..", "" = "" }',
            'path_map = { "a" = 1 }',
            "hold_above = { count = -1, percent = nan }",
            'settle = "1e9s"',
            "settle = 1e400",
            "trash_days = 99999999999999999999999",
            "x = 2026-01-01",
            "'' = 1",
        )
    )
    | texts,
    max_size=6,
).map("\n".join)

PARSERS = (
    Parser(
        "state-rows",
        (
            "syncd.state.ancestor",
            "syncd.state.journal",
            "syncd.state.pending",
            "syncd.state.caches",
            "syncd.control.last",
            "syncd.state.database",
        ),
        _rows,
        as_json(state_rows),
        (StateError,),
    ),
    Parser(
        "state-file",
        ("syncd.state.looking", "syncd.state.opening"),
        _any_state,
        broken_states(),
        (StateError,),
    ),
    Parser(
        "socket-request",
        ("syncd.control.wire", "syncd.control.conversation"),
        _converse,
        lines(requests, following),
        (WireError,),
        {name: lambda size, make=make: make(size) + b"\n" for name, make in JSON_GROWTHS.items()},  # type: ignore[misc]
    ),
    Parser(
        "socket-answer",
        ("syncd.control.wire", "syncd.control.client", "syncd.control.codec"),
        _ask(_everything),
        lines(st.just({"pid": 1, "version": "0", "config": "/x"}), said, said, said),
        (SyncdError,),
        {name: lambda size, make=make: b"{}\n" + make(size) for name, make in JSON_GROWTHS.items()},  # type: ignore[misc]
    ),
    Parser(
        "outcome", ("syncd.control.codec",), _loaded(load_outcome), as_json(st.just(outcome)), (WireError,)
    ),
    Parser(
        "live", ("syncd.control.codec",), _loaded(load_live), as_json(st.just(dump_live(LIVE))), (WireError,)
    ),
    Parser(
        "error",
        ("syncd.control.codec",),
        _loaded(load_error),
        as_json(st.just({"class": "StopError", "exit_code": 3, "reason": "r", "remedy": "m", "begun": True})),
        (WireError,),
    ),
    Parser(
        "config",
        ("syncd.config.sources", "syncd.config.mistakes", "syncd.config.load"),
        _config,
        as_text(toml_lines) | damaged(st.just(GOOD.encode())),
        (ConfigError,),
        {
            "nested": lambda size: b"a=" + b"[" * size,
            "tables": lambda size: b"[a." + b"a." * (size // 2) + b"a]",
            "keys": lambda size: b"".join(b"k%d=1\n" % n for n in range(size // 8)),
            "dotted": lambda size: b"a." * (size // 2) + b"a=1",
            "digits": lambda size: b"a=" + b"9" * size,
            "text": lambda size: b'a="' + b"x" * size + b'"',
        },
    ),
    Parser(
        "other-configs",
        ("syncd.orphans.needs",),
        _neighbour,
        as_text(toml_lines | st.just('state_dir = "/nowhere"')),
        (),
        {"nested": lambda size: b"a=" + b"[" * size, "digits": lambda size: b"state_dir=" + b"9" * size},
    ),
    Parser(
        "variables",
        ("syncd.config.sources",),
        _variables_given,
        as_text(
            st.tuples(
                st.sampled_from(
                    (
                        "PATH_MAP",
                        "IGNORE",
                        "DELETIONS__HOLD_ABOVE",
                        "DAEMON__SETTLE",
                        "S3__URL",
                        "GRAMPS__URL",
                        "X",
                    )
                ),
                texts | as_json(st.just({"a": "."})).map(text_of),
            ).map("=".join)
        ),
        (ConfigError,),
        {name: lambda size, make=make: b"PATH_MAP=" + make(size) for name, make in JSON_GROWTHS.items()},  # type: ignore[misc]
    ),
    Parser(
        "addresses",
        ("syncd.config.addresses",),
        _address,
        as_text(st.from_regex(r"(https?|s3)://[a-z\[\]:@%./0-9-]{0,20}", fullmatch=True) | texts),
        (),
        {"long": lambda size: b"s3://" + b"a" * size, "slashes": lambda size: b"https://x" + b"/" * size},
    ),
    Parser(
        "amounts",
        ("syncd.config.durations", "syncd.config.rates"),
        _amount,
        as_text(st.from_regex(r"[0-9._ ]{0,12}[dhmskMGiB/ ]{0,4}", fullmatch=True) | texts),
        (),
        {
            "digits": lambda size: b"9" * size,
            "underscores": lambda size: b"1_" * (size // 2),
            "blanks": lambda size: b" " * size,
        },
    ),
    Parser(
        "log",
        ("syncd.log",),
        _log,
        as_text(
            texts
            | st.from_regex(
                r"(https?://|bearer |eyJ|X-Amz-Signature=|@|\?|authorization: ){0,6}[a-zA-Z0-9._-]{0,20}"
            )
        ),
        (),
        {
            "letters": lambda size: b"a" * size,
            "colons": lambda size: b"a:" * (size // 2),
            "addresses": lambda size: b"http://" * (size // 7),
            "tokens": lambda size: b"eyJ" * (size // 3),
            "dots": lambda size: b"eyJaaaaa." * (size // 9),
            "bearers": lambda size: b"bearer " * (size // 7),
        },
    ),
    Parser(
        "units",
        ("syncd.installing.found", "syncd.installing.manager", "syncd.installing.units"),
        lambda given: (_unit(given), _variables(text_of(given))),
        as_text(
            st.tuples(st.just("ExecStart="), texts | st.just("syncd --config"), texts).map("".join) | texts
        ),
        (),
        {
            "quotes": lambda size: b"ExecStart='" + b"a" * size,
            "escapes": lambda size: b"A=$'" + b"\\" * size + b"'",
        },
    ),
)
