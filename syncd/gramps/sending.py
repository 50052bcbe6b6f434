"""Sending one media object's file through the API, to a Gramps Web that keeps media on its own disk.

The server takes a file only where there is none (`uploadmissing`), and hashes it. Sending is safe to repeat: a file that is
there is refused, not replaced.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from syncd.errors import Denied, MovedOn, Refused, Unexpected
from syncd.gramps.api import Api, failure
from syncd.gramps.files import ANSWER_SECONDS, CHUNK, MIB, ended, place
from syncd.gramps.http import Answer
from syncd.model import Checksum, MediaObject
from syncd.pacing import Line
from syncd.ports import Advance

SMALL = 8 * MIB
"""Up to this, a file is sent from memory, and not at all when it is no longer what it was."""
LARGE = 32 * MIB
"""From this on a file is worth a fresh login: some servers and proxies look at it when the last byte has arrived."""

_MIME = re.compile(r"[\x21-\x7e]+/[\x20-\x7e]+")


class AlreadyThere(Refused):
    """The server has a file at the object's path already, whatever its bytes are."""


class Sending:
    """A file on its way to the server: read once for each attempt, hashed as it goes.

    The last bytes leave only when all of them have the checksum: the server never sees the whole of a file that
    changed. It hashes them, too.

    Args:
        source: the file, open.
        checksum: what it must have.
        size: likewise, in bytes.
        advance: told of what is read.
        closed: set to end it.
        line: how fast it may go.
    """

    def __init__(
        self,
        source: BinaryIO,
        checksum: Checksum,
        size: int,
        advance: Advance,
        closed: threading.Event,
        *,
        line: Line | None = None,
    ) -> None:
        self._source = source
        self._checksum = checksum
        self._size = size
        self._advance = advance
        self._closed = closed
        self._line = line
        self._start = source.tell() if source.seekable() else None
        self._is_begun = False
        self._told = 0

    def body(self) -> bytes | Iterator[bytes]:
        """The bytes, for one attempt."""
        if self._is_begun and self._start is not None:
            self._source.seek(self._start)
        self._is_begun = True
        if self._size > SMALL:
            return self._chunks() if self._line is None else self._slowly(self._line, self._chunks())
        content = b"".join(self._chunks())
        return content if self._line is None else self._slowly(self._line, (content,))

    def _slowly(self, line: Line, chunks: Iterable[bytes]) -> Iterator[bytes]:
        yield from line.send(chunks, self._closed)
        if self._closed.is_set():
            raise ended()

    def _chunks(self) -> Iterator[bytes]:
        digest = hashlib.md5(usedforsecurity=False)
        done = 0
        while done < self._size:
            if self._closed.is_set():
                raise ended()
            chunk = self._source.read(min(CHUNK, self._size - done))
            if not chunk:
                raise changed()
            digest.update(chunk)
            done += len(chunk)
            if done == self._size:
                self._check(digest.hexdigest())
            yield chunk
            if done > self._told:
                self._advance(done - self._told)
                self._told = done
        if not self._size:
            self._check(digest.hexdigest())

    def _check(self, digest: str) -> None:
        if digest != self._checksum or self._source.read(1):
            raise changed()


def changed() -> MovedOn:
    """The error for a file that is no longer what was announced."""
    return MovedOn("the file changed while it was sent", "it waits until it is finished")


def send(
    api: Api,
    item: MediaObject,
    body: Callable[[], bytes | Iterator[bytes]],
    size: int,
    mime: str,
    *,
    patience: float | None = None,
) -> None:
    """Give an object the file that it lacks; the object stays as it is.

    Raises:
        AlreadyThere: there is a file at its path.
        MovedOn: the object is gone, or has another checksum than these bytes.
        Refused: the server does not take this file.
        LostAnswer: it may have arrived.
    """
    if size >= LARGE:
        api.login.access(instead_of=api.login.access().token)
    answer = api.call(
        "PUT",
        place(item),
        params={"uploadmissing": "1"},
        body=body,
        headers={
            "Content-Type": mime if _MIME.fullmatch(mime) else "application/octet-stream",
            "Content-Length": str(size),
        },
        expect=(200, 201, 204, 401, 403, 404, 405, 409, 412, 413, 415),
        seconds=ANSWER_SECONDS,
        patience=patience,
        alone=False,
    )
    if answer.status >= 300:
        raise _refusal(answer, item, size)


def _refusal(answer: Answer, item: MediaObject, size: int) -> MovedOn | Refused | Denied | Unexpected:
    """Why a file was not taken, and what to do about it."""
    status, said = answer.status, answer.message
    words = said.lower()
    if status == 409 and "same checksum" in words:
        return AlreadyThere(f"Gramps Web has a file at {item.path} already", "run syncd again")
    if status in (409, 412):
        return MovedOn("the media object has another checksum by now", "try again")
    if status == 404:
        return MovedOn("the media object is gone", "try again")
    if status == 401:
        return Refused(
            "sending the file took longer than a login to Gramps Web lasts",
            "send it over a faster connection (or raise limit_up), or upload it in Gramps Web",
        )
    if status == 403 and "file access" in words:
        return not_allowed(item)
    if status == 405 and "quota" in words:
        return Refused(
            "the quota of the family tree is used up: Gramps Web has no room for this file",
            "ask the owner of Gramps Web for more space, or delete media there",
        )
    if status == 413:
        return Refused(
            f"the file is too large for the server or a proxy before it ({size:,} bytes)",
            "raise its limit there (nginx: client_max_body_size), or make the file smaller",
        )
    if status == 415:
        return Refused(
            "Gramps Web does not take files of this type", "convert it, or leave it out: see 'ignore'"
        )
    error = failure(answer)
    assert isinstance(error, MovedOn | Refused | Denied | Unexpected)
    return error


def not_allowed(item: MediaObject) -> Refused:
    """The error for a path outside the server's media folder."""
    return Refused(
        f"Gramps Web may not keep a file at the path of this media object: {item.path!r}",
        "give the media object a path below the media folder, in Gramps Web",
    )
