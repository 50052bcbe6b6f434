"""`GrampsWeb`: the catalog of one tree of one Gramps Web, as `ports.Catalog` wants it.

Each kind of call has a module of its own; here is only what holds them together.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

import httpx2

from syncd.gramps import reading
from syncd.gramps.api import Api
from syncd.gramps.creating import Creator
from syncd.gramps.deleting import Deleter
from syncd.gramps.disk import DiskStore
from syncd.gramps.feed import ADD, FeedReader
from syncd.gramps.forms import media_object
from syncd.gramps.http import Transport
from syncd.gramps.login import Credentials, Login
from syncd.gramps.places import Expected
from syncd.gramps.server import connect
from syncd.gramps.updating import Updater
from syncd.gramps.uploading import describe, upload_first
from syncd.gramps.versions import MINIMUM_VERSION
from syncd.model import CatalogSnapshot, Checksum, MediaObject
from syncd.model.references import Record
from syncd.pacing import UNLIMITED, Limits
from syncd.ports import (
    Changed,
    CreateAnswer,
    Cursor,
    Deletion,
    Feed,
    MediaLocation,
    NewObject,
    ObjectChange,
    ServedMemory,
    ServerInfo,
    UpdateAnswer,
)

__all__ = ["MINIMUM_VERSION", "GrampsWeb"]


class GrampsWeb:
    """Implements `ports.Catalog`. Threads may share it. Any call may come first: it connects by itself.

    Args:
        url: where Gramps Web is, with or without `/api`.
        credentials: a password or a sync token.
        expected: where the configuration says that the media are.
        allow_untested_server: talk to a Gramps Web of an untested version, too (`versions`).
        limits: how fast files may travel.
        patience: seconds for which a transient failure of one request is retried.
        clock, sleep: monotonic seconds, and waiting; for tests.
        transport: replaces the network; for tests.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        expected: Expected | None = None,
        allow_untested_server: bool = False,
        limits: Limits = UNLIMITED,
        patience: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._expected = expected
        self._allow_untested = allow_untested_server
        self._limits = limits
        self._closed = threading.Event()
        self._sleep = sleep
        self._transport = Transport(transport=transport, patience=patience, url=url)
        self._login = Login(self._transport, credentials, clock=clock, sleep=sleep)
        self._bare_api = Api(self._transport, self._login)
        self._feed_reader = FeedReader(self._bare_api)
        self._creator = Creator(self._bare_api, self._feed_reader, sleep)
        self._updater = Updater(self._bare_api, sleep)
        self._deleter = Deleter(self._bare_api, self._feed_reader, sleep)
        self._info: ServerInfo | None = None

    def connect(self) -> ServerInfo:
        """Find the API, log in, read rights, versions and the tree."""
        self._info = connect(
            self._bare_api, self._url, self._credentials, allow_untested=self._allow_untested
        )
        return self._info

    @property
    def _connected(self) -> ServerInfo:
        return self._info or self.connect()

    @property
    def _api(self) -> Api:
        _ = self._connected
        return self._bare_api

    @property
    def _feed(self) -> FeedReader:
        _ = self._connected
        return self._feed_reader

    def newest(self) -> Cursor | None:
        """The newest transaction; None in a tree without any."""
        return self._feed.newest()

    def still_knows(self, cursor: Cursor) -> bool:
        """Whether that transaction is still there with that time (if not, the server was restored)."""
        return self._feed.still_knows(cursor)

    def list(self) -> tuple[CatalogSnapshot, Cursor | None]:
        """All objects, and the newest transaction that they show.

        The listing is asked for in a way that the server's request cache cannot answer (`Api.fresh`): it shows
        everything that was written when it began. What was written while it ran is laid over it from the feed.
        A transaction in that time that tells nothing leaves the cursor before it, so that the next look lists anew.
        """
        before = self._feed.newest()
        objects = reading.list_objects(self._api)
        feed = self._feed.changes(before or Cursor(0, 0.0), self.get)
        for handle, known in feed.changed.items():
            if known is None:
                objects.pop(handle, None)
            else:
                objects[handle] = known
        cursor = feed.cursor if feed.complete and feed.changed else before
        return CatalogSnapshot(objects), cursor

    def changes(self, since: Cursor) -> Feed:
        """What changed since a cursor."""
        return self._feed.changes(since, self.get)

    def named_since(self, moment: float) -> frozenset[Checksum]:
        """The checksums that the history says objects had since then (Unix seconds), also those of deleted ones."""
        return self._feed.named_since(moment)

    def get(self, handle: str) -> MediaObject | None:
        """One object as it is now; None when the server says that it does not exist."""
        return reading.get(self._api, handle)

    def is_as_made(self, item: MediaObject) -> bool:
        """Whether an object that was just read is, down to the second of its last change, as it was when it was made."""
        change = self._feed.last_change("Media", item.handle)
        return (
            change is not None
            and change.kind == ADD
            and change.new is not None
            and media_object(change.new) == item
        )

    def references(self, handle: str) -> Mapping[str, int]:
        """How many records refer to the object, by their type (`person`, `event` …)."""
        return reading.references(self._api, handle)

    def location(self, handle: str) -> MediaLocation:
        """Where the server keeps the object's file; the object must have a checksum."""
        return reading.location(self._api, handle, self._expected)

    def create(self, objects: Sequence[NewObject]) -> Sequence[CreateAnswer]:
        """Create objects, in order of the answers."""
        _ = self._connected
        return self._creator.create(objects) if objects else []

    def update(self, changes: Sequence[ObjectChange]) -> Sequence[UpdateAnswer]:
        """Change objects, in order of the answers."""
        _ = self._connected
        return self._updater.update(changes)

    def lacking(self, record: Record, handles: Collection[str]) -> frozenset[str]:
        """Those of these records that Gramps Web does not have."""
        return reading.lacking(self._api, record, handles) if handles else frozenset()

    def delete(self, expected: MediaObject) -> Deletion | Changed:
        """Delete an object if it still is as expected."""
        _ = self._connected
        return self._deleter.delete(expected)

    def undo(self, deletion: str) -> None:
        """Undo a deletion by its answer: object, handle and references come back."""
        _ = self._connected
        self._deleter.undo(deletion)

    def restore(self, handle: str) -> MediaObject | None:
        """Bring back an object that was deleted, by the server's history: with references where possible."""
        _ = self._connected
        return self._deleter.restore(handle)

    def upload_first(
        self, source: BinaryIO, checksum: Checksum, mime: str, like: NewObject | None = None
    ) -> MediaObject:
        """Create an object by sending its file through the API: how an empty tree gets its first."""
        made, is_ours = upload_first(
            self._api, self._feed, source, checksum, mime, closed=self._closed, line=self._limits.up
        )
        if not is_ours or like is None:
            return made
        # A server with media on its own disk finds the file by the path that it has just chosen.
        on_disk = self.location(made.handle).bucket is None
        return describe(self._api, made, replace(like, path=made.path) if on_disk else like)

    def tag(self, name: str) -> str:
        """The handle of the tag of this name, created when missing."""
        seed = f"tag\0{self._connected.tree_id}\0{name}"
        return self._creator.tag(name, hashlib.sha256(seed.encode()).hexdigest()[:32])

    def files(self, memory: ServedMemory) -> DiskStore:
        """The store of bytes, where this Gramps Web keeps media on its own disk."""
        return DiskStore(lambda: self._api, memory, limits=self._limits, sleep=self._sleep)

    def close(self) -> None:
        """Close connections."""
        self._closed.set()
        self._transport.close()
