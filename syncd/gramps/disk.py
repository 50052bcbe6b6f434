"""The store of a Gramps Web that keeps media on its own disk, as `syncd.ports.FileServer`.

Invariants:
- Nothing is ever replaced: a file goes only where the server has none, and only to paths below its media folder.
- "Has these bytes" is said of what was read back or taken by the server, which hashes what it takes. Of what others
  stored before we came, presence and size suffice, until somebody fetches it.
- What a look has found holds while the object keeps path and checksum. An unchanged run asks for a few files by chance:
  where one has vanished, all are listed. Objects without their file are asked for each time.

Measured on 3.24 (two busy cores): a HEAD takes 10 ms, 150 a second at four at once; the list of all missing files 0.5 s
for 2,000 objects; sending 20 small files in turn 3.5 s, 80 at four at once 4.6 s.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import BinaryIO, TypeVar, cast

from syncd.errors import LostAnswer, MovedOn, Occupied, Refused, ServerError, Unreachable
from syncd.gramps import reading
from syncd.gramps.api import Api
from syncd.gramps.files import Found, OtherBytes, Reception, ended, list_missing, probe
from syncd.gramps.one_file import OneFile
from syncd.gramps.sending import LARGE, AlreadyThere, Sending, not_allowed, send
from syncd.gramps.served import HAVE, Register, lacking, served
from syncd.model import BucketSnapshot, Checksum, MediaObject, Proof, Served
from syncd.ports import Advance, ServedMemory, no_progress

K = TypeVar("K")
T = TypeVar("T")

ASKED_ONE_BY_ONE = 50
"""For more objects than this, those without a file are listed first."""
AT_ONCE = 4
"""Requests under way. Gramps Web runs few workers, and people use it meanwhile."""
PAUSES = (1.0, 3.0, 8.0)
"""Seconds between looks for a file whose sending got no answer: the server may be at work on it."""
SAVE_EVERY = 200
BY_CHANCE = 3
"""Files that were there and are asked for again in each run: a server's setting that changes hides all of them."""


