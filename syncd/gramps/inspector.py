"""What a Gramps Web with media on its own disk serves for which object: asked, compared, and read back.

Invariants:
- "Has these bytes" is said of what was read back or taken by the server, which hashes what it takes. Of what others
  stored before we came, presence and size suffice, until somebody fetches it.
- What a look has found holds while the object keeps path and checksum. An unchanged run asks for a few files by chance:
  where one has vanished, all are listed. Objects without their file are asked for each time.

Measured on 3.24 (two busy cores): a HEAD takes 10 ms, 150 a second at four at once; the list of all missing files 0.5 s
for 2,000 objects.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, TypeVar, cast

from syncd.errors import MovedOn, Refused, Unreachable
from syncd.gramps.api import Api
from syncd.gramps.files import Found, OtherBytes, Reception, list_missing, probe
from syncd.gramps.one_file import OneFile
from syncd.gramps.served import HAVE, Register, lacking, served
from syncd.model import BucketSnapshot, Checksum, MediaObject, Proof, Served
from syncd.pacing import Line
from syncd.ports import Advance, no_progress
from syncd.workers import in_order

K = TypeVar("K")
T = TypeVar("T")

ASKED_ONE_BY_ONE = 50
"""For more objects than this, those without a file are listed first."""
AT_ONCE = 4
"""Requests under way. Gramps Web runs few workers, and people use it meanwhile."""
SAVE_EVERY = 200
BY_CHANCE = 3
"""Files that were there and are asked for again in each run: a server's setting that changes hides all of them."""


class Inspector:
    """Looks at the server's files, and writes down what it sees. Threads may share it.

    Args:
        api: makes the API, logged in.
        register: where what was seen is written down.
        one: carries out what is done with a single file.
        closed: set when everything is to end.
        line: how fast files may come.
    """

    def __init__(
        self,
        api: Callable[[], Api],
        register: Register,
        one: OneFile,
        closed: threading.Event,
        line: Line | None = None,
    ) -> None:
        self._connect = api
        self._register = register
        self._one = one
        self._closed = closed
        self._line = line
        self._has_sampled = False
        self.vanished: frozenset[str] = frozenset()
        """See `FileServer.vanished`."""

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
        self.vanished = frozenset(
            handle for handle in found.lacking if handle in seen and seen[handle].proof in HAVE
        )
        return replace(found, unnamed=self._see_unnamed(objects, at_hand, linked))

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
            found = self.probe(item)
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
            return self.read_back(item)
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
            found = self.probe(item)
            if found is None:
                return None
            if sizes is None or found.size is None or found.size in sizes:
                self.receive(item, cast("BinaryIO", _Nowhere()), no_progress)
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
            return self.read_back(item)
        # The answer to what was sent names no time: it is the one of the first comparison.
        return replace(one, modified=one.modified or found.modified)

    def _examine_wrong(self, item: MediaObject, one: Served) -> Served | None:
        """Whether somebody has mended a file that had other bytes; None when it is as it was."""
        try:
            found = self.probe(item)
            if found is None:
                return lacking(item)
            if (found.size, found.modified) == (one.size, one.modified):
                return None
            return self.read_back(item)
        except (MovedOn, Refused):
            return None

    def read_back(self, item: MediaObject) -> Served | None:
        """Read a file to its end to see what it has; None when it changes at this moment."""
        found = self._read(item)
        return None if found is None else found[0]

    def examine(self, item: MediaObject) -> Checksum | None:
        """See `FileServer.examine`."""
        found = self._read(item)
        if found is None:
            return None
        self._register.note(found[0])
        return found[1]

    def _read(self, item: MediaObject) -> tuple[Served, Checksum] | None:
        """What a file has, and the checksum of its bytes; None when it changes at this moment."""
        assert item.digest is not None
        try:
            found = self.receive(item, cast("BinaryIO", _Nowhere()), no_progress)
        except OtherBytes as error:
            return served(item, Proof.WRONG, error.found), error.read
        except MovedOn:
            return None
        return served(item, Proof.READ, found), item.digest

    def confirmed_size(self, item: MediaObject, one: Served) -> int | None:
        """The size of a file that is there at this moment and was read back; None when it is not."""
        try:
            found = self.probe(item)
        except MovedOn:
            return None
        if found is None:
            self._register.note(lacking(item))
            return None
        known = one.proof is Proof.READ and found.size in (None, one.size)
        read = one if known else self.read_back(item)
        if read is None:
            return None
        self._register.note(read)
        return read.size if read.proof is Proof.READ else None

    def probe(self, item: MediaObject) -> Found | None:
        """As `probe`; raises Refused where this file alone gets no answer."""
        return self._one.attempt(lambda: probe(self._api, item, patience=self._one.patience))

    def receive(self, item: MediaObject, target: BinaryIO, advance: Advance) -> Found:
        """As `Reception.run`; raises Refused where this file alone does not come."""
        reception = Reception(
            self._api, item, target, advance, self._closed, patience=self._one.patience, line=self._line
        )
        return self._one.attempt(reception.run)

    @property
    def _api(self) -> Api:
        return self._connect()

    def _at_once(self, work: Callable[[K], T], items: Iterable[K]) -> Sequence[T]:
        return in_order(work, items, threads=AT_ONCE, name="look")


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
