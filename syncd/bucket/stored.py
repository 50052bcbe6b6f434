"""A key as a bucket lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What a listing says of a key.

    Args:
        key: whole, with its prefix.
        size: bytes.
        etag: without quotes; equal to the MD5 of the bytes, or proof of nothing; `""` where a server names none.
        modified: when it was written.
    """

    key: str
    size: int
    etag: str
    modified: datetime

    @property
    def name(self) -> str:
        """What stands behind the last slash: in a bucket of media the checksum."""
        return self.key.rpartition("/")[2]

    def is_same(self, now: StoredKey) -> bool:
        """Whether a later look at this key found the same bytes, as far as a server tells."""
        if self.size != now.size:
            return False
        if self.etag and now.etag:
            return self.etag == now.etag
        # A HEAD's time has whole seconds, cut or rounded.
        return abs(self.modified - now.modified) < timedelta(seconds=1)
