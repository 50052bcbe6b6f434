"""Carries a plan out, in the one order that is safe at every point of interruption.

1.  What needs no transfer is recorded.
2.  Bytes go into the bucket; the loser of a conflict goes into the trash. While files are sent, objects are added of those
    that have arrived (`adding`).
3.  Files of the folder move (their new names may be needed below).
4.  Objects are added, changed and brought back: only such as name bytes that arrived.
5.  Bytes come into the folder.
6.  Files go to the trash, objects are deleted: last, when everything that was to be kept is safe.

Whatever fails by itself is reported by itself. An unreachable server ends the run after what is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from syncd.applier.adding import Adding
from syncd.applier.files import FileChanges
from syncd.applier.ledger import Ledger
from syncd.applier.remains import Remains
from syncd.applier.transfers import Transfers
from syncd.applier.web import WebChanges
from syncd.model import Checksum
from syncd.model.plan import (
    Action,
    DeleteObject,
    Done,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
)
from syncd.ports import Phase, Progress

_Kind = TypeVar("_Kind")


class Applier:
    """Carries out plans."""

    def __init__(
        self,
        *,
        files: FileChanges,
        transfers: Transfers,
        web: WebChanges,
        ledger: Ledger,
        progress: Progress,
        sizes: Mapping[Checksum, int],
        remains: Remains,
    ) -> None:
        self._files = files
        self._transfers = transfers
        self._web = web
        self._ledger = ledger
        self._progress = progress
        self._sizes = sizes
        self._remains = remains

    def apply(self, actions: Sequence[Action]) -> None:
        """Carry out the actions of one plan; results are in the ledger.

        Raises:
            ServerError: when a server is unreachable or refuses us as a whole; what was done is recorded.
        """
        todo: list[Action] = []
        failed: list[Action] = []
        for action in actions:
            (failed if self._ledger.has_failed(action) else todo).append(action)
        try:
            self._in_order(todo, failed)
        finally:
            self._ledger.flush()
        if self._ledger.fatal is not None:
            raise self._ledger.fatal

    def _in_order(self, todo: Sequence[Action], failed: Sequence[Action]) -> None:
        """Carry out `todo`. What rests on an action that failed in an earlier pass is not done either."""
        self._record(todo)
        adding = Adding(self._web, todo)
        missing = self._upload(_only(Upload, todo), _only(Upload, failed), adding)
        lost = {action.object.handle for action in _only(KeepLoser, failed)}
        lost |= self._keep_losers(_only(KeepLoser, todo))
        self._files.move(_only(MoveFile, todo))
        self._change_objects(todo, missing, lost, adding)
        self._fetch(_only(Fetch, todo), missing)
        self._remove(todo)

    def _record(self, todo: Sequence[Action]) -> None:
        for record in _only(Record, todo):
            link = record.link
            done = (
                [Done("linked", str(link.path), link.handle, link.checksum, None, record.why)]
                if record.new
                else []
            )
            self._ledger.note(*done, links=[link])
        for forget in _only(Forget, todo):
            self._ledger.note(dropped=[forget.link.handle])
        self._ledger.flush()

    def _upload(self, uploads: Sequence[Upload], failed: Sequence[Upload], adding: Adding) -> set[Checksum]:
        """Returns the checksums that the bucket lacks: no object may name them yet."""
        missing = {action.file.checksum for action in failed}
        if uploads:
            self._progress.phase(
                Phase("Sending files", len(uploads), sum(action.file.size for action in uploads))
            )
            missing -= {action.file.checksum for action in uploads}  # another file has the same bytes
            missing |= self._transfers.upload(uploads, adding)
            self._ledger.flush()
        return missing

    def _keep_losers(self, losers: Sequence[KeepLoser]) -> set[str]:
        """Returns the handles whose losing bytes could not be kept: their object is not changed then."""
        return {action.object.handle for action in losers if not self._transfers.keep_loser(action)}

    def _change_objects(
        self, todo: Sequence[Action], missing: set[Checksum], lost: set[str], adding: Adding
    ) -> None:
        adds = [action for action in adding.left if action.file.checksum not in missing]
        updates = [
            action
            for action in _only(UpdateObject, todo)
            if action.checksum not in missing and action.expected.handle not in lost
        ]
        restores = [action for action in _only(RestoreObject, todo) if action.file.checksum not in missing]
        if adds or updates or restores:
            self._progress.phase(Phase("Telling Gramps Web", len(adds) + len(updates) + len(restores)))
        self._web.add(adds)
        self._web.update(updates)
        for action in restores:
            self._web.restore(action)
        self._ledger.flush()

    def _fetch(self, fetches: Sequence[Fetch], missing: set[Checksum]) -> None:
        safe = [
            action for action in fetches if action.replaces is None or action.replaces.checksum not in missing
        ]
        if safe and self._ledger.fatal is None:
            size = sum(self._sizes.get(action.checksum, 0) for action in safe)
            self._progress.phase(Phase("Fetching files", len(safe), size))
            self._transfers.fetch(safe)
            self._ledger.flush()

    def _remove(self, todo: Sequence[Action]) -> None:
        trashes, deletions = _only(TrashFile, todo), _only(DeleteObject, todo)
        if trashes or deletions:
            self._progress.phase(Phase("Removing", len(trashes) + len(deletions)))
        for trash in trashes:
            self._files.trash(trash)
        lost = self._remains.lost({deletion.link.checksum for deletion in deletions})
        for deletion in deletions:
            self._web.delete(deletion, is_lost=deletion.link.checksum in lost)


def _only(kind: type[_Kind], actions: Iterable[Action]) -> list[_Kind]:
    return [action for action in actions if isinstance(action, kind)]