class DiskStore:
    """Implements `ports.FileServer`. Threads may share it.

    Args:
        api: makes the API, logged in.
        memory: where what was seen is kept.
        sleep: waits some seconds; for tests.
    """

    def __init__(
        self, api: Callable[[], Api], memory: ServedMemory, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._connect = api
        self._register = Register(memory)
        self._sleep = sleep
        self._one_large = threading.Lock()  # the server holds all of a file in memory
        self._closed = threading.Event()
        self._has_sampled = False
        self._vanished: frozenset[str] = frozenset()
        self._one = OneFile(api, self._closed)
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
        register = self._register
        now = {handle: item for handle, item in objects.items() if item.digest is not None and item.path}
        trusting = register.is_first_look
        seen = register.list_anew(now)
        had = {handle for handle, one in seen.items() if one.proof in HAVE}
        ask = {handle for handle in now if handle not in seen or seen[handle].proof is Proof.LACKING}
        everything = everything or closely
        if not everything and (gone := self._sample(now, had)):
            everything, ask = True, ask | gone
        if everything or len(ask) > ASKED_ONE_BY_ONE:
            missing = self._list_missing(ask) & now.keys()
            register.note(*(lacking(now[handle]) for handle in missing))
            ask -= missing
            had -= missing
        if closely:
            self._examine_all(lambda handle: self._compare(now[handle], seen[handle], at_hand), sorted(had))
        wrong = [handle for handle, one in seen.items() if one.proof is Proof.WRONG]
        self._examine_all(lambda handle: self._examine(now[handle], at_hand, trusting=trusting), sorted(ask))
        self._examine_all(lambda handle: self._examine_wrong(now[handle], seen[handle]), wrong)
        register.finish_look()
        found = register.snapshot(at_hand)
        self._vanished = frozenset(
            handle for handle in found.lacking if handle in seen and seen[handle].proof in HAVE
        )
        return replace(found, unnamed=self._see_unnamed(objects, at_hand, linked))

    def vanished(self) -> frozenset[str]:
        """See `FileServer.vanished`."""
        return self._vanished

    def list(self) -> BucketSnapshot:
        """See `Store.list`: of all objects that Gramps Web has at this moment."""
        return self.look(reading.list_objects(self._api), {}, everything=True)

    def missing(self) -> frozenset[str]:
        """See `FileServer.missing`."""
        return list_missing(self._api)

    def sizes(self, checksums: Sequence[Checksum]) -> Mapping[Checksum, int]:
        """See `Store.sizes`: what is said here was read back, now or before."""
        found: dict[Checksum, int] = {}
        for checksum in dict.fromkeys(checksums):
            for item, one in self._holders(checksum):
                size = self._confirmed_size(item, one)
                if size is not None:
                    found[checksum] = size
                    break
        return found

    def _list_missing(self, ask: set[str]) -> frozenset[str]:
        """All objects without a file; where the server stumbles over that question, each is asked for instead."""
        try:
            return list_missing(self._api)
        except Unreachable:
            if not ask:
                raise
            return frozenset()

    def _examine_all(self, examine: Callable[[str], Served | None], handles: Sequence[str]) -> None:
        for start in range(0, len(handles), SAVE_EVERY):
            found = self._at_once(examine, handles[start : start + SAVE_EVERY])
            self._register.note(*(one for one in found if one is not None))

    def _examine(
        self, item: MediaObject, at_hand: Mapping[Checksum, int], *, trusting: bool
    ) -> Served | None:
        """Whether an object's file is there; None when that cannot be told now.

        Where this one request gets no answer, the file counts as there until the next run asks again: whoever needs it
        is told why it does not come, and nobody thinks that it is missing.
        """
        assert item.digest is not None
        found: Found | None = Found(None)
        try:
            found = self._probe(item)
            return self._judge(item, found, at_hand, trusting=trusting)
        except MovedOn:
            return None
        except Refused:
            if found is not None:
                self._register.assume(served(item, Proof.THERE, found))
            return None

    def _judge(
        self, item: MediaObject, found: Found | None, at_hand: Mapping[Checksum, int], *, trusting: bool
    ) -> Served | None:
        assert item.digest is not None
        if found is None:
            return lacking(item)
        size = at_hand.get(item.digest)
        if size is not None and found.size is not None and found.size != size:
            return served(item, Proof.WRONG, found)
        if size is not None and not trusting:
            return self._read_back(item)
        return served(item, Proof.THERE, found)

    def _see_unnamed(
        self, objects: Mapping[str, MediaObject], at_hand: Mapping[Checksum, int], linked: Collection[str]
    ) -> Mapping[str, Checksum | None]:
        """What is served for objects without a checksum: see `BucketSnapshot.unnamed`."""
        sizes = set(at_hand.values())
        items = [item for item in objects.values() if item.digest is None and is_below(item.path)]
        shown = self._at_once(lambda item: self._see(item, None if item.handle in linked else sizes), items)
        return {item.handle: one[0] for item, one in zip(items, shown, strict=True) if one is not None}

    def _see(self, item: MediaObject, sizes: Collection[int] | None) -> tuple[Checksum | None] | None:
        """The checksum of an object's file, None in it where that is not at hand or not to be seen; None: no file."""
        try:
            found = self._probe(item)
            if found is None:
                return None
            if sizes is None or found.size is None or found.size in sizes:
                self._receive(item, cast("BinaryIO", _Nowhere()), no_progress)
        except OtherBytes as error:
            return (error.read,)
        except (MovedOn, Refused):
            pass
        return (None,)

    def _sample(self, now: Mapping[str, MediaObject], had: Collection[str]) -> set[str]:
        """Which of a few files that were there are there no more: once in a run, and others in each."""
        if self._has_sampled:
            return set()
        self._has_sampled = True
        some = secrets.SystemRandom().sample(sorted(had), min(BY_CHANCE, len(had)))
        found = self._at_once(lambda handle: self._is_gone(now[handle]), some)
        return {handle for handle, gone in zip(some, found, strict=True) if gone}

    def _is_gone(self, item: MediaObject) -> bool:
        try:
            return probe(self._api, item) is None
        except MovedOn:
            return False

    def _compare(self, item: MediaObject, one: Served, at_hand: Mapping[Checksum, int]) -> Served | None:
        """Whether a file is as it was seen last, by size and time; None when it is. Any other is read back."""
        try:
            found = probe(self._api, item)
        except MovedOn:
            return None
        if found is None:
            return lacking(item)
        size = at_hand.get(one.checksum, one.size)
        if found.size not in (None, size) or (one.modified and found.modified != one.modified):
            return self._read_back(item)
        # The answer to what was sent names no time: it is the one of the first comparison.
        return replace(one, modified=one.modified or found.modified)

    def _examine_wrong(self, item: MediaObject, one: Served) -> Served | None:
        """Whether somebody has mended a file that had other bytes; None when it is as it was."""
        try:
            found = self._probe(item)
            if found is None:
                return lacking(item)
            if (found.size, found.modified) == (one.size, one.modified):
                return None
            return self._read_back(item)
        except (MovedOn, Refused):
            return None

    def _read_back(self, item: MediaObject) -> Served | None:
        """Read a file to its end to see what it has; None when it changes at this moment."""
        try:
            found = self._receive(item, cast("BinaryIO", _Nowhere()), no_progress)
        except OtherBytes as error:
            return served(item, Proof.WRONG, error.found)
        except MovedOn:
            return None
        return served(item, Proof.READ, found)

    def _confirmed_size(self, item: MediaObject, one: Served) -> int | None:
        """The size of a file that is there at this moment and was read back; None when it is not."""
        try:
            found = self._probe(item)
        except MovedOn:
            return None
        if found is None:
            self._register.note(lacking(item))
            return None
        known = one.proof is Proof.READ and found.size in (None, one.size)
        read = one if known else self._read_back(item)
        if read is None:
            return None
        self._register.note(read)
        return read.size if read.proof is Proof.READ else None

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
        sending = Sending(source, checksum, size, advance, self._closed)
        with self._first_alone(), self._one_large if size >= LARGE else nullcontext():
            try:
                self._one.attempt(
                    lambda: send(self._api, item, sending.body, size, mime, patience=self._one.patience)
                )
                self._has_sent = True
                seen = served(item, Proof.READ, Found(size))
            except AlreadyThere:
                seen = self._read_back(item)
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
                found = self._receive(item, target, advance)
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
            found = self._probe(item)
            if found is not None and found.size in (None, size):
                seen = self._read_back(item)
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

    def _probe(self, item: MediaObject) -> Found | None:
        """As `probe`; raises Refused where this file alone gets no answer."""
        return self._one.attempt(lambda: probe(self._api, item, patience=self._one.patience))

    def _receive(self, item: MediaObject, target: BinaryIO, advance: Advance) -> Found:
        """As `Reception.run`; raises Refused where this file alone does not come."""
        patience = self._one.patience
        reception = Reception(self._api, item, target, advance, self._closed, patience=patience)
        return self._one.attempt(reception.run)

    @property
    def _api(self) -> Api:
        return self._connect()

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise ended()

    def _at_once(self, work: Callable[[K], T], items: Iterable[K]) -> Sequence[T]:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as pool:
            try:
                return list(pool.map(work, items))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def is_below(path: str) -> bool:
    """Whether a server surely keeps a file of this path in its media folder.

    Before 3.24 it writes wherever `..` leads. An absolute path is looked at by the server itself, in every version.
    """
    parts = path.replace("\\", "/").split("/")
    return bool(parts[-1]) and ".." not in parts and "\0" not in path


class _Nowhere:
    """A file to write to that keeps nothing."""

    def write(self, content: bytes) -> int:
        return len(content)

    def tell(self) -> int:
        return 0

    def seek(self, offset: int) -> int:
        return offset

    def truncate(self) -> int:
        return 0


__all__ = ["DiskStore", "is_below"]
