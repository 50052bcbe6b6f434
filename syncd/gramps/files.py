"""Finding and receiving one media object's file through the API, of a Gramps Web that keeps media on its own disk.

There a file is found by the object's path alone, and the server takes a file only where there is none
(`uploadmissing`). It hashes what it is sent, and never what it has: the `ETag` of a file is the object's checksum,
whatever the bytes are. So that header tells Gramps Web's answers from a proxy's, and nothing else.

All of this was seen on 3.10 and 3.24.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import httpx2

from syncd.errors import MovedOn, Unexpected, Unreachable
from syncd.gramps.api import Api
from syncd.gramps.http import READ_SECONDS, Stumbled
from syncd.gramps.reading import quoted
from syncd.model import Checksum, MediaObject
from syncd.pacing import Line
from syncd.ports import Advance

MIB = 1 << 20
CHUNK = 256 * 1024
LEAST_BUFFER = 64 * 1024
ANSWER_SECONDS = 900.0
"""How long the server may take to store a file. Without a task queue it then counts the space of all media."""

_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_AS_IT_IS = {"Accept": "*/*", "Accept-Encoding": "identity"}


class OtherBytes(Unexpected):
    """The server serves other bytes than the object's checksum names.

    Args:
        found: size and time of the file that is there.
        read: the checksum of its bytes.
    """

    def __init__(self, item: MediaObject, found: Found, read: Checksum) -> None:
        super().__init__(
            f"the copy in Gramps Web is damaged: it has other bytes for {item.path} than its checksum says",
            "replace the file in Gramps Web by a good copy, from another computer or a backup",
        )
        self.found = found
        self.read = read


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the server has; `size` in bytes, None where a proxy left it out."""

    size: int | None
    modified: str = ""


def ended() -> Unreachable:
    """Why a transfer is over when the store was closed."""
    return Unreachable("the transfer was ended before it was done", "run syncd again; nothing is lost")


def place(item: MediaObject) -> str:
    """The address of an object's file, below the API's."""
    return f"media/{quoted(item.handle)}/file"


def probe(api: Api, item: MediaObject, *, patience: float | None = None) -> Found | None:
    """Look for a file without reading it; None when the server has none at the object's path.

    Raises:
        MovedOn: the object has another checksum by now.
        Unexpected: something else than Gramps Web answers.
    """
    try:
        answer = api.call(
            "HEAD",
            place(item),
            headers=_AS_IT_IS,
            expect=(200, 206, 400, 403, 404),
            patience=patience,
            read_body=False,
        )
    except Stumbled:
        return None  # a path that its file system cannot bear; sending to it says so
    if answer.status not in (200, 206):
        return None
    _recognise(item, answer.headers)
    return _found(answer.headers)


def list_missing(api: Api) -> frozenset[str]:
    """The handles of all objects whose file the server does not have: some seconds for 20,000 objects."""
    params = {"filemissing": "1", "keys": f"handle,{api.fresh()}"}
    answer = api.call("GET", "media/", params=params, seconds=ANSWER_SECONDS)
    listed = answer.json()
    if not isinstance(listed, list) or str(len(listed)) != answer.headers.get("X-Total-Count"):
        raise Unexpected("the list of missing files that Gramps Web gave is not complete", "try again later")
    return frozenset(str(one["handle"]) for one in listed if isinstance(one, dict) and "handle" in one)


def _found(headers: Mapping[str, str]) -> Found:
    length = headers.get("Content-Length", "")
    known = _LENGTH.fullmatch(length) and not headers.get("Content-Encoding")
    return Found(int(length) if known else None, headers.get("Last-Modified", ""))


def _recognise(item: MediaObject, headers: Mapping[str, str]) -> None:
    """Raises unless it is Gramps Web that answers, and for the object as it is known."""
    tag = headers.get("ETag", "").removeprefix("W/").strip('"').lower()
    if tag == item.digest:
        return
    if re.fullmatch(r"[0-9a-f]{32}", tag):
        raise MovedOn("the media object has another file by now", "try again")
    kind = headers.get("Content-Type", "")
    if kind.startswith("text/html") and not item.mime.startswith("text/html"):
        raise Unexpected(
            "a web page came instead of a media file",
            "look whether a proxy before Gramps Web asks for a login of its own",
        )


class Reception:
    """A file on its way here: hashed as it is written, picked up where the connection broke.

    Args:
        target: an open file, to be filled from where it stands; what is in it is to be thrown away on failure.
        closed: set to end it.
        patience: seconds for which a request is tried while nothing comes.
        line: how fast it may come.
    """

    def __init__(
        self,
        api: Api,
        item: MediaObject,
        target: BinaryIO,
        advance: Advance,
        closed: threading.Event,
        *,
        patience: float | None = None,
        line: Line | None = None,
    ) -> None:
        self._api = api
        self._item = item
        self._target = target
        self._advance = advance
        self._closed = closed
        self._patience = patience
        self._line = line
        self._start = target.tell()
        self._offset = 0
        self._told = 0
        self._total: int | None = None
        self._found = Found(None)
        self._digest = hashlib.md5(usedforsecurity=False)

    def run(self) -> Found:
        """Receive all of it.

        Raises:
            OtherBytes: they do not have the object's checksum.
            MovedOn: the server has no such file, or the object another checksum.
            Unexpected: something else than Gramps Web answers.
        """
        while True:
            before = self._offset
            try:
                self._api.stream(
                    place(self._item),
                    self._read,
                    headers=self._headers,
                    expect=(200, 206),
                    seconds=READ_SECONDS,
                    patience=self._patience,
                )
                break
            except Unreachable:
                if self._offset - before < MIB or self._closed.is_set():
                    raise
        found = Found(self._offset, self._found.modified)
        if self._digest.hexdigest() != self._item.digest:
            raise OtherBytes(self._item, found, Checksum(self._digest.hexdigest()))
        return found

    def _headers(self) -> Mapping[str, str]:
        if not self._offset or not self._found.modified:
            return _AS_IT_IS
        return {**_AS_IT_IS, "Range": f"bytes={self._offset}-", "If-Range": self._found.modified}

    def _read(self, response: httpx2.Response) -> None:
        _recognise(self._item, response.headers)
        self._begin(response)
        for chunk in self._chunks(response):
            if self._closed.is_set():
                raise ended()
            self._target.write(chunk)
            self._digest.update(chunk)
            self._offset += len(chunk)
            if self._offset > self._told:
                self._advance(self._offset - self._told)
                self._told = self._offset
        if self._total is not None and self._offset != self._total:
            raise httpx2.ReadError("the file ended early")

    def _chunks(self, response: httpx2.Response) -> Iterator[bytes]:
        if self._line is None:
            return response.iter_bytes(CHUNK)
        _keep_little_waiting(response, self._line)
        return self._line.receive(response.iter_bytes(self._line.piece), self._closed)

    def _begin(self, response: httpx2.Response) -> None:
        """Go on where the last attempt ended, or from the beginning."""
        if response.status_code == 206:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != self._offset:
                raise Unexpected("a part of a file came that was not asked for", "check the proxy")
            self._total = int(match[2])
            return
        self._found = _found(response.headers)
        self._total = self._found.size
        self._target.seek(self._start)
        self._target.truncate()
        self._offset = 0
        self._digest = hashlib.md5(usedforsecurity=False)


def _keep_little_waiting(response: httpx2.Response, line: Line) -> None:
    """Make the system's buffer of a connection small: with its usual megabytes a photo would come at full speed."""
    stream = response.extensions.get("network_stream")
    connection = None if stream is None else stream.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(line.burst, LEAST_BUFFER))
