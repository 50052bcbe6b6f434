"""Sending a file through the API: how a tree without media gets its first object."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

from syncd.errors import FolderError, LostAnswer, MovedOn, ServerError, Unexpected
from syncd.gramps import forms, reading
from syncd.gramps.api import Api
from syncd.gramps.feed import ADD, FeedReader
from syncd.gramps.files import ended
from syncd.gramps.mime import UNKNOWN
from syncd.model import Checksum, MediaObject
from syncd.pacing import Line
from syncd.ports import Cursor, NewObject

CHUNK = 256 * 1024
UPLOAD_SECONDS = 900.0

TAKEN_EVERYWHERE = frozenset(
    ("application/pdf", "image/gif", "image/jpeg", "image/png", "image/tiff", "text/plain", UNKNOWN)
)
"""Types for which every server has an extension. One that lacks it refuses the file: 415, before 3.24 500."""


def upload_first(
    api: Api,
    feed: FeedReader,
    source: BinaryIO,
    checksum: Checksum,
    mime: str,
    *,
    closed: threading.Event,
    line: Line | None = None,
) -> tuple[MediaObject, bool]:
    """POST a file; the server makes an object that is named `<md5>.<ext>`, under a handle of its own choosing.

    So nothing keeps two computers from making two. Whoever finds an object of that content makes none, and whoever
    finds that another one was first takes its own back.
    It goes as fast as the line lets it, until `closed` is set.
    RACE: an object of which the history tells only after this look stays, as a second object of the same content.

    Returns:
        The object, and whether it is ours.

    Raises:
        MovedOn: the file changed while it was read; what that made is taken back.
        Refused: the server does not take the file; its quota is used up, say.
        LostAnswer: it cannot be told whether an object was made.
    """
    before = feed.newest()
    for item in reading.list_objects(api).values():
        if item.digest == checksum:  # since the tree was last looked at
            return item, False

    def chunks() -> Iterator[bytes]:
        source.seek(0)
        while chunk := source.read(CHUNK):
            yield from (chunk,) if line is None else line.send((chunk,), closed)
            if closed.is_set():
                raise ended()

    try:
        size = source.seek(0, os.SEEK_END)
        answer = api.call(
            "POST",
            "media/",
            body=chunks,
            headers={
                "Content-Type": mime
                if mime in TAKEN_EVERYWHERE
                else UNKNOWN,  # `describe` writes the right one
                "Content-Length": str(size),
            },
            expect=(200, 201),
            seconds=UPLOAD_SECONDS,
        )
    except LostAnswer:
        for transaction in feed.since(before) or ():
            for change in transaction.changes:
                if change.kind == ADD and change.class_name == "Media" and change.new:
                    made = forms.media_object(change.new)
                    if made.digest == checksum:
                        return made, True
        raise
    except OSError as error:
        raise FolderError("a file of the media folder cannot be read", "check its disk") from error
    written = forms.written(answer.json())
    added = [item["new"] for item in written if item["type"] == "add" and item["_class"] == "Media"]
    if len(added) != 1:
        raise Unexpected("Gramps Web does not say which media object it made", "update Gramps Web or syncd")
    made = forms.media_object(added[0])
    if made.digest != checksum:
        try:
            api.call("POST", "transactions/", params={"undo": "1"}, payload=written)
        except ServerError as error:
            raise MovedOn(
                "a file changed while it was sent; Gramps Web has a media object of what was read",
                f"look at the media object with the path {made.path}",
            ) from error
        raise MovedOn("a file changed while it was sent", "try again when it is finished")
    first = _earlier(api, feed, before, made)
    if first is None:
        return made, True
    api.call("POST", "transactions/", params={"undo": "1"}, payload=written)
    return first, False


def _earlier(api: Api, feed: FeedReader, before: Cursor | None, made: MediaObject) -> MediaObject | None:
    """Another object of the same content, which was made after `before` and before ours."""
    for transaction in feed.since(before) or ():
        for change in transaction.changes:
            if change.kind != ADD or change.class_name != "Media" or not change.new:
                continue
            if change.handle == made.handle:
                return None
            if forms.media_object(change.new).digest == made.digest:
                now = reading.get(api, change.handle)
                if now is not None and now.digest == made.digest:
                    return now
    return None


def describe(api: Api, made: MediaObject, like: NewObject) -> MediaObject:
    """Give an object that was just made by its file the name, title, privacy and tags that it should have.

    RACE: until then it is public and named by its checksum; a crash in between leaves it so, and the next run
    gives it the file's name only.
    """
    form = reading.get_form(api, made.handle)
    if form is None:
        raise MovedOn("the media object was deleted as soon as it was made", "try again")
    wanted = {key: value for key, value in forms.new_form(like).items() if key not in {"handle", "checksum"}}
    payload = {**form, **wanted}
    answer = api.call("PUT", f"media/{reading.quoted(made.handle)}", payload=payload)
    for item in forms.written(answer.json()):
        if item["handle"] == made.handle and item["new"]:
            return forms.media_object(item["new"])
    return made
