"""What goes over the wire comes out as it went in, and what makes no sense is no more than an error."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd import errors
from syncd.control.codec import dump_error, dump_live, dump_outcome, load_error, load_live, load_outcome
from syncd.control.contract import Doing, Live
from syncd.control.wire import WireError, encode
from syncd.errors import ExitCode, StopError, SyncdError
from syncd.model import Checksum, MediaPath, Problem, Stop
from syncd.model.plan import (
    Conflict,
    Counts,
    Done,
    HeldItem,
    HeldSet,
    HoldKind,
    Notice,
    Outcome,
    Waiting,
    Why,
)


def unpaired(text: str) -> str:
    """Without surrogates in pairs: those are one character, in JSON and wherever a name can come from."""
    return re.sub("[\ud800-\udbff](?=[\udc00-\udfff])", "", text)


# File names hold bytes that are no text, as lone surrogates.
texts = st.text(st.characters(exclude_categories=()), max_size=20).map(unpaired)
maybe = st.none() | texts
numbers = st.integers(0, 2**63)
moments = st.floats(0, 2**40, allow_nan=False)
paths = st.builds(MediaPath.of, texts)
checksums = texts.map(Checksum)
whys = st.sampled_from(Why) | texts


def many(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few of them."""
    return st.lists(strategy, max_size=3).map(tuple)


outcomes = st.builds(
    Outcome,
    dry_run=st.booleans(),
    stop=st.none() | st.builds(Stop, texts, texts),
    actions=many(st.builds(Done, texts, texts, maybe, maybe, st.none() | numbers, whys)),
    conflicts=many(st.builds(Conflict, paths, texts, st.none() | paths)),
    problems=many(st.builds(Problem, texts, texts, maybe, maybe)),
    waiting=many(st.builds(Waiting, texts, texts, maybe)),
    notices=many(st.builds(Notice, texts, texts, maybe, st.booleans())),
    held=many(
        st.builds(
            HeldSet,
            st.sampled_from(HoldKind),
            texts,
            many(st.builds(HeldItem, texts, texts, texts, checksums, texts)),
            numbers,
            st.booleans(),
        )
    ),
    counts=st.builds(Counts, *[numbers] * 11),
    bytes_up=numbers,
    bytes_down=numbers,
    seconds=moments,
)
lives = st.builds(
    Live,
    doing=st.sampled_from(Doing),
    since=moments,
    pid=numbers,
    version=texts,
    started=moments,
    reason=texts,
    remedy=texts,
    phase=texts,
    files=numbers,
    all_files=st.none() | numbers,
    size=numbers,
    all_size=st.none() | numbers,
    pending=numbers,
    next_check=st.none() | moments,
    next_full=st.none() | moments,
    paused_until=st.none() | moments,
    watching=texts,
    folders=numbers,
    unwatched=numbers,
)


def over_the_wire(message: Any) -> Any:
    """As the other end reads it."""
    line = encode(message)
    assert line.count(b"\n") == 1
    return json.loads(line)


@given(outcomes)
def test_an_outcome_comes_out_as_it_went_in(outcome: Outcome) -> None:
    """Every field, every member of every enumeration, empty values, and names that are no text."""
    found = load_outcome(over_the_wire(dump_outcome(outcome)))
    assert found == outcome
    # Equal paths may be spelt differently.
    assert [one.path.text for one in found.conflicts] == [one.path.text for one in outcome.conflicts]


def test_lists_become_tuples() -> None:
    """Whatever a run gathered its results in, they come out as values."""
    found = load_outcome(over_the_wire(dump_outcome(Outcome(actions=[Done("moved", "a.jpg")]))))
    assert found.actions == (Done("moved", "a.jpg"),)


@given(lives)
def test_what_the_daemon_is_about_comes_out_as_it_went_in(live: Live) -> None:
    """Every field of it."""
    assert load_live(over_the_wire(dump_live(live))) == live


def classes(root: type[SyncdError] = SyncdError) -> list[type[SyncdError]]:
    """All of ours."""
    return [root, *(found for child in root.__subclasses__() for found in classes(child))]


def test_an_error_keeps_what_was_done_before() -> None:
    """Whoever handed the run over tells it as one of their own."""
    error = errors.Unreachable("why", "what to do")
    assert load_error(over_the_wire(dump_error(error))).part is None
    error.part = Outcome(bytes_up=12, counts=Counts(uploaded=1))
    assert load_error(over_the_wire(dump_error(error))).part == error.part


@pytest.mark.parametrize(
    "kind", [kind for kind in classes() if kind.__module__ == "syncd.errors"], ids=lambda kind: kind.__name__
)
def test_an_error_keeps_class_and_words(kind: type[SyncdError]) -> None:
    """So the exit code and the report are those of a run of one's own."""
    found = load_error(over_the_wire(dump_error(kind("why \udcff", "what to do"))))
    assert type(found) is kind
    assert (found.reason, found.remedy, found.exit_code) == ("why \udcff", "what to do", kind.exit_code)


@pytest.mark.parametrize("begun", [True, False])
def test_a_stop_says_whether_something_was_done(begun: bool) -> None:
    """`begun` decides what a person is told of the bucket."""
    found = load_error(over_the_wire(dump_error(StopError("why", "what", begun=begun))))
    assert isinstance(found, StopError)
    assert found.begun is begun


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (2, errors.ConfigError),
        (6, errors.StateError),
        (5, errors.LockedError),
        (4, errors.ServerError),
        (3, errors.FolderError),
        (70, SyncdError),
        (17, SyncdError),
        ("x", SyncdError),
        (None, SyncdError),
    ],
)
def test_an_unknown_class_keeps_its_exit_code(code: object, kind: type[SyncdError]) -> None:
    """A newer daemon's error: its words, and the code that it has there."""
    found = load_error({"class": "Melted", "exit_code": code, "reason": "it melted", "remedy": "cool it"})
    assert type(found) is kind
    assert (found.reason, found.remedy) == ("it melted", "cool it")


@pytest.mark.parametrize("name", ["ExitCode", "annotations", "__name__", "IntEnum", None, 7, "Exception"])
def test_only_our_errors_are_made(name: object) -> None:
    """Whatever else has a name there is not taken for a class of errors."""
    assert type(load_error({"class": name, "exit_code": int(ExitCode.LOCKED)})) is errors.LockedError


def test_a_defect_of_the_daemon_names_its_log() -> None:
    """What broke there is no business of the wire: the kind, and where to look."""
    found = load_error(over_the_wire(dump_error(RuntimeError("secret path"))))
    assert found.exit_code is ExitCode.DEFECT
    assert "RuntimeError" in found.reason
    assert "secret" not in found.reason + found.remedy
    assert "journalctl" in found.remedy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_nonsense_is_an_error_of_the_wire(raw: Any) -> None:
    """Nothing that another end may say does more than raise that."""
    for load in (load_outcome, load_live, load_error):
        try:
            load(raw)
        except WireError:
            continue
