"""A store that is opened with its first use: most runs find nothing to do, and the library that carries bytes to a bucket takes
longer to import than all that they do.

Whoever makes one has looked at what opening refuses: whether settings and server agree on the place. Nothing is asked of a
server by opening, so that whatever a bucket refuses is said by the same call as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import BinaryIO

from syncd.model import BucketSnapshot, Checksum
from syncd.ports import Advance, Store, no_progress


class OpenedLater:
    """A `syncd.ports.Store`; threads share it.

    Args:
        open_store: opens the real one.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._store: Store | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
                if self._is_closed:  # by one who did not wait for this thread
                    self._store.close()
            return self._store

    def list(self) -> BucketSnapshot:
        """See `Store.list`."""
        return self._opened().list()

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`."""
        return self._opened().sizes(checksums)

    def put(
        self,
        source: BinaryIO,
        checksum: Checksum,
        size: int,
        mime: str,
        *,
        advance: Advance = no_progress,
        handle: str | None = None,
    ) -> None:
        """See `Store.put`."""
        self._opened().put(source, checksum, size, mime, advance=advance, handle=handle)

    def get(self, checksum: Checksum, target: BinaryIO, *, advance: Advance = no_progress) -> int:
        """See `Store.get`."""
        return self._opened().get(checksum, target, advance=advance)

    def bring_back(
        self, checksums: Collection[Checksum], *, tree_id: str = "", really: bool = True
    ) -> Mapping[Checksum, int]:
        """See `Store.bring_back`."""
        return self._opened().bring_back(checksums, tree_id=tree_id, really=really)

    def create_bucket(self) -> None:
        """See `Store.create_bucket`."""
        self._opened().create_bucket()

    def abort_stale_uploads(self) -> int:
        """See `Store.abort_stale_uploads`."""
        return self._opened().abort_stale_uploads()

    def close(self) -> None:
        """See `Store.close`; what was never used is never opened."""
        with self._lock:
            self._is_closed = True
            store = self._store
        if store is not None:
            store.close()
