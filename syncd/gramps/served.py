"""What is known of the files that a server with its own disk serves: in memory, and kept for the next run."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from syncd.gramps.files import Found
from syncd.model import BucketSnapshot, Checksum, MediaObject, Proof, Served
from syncd.ports import ServedMemory

HAVE = (Proof.THERE, Proof.READ)
"""There is a file, and nothing speaks against it."""


class Register:
    """Objects as they were listed last, and what was seen of their files. Threads may share it.

    Args:
        memory: where what was seen is kept.
    """

    def __init__(self, memory: ServedMemory) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._seen: dict[str, Served] | None = None
        self._objects: Mapping[str, MediaObject] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no objects were listed yet."""
        return self._objects is None

    @property
    def is_first_look(self) -> bool:
        """Whether nobody looked since the state was bound."""
        return not self._memory.has_looked()

    def list_anew(self, objects: Mapping[str, MediaObject]) -> dict[str, Served]:
        """These objects there are now; returns what was seen of them, as far as it still holds, by handle."""
        with self._lock:
            self._objects = objects
            seen = self._loaded()
            gone = [handle for handle in seen if handle not in objects]
            for handle in gone:
                del seen[handle]
            holds = {handle: one for handle, one in seen.items() if one.is_of(objects[handle])}
        if gone:
            self._memory.drop_served(gone)
        return holds

    def note(self, *seen: Served) -> None:
        """This was seen just now."""
        with self._lock:
            known = self._loaded()
            changed = [one for one in seen if known.get(one.handle) != one]
            known.update((one.handle, one) for one in changed)
        if changed:
            self._memory.put_served(changed)

    def assume(self, one: Served) -> None:
        """This could not be seen, and counts until the next run, which asks again."""
        with self._lock:
            self._loaded()[one.handle] = one

    def finish_look(self) -> None:
        """From now on nothing new is trusted."""
        self._memory.set_looked()

    def object(self, handle: str) -> MediaObject | None:
        """An object as it was listed."""
        return (self._objects or {}).get(handle)

    def named(self, checksum: Checksum) -> Sequence[MediaObject]:
        """The objects of a checksum."""
        return [item for item in (self._objects or {}).values() if item.digest == checksum]

    def of(self, item: MediaObject) -> Served | None:
        """What was seen of an object's file, if it still holds."""
        with self._lock:
            one = self._loaded().get(item.handle)
        return one if one is not None and one.is_of(item) else None

    def holders(self, checksum: Checksum) -> Sequence[tuple[MediaObject, Served]]:
        """The objects whose file has these bytes, the surest first."""
        found = [
            (item, one)
            for item in self.named(checksum)
            if (one := self.of(item)) is not None and one.proof in HAVE
        ]
        return sorted(found, key=lambda pair: (pair[1].proof is not Proof.READ, pair[0].handle))

    def snapshot(self, at_hand: Mapping[Checksum, int]) -> BucketSnapshot:
        """All of it; `at_hand` helps with sizes that a proxy left out."""
        sizes: dict[Checksum, int] = {}
        of: dict[Proof, set[str]] = {proof: set() for proof in Proof}
        for handle, item in (self._objects or {}).items():
            one = self.of(item)
            if one is None:
                continue
            of[one.proof].add(handle)
            if one.proof in HAVE:
                sizes[one.checksum] = one.size or at_hand.get(one.checksum, 0)
        return BucketSnapshot(sizes, frozenset(of[Proof.LACKING]), frozenset(of[Proof.WRONG]))

    def _loaded(self) -> dict[str, Served]:
        if self._seen is None:
            self._seen = dict(self._memory.served())
        return self._seen


def served(item: MediaObject, proof: Proof, found: Found) -> Served:
    """What was seen of an object that has a checksum."""
    assert item.digest is not None
    return Served(item.handle, item.path, item.digest, proof, found.size or 0, found.modified)


def lacking(item: MediaObject) -> Served:
    """There is no file."""
    return served(item, Proof.LACKING, Found(None))
