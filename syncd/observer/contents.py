"""Which contents the bucket has: remembered, asked for one by one, or listed.

What no object names may be collected from the bucket at any time: it is asked for again in each look, also once more when
it has an object at last. So two who use and collect one key at the same moment cannot miss each other.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from syncd.errors import BucketMissing
from syncd.model import BucketSnapshot, Checksum
from syncd.observer.arrival import Arrival

LOOK_UP_AT_MOST = 500
"""Keys that are looked up one by one; for more, the bucket is listed."""


@dataclass
class Contents:
    """Looks into the bucket for one run.

    Args:
        arrival: knows the bucket.
        keep: whether what was seen may be written to the state.
        make_bucket: make a bucket that has vanished since the first sync, too.
    """

    arrival: Arrival
    keep: bool
    make_bucket: bool = False
    _sought: frozenset[Checksum] = frozenset()

    def ask(
        self, known: Mapping[Checksum, int], wanted: Collection[Checksum], named: AbstractSet[Checksum]
    ) -> BucketSnapshot | None:
        """Ask for what is not known; None where that is too much, so that the bucket has to be listed.

        Args:
            known: sizes of keys that objects name, in bytes, as they were seen last.
            wanted: the contents that matter.
            named: those that objects name.
        """
        store = self.arrival.store
        assert store is not None
        unsure = sorted(checksum for checksum in wanted if checksum not in known)
        if len(unsure) > LOOK_UP_AT_MOST:
            return None
        found = dict(store.sizes(unsure)) if unsure else {}
        return self._noted({**known, **found}, found, named)

    def list_all(self, named: AbstractSet[Checksum]) -> BucketSnapshot:
        """List the bucket."""
        snapshot, state = self._listed(), self.arrival.state
        if self.keep:
            state.see_orphans(snapshot.sizes.keys() - named, time.time())
            state.replace_stored({key: size for key, size in snapshot.sizes.items() if key in named})
        return self._noted(snapshot.sizes, {}, named)

    def _noted(
        self, sizes: Mapping[Checksum, int], found: Mapping[Checksum, int], named: AbstractSet[Checksum]
    ) -> BucketSnapshot:
        """Remember what the bucket holds, and bring back what objects name and it lacks, if it is kept anywhere there."""
        missing = named - sizes.keys() - self._sought
        self._sought |= missing
        store, server = self.arrival.store, self.arrival.server
        assert store is not None
        tree_id = server.tree_id if server is not None else ""
        back = store.bring_back(missing, tree_id=tree_id, really=self.keep) if missing else {}
        if self.keep and (found or back):
            self.arrival.state.add_stored(
                {key: size for key, size in {**found, **back}.items() if key in named}
            )
        return BucketSnapshot({**sizes, **back})

    def _listed(self) -> BucketSnapshot:
        store, state = self.arrival.store, self.arrival.state
        assert store is not None
        try:
            return store.list()
        except BucketMissing:
            # A bucket that vanishes later is more likely a wrong address, where nothing must be made.
            binding = state.binding()
            if not (self.make_bucket or binding is None or binding.first_contact):
                raise
            if self.keep:
                store.create_bucket()
            return BucketSnapshot({})
