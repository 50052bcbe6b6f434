"""The store of a Gramps Web that keeps media on its own disk, as `syncd.ports.FileServer`.

Invariants:
- Nothing is ever replaced: a file goes only where the server has none, and only to paths below its media folder.
- What is said to be there was seen by the `Inspector`, whose invariants hold here, too.

Measured on 3.24 (two busy cores): sending 20 small files in turn 3.5 s, 80 at four at once 4.6 s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import BinaryIO, cast

from syncd.errors import LostAnswer, MovedOn, Occupied, Refused, ServerError
from syncd.gramps import reading
from syncd.gramps.api import Api
from syncd.gramps.files import Found, OtherBytes, ended, list_missing
from syncd.gramps.inspector import Inspector, is_below
from syncd.gramps.one_file import OneFile
from syncd.gramps.sending import LARGE, AlreadyThere, Sending, not_allowed, send
from syncd.gramps.served import Register, served
from syncd.model import BucketSnapshot, Checksum, MediaObject, Proof, Served
from syncd.pacing import UNLIMITED, Limits, turn
from syncd.ports import Advance, ServedMemory, no_progress

PAUSES = (1.0, 3.0, 8.0)
"""Seconds between looks for a file whose sending got no answer: the server may be at work on it."""


class DiskStore:
    """Implements `ports.FileServer`. Threads may share it.

    Args:
        api: makes the API, logged in.
        memory: where what was seen is kept.
        limits: how fast files may travel.
        sleep: waits some seconds; for tests.
    """

    def __init__(
        self,
        api: Callable[[], Api],
        memory: ServedMemory,
        *,
        limits: Limits = UNLIMITED,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connect = api
        self._register = Register(memory)
        self._limits = limits
        self._sleep = sleep
        self._one_large = threading.Lock()  # the server holds all of a file in memory
        self._closed = threading.Event()
        self._one = OneFile(api, self._closed)
        self._inspector = Inspector(api, self._register, self._one, self._closed, limits.down)
        self._first = threading.Lock()
        self._has_sent = False

    # --- looking --------------------------------------------------------------------------------------------------

    def look(
        self,
        objects: Mapping[str, MediaObject],
        at_hand: Mapping[Checksum, int],
        *,
        linked: Collection[str] = (),
        everything: bool = False,
        closely: bool = False,
    ) -> BucketSnapshot:
        """See `FileServer.look`."""
        return self._inspector.look(objects, at_hand, linked=linked, everything=everything, closely=closely)

    def vanished(self) -> frozenset[str]:
        """See `FileServer.vanished`."""
        return self._inspector.vanished

    def list(self) -> BucketSnapshot:
        """See `Store.list`: of all objects that Gramps Web has at this moment."""
        return self.look(reading.list_objects(self._api), {}, everything=True)

    def missing(self) -> frozenset[str]:
        """See `FileServer.missing`."""
        return list_missing(self._api)

    def examine(self, item: MediaObject) -> Checksum | None:
        """See `FileServer.examine`."""
        self._refuse_when_closed()
        return self._inspector.examine(item)

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`: what is said here was read back, now or before."""
        found: dict[Checksum, int] = {}
        for checksum in dict.fromkeys(checksums):
            for item, one in self._holders(checksum):
                size = self._inspector.confirmed_size(item, one)
                if size is not None:
                    found[checksum] = size
                    break
        return found

    def _holders(self, checksum: Checksum) -> Sequence[tuple[MediaObject, Served]]:
        if self._register.is_empty:
            self.list()
        return self._register.holders(checksum)

    # --- carrying -------------------------------------------------------------------------------------------------

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
        """See `Store.put`; errors in reading `source` come through as they are."""
        self._refuse_when_closed()
        item = self._receiver(checksum, handle)
        if item is None:
            return
        if not is_below(item.path):
            raise not_allowed(item)
        seen: Served | None = None
        lost: LostAnswer | None = None
        line = self._limits.up
        sending = Sending(source, checksum, size, advance, self._closed, line=line)
        alone = self._one_large if size >= LARGE else nullcontext()
        with self._first_alone(), alone, turn(line, self._closed):
            try:
                self._one.attempt(
                    lambda: send(self._api, item, sending.body, size, mime, patience=self._one.patience)
                )
                self._has_sent = True
                seen = served(item, Proof.READ, Found(size))
            except AlreadyThere:
                seen = self._inspector.read_back(item)
            except LostAnswer as error:
                self._has_sent = True
                lost = error
        if lost is not None:
            self._refuse_when_closed()
            seen = self._look_for(item, size, lost)
        if seen is None:
            raise MovedOn("the media object changed while its file was sent", "try again")
        self._register.note(seen)
        if seen.proof is Proof.WRONG:
            raise Occupied(
                f"Gramps Web has another file at {item.path}",
                "the media object gets another path in the next run",
            )

    def get(self, checksum: Checksum, target: BinaryIO, *, advance: Advance = no_progress) -> int:
        """See `Store.get`: from any object of that checksum. Errors in writing `target` come through as they are."""
        self._refuse_when_closed()
        start, trouble = target.tell(), cast("ServerError | None", None)
        for item, _one in self._holders(checksum):
            try:
                found = self._inspector.receive(item, target, advance)
            except OtherBytes as error:
                trouble = error
                self._register.note(served(item, Proof.WRONG, error.found))
            except Refused as error:
                trouble = error
            except MovedOn:
                pass
            else:
                self._register.note(served(item, Proof.READ, found))
                return found.size or 0
            target.seek(start)
            target.truncate()
        if trouble is not None:
            raise trouble
        raise MovedOn(
            f"Gramps Web does not have the file {checksum} (any more)",
            "put the file into the folder again, or upload it in Gramps Web",
        )

    def bring_back(
        self,
        checksums: Collection[Checksum],  # noqa: ARG002  (the port's signature)
        *,
        tree_id: str = "",  # noqa: ARG002
        really: bool = True,  # noqa: ARG002
    ) -> Mapping[Checksum, int]:
        """Nothing: nobody moves files of a server's own disk away."""
        return {}

    def create_bucket(self) -> None:
        """Nothing: the server makes its folders."""

    def abort_stale_uploads(self) -> int:
        """Nothing: the server keeps nothing of a request that broke off."""
        return 0

    def close(self) -> None:
        """End what is under way, soon."""
        self._closed.set()
        self._limits.wake()

    def _receiver(self, checksum: Checksum, handle: str | None) -> MediaObject | None:
        """The object that is to get a file; None when none lacks it."""
        if handle is not None:
            known = self._register.object(handle)
            item = known if known is not None and known.digest == checksum else reading.get(self._api, handle)
            if item is None:
                raise MovedOn("the media object is gone", "try again")
            return item
        if self._register.is_empty:
            self.list()
        proofs = []
        for item in self._register.named(checksum):
            one = self._register.of(item)
            if one is None or one.proof is Proof.LACKING:
                return item
            proofs.append(one.proof)
        if all(proof is Proof.WRONG for proof in proofs):
            raise Refused(
                f"no media object in Gramps Web has a place for the file {checksum}",
                "add a media object for it",
            )
        return None

    def _look_for(self, item: MediaObject, size: int, lost: LostAnswer) -> Served | None:
        """A file was sent, and nobody knows whether it arrived: look, a few times, before anything is repeated."""
        for pause in (*PAUSES, 0.0):
            found = self._inspector.probe(item)
            if found is not None and found.size in (None, size):
                seen = self._inspector.read_back(item)
                if seen is not None and seen.proof is Proof.READ:
                    return seen
            if pause:
                self._sleep(pause)
                self._refuse_when_closed()
        raise Refused(
            f"sending a file ({size:,} bytes) got no answer, and it did not arrive: {lost.reason}",
            "the next run tries again; if it stays so, raise the time limits of the proxy before Gramps Web (nginx:"
            " proxy_read_timeout), or look at the server's log: its disk may be full, or have a file where this path needs"
            " a folder (then give the object another path in Gramps Web)",
        ) from lost

    @contextmanager
    def _first_alone(self) -> Iterator[None]:
        """Nothing else is sent beside the first file: a tree that never had one makes the server stumble (500).

        It then makes the tree's row for the space that media take, and two at once would make it twice.
        """
        with self._first if not self._has_sent else nullcontext():
            yield

    @property
    def _api(self) -> Api:
        return self._connect()

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise ended()


__all__ = ["DiskStore", "is_below"]
