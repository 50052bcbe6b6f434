"""Bytes on their way: from the folder into the bucket, and from the bucket (or the folder itself) into the folder.

Transfers run in threads; obstore, hashing and disk all release the interpreter lock. What is uploaded is exactly what
was hashed, and what is fetched stands under no real name before it is verified and on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, TypeVar

from syncd.applier.adding import Adding
from syncd.applier.disk import MediaFolder, Placed, Ready
from syncd.applier.failures import Rotten, Unreadable, rotten
from syncd.applier.ledger import Ledger
from syncd.errors import MovedOn, Occupied
from syncd.gramps.mime import mime_of
from syncd.model import Checksum, FolderFile
from syncd.model.plan import NOTHING_BEFORE, Before, Done, Fetch, KeepLoser, Upload
from syncd.ports import Progress, Store
from syncd.scanner.hashing import checksum_of, looks_as_read
from syncd.workers import Inbox, share

_Item = TypeVar("_Item")


class Transfers:
    """Carries bytes both ways.

    Args:
        folder: the media folder.
        store: where bytes live by checksum.
        ledger: told of every result.
        progress: told of every byte.
        threads: transfers under way at once.
        sizes: bytes by checksum, as far as the bucket told.
    """

    def __init__(
        self,
        *,
        folder: MediaFolder,
        store: Store,
        ledger: Ledger,
        progress: Progress,
        threads: int,
        sizes: Mapping[Checksum, int],
    ) -> None:
        self._folder = folder
        self._store = store
        self._ledger = ledger
        self._progress = progress
        self._threads = threads
        self._sizes = sizes

    def upload(self, uploads: Sequence[Upload], adding: Adding) -> set[Checksum]:
        """Upload, and have objects added meanwhile of what has arrived; returns the checksums that did not get there."""
        missing = {action.file.checksum for action in uploads}

        def send(action: Upload) -> None:
            if self._ledger.attempt(action, str(action.file.path), action.handle, lambda: self._send(action)):
                missing.discard(action.file.checksum)
                adding.arrived(action.file.checksum)

        self._each(uploads, send, adding.inbox)
        return missing

    def _send(self, action: Upload) -> None:
        file = action.file
        with self._folder.open_verified(file) as source:
            try:
                self._store.put(
                    source,
                    file.checksum,
                    file.size,
                    mime_of(file.path.name),
                    advance=self._moved,
                    handle=action.handle,
                )
            except Occupied:
                self._ledger.note()  # something was learnt: another pass is due
                raise
            except MovedOn as error:
                if _has_rotted(file, source):
                    raise rotten(file.path.text) from error
                raise
        self._progress.advance(files=1)
        self._ledger.count(up=file.size)
        self._ledger.note(
            Done("uploaded", str(file.path), action.handle, file.checksum, file.size, action.why),
            stored={file.checksum: file.size},
        )

    def fetch(self, fetches: Sequence[Fetch]) -> None:
        """Fetch or copy each, and put it in its place."""

        def receive(action: Fetch) -> None:
            self._ledger.attempt(
                action, str(action.path), action.object.handle, lambda: self._receive(action)
            )

        self._each(fetches, receive)

    def _receive(self, action: Fetch) -> None:
        ready, copied = self._bring(action.checksum, action)
        with ready:
            placed = self._folder.place(
                ready,
                action.path,
                replaces=action.replaces,
                keep_as=action.aside,
                reason=action.why,
                handle=action.object.handle,
                sync_later=True,  # the ledger sees to it before it is written down
            )
        file = placed.file
        self._progress.advance(files=1)
        link = action.link
        if link.place == file.path:
            link = replace(link, inode=file.stamp.inode)
        kind = "conflict" if action.aside is not None else ("copied" if copied else "fetched")
        if placed.kept is not None:
            self._ledger.kept_as[action.object.handle] = placed.kept.path
        if placed.trashed is not None:
            self._ledger.state.add_trash(placed.trashed)
        self._ledger.note(
            Done(kind, str(file.path), action.object.handle, action.checksum, file.size, action.why),
            before=_before(action, placed),
            links=[link],
            files=[file],
        )

    def _bring(self, checksum: Checksum, action: Fetch | KeepLoser) -> tuple[Ready, bool]:
        """Have verified bytes ready beside the folder; says whether they came from the folder itself."""
        if action.source is not None:
            try:
                return self._folder.copy_in(action.source), True
            except (MovedOn, Rotten, Unreadable):
                if not self._store.sizes([checksum]):
                    raise
        return self._download(checksum), False

    def _download(self, checksum: Checksum) -> Ready:
        with self._folder.incoming(checksum, self._sizes.get(checksum, 0)) as target:
            size = self._store.get(checksum, target.file, advance=self._moved)
            ready = target.finish()
        self._ledger.count(down=size)
        return ready

    def keep_loser(self, action: KeepLoser) -> bool:
        """Put what lost a conflict in Gramps Web into the trash."""

        def keep() -> None:
            with self._bring(action.checksum, action)[0] as ready:
                trashed = self._folder.keep_in_trash(
                    ready, action.path, reason="lost a conflict", handle=action.object.handle
                )
            self._ledger.state.add_trash(trashed)

        return self._ledger.attempt(action, str(action.path), action.object.handle, keep)

    def _moved(self, size: int) -> None:
        self._progress.advance(size=size)

    def _each(
        self, items: Iterable[_Item], work: Callable[[_Item], None], inbox: Inbox | None = None
    ) -> None:
        """Do all items, several at once; an error that ends the run ends this, and what was not begun is left."""

        def go_on(taken: Iterator[_Item]) -> None:
            for item in taken:
                if self._ledger.fatal is not None:
                    return
                work(item)

        share(items, go_on, threads=self._threads, name="transfer", give_up=self._store.close, inbox=inbox)


def _before(action: Fetch, placed: Placed) -> Before:
    """What was there before a file arrived, and where that is now."""
    old = action.replaces
    if old is None:
        return NOTHING_BEFORE
    path = old.path.text if old.path != placed.file.path else None
    kept = None
    if placed.trashed is not None:
        kept = placed.trashed.kept_as
    elif placed.kept is not None:
        kept = placed.kept.path.text
    return Before(path=path, checksum=old.checksum, kept_as=kept)


def _has_rotted(file: FolderFile, source: BinaryIO) -> bool:
    """Whether a file has other bytes than when it was read, although it looks as it did then."""
    descriptor = source.fileno()
    return (
        looks_as_read(descriptor, file.stamp)
        and checksum_of(descriptor) != file.checksum
        and looks_as_read(descriptor, file.stamp)
    )
