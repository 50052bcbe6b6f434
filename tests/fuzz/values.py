"""Hostile values: of the right form, nearly so, and not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

BAD_TEXT = (
    "",
    " ",
    "\0",
    "\ud800",
    "a\udcffb",
    "..",
    ".",
    "../x",
    "/etc/passwd",
    "C:\\x",
    "a/../../b",
    "a/b",
    "a\nb",
    "\r\nX: y",
    "\x1b[31m",
    "\u202egpj.exe",
    "é",
    "e\u0301",
    "a" * 300,
    "ß" * 2100,
    "null",
    "0",
    "-1",
    "1e400",
    "%2e%2e%2f",
    "%",
    "?",
    "#",
    "{}",
    "file:///x",
    "http://[",
    "\ufeff",
)
BAD_NUMBERS = (
    0,
    -1,
    1 << 31,
    1 << 63,
    -(1 << 63) - 1,
    10**40,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)

texts: SearchStrategy[str] = st.sampled_from(BAD_TEXT) | st.text(
    st.characters(exclude_categories=()), max_size=12
)
numbers: SearchStrategy[int | float] = st.sampled_from(BAD_NUMBERS) | st.integers() | st.floats()
scalars: SearchStrategy[Any] = st.none() | st.booleans() | numbers | texts
anything: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def dumped(value: Any) -> bytes:
    """JSON as Python writes it: with NaN, Infinity, lone surrogates as escapes."""
    return json.dumps(value).encode()


def as_json(values: SearchStrategy[Any]) -> SearchStrategy[bytes]:
    """The values as JSON, with something odd in one place or two; sometimes cut short, or no JSON at all."""
    whole = mutated(values).map(dumped)
    return st.one_of(whole, whole, whole, damaged(whole))


def mutated(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """The values, with parts of them replaced by odd ones or left out, few at a time: so the rest is read, too."""

    @st.composite
    def mutate(draw: st.DrawFn) -> Any:
        value = draw(values)
        for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2)))):
            place = draw(st.sampled_from(sorted(_places(value), key=repr)))
            value = _changed(value, place, draw(anything), leave_out=draw(st.integers(0, 4)) == 0)
        return value

    return mutate()


def _places(value: Any) -> list[tuple[Any, ...]]:
    """The way to each part of a value."""
    below: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [(), *((key, *rest) for key, inner in below for rest in _places(inner))]


def _changed(value: Any, place: tuple[Any, ...], new: Any, *, leave_out: bool) -> Any:
    """A copy of a value with one part changed, or left out."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if leave_out and len(place) == 1:
        del copy[place[0]]
    else:
        copy[place[0]] = _changed(copy[place[0]], place[1:], new, leave_out=leave_out)
    return copy


def damaged(whole: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Bytes that were cut, doubled, or changed in one place; or any bytes."""

    @st.composite
    def harm(draw: st.DrawFn) -> bytes:
        given = draw(whole)
        at = draw(st.integers(0, len(given)))
        kind = draw(st.sampled_from(("cut", "change", "put in", "double")))
        if kind == "cut":
            return given[:at]
        if kind == "change":
            return given[:at] + draw(st.binary(min_size=1, max_size=1)) + given[at + 1 :]
        if kind == "put in":
            return given[:at] + draw(st.binary(max_size=8)) + given[at:]
        return given + given

    return harm() | st.binary(max_size=64)


JSON_GROWTHS: Mapping[str, Callable[[int], bytes]] = {
    "nested": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "nested objects": lambda size: b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
    "many": lambda size: b"[" + b",".join([b"{}"] * (size // 3)) + b"]",
    "digits": lambda size: b"[" + b"9" * size + b"]",
    "text": lambda size: b'["' + b"x" * size + b'"]',
    "escapes": lambda size: b'["' + b"\\ud800" * (size // 6) + b'"]',
    "exponent": lambda size: b"[1e" + b"9" * size + b"]",
}
"""What makes a reader of JSON slow, deep or large."""


def split(given: bytes) -> list[bytes]:
    """The parts of an input of several parts, as `joined` puts them together."""
    return given.split(b"\n--\n")


def joined(parts: SearchStrategy[list[bytes]]) -> SearchStrategy[bytes]:
    """Inputs of several parts: answers that come one after the other."""
    return parts.map(b"\n--\n".join)


def text_of(given: bytes) -> str:
    """Text that an input is, whatever its bytes."""
    return given.decode(errors="surrogatepass" if _is_passing(given) else "surrogateescape")


def _is_passing(given: bytes) -> bool:
    try:
        given.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def as_text(values: SearchStrategy[str]) -> SearchStrategy[bytes]:
    """Text as an input."""
    return values.map(lambda text: text.encode(errors="surrogatepass"))
