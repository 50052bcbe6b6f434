"""A long JSON list, read object by object as it arrives: bounded for each object, whatever the list grows to.

ijson's own way of putting objects together would do, but its cost grows with the square of how deep they are nested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONGEST_OBJECT = 4 << 20
"""Bytes of one object: a description of a thousand pages. It is held in memory whole."""

DEEPEST = 64
"""Lists and objects within one another; Gramps' own go six deep."""


class Suspect(Exception):  # noqa: N818 - a finding; the message ends a sentence
    """The list is none that Gramps Web would send."""


def objects(chunks: Iterator[bytes], limit: int) -> Iterator[Any]:
    """The items of a list, in their order.

    Args:
        chunks: the list's bytes.
        limit: how many of them there may be.

    Raises:
        Suspect: it is damaged, too long or too deep.
    """
    import ijson  # noqa: PLC0415 - not needed to start

    body = _Body(chunks, limit)
    try:
        for item in _built(ijson.basic_parse(body, use_float=True)):
            body.begin_object()
            yield item
    except (ijson.JSONError, ValueError) as error:  # of a text that is none, or a number without end
        raise Suspect("it breaks off or is damaged") from error


def _built(events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    """The items, put together from what the parser tells."""
    inside: list[Any] = []
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value
            continue
        if event in ("end_map", "end_array"):
            ended = inside.pop()
            if len(inside) == 1:
                yield ended
            continue
        part = {} if event == "start_map" else [] if event == "start_array" else value
        if not inside and event != "start_array":
            raise Suspect("it is no list")
        if len(inside) == 1 and part is value:
            yield part
        elif len(inside) > 1:
            above = inside[-1]
            if above.__class__ is list:
                above.append(part)
            else:
                above[key] = part
        if part is not value:
            if len(inside) > DEEPEST:
                raise Suspect("its parts lie too deep within one another")
            inside.append(part)


class _Body:
    """Chunks as a file to read from: at most `limit` bytes, and not too many of one object."""

    def __init__(self, chunks: Iterator[bytes], limit: int) -> None:
        self._chunks = chunks
        self._left = limit
        self._of_one = 0

    def begin_object(self) -> None:
        """An object is complete: the next one begins."""
        self._of_one = 0

    def read(self, size: int = -1) -> bytes:
        """The next chunk, whatever its size; `b""` at the end. ijson asks for 0 bytes to learn the type."""
        if size == 0:
            return b""
        chunk = next((piece for piece in self._chunks if piece), b"")
        self._left -= len(chunk)
        if self._left < 0:
            raise Suspect("it is far too long")
        if self._of_one > LONGEST_OBJECT:
            raise Suspect(f"one of them has more than {LONGEST_OBJECT >> 20} MB")
        self._of_one += len(chunk)
        return chunk
