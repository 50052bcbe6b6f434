"""What a verification needs open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.applier.disk import MediaFolder
from syncd.bound import open_bound
from syncd.bucket.upkeep import Upkeep
from syncd.config import Settings
from syncd.gramps.client import GrampsWeb
from syncd.ignore import IgnoreRules, is_ours
from syncd.model.policy import Policy
from syncd.ports import FileServer, Store
from syncd.state import Binding, State


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is open.

    Args:
        settings: the configuration.
        state: locked, or a copy in memory.
        binding: what the state belongs to; the server was found to be that.
        catalog: connected.
        media: the media folder; locked together with the state.
        ignored: what stays out of it.
        store: the bytes.
        upkeep: the bucket's keys; None where there is no bucket.
        files: the store of a server with its own disk; None where there is a bucket.
    """

    settings: Settings
    state: State
    binding: Binding
    catalog: GrampsWeb
    media: MediaFolder
    ignored: IgnoreRules
    store: Store
    upkeep: Upkeep | None
    files: FileServer | None

    @property
    def policy(self) -> Policy:
        """The rules of the merge."""
        return self.settings.policy(lambda path: not is_ours(path) and self.ignored.matches(path))


@contextmanager
def open_rooms(settings: Settings, *, keep: bool) -> Iterator[Rooms]:
    """Open what `open_bound` opens, and read what is ignored.

    Args:
        settings: the configuration.
        keep: take both locks and write; else nothing is written anywhere.

    Raises:
        SyncdError: as `open_bound`.
    """
    with open_bound(settings, keep=keep) as bound:
        yield Rooms(
            settings,
            bound.state,
            bound.binding,
            bound.catalog,
            bound.media,
            IgnoreRules.load(settings.media_dir, settings.ignore),
            bound.store,
            bound.bucket.upkeep() if bound.bucket is not None else None,
            bound.disk,
        )
